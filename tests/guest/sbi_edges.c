/* guest: vcpus=2 memory=64M */
/*
 * Corners of the SBI that are easily forgotten: fences over ranges at the very end of the
 * address space, the legacy clear_ipi, and interrupts that end a non-retentive suspension, which
 * the hart that resumes must still find pending.
 */
#include "lib/guest.h"

enum { LEGACY_CLEAR_IPI = 3 };
#define SUSPEND_NON_RETENTIVE 0x80000000ul

static volatile u64 resumed_sip, resumed;

/* -- Fences ----------------------------------------------------------------------------- */

/* From each byte of interest near the end, to the last byte, one before it, and around it. */
static void fence_ranges(u64 fn, u64 mask)
{
	const u64 starts[] = { -0x2000ul, -0x1001ul, -0x1000ul, -0xffful, -1ul, 0x1000, 1 };

	for (u64 i = 0; i < ARRAY_SIZE(starts); i++)
		for (u64 d = 0; d < 3; d++) {
			u64 size = -starts[i] - 1 + d;

			if (starts[i] < -0x2000ul)
				size = 0x1000 + d - 1;
			sbi_call(SBI_RFENCE, fn, mask, 0, starts[i], size, 1);
		}
}

static void idle(u64 arg unused)
{
	csr_write(sie, BIT(IRQ_SSI));
	while (!(csr_read(sip) & BIT(IRQ_SSI)))
		;
	csr_clear(sip, BIT(IRQ_SSI));
}

static void fences(u64 other)
{
	fence_ranges(RFENCE_SFENCE_VMA, 1ul << boot_hart);
	check("fences up to the last byte, of this hart", true);
	fence_ranges(RFENCE_SFENCE_VMA_ASID, 1ul << boot_hart);
	check("fences of an address space up to the last byte, of this hart", true);
	hart_run(other, idle, 0);
	hart_wait(other, HSM_STARTED);
	fence_ranges(RFENCE_SFENCE_VMA, 3);
	fence_ranges(RFENCE_SFENCE_VMA_ASID, 3);
	check("fences up to the last byte, of both", true);
	sbi_call(SBI_IPI, 0, 1, other);
	check("the other hart goes on", hart_wait(other, HSM_STOPPED));
}

/* -- IPIs ------------------------------------------------------------------------------- */

static void clear_ipi(void)
{
	u64 end = time_read() + timer_frequency();

	sbi_call(SBI_IPI, 0, 1, boot_hart);
	while (!(csr_read(sip) & BIT(IRQ_SSI)) && time_read() < end)
		;
	check("an IPI to itself pends", csr_read(sip) & BIT(IRQ_SSI));
	sbi_call(LEGACY_CLEAR_IPI, 0);
	check("legacy clear_ipi clears it", !(csr_read(sip) & BIT(IRQ_SSI)));
}

/* -- Suspension ------------------------------------------------------------------------- */

static void wake_up(u64 arg unused)
{
	resumed_sip = csr_read(sip);
	resumed = 1;
	csr_clear(sip, BIT(IRQ_SSI));
	timer_set(~0ul);
}

/* Begins anew in wake_up() when it resumes. */
static void sleep(u64 irq)
{
	hart_self()->entry = wake_up;
	csr_write(sie, BIT(irq));
	if (irq == IRQ_STI)
		timer_set(time_read() + timer_frequency() / 5);
	sbi_call(SBI_HSM, HSM_SUSPEND, SUSPEND_NON_RETENTIVE, start_secondary, 0);
}

static void suspend(u64 other, u64 irq, const char *name)
{
	u64 end = time_read() + 5 * timer_frequency();

	resumed = resumed_sip = 0;
	hart_run(other, sleep, irq);
	hart_wait(other, HSM_SUSPENDED);
	if (irq == IRQ_SSI)
		sbi_call(SBI_IPI, 0, 1, other);
	while (!resumed && time_read() < end)
		;
	check(name, resumed_sip & BIT(irq));
	hart_wait(other, HSM_STOPPED);
}

void guest_main(void)
{
	u64 other = 1 - boot_hart;

	fences(other);
	clear_ipi();
	suspend(other, IRQ_SSI, "an IPI that ended a suspension is still pending");
	suspend(other, IRQ_STI, "a timer that ended a suspension is still pending");
	check_report();
}
