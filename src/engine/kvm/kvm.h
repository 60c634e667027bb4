/*
 * The engine over Linux' KVM: the kernel runs the guest, keeps its timer, its interrupts' pending bits
 * and its harts' states, and answers most SBI calls; the core has memory, devices and the rest.
 */
#ifndef ENGINE_KVM_KVM_H
#define ENGINE_KVM_KVM_H

#include <linux/kvm.h>

#include "riscv/insn.h"
#include "riscv/isa.h"
#include "vm/vm.h"

extern const struct engine_ops kvm_engine;

struct kvm_probe {
	u64 timebase;    /* of guests, ticks per second */
	const char *why; /* after an error: what failed, for a message */
};

/* Opens /dev/kvm, once, and asks what it has. 0 or a negative errno. Before linux_init(). */
int kvm_probe(struct kvm_probe *probe);

#define KVM_SLOTS_MAX 128

/* vm->engine_state */
struct kvm_vm {
	int fd;
	struct isa isa;
	const char *mmu_type;
	struct { /* pieces of memory by KVM's number; size 0: free */
		u64 gpa, size;
	} slots[KVM_SLOTS_MAX];
};

/* vcpu->engine: what other tasks touch. */
struct kvm_shared {
	int fd;
	u32 pending; /* atomic; what KVM was told last about the external interrupt */
};

/* vcpu->priv->engine */
struct kvm_vcpu {
	struct vcpu *vcpu;
	int fd;
	struct kvm_run *run; /* shared with the kernel */
	bool outstanding;    /* the kernel completes an instruction when the guest is entered */
	/* An access that the kernel would not decode, and so is not its to complete. */
	bool own;
	struct insn_access access;
	u64 address; /* guest-virtual */
};

static inline struct kvm_vm *kvm_vm_of(const struct vm *vm) { return vm->engine_state; }
static inline struct kvm_vcpu *kvm_of(const struct vcpu *v) { return v->priv->engine; }

/* kvm.c: -errno with vm->failure set. */
int kvm_fail(struct vm *vm, const char *what);
extern u64 kvm_run_size; /* bytes of struct kvm_run and what the kernel keeps behind it */

/* vcpu.c */
int kvm_vcpu_init(struct vcpu *v);
void kvm_vcpu_fini(struct vcpu *v);
void kvm_run_vcpu(struct vcpu *v);
/* Has the kernel complete what it asked about, and come back. */
void kvm_complete(struct kvm_vcpu *k);

/* isa.c: what the kernel gives to guests' harts; what the device tree does not tell is turned off.
 * Before the vCPU's first run. */
void kvm_read_isa(int vcpu_fd, struct isa *isa);
/* "riscv,sv39"... */
const char *kvm_read_mmu_type(int vcpu_fd);

/* fault.c: what the kernel leaves to us. */
/* The kernel could not go on: true with the question in the exit, else the guest got a trap. */
bool kvm_refused(struct kvm_vcpu *k);
/* Delivers the answer to such a question. */
void kvm_answer_own(struct kvm_vcpu *k);
/* The load that the kernel asked about has a sign; its value is in kvm_run already. */
void kvm_answer_signed(struct kvm_vcpu *k);
/* Nobody answered: an access fault. */
void kvm_answer_failed(struct kvm_vcpu *k);

#endif
