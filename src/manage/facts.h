/*
 * What an operator is told of a VM and may ask of it: for the shell and for whoever asks from outside.
 * Any task; only facts_ask() changes anything.
 */
#ifndef MANAGE_FACTS_H
#define MANAGE_FACTS_H

#include "vm/vm.h"

#define FACTS_END_MAX 128
#define FACTS_ANSWER_MAX 120

enum vm_state facts_state_of(const struct vm *vm);
/* Its state in a word; "waiting" when it is off until its keeper starts it again. */
const char *facts_state(const struct vm *vm);
/* Off, and not about to start again by itself. */
bool facts_is_off(const struct vm *vm);
/* How its last run ended: at most FACTS_END_MAX bytes. */
void facts_last_end(const struct vm *vm, char *buf);
/* How often it was started again. */
u32 facts_restarts(const struct vm *vm);
/* When it is: "never", "on failure" or "always". */
const char *facts_policy(const struct vm *vm);

/*
 * Asks the VM's keeper for "start", "stop", "kill", "pause", "resume" or "restart". Returns at once: true,
 * and "NAME: stopping"; or false when that makes no sense in the VM's state, and why. The answer has
 * at most FACTS_ANSWER_MAX bytes and no end of line.
 */
bool facts_ask(struct vm *vm, const char *what, char *answer);

/* What is copied out of the VM's space: counts, nothing of the guest's contents. */
struct vm_facts {
	unsigned count;
	struct {
		u32 hsm;
		bool parked;
		u64 exits[EXIT_KINDS];
	} vcpus[CONFIG_VCPUS_MAX];
};

/* False when the VM is off. */
bool facts_collect(struct vm *vm, struct vm_facts *facts);
/* The state of a vCPU in a word. */
const char *facts_vcpu_state(const struct vm_facts *facts, unsigned vcpu);

#endif
