/*
 * The guest's supervisor CSRs and register files between memory and the hart.
 * They move only when another vCPU comes: the hart keeps them while its vCPU
 * sleeps, and gets them again only if somebody else used it or they changed.
 */
#include <errno.h>

#include "engine/hext/hext.h"
#include "host/bare/probe.h"
#include "host/bare/registers.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"
#include "riscv/sbi.h"

/* Harts that were set up. Whose CSRs a hart holds, percpu()->engine says. */
static bool hext_ready[HEXT_HARTS];

static u64 hext_serial;

/* Exceptions that guests handle themselves. Illegal instructions come here first: they may
 * only mean that FP or vector state has to be loaded. */
#define HEDELEG                                                                                   \
	(BIT(CAUSE_INSN_MISALIGNED) | BIT(CAUSE_INSN_ACCESS) | BIT(CAUSE_BREAKPOINT) |            \
	 BIT(CAUSE_LOAD_MISALIGNED) | BIT(CAUSE_LOAD_ACCESS) | BIT(CAUSE_STORE_MISALIGNED) |      \
	 BIT(CAUSE_STORE_ACCESS) | BIT(CAUSE_ECALL_U) | BIT(CAUSE_INSN_PAGE_FAULT) |              \
	 BIT(CAUSE_LOAD_PAGE_FAULT) | BIT(CAUSE_STORE_PAGE_FAULT) | BIT(CAUSE_SOFTWARE_CHECK))
#define LIGHT_CAUSES                                                                              \
	(BIT(CAUSE_ECALL_VS) | BIT(CAUSE_LOAD_GUEST_PAGE_FAULT) | BIT(CAUSE_STORE_GUEST_PAGE_FAULT))
#define HIDELEG (BIT(IRQ_VS_SOFT) | BIT(IRQ_VS_TIMER) | BIT(IRQ_VS_EXT))

/* A vstimecmp that guests are not to have must not raise VSTIP by itself: it is 0 from reset on. */
static void hart_silence_vstimecmp(void)
{
	u64 value;

	if (!probe_csr(CSR_HENVCFG, &value) || !probe_csr(CSR_VSTIMECMP, &value))
		return;
	csr_set(CSR_HENVCFG, HENVCFG_STCE);
	csr_write(CSR_VSTIMECMP, ~0ul);
	csr_clear(CSR_HENVCFG, HENVCFG_STCE);
}

/* What does not depend on the vCPU; every control register is set on purpose. */
static void hart_setup(void)
{
	if (!hext_machine.sstc)
		hart_silence_vstimecmp();
	csr_write(CSR_HEDELEG, HEDELEG);
	csr_write(CSR_HIDELEG, HIDELEG);
	csr_write(CSR_HIE, 0);
	csr_write(CSR_HGEIE, 0);
	csr_write(CSR_HCOUNTEREN, COUNTEREN_CY | COUNTEREN_TM | COUNTEREN_IR);
	if (hext_machine.henvcfg)
		csr_write(CSR_HENVCFG, hext_machine.henvcfg_mask);
	/* hstateen1 to 3 control nothing yet, and firmware withholds them. */
	if (hext_machine.stateen)
		csr_write(CSR_HSTATEEN0, STATEEN_SE | STATEEN_ENVCFG | STATEEN_FCSR);
}

static void hext_load_csrs(struct hext_vcpu *h)
{
	/* "Hypervisor Guest Address Translation and Protection": no walk may see one guest's vsatp
	 * with another's hgatp. */
	csr_write(CSR_VSATP, 0);
	csr_write(CSR_HGATP, hext_vm_of(h->vcpu->vm)->hgatp);
	csr_write(CSR_HTIMEDELTA, -h->vcpu->vm->time_base);
	csr_write(CSR_VSSTATUS, h->vsstatus);
	csr_write(CSR_VSIE, h->vsie);
	csr_write(CSR_VSTVEC, h->vstvec);
	csr_write(CSR_VSSCRATCH, h->vsscratch);
	csr_write(CSR_VSEPC, h->vsepc);
	csr_write(CSR_VSCAUSE, h->vscause);
	csr_write(CSR_VSTVAL, h->vstval);
	csr_write(CSR_VSATP, h->vsatp);
	csr_write(CSR_HVIP, h->hvip | h->vsip_soft);
	csr_write(CSR_SCOUNTEREN, h->scounteren);
	if (hext_machine.henvcfg)
		csr_write(CSR_SENVCFG, h->senvcfg);
	if (hext_machine.stateen)
		csr_write(CSR_SSTATEEN0, h->sstateen0);
	if (hext_machine.siselect)
		csr_write(CSR_VSISELECT, h->vsiselect);
	if (hext_machine.sstc)
		csr_write(CSR_VSTIMECMP, h->vstimecmp);
}

