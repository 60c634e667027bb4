/* SBI 3.0, "Hart list parameter", "IPI Extension" and "RFENCE Extension". */
#include "riscv/sbi.h"
#include "vm/sbi.h"
#include "vm/sbi_ext.h"

/*
 * Checks a hart list before anything is done for it: false when it names a hart that does
 * not exist. Bit i of *mask then names the vCPU *base + i; an empty mask names nobody,
 * wherever its base lies.
 */
static bool mask_resolve(const struct vm *vm, u64 *mask, u64 *base)
{
	if (*base < vm->vcpu_count)
		return *mask >> (vm->vcpu_count - *base) == 0;
	if (*base == (u64)SBI_HART_MASK_ALL)
		*mask = BIT(vm->vcpu_count) - 1;
	else if (*mask)
		return false;
	*base = 0;
	return true;
}

/*
 * The loops below shift instead of counting zeros: rv64imac has no instruction for that,
 * and most masks name one low hart.
 */
s64 sbi_send_ipi(struct vm *vm, u64 mask, u64 base)
{
	struct vcpu *const *v;

	if (!mask_resolve(vm, &mask, &base))
		return SBI_ERR_INVALID_PARAM;
	for (v = &vm->vcpus[base]; mask; v++, mask >>= 1)
		if (mask & 1)
			vm->engine->irq(*v, VIRQ_SOFT, true);
	return SBI_SUCCESS;
}

/* Not inlined, or its registers would be saved for the short way as well. */
static __attribute__((noinline)) s64 fence_send(struct vcpu *self, u64 mask, u64 base,
						const struct fence *fence, bool *self_too)
{
	struct vm *vm = self->vm;
	struct vcpu *const *v;

	if (!mask_resolve(vm, &mask, &base))
		return SBI_ERR_INVALID_PARAM;
	for (v = &vm->vcpus[base]; mask; v++, mask >>= 1) {
		if (!(mask & 1))
			continue;
		if (*v == self)
			*self_too = true;
		else
			vm->engine->fence(*v, fence);
	}
	return SBI_SUCCESS;
}

s64 sbi_remote_fence(struct vcpu *self, u64 mask, u64 base, const struct fence *fence,
		     bool *self_too)
{
	/* The caller alone is worth two comparisons: nothing needs to be saved or called. */
	*self_too = base <= self->id && mask == BIT(self->id - base);
	if (*self_too)
		return SBI_SUCCESS;
	return fence_send(self, mask, base, fence, self_too);
}

struct fence sbi_fence(enum engine_fence kind, u64 start, u64 size, u64 asid)
{
	/* More may always be dropped than was asked for. */
	if (start + size < start)
		return (struct fence){ .kind = kind, .start = 0, .size = ~0ul, .asid = asid };
	return (struct fence){ .kind = kind, .start = start, .size = size, .asid = asid };
}

s64 sbi_ipi(struct vcpu *vcpu, struct vmexit *exit)
{
	if (exit->sbi.fid != SBI_IPI_SEND)
		return SBI_ERR_NOT_SUPPORTED;
	return sbi_send_ipi(vcpu->vm, exit->sbi.args[0], exit->sbi.args[1]);
}

static s64 rfence_send(struct vcpu *vcpu, const struct vmexit *exit, struct fence fence)
{
	bool self_too;
	s64 error = sbi_remote_fence(vcpu, exit->sbi.args[0], exit->sbi.args[1], &fence, &self_too);

	if (self_too)
		vcpu->vm->engine->fence(vcpu, &fence);
	return error;
}

s64 sbi_rfence(struct vcpu *vcpu, struct vmexit *exit)
{
	const u64 *args = exit->sbi.args;

	switch (exit->sbi.fid) {
	case SBI_RFENCE_FENCE_I:
		return rfence_send(vcpu, exit, sbi_fence(FENCE_I, 0, 0, 0));
	case SBI_RFENCE_SFENCE_VMA:
		return rfence_send(vcpu, exit, sbi_fence(FENCE_VMA, args[2], args[3], 0));
	case SBI_RFENCE_SFENCE_VMA_ASID:
		return rfence_send(vcpu, exit,
				   sbi_fence(FENCE_VMA_ASID, args[2], args[3], args[4]));
	default:
		/* The fences of the hypervisor extension, which guests do not have. */
		return SBI_ERR_NOT_SUPPORTED;
	}
}
