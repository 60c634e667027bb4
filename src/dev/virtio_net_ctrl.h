/* Between the files of the network card. */
#ifndef DEV_VIRTIO_NET_CTRL_H
#define DEV_VIRTIO_NET_CTRL_H

#include "dev/net_filter.h"
#include "dev/virtio_net.h"
#include "vm/work.h"

#define FEATURE(bit) (1ul << (bit))

/* 5.1.3 "Feature bits" */
enum virtio_net_feature {
	NET_F_CSUM = 0, NET_F_GUEST_CSUM = 1, NET_F_CTRL_GUEST_OFFLOADS = 2, NET_F_MTU = 3,
	NET_F_MAC = 5, NET_F_GUEST_TSO4 = 7, NET_F_GUEST_TSO6 = 8, NET_F_GUEST_ECN = 9,
	NET_F_HOST_TSO4 = 11, NET_F_HOST_TSO6 = 12, NET_F_HOST_ECN = 13, NET_F_MRG_RXBUF = 15,
	NET_F_STATUS = 16, NET_F_CTRL_VQ = 17, NET_F_CTRL_RX = 18, NET_F_CTRL_VLAN = 19,
	NET_F_CTRL_RX_EXTRA = 20, NET_F_MQ = 22, NET_F_CTRL_MAC_ADDR = 23,
};

#define GUEST_OFFLOADS (FEATURE(NET_F_GUEST_CSUM) | FEATURE(NET_F_GUEST_TSO4) | \
			FEATURE(NET_F_GUEST_TSO6) | FEATURE(NET_F_GUEST_ECN))
#define FEATURES_ALWAYS (GUEST_OFFLOADS | FEATURE(NET_F_CSUM) | FEATURE(NET_F_HOST_TSO4) | \
			 FEATURE(NET_F_HOST_TSO6) | FEATURE(NET_F_HOST_ECN) | FEATURE(NET_F_MAC) | \
			 FEATURE(NET_F_MRG_RXBUF) | FEATURE(NET_F_STATUS) | FEATURE(NET_F_CTRL_VQ) | \
			 FEATURE(NET_F_CTRL_RX) | FEATURE(NET_F_CTRL_VLAN) | \
			 FEATURE(NET_F_CTRL_RX_EXTRA) | FEATURE(NET_F_CTRL_MAC_ADDR) | \
			 FEATURE(NET_F_CTRL_GUEST_OFFLOADS))

/* 5.1.4 "Device configuration layout"; what follows is of features that are not offered. */
enum virtio_net_register {
	NET_CONFIG_MAC = 0, NET_CONFIG_STATUS = 6, NET_CONFIG_PAIRS = 8, NET_CONFIG_MTU = 10,
	NET_CONFIG_SIZE = 24,
};
enum { NET_S_LINK_UP = 1 };

/* The frame that is being received: the first in the port's buffer. */
struct net_rx {
	u32 pair;    /* whose queue it goes to */
	u32 done;    /* bytes */
	u32 buffers; /* that it has filled; 0: it has not begun */
	u64 num_buffers[2]; /* where the number of them goes, byte by byte */
	u32 touched; /* bit n: the receive queue of pair n has something to publish */
	bool waiting; /* for a buffer of the driver's */
};

struct virtio_net {
	struct virtio_device v;
	struct net_port *port;
	struct vm_work rx_work, tx_work, tx_done_work;
	u32 pairs_max;
	u16 mtu;
	u8 mac[NET_MAC_SIZE]; /* as described; the driver may set another one */
	/* The device's lock guards these. */
	u8 config[NET_CONFIG_SIZE];
	bool link;
	u32 pairs;      /* in use */
	u64 offloads;   /* GUEST_OFFLOADS in use */
	unsigned can;   /* enum net_can */
	u32 tx_waiting; /* bit n: the transmit queue of pair n goes on without being notified */
	struct net_done {
		u32 pairs;  /* bit n: the transmit queue of pair n has chains to give back */
		u32 frames; /* of these, together */
		u64 bytes;
	} tx_done;
	bool ctrl_waiting; /* commands are left for the I/O task */
	struct net_rx rx;
	struct net_filter filter;
	struct net_mac_table new_unicast, new_multicast; /* while they are read */
	struct virtq_chain chain; /* the one that is at work */
	struct io_segment segments[VIRTQ_SEGMENTS_MAX];
};

static inline struct virtio_net *net_of(struct virtio_device *d)
{
	return container_of(d, struct virtio_net, v);
}

/* 5.1.2 "Virtqueues" */
static inline unsigned net_ctrl_queue(const struct virtio_net *n)
{
	return virtio_has(&n->v, NET_F_MQ) ? 2 * n->pairs_max : 2;
}

/* Commands that wait. */
void net_ctrl_serve(struct virtio_net *n);
/* Before the queue that receives the present frame goes out of use. */
void net_rx_cut_short(struct virtio_net *n);
/* After a change of what the driver takes. */
void net_update_port(struct virtio_net *n);

#endif
