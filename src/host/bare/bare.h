/*
 * What the bare machine offers to main/ and to engines beside the host contract.
 */
#ifndef HOST_BARE_BARE_H
#define HOST_BARE_BARE_H

#include "lib/types.h"

/* main/'s: runs as the first task, on the boot hart, when all harts are up. */
void bare_main(void);

/* Serves pending interrupts of this hart (timer, IPI, devices) and, when the time slice is
 * over, lets others run: on return the caller may be on another hart. Engines call it after
 * the guest was left for an interrupt. Never with a lock held. */
void bare_poll(void);

/* stvec while the hypervisor runs: expects sscratch 0, all registers as they were. An engine
 * that sets its own vector sends the hypervisor's own traps here, and puts it back after. */
void bare_trap_vector(void);

/* Ends everything by the firmware; @failure is passed on as system failure. */
_Noreturn void bare_shutdown(bool failure);
_Noreturn void bare_reboot(void);

/* An argument NAME or NAME=VALUE of /chosen/bootargs. Copies the value, cut to @size bytes
 * with the final NUL ("" for a bare NAME), unless @size is 0. False if it is not there. */
bool bare_bootarg(const char *name, char *value, size_t size);

/* The host's device tree, read-only. */
const void *bare_fdt(void);

/* From now on device interrupts go to this hart (by index), for instance because the boot hart is
 * to be left alone. Without effect where there is no interrupt controller. */
void bare_interrupts_to(unsigned hart);

/* Drops all second-stage translations of @vmid on the harts of the mask (by index) but this one. */
void bare_remote_hfence_gvma_vmid(u64 harts, unsigned vmid);

/* Maps a page of the image's code a second time, at @va of every space; before the first space is
 * made. False when memory is short. */
bool bare_map_code(u64 va, const void *code);
/* Physical address of a space's private memory. */
u64 bare_private_pa(const void *private);
/* The translation modes that satp takes: bit n for MODE n. Boot only, in the common space. */
u32 bare_satp_modes(void);

/* In bytes: what the hypervisor has in use for itself, and all RAM that it manages. */
struct bare_memory {
	u64 image;  /* code and static data */
	u64 common; /* heap, stacks, page tables */
	u64 lent;   /* RAM and private memory of spaces */
	u64 free;
};
void bare_memory_get(struct bare_memory *m);

#endif
