/* Puts a guest's images into its RAM: Linux Image, ELF, raw; initrd; device tree. */
#ifndef VM_LOAD_H
#define VM_LOAD_H

#include "vm/vm.h"

struct load_layout {
	u64 ram_base, ram_size;
	u64 entry;                    /* where the boot vCPU starts */
	u64 kernel_end;               /* first byte behind the kernel, its BSS included */
	u64 initrd_start, initrd_end; /* equal: none */
	u64 fdt;                      /* where the tree goes: 8-byte aligned, clear of everything */
};

#define LOAD_FDT_MAX (64 * KIB)

/* Kind of a kernel file by its first bytes; the `bulkhead` command uses it as well. */
enum load_kind { LOAD_RAW, LOAD_IMAGE, LOAD_ELF, LOAD_BAD };
/* @why gets a message for LOAD_BAD ("an Image, but not for RISC-V"). Looks at @size bytes at
 * most; 4096 are enough. */
enum load_kind load_probe(const void *head, u64 size, const char **why);
/*
 * Loads the VM's kernel and initrd into RAM at layout->ram_base/size (in), and fills in the
 * rest of the layout. In the VM's space; yields. 0, or a negative errno with vm->failure set.
 */
int load_images(struct vm *vm, struct load_layout *layout);

#endif
