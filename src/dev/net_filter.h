/*
 * What a network card decides by a frame's headers: whether its driver wants it (virtio 1.3,
 * 5.1.6.5.1 "Packet Receive Filtering" to 5.1.6.5.3 "VLAN Filtering"), and which flow it belongs to.
 */
#ifndef DEV_NET_FILTER_H
#define DEV_NET_FILTER_H

#include "io/net.h"

#define NET_FILTER_MACS 64u /* of a table; of a longer one all addresses of its kind pass */

/* 5.1.6.5 "Control Virtqueue": those classes of commands that are the filter's. */
enum net_ctrl_class { NET_CTRL_RX = 0, NET_CTRL_MAC = 1, NET_CTRL_VLAN = 2 };
enum net_ctrl_rx { /* also bits of net_filter.modes */
	NET_RX_PROMISC = 0, NET_RX_ALLMULTI = 1, NET_RX_ALLUNI = 2, NET_RX_NOMULTI = 3, NET_RX_NOUNI = 4,
	NET_RX_NOBCAST = 5, NET_RX_MODES = 6,
};
enum net_ctrl_mac { NET_MAC_TABLE_SET = 0, NET_MAC_ADDR_SET = 1 };
enum net_ctrl_vlan { NET_VLAN_ADD = 0, NET_VLAN_DEL = 1 };

struct net_mac_table {
	bool all; /* it was too long */
	u32 count;
	u64 macs[NET_FILTER_MACS]; /* net_mac() */
};

struct net_filter {
	u32 modes; /* bits by enum net_ctrl_rx */
	bool vlan_filter;
	u64 mac;   /* the card's own */
	struct net_mac_table unicast, multicast;
	u64 vlans[4096 / 64];
};

/* An address as a number. */
static inline u64 net_mac(const u8 *mac)
{
	return mac[0] | (u64)mac[1] << 8 | (u64)mac[2] << 16 | (u64)mac[3] << 24 |
	       (u64)mac[4] << 32 | (u64)mac[5] << 40;
}

/* As after a reset: everything passes; with @vlan_filter, of tagged frames none. */
void net_filter_reset(struct net_filter *f, u64 mac, bool vlan_filter);
/* Frames have at least NET_FRAME_MIN bytes. */
bool net_filter_pass(const struct net_filter *f, const u8 *frame, u32 size);

/* Commands; false: not like that. */
bool net_filter_set_mode(struct net_filter *f, u8 command, u8 on);
bool net_filter_set_vlan(struct net_filter *f, u8 command, u16 vlan);

/* The same number for all frames of a TCP or UDP flow. */
u32 net_flow_hash(const u8 *frame, u32 size);

#endif
