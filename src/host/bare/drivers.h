/* Between the drivers of the machine's devices (disk.c, nic.c, rng.c) and devices.c. */
#ifndef HOST_BARE_DRIVERS_H
#define HOST_BARE_DRIVERS_H

#include "host/bare/virtio_host.h"

struct tree;

/* Finds the devices of the tree and starts their drivers; boot hart, before there are tasks. */
void devices_init(const struct tree *t);
/* Says in the log what was found; in the first task. */
void devices_start(void);

/* Takes the device over; it stays where it is. What fails is logged. */
void disk_probe(struct virtio_host *v);
void nic_probe(struct virtio_host *v);
void rng_probe(struct virtio_host *v);

/* A line for each in the log. */
void disk_report(void);
void nic_report(void);

/* @fn serves the device, as in irq_register(), when it interrupts, or every millisecond where it
 * cannot. Boot only. */
void device_serve_by(const struct virtio_host *v, bool (*fn)(void *arg), void *arg);

#endif