static void hext_save_csrs(struct hext_vcpu *h)
{
	h->vsstatus = csr_read(CSR_VSSTATUS);
	h->vsie = csr_read(CSR_VSIE);
	h->vstvec = csr_read(CSR_VSTVEC);
	h->vsscratch = csr_read(CSR_VSSCRATCH);
	h->vsepc = csr_read(CSR_VSEPC);
	h->vscause = csr_read(CSR_VSCAUSE);
	h->vstval = csr_read(CSR_VSTVAL);
	h->vsatp = csr_read(CSR_VSATP);
	h->vsip_soft = csr_read(CSR_HVIP) & BIT(IRQ_VS_SOFT);
	h->scounteren = csr_read(CSR_SCOUNTEREN);
	if (hext_machine.henvcfg)
		h->senvcfg = csr_read(CSR_SENVCFG);
	if (hext_machine.stateen)
		h->sstateen0 = csr_read(CSR_SSTATEEN0);
	if (hext_machine.siselect)
		h->vsiselect = csr_read(CSR_VSISELECT);
	if (hext_machine.sstc)
		h->vstimecmp = csr_read(CSR_VSTIMECMP);
}

/*
 * The guest's ASIDs mean something per vCPU, its VMID is the VM's: where another vCPU of the VM
 * ran on this hart, or this one ran elsewhere in between, what the hart has cached is not ours
 * ("Hypervisor Memory-Management Fence Instructions"); its instruction cache may be old as well.
 * VMs beyond the number of VMIDs share VMID 0, and find nothing of each other.
 */
static void hext_settle(struct hext_vcpu *h, unsigned hart)
{
	struct hext_vm *vm = hext_vm_of(h->vcpu->vm);

	if (!vm->vmid)
		hfence_gvma_all();
	if (vm->last_serial[hart] == h->serial && h->hart == hart)
		return;
	hfence_vvma_all();
	fence_i();
	vm->last_serial[hart] = h->serial;
	h->hart = hart;
}

/* "Load-Reserved/Store-Conditional Instructions": the former vCPU's reservation must not let an SC
 * of this one succeed, whose own LR is long past. */
static void reservation_drop(void)
{
	u64 scratch, failed;

	__asm__ volatile("sc.d %0, zero, (%1)" : "=&r"(failed) : "r"(&scratch) : "memory");
}

void hext_arrive(struct hext_vcpu *h)
{
	unsigned hart = host_hart();

	h->live = true;
	percpu()->serving = h->vcpu->vm->config.name;
	if (percpu()->engine == h && h->hart == hart && !h->changed)
		return;
	if (!hext_ready[hart])
		hart_setup();
	hext_ready[hart] = true;
	csr_write(CSR_STVEC, (u64)hext_vector);
	/* What other harts mapped for the hypervisor before now is visible from here on, so that no
	 * page fault of its own comes between a guest's trap and the reading of its CSRs. */
	sfence_vma_all();
	reservation_drop();
	hext_load_csrs(h);
	hext_settle(h, hart);
	/* The register files follow when the guest touches them. */
	h->frame.sstatus &= ~(SSTATUS_FS | SSTATUS_VS);
	percpu()->engine = h;
	h->changed = false;
}

static void hext_save_fp(struct hext_vcpu *h)
{
	if ((h->frame.sstatus & SSTATUS_FS) != SSTATUS_FS_DIRTY)
		return;
	h->fcsr = registers_save_f(h->f);
	h->frame.sstatus = (h->frame.sstatus & ~SSTATUS_FS) | SSTATUS_FS_CLEAN;
}

static void hext_save_vector(struct hext_vcpu *h)
{
	if ((h->frame.sstatus & SSTATUS_VS) != SSTATUS_VS_DIRTY)
		return;
	csr_set(CSR_SSTATUS, SSTATUS_VS);
	h->vstart = csr_read(CSR_VSTART);
	h->vcsr = csr_read(CSR_VCSR);
	h->vl = csr_read(CSR_VL);
	h->vtype = csr_read(CSR_VTYPE);
	registers_save_v(h->v);
	h->frame.sstatus = (h->frame.sstatus & ~SSTATUS_VS) | SSTATUS_VS_CLEAN;
}

/* After this a hart still holds the same, so coming back to it costs next to nothing. */
void hext_put(struct vcpu *v)
{
	struct hext_vcpu *h = hext_of(v);

	if (!h->live)
		return;
	hext_save_csrs(h);
	hext_save_fp(h);
	hext_save_vector(h);
	h->live = false;
	percpu()->serving = NULL;
}

