/* guest: vcpus=1 memory=64M */
/*
 * Timers: by SBI and, where the machine has Sstc, by stimecmp; polled, taken in S and U, and
 * after wfi.
 */
#include "lib/guest.h"

static bool pending(void)
{
	return csr_read(sip) & BIT(IRQ_STI);
}

static u64 ms(u64 n)
{
	return n * timer_frequency() / 1000;
}

/* Sets a deadline with whichever means is under test. */
static void (*set)(u64 deadline);
static volatile u64 taken;
static u64 late_early; /* interrupts that came before their deadline */
static u64 deadline;

static void timer_irq(struct frame *f unused)
{
	taken++;
	if (time_read() < deadline)
		late_early++;
	set(~0ul);
}

static void arm(u64 ticks)
{
	deadline = time_read() + ticks;
	set(deadline);
}

static bool taken_within(u64 count, u64 ticks)
{
	u64 end = time_read() + ticks;

	while (taken < count && time_read() < end)
		;
	return taken == count;
}

static void time_start(void)
{
	u64 last = time_read();
	bool forward = true;

	check("time is below 2^32 ticks at the start", last < 1ul << 32);
	for (u64 i = 0; i < 10000; i++) {
		u64 now = time_read();
		forward &= now >= last;
		last = now;
	}
	check("time never goes back", forward);
}

static void named(const char *how, const char *what, bool ok)
{
	char name[80], *to = name;

	for (; *how; how++)
		*to++ = *how;
	for (; *what; what++)
		*to++ = *what;
	*to = 0;
	check(name, ok);
}

static void polled(const char *how)
{
	set(0);
	named(how, ": a deadline in the past pends at once", pending());
	set(~0ul);
	named(how, ": the farthest deadline clears", !pending());
	set(time_read() + ms(50));
	named(how, ": not pending early", !pending());
	u64 end = time_read() + ms(10000);
	while (!pending() && time_read() < end)
		;
	named(how, ": pends", pending());
	set(time_read() + ms(3600000));
	named(how, ": a later deadline clears", !pending());
	set(time_read() + ms(2));
	set(~0ul);
	end = time_read() + ms(10);
	while (time_read() < end)
		;
	named(how, ": a cleared timer stays silent", !pending());
	csr_clear(sip, BIT(IRQ_STI));
	set(0);
	csr_clear(sip, BIT(IRQ_STI));
	named(how, ": STIP is not writable", pending());
	set(~0ul);
}

static void interrupts(const char *how)
{
	taken = 0;
	late_early = 0;
	csr_write(sie, BIT(IRQ_STI));
	arm(ms(1));
	named(how, ": masked by SIE", !taken_within(1, ms(5)));
	irq_enable();
	named(how, ": taken when SIE is set", taken_within(1, ms(10000)));
	for (u64 n = 2; n <= 100; n++) {
		arm(ms(1) / 10);
		if (!taken_within(n, ms(10000)))
			break;
	}
	named(how, ": 100 interrupts", taken == 100);
	named(how, ": none came early", late_early == 0);
	irq_disable();
}

static void waits(const char *how)
{
	u64 start = time_read();

	taken = 0;
	arm(ms(20));
	while (!pending())
		wfi();
	named(how, ": wfi with SIE 0 wakes, nothing is taken", !taken &&
	      time_read() >= start + ms(20));
	irq_enable();
	irq_disable();
	for (u64 n = 2; n <= 200; n++) {
		arm(ms(1) / 4);
		while (taken < n) {
			wfi();
			irq_enable();
			irq_disable();
		}
	}
	named(how, ": 200 wake-ups from wfi", taken == 200);
	arm(0);
	wfi();
	named(how, ": wfi beyond the deadline does not wait", pending());
	set(~0ul);
}

asm(".text\n.balign 4\nuser_loop: addi a0, a0, 1\n\tj user_loop");
extern const u8 user_loop[];

static void timer_irq_leave(struct frame *f)
{
	timer_irq(f);
	if (!(f->sstatus & SSTATUS_SPP))
		hart_self()->leave_user = true;
}

static void from_user(const char *how)
{
	taken = 0;
	irq_handlers[IRQ_STI] = timer_irq_leave;
	for (u64 i = 0; i < 20; i++) {
		arm(ms(1));
		user_run(user_loop, 0);
	}
	irq_handlers[IRQ_STI] = timer_irq;
	named(how, ": interrupts U-mode, with SIE 0 too", taken == 20);
}

/* stvec's vectored mode sends the interrupt to base + 4 * cause. */
asm(".text\n.balign 256\nvectors: j vectors\n.rept 4\n\t.balign 4\n\tj .\n\t.balign 4\n.endr\n\t"
    ".balign 4\n\tj trap_vector\n\t.rept 16\n\t.balign 4\n\tj .\n\t.balign 4\n.endr");
extern const u8 vectors[];

static void vectored(const char *how)
{
	taken = 0;
	csr_write(stvec, (u64)vectors | 1);
	arm(0);
	irq_enable();
	bool ok = taken_within(1, ms(10000));
	irq_disable();
	csr_write(stvec, trap_vector);
	named(how, ": vectored", ok);
}

static void all(const char *how, void (*by)(u64))
{
	set = by;
	irq_handlers[IRQ_STI] = timer_irq;
	polled(how);
	interrupts(how);
	waits(how);
	from_user(how);
	vectored(how);
	csr_write(sie, 0);
}

void guest_main(void)
{
	u64 value;
	bool sstc = isa_has("sstc");

	time_start();
	check("stimecmp is there if and only if the device tree says so",
	      sstc == (try_csr_read(CSR_STIMECMP, &value) == TRAP_NONE));
	all("sbi", timer_set);
	all("stimecmp", sstc ? timer_set_direct : timer_set);
	check_report();
}
