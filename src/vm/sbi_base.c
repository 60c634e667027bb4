/* SBI 3.0, "Base Extension". */
#include "riscv/sbi.h"
#include "vm/sbi.h"
#include "vm/sbi_ext.h"

static u64 base_value(u64 fid, u64 arg)
{
	switch (fid) {
	case SBI_BASE_GET_SPEC_VERSION:
		return SBI_VERSION_3_0;
	case SBI_BASE_GET_IMPL_ID:
		return SBI_IMPL_ID;
	case SBI_BASE_GET_IMPL_VERSION:
		return SBI_IMPL_VERSION;
	case SBI_BASE_PROBE_EXTENSION:
		return sbi_available(arg);
	default:
		/* mvendorid, marchid, mimpid: 0 is always legal, and true of any host. */
		return 0;
	}
}

s64 sbi_base_answer(u64 fid, u64 arg, u64 *value)
{
	if (fid > SBI_BASE_GET_MIMPID)
		return SBI_ERR_NOT_SUPPORTED;
	*value = base_value(fid, arg);
	return SBI_SUCCESS;
}

s64 sbi_base(struct vcpu *vcpu unused, struct vmexit *exit)
{
	return sbi_base_answer(exit->sbi.fid, exit->sbi.args[0], &exit->sbi.value);
}
