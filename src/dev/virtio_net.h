/* A network card: virtio 1.3, 5.1 "Network Device", at a port of a switch. */
#ifndef DEV_VIRTIO_NET_H
#define DEV_VIRTIO_NET_H

#include "dev/virtio.h"
#include "io/net.h"

#define VIRTIO_NET_PAIRS_MAX ((VIRTIO_QUEUES_MAX - 1) / 2)

struct virtio_net_config {
	u8 mac[NET_MAC_SIZE];
	u32 pairs; /* of queues: 1..VIRTIO_NET_PAIRS_MAX; 0 counts as 1, more as that many */
	u16 mtu;   /* told to the driver, 68..65535; 0: nothing is said */
	bool packed; /* packed rings are offered: for Linux they cost more than split ones, on both sides */
};

/*
 * @port has no owner yet; the caller destroys it, after the device. What the device allocates is paid
 * by the VM's account. The VM's I/O task runs (vm_work_start()). NULL when memory is short.
 */
struct virtio_device *virtio_net_create(struct vm *vm, u64 base, struct irq_line irq,
					const struct virtio_net_config *config,
					struct net_port *port);
/* Plugs the cable in (as it is in the beginning) or out. Any task, no lock held. */
void virtio_net_set_link(struct virtio_device *d, bool up);

#endif
