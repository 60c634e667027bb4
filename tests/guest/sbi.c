/* guest: vcpus=2 memory=64M */
/*
 * Conformance with the Supervisor Binary Interface 2.0, extension by extension. What the
 * platform may choose is accepted either way; what firmware known to differ answers stands in
 * sbi.native-skip.
 */
#include "lib/guest.h"

static u64 self, other;
static const u64 ABSENT = 40; /* no such hart */
static const u64 ABSENT_MASK = BIT(40);

/* An error, and a1 0: nothing of the machine below may leak there. */
static void expect(const char *name, struct sbiret r, s64 error)
{
	if (r.error == error && r.value)
		check_equal(name, (u64)r.value, 0);
	else
		check_equal(name, (u64)r.error, (u64)error);
}

static void base_values(void)
{
	struct sbiret r = sbi_call(SBI_BASE, BASE_SPEC_VERSION);

	check("base spec version succeeds", r.error == SBI_SUCCESS);
	check("base spec version is 2.0 or later", r.value >= 0x2000000 && r.value < 0x80000000);
	check("base impl id", sbi_call(SBI_BASE, BASE_IMPL_ID).error == SBI_SUCCESS);
	check("base impl version", sbi_call(SBI_BASE, BASE_IMPL_VERSION).error == SBI_SUCCESS);
	check("base mvendorid", sbi_call(SBI_BASE, BASE_MVENDORID).error == SBI_SUCCESS);
	check("base marchid", sbi_call(SBI_BASE, BASE_MARCHID).error == SBI_SUCCESS);
	check("base mimpid", sbi_call(SBI_BASE, BASE_MIMPID).error == SBI_SUCCESS);
	expect("base function 7", sbi_call(SBI_BASE, 7), SBI_ERR_NOT_SUPPORTED);
	expect("base function -1", sbi_call(SBI_BASE, -1), SBI_ERR_NOT_SUPPORTED);
}

static bool probe(u64 ext)
{
	struct sbiret r = sbi_call(SBI_BASE, BASE_PROBE, ext);

	return r.error == SBI_SUCCESS && r.value;
}

static void base_probe(void)
{
	check("probe base", probe(SBI_BASE));
	check("probe time", probe(SBI_TIME));
	check("probe ipi", probe(SBI_IPI));
	check("probe rfence", probe(SBI_RFENCE));
	check("probe hsm", probe(SBI_HSM));
	check("probe srst", probe(SBI_SRST));
	check("probe dbcn", probe(SBI_DBCN));
	check("probe legacy putchar", probe(SBI_LEGACY_PUTCHAR));
	check("probe legacy getchar", probe(SBI_LEGACY_GETCHAR));
	expect("probe an absent extension", sbi_call(SBI_BASE, BASE_PROBE, 0x12345678),
	       SBI_SUCCESS);
	expect("probe extension -1", sbi_call(SBI_BASE, BASE_PROBE, -1), SBI_SUCCESS);
	expect("call an absent extension", sbi_call(0x12345678, 0), SBI_ERR_NOT_SUPPORTED);
	expect("call an experimental extension", sbi_call(0x08000000, 0, 1, 2),
	       SBI_ERR_NOT_SUPPORTED);
	expect("call extension -1", sbi_call(-1, 0), SBI_ERR_NOT_SUPPORTED);
}

/*
 * All registers but a0 and a1 are kept (section 3): the result is the bits of those that were
 * not.
 */
INSN(call_base,
	"addi sp, sp, -96\n\t"
	".irp n,0,1,2,3,4,5,6,7,8,9,10,11\n\tsd s\\n, (\\n * 8)(sp)\n\t.endr\n\t"
	".irp n,5,6,7,8,9,10,11,12,13,14,15,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n\t"
	"li x\\n, \\n * 32 + 5\n\t.endr\n\t"
	"li a6, 0\n\tli a7, 0x10\n\tecall\n\tli a0, 0\n\t"
	".irp n,5,6,7,8,9,12,13,14,15,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n\t"
	"addi x\\n, x\\n, -(\\n * 32 + 5)\n\tor a0, a0, x\\n\n\t.endr\n\t"
	"addi a7, a7, -0x10\n\tor a0, a0, a6\n\tor a0, a0, a7\n\t"
	".irp n,0,1,2,3,4,5,6,7,8,9,10,11\n\tld s\\n, (\\n * 8)(sp)\n\t.endr\n\t"
	"addi sp, sp, 96");

