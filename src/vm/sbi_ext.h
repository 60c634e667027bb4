/*
 * Between the files of the SBI: a handler for each extension. A handler returns
 * an SBI error code (legacy: what goes to a0), and may set exit->sbi.value,
 * which is 0 before, and exit->sbi.no_return. @exit is the caller's own exit.
 */
#ifndef VM_SBI_EXT_H
#define VM_SBI_EXT_H

#include "vm/vm.h"

s64 sbi_base(struct vcpu *vcpu, struct vmexit *exit);
s64 sbi_ipi(struct vcpu *vcpu, struct vmexit *exit);
s64 sbi_rfence(struct vcpu *vcpu, struct vmexit *exit);
s64 sbi_hsm(struct vcpu *vcpu, struct vmexit *exit);
s64 sbi_srst(struct vcpu *vcpu, struct vmexit *exit);
s64 sbi_dbcn(struct vcpu *vcpu, struct vmexit *exit);
s64 sbi_legacy(struct vcpu *vcpu, struct vmexit *exit);

/* The VM's console; without one, bytes out go nowhere and none (-1) come in. */
void sbi_console_put(struct vm *vm, u8 byte);
int sbi_console_get(struct vm *vm);

#endif
