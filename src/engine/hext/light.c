/*
 * The light path: what a guest's kernel does so often that saving all its
 * registers would be most of the cost: device registers, the hot SBI calls.
 * Everything here has the same answer on the plain path, from the same
 * functions of the core.
 */
#include "engine/hext/hext.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"
#include "riscv/pte.h"
#include "riscv/sbi.h"
#include "vm/sbi.h"

/* Apart, so that a function which calls nothing saves nothing. */
#define apart __attribute__((noinline))

enum { A0 = 10, A1, A2, A3, A4, A5, A6, A7 };

static inline void light_skip(unsigned length)
{
	csr_write(CSR_SEPC, csr_read(CSR_SEPC) + length);
}

/* Before the guest goes on: what was asked meanwhile by this very task brings no interrupt. */
static inline u64 light_done(struct hext_vcpu *h, enum exit_kind kind)
{
	h->priv->exits[kind]++;
	hext_sync_irqs(h);
	return __atomic_load_n(&h->vcpu->requests, __ATOMIC_RELAXED) ? CAUSE_INTERRUPT : 0;
}

/* ---- SBI ---- */

static inline u64 light_answer(struct hext_vcpu *h, s64 error, u64 value)
{
	h->frame.x[A0] = (u64)error;
	h->frame.x[A1] = value;
	light_skip(4);
	h->priv->exits[EXIT_SBI]++;
	return 0;
}

static inline bool only_self(const struct hext_vcpu *h, u64 mask, u64 base)
{
	u64 id = h->vcpu->id;

	return base <= id && mask == BIT(id - base);
}

/* Probing is for boot time, and would need a call from here. */
static inline u64 light_base(struct hext_vcpu *h)
{
	u64 value = 0;
	s64 error;

	if (h->frame.x[A6] == SBI_BASE_PROBE_EXTENSION)
		return CAUSE_ECALL_VS;
	error = sbi_base_answer(h->frame.x[A6], 0, &value);
	return light_answer(h, error, value);
}

static apart u64 light_time_by_alarm(struct hext_vcpu *h)
{
	hext_set_timer(h->vcpu, h->frame.x[A0]);
	hext_sync_irqs(h);
	return light_answer(h, SBI_SUCCESS, 0);
}

static inline u64 light_time(struct hext_vcpu *h)
{
	if (h->frame.x[A6] != SBI_TIME_SET_TIMER)
		return CAUSE_ECALL_VS;
	if (!hext_machine.sstc)
		return light_time_by_alarm(h);
	csr_write(CSR_VSTIMECMP, h->frame.x[A0]);
	return light_answer(h, SBI_SUCCESS, 0);
}

/* An IPI to itself is a bit in hvip; others are interrupted by the plain path. */
static inline u64 light_ipi(struct hext_vcpu *h)
{
	if (h->frame.x[A6] != SBI_IPI_SEND || !only_self(h, h->frame.x[A0], h->frame.x[A1]))
		return CAUSE_ECALL_VS;
	csr_set(CSR_HVIP, BIT(IRQ_VS_SOFT));
	return light_answer(h, SBI_SUCCESS, 0);
}

/* Likewise: only the plain path may wait for other vCPUs. */
static apart u64 light_fence(struct hext_vcpu *h)
{
	const u64 *x = h->frame.x;
	struct fence fence;

	if (x[A6] > SBI_RFENCE_SFENCE_VMA_ASID || !only_self(h, x[A0], x[A1]))
		return CAUSE_ECALL_VS;
	fence = sbi_fence((enum engine_fence)x[A6], x[A2], x[A3], x[A4]);
	hext_fence_here(&fence);
	return light_answer(h, SBI_SUCCESS, 0);
}

static inline u64 light_sbi(struct hext_vcpu *h)
{
	switch (h->frame.x[A7]) {
	case SBI_EXT_TIME:
		return light_time(h);
	case SBI_EXT_IPI:
		return light_ipi(h);
	case SBI_EXT_RFENCE:
		return light_fence(h);
	case SBI_EXT_BASE:
		return light_base(h);
	default:
		return CAUSE_ECALL_VS;
	}
}

