/*
 * The guest machine: the memory map of QEMU's `virt`, so that images made for
 * it run unchanged.
 */
#ifndef BOARD_VIRT_H
#define BOARD_VIRT_H

#include "vm/vm.h"

enum virt_map {
	VIRT_SYSCON = 0x100000,
	VIRT_RTC = 0x101000,
	VIRT_PLIC = 0x0c000000,
	VIRT_UART = 0x10000000,
	VIRT_VIRTIO = 0x10001000,
	VIRT_LENT = 0x20000000, /* devices of the host that do not fit where the host has them */
	VIRT_SHARED = 0x40000000, /* memory of several VMs */
};
#define VIRT_RAM 0x80000000ul
#define VIRT_SHARED_END VIRT_RAM

enum virt_irq {
	VIRT_IRQ_VIRTIO = 1, /* to 8 */
	VIRT_IRQ_UART = 10,
	VIRT_IRQ_RTC = 11,
	VIRT_IRQ_MORE = 12, /* of virtio devices beyond the eighth, to 35 */
	VIRT_IRQ_LENT = 36, /* of the host's devices */
};

/* vm_parts.build and .unbuild of this machine. */
int virt_build(struct vm *vm);
void virt_unbuild(struct vm *vm);

#endif
