/* A hart's machine-level set-up, and its way to S-mode and back: see fw/hart.h. */
#include "fw/hart.h"

#include "fw/fw.h"
#include "fw/mcsr.h"
#include "fw/probe.h"
#include "riscv/sbi.h"

struct fw_hart fw_harts[FW_HARTS_MAX];
u64 fw_hart_mask;

/*
 * Every exception that may be delegated, which medeleg keeps as far as it can. Illegal instructions
 * are what this firmware is for: a de-privileged kernel's traps come to S-mode at once. Misaligned
 * accesses go there too: nothing here emulates them. Calls of S-mode stay, and so do double traps.
 */
#define DELEGATED_EXCEPTIONS                                                                      \
	(BIT(CAUSE_INSN_MISALIGNED) | BIT(CAUSE_INSN_ACCESS) | BIT(CAUSE_ILLEGAL_INSN) |          \
	 BIT(CAUSE_BREAKPOINT) | BIT(CAUSE_LOAD_MISALIGNED) | BIT(CAUSE_LOAD_ACCESS) |            \
	 BIT(CAUSE_STORE_MISALIGNED) | BIT(CAUSE_STORE_ACCESS) | BIT(CAUSE_ECALL_U) |             \
	 BIT(CAUSE_ECALL_VS) | BIT(CAUSE_INSN_PAGE_FAULT) | BIT(CAUSE_LOAD_PAGE_FAULT) |          \
	 BIT(CAUSE_STORE_PAGE_FAULT) | BIT(CAUSE_SOFTWARE_CHECK) | BIT(CAUSE_HARDWARE_ERROR) |    \
	 BIT(CAUSE_INSN_GUEST_PAGE_FAULT) | BIT(CAUSE_LOAD_GUEST_PAGE_FAULT) |                    \
	 BIT(CAUSE_VIRTUAL_INSN) | BIT(CAUSE_STORE_GUEST_PAGE_FAULT))

#define DELEGATED_INTERRUPTS \
	(BIT(IRQ_S_SOFT) | BIT(IRQ_S_TIMER) | BIT(IRQ_S_EXT) | BIT(IRQ_LCOF))

#define MACHINE_INTERRUPTS (MIP_MSIP | MIP_MTIP | MIP_MEIP)

#define COUNTERS_ALL 0xffffffff
#define COUNTERS_USER (COUNTEREN_CY | COUNTEREN_TM | COUNTEREN_IR)

/* ---- Set-up */

/* Own RAM is M-mode's alone, the rest everybody's. Without PMP S-mode may do what it likes. */
static bool pmp_init(void)
{
	u64 base = (u64)fw_base, size = (u64)fw_end - base;
	u64 own = base >> 2 | (size / 8 - 1), all = ~0ul;
	u64 config = PMP_NAPOT | (PMP_NAPOT | PMP_RWX) << PMP_ENTRY1_SHIFT;

	if (!fw_probe_write(CSR_PMPADDR0, own))
		return false;
	fw_probe_write(CSR_PMPADDR1, all);
	fw_probe_write(CSR_PMPCFG0, config);
	sfence_vma_all();
	return (csr_read(CSR_PMPCFG0) & 0xffff) == config;
}

/* What S-mode may use; the fields that a hart lacks read 0. Of the kernel's binding for harts with
 * Svadu: it is on from the start unless the tree names Svade as well. */
static u64 envcfg_init(bool svade)
{
	u64 v = HENVCFG_STCE | HENVCFG_PBMTE | HENVCFG_CBZE | HENVCFG_CBCFE | HENVCFG_CBIE_INVAL |
		(svade ? 0 : HENVCFG_ADUE);

	return fw_probe_write(CSR_MENVCFG, v) && fw_probe_read(CSR_MENVCFG, v) ? v : 0;
}

