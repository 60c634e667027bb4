/* SBI 3.0, "System Reset Extension". */
#include "riscv/sbi.h"
#include "vm/sbi_ext.h"

static void reset(struct vm *vm, u32 type, u32 reason)
{
	if (type != SBI_SRST_TYPE_SHUTDOWN)
		vm_end(vm, VM_END_REBOOT, "reboots");
	else if (reason == SBI_SRST_REASON_SYSTEM_FAILURE)
		vm_kill(vm, "the guest shut down with a system failure");
	else
		vm_end(vm, VM_END_POWEROFF, "powered off");
}

s64 sbi_srst(struct vcpu *vcpu, struct vmexit *exit)
{
	/* Both are 32 bits wide. */
	u32 type = (u32)exit->sbi.args[0], reason = (u32)exit->sbi.args[1];

	if (exit->sbi.fid != SBI_SRST_SYSTEM_RESET)
		return SBI_ERR_NOT_SUPPORTED;
	/* Reserved ones, and a platform's or implementation's own, of which there are none. */
	if (type > SBI_SRST_TYPE_WARM_REBOOT || reason > SBI_SRST_REASON_SYSTEM_FAILURE)
		return SBI_ERR_INVALID_PARAM;
	exit->sbi.no_return = true;
	reset(vcpu->vm, type, reason);
	return SBI_SUCCESS;
}
