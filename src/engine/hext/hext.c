/* The engine's table: probe, VMs, and the loop around the guest. */
#include "engine/hext/hext.h"

#include <errno.h>

#include "host/bare/bare.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"

_Static_assert(offsetof(struct hext_vcpu, frame) == 0, "entry.S");
_Static_assert(offsetof(struct hext_frame, pc) == FRAME_PC, "entry.S");
_Static_assert(offsetof(struct hext_frame, sstatus) == FRAME_SSTATUS, "entry.S");
_Static_assert(offsetof(struct hext_frame, hstatus) == FRAME_HSTATUS, "entry.S");
_Static_assert(offsetof(struct hext_frame, host_sp) == FRAME_HOST_SP, "entry.S");
_Static_assert(offsetof(struct hext_frame, host_tp) == FRAME_HOST_TP, "entry.S");
_Static_assert(offsetof(struct hext_frame, light) == FRAME_LIGHT, "entry.S");
_Static_assert(offsetof(struct hext_frame, scause) == FRAME_SCAUSE, "entry.S");

struct hext_machine hext_machine;

/* VMIDs in use; 0 is never given to a VM. */
static struct {
	struct lock lock;
	u64 used[1024 / 64];
} vmid_pool;

static unsigned vmid_alloc(void)
{
	unsigned vmid = 0;

	lock_take(&vmid_pool.lock);
	for (unsigned i = 1; !vmid && i < hext_machine.vmids && i < 1024; i++)
		if (!(vmid_pool.used[i / 64] >> (i % 64) & 1))
			vmid = i;
	vmid_pool.used[vmid / 64] |= BIT(vmid % 64);
	lock_drop(&vmid_pool.lock);
	return vmid;
}

static void vmid_free(unsigned vmid)
{
	lock_take(&vmid_pool.lock);
	vmid_pool.used[vmid / 64] &= ~BIT(vmid % 64);
	lock_drop(&vmid_pool.lock);
}

/* Rare (a VM ended, or lost memory): the firmware reaches the harts that it ran on, and no others,
 * which may have better things to do. */
static void forget_translations(const struct hext_vm *hv)
{
	u64 harts = 0;

	for (unsigned hart = 0; hart < HEXT_HARTS; hart++)
		if (hv->last_serial[hart])
			harts |= BIT(hart);
	hfence_gvma_vmid(hv->vmid);
	bare_remote_hfence_gvma_vmid(harts, hv->vmid);
}

/* ---- VMs ---- */

/* Extensions that hang on a bit of henvcfg. */
static const struct {
	enum isa_ext ext;
	u64 henvcfg;
} enabled_by[] = {
	{ ISA_ZICBOZ, HENVCFG_CBZE },
	{ ISA_ZICBOM, HENVCFG_CBCFE | HENVCFG_CBIE_FLUSH },
	{ ISA_SVPBMT, HENVCFG_PBMTE },
	{ ISA_SVADU, HENVCFG_ADUE },
	{ ISA_SSTC, HENVCFG_STCE },
};

/* What a guest gets: all that needs nothing, the register files that are switched, and what
 * henvcfg really enables. The string never promises more. */
static void guest_isa(struct isa *isa)
{
	const struct hext_machine *m = &hext_machine;

	isa_add_class(isa, &m->isa, ISA_CLASS_USER);
	isa_add_class(isa, &m->isa, ISA_CLASS_SUPERVISOR);
	if (m->fp)
		isa_add_class(isa, &m->isa, ISA_CLASS_FP);
	if (m->fp && m->vlenb)
		isa_add_class(isa, &m->isa, ISA_CLASS_VECTOR);
	if (isa_has(&m->isa, ISA_ZICNTR))
		isa_set(isa, ISA_ZICNTR);
	for (unsigned i = 0; i < ARRAY_SIZE(enabled_by); i++)
		if (isa_has(&m->isa, enabled_by[i].ext) &&
		    (m->henvcfg_mask & enabled_by[i].henvcfg) == enabled_by[i].henvcfg)
			isa_set(isa, enabled_by[i].ext);
	if (!m->sstc)
		isa_clear(isa, ISA_SSTC);
}

static int hext_vm_init(struct vm *vm)
{
	struct hext_vm *hv = host_alloc(sizeof(*hv), &vm->account);
	int err;

	vm->engine_state = hv;
	if (!hv)
		return -ENOMEM;
	err = gstage_init(&hv->gstage, hext_machine.gstage_mode, &vm->account);
	if (err)
		return err;
	hv->vmid = vmid_alloc();
	hv->hgatp = hv->gstage.mode << HGATP_MODE_SHIFT | (u64)hv->vmid << HGATP_VMID_SHIFT |
		    host_pa(hv->gstage.root) >> 12;
	guest_isa(&hv->isa);
	return 0;
}

