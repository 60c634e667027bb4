/*
 * Timer, interrupts between harts, and what is pending. Interrupts are never
 * taken in S-mode: they end a guest's turn or a wfi, and are looked for in sip.
 */
#include "host/bare/interrupt.h"

#include "host/bare/bare.h"
#include "host/bare/cpu.h"
#include "host/bare/percpu.h"
#include "host/bare/sbi_call.h"
#include "host/bare/task.h"
#include "lib/bits.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"

static bool stopping;

u64 host_time(void)
{
	return csr_read(CSR_TIME);
}

u64 host_timebase(void)
{
	return cpu_features.timebase;
}

unsigned host_hart(void)
{
	return percpu()->index;
}

/* ---- Timer */

void timer_set(u64 when)
{
	struct percpu *pc = percpu();

	if (cpu_features.sstc) {
		csr_write(CSR_STIMECMP, when);
		return;
	}
	/* A call of the firmware is dear: an interrupt that comes too early is the lesser evil, and
	 * comes once. */
	if (when >= pc->armed)
		return;
	pc->armed = when;
	sbi_call(SBI_EXT_TIME, SBI_TIME_SET_TIMER, when, 0, 0, 0, 0);
}

/* Per hart: no timer, and those interrupts let through that are served. */
void timer_init(void)
{
	percpu()->armed = HOST_FOREVER;
	if (cpu_features.sstc)
		csr_write(CSR_STIMECMP, HOST_FOREVER);
	else
		sbi_call(SBI_EXT_TIME, SBI_TIME_SET_TIMER, HOST_FOREVER, 0, 0, 0, 0);
	csr_clear(CSR_SIP, SIP_SSIP);
	csr_set(CSR_SIE, SIP_STIP | SIP_SSIP);
}

/* It fired: whoever sets it next does so in any case. With the SBI it stays pending until then. */
static void timer_fired(struct percpu *pc)
{
	if (cpu_features.sstc)
		return;
	pc->armed = HOST_FOREVER;
	sbi_call(SBI_EXT_TIME, SBI_TIME_SET_TIMER, HOST_FOREVER, 0, 0, 0, 0);
}

/* ---- Between harts */

static void hart_poke(struct percpu *pc)
{
	/* Until the other side has seen one there is no need for a second. */
	if (pc && !__atomic_exchange_n(&pc->ipi, 1, __ATOMIC_ACQ_REL))
		sbi_call(SBI_EXT_IPI, SBI_IPI_SEND, 1, pc->hart_id, 0, 0, 0);
}

void harts_poke(u64 mask)
{
	for (; mask; mask &= mask - 1)
		hart_poke(percpu_of(bits_lowest(mask)));
}

void harts_stop(void)
{
	__atomic_store_n(&stopping, true, __ATOMIC_RELEASE);
	harts_poke(~BIT(percpu()->index));
}

static void ipi_seen(struct percpu *pc)
{
	csr_clear(CSR_SIP, SIP_SSIP);
	/* After this another one will be sent; what is looked at comes later still. */
	__atomic_store_n(&pc->ipi, 0, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&stopping, __ATOMIC_ACQUIRE))
		__asm__ volatile("wfi");
}

bool interrupts_serve(void)
{
	struct percpu *pc = percpu();
	u64 pending = csr_read(CSR_SIP) & csr_read(CSR_SIE);

	if (pending & SIP_SSIP)
		ipi_seen(pc);
	if (pending & SIP_STIP)
		timer_fired(pc);
	if (pending & SIP_SEIP)
		irqchip_serve();
	return pending & (SIP_SSIP | SIP_STIP);
}