/* "Smstateen": all state is S-mode's, and S-mode's to give. */
static void stateen_init(void)
{
	u64 all = ~0ul, others = STATEEN_SE;

	fw_probe_write(CSR_MSTATEEN0, all);
	fw_probe_write(CSR_MSTATEEN1, others);
	fw_probe_write(CSR_MSTATEEN2, others);
	fw_probe_write(CSR_MSTATEEN3, others);
}

static void timer_init(struct fw_hart *hart, u64 envcfg)
{
	u64 v = 0;

	hart->has_time = fw_probe_read(CSR_TIME, v);
	hart->sstc = (envcfg & HENVCFG_STCE) && fw_probe_read(CSR_STIMECMP, v);
	if (hart->sstc)
		csr_write(CSR_STIMECMP, ~0ul);
	if (hart->mtimecmp)
		*hart->mtimecmp = ~0ul;
}

static void delegation_init(const struct fw_hart *hart)
{
	u64 exceptions = DELEGATED_EXCEPTIONS;

	/* Else rdtime would be S-mode's to emulate, which does not expect it. */
	if (!hart->has_time)
		exceptions &= ~BIT(CAUSE_ILLEGAL_INSN);
	csr_write(CSR_MEDELEG, exceptions);
	csr_write(CSR_MIDELEG, DELEGATED_INTERRUPTS);
}

/* A hart without an S-mode gets nothing and is never started. One that the tree leaves out is never
 * started either, but it may be the one that boots, and says what there is. */
void fw_hart_init(void)
{
	struct fw_hart *hart = fw_hart();
	u64 seed = MSECCFG_SSEED, misa = csr_read(CSR_MISA);
	u64 counters = COUNTERS_ALL, user = COUNTERS_USER;

	csr_write(CSR_MIE, MIP_MSIP);
	if (misa && !(misa & MISA_S))
		__atomic_fetch_and(&fw_hart_mask, ~hart->mask, __ATOMIC_RELAXED);
	if (!(fw_hart_mask & hart->mask) && !(misa & MISA_S))
		return;
	hart->has_h = misa & MISA_H;
	hart->has_pmp = pmp_init();
	timer_init(hart, envcfg_init(fw_has_svade));
	stateen_init();
	delegation_init(hart);
	fw_probe_write(CSR_MCOUNTEREN, counters);
	fw_probe_write(CSR_SCOUNTEREN, user);
	fw_probe("csrs " CSR_TEXT(CSR_MSECCFG) ", %1", seed);
}

/* ---- Requests */

bool fw_hart_list(u64 mask, u64 base, u64 *harts)
{
	if (base == (u64)SBI_HART_MASK_ALL) {
		*harts = fw_hart_mask;
		return true;
	}
	*harts = base < FW_HARTS_MAX ? mask << base : 0;
	/* Nor may a bit have been shifted out. */
	return !(*harts & ~fw_hart_mask) && (!mask || (base < FW_HARTS_MAX && *harts >> base == mask));
}

