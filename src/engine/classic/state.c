/*
 * The hart set up for a vCPU, and the register files between memory and the hart. They move only
 * when another vCPU comes: the hart keeps them while its vCPU sleeps.
 */
#include <errno.h>

#include "engine/classic/classic.h"
#include "host/bare/bare.h"
#include "host/bare/cpu.h"
#include "host/bare/percpu.h"
#include "host/bare/registers.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"
#include "riscv/sbi.h"

/* ---- ASIDs of the hart: a block for each vCPU, above those of the hypervisor's spaces. ---- */

#define ASIDS_FIRST 256
#define ASID_BLOCKS 1024

static struct {
	struct lock lock;
	u64 used[ASID_BLOCKS / 64];
} asid_pool;

/* 0 when there are none left. Harts that never had any flush at each change of satp (the gate of that
 * form). */
static unsigned asid_alloc(void)
{
	unsigned asid = 0;

	lock_take(&asid_pool.lock);
	for (unsigned i = 0; i < ASID_BLOCKS && !asid; i++) {
		unsigned first = ASIDS_FIRST + i * SHADOW_ASIDS;

		if (first + SHADOW_ASIDS > classic_machine.asids)
			break;
		if (asid_pool.used[i / 64] & BIT(i % 64))
			continue;
		asid_pool.used[i / 64] |= BIT(i % 64);
		asid = first;
	}
	lock_drop(&asid_pool.lock);
	return asid;
}

static void asid_free(unsigned asid)
{
	unsigned i = (asid - ASIDS_FIRST) / SHADOW_ASIDS;

	if (!asid)
		return;
	lock_take(&asid_pool.lock);
	asid_pool.used[i / 64] &= ~BIT(i % 64);
	lock_drop(&asid_pool.lock);
}

/* ---- Coming and going ---- */

/* "Load-Reserved/Store-Conditional Instructions": the former vCPU's reservation must not let an SC
 * of this one succeed, whose own LR is long past. */
static void reservation_drop(void)
{
	u64 scratch, failed;

	__asm__ volatile("sc.d %0, zero, (%1)" : "=&r"(failed) : "r"(&scratch) : "memory");
}

void classic_arrive(struct classic_vcpu *c)
{
	unsigned hart = host_hart();

	c->live = true;
	percpu()->serving = c->vcpu->vm->config.name;
	if (percpu()->engine == c && c->hart == hart)
		return;
	c->frame.host_satp = csr_read(CSR_SATP);
	/* The last trap from a guest with H may have left SPV set. */
	if (cpu_features.h)
		csr_write(CSR_HSTATUS, HSTATUS_VSXL_64);
	/* What the hart cached of this vCPU, when it was here before it was elsewhere, may be old. */
	sfence_vma_all();
	fence_i();
	reservation_drop();
	classic_sync_gate(c);
	classic_sync_user(c);
	c->fp_loaded = c->v_loaded = false;
	/* quick.S looks for Dirty in the hart's sstatus only. */
	if (vs_dirty_fields(c->vs.sstatus))
		classic_enable_fp_or_vector(c);
	classic_sync_state(c);
	c->hart = hart;
	percpu()->engine = c;
}

static void save_fp(struct classic_vcpu *c)
{
	if (!c->fp_dirty)
		return;
	c->fcsr = registers_save_f(c->f);
	c->fp_dirty = false;
}

static void save_vector(struct classic_vcpu *c)
{
	if (!c->v_dirty)
		return;
	csr_set(CSR_SSTATUS, SSTATUS_VS);
	c->vstart = csr_read(CSR_VSTART);
	c->vcsr = csr_read(CSR_VCSR);
	c->vl = csr_read(CSR_VL);
	c->vtype = csr_read(CSR_VTYPE);
	registers_save_v(c->v);
	c->v_dirty = false;
}

void classic_put(struct vcpu *v)
{
	struct classic_vcpu *c = classic_of(v);

	if (!c->live)
		return;
	save_fp(c);
	save_vector(c);
	c->live = false;
	percpu()->serving = NULL;
}