static bool timer_pending(void)
{
	return csr_read(sip) & BIT(IRQ_STI);
}

static void time_calls(void)
{
	expect("time set_timer(0)", sbi_call(SBI_TIME, 0, 0), SBI_SUCCESS);
	check("time set_timer(0) pends at once", timer_pending());
	expect("time set_timer(-1)", sbi_call(SBI_TIME, 0, -1), SBI_SUCCESS);
	check("time set_timer(-1) clears", !timer_pending());
	timer_set(time_read() + timer_frequency() / 1000);
	for (u64 i = 0; i < 100000000 && !timer_pending(); i++)
		;
	check("time a deadline of 1 ms pends", timer_pending());
	timer_set(time_read() + 3600 * timer_frequency());
	check("time a later deadline clears", !timer_pending());
	timer_set(~0ul);
	expect("time function 1", sbi_call(SBI_TIME, 1, 0), SBI_ERR_NOT_SUPPORTED);
	check("time function 1 set nothing", !timer_pending());
}

static bool ipi_pending(void)
{
	for (u64 i = 0; i < 1000000; i++)
		if (csr_read(sip) & BIT(IRQ_SSI))
			return true;
	return false;
}

static void ipi_expect(const char *name, const char *pends, u64 mask, u64 base)
{
	csr_clear(sip, BIT(IRQ_SSI));
	expect(name, sbi_call(SBI_IPI, 0, mask, base), SBI_SUCCESS);
	check(pends, ipi_pending());
	csr_clear(sip, BIT(IRQ_SSI));
}

static void ipi_calls(void)
{
	ipi_expect("ipi to self", "ipi to self pends", 1, self);
	ipi_expect("ipi to self by mask", "ipi to self by mask pends", BIT(self), 0);
	ipi_expect("ipi to all by base -1", "ipi to all pends here", 0, ~0ul);
	check("ipi SSIP clears by sip", !(csr_read(sip) & BIT(IRQ_SSI)));
	expect("ipi empty mask", sbi_call(SBI_IPI, 0, 0, 0), SBI_SUCCESS);
	check("ipi empty mask sends nothing", !(csr_read(sip) & BIT(IRQ_SSI)));
	expect("ipi to a stopped hart", sbi_call(SBI_IPI, 0, 1, other), SBI_SUCCESS);
	expect("ipi to an absent hart", sbi_call(SBI_IPI, 0, ABSENT_MASK, 0),
	       SBI_ERR_INVALID_PARAM);
	expect("ipi to an absent base", sbi_call(SBI_IPI, 0, 1, ABSENT), SBI_ERR_INVALID_PARAM);
	expect("ipi to a base near -1", sbi_call(SBI_IPI, 0, 6, -2), SBI_ERR_INVALID_PARAM);
	csr_clear(sip, BIT(IRQ_SSI));
	expect("ipi function 1", sbi_call(SBI_IPI, 1, 1, self), SBI_ERR_NOT_SUPPORTED);
}

static void rfence_calls(void)
{
	expect("rfence fence.i to self", sbi_call(SBI_RFENCE, 0, 1, self), SBI_SUCCESS);
	expect("rfence fence.i to all", sbi_call(SBI_RFENCE, 0, 0, -1), SBI_SUCCESS);
	expect("rfence fence.i to nobody", sbi_call(SBI_RFENCE, 0, 0, 0), SBI_SUCCESS);
	expect("rfence sfence.vma all", sbi_call(SBI_RFENCE, 1, 1, self, 0, -1), SBI_SUCCESS);
	expect("rfence sfence.vma 0, 0", sbi_call(SBI_RFENCE, 1, 1, self, 0, 0), SBI_SUCCESS);
	expect("rfence sfence.vma a page", sbi_call(SBI_RFENCE, 1, 0, -1, RAM_BASE, 4096),
	       SBI_SUCCESS);
	expect("rfence sfence.vma 1 GiB", sbi_call(SBI_RFENCE, 1, 0, -1, 0, GIB), SBI_SUCCESS);
	expect("rfence sfence.vma odd", sbi_call(SBI_RFENCE, 1, 1, self, 0x123, 7), SBI_SUCCESS);
	expect("rfence sfence.vma asid", sbi_call(SBI_RFENCE, 2, 0, -1, 0, -1, 1), SBI_SUCCESS);
	expect("rfence sfence.vma asid 0xffff", sbi_call(SBI_RFENCE, 2, 1, self, 0, -1, 0xffff),
	       SBI_SUCCESS);
	expect("rfence fence.i absent", sbi_call(SBI_RFENCE, 0, ABSENT_MASK, 0),
	       SBI_ERR_INVALID_PARAM);
	expect("rfence sfence.vma absent", sbi_call(SBI_RFENCE, 1, 1, ABSENT, 0, -1),
	       SBI_ERR_INVALID_PARAM);
	expect("rfence asid absent", sbi_call(SBI_RFENCE, 2, 1, ABSENT, 0, -1, 1),
	       SBI_ERR_INVALID_PARAM);
	for (u64 fn = 3; fn <= 6; fn++)
		if (sbi_call(SBI_RFENCE, fn, 1, self, 0, -1).error != SBI_ERR_NOT_SUPPORTED &&
		    !isa_has("h"))
			check_equal("rfence hfence calls", fn, 0);
	expect("rfence function 7", sbi_call(SBI_RFENCE, 7, 1, self), SBI_ERR_NOT_SUPPORTED);
}