static bool hext_enable_fp(struct hext_vcpu *h)
{
	if (!hext_machine.fp || !(csr_read(CSR_VSSTATUS) & SSTATUS_FS) ||
	    (h->frame.sstatus & SSTATUS_FS))
		return false;
	registers_load_f(h->f, h->fcsr);
	h->frame.sstatus |= SSTATUS_FS_CLEAN;
	return true;
}

static bool hext_enable_vector(struct hext_vcpu *h)
{
	if (!hext_machine.vlenb || !(csr_read(CSR_VSSTATUS) & SSTATUS_VS) ||
	    (h->frame.sstatus & SSTATUS_VS))
		return false;
	if (!h->v) {
		h->v = host_private_alloc(h->vcpu->vm->space, 32 * hext_machine.vlenb);
		h->vtype = BIT(63); /* vill */
	}
	if (!h->v) {
		vm_log(h->vcpu->vm, "no memory left in its budget for vector registers");
		return false;
	}
	registers_load_v(h->v, h->vl, h->vtype);
	csr_write(CSR_VSTART, h->vstart);
	csr_write(CSR_VCSR, h->vcsr);
	h->frame.sstatus |= SSTATUS_VS_CLEAN;
	return true;
}

bool hext_enable_fp_or_vector(struct hext_vcpu *h)
{
	bool fp = hext_enable_fp(h);

	return hext_enable_vector(h) || fp;
}

u64 hext_fp_get(struct hext_vcpu *h, unsigned reg)
{
	hext_save_fp(h);
	return h->f[reg];
}

void hext_fp_set(struct hext_vcpu *h, unsigned reg, u64 value)
{
	hext_save_fp(h);
	h->f[reg] = value;
	registers_load_f(h->f, h->fcsr);
	h->frame.sstatus |= SSTATUS_FS_DIRTY;
	csr_set(CSR_VSSTATUS, SSTATUS_FS_DIRTY);
}

/* "Hart Start": satp 0, sstatus.SIE 0, a0 the hart id, a1 the argument; the rest unspecified. */
void hext_reset(struct vcpu *v, u64 pc, u64 a0, u64 a1)
{
	struct hext_vcpu *h = hext_of(v);

	hext_put(v);
	h->frame = (struct hext_frame){ .pc = pc };
	h->frame.x[10] = a0;
	h->frame.x[11] = a1;
	if (!hext_machine.no_light)
		h->frame.light = LIGHT_CAUSES;
	h->frame.sstatus = SSTATUS_SPP | SSTATUS_UXL_64;
	h->frame.hstatus = HSTATUS_SPV | HSTATUS_VSXL_64 | (v->vm->config.dedicated ? 0 : HSTATUS_VTW);
	h->vsstatus = SSTATUS_UXL_64;
	h->vsie = h->vstvec = h->vsscratch = h->vsepc = h->vscause = h->vstval = h->vsatp = 0;
	/* As firmware leaves it: a kernel that never writes it lets its processes read the time. */
	h->scounteren = COUNTEREN_CY | COUNTEREN_TM | COUNTEREN_IR;
	h->senvcfg = h->sstateen0 = h->vsiselect = 0;
	h->fcsr = h->vstart = h->vcsr = h->vl = 0;
	h->vtype = BIT(63);
	h->changed = true;
	/* What ended a suspension is still pending. */
	if (v->hsm == SBI_HSM_RESUME_PENDING)
		return;
	h->vsip_soft = 0;
	h->vstimecmp = h->deadline = ~0ul;
	__atomic_fetch_and(&h->shared->irqs, (u32)BIT(IRQ_VS_EXT), __ATOMIC_ACQ_REL);
}

int hext_vcpu_init(struct vcpu *v)
{
	struct hext_shared *shared = host_alloc(sizeof(*shared), &v->vm->account);
	struct hext_vcpu *h = host_private_alloc(v->vm->space, sizeof(*h));

	v->engine = shared;
	v->priv->engine = h;
	if (!shared || !h)
		return -ENOMEM;
	h->vcpu = v;
	h->priv = v->priv;
	h->bus = &v->vm->bus;
	h->shared = shared;
	h->serial = __atomic_add_fetch(&hext_serial, 1, __ATOMIC_RELAXED);
	h->hart = HEXT_HARTS;
	h->deadline = ~0ul;
	return 0;
}

void hext_vcpu_fini(struct vcpu *v)
{
	struct hext_vcpu *h = v->priv ? v->priv->engine : NULL;

	if (h && h->v)
		host_private_free(v->vm->space, h->v, 32 * hext_machine.vlenb);
	if (h)
		host_private_free(v->vm->space, h, sizeof(*h));
	if (v->engine)
		host_free(v->engine, sizeof(struct hext_shared), &v->vm->account);
}
