/*
 * What runs a vCPU. An engine runs it until it needs an answer; the core writes
 * the answer into vcpu->exit; the engine delivers it when it enters the guest
 * the next time.
 */
#ifndef VM_ENGINE_H
#define VM_ENGINE_H

#include "lib/types.h"

struct vm;
struct vcpu;
struct isa;

enum engine_prot { PROT_R = 1, PROT_W = 2, PROT_X = 4 };

enum engine_fence { /* what a remote fence drops, SBI chapter "RFENCE" */
	FENCE_I,
	FENCE_VMA,      /* [start, start+size); size ~0 or 0 with start 0: everything */
	FENCE_VMA_ASID, /* the same for one address space */
};

struct fence {
	enum engine_fence kind;
	u64 start;
	u64 size;
	u64 asid;
};

/* An interrupt that a vCPU sees, by its bit number in sip. */
enum engine_irq { VIRQ_SOFT = 1, VIRQ_TIMER = 5, VIRQ_EXT = 9 };

/* A vCPU's integer registers as a debugger and the SBI see them. */
struct engine_regs {
	u64 x[32];
	u64 pc;
};

struct engine_ops {
	const char *name;
	/* Guests read the host's time: nothing can be subtracted from it, and it does not begin at 0. */
	bool host_time;
	/* The engine keeps the harts' states (SBI, "HSM") itself: to the core every hart is started, and
	 * run() waits while it is not. */
	bool own_harts;
	/* Bytes that it may take of a VM's account beside what every VM may: once, and for each vCPU. */
	u64 vm_memory, vcpu_memory;

	/* All return 0 or a negative errno. fini undoes init, also a half-done one. */
	int (*vm_init)(struct vm *vm);
	void (*vm_fini)(struct vm *vm);
	/* Maps host-physical memory at gpa (all multiples of 4096). */
	int (*map)(struct vm *vm, u64 gpa, u64 pa, u64 size, unsigned prot);
	void (*unmap)(struct vm *vm, u64 gpa, u64 size);
	/* The core wrote to the guest's memory while it runs: for engines that keep something of what is
	 * in there. May be NULL. From a vCPU's task, outside the guest. */
	void (*wrote)(struct vm *vm, u64 gpa, u64 size);
	int (*vcpu_init)(struct vcpu *vcpu);
	void (*vcpu_fini)(struct vcpu *vcpu);

	/* The state in which the SBI starts a hart: pc, a0, a1, satp 0, interrupts off. */
	void (*vcpu_reset)(struct vcpu *vcpu, u64 pc, u64 a0, u64 a1);
	/* Delivers the last answer, then runs until vcpu->priv->exit has a question, or returns with
	 * EXIT_NONE when vcpu->requests are not 0. In the vCPU's own task and space. */
	void (*run)(struct vcpu *vcpu);
	/* The vCPU leaves its hart (another task comes, or it sleeps): state goes to memory. */
	void (*put)(struct vcpu *vcpu);

	/* Any task may call these. */
	void (*irq)(struct vcpu *vcpu, enum engine_irq irq, bool level);
	/* Drops translations of @vcpu before it next executes a guest instruction. */
	void (*fence)(struct vcpu *vcpu, const struct fence *fence);

	/* The vCPU's own task only. Guest time in ticks, ~0 = never. */
	void (*set_timer)(struct vcpu *vcpu, u64 deadline);
	/* True if an interrupt that the guest enabled is pending (whatever sstatus.SIE says), so
	 * that wfi would not wait. */
	bool (*wakeup_pending)(struct vcpu *vcpu);
	/* When the guest's timer is due, in host ticks; HOST_FOREVER: never, also while the guest has
	 * it disabled (sie.STIE), so that nobody waits for what wakes nobody. */
	u64 (*timer_due)(struct vcpu *vcpu);

	/* The vCPU must be parked. */
	void (*get_regs)(struct vcpu *vcpu, struct engine_regs *regs);
	void (*set_regs)(struct vcpu *vcpu, const struct engine_regs *regs);
	/* What the guest's harts can do, for its device tree. */
	const struct isa *(*guest_isa)(const struct vm *vm);
	/* "sv39" ... for the tree's mmu-type. */
	const char *(*mmu_type)(const struct vm *vm);
};

#endif
