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

/*
 * Every other call, by the core's own handler. It counts as outside meanwhile, so that a vCPU that
 * waits for this one does not wait for as long as this one waits for another (hext_fence()). A hart
 * that is to stop or to sleep, a VM that ends, a fence for this hart: run() sees to it.
 */
static apart u64 light_sbi_call(struct hext_vcpu *h)
{
	struct vmexit *e = &h->priv->exit; /* of kind EXIT_NONE: no answer is left for later */

	__atomic_store_n(&h->shared->fences.inside, false, __ATOMIC_RELEASE);
	exit_ask_sbi(e, h->frame.x);
	sbi_handle(h->vcpu);
	h->priv->exits[EXIT_SBI]++;
	if (!e->sbi.no_return) {
		exit_answer_sbi(e, h->frame.x);
		light_skip(4);
	}
	hext_sync_irqs(h);
	__atomic_store_n(&h->shared->fences.inside, true, __ATOMIC_SEQ_CST);
	return __atomic_load_n(&h->vcpu->requests, __ATOMIC_SEQ_CST) | h->vcpu->hsm ? CAUSE_INTERRUPT : 0;
}

static inline bool only_self(const struct hext_vcpu *h, u64 mask, u64 base)
{
	u64 id = h->vcpu->id;

	return base <= id && mask == BIT(id - base);
}

/* But for probing, which is for boot time and would need a call from here. */
static inline u64 light_base(struct hext_vcpu *h)
{
	u64 value = 0;
	s64 error;

	if (h->frame.x[A6] == SBI_BASE_PROBE_EXTENSION)
		return light_sbi_call(h);
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
		return light_sbi_call(h);
	if (!hext_machine.sstc)
		return light_time_by_alarm(h);
	csr_write(CSR_VSTIMECMP, h->frame.x[A0]);
	return light_answer(h, SBI_SUCCESS, 0);
}

/* An IPI to itself is a bit in hvip. */
static inline u64 light_ipi(struct hext_vcpu *h)
{
	if (h->frame.x[A6] != SBI_IPI_SEND || !only_self(h, h->frame.x[A0], h->frame.x[A1]))
		return light_sbi_call(h);
	csr_set(CSR_HVIP, BIT(IRQ_VS_SOFT));
	return light_answer(h, SBI_SUCCESS, 0);
}

static apart u64 light_fence(struct hext_vcpu *h)
{
	const u64 *x = h->frame.x;
	struct fence fence;

	if (x[A6] > SBI_RFENCE_SFENCE_VMA_ASID || !only_self(h, x[A0], x[A1]))
		return light_sbi_call(h);
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
		return light_sbi_call(h);
	}
}

/* ---- Device registers ---- */

/* The frame has the caller-saved registers only, and x0: ra, t0-t2, a0-a7, t3-t6. */
#define LIGHT_REGS (BIT(0) | BIT(1) | MASK(7, 5) | MASK(17, 10) | MASK(31, 28))

static inline bool light_has(unsigned reg) { return LIGHT_REGS >> reg & 1; }

static inline u64 light_gpa(void)
{
	return csr_read(CSR_HTVAL) << HTVAL_SHIFT | (csr_read(CSR_STVAL) & 3);
}

static inline bool light_bus(struct hext_vcpu *h, u64 gpa, unsigned size, bool store, u64 *value)
{
	return bus_access(h->bus, gpa, size, store, value);
}

/*
 * @insn is an integer load of full length or as htinst transforms it. A load and a store each have
 * a function of their own, and decode what they need when they need it: with less to keep across
 * the call there is less to save.
 */
static apart u64 light_load(struct hext_vcpu *h, u64 insn)
{
	u64 value;

	if (!light_has(insn_rd((u32)insn)) ||
	    !light_bus(h, light_gpa(), insn_access_size((u32)insn), false, &value))
		return CAUSE_LOAD_GUEST_PAGE_FAULT;
	if (insn_rd((u32)insn))
		h->frame.x[insn_rd((u32)insn)] = insn_load_extend((u32)insn, value);
	light_skip(insn_htinst_length(insn));
	return light_done(h, EXIT_MMIO);
}

static apart u64 light_store(struct hext_vcpu *h, u64 insn)
{
	unsigned size = insn_access_size((u32)insn);
	u64 value = h->frame.x[insn_rs2((u32)insn)] & (~0ul >> (64 - 8 * size));

	if (!light_has(insn_rs2((u32)insn)) || !light_bus(h, light_gpa(), size, true, &value))
		return CAUSE_STORE_GUEST_PAGE_FAULT;
	light_skip(insn_htinst_length(insn));
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

static apart u64 light_compressed(struct hext_vcpu *h, u64 scause, u32 insn)
{
	struct insn_access a;
	u64 value;

	if (!insn_decode_access(insn, &a) || a.fp || !light_has(a.reg))
		return scause;
	value = h->frame.x[a.reg] & (~0ul >> (64 - 8 * a.size));
	if (!light_bus(h, light_gpa(), a.size, a.store, &value))
		return scause;
	if (!a.store)
		h->frame.x[a.reg] = insn_load_result(&a, value);
	light_skip(2);
	return light_done(h, EXIT_MMIO);
}

static inline u64 light_access(struct hext_vcpu *h, u64 scause, u64 htinst)
{
	if (insn_htinst_is_load(htinst))
		return light_load(h, htinst);
	if (insn_htinst_is_store(htinst))
		return light_store(h, htinst);
	return scause;
}

/*
 * Where htinst is 0. What begins a page may be the rest of an access that began in the one before:
 * to tell, all registers are needed. But for its immediate, which does not matter, a plain
 * instruction of full length is what htinst would hold.
 */
static apart u64 light_fetched(struct hext_vcpu *h, u64 scause)
{
	u64 pc = csr_read(CSR_SEPC), htval = csr_read(CSR_HTVAL), stval = csr_read(CSR_STVAL);
	u32 insn = hext_fetch(pc);

	if (!insn) {
		light_restore_trap(scause, pc, stval, htval);
		return scause;
	}
	if (!(stval % PTE_PAGE_SIZE) && !insn_is_byte_access(insn))
		return scause;
	if (insn_length((u16)insn) == 2)
		return light_compressed(h, scause, insn);
	return light_access(h, scause, insn & ~INSN_RS1);
}

static inline u64 light_mmio(struct hext_vcpu *h, u64 scause)
{
	u64 htinst = csr_read(CSR_HTINST);

	if (!htinst || hext_machine.no_htinst)
		return light_fetched(h, scause);
	return light_access(h, scause, htinst);
}

u64 hext_light(struct hext_frame *frame, u64 scause)
{
	struct hext_vcpu *h = (struct hext_vcpu *)frame;

	return scause == CAUSE_ECALL_VS ? light_sbi(h) : light_mmio(h, scause);
}