/* -- HSM -------------------------------------------------------------------------------- */

enum { OPAQUE = 0x123456789abcdef, OPAQUE2 = 0x7edcba987654321 };
static volatile u64 step, go;

static bool step_wait(u64 n)
{
	u64 end = time_read() + 10 * timer_frequency();

	while (step != n && time_read() < end)
		;
	return step == n;
}

static void other_spin(u64 arg unused)
{
	step = 1;
	while (!go)
		;
}

static void hsm_start_stop(void)
{
	struct sbiret r = sbi_call(SBI_HSM, HSM_STATUS, self);

	check("hsm status of self is started", r.error == SBI_SUCCESS && r.value == HSM_STARTED);
	check("hsm status of the other is stopped", hart_wait(other, HSM_STOPPED));
	expect("hsm status of an absent hart", sbi_call(SBI_HSM, HSM_STATUS, ABSENT),
	       SBI_ERR_INVALID_PARAM);
	expect("hsm status of hart -1", sbi_call(SBI_HSM, HSM_STATUS, -1), SBI_ERR_INVALID_PARAM);
	expect("hsm start self", sbi_call(SBI_HSM, HSM_START, self, start_secondary),
	       SBI_ERR_ALREADY_AVAILABLE);
	expect("hsm start an absent hart", sbi_call(SBI_HSM, HSM_START, ABSENT, start_secondary),
	       SBI_ERR_INVALID_PARAM);
	if (!bootarg_number("kvm", 0)) /* which starts it there */
		expect("hsm start at a device", sbi_call(SBI_HSM, HSM_START, other, UART_BASE),
		       SBI_ERR_INVALID_ADDRESS);
	check("hsm start", hart_run(other, other_spin, OPAQUE) == SBI_SUCCESS && step_wait(1));
	check("hsm start passes the hart id", harts[other].start_a0 == other);
	check("hsm start passes the opaque value", harts[other].start_a1 == OPAQUE);
	check("hsm start with SIE 0", !(harts[other].start_sstatus & SSTATUS_SIE));
	check("hsm start with satp 0", !harts[other].start_satp);
	check("hsm status is started", hart_wait(other, HSM_STARTED));
	expect("hsm start again", sbi_call(SBI_HSM, HSM_START, other, start_secondary),
	       SBI_ERR_ALREADY_AVAILABLE);
	go = 1;
	check("hsm stop", hart_wait(other, HSM_STOPPED));
	expect("hsm function 4", sbi_call(SBI_HSM, 4), SBI_ERR_NOT_SUPPORTED);
}

