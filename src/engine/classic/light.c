/*
 * The light path: what a guest's kernel does so often that saving all its registers would be most
 * of the cost, but needs C: page faults, SBI calls, and the rarer of its privileged instructions.
 * Everything here has the same answer on the plain path, from the same functions.
 */
#include "engine/classic/classic.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"
#include "riscv/sbi.h"
#include "vm/sbi.h"

/* Apart, so that a function which calls nothing saves nothing. */
#define apart __attribute__((noinline))

enum { A0 = 10, A1, A2, A3, A4, A5, A6, A7 };

/* Before the guest goes on. Nothing asked meanwhile by this very task brings an interrupt. */
static inline u64 light_done(struct classic_vcpu *c)
{
	u64 irqs = __atomic_load_n(&c->shared->irqs, __ATOMIC_RELAXED);

	if (irqs != (c->vs.sip & SIP_SEIP) || vs_wakes(&c->vs))
		classic_deliver(c);
	csr_write(CSR_SEPC, c->frame.pc);
	return __atomic_load_n(&c->vcpu->requests, __ATOMIC_RELAXED) ? CAUSE_INTERRUPT : 0;
}

/* ---- SBI */

static inline u64 light_answer(struct classic_vcpu *c, s64 error, u64 value)
{
	c->frame.x[A0] = (u64)error;
	c->frame.x[A1] = value;
	csr_write(CSR_SEPC, csr_read(CSR_SEPC) + 4);
	c->priv->exits[EXIT_SBI]++;
	return 0;
}

/* Any call, by the core's own handler: as on the plain path, and outside meanwhile, so that nobody
 * who asks for a fence waits for as long as it takes. */
static apart u64 light_sbi_call(struct classic_vcpu *c)
{
	struct vmexit *e = &c->priv->exit; /* of kind EXIT_NONE: no answer is left for later */

	/* Before a page fault of our own that is tried again can overwrite it. */
	c->frame.pc = csr_read(CSR_SEPC);
	__atomic_store_n(&c->shared->fences.inside, false, __ATOMIC_RELEASE);
	exit_ask_sbi(e, c->frame.x);
	sbi_handle(c->vcpu);
	c->priv->exits[EXIT_SBI]++;
	if (!e->sbi.no_return) {
		exit_answer_sbi(e, c->frame.x);
		c->frame.pc += 4;
	}
	classic_deliver(c);
	csr_write(CSR_SEPC, c->frame.pc);
	__atomic_store_n(&c->shared->fences.inside, true, __ATOMIC_SEQ_CST);
	return __atomic_load_n(&c->vcpu->requests, __ATOMIC_SEQ_CST) | c->vcpu->hsm ? CAUSE_INTERRUPT : 0;
}

/* But for probing, which is for boot time. */
static inline u64 light_base(struct classic_vcpu *c)
{
	u64 value = 0;
	s64 error;

	if (c->frame.x[A6] == SBI_BASE_PROBE_EXTENSION)
		return light_sbi_call(c);
	error = sbi_base_answer(c->frame.x[A6], 0, &value);
	return light_answer(c, error, value);
}

static inline u64 light_sbi(struct classic_vcpu *c)
{
	if (c->frame.x[A7] == SBI_EXT_BASE)
		return light_base(c);
	return light_sbi_call(c);
}

/* ---- Page faults; those that are no memory need all registers. */

static apart u64 light_page_fault(struct classic_vcpu *c, u64 scause)
{
	u64 va = csr_read(CSR_STVAL), gpa;

	c->frame.pc = csr_read(CSR_SEPC);
	if (classic_light_mmio(c, scause, va) || classic_fill(c, scause, va, &gpa))
		return light_done(c);
	/* A page fault of our own that was tried again has overwritten them. */
	csr_write(CSR_SEPC, c->frame.pc);
	csr_write(CSR_STVAL, va);
	return scause;
}

static apart u64 light_user_ecall(struct classic_vcpu *c)
{
	c->frame.pc = csr_read(CSR_SEPC);
	classic_inject(c, CAUSE_ECALL_U, 0);
	return light_done(c);
}

u64 classic_light(struct classic_frame *frame, u64 scause)
{
	struct classic_vcpu *c = (struct classic_vcpu *)frame;

	if (scause != CAUSE_ECALL_U)
		return light_page_fault(c, scause);
	return c->vs.user ? light_user_ecall(c) : light_sbi(c);
}

/* ---- Privileged instructions */

static inline bool light_fence(struct classic_vcpu *c, u32 insn)
{
	classic_fence_insn(c, insn, c->frame.operand, c->frame.operand2);
	return true;
}

/* What would let an interrupt in is left to the plain path, which takes it; so is what changes the
 * register files. */
static apart bool light_csr(struct classic_vcpu *c, u32 insn)
{
	u64 pc, sstatus, sie = c->vs.sie, sip = c->vs.sip;
	struct insn_csr i;
	unsigned changes;

	if (!insn_decode_csr(insn, &i))
		return false;
	vs_state_dirty(&c->vs, csr_read(CSR_SSTATUS));
	sstatus = c->vs.sstatus;
	changes = vs_csr(&c->vs, &vm_of(c)->config, &i, c->frame.operand, &c->frame.result);
	if (changes & (VS_ILLEGAL | VS_HOST | VS_STATE) ||
	    (changes & VS_INTERRUPTS && vs_interrupt(&c->vs))) {
		c->vs.sstatus = sstatus;
		c->vs.sie = sie;
		c->vs.sip = sip;
		return false;
	}
	pc = csr_read(CSR_SEPC);
	if (changes)
		classic_changed(c, changes);
	csr_write(CSR_SEPC, pc); /* a new root may have cost a page fault of our own */
	/* Due at once: so is its alarm, and with that comes the plain path. */
	if (changes & VS_TIMER && vs_interrupt(&c->vs))
		host_alarm(c->vs.stimecmp);
	return true;
}

bool classic_light_insn(struct classic_frame *frame)
{
	struct classic_vcpu *c = (struct classic_vcpu *)frame;
	u32 insn = frame->entry->word;

	return insn >> 12 & 7 ? light_csr(c, insn) : light_fence(c, insn);
}
