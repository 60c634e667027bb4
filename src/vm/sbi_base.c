/* SBI 3.0, "Base Extension". */
#include "riscv/sbi.h"
#include "vm/sbi.h"
#include "vm/sbi_ext.h"

static u64 base_value(const struct vmexit *exit)
{
	switch (exit->sbi.fid) {
	case SBI_BASE_GET_SPEC_VERSION:
		return SBI_VERSION_3_0;
	case SBI_BASE_GET_IMPL_ID:
		return SBI_IMPL_ID;
	case SBI_BASE_GET_IMPL_VERSION:
		return SBI_IMPL_VERSION;
	case SBI_BASE_PROBE_EXTENSION:
		return sbi_available(exit->sbi.args[0]);
	default:
		/* mvendorid, marchid, mimpid: 0 is always legal, and true of any host. */
		return 0;
	}
}

s64 sbi_base(struct vcpu *vcpu unused, struct vmexit *exit)
{
	if (exit->sbi.fid > SBI_BASE_GET_MIMPID)
		return SBI_ERR_NOT_SUPPORTED;
	exit->sbi.value = base_value(exit);
	return SBI_SUCCESS;
}
