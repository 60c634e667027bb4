/*
 * SBI 3.0, "Legacy Extensions". Their hart masks are behind a guest-virtual
 * address, which nothing here walks: IPIs and remote fences are served for a
 * null pointer, which by custom means every hart, and probed as absent.
 */
#include "riscv/sbi.h"
#include "vm/sbi.h"
#include "vm/sbi_ext.h"

static s64 legacy_send_ipi(struct vcpu *vcpu, u64 mask_pointer)
{
	if (mask_pointer)
		return SBI_ERR_NOT_SUPPORTED;
	return sbi_send_ipi(vcpu->vm, 0, (u64)SBI_HART_MASK_ALL);
}

static s64 legacy_fence(struct vcpu *vcpu, u64 mask_pointer, struct fence fence)
{
	bool self_too;
	s64 error;

	if (mask_pointer)
		return SBI_ERR_NOT_SUPPORTED;
	error = sbi_remote_fence(vcpu, 0, (u64)SBI_HART_MASK_ALL, &fence, &self_too);
	if (self_too)
		vcpu->vm->engine->fence(vcpu, &fence);
	return error;
}

/* Whether one was pending is not known here: 0 says that there was none. */
static s64 legacy_clear_ipi(struct vcpu *vcpu)
{
	vcpu_irq(vcpu, VIRQ_SOFT, false);
	return SBI_SUCCESS;
}

static s64 legacy_shutdown(struct vcpu *vcpu, struct vmexit *exit)
{
	exit->sbi.no_return = true;
	vm_end(vcpu->vm, VM_END_POWEROFF, "powered off");
	return SBI_SUCCESS;
}

s64 sbi_legacy(struct vcpu *vcpu, struct vmexit *exit)
{
	const u64 *args = exit->sbi.args;

	switch (exit->sbi.ext) {
	case SBI_EXT_LEGACY_SET_TIMER:
		vcpu->vm->engine->set_timer(vcpu, args[0]);
		return SBI_SUCCESS;
	case SBI_EXT_LEGACY_CONSOLE_PUTCHAR:
		sbi_console_put(vcpu->vm, (u8)args[0]);
		return SBI_SUCCESS;
	case SBI_EXT_LEGACY_CONSOLE_GETCHAR:
		return sbi_console_get(vcpu->vm);
	case SBI_EXT_LEGACY_CLEAR_IPI:
		return legacy_clear_ipi(vcpu);
	case SBI_EXT_LEGACY_SEND_IPI:
		return legacy_send_ipi(vcpu, args[0]);
	case SBI_EXT_LEGACY_REMOTE_FENCE_I:
		return legacy_fence(vcpu, args[0], sbi_fence(FENCE_I, 0, 0, 0));
	case SBI_EXT_LEGACY_REMOTE_SFENCE_VMA:
		return legacy_fence(vcpu, args[0], sbi_fence(FENCE_VMA, args[1], args[2], 0));
	case SBI_EXT_LEGACY_REMOTE_SFENCE_VMA_ASID:
		return legacy_fence(vcpu, args[0],
				    sbi_fence(FENCE_VMA_ASID, args[1], args[2], args[3]));
	case SBI_EXT_LEGACY_SHUTDOWN:
		return legacy_shutdown(vcpu, exit);
	default:
		return SBI_ERR_NOT_SUPPORTED;
	}
}
