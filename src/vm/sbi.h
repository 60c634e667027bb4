/* The SBI that guests see (SBI 3.0): one switch over the extension, a file each. */
#ifndef VM_SBI_H
#define VM_SBI_H

#include "vm/vm.h"

/* What the Base extension says of us: "BULK", as no implementation id has been assigned to
 * Bulkhead, and major << 16 | minor. */
#define SBI_IMPL_ID 0x42554c4b
#define SBI_IMPL_VERSION 0x1

/* Answers vcpu->priv->exit.sbi. */
void sbi_handle(struct vcpu *vcpu);

/*
 * The hot calls, which an engine may answer in its own loop: the same functions that
 * sbi_handle() uses. Return an SBI error code; nothing was done when it is one.
 */
/* The Base extension; *value is set only with SBI_SUCCESS. */
s64 sbi_base_answer(u64 fid, u64 arg, u64 *value);
s64 sbi_send_ipi(struct vm *vm, u64 mask, u64 base);
/* Fences on the vCPUs that the mask names but @self, which the engine may serve itself:
 * *self_too says whether it is among them. */
s64 sbi_remote_fence(struct vcpu *self, u64 mask, u64 base, const struct fence *fence,
		     bool *self_too);
/* A fence over a range that a guest named: one that wraps drops everything. */
struct fence sbi_fence(enum engine_fence kind, u64 start, u64 size, u64 asid);

#endif
