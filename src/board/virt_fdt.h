/* The device tree that a guest of the virt machine finds in a1. */
#ifndef BOARD_VIRT_FDT_H
#define BOARD_VIRT_FDT_H

#include "vm/load.h"

/* Writes the tree to RAM at layout->fdt. In the VM's space. 0 or a negative errno. */
int virt_fdt(struct vm *vm, const struct load_layout *layout);

#endif