static void hext_vm_fini(struct vm *vm)
{
	struct hext_vm *hv = vm->engine_state;

	if (!hv)
		return;
	if (hv->hgatp) {
		/* Other harts may still hold translations; they go before the tables do. */
		forget_translations(hv);
		vmid_free(hv->vmid);
	}
	gstage_fini(&hv->gstage);
	host_free(hv, sizeof(*hv), &vm->account);
	vm->engine_state = NULL;
}

static int hext_map(struct vm *vm, u64 gpa, u64 pa, u64 size, unsigned prot)
{
	return gstage_map(&hext_vm_of(vm)->gstage, gpa, pa, size, prot);
}

static void hext_unmap(struct vm *vm, u64 gpa, u64 size)
{
	gstage_unmap(&hext_vm_of(vm)->gstage, gpa, size);
	forget_translations(hext_vm_of(vm));
}

/* ---- vCPUs ---- */

static void hext_answer(struct hext_vcpu *h)
{
	switch (h->priv->exit.kind) {
	case EXIT_MMIO:
		hext_answer_mmio(h);
		break;
	case EXIT_SBI:
		if (h->priv->exit.sbi.no_return)
			break;
		exit_answer_sbi(&h->priv->exit, h->frame.x);
		h->frame.pc += 4;
		break;
	default:
		break;
	}
	h->priv->exit.kind = EXIT_NONE;
}

/*
 * Into the guest, unless somebody wants something: the mode is set first and requests are read
 * then, so that whoever makes a request either is seen here or sees us inside and interrupts.
 */
static bool hext_inside(struct hext_vcpu *h)
{
	u32 requests;

	__atomic_store_n(&h->shared->fences.inside, true, __ATOMIC_SEQ_CST);
	requests = __atomic_load_n(&h->vcpu->requests, __ATOMIC_SEQ_CST);
	/* Once: who asks from here on sees us inside, interrupts and waits. A flood of fences must
	 * not keep the guest out, as only in the guest the hart is preempted. */
	if (requests & VCPU_REQ_ENGINE)
		hext_take_fences(h);
	requests &= ~(u32)VCPU_REQ_ENGINE;
	if (!requests) {
		hext_sync_irqs(h);
		hext_enter(&h->frame);
	}
	__atomic_store_n(&h->shared->fences.inside, false, __ATOMIC_RELEASE);
	return !requests;
}

static void hext_run(struct vcpu *v)
{
	struct hext_vcpu *h = hext_of(v);

	if (!h->live)
		hext_arrive(h);
	hext_answer(h);
	hext_check_timer(h);
	while (hext_inside(h))
		if (hext_trap(h))
			return;
}

static void hext_get_regs(struct vcpu *v, struct engine_regs *regs)
{
	const struct hext_vcpu *h = hext_of(v);

	for (unsigned i = 0; i < 32; i++)
		regs->x[i] = h->frame.x[i];
	regs->pc = h->frame.pc;
}

static void hext_set_regs(struct vcpu *v, const struct engine_regs *regs)
{
	struct hext_vcpu *h = hext_of(v);

	for (unsigned i = 1; i < 32; i++)
		h->frame.x[i] = regs->x[i];
	h->frame.pc = regs->pc;
}

static const struct isa *hext_guest_isa(const struct vm *vm)
{
	return &hext_vm_of(vm)->isa;
}

static const char *hext_mmu_type(const struct vm *vm unused)
{
	static const char *const names[] = { "riscv,none", "riscv,sv39", "riscv,sv48", "riscv,sv57" };

	return names[hext_machine.vsatp_levels > 2 ? hext_machine.vsatp_levels - 2 : 0];
}

const struct engine_ops hext_engine = {
	.name = "hext",
	.vm_init = hext_vm_init,
	.vm_fini = hext_vm_fini,
	.map = hext_map,
	.unmap = hext_unmap,
	.vcpu_init = hext_vcpu_init,
	.vcpu_fini = hext_vcpu_fini,
	.vcpu_reset = hext_reset,
	.run = hext_run,
	.put = hext_put,
	.irq = hext_irq,
	.fence = hext_fence,
	.set_timer = hext_set_timer,
	.wakeup_pending = hext_wakeup_pending,
	.timer_due = hext_timer_due,
	.get_regs = hext_get_regs,
	.set_regs = hext_set_regs,
	.guest_isa = hext_guest_isa,
	.mmu_type = hext_mmu_type,
};
