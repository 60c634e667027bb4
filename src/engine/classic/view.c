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
	c->frame.guest_satp = c->frame.views[classic_view(c)];
	c->frame.quick = c->vs.user ? c->frame.quick_user : c->frame.quick_kernel;
}

/* All three: quick.S changes between them. */
static void make_views(struct classic_vcpu *c)
{
	for (unsigned view = 0; view < SHADOW_VIEWS; view++)
		c->frame.views[view] = shadow_satp(c->shadow, (enum shadow_view)view);
	classic_sync_view(c);
}

/* ---- Fences: what was taken out of the tables may be executed no more either */

static void forget_local_insns(struct classic_vcpu *c)
{
	if (c->insns_local)
		classic_forget_insns(c);
}

void classic_drop_all(struct classic_vcpu *c)
{
	shadow_drop_all(c->shadow);
	classic_forget_mmio(c);
	c->walked_part = ~0ul;
	classic_forget_insns(c);
}

void classic_drop_asid(struct classic_vcpu *c, unsigned asid)
{
	shadow_drop_asid(c->shadow, asid);
	classic_forget_mmio(c);
	c->walked_part = ~0ul;
	forget_local_insns(c);
}

static inline void forget_mmio_page(struct classic_vcpu *c, u64 va)
{
	if (covers_has(&c->mmio_at, va) || covers_has(&c->mmio_text_at, va))
		classic_forget_mmio(c);
}

void classic_drop_page(struct classic_vcpu *c, u64 va)
{
	shadow_drop_page(c->shadow, va);
	forget_mmio_page(c, va);
	if (covers_has(&c->insns_at, va))
		classic_forget_insns(c);
}

void classic_drop_page_asid(struct classic_vcpu *c, u64 va, unsigned asid)
{
	shadow_drop_page_asid(c->shadow, va, asid);
	forget_mmio_page(c, va);
	if (covers_has(&c->insns_at, va))
		forget_local_insns(c);
}

void classic_sync_satp(struct classic_vcpu *c)
{
	shadow_switch(c->shadow, c->vs.satp);
	classic_forget_mmio(c);
	c->walked_part = ~0ul;
	forget_local_insns(c);
	make_views(c);
}

/* Entries say what MXR made of them ("Memory Privilege in sstatus"): it changes seldom. */
void classic_view_changed(struct classic_vcpu *c)
{
	u64 mxr = c->vs.sstatus & SSTATUS_MXR;

	if (mxr != c->mxr)
		classic_drop_all(c);
	c->mxr = mxr;
	classic_sync_view(c);
}

void classic_sync_gate(struct classic_vcpu *c)
{
	u64 code = SHADOW_GATE_VA(shadow_gate(c->shadow));

	c->frame.gate_exit = code + GATE_EXIT;
	c->frame.gate_back = code + GATE_BACK;
	c->frame.gate_data = code + PTE_PAGE_SIZE;
	csr_write(CSR_STVEC, code + GATE_VECTOR);
}

/*
 * "Supervisor Counter-Enable Register", "Supervisor Environment Configuration Register": they
 * restrict U-mode only, but here S-mode is in U-mode as well. Most kernels never notice, so the hart
 * has what U-mode may do; where S-mode is stopped by it, it has more until U-mode comes again.
 */
void classic_sync_user(struct classic_vcpu *c)
{
	bool kernel = c->frame.user_differs && !c->vs.user;
	u64 senvcfg = c->vs.senvcfg;

	/* "CBIE": what is only invalidated may show what was there before it was scrubbed. */
	if ((senvcfg & SENVCFG_CBIE) == SENVCFG_CBIE_INVAL)
		senvcfg ^= SENVCFG_CBIE_INVAL ^ SENVCFG_CBIE_FLUSH;

	csr_write(CSR_SCOUNTEREN, kernel ? classic_machine.counters : c->vs.scounteren);
	if (classic_machine.senvcfg)
		csr_write(CSR_SENVCFG, kernel ? classic_machine.senvcfg_mask : senvcfg);
}

void classic_user_changed(struct classic_vcpu *c)
{
	c->frame.user_differs = false;
	classic_sync_user(c);
}

bool classic_free_kernel(struct classic_vcpu *c)
{
	if (c->frame.user_differs ||
	    (c->vs.scounteren == classic_machine.counters &&
	     (!classic_machine.senvcfg || c->vs.senvcfg == classic_machine.senvcfg_mask)))
		return false;
	c->frame.user_differs = true;
	classic_sync_user(c);
	return true;
}
