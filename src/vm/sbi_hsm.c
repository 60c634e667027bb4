/* SBI 3.0, "Hart State Management Extension". The states change here as far as a call
 * changes them; vcpu_loop() does the waiting and the rest. */
#include "riscv/sbi.h"
#include "vm/sbi_ext.h"

/* Where a hart may begin: RAM, and 2-byte aligned, as the guest has compressed code. */
static bool hart_may_run_at(const struct vcpu *vcpu, u64 pc)
{
	return is_aligned(pc, 2) && guest_mem_contains(&vcpu->vm->mem, pc, 2);
}

/*
 * Whoever moves the target from STOPPED to START_PENDING owns its start_pc and start_arg until
 * the target sees VCPU_REQ_START, so that of two starters one wins and nothing is half-written.
 */
static s64 hart_start(struct vcpu *vcpu, u64 hartid, u64 pc, u64 arg)
{
	u32 stopped = SBI_HSM_STOPPED;
	struct vcpu *target;

	if (hartid >= vcpu->vm->vcpu_count)
		return SBI_ERR_INVALID_PARAM;
	if (!hart_may_run_at(vcpu, pc))
		return SBI_ERR_INVALID_ADDRESS;
	target = vcpu->vm->vcpus[hartid];
	if (!__atomic_compare_exchange_n(&target->hsm, &stopped, SBI_HSM_START_PENDING, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return SBI_ERR_ALREADY_AVAILABLE;
	target->start_pc = pc;
	target->start_arg = arg;
	vcpu_request(target, VCPU_REQ_START);
	return SBI_SUCCESS;
}

static s64 hart_stop(struct vcpu *vcpu, struct vmexit *exit)
{
	exit->sbi.no_return = true;
	__atomic_store_n(&vcpu->hsm, SBI_HSM_STOP_PENDING, __ATOMIC_RELEASE);
	return SBI_SUCCESS;
}

static s64 hart_get_status(const struct vcpu *vcpu, struct vmexit *exit)
{
	u64 hartid = exit->sbi.args[0];

	if (hartid >= vcpu->vm->vcpu_count)
		return SBI_ERR_INVALID_PARAM;
	exit->sbi.value = __atomic_load_n(&vcpu->vm->vcpus[hartid]->hsm, __ATOMIC_ACQUIRE);
	return SBI_SUCCESS;
}

/* The type is 32 bits wide. A reserved one and a platform's that is not implemented, which is
 * all but two, are the same error ("HSM Hart Suspend Errors"). */
static s64 hart_suspend(struct vcpu *vcpu, struct vmexit *exit)
{
	u32 type = (u32)exit->sbi.args[0];

	if (type != SBI_HSM_SUSPEND_RETENTIVE && type != SBI_HSM_SUSPEND_NON_RETENTIVE)
		return SBI_ERR_INVALID_PARAM;
	if (type == SBI_HSM_SUSPEND_NON_RETENTIVE) {
		if (!hart_may_run_at(vcpu, exit->sbi.args[1]))
			return SBI_ERR_INVALID_ADDRESS;
		vcpu->start_pc = exit->sbi.args[1];
		vcpu->start_arg = exit->sbi.args[2];
		exit->sbi.no_return = true;
	}
	vcpu->priv->suspend_type = type;
	__atomic_store_n(&vcpu->hsm, SBI_HSM_SUSPEND_PENDING, __ATOMIC_RELEASE);
	return SBI_SUCCESS;
}

s64 sbi_hsm(struct vcpu *vcpu, struct vmexit *exit)
{
	const u64 *args = exit->sbi.args;

	switch (exit->sbi.fid) {
	case SBI_HSM_HART_START:
		return hart_start(vcpu, args[0], args[1], args[2]);
	case SBI_HSM_HART_STOP:
		return hart_stop(vcpu, exit);
	case SBI_HSM_HART_GET_STATUS:
		return hart_get_status(vcpu, exit);
	case SBI_HSM_HART_SUSPEND:
		return hart_suspend(vcpu, exit);
	default:
		return SBI_ERR_NOT_SUPPORTED;
	}
}
