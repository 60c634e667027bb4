/*
 * The light path: what a guest's kernel does so often that saving all its
 * registers would be most of the cost: device registers, the hot SBI calls.
 * Everything here has the same answer on the plain path, from the same
 * functions of the core.
 */
#include "engine/hext/hext.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"
#include "riscv/sbi.h"
#include "vm/sbi.h"

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

static u64 light_base(struct hext_vcpu *h)
{
	u64 value = 0;
	s64 error = sbi_base_answer(h->frame.x[A6], h->frame.x[A0], &value);

	return light_answer(h, error, value);
}

static u64 light_time(struct hext_vcpu *h)
{
	if (h->frame.x[A6] != SBI_TIME_SET_TIMER)
		return CAUSE_ECALL_VS;
	if (hext_machine.sstc) {
		csr_write(CSR_VSTIMECMP, h->frame.x[A0]);
	} else {
		hext_set_timer(h->vcpu, h->frame.x[A0]);
		hext_sync_irqs(h);
	}
	return light_answer(h, SBI_SUCCESS, 0);
}

/* An IPI to itself is a bit in hvip; others are interrupted by the plain path. */
static u64 light_ipi(struct hext_vcpu *h)
{
	if (h->frame.x[A6] != SBI_IPI_SEND || !only_self(h, h->frame.x[A0], h->frame.x[A1]))
		return CAUSE_ECALL_VS;
	csr_set(CSR_HVIP, BIT(IRQ_VS_SOFT));
	return light_answer(h, SBI_SUCCESS, 0);
}

/* Likewise: only the plain path may wait for other vCPUs. */
static u64 light_fence(struct hext_vcpu *h)
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

static inline bool light_register(const struct insn_access *a)
{
	return !a->fp && LIGHT_REGS >> a->reg & 1;
}

static inline u64 light_mmio(struct hext_vcpu *h, u64 scause)
{
	u64 htinst = csr_read(CSR_HTINST);
	u64 gpa = csr_read(CSR_HTVAL) << HTVAL_SHIFT | (csr_read(CSR_STVAL) & 3);
	struct insn_access a;
	u64 value;

	if (!insn_decode_htinst(htinst, &a) || a.offset || !light_register(&a))
		return scause;
	value = h->frame.x[a.reg];
	if (!bus_access(&h->vcpu->vm->bus, gpa, a.size, a.store, &value))
		return scause;
	if (!a.store && a.reg)
		h->frame.x[a.reg] = insn_load_result(&a, value);
	light_skip(a.length);
	return light_done(h, EXIT_MMIO);
}

u64 hext_light(struct hext_frame *frame, u64 scause)
{
	struct hext_vcpu *h = (struct hext_vcpu *)frame;

	if (hext_machine.no_light)
		return scause;
	return scause == CAUSE_ECALL_VS ? light_sbi(h) : light_mmio(h, scause);
}
