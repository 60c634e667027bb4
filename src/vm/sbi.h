/* The SBI that guests see (SBI 3.0): one switch over the extension, a file each. */
#ifndef VM_SBI_H
#define VM_SBI_H

#include "riscv/sbi.h"
#include "vm/vm.h"

/* What the Base extension says of us: "BULK", as no implementation id has been assigned to
 * Bulkhead, and major << 16 | minor. */
#define SBI_IMPL_ID 0x42554c4b
#define SBI_IMPL_VERSION 0x1

/* What the probe function answers: the extensions that sbi_handle() knows. */
bool sbi_available(u64 ext);

/* Answers vcpu->priv->exit.sbi. */
void sbi_handle(struct vcpu *vcpu);

/*
 * The hot calls, which an engine may answer in its own loop: the same functions that
 * sbi_handle() uses. Return an SBI error code; nothing was done when it is one.
 */
/* The Base extension; *value is set only with SBI_SUCCESS. */
static inline s64 sbi_base_answer(u64 fid, u64 arg, u64 *value)
{
	switch (fid) {
	case SBI_BASE_GET_SPEC_VERSION:
		*value = SBI_VERSION_3_0;
		return SBI_SUCCESS;
	case SBI_BASE_GET_IMPL_ID:
		*value = SBI_IMPL_ID;
		return SBI_SUCCESS;
	case SBI_BASE_GET_IMPL_VERSION:
		*value = SBI_IMPL_VERSION;
		return SBI_SUCCESS;
	case SBI_BASE_PROBE_EXTENSION:
		*value = sbi_available(arg);
		return SBI_SUCCESS;
	case SBI_BASE_GET_MVENDORID:
	case SBI_BASE_GET_MARCHID:
	case SBI_BASE_GET_MIMPID:
		/* 0 is always legal, and true of any host. */
		*value = 0;
		return SBI_SUCCESS;
	default:
		return SBI_ERR_NOT_SUPPORTED;
	}
}

s64 sbi_send_ipi(struct vm *vm, u64 mask, u64 base);
/* Fences on the vCPUs that the mask names but @self, which the engine may serve itself:
 * *self_too says whether it is among them. */
s64 sbi_remote_fence(struct vcpu *self, u64 mask, u64 base, const struct fence *fence,
		     bool *self_too);
/* A fence over a range that a guest named: one that wraps drops everything. */
struct fence sbi_fence(enum engine_fence kind, u64 start, u64 size, u64 asid);

#endif
