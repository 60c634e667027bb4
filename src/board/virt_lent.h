/* Devices of the host that a VM has for itself, on the virt machine. */
#ifndef BOARD_VIRT_LENT_H
#define BOARD_VIRT_LENT_H

#include "vm/outside.h"
#include "vm/vm.h"

#define VIRT_LENT_MAX 8 /* of a VM */

struct dev;

struct virt_lent {
	unsigned count;
	struct lent_device devices[VIRT_LENT_MAX];
	u64 gpa[VIRT_LENT_MAX][LENT_REGS_MAX]; /* where the guest finds the registers */
	unsigned source[VIRT_LENT_MAX];        /* of its PLIC: the first of each device */
	unsigned source_end;
	u32 irq_of[VIRT_LENT_MAX * LENT_IRQS_MAX]; /* by source, from VIRT_IRQ_LENT on: the host's */
};

/* Maps the registers and joins the interrupts of what the VM's description names; after all
 * others of its devices. 0 or a negative errno, then vm->failure says why. */
int virt_lent(struct vm *vm, struct virt_lent *l, struct dev *plic);
/* Before the PLIC goes. */
void virt_lent_gone(struct vm *vm, struct virt_lent *l);
/* Their nodes, within /soc; 0 or a negative libfdt error. */
int virt_lent_describe(const struct virt_lent *l, void *fdt);

#endif
