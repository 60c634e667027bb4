/* VMs of scripted guests, for the tests of the core. */
#ifndef ENGINE_SCRIPT_SCRIPT_VM_H
#define ENGINE_SCRIPT_SCRIPT_VM_H

#include "engine/script/script.h"

#define SCRIPT_RAM 0x80000000ul
#define SCRIPT_BOOT_ARG 0xf00dul /* a1 of the boot hart */
enum { SCRIPT_VMS = 4 };

/* What vCPU @vcpu of the VMs with that index does from their next start on; @steps must outlive
 * them. With none it computes for ever. */
void script_guest(unsigned index, u32 vcpu, const struct script_step *steps, unsigned count);
#define SCRIPT_GUEST(index, vcpu, steps) script_guest(index, vcpu, steps, ARRAY_SIZE(steps))

/* For vm_create(): RAM of the configured size at SCRIPT_RAM, no devices, no console. */
extern const struct vm_parts script_parts;

/* A VM without tasks, for tests that call the core's functions themselves: RAM at SCRIPT_RAM,
 * its space is entered, every hart is STOPPED but the first. NULL when memory is short. */
struct vm *script_vm_open(unsigned vcpus, u64 memory);
void script_vm_close(struct vm *vm);

#endif
