/*
 * The machine's own virtio devices: what their drivers have in common. Virtio 1.3,
 * 4.2 "Virtio Over MMIO", not the legacy interface. Registers and DMA; rings are
 * in host/bare/vring.h.
 */
#ifndef HOST_BARE_VIRTIO_HOST_H
#define HOST_BARE_VIRTIO_HOST_H

#include "host/bare/vring.h"
#include "lib/types.h"

struct tree_virtio;

/* 5 "Device Types" */
enum { VIRTIO_HOST_NET = 1, VIRTIO_HOST_BLOCK = 2, VIRTIO_HOST_ENTROPY = 4 };

#define VIRTIO_HOST_WAIT_MS 1000 /* for an answer at boot */

struct virtio_host {
	u8 *regs;
	u64 pa;
	u32 id; /* VIRTIO_HOST_* */
	u32 irq;
	u64 features; /* that both sides have, by bit */
};

/* A device of the current interface lies there (@regs: mapped). What is unusable is logged. */
bool virtio_host_find(struct virtio_host *v, u8 *regs, const struct tree_virtio *window);
/*
 * 3.1.1 "Driver Requirements: Device Initialization" up to FEATURES_OK: takes of @wanted, by bit
 * number, what the device offers; and what every driver here can do. False, and logged: it
 * refuses.
 */
bool virtio_host_begin(struct virtio_host *v, u64 wanted);
/* Sets up a queue of at most @max entries, a power of two; its memory is never given back. False: no
 * such queue, or no memory. */
bool virtio_host_queue(struct virtio_host *v, u16 queue, u16 max, struct vring *r);
/* DRIVER_OK: from here on the device works. */
void virtio_host_go(struct virtio_host *v);
/* The device has forgotten everything, and does no DMA any more. False: it does not obey. */
bool virtio_host_reset(struct virtio_host *v);
/* It says DEVICE_NEEDS_RESET. */
bool virtio_host_broken(const struct virtio_host *v);
/* 4.2.3.3 "Notifications": there is something in the queue. */
void virtio_host_notify(const struct virtio_host *v, u16 queue);
/* Takes an interrupt back. True if the configuration has changed. */
bool virtio_host_ack(const struct virtio_host *v);
/* A field of the configuration, of 1, 2, 4 or 8 bytes. */
u64 virtio_host_config(const struct virtio_host *v, u32 offset, unsigned size);
/* Takes a chain of the ring, waiting for VIRTIO_HOST_WAIT_MS at most: as vring_take(). */
int virtio_host_wait(struct virtio_host *v, struct vring *r, u32 *written);

static inline bool virtio_host_has(const struct virtio_host *v, unsigned feature)
{
	return v->features >> feature & 1;
}

#endif
