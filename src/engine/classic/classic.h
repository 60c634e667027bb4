/*
 * The engine for harts without the hypervisor extension: the guest's kernel runs in U-mode as its
 * processes do; what it may not do there traps and is carried out on virtual CSRs (riscv/vs.h);
 * its page tables are read into shadow tables, as a TLB would. Classic trap-and-emulate.
 */
#ifndef ENGINE_CLASSIC_CLASSIC_H
#define ENGINE_CLASSIC_CLASSIC_H

#include "engine/classic/frame.h"
#include "engine/classic/shadow.h"
#include "riscv/insn.h"
#include "riscv/isa.h"
#include "riscv/vs.h"
#include "riscv/walk.h"
#include "vm/fences.h"
#include "vm/vm.h"

extern const struct engine_ops classic_engine;

/* What is found on this machine, once, on the boot hart; false when it cannot be used. */
bool classic_probe(void);

#define CLASSIC_REGIONS 80
#define CLASSIC_TABLES_MAX 224 /* shadow tables a vCPU, 4 KiB each */
#define TEXT_PAGES_MAX 1024    /* rewritten pages a VM */

/* vcpu->engine: what other tasks touch. */
struct classic_shared {
	u32 irqs; /* atomic; bits of sip: levels, and the edge of SSIP until it is taken over */
	struct fences fences;
};

/* Addresses that a fence of one page may mean: all from the first page to the last one, and of
 * the guest's large pages the whole. */
struct covers {
	u64 first, last;
};

#define COVERS_NOTHING ((struct covers){ .first = ~0ul, .last = 0 })

static inline void covers_add(struct covers *s, u64 va, u64 size)
{
	s->first = min_u64(s->first, align_down(va, size));
	s->last = max_u64(s->last, va | (size - 1));
}

static inline bool covers_has(const struct covers *s, u64 va)
{
	return va >= s->first && va <= s->last;
}

/*
 * What mmio.c remembers, so that a device's register costs no walks and no decoding: pages that are
 * no memory, and loads and stores that met them. @key is the shadow root under which it was found;
 * fences and changes of satp make it 0, which no root is.
 */
struct classic_mmio_page {
	u64 key, va, gpa;
};

struct classic_mmio_insn {
	u64 key, pc;
	const u16 *text; /* where it is in the guest's memory, to see that it is still the same */
	u32 word;
	struct insn_access access;
};

#define CLASSIC_MMIO_PAGES 4
#define CLASSIC_MMIO_INSNS 8

/* vcpu->priv->engine: the guest's own. On a page of its own, as it begins with the frame. */
struct classic_vcpu {
	struct classic_frame frame; /* first: entry.S knows only this */
	struct vs vs;
	struct vcpu *vcpu;
	struct vcpu_private *priv;
	struct classic_shared *shared;
	struct shadow *shadow;
	unsigned asid;     /* the first of its SHADOW_ASIDS of the hart; 0: none */
	unsigned hart;     /* where it ran last */
	bool live;         /* the hart is set up for it */
	u64 mxr;           /* sstatus.MXR as the shadow tables have it */
	struct covers insns_at;   /* where the instructions of the cache are */
	bool insns;        /* there are any */
	bool insns_local;  /* not all in global pages */

	/*
	 * The table of the guest's 4 KiB pages for the 2 MiB that was walked last, as a hart may remember
	 * it: a fence of one address is about leaf entries only ("sfence.vma").
	 */
	u64 walked_part; /* va without its low 21 bits; ~0: none */
	u64 walked_ppn;
	u64 *walked;     /* the same, in the VM's space */

	/* An access being answered: mmio.c */
	struct insn_access access;
	u64 access_va;
	struct classic_mmio_page mmio_pages[CLASSIC_MMIO_PAGES];
	struct classic_mmio_insn mmio_insns[CLASSIC_MMIO_INSNS];
	u64 mmio_text; /* the page in which these all are */
	struct covers mmio_at, mmio_text_at;

