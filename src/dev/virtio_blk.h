/* A disk: virtio 1.3, 5.2 "Block Device", on any block backend. */
#ifndef DEV_VIRTIO_BLK_H
#define DEV_VIRTIO_BLK_H

#include "dev/virtio.h"
#include "io/block.h"

struct virtio_blk_config {
	u32 queues;                     /* 1..VIRTIO_QUEUES_MAX; others count as the nearest of these */
	char serial[BLOCK_ID_SIZE + 1]; /* "": the backend's */
};

/*
 * @backend has its size and what it can, and is the device's from then on: it goes with it. What the
 * device allocates is paid by the VM's account. The VM's I/O task runs (vm_work_start()). NULL when
 * memory is short; the backend is still the caller's then.
 */
struct virtio_device *virtio_blk_create(struct vm *vm, u64 base, struct irq_line irq,
					const struct virtio_blk_config *config,
					struct block *backend);

#endif
