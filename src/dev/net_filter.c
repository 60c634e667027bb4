/* Filter and flows of a network card: see dev/net_filter.h. */
#include "dev/net_filter.h"

#include <string.h>

#define BROADCAST 0xfffffffffffful

enum { TYPE_AT = 12, TAG_AT = 14 };
enum { TYPE_IPV4 = 0x0800, TYPE_VLAN = 0x8100, TYPE_IPV6 = 0x86dd };
enum { PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };

static u16 get16(const u8 *p)
{
	return (u16)(p[0] << 8 | p[1]);
}

void net_filter_reset(struct net_filter *f, u64 mac, bool vlan_filter)
{
	memset(f, 0, sizeof(*f));
	f->modes = 1u << NET_RX_PROMISC;
	f->mac = mac;
	f->vlan_filter = vlan_filter;
}

static bool table_has(const struct net_mac_table *t, u64 mac)
{
	for (u32 i = 0; i < t->count; i++)
		if (t->macs[i] == mac)
			return true;
	return t->all;
}

static bool has_mode(const struct net_filter *f, enum net_ctrl_rx mode)
{
	return f->modes >> mode & 1;
}

static bool filter_address(const struct net_filter *f, u64 mac)
{
	if (mac == BROADCAST)
		return !has_mode(f, NET_RX_NOBCAST);
	if (mac & 1)
		return !has_mode(f, NET_RX_NOMULTI) &&
		       (has_mode(f, NET_RX_ALLMULTI) || table_has(&f->multicast, mac));
	if (has_mode(f, NET_RX_NOUNI))
		return false;
	return mac == f->mac || has_mode(f, NET_RX_ALLUNI) || table_has(&f->unicast, mac);
}

bool net_filter_pass(const struct net_filter *f, const u8 *frame, u32 size)
{
	u32 vlan;

	if (f->vlan_filter && size >= TAG_AT + 2 && get16(frame + TYPE_AT) == TYPE_VLAN) {
		vlan = get16(frame + TAG_AT) & 0xfff;
		if (!(f->vlans[vlan / 64] >> (vlan % 64) & 1))
			return false;
	}
	return has_mode(f, NET_RX_PROMISC) || filter_address(f, net_mac(frame));
}

bool net_filter_set_mode(struct net_filter *f, u8 command, u8 on)
{
	if (command >= NET_RX_MODES)
		return false;
	f->modes &= ~(1u << command);
	f->modes |= (on ? 1u : 0) << command;
	return true;
}

bool net_filter_set_vlan(struct net_filter *f, u8 command, u16 vlan)
{
	if (vlan >= 4096 || command > NET_VLAN_DEL)
		return false;
	if (command == NET_VLAN_ADD)
		f->vlans[vlan / 64] |= BIT(vlan % 64);
	else
		f->vlans[vlan / 64] &= ~BIT(vlan % 64);
	return true;
}

static u32 flow_mix(u32 hash, const u8 *bytes, u32 size)
{
	for (u32 i = 0; i < size; i += 2)
		hash = (hash ^ get16(bytes + i)) * 0x9e3779b1u;
	return hash;
}

/* From the addresses on; the ports follow at @ports, if the protocol has any. */
static u32 flow_hash(const u8 *addresses, u32 size, const u8 *ports, u8 protocol)
{
	u32 hash = flow_mix(0, addresses, size);

	if (ports && (protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP))
		hash = flow_mix(hash, ports, 4);
	return hash ^ hash >> 16;
}

u32 net_flow_hash(const u8 *frame, u32 size)
{
	u32 ip = TYPE_AT + 2, header;
	u16 type = get16(frame + TYPE_AT);
	bool whole;

	if (type == TYPE_VLAN && size >= ip + 4) {
		type = get16(frame + ip + 2);
		ip += 4;
	}
	if (type == TYPE_IPV6 && size >= ip + 44)
		return flow_hash(frame + ip + 8, 32, frame + ip + 40, frame[ip + 6]);
	if (type != TYPE_IPV4 || size < ip + 20)
		return 0;
	header = (frame[ip] & 15u) * 4;
	/* All fragments of a packet go the same way, and only the first has ports. */
	whole = !(get16(frame + ip + 6) & 0x3fff) && size >= ip + header + 4;
	return flow_hash(frame + ip + 12, 8, whole ? frame + ip + header : NULL, frame[ip + 9]);
}
