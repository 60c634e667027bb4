/* The registers of a virtio device: virtio 1.3, 4.2 "Virtio Over MMIO". For virtio.c. */
#ifndef DEV_VIRTIO_MMIO_H
#define DEV_VIRTIO_MMIO_H

#include "vm/dev.h"

extern const struct dev_ops virtio_mmio_ops;

#endif