/* ---- Register files ---- */

void classic_note_dirty(struct classic_vcpu *c)
{
	u64 seen;

	vs_state_dirty(&c->vs, c->frame.sstatus);
	c->vs.sstatus &= ~SSTATUS_SD;
	seen = c->frame.sstatus | c->frame.dirtied;
	c->frame.dirtied = 0;
	if ((seen & SSTATUS_FS) == SSTATUS_FS_DIRTY)
		c->fp_dirty = true;
	if ((seen & SSTATUS_VS) == SSTATUS_VS_DIRTY)
		c->v_dirty = true;
}

/* The hart has on what the guest has on, as far as it holds the guest's registers. */
void classic_sync_state(struct classic_vcpu *c)
{
	c->frame.loaded = (c->fp_loaded ? SSTATUS_FS : 0) | (c->v_loaded ? SSTATUS_VS : 0);
	c->frame.sstatus &= ~(SSTATUS_FS | SSTATUS_VS);
	c->frame.sstatus |= c->vs.sstatus & c->frame.loaded;
}

static bool enable_fp(struct classic_vcpu *c)
{
	if (!classic_machine.fp || c->fp_loaded || !(c->vs.sstatus & SSTATUS_FS))
		return false;
	registers_load_f(c->f, c->fcsr);
	return c->fp_loaded = true;
}

static bool enable_vector(struct classic_vcpu *c)
{
	if (!classic_machine.vlenb || c->v_loaded || !(c->vs.sstatus & SSTATUS_VS))
		return false;
	if (!c->v) {
		c->v = host_private_alloc(c->vcpu->vm->space, 32 * classic_machine.vlenb);
		c->vtype = BIT(63); /* vill */
	}
	if (!c->v) {
		vm_log(c->vcpu->vm, "no memory left in its budget for vector registers");
		return false;
	}
	registers_load_v(c->v, c->vl, c->vtype);
	csr_write(CSR_VSTART, c->vstart);
	csr_write(CSR_VCSR, c->vcsr);
	return c->v_loaded = true;
}

bool classic_enable_fp_or_vector(struct classic_vcpu *c)
{
	bool fp = enable_fp(c), vector = enable_vector(c);

	if (fp || vector)
		classic_sync_state(c);
	return fp || vector;
}

u64 classic_fp_get(struct classic_vcpu *c, unsigned reg)
{
	save_fp(c);
	return c->f[reg];
}

void classic_fp_set(struct classic_vcpu *c, unsigned reg, u64 value)
{
	save_fp(c);
	c->f[reg] = value;
	registers_load_f(c->f, c->fcsr);
	c->fp_loaded = c->fp_dirty = true;
	c->vs.sstatus |= SSTATUS_FS_DIRTY;
	classic_sync_state(c);
}

/* ---- Beginning and end ---- */

/* "Hart Start": satp 0, sstatus.SIE 0, a0 the hart id, a1 the argument; the rest unspecified. */
static void reset_registers(struct classic_vcpu *c, u64 pc, u64 a0, u64 a1)
{
	for (unsigned i = 0; i < 32; i++)
		c->frame.x[i] = 0;
	c->frame.x[10] = a0;
	c->frame.x[11] = a1;
	c->frame.pc = pc;
	c->frame.sstatus = SSTATUS_UXL_64;
	c->fp_loaded = c->fp_dirty = c->v_loaded = c->v_dirty = false;
	c->frame.loaded = c->frame.dirtied = 0;
	c->fcsr = c->vstart = c->vcsr = c->vl = 0;
	c->vtype = BIT(63);
}

