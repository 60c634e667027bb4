/* The entropy device of virtio. */
#ifndef DEV_VIRTIO_RNG_H
#define DEV_VIRTIO_RNG_H

#include "dev/virtio.h"

/*
 * @fill makes @size random bytes that no guest can guess; it is called with the device's lock held,
 * in the VM's space. The VM pays. Its I/O task runs from before this until after the destruction.
 * NULL when memory is short.
 */
struct virtio_device *virtio_rng_create(struct vm *vm, u64 base, struct irq_line irq,
					void (*fill)(void *arg, void *buf, u64 size), void *arg);

#endif
