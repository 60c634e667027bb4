/* guest: vcpus=1 memory=64M */
/*
 * What operations cost, in instructions, as the guest sees it. Meant for QEMU with -icount
 * shift=0,sleep=off, where one instruction takes 1 ns of the guest's time, so that the time
 * between two readings is what ran in between: here and in whoever runs this guest. Prints
 * `bench NAME INSTRUCTIONS`.
 */
#include "lib/guest.h"

enum { LOOPS = 1000, TIMERS = 100 };

static u64 self, tick; /* nanoseconds, hence instructions, in a tick of `time` */
static u64 empty; /* what the loop itself costs for LOOPS turns, in ticks */

static void op_nothing(void) { asm volatile("" ::: "memory"); }
static void op_sbi_base(void) { sbi_call(SBI_BASE, BASE_SPEC_VERSION); }
static void op_sbi_probe(void) { sbi_call(SBI_BASE, BASE_PROBE, SBI_HSM); }
static void op_set_timer(void) { sbi_call(SBI_TIME, 0, 1ul << 60); }
static void op_uart_read(void) { read8(UART_BASE + UART_SCR); }
static void op_uart_write(void) { write8(UART_BASE + UART_SCR, 1); }
static void op_plic_read(void) { read32(PLIC_BASE + 4 * UART_IRQ); }

static void op_rfence_self(void)
{
	sbi_call(SBI_RFENCE, RFENCE_SFENCE_VMA, 1, self, 0, -1);
}

static void op_rfence_i_self(void)
{
	sbi_call(SBI_RFENCE, RFENCE_FENCE_I, 1, self);
}

static volatile u64 ipis;

/*
 * In place of the runtime's handler: the operation is from the call to here, not the saving of
 * registers.
 */
asm(".text\n.balign 4\nipi_vector:\n\tcsrw sscratch, t0\n\tcsrci sip, 2\n\t"
    "ld t0, ipis\n\taddi t0, t0, 1\n\t"
    "sd t0, ipis, t1\n\tcsrr t0, sscratch\n\tsret");
extern const u8 ipi_vector[];

static void op_ipi_self(void)
{
	u64 before = ipis;

	sbi_call(SBI_IPI, 0, 1, self);
	while (ipis == before)
		;
}

static __attribute__((noipa)) u64 run(void (*op)(void))
{
	u64 start = time_read();

	for (u64 i = 0; i < LOOPS; i++)
		op();
	return time_read() - start;
}

static void bench(const char *name, void (*op)(void))
{
	op();
	u64 took = run(op);

	took = took > empty ? took - empty : 0;
	print("bench %s %lu\n", name, (took * tick + LOOPS / 2) / LOOPS);
}

/*
 * The store to a page of RAM that nobody has touched yet, with the loop around it: a page cannot be
 * touched first twice, so there is no run to warm up.
 */
static void bench_first_touch(void)
{
	u64 at = RAM_BASE + align_down(ram_size() / 2, 2 * MIB);
	u64 end = at + LOOPS * PAGE_SIZE, start = time_read();

	for (; at < end; at += PAGE_SIZE)
		*(volatile u64 *)at = 1;
	print("bench first_touch %lu\n", ((time_read() - start) * tick + LOOPS / 2) / LOOPS);
}

/*
 * Instructions since @deadline: whole ticks, and the part of the present one found by counting
 * turns of three instructions until the next. Means nothing if called before the deadline.
 */
static u64 past(u64 deadline)
{
	u64 now, next, turns = 0;

	asm volatile("rdtime %0\n1:\taddi %2, %2, 1\n\trdtime %1\n\tbeq %1, %0, 1b"
		     : "=&r"(now), "=&r"(next), "+r"(turns) :: "memory");
	u64 end = (next - deadline) * tick;
	return end > 3 * turns ? end - 3 * turns : 0;
}

static void bench_timer_after_wfi(void (*set)(u64), const char *name)
{
	u64 sum = 0, took;

	csr_write(sie, BIT(IRQ_STI));
	for (u64 i = 0; i < TIMERS; i++) {
		u64 deadline = time_read() + 1000;
		set(deadline);
		do {
			wfi();
			took = past(deadline);
		} while (!(csr_read(sip) & BIT(IRQ_STI)));
		sum += took;
	}
	set(~0ul);
	csr_write(sie, 0);
	print("bench %s %lu\n", name, (sum + TIMERS / 2) / TIMERS);
}

static void bench_ipi(void)
{
	csr_write(stvec, ipi_vector);
	csr_write(sie, BIT(IRQ_SSI));
	irq_enable();
	bench("ipi_self", op_ipi_self);
	irq_disable();
	csr_write(sie, 0);
	csr_write(sscratch, hart_self());
	csr_write(stvec, trap_vector);
}

void guest_main(void)
{
	self = boot_hart;
	tick = 1000000000 / timer_frequency();
	run(op_nothing);
	empty = run(op_nothing);
	print("bench loop %lu\n", (empty * tick + LOOPS / 2) / LOOPS);
	bench("sbi_base", op_sbi_base);
	bench("sbi_probe", op_sbi_probe);
	bench("set_timer", op_set_timer);
	timer_set(~0ul);
	bench("rfence_self", op_rfence_self);
	bench("rfence_i_self", op_rfence_i_self);
	bench_ipi();
	bench("uart_read", op_uart_read);
	bench("uart_write", op_uart_write);
	bench("plic_read", op_plic_read);
	bench_first_touch();
	if (isa_has("sstc"))
		bench_timer_after_wfi(timer_set_direct, "timer_after_wfi");
	bench_timer_after_wfi(timer_set, "timer_after_wfi_sbi");
	print("bench end\n");
}
