/* SBI 3.0, "Binary Encoding": which extension answers a call. */
#include "vm/sbi.h"

#include "riscv/sbi.h"
#include "vm/sbi_ext.h"

/* "Timer Extension". A deadline that has passed, 0 too, pends at once; ~0 clears. */
static s64 sbi_time(struct vcpu *vcpu, const struct vmexit *exit)
{
	if (exit->sbi.fid != SBI_TIME_SET_TIMER)
		return SBI_ERR_NOT_SUPPORTED;
	vcpu->vm->engine->set_timer(vcpu, exit->sbi.args[0]);
	return SBI_SUCCESS;
}

static s64 sbi_dispatch(struct vcpu *vcpu, struct vmexit *exit)
{
	switch (exit->sbi.ext) {
	case SBI_EXT_LEGACY_SET_TIMER ... SBI_EXT_LEGACY_SHUTDOWN:
		exit->sbi.legacy = true;
		return sbi_legacy(vcpu, exit);
	case SBI_EXT_BASE:
		return sbi_base(vcpu, exit);
	case SBI_EXT_TIME:
		return sbi_time(vcpu, exit);
	case SBI_EXT_IPI:
		return sbi_ipi(vcpu, exit);
	case SBI_EXT_RFENCE:
		return sbi_rfence(vcpu, exit);
	case SBI_EXT_HSM:
		return sbi_hsm(vcpu, exit);
	case SBI_EXT_SRST:
		return sbi_srst(vcpu, exit);
	case SBI_EXT_DBCN:
		return sbi_dbcn(vcpu, exit);
	default:
		return SBI_ERR_NOT_SUPPORTED;
	}
}

bool sbi_available(u64 ext)
{
	switch (ext) {
	case SBI_EXT_LEGACY_SET_TIMER ... SBI_EXT_LEGACY_CLEAR_IPI:
	case SBI_EXT_LEGACY_SHUTDOWN:
	case SBI_EXT_BASE:
	case SBI_EXT_TIME:
	case SBI_EXT_IPI:
	case SBI_EXT_RFENCE:
	case SBI_EXT_HSM:
	case SBI_EXT_SRST:
	case SBI_EXT_DBCN:
		return true;
	default:
		/* The other legacy ones are served in part only: see sbi_legacy.c. */
		return false;
	}
}

void sbi_handle(struct vcpu *vcpu)
{
	struct vmexit *exit = &vcpu->priv->exit;
	s64 error;

	exit->sbi.value = 0;
	exit->sbi.legacy = false;
	exit->sbi.no_return = false;
	error = sbi_dispatch(vcpu, exit);
	exit->sbi.error = (u64)error;
	/* The specification leaves a1 open here; the guest gets no left-overs. */
	if (error)
		exit->sbi.value = 0;
}
