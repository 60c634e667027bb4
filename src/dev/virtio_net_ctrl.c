/* The network card's commands: virtio 1.3, 5.1.6.5 "Control Virtqueue". */
#include <string.h>

#include "dev/virtio_net_ctrl.h"

/* Further classes and their commands. */
enum { CTRL_MQ = 4, CTRL_MQ_PAIRS_SET = 0 };
enum { CTRL_GUEST_OFFLOADS = 5, CTRL_GUEST_OFFLOADS_SET = 0 };
enum { CTRL_OK = 0, CTRL_ERR = 1 };

#define DATA_AT 2 /* class and command come first */
#define COMMANDS_MAX 16 /* served in one go; the I/O task does the rest */

/* The command's data, exactly so long. */
static bool ctrl_data(const struct virtio_net *n, void *to, u64 size)
{
	return n->chain.readable_size == DATA_AT + size &&
	       virtq_read(&n->chain, DATA_AT, to, size) == size;
}

static bool ctrl_rx(struct virtio_net *n, u8 command)
{
	unsigned feature = command > NET_RX_ALLMULTI ? NET_F_CTRL_RX_EXTRA : NET_F_CTRL_RX;
	u8 on;

	return virtio_has(&n->v, feature) && ctrl_data(n, &on, sizeof(on)) &&
	       net_filter_set_mode(&n->filter, command, on);
}

/* A table that begins at *off of the chain: its length, then addresses. */
static bool ctrl_read_table(const struct virtio_net *n, u64 *off, struct net_mac_table *t)
{
	u8 mac[NET_MAC_SIZE];
	u32 entries;

	if (virtq_read(&n->chain, *off, &entries, sizeof(entries)) != sizeof(entries))
		return false;
	*off += sizeof(entries);
	if ((n->chain.readable_size - *off) / NET_MAC_SIZE < entries)
		return false;
	t->all = entries > NET_FILTER_MACS;
	t->count = t->all ? 0 : entries;
	for (u32 i = 0; i < t->count; i++) {
		virtq_read(&n->chain, *off + (u64)i * NET_MAC_SIZE, mac, sizeof(mac));
		t->macs[i] = net_mac(mac);
	}
	*off += (u64)entries * NET_MAC_SIZE;
	return true;
}

/* Of two tables that are not both right, none is taken. */
static bool ctrl_mac_table(struct virtio_net *n)
{
	u64 off = DATA_AT;

	if (!virtio_has(&n->v, NET_F_CTRL_RX) || !ctrl_read_table(n, &off, &n->new_unicast) ||
	    !ctrl_read_table(n, &off, &n->new_multicast) || off != n->chain.readable_size)
		return false;
	n->filter.unicast = n->new_unicast;
	n->filter.multicast = n->new_multicast;
	return true;
}

static bool ctrl_mac(struct virtio_net *n, u8 command)
{
	u8 mac[NET_MAC_SIZE];

	if (command == NET_MAC_TABLE_SET)
		return ctrl_mac_table(n);
	if (command != NET_MAC_ADDR_SET || !virtio_has(&n->v, NET_F_CTRL_MAC_ADDR) ||
	    !ctrl_data(n, mac, sizeof(mac)))
		return false;
	memcpy(n->config + NET_CONFIG_MAC, mac, sizeof(mac));
	n->filter.mac = net_mac(mac);
	return true;
}

static bool ctrl_vlan(struct virtio_net *n, u8 command)
{
	u16 vlan;

	return virtio_has(&n->v, NET_F_CTRL_VLAN) && ctrl_data(n, &vlan, sizeof(vlan)) &&
	       net_filter_set_vlan(&n->filter, command, vlan);
}

/* 5.1.6.5.6 "Automatic receive steering in multiqueue mode" */
static bool ctrl_pairs(struct virtio_net *n, u8 command)
{
	u16 pairs;

	if (command != CTRL_MQ_PAIRS_SET || !virtio_has(&n->v, NET_F_MQ) ||
	    !ctrl_data(n, &pairs, sizeof(pairs)) || !pairs || pairs > n->pairs_max)
		return false;
	n->pairs = pairs;
	if (n->rx.pair >= pairs)
		net_rx_cut_short(n);
	net_update_port(n);
	return true;
}

static bool ctrl_offloads(struct virtio_net *n, u8 command)
{
	u64 offloads;

	if (command != CTRL_GUEST_OFFLOADS_SET || !virtio_has(&n->v, NET_F_CTRL_GUEST_OFFLOADS) ||
	    !ctrl_data(n, &offloads, sizeof(offloads)) ||
	    offloads & ~(n->v.features & GUEST_OFFLOADS))
		return false;
	n->offloads = offloads;
	net_update_port(n);
	return true;
}

static bool ctrl_command(struct virtio_net *n)
{
	u8 header[DATA_AT];

	if (virtq_read(&n->chain, 0, header, sizeof(header)) != sizeof(header))
		return false;
	switch (header[0]) {
	case NET_CTRL_RX:
		return ctrl_rx(n, header[1]);
	case NET_CTRL_MAC:
		return ctrl_mac(n, header[1]);
	case NET_CTRL_VLAN:
		return ctrl_vlan(n, header[1]);
	case CTRL_MQ:
		return ctrl_pairs(n, header[1]);
	case CTRL_GUEST_OFFLOADS:
		return ctrl_offloads(n, header[1]);
	default:
		return false;
	}
}

static enum virtq_taken ctrl_take(struct virtio_net *n, struct virtq *q)
{
	enum virtq_taken taken = virtq_take(q, &n->chain);

	if (taken == VIRTQ_EMPTY && virtq_notifications(q, true))
		taken = virtq_take(q, &n->chain);
	return taken;
}

void net_ctrl_serve(struct virtio_net *n)
{
	struct virtq *q = &n->v.queues[net_ctrl_queue(n)];
	unsigned count = 0;

	for (; count < COMMANDS_MAX && ctrl_take(n, q) == VIRTQ_TAKEN; count++) {
		u8 ack = ctrl_command(n) ? CTRL_OK : CTRL_ERR;

		virtq_give(q, &n->chain, (u32)virtq_write(q, &n->chain, 0, &ack, sizeof(ack)));
	}
	virtq_publish(q);
	n->ctrl_waiting = count == COMMANDS_MAX;
	if (n->ctrl_waiting)
		vm_work_queue(n->v.vm, &n->tx_work);
}
