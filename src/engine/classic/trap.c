/*
 * Why the guest came out, and what is answered right here: exceptions that are the guest's own go
 * to its S-mode, privileged instructions are carried out, the rest becomes a question for the
 * core.
 */
#include "engine/classic/classic.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"

/* The guest went from one mode to another, or what its modes see has changed. */
static void mode_changed(struct classic_vcpu *c)
{
	classic_sync_view(c);
	if (c->vs.user && c->frame.user_differs)
		classic_user_changed(c);
}

void classic_changed(struct classic_vcpu *c, unsigned changes)
{
	if (changes & VS_SATP)
		classic_sync_satp(c);
	if (changes & VS_VIEW)
		classic_view_changed(c);
	if (changes & VS_STATE) {
		/* quick.S looks for Dirty in the hart's sstatus only. */
		if (vs_dirty_fields(c->vs.sstatus))
			classic_enable_fp_or_vector(c);
		classic_sync_state(c);
	}
	if (changes & VS_TIMER)
		classic_timer_changed(c);
	if (changes & VS_COUNTEREN)
		classic_user_changed(c);
}

/* A trap into the guest's S-mode, as the hart itself would have taken it. */
void classic_inject(struct classic_vcpu *c, u64 cause, u64 tval)
{
	bool user = c->vs.user;

	c->frame.pc = vs_trap(&c->vs, c->frame.pc, cause, tval);
	if (user)
		mode_changed(c);
}

void classic_sret(struct classic_vcpu *c)
{
	c->frame.pc = vs_sret(&c->vs);
	if (c->vs.user)
		mode_changed(c);
}

static bool ecall(struct classic_vcpu *c)
{
	if (c->vs.user) {
		classic_inject(c, CAUSE_ECALL_U, 0);
		return false;
	}
	exit_ask_sbi(&c->priv->exit, c->frame.x);
	c->priv->exit.kind = EXIT_SBI;
	return true;
}

/* stval has the instruction, or 0 where the hart does not say. */
static bool illegal_instruction(struct classic_vcpu *c)
{
	u32 insn = (u32)csr_read(CSR_STVAL);

	if (classic_enable_fp_or_vector(c))
		return false;
	/* Unmapped since: the guest refaults. */
	if (!insn && !classic_fetch(c, c->frame.pc, &insn))
		return false;
	return classic_privileged(c, insn);
}

/* What was fetched is not there any more: the hart, or the tables, are behind. */
static void fetch_again(struct classic_vcpu *c)
{
	classic_drop_page(c, c->frame.pc);
	fence_i();
}

/* Where text was rewritten: an instruction of S-mode, or one that has changed since. */
static bool breakpoint(struct classic_vcpu *c)
{
	u64 tval = csr_read(CSR_STVAL);
	u32 insn;

	if (!vm_of(c)->text || c->vs.user) {
		classic_inject(c, CAUSE_BREAKPOINT, tval);
		return false;
	}
	if (rewrite_breakpoint(c, &insn))
		return classic_privileged(c, insn);
	if (!classic_fetch(c, c->frame.pc, &insn))
		return false;
	if (insn_is_ebreak(insn))
		classic_inject(c, CAUSE_BREAKPOINT, tval);
	else
		fetch_again(c);
	return false;
}

static void fatal(struct classic_vcpu *c, const char *why)
{
	struct vmexit *e = &c->priv->exit;

	vm_log(c->vcpu->vm, "vCPU %u: scause %lu, sepc %#lx, stval %#lx", c->vcpu->id,
	       c->frame.scause, c->frame.pc, csr_read(CSR_STVAL));
	e->kind = EXIT_FATAL;
	e->why = why;
}

bool classic_trap(struct classic_vcpu *c)
{
	u64 cause = c->frame.scause;

	classic_note_dirty(c);
	if (cause & CAUSE_INTERRUPT) {
		c->priv->exit.kind = EXIT_INTERRUPT;
		return true;
	}
	switch (cause) {
	case CAUSE_ILLEGAL_INSN:
		return illegal_instruction(c);
	case CAUSE_INSN_PAGE_FAULT:
	case CAUSE_LOAD_PAGE_FAULT:
	case CAUSE_STORE_PAGE_FAULT:
		return classic_page_fault(c, cause, csr_read(CSR_STVAL));
	case CAUSE_ECALL_U:
		return ecall(c);
	case CAUSE_BREAKPOINT:
		return breakpoint(c);
	case CAUSE_INSN_MISALIGNED:
	case CAUSE_INSN_ACCESS:
	case CAUSE_LOAD_MISALIGNED:
	case CAUSE_LOAD_ACCESS:
	case CAUSE_STORE_MISALIGNED:
	case CAUSE_STORE_ACCESS:
	case CAUSE_SOFTWARE_CHECK:
		classic_inject(c, cause, csr_read(CSR_STVAL));
		return false;
	default:
		fatal(c, "a trap that no answer exists for");
		return true;
	}
}