	/* Register files: loaded means the hart has this vCPU's, dirty that memory is older. */
	bool fp_loaded, fp_dirty, v_loaded, v_dirty;
	u64 f[32];
	u64 fcsr;
	u8 *v; /* the vector registers, NULL until first used */
	u64 vstart, vcsr, vl, vtype;
};

/* A piece of guest-physical memory that is the host's. */
struct text;

struct classic_region {
	u64 gpa, pa, size;
	unsigned prot;
	u8 *ram; /* where the VM's space has it; NULL for what is not the guest's RAM */
	u64 *scanned; /* a bit per page: rewrite_scan() was there. NULL: text is not rewritten */
};

/* vm->engine_state */
struct classic_vm {
	struct isa isa; /* the guest's */
	struct vs_config config;
	unsigned region_count;
	struct classic_region regions[CLASSIC_REGIONS];

	struct text *text; /* NULL where nothing is rewritten */
	u32 drops;         /* rewrite.c: how often all vCPUs may be made to drop everything */
	u64 dropped;
};

/* What the engine found on the machine. */
struct classic_machine {
	struct isa isa;   /* the host's */
	bool fp;          /* F and D */
	u64 vlenb;        /* bytes of a vector register, 0: no V */
	bool senvcfg;
	unsigned asids;   /* of the hart; 1: none */
	u32 satp_modes;   /* bit n: MODE n */
	u64 senvcfg_mask; /* its bits that exist, of those that guests get */
	u32 counters;     /* bits of scounteren that U-mode can be given */
	const char *gate; /* the form of its code */
	u64 gate_pa;
	bool rewrite;     /* illegal instructions are not delegated: guest text is rewritten */
	bool no_light;    /* everything takes the plain path */
};
extern struct classic_machine classic_machine;

static inline struct classic_vcpu *classic_of(const struct vcpu *v) { return v->priv->engine; }
static inline struct classic_vm *classic_vm_of(const struct vm *vm) { return vm->engine_state; }
static inline struct classic_vm *vm_of(const struct classic_vcpu *c)
{
	return classic_vm_of(c->vcpu->vm);
}

/* state.c: the hart set up for a vCPU, and its register files. */
void classic_arrive(struct classic_vcpu *c);
void classic_put(struct vcpu *v);
void classic_reset(struct vcpu *v, u64 pc, u64 a0, u64 a1);
int classic_vcpu_init(struct vcpu *v);
void classic_vcpu_fini(struct vcpu *v);
/* Loads what the guest has on and the hart has not: false if that is nothing. */
bool classic_enable_fp_or_vector(struct classic_vcpu *c);
/* Takes over from the hart what the guest made dirty. */
void classic_note_dirty(struct classic_vcpu *c);
/* After the guest wrote FS or VS: the hart's sstatus follows. */
void classic_sync_state(struct classic_vcpu *c);
u64 classic_fp_get(struct classic_vcpu *c, unsigned reg);
void classic_fp_set(struct classic_vcpu *c, unsigned reg, u64 value);

/* view.c: what the guest sees of memory follows its mode, SUM, MXR and satp. */
void classic_drop_all(struct classic_vcpu *c);
void classic_drop_asid(struct classic_vcpu *c, unsigned asid);
void classic_drop_page(struct classic_vcpu *c, u64 va);
void classic_drop_page_asid(struct classic_vcpu *c, u64 va, unsigned asid);
enum shadow_view classic_view(const struct classic_vcpu *c);
void classic_sync_view(struct classic_vcpu *c);
void classic_sync_satp(struct classic_vcpu *c);
void classic_view_changed(struct classic_vcpu *c); /* SUM or MXR */
void classic_sync_gate(struct classic_vcpu *c);
void classic_sync_user(struct classic_vcpu *c);    /* what U-mode may do: counters, cache blocks */
/* The hart has what U-mode may do, and no more. */
void classic_user_changed(struct classic_vcpu *c);
/* S-mode was stopped by what may restrict U-mode only: false if it is not that. */
bool classic_free_kernel(struct classic_vcpu *c);

