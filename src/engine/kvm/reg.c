#include "engine/kvm/reg.h"

#include <errno.h>
#include <sys/ioctl.h>

static u64 reg_id(enum reg_type type, u64 index)
{
	return KVM_REG_RISCV | KVM_REG_SIZE_U64 | (u64)type << 24 | index;
}

int reg_get(int vcpu_fd, enum reg_type type, u64 index, u64 *value)
{
	struct kvm_one_reg reg = { .id = reg_id(type, index), .addr = (u64)value };

	return ioctl(vcpu_fd, KVM_GET_ONE_REG, &reg) < 0 ? -errno : 0;
}

int reg_set(int vcpu_fd, enum reg_type type, u64 index, u64 value)
{
	struct kvm_one_reg reg = { .id = reg_id(type, index), .addr = (u64)&value };

	return ioctl(vcpu_fd, KVM_SET_ONE_REG, &reg) < 0 ? -errno : 0;
}

u64 reg_read(int vcpu_fd, enum reg_type type, u64 index)
{
	u64 value = 0;

	reg_get(vcpu_fd, type, index, &value);
	return value;
}
