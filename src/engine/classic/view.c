/*
 * What the guest sees of memory, and what its U-mode may do, follows its mode, SUM, MXR, satp and
 * scounteren. Everything here is about the hart and the shadow tables; the guest's own state is
 * vs's.
 */
#include "engine/classic/classic.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"

enum shadow_view classic_view(const struct classic_vcpu *c)
{
	if (c->vs.user)
		return SHADOW_U;
	return c->vs.sstatus & SSTATUS_SUM ? SHADOW_SUM : SHADOW_S;
}

void classic_sync_view(struct classic_vcpu *c)
{
	c->frame.guest_satp = shadow_satp(c->shadow, classic_view(c));
}

void classic_sync_satp(struct classic_vcpu *c)
{
	shadow_switch(c->shadow, c->vs.satp);
	classic_sync_view(c);
}

/* Entries say what MXR made of them ("Memory Privilege in sstatus"): it changes seldom. */
void classic_view_changed(struct classic_vcpu *c)
{
	u64 mxr = c->vs.sstatus & SSTATUS_MXR;

	if (mxr != c->mxr)
		shadow_drop_all(c->shadow);
	c->mxr = mxr;
	classic_sync_view(c);
}

void classic_sync_gate(struct classic_vcpu *c)
{
	u64 code = SHADOW_GATE_VA(shadow_gate(c->shadow));

	c->frame.gate_exit = code + GATE_EXIT;
	c->frame.gate_data = code + PTE_PAGE_SIZE;
	csr_write(CSR_STVEC, code + GATE_VECTOR);
}

void classic_user_changed(struct classic_vcpu *c)
{
	c->user_differs = c->vs.scounteren != classic_machine.counters ||
			  (classic_machine.senvcfg &&
			   c->vs.senvcfg != classic_machine.senvcfg_mask);
	classic_sync_user(c);
}

/* "Supervisor Counter-Enable Register", "Supervisor Environment Configuration Register": they
 * restrict U-mode only, but here S-mode is in U-mode as well. */
void classic_sync_user(struct classic_vcpu *c)
{
	csr_write(CSR_SCOUNTEREN, c->vs.user ? c->vs.scounteren : classic_machine.counters);
	if (classic_machine.senvcfg)
		csr_write(CSR_SENVCFG, c->vs.user ? c->vs.senvcfg : classic_machine.senvcfg_mask);
}