static void hsm_suspend_self(void)
{
	csr_write(sie, BIT(IRQ_STI));
	timer_set(time_read() + timer_frequency() / 100);
	expect("hsm suspend, retentive, until the timer", sbi_call(SBI_HSM, HSM_SUSPEND, 0),
	       SBI_SUCCESS);
	/* QEMU raises STIP by a timer of its own, some microseconds after the deadline. */
	u64 late = time_read() + timer_frequency() / 100;

	while (!timer_pending() && time_read() < late)
		;
	check("hsm suspend woke with the timer pending", timer_pending());
	expect("hsm suspend with an interrupt pending", sbi_call(SBI_HSM, HSM_SUSPEND, 0),
	       SBI_SUCCESS);
	expect("hsm suspend type above 31 bits is cut", sbi_call(SBI_HSM, HSM_SUSPEND, BIT(32)),
	       SBI_SUCCESS);
	timer_set(~0ul);
	csr_write(sie, 0);
	expect("hsm suspend type 1", sbi_call(SBI_HSM, HSM_SUSPEND, 1), SBI_ERR_INVALID_PARAM);
	expect("hsm suspend type 0x0fffffff", sbi_call(SBI_HSM, HSM_SUSPEND, 0x0fffffff),
	       SBI_ERR_INVALID_PARAM);
	expect("hsm suspend type 0x10000000", sbi_call(SBI_HSM, HSM_SUSPEND, 0x10000000),
	       SBI_ERR_INVALID_PARAM);
	expect("hsm suspend type 0x80000001", sbi_call(SBI_HSM, HSM_SUSPEND, 0x80000001),
	       SBI_ERR_INVALID_PARAM);
	expect("hsm suspend type 0xffffffff", sbi_call(SBI_HSM, HSM_SUSPEND, 0xffffffff),
	       SBI_ERR_INVALID_PARAM);
	expect("hsm suspend to resume at a device",
	       sbi_call(SBI_HSM, HSM_SUSPEND, 0x80000000, UART_BASE),
	       SBI_ERR_INVALID_ADDRESS);
}

static void other_resumed(u64 arg unused)
{
	step = 4;
}

/* One sleep that keeps its state, one that does not; each ended by an IPI. */
static void other_suspend(u64 arg unused)
{
	csr_write(sie, BIT(IRQ_SSI));
	step = 2;
	sbi_call(SBI_HSM, HSM_SUSPEND, 0);
	csr_clear(sip, BIT(IRQ_SSI));
	hart_self()->entry = other_resumed;
	step = 3;
	sbi_call(SBI_HSM, HSM_SUSPEND, 0x80000000, start_secondary, OPAQUE2);
	step = 99;
}

static void hsm_suspend_other(void)
{
	check("hsm start to suspend", hart_run(other, other_suspend, 0) == SBI_SUCCESS &&
	      step_wait(2));
	check("hsm status is suspended", hart_wait(other, HSM_SUSPENDED));
	check("hsm start of a suspended hart is refused",
	      sbi_call(SBI_HSM, HSM_START, other, start_secondary).error != SBI_SUCCESS);
	sbi_call(SBI_IPI, 0, 1, other);
	check("hsm retentive suspend ends by an ipi", step_wait(3));
	check("hsm status is suspended again", hart_wait(other, HSM_SUSPENDED));
	sbi_call(SBI_IPI, 0, 1, other);
	check("hsm non-retentive suspend resumes", step_wait(4));
	check("hsm resume passes the hart id", harts[other].start_a0 == other);
	check("hsm resume passes the opaque value", harts[other].start_a1 == OPAQUE2);
	check("hsm resume with SIE 0 and satp 0",
	      !(harts[other].start_sstatus & SSTATUS_SIE) && !harts[other].start_satp);
	check("hsm resumed hart stops", hart_wait(other, HSM_STOPPED));
}

/* -- SRST, consoles --------------------------------------------------------------------- */

static void srst_calls(void)
{
	expect("srst type 3", sbi_call(SBI_SRST, 0, 3, 0), SBI_ERR_INVALID_PARAM);
	expect("srst type 0xefffffff", sbi_call(SBI_SRST, 0, 0xefffffff, 0), SBI_ERR_INVALID_PARAM);
	expect("srst type 0xf0000000", sbi_call(SBI_SRST, 0, 0xf0000000, 0), SBI_ERR_INVALID_PARAM);
	if (bootarg_number("kvm", 0))
		return; /* it takes any reason, and there we end */
	expect("srst reason 2", sbi_call(SBI_SRST, 0, 0, 2), SBI_ERR_INVALID_PARAM);
	expect("srst reason 0xdfffffff", sbi_call(SBI_SRST, 0, 0, 0xdfffffff),
	       SBI_ERR_INVALID_PARAM);
	expect("srst reason 0xe0000000", sbi_call(SBI_SRST, 0, 0, 0xe0000000),
	       SBI_ERR_INVALID_PARAM);
	expect("srst function 1", sbi_call(SBI_SRST, 1, 0, 0), SBI_ERR_NOT_SUPPORTED);
}

