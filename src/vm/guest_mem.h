/*
 * A VM's RAM: sorted regions of guest-physical addresses, each backed by host
 * extents. Nothing else touches guest RAM. All accessors need the VM's space
 * to be current, and assert it.
 */
#ifndef VM_GUEST_MEM_H
#define VM_GUEST_MEM_H

#include "host/host.h"

#define GUEST_MEM_EXTENTS_MAX 64

struct guest_extent {
	u64 gpa;
	struct host_extent host;
};

struct guest_mem {
	struct host_space *space;
	unsigned count;
	struct guest_extent extents[GUEST_MEM_EXTENTS_MAX]; /* sorted by gpa */
};

/* Backs [gpa, gpa+size) with new, zeroed RAM. -ENOMEM leaves it as it was. Yields. */
int guest_mem_add(struct guest_mem *mem, u64 gpa, u64 size);
/* Scrubs and returns all of it. Yields. */
void guest_mem_free(struct guest_mem *mem);
/* True if every byte of the range is RAM. */
bool guest_mem_contains(const struct guest_mem *mem, u64 gpa, u64 size);
/* False, with nothing (or for a buffer that the caller owns: something) copied, unless the
 * whole range is RAM. */
bool guest_read(const struct guest_mem *mem, u64 gpa, void *buf, u64 size);
bool guest_write(const struct guest_mem *mem, u64 gpa, const void *buf, u64 size);
/* The longest piece of [gpa, gpa+*size) that is contiguous in the host: returns its host
 * mapping and cuts *size to it; NULL when gpa is not RAM. */
u8 *guest_ptr(const struct guest_mem *mem, u64 gpa, u64 *size);

#endif
