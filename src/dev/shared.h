/*
 * Shared memory with a doorbell. Some pages are mapped into several VMs, which the board does;
 * here is the device by which a VM interrupts its peers.
 */
#ifndef DEV_SHARED_H
#define DEV_SHARED_H

#include "host/host.h"
#include "vm/dev.h"

#define SHARED_DOORBELL_SIZE 0x1000
#define SHARED_MEMBERS_MAX 64

struct shared_doorbell;

/* The VMs around one piece of memory: common memory, zero to begin with, and there for the life of
 * the system. */
struct shared_region {
	const char *name; /* for the guests; may be NULL */
	u64 attached;     /* atomic; bit n: member n is there */
	struct shared_member {
		struct lock lock; /* after dev.lock, before the PLIC's; never two of them */
		struct shared_doorbell *doorbell; /* NULL: the VM is off */
	} members[SHARED_MEMBERS_MAX];
};

/* What a VM sees of it. */
struct shared_view {
	unsigned id;    /* 0..SHARED_MEMBERS_MAX - 1: which member it is; in each run the same */
	u64 base, size; /* of the memory, guest-physical; the board maps it */
	bool read_only;
};

/*
 * The doorbell of a VM: rung from the tasks of other VMs, so in common memory. It is attached to
 * the region until ops->destroy. @payer pays until then. NULL when memory is short, or when the
 * region has a member of that number.
 */
struct dev *shared_create(u64 base, struct irq_line irq, struct shared_region *region,
			  const struct shared_view *view, struct host_account *payer);

#endif