/* irq.c */
void classic_irq(struct vcpu *v, enum engine_irq irq, bool level);
void classic_take_irqs(struct classic_vcpu *c);
void classic_deliver(struct classic_vcpu *c);
void classic_timer_changed(struct classic_vcpu *c);
void classic_check_timer(struct classic_vcpu *c);
void classic_set_timer(struct vcpu *v, u64 deadline);
u64 classic_timer_due(struct vcpu *v);
bool classic_wakeup_pending(struct vcpu *v);
void classic_fence(struct vcpu *v, const struct fence *fence);
void classic_take_fences(struct classic_vcpu *c);

/* trap.c: what the guest's exits mean. False: go on in the guest. */
bool classic_trap(struct classic_vcpu *c);
void classic_inject(struct classic_vcpu *c, u64 cause, u64 tval);
void classic_sret(struct classic_vcpu *c);
/* What vs.h's functions say has changed. */
void classic_changed(struct classic_vcpu *c, unsigned changes);

/* privileged.c: one instruction of S-mode. True with a question in exit. */
bool classic_privileged(struct classic_vcpu *c, u32 insn);
/* Empties the cache of instructions. */
void classic_forget_insns(struct classic_vcpu *c);
/* sfence.vma, with the values of rs1 and rs2. */
void classic_fence_insn(struct classic_vcpu *c, u32 insn, u64 va, u64 asid);

/* NULL: there is no memory. */
static inline struct classic_region *classic_region_of(struct classic_vm *vm, u64 gpa)
{
	for (unsigned i = 0; i < vm->region_count; i++)
		if (gpa - vm->regions[i].gpa < vm->regions[i].size)
			return &vm->regions[i];
	return NULL;
}

/* fault.c: page faults. True with a question in exit. */
bool classic_page_fault(struct classic_vcpu *c, u64 cause, u64 va);
/* What of it needs no registers: false if @va is no memory, but @gpa. */
bool classic_fill(struct classic_vcpu *c, u64 cause, u64 va, u64 *gpa);
/* The guest's walk for one access, as riscv/walk.h; on WALK_OK a guest-physical address. */
int classic_walk(struct classic_vcpu *c, u64 va, enum walk_access access, struct walk_result *out);
/* The guest's instruction at @pc; of a compressed one the high half is anything. False where the
 * guest could not fetch it. */
bool classic_fetch(struct classic_vcpu *c, u64 pc, u32 *insn);
/* Where the instruction's first parcel is; NULL where the guest could not fetch it. */
const u16 *classic_text(struct classic_vcpu *c, u64 pc);

/* rewrite.c; see there */
int rewrite_init(struct vm *vm);
void rewrite_region(struct vm *vm, struct classic_region *r);
void rewrite_fini(struct vm *vm);
void rewrite_insn(struct classic_vcpu *c, u32 insn);
bool rewrite_breakpoint(struct classic_vcpu *c, u32 *insn);
bool rewrite_fill(struct classic_vcpu *c, u64 cause, struct shadow_page *page, u64 gpa, u64 pa);
void rewrite_wrote(struct vm *vm, u64 gpa, u64 size);
/* What rewrite_fill() refused. */
void rewrite_access(struct classic_vcpu *c, u64 cause, u64 va, u64 gpa);

/* mmio.c */
/* The plain load or store at pc, if it accesses @va. */
bool classic_decode(struct classic_vcpu *c, u64 va, struct insn_access *a);
u64 classic_store_value(struct classic_vcpu *c, const struct insn_access *a);
/* Loads @value, zero-extended, into the register, and goes on behind the instruction. */
void classic_finish_access(struct classic_vcpu *c, const struct insn_access *a, u64 value);
bool classic_mmio(struct classic_vcpu *c, u64 cause, u64 va, u64 gpa);
/* With the caller-saved registers only, the page fault of @cause at va: false if it is not one that
 * was met before. */
bool classic_light_mmio(struct classic_vcpu *c, u64 cause, u64 va);
void classic_forget_mmio(struct classic_vcpu *c);
/* The access fault that goes with a page fault. */
u64 classic_access_fault(u64 cause);
void classic_answer_mmio(struct classic_vcpu *c);

#endif
