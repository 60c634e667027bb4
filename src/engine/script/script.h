/*
 * A guest that is an array of exits: the engine of the core's unit tests. Each
 * run() asks the next step's question; the answer is compared when the vCPU is
 * run again, as a guest would see it then. At the end of its script a guest
 * computes for ever: it leaves run() only when it is kicked.
 */
#ifndef ENGINE_SCRIPT_SCRIPT_H
#define ENGINE_SCRIPT_SCRIPT_H

#include "vm/engine.h"
#include "vm/exit.h"
#include "vm/vm.h"

struct script_step {
	struct vmexit ask;
	/* The expected answer: EXIT_SBI's a0 and (unless legacy) a1, EXIT_MMIO's loaded value. */
	u64 error, value;
	bool failed; /* EXIT_MMIO: an access fault is expected */
	bool any;    /* the answer does not matter */
	/* What the guest does before it asks; may be NULL. */
	void (*act)(struct vcpu *vcpu);
};

#define SCRIPT_SBI(extension, function, ...) \
	{ .kind = EXIT_SBI, \
	  .sbi = { .ext = (extension), .fid = (function), .args = { __VA_ARGS__ } } }
#define SCRIPT_LOAD(address, bytes) \
	{ .kind = EXIT_MMIO, .mmio = { .gpa = (address), .size = (bytes) } }
#define SCRIPT_STORE(address, bytes, what) \
	{ .kind = EXIT_MMIO, .mmio = { .gpa = (address), .size = (bytes), .write = true, \
				       .value = (what) } }
#define SCRIPT_WFI { .kind = EXIT_WFI }

/* What a vCPU's guest does, and what was done to it: vcpu->engine. */
struct script_vcpu {
	const struct script_step *steps; /* the test's; not copied */
	unsigned count, next;
	bool asked; /* steps[next - 1] waits for its answer */

	u64 enabled;  /* sie: which interrupts end wfi; all to begin with */
	u64 pending;  /* sip, the timer excepted */
	u64 deadline; /* guest time; ~0 = never */

	unsigned resets, runs, puts, irqs, fences;
	u64 reset_pc, reset_a0, reset_a1;
	struct fence last_fence;
	struct engine_regs regs;
};

/* A VM's: vm->engine_state. */
struct script_vm {
	unsigned maps;
	u64 mapped; /* bytes */
};

extern const struct engine_ops script_engine;

static inline struct script_vcpu *script_of(const struct vcpu *vcpu) { return vcpu->engine; }

/* Gives the vCPU a new script. @steps must outlive it. */
void script_set(struct vcpu *vcpu, const struct script_step *steps, unsigned count);
/* The first answer that was not as expected since the last script_clear(), "" when none. */
const char *script_failure(void);
void script_clear(void);

#endif
