/*
 * A virtqueue seen from the driver: virtio 1.3, 2.7 "Split Virtqueues". Pure code.
 * The user of a ring fills the descriptors and knows what each stands for; here is
 * what both sides share. The device is not trusted with more than its data: what it says is
 * checked against what it was asked.
 *
 * Not locked.
 */
#ifndef HOST_BARE_VRING_H
#define HOST_BARE_VRING_H

#include "lib/types.h"

#define VRING_SIZE_MAX 256

/* 2.7.5 "The Virtqueue Descriptor Table" */
enum { VRING_NEXT = 1, VRING_WRITE = 2, VRING_INDIRECT = 4 };
struct vring_desc {
	u64 addr; /* physical */
	u32 len;
	u16 flags;
	u16 next;
};

/* 2.7.8 "The Virtqueue Used Ring" */
struct vring_used {
	u32 id;
	u32 len;
};

enum { VRING_EMPTY = -1, VRING_BROKEN = -2 };

struct vring {
	u16 size; /* a power of two, at most VRING_SIZE_MAX */
	bool event_idx;
	u16 in_flight;
	u16 avail_next, used_next;
	u16 published; /* avail_next, as the device saw it last */
	struct vring_desc *desc;
	u16 *avail; /* flags, idx, ring[size], used_event */
	u16 *used;  /* flags, idx; elements; avail_event */
	struct vring_used *elements;
	u64 busy[VRING_SIZE_MAX / 64]; /* heads that the device has */
};

/* Bytes of common memory for a ring. */
u64 vring_bytes(u16 size);
/* @memory: zeroed, of vring_bytes(), aligned to 16. */
void vring_init(struct vring *r, u16 size, bool event_idx, void *memory);
/* Gives the device the chain that begins at desc[head]; a head that it does not have. It sees it
 * after vring_publish(). */
void vring_put(struct vring *r, u16 head);
/* True if the device wants to be notified. */
bool vring_publish(struct vring *r);
/* The head of a chain that the device is done with, and how many bytes it says to have written;
 * VRING_EMPTY; or VRING_BROKEN: it gives back what it does not have. */
int vring_take(struct vring *r, u32 *written);
/* Whether the device is to interrupt. True if something is there to be taken, of which it may not
 * tell. */
bool vring_interrupts(struct vring *r, bool on);

static inline bool vring_is_busy(const struct vring *r, u16 head)
{
	return r->busy[head / 64] >> head % 64 & 1;
}

#endif
