/*
 * KVM's registers by number (Linux, Documentation/virt/kvm/api.rst, 4.68 KVM_SET_ONE_REG; the numbers
 * are those of arch/riscv/include/uapi/asm/kvm.h). Named here as the headers of older systems lack
 * some: which there are the kernel says when asked.
 */
#ifndef ENGINE_KVM_REG_H
#define ENGINE_KVM_REG_H

#include <linux/kvm.h>

#include "lib/types.h"

enum reg_type {
	REG_CONFIG = 1,
	REG_CORE = 2,
	REG_CSR = 3,
	REG_TIMER = 4,
	REG_FP_D = 6,
	REG_ISA_EXT = 7,
	REG_SBI_EXT = 8,
};

enum reg_config { REG_ZICBOM_BLOCK = 1, REG_ZICBOZ_BLOCK = 5, REG_SATP_MODE = 6 };
enum reg_core { REG_PC = 0, REG_X0 = 0 /* x1 is 1 and so on */, REG_MODE = 32 };
enum reg_csr { REG_SSTATUS, REG_SIE, REG_STVEC, REG_SSCRATCH, REG_SEPC, REG_SCAUSE, REG_STVAL, REG_SIP, REG_SATP };
enum reg_timer { REG_FREQUENCY, REG_TIME, REG_COMPARE };
enum reg_sbi { REG_SBI_EXPERIMENTAL = 7, REG_SBI_VENDOR = 8, REG_SBI_DBCN = 9 };

enum { REG_MODE_U = 0, REG_MODE_S = 1 };

/* 0 or a negative errno: -ENOENT where this kernel or this machine has no such register. */
int reg_get(int vcpu_fd, enum reg_type type, u64 index, u64 *value);
int reg_set(int vcpu_fd, enum reg_type type, u64 index, u64 value);
/* Of a register that is always there; 0 should the kernel refuse. */
u64 reg_read(int vcpu_fd, enum reg_type type, u64 index);

#endif
