/* SBI 3.0, "Base Extension". */
#include "riscv/sbi.h"
#include "vm/sbi.h"
#include "vm/sbi_ext.h"

s64 sbi_base(struct vcpu *vcpu unused, struct vmexit *exit)
{
	return sbi_base_answer(exit->sbi.fid, exit->sbi.args[0], &exit->sbi.value);
}
