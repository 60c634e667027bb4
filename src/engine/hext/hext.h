/*
 * The engine for harts with the hypervisor extension: the guest's kernel runs
 * in VS-mode, its processes in VU-mode, memory through two stages of tables.
 * Privileged Architecture, "Hypervisor Extension".
 */
#ifndef ENGINE_HEXT_HEXT_H
#define ENGINE_HEXT_HEXT_H

#include "engine/hext/frame.h"
#include "engine/hext/gstage.h"
#include "riscv/insn.h"
#include "riscv/isa.h"
#include "vm/fences.h"
#include "vm/vm.h"

extern const struct engine_ops hext_engine;

/* What is found on this machine, once, on the boot hart; false when it has no H extension. */
bool hext_probe(void);

#define HEXT_HARTS 64

/* vcpu->engine: what other tasks touch. */
struct hext_shared {
	u32 irqs; /* atomic; bits of hvip: levels, and the edge of VSSIP until it is taken over */
	struct fences fences;
};

/* vcpu->priv->engine: the guest's own. */
struct hext_vcpu {
	struct hext_frame frame; /* first: entry.S knows only this */
	struct vcpu *vcpu;
	struct vcpu_private *priv;
	struct bus *bus; /* the VM's */
	struct hext_shared *shared;
	u64 serial;       /* never used again for another vCPU */
	bool live;        /* the hart's CSRs are newer than the copies here */
	bool changed;     /* the copies are newer than what a hart may still hold */
	unsigned hart;    /* where it ran last */
	u64 hvip;         /* levels as last written to hvip */
	u64 deadline;     /* of the guest's timer where there is no Sstc, guest ticks */
	struct insn_access access; /* being answered: mmio.c */
	u64 access_stval;

	/* Copies of the CSRs, valid while not live. */
	u64 vsstatus, vsie, vstvec, vsscratch, vsepc, vscause, vstval, vsatp;
	u64 vsip_soft;    /* VSSIP as it was in hvip */
	u64 vstimecmp;
	u64 scounteren, senvcfg, sstateen0, vsiselect;

	u64 f[32];
	u64 fcsr;
	u8 *v; /* the vector registers, NULL until first used */
	u64 vstart, vcsr, vl, vtype;
};

/* vm->engine_state */
struct hext_vm {
	struct gstage gstage;
	unsigned vmid;
	u64 hgatp;
	struct isa isa;                /* the guest's */
	u64 last_serial[HEXT_HARTS];   /* which of its vCPUs ran last on each hart */
};

/* What the engine found on the machine. */
struct hext_machine {
	struct isa isa; /* the host's */
	bool sstc, svinval, henvcfg, stateen;
	bool siselect; /* guests reach vsiselect: AIA without Smstateen */
	bool fp; /* F and D: F alone is not switched, and no guest gets it */
	u64 henvcfg_mask;  /* the bits of henvcfg that can be set */
	u64 gstage_mode;   /* HGATP_MODE_*: the smallest that there is */
	unsigned vmids;    /* number of VMIDs, a power of two */
	unsigned vsatp_levels; /* of the deepest first-stage mode, 0: none */
	u64 vlenb;         /* bytes of a vector register, 0: no V */
	/* For tests and benchmarks, by the boot argument hide=: */
	bool no_htinst;    /* do as if the hart left htinst 0 */
	bool no_light;     /* everything takes the plain path */
};
extern struct hext_machine hext_machine;

static inline struct hext_vcpu *hext_of(const struct vcpu *v) { return v->priv->engine; }
static inline struct hext_vm *hext_vm_of(const struct vm *vm) { return vm->engine_state; }

/* state.c: the guest's CSRs and register files between memory and the hart. */
void hext_arrive(struct hext_vcpu *h);    /* makes it live on this hart */
void hext_put(struct vcpu *v);
void hext_reset(struct vcpu *v, u64 pc, u64 a0, u64 a1);
bool hext_enable_fp_or_vector(struct hext_vcpu *h); /* false: the guest has it off */
int hext_vcpu_init(struct vcpu *v);
void hext_vcpu_fini(struct vcpu *v);
u64 hext_fp_get(struct hext_vcpu *h, unsigned reg);
void hext_fp_set(struct hext_vcpu *h, unsigned reg, u64 value);

/* irq.c: interrupts, timer, fences. */
void hext_take_irqs(struct hext_vcpu *h, u64 irqs);
/* Before every entry into the guest: hvip follows what was asked for. */
static inline void hext_sync_irqs(struct hext_vcpu *h)
{
	u64 irqs = __atomic_load_n(&h->shared->irqs, __ATOMIC_ACQUIRE);

	if (irqs != h->hvip)
		hext_take_irqs(h, irqs);
}

void hext_irq(struct vcpu *v, enum engine_irq irq, bool level);
void hext_check_timer(struct hext_vcpu *h);
void hext_set_timer(struct vcpu *v, u64 deadline);
u64 hext_timer_due(struct vcpu *v);
bool hext_wakeup_pending(struct vcpu *v);
void hext_fence(struct vcpu *v, const struct fence *fence);
void hext_fence_here(const struct fence *fence); /* on this hart, whose hgatp is the VM's */
void hext_take_fences(struct hext_vcpu *h);

/* trap.c: what the guest's exits mean. False: go on in the guest. */
bool hext_trap(struct hext_vcpu *h);
void hext_inject(struct hext_vcpu *h, u64 cause, u64 tval);
/* The guest's instruction; of a compressed one the high half is anything. 0 where the guest could
 * not fetch it, or for the illegal instruction that is 0: the CSRs of its trap may be gone then. */
u32 hext_fetch(u64 pc);

/* mmio.c */
bool hext_guest_page_fault(struct hext_vcpu *h);
void hext_answer_mmio(struct hext_vcpu *h);

#endif
