/* guest: vcpus=1 memory=64M */
/* WFI: with interrupts pending, masked or from U-mode, anywhere in a page, and very often. */
#include "lib/guest.h"

enum { WFI = 0x10500073, ECALL = 0x00000073, JR_T2 = 0x00038067 };

INSN(call, "jalr t2, a0");

static void (*set)(u64 deadline);
static volatile u64 taken;
static bool kvm; /* which lets U-mode wait at a wfi */

static void timer_irq(struct frame *f unused)
{
	taken++;
	set(~0ul);
}

static u64 ms(u64 n)
{
	return n * timer_frequency() / 1000;
}

/*
 * A pending interrupt enabled in sie ends wfi whatever sstatus.SIE says; it may end for no
 * reason.
 */
static void pending_masked(void)
{
	csr_write(sie, BIT(IRQ_SSI));
	csr_set(sip, BIT(IRQ_SSI));
	for (u64 i = 0; i < 1000; i++)
		wfi();
	check("wfi with a masked interrupt pending goes on", true);
	csr_clear(sip, BIT(IRQ_SSI));
	csr_write(sie, BIT(IRQ_STI));
	set(time_read() + ms(10));
	while (!(csr_read(sip) & BIT(IRQ_STI)))
		wfi();
	check("wfi is ended by a masked timer", taken == 0);
	set(~0ul);
}

/* wfi that ends a page, and wfi that starts the next; each with a timer to end it. */
static void page_end(void)
{
	u32 *pages = page_get();
	u32 *next = page_get();
	u32 *last = pages + 1023;

	check("two pages in a row", next == pages + 1024);
	last[0] = WFI;
	next[0] = JR_T2;
	fence_i();
	csr_write(sie, BIT(IRQ_STI));
	set(time_read() + ms(5));
	check_equal("wfi as the last instruction of a page", try_insn(call, (u64)last, 0),
		    TRAP_NONE);
	last[0] = 0x00000013;
	next[0] = WFI;
	next[1] = JR_T2;
	fence_i();
	set(time_read() + ms(5));
	check_equal("wfi as the first instruction of a page", try_insn(call, (u64)last, 0),
		    TRAP_NONE);
	set(~0ul);
	last[0] = WFI;
	next[0] = JR_T2;
	fence_i();
	for (u64 i = 0; i < 20; i++) {
		set(time_read() + ms(1));
		try_insn(call, (u64)last, 0);
		irq_enable();
		irq_disable();
	}
	check_equal("20 interrupts after wfi at the end of a page", taken, 20);
	if (kvm)
		return;
	last[0] = WFI;
	next[0] = ECALL;
	fence_i();
	check_equal("u-mode wfi as the last instruction of a page", user_run(last, 0),
		    TRAP_ILLEGAL);
	/*
	 * QEMU names an address one page on when such a wfi traps. Running bare,
	 	that cannot be corrected
	 * below the guest.
	 */
	check("u-mode wfi at the end of a page: sepc", hart_self()->trap.epc == (u64)last);
}

static void from_user(void)
{
	for (u64 i = 0; i < 50; i++)
		if (try_user(WFI, 0) != TRAP_ILLEGAL)
			check_equal("u-mode wfi", i, 50);
	check("u-mode wfi is illegal, 50 times", hart_self()->trap.cause == TRAP_ILLEGAL);
	csr_write(sie, BIT(IRQ_STI));
	set(0);
	taken = 0;
	/* The pending timer is taken before the first instruction of U-mode. */
	check_equal("u-mode wfi with an interrupt pending", try_user(WFI, 0), TRAP_ILLEGAL);
	check_equal("u-mode wfi: the interrupt was taken", taken, 1);
}

/*
 * SIE is 0 between the test and wfi: an interrupt taken there would leave nothing to wake up
 * for.
 */
static void often(void)
{
	taken = 0;
	for (u64 i = 1; i <= 2000; i++) {
		set(time_read() + ms(1) / 10);
		while (taken < i) {
			wfi();
			irq_enable();
			irq_disable();
		}
	}
	check_equal("2000 wake-ups", taken, 2000);
}

/* An interrupt that comes between the test of the condition and wfi must still end it. */
static void no_lost_wakeups(void)
{
	taken = 0;
	for (u64 i = 1; i <= 1000; i++) {
		set(time_read() + i % 50);
		wfi();
		irq_enable();
		while (taken < i)
			;
		irq_disable();
	}
	check_equal("1000 wake-ups around the deadline", taken, 1000);
}

void guest_main(void)
{
	set = timer_set;
	kvm = bootarg_number("kvm", 0);
	irq_handlers[IRQ_STI] = timer_irq;
	pending_masked();
	page_end();
	if (!kvm)
		from_user();
	often();
	no_lost_wakeups();
	check_report();
}