u64 fw_hart_running(u64 harts)
{
	u64 running = 0;

	/* What the caller wrote is visible before it is seen who runs; in fw_hart_launch() a hart
	 * runs before it looks at anything. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (u64 rest = harts; rest; rest &= rest - 1) {
		u32 id = (u32)__builtin_ctzl(rest);
		u32 state = __atomic_load_n(&fw_harts[id].state, __ATOMIC_RELAXED);

		if (state != SBI_HSM_STOPPED && state != SBI_HSM_STOP_PENDING)
			running |= BIT(id);
	}
	return running;
}

void fw_hart_request(u64 harts, u32 request)
{
	for (u64 rest = harts; rest; rest &= rest - 1) {
		struct fw_hart *hart = &fw_harts[__builtin_ctzl(rest)];

		__atomic_fetch_or(&hart->requests, request, __ATOMIC_RELEASE);
		__asm__ volatile("fence rw, ow" ::: "memory");
		if (hart->msip)
			*hart->msip = 1;
	}
}

/* The interrupt is cleared before the word is read; who sends writes them in the other order. */
static void request_acknowledge(struct fw_hart *hart)
{
	if (hart->msip)
		*hart->msip = 0;
	__asm__ volatile("fence ow, rw" ::: "memory");
}

static bool request_take(struct fw_hart *hart, u32 request)
{
	return __atomic_fetch_and(&hart->requests, ~request, __ATOMIC_ACQ_REL) & request;
}

void fw_hart_serve(void)
{
	struct fw_hart *hart = fw_hart();

	request_acknowledge(hart);
	if (request_take(hart, FW_REQUEST_IPI))
		csr_set(CSR_MIP, SIP_SSIP);
	if (request_take(hart, FW_REQUEST_FENCE))
		fw_rfence_serve();
}

/* ---- Hart State Management */

/* The end of "Hart Stop". A hart that is stopped sees no interrupt of S-mode's. */
static void hart_stopped(struct fw_hart *hart)
{
	csr_write(CSR_MIE, MIP_MSIP);
	csr_clear(CSR_MIP, SIP_SSIP | SIP_STIP);
	if (hart->sstc)
		csr_write(CSR_STIMECMP, ~0ul);
	request_take(hart, FW_REQUEST_IPI);
	__atomic_store_n(&hart->state, SBI_HSM_STOPPED, __ATOMIC_RELEASE);
}

/* An IPI that comes after the start was asked for is not lost: it stays in the word. */
void fw_hart_park(void)
{
	struct fw_hart *hart = fw_hart();

	if (hart->state == SBI_HSM_STOP_PENDING)
		hart_stopped(hart);
	for (;;) {
		request_acknowledge(hart);
		if (request_take(hart, FW_REQUEST_FENCE))
			fw_rfence_serve();
		if (__atomic_load_n(&hart->state, __ATOMIC_ACQUIRE) == SBI_HSM_START_PENDING)
			fw_hart_launch();
		__asm__ volatile("wfi" ::: "memory");
	}
}

/* "Hart Start": MMU off, interrupts off. Fences that were sent while the hart was stopped did not
 * come here, so that all of them are made up for once it counts as running. */
void fw_hart_launch(void)
{
	struct fw_hart *hart = fw_hart();
	u64 pc = hart->start_pc, arg = hart->start_arg;

	__atomic_store_n(&hart->state, SBI_HSM_STARTED, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	csr_write(CSR_SATP, 0);
	csr_write(CSR_SIE, 0);
	csr_clear(CSR_MSTATUS, MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_MPP | MSTATUS_MPRV |
			       MSTATUS_TVM | MSTATUS_TW | MSTATUS_TSR | MSTATUS_MPV |
			       SSTATUS_SUM | SSTATUS_MXR | SSTATUS_FS | SSTATUS_VS);
	csr_set(CSR_MSTATUS, MSTATUS_MPP_S);
	sfence_vma_all();
	if (hart->has_h)
		hfence_gvma_all();
	fence_i();
	fw_hart_serve();
	fw_hart_enter(pc, fw_hart_id(hart), arg);
}

/* What the vector does for a deadline, while interrupts are off. */
static void timer_serve(void)
{
	if (!(csr_read(CSR_MIP) & csr_read(CSR_MIE) & MIP_MTIP))
		return;
	csr_clear(CSR_MIE, MIP_MTIP);
	csr_set(CSR_MIP, SIP_STIP);
}

/* mie has S-mode's own bits too: any that pends and is enabled ends the wait. */
void fw_hart_suspend(void)
{
	struct fw_hart *hart = fw_hart();

	__atomic_store_n(&hart->state, SBI_HSM_SUSPENDED, __ATOMIC_RELEASE);
	for (;;) {
		fw_hart_serve();
		timer_serve();
		if (csr_read(CSR_MIP) & csr_read(CSR_MIE) & ~MACHINE_INTERRUPTS)
			break;
		__asm__ volatile("wfi" ::: "memory");
	}
	__atomic_store_n(&hart->state, SBI_HSM_STARTED, __ATOMIC_RELEASE);
}
