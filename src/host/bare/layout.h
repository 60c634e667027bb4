/*
 * Where things lie in the hypervisor's virtual memory: Sv39, which every larger
 * mode's machine has as well. The upper half is the same in every space; the
 * lower one is the space's own. For C, assembly and the linker script.
 *
 *   0x00_0000_0000            nothing: NULL is caught
 *   WINDOW_BASE               a space's own RAM and private heap, at + (pa - ram base)
 *   FILES_BASE                files of the system image while they are mapped
 *   COMMON_BASE               pages allocated for common use, at + (pa - ram base)
 *   STACKS_BASE               stacks of tasks, each above an unmapped guard
 *   DEVICES_BASE              devices, the host's device tree, one page for passing use
 *   IMAGE_BASE                this program
 *
 * None of it is marked global (PTE_G): a guest without two-stage translation may have something else
 * at these addresses, and a global entry would be found whatever the ASID.
 */
#ifndef HOST_BARE_LAYOUT_H
#define HOST_BARE_LAYOUT_H

#define WINDOW_BASE 0x0000000040000000
#define FILES_BASE 0x0000003e00000000
#define FILES_SLOT 0x0000000040000000 /* bytes of virtual memory a file */
#define FILES_SLOTS 8

#define COMMON_BASE 0xffffffc000000000
#define STACKS_BASE 0xffffffff00000000
#define DEVICES_BASE 0xffffffff40000000
#define IMAGE_BASE 0xffffffff80200000

/* RAM further than this from its beginning is not used. */
#define RAM_SPAN_MAX (FILES_BASE - WINDOW_BASE)

#define STACK_SIZE 8192 /* of a task */
#define STACK_SLOT 16384 /* virtual memory a stack, with its guard */

#define HARTS_MAX 64

#endif