/* ---- Device registers ---- */

/* The frame has the caller-saved registers only, and x0: ra, t0-t2, a0-a7, t3-t6. */
#define LIGHT_REGS (BIT(0) | BIT(1) | MASK(7, 5) | MASK(17, 10) | MASK(31, 28))

static inline u64 light_access(struct hext_vcpu *h, u64 scause, u64 gpa, const struct insn_access *a)
{
	u64 value;

	if (!(LIGHT_REGS >> a->reg & 1))
		return scause;
	value = h->frame.x[a->reg];
	if (!bus_access(&h->vcpu->vm->bus, gpa, a->size, a->store, &value))
		return scause;
	if (!a->store && a->reg)
		h->frame.x[a->reg] = insn_load_result(a, value);
	light_skip(a->length);
	return light_done(h, EXIT_MMIO);
}

/* A trap of HLVX, and the return from it, have overwritten what the guest's left. The guest's
 * privilege is in hstatus.SPVP, which only traps from the guest change; sstatus.SPIE and SIE are 0
 * while it runs. */
static void light_restore_trap(u64 scause, u64 pc, u64 stval, u64 htval)
{
	csr_write(CSR_SCAUSE, scause);
	csr_write(CSR_SEPC, pc);
	csr_write(CSR_STVAL, stval);
	csr_write(CSR_HTVAL, htval);
	csr_write(CSR_HTINST, 0);
	csr_set(CSR_HSTATUS, HSTATUS_SPV | HSTATUS_GVA);
	csr_clear(CSR_SSTATUS, SSTATUS_SPP | SSTATUS_SPIE);
	if (csr_read(CSR_HSTATUS) & HSTATUS_SPVP)
		csr_set(CSR_SSTATUS, SSTATUS_SPP);
}

static apart u64 light_compressed_access(struct hext_vcpu *h, u64 scause, u64 gpa, u32 insn)
{
	struct insn_access a;

	if (!insn_decode_access(insn, &a) || a.fp)
		return scause;
	return light_access(h, scause, gpa, &a);
}

/*
 * Where htinst is 0. What begins a page may be the rest of an access that began in the one before:
 * to tell, all registers are needed. But for its immediate, which does not matter, a plain
 * instruction of full length is what htinst would hold.
 */
static apart u64 light_fetched_access(struct hext_vcpu *h, u64 scause)
{
	u64 pc = csr_read(CSR_SEPC), htval = csr_read(CSR_HTVAL), stval = csr_read(CSR_STVAL);
	u64 gpa = htval << HTVAL_SHIFT | (stval & 3);
	u32 insn = hext_fetch(pc);
	struct insn_access a;

	if (!insn)
		light_restore_trap(scause, pc, stval, htval);
	else if (!(stval % PTE_PAGE_SIZE) && !insn_is_byte_access(insn))
		return scause;
	else if (insn_length((u16)insn) == 2)
		return light_compressed_access(h, scause, gpa, insn);
	else if (insn_decode_htinst_integer(insn & ~INSN_RS1, &a))
		return light_access(h, scause, gpa, &a);
	return scause;
}

static apart u64 light_known_access(struct hext_vcpu *h, u64 scause, u64 htinst)
{
	u64 gpa = csr_read(CSR_HTVAL) << HTVAL_SHIFT | (csr_read(CSR_STVAL) & 3);
	struct insn_access a;

	if (!insn_decode_htinst_integer(htinst, &a))
		return scause;
	return light_access(h, scause, gpa, &a);
}

static inline u64 light_mmio(struct hext_vcpu *h, u64 scause)
{
	u64 htinst = csr_read(CSR_HTINST);

	if (!htinst || hext_machine.no_htinst)
		return light_fetched_access(h, scause);
	return light_known_access(h, scause, htinst);
}

u64 hext_light(struct hext_frame *frame, u64 scause)
{
	struct hext_vcpu *h = (struct hext_vcpu *)frame;

	return scause == CAUSE_ECALL_VS ? light_sbi(h) : light_mmio(h, scause);
}