static char text[] = "<written by dbcn>";

static void dbcn_write(void)
{
	u64 done = 0, calls = 0, want = sizeof(text) - 1;
	struct sbiret r = { 0 };

	uart_flush();
	for (; done < want && calls < 1000 && r.error == SBI_SUCCESS; calls++) {
		r = sbi_call(SBI_DBCN, DBCN_WRITE, want - done, text + done, 0);
		done += (u64)r.value;
	}
	uart_puts("\n");
	check("dbcn write", r.error == SBI_SUCCESS && done == want);
	expect("dbcn write of nothing", sbi_call(SBI_DBCN, DBCN_WRITE, 0, text, 0), SBI_SUCCESS);
	uart_flush();
	r = sbi_call(SBI_DBCN, DBCN_WRITE_BYTE, 0xabcdef00 | 'B');
	uart_puts("\n");
	expect("dbcn write_byte takes 8 bits", r, SBI_SUCCESS);
}

/* Firmware below may not know where RAM ends, so some checks are for virtual machines only. */
static void dbcn_errors(void)
{
	u64 end = RAM_BASE + ram_size();

	expect("dbcn write from a device", sbi_call(SBI_DBCN, DBCN_WRITE, 16, UART_BASE, 0),
	       SBI_ERR_INVALID_PARAM);
	expect("dbcn write with a high word", sbi_call(SBI_DBCN, DBCN_WRITE, 16, text, 1),
	       SBI_ERR_INVALID_PARAM);
	expect("dbcn read to a device", sbi_call(SBI_DBCN, DBCN_READ, 16, UART_BASE, 0),
	       SBI_ERR_INVALID_PARAM);
	expect("dbcn read with a high word", sbi_call(SBI_DBCN, DBCN_READ, 16, text, 1),
	       SBI_ERR_INVALID_PARAM);
	expect("dbcn read without input", sbi_call(SBI_DBCN, DBCN_READ, 16, text, 0), SBI_SUCCESS);
	expect("dbcn function 3", sbi_call(SBI_DBCN, 3), SBI_ERR_NOT_SUPPORTED);
	if (bootarg_number("native", 0))
		return;
	if (sbi_call(SBI_DBCN, DBCN_WRITE, 16, end - 8, 0).error != SBI_ERR_INVALID_PARAM ||
	    sbi_call(SBI_DBCN, DBCN_WRITE, -1, text, 0).error != SBI_ERR_INVALID_PARAM ||
	    sbi_call(SBI_DBCN, DBCN_WRITE, 32, -16, 0).error != SBI_ERR_INVALID_PARAM ||
	    sbi_call(SBI_DBCN, DBCN_READ, 16, end - 8, 0).error != SBI_ERR_INVALID_PARAM ||
	    sbi_call(SBI_DBCN, DBCN_READ, 1, HOLE_BASE, 0).error != SBI_ERR_INVALID_PARAM)
		check("dbcn ranges beyond RAM", false);
}

/* Legacy calls return in a0 alone and keep every other register (section 5). */
static void legacy_calls(void)
{
	struct sbiret r;

	uart_flush();
	r = sbi_call(SBI_LEGACY_PUTCHAR, 0, 'L', OPAQUE);
	uart_puts("\n");
	check_equal("legacy putchar", (u64)r.error, 0);
	check_equal("legacy putchar keeps a1", (u64)r.value, OPAQUE);
	r = sbi_call(SBI_LEGACY_GETCHAR, 0, 0, OPAQUE);
	check_equal("legacy getchar without input", (u64)r.error, ~0ul);
	check_equal("legacy getchar keeps a1", (u64)r.value, OPAQUE);
}

void guest_main(void)
{
	self = boot_hart;
	other = self ? 0 : 1;
	base_values();
	base_probe();
	check_equal("registers are kept over a call", try_value(call_base, 0, 0), 0);
	time_calls();
	ipi_calls();
	rfence_calls();
	hsm_start_stop();
	hsm_suspend_self();
	hsm_suspend_other();
	srst_calls();
	dbcn_write();
	dbcn_errors();
	legacy_calls();
	check_report();
}