void classic_reset(struct vcpu *v, u64 pc, u64 a0, u64 a1)
{
	struct classic_vcpu *c = classic_of(v);
	u64 sip = c->vs.sip, stimecmp = c->vs.stimecmp;

	classic_put(v);
	reset_registers(c, pc, a0, a1);
	vs_reset(&c->vs);
	/* As firmware leaves it: a kernel that never writes it lets its processes read the time. */
	c->vs.scounteren = classic_machine.counters;
	c->mxr = 0;
	c->frame.state_mask = SSTATUS_SD | SSTATUS_FS | SSTATUS_VS;
	c->frame.writable = vm_of(c)->config.sstatus_mask;
	if (!classic_machine.no_light) {
		c->frame.quick_kernel = BIT(CAUSE_ILLEGAL_INSN) |
					(vm_of(c)->text ? BIT(CAUSE_BREAKPOINT) : 0);
		c->frame.quick_user = BIT(CAUSE_ECALL_U);
		c->frame.light = BIT(CAUSE_ECALL_U) | BIT(CAUSE_INSN_PAGE_FAULT) |
				 BIT(CAUSE_LOAD_PAGE_FAULT) | BIT(CAUSE_STORE_PAGE_FAULT);
	}
	c->insns = true;
	classic_forget_insns(c);
	c->hart = ~0u;
	classic_drop_all(c);
	classic_sync_satp(c);
	c->frame.user_differs = false;
	/* What ended a suspension is still pending. */
	if (v->hsm == SBI_HSM_RESUME_PENDING) {
		c->vs.sip = sip;
		c->vs.stimecmp = stimecmp;
		return;
	}
	__atomic_fetch_and(&c->shared->irqs, ~(u32)SIP_SSIP, __ATOMIC_ACQ_REL);
}

#define CACHE_SIZE (CLASSIC_INSNS * sizeof(struct classic_insn))

/* Only while entries of other roots stay valid does the hart have to be told of each. */
static void flush_page(u64 va, unsigned asid)
{
	if (asid)
		__asm__ volatile("sfence.vma %0, %1" ::"r"(va), "r"((u64)asid) : "memory");
}

static void flush_everywhere(u64 va)
{
	__asm__ volatile("sfence.vma %0, zero" ::"r"(va) : "memory");
}

static void flush_root(unsigned asid)
{
	if (asid)
		__asm__ volatile("sfence.vma zero, %0" ::"r"((u64)asid) : "memory");
}

static const struct shadow_flush flush = {
	.page = flush_page, .everywhere = flush_everywhere, .root = flush_root
};

int classic_vcpu_init(struct vcpu *v)
{
	struct classic_shared *shared = host_alloc(sizeof(*shared), &v->vm->account);
	struct classic_vcpu *c = host_private_alloc(v->vm->space, PTE_PAGE_SIZE);
	struct classic_insn *cache = host_private_alloc(v->vm->space, CACHE_SIZE);

	v->engine = shared;
	v->priv->engine = c;
	if (!shared || !c || !cache) {
		host_private_free(v->vm->space, cache, CACHE_SIZE);
		return -ENOMEM;
	}
	c->frame.cache = cache;
	c->vcpu = v;
	c->priv = v->priv;
	c->shared = shared;
	c->frame.self = (u64)(uintptr_t)c;
	c->asid = asid_alloc();
	/* The gate of all does not flush: without ASIDs of its own it would find others' entries. */
	if (!c->asid && classic_machine.asids > 1) {
		vm_log(v->vm, "no address-space identifiers of the hart are left for vCPU %u", v->id);
		return -ENOSPC;
	}
	c->shadow = shadow_create(&flush, c->asid, classic_machine.gate_pa, bare_private_pa(c),
				  CLASSIC_TABLES_MAX, &v->vm->account);
	return c->shadow ? 0 : -ENOMEM;
}

void classic_vcpu_fini(struct vcpu *v)
{
	struct classic_vcpu *c = v->priv ? v->priv->engine : NULL;

	if (c && c->shadow)
		shadow_destroy(c->shadow);
	if (c && c->v)
		host_private_free(v->vm->space, c->v, 32 * classic_machine.vlenb);
	if (c) {
		asid_free(c->asid);
		host_private_free(v->vm->space, c->frame.cache, CACHE_SIZE);
		host_private_free(v->vm->space, c, PTE_PAGE_SIZE);
	}
	if (v->engine)
		host_free(v->engine, sizeof(struct classic_shared), &v->vm->account);
}
