/*
 * A switch with hostile senders: frames and offload headers of any kind, ports of every kind that
 * fill up, go down, come and go. Whatever is sent, who receives gets only what he can take and may
 * see, and in the end nothing is left.
 */
#include <stdlib.h>
#include <string.h>

#include "host/fake/fake.h"
#include "io/net.h"
#include "io/net_copy.h"

#define BUFFER NET_BUFFER_MIN
#define PORTS 6
#define SEGMENTS_MAX 5

static const struct net_port_config config[PORTS] = {
	{ .vlan = 0 }, { .vlan = 10 }, { .vlan = 10, .isolated = true }, { .vlan = 20 },
	{ .vlan = 0, .isolated = true }, { .vlan = 10, .rate = 100000 },
};
static const unsigned can[PORTS] = { 15, 0, NET_CAN_CSUM, 15, 0, NET_CAN_CSUM | NET_CAN_TSO4 };

static struct net_switch *sw;
static struct net_port *port[PORTS];
static u8 memory[NET_FRAME_MAX + 64], taken[NET_FRAME_MAX + 8];

struct input {
	const u8 *data;
	size_t left;
};

static void require(bool holds)
{
	if (!holds)
		abort();
}

static u64 take(struct input *in, size_t size)
{
	u64 v = 0;

	size = min_u64(size, in->left);
	memcpy(&v, in->data, size);
	in->data += size;
	in->left -= size;
	return v;
}

static void nothing(void *owner unused) {}
static const struct net_port_ops ops = { .received = nothing, .may_send = nothing };

static void port_open(unsigned i)
{
	port[i] = net_port_create(sw, &config[i], BUFFER, NULL);
	require(port[i]);
	net_port_attach(port[i], &ops, NULL);
	net_port_set(port[i], true, can[i]);
}

/* What a receiver relies on. */
static void offload_check(unsigned to, const struct net_offload *o, u32 size)
{
	unsigned need = o->gso_type ? NET_CAN_CSUM : 0;

	require(size >= NET_FRAME_MIN && size <= NET_FRAME_MAX + 4);
	require(!o->flags || can[to] & NET_CAN_CSUM);
	if (o->flags & NET_HDR_NEEDS_CSUM)
		require(o->csum_start >= NET_FRAME_MIN && o->csum_start + o->csum_offset + 2u <= size);
	if (!o->gso_type) {
		require(!o->gso_size);
		return;
	}
	need |= (o->gso_type & ~NET_GSO_ECN) == NET_GSO_TCPV4 ? NET_CAN_TSO4 : NET_CAN_TSO6;
	need |= o->gso_type & NET_GSO_ECN ? NET_CAN_ECN : 0;
	require((can[to] & need) == need && o->flags == NET_HDR_NEEDS_CSUM);
	require(o->gso_size && o->hdr_len > o->csum_start && o->hdr_len + o->gso_size < size);
}

static bool port_take(unsigned i, bool drop)
{
	struct net_offload offload;
	u32 size = net_peek(port[i], &offload);
	struct io_segment segments[2] = { { .va = taken, .size = size / 3 } };

	if (!size)
		return false;
	offload_check(i, &offload, size);
	if (drop) {
		net_drop(port[i]);
		return true;
	}
	segments[1] = (struct io_segment){ .va = taken + size / 3, .size = sizeof(taken) - size / 3 };
	net_receive(port[i], segments, 2);
	return true;
}

static void tcp_put(u8 *f, bool v6, u32 size)
{
	f[12] = v6 ? 0x86 : 0x08;
	f[13] = v6 ? 0xdd : 0;
	f[14] = v6 ? 0x60 : 0x45;
	f[v6 ? 20 : 23] = 6;
	f[v6 ? 66 : 46] = 0x50;
	f[16] = (u8)((size - 14) >> 8);
	f[17] = (u8)(size - 14);
}

/* A frame: often of TCP, to somebody, with an offload that fits; then some bytes and words of all
 * that are the input's. */
static u32 frame_make(struct input *in, unsigned from, u8 *f, struct net_offload *o)
{
	u64 kind = take(in, 2);
	bool v6 = kind & 1, large = kind & 2;
	u32 size = large ? 1000 + (u32)take(in, 2) : 14 + (kind >> 8 & 0xff), tcp = v6 ? 54 : 34;
	u8 head[128] = { 2, 0, 0, 0, 0, (u8)(kind >> 2 & 7), 2, 0, 0, 0, 0, (u8)from };

	*o = (struct net_offload){ 0 };
	tcp_put(head, v6, size);
	if (large || kind & 0x20)
		*o = (struct net_offload){ 1, (u8)(large ? v6 ? 4 : 1 : 0), 0, 1448, (u16)tcp, 16 };
	if ((kind & 0xc0) == 0x40) { /* a tag */
		memmove(head + 16, head + 12, sizeof(head) - 16);
		memcpy(head + 12, (const u8[]){ 0x81, 0, kind & 0x100 ? 0x60 : 0, kind & 0x200 ? 10 : 20 }, 4);
		o->csum_start = (u16)(o->csum_start ? o->csum_start + 4 : 0);
	}
	for (u64 n = take(in, 1) & 7; n; n--) {
		u64 where = take(in, 1);

		if (where < sizeof(head))
			head[where] = (u8)take(in, 1);
		else
			((u8 *)o)[where % sizeof(*o)] = (u8)take(in, 1);
	}
	memcpy(f, head, min_u64(size, sizeof(head)));
	return size;
}

/* Whether a frame from one may arrive at the other at all. */
static bool may_meet(unsigned from, unsigned to)
{
	if (from == to || (config[from].isolated && config[to].isolated))
		return false;
	return !config[from].vlan || !config[to].vlan || config[from].vlan == config[to].vlan;
}

static bool all_empty(void)
{
	struct net_offload offload;

	for (unsigned i = 0; i < PORTS; i++)
		if (net_peek(port[i], &offload))
			return false;
	return true;
}

static void step_send(struct input *in, unsigned from)
{
	u64 cuts = take(in, 4);
	struct io_segment segments[SEGMENTS_MAX];
	struct net_offload o, seen;
	u8 *at = memory + (cuts & 15);
	u32 size = frame_make(in, from, at, &o), done = 0;
	bool empty = all_empty();
	unsigned n = 0;

	for (; done < size; n++) {
		u32 piece = n + 1 == SEGMENTS_MAX ? size - done :
			    (u32)min_u64(size - done, (cuts >> (4 + 7 * n) & 127) * (cuts & 8 ? 64 : 1));

		segments[n] = (struct io_segment){ .va = at + done, .size = piece };
		done += piece;
	}
	net_send(port[from], &o, segments, n);
	for (unsigned i = 0; empty && i < PORTS; i++)
		require(!net_peek(port[i], &seen) || may_meet(from, i));
}

static void step(struct input *in)
{
	unsigned kind = (unsigned)take(in, 1), i = (kind >> 4) % PORTS;

	switch (kind % 16) {
	case 0:
		net_port_destroy(port[i], NULL);
		port_open(i);
		break;
	case 1:
		net_port_set(port[i], false, can[i]);
		break;
	case 2:
		net_port_set(port[i], true, can[i]);
		break;
	case 3:
		host_sleep(host_time() + take(in, 3));
		break;
	case 4:
	case 5:
		while (port_take(i, false))
			;
		break;
	case 6:
		port_take(i, true);
		break;
	case 7:
		for (i = 0; i < PORTS; i++)
			while (port_take(i, kind & 0x80))
				;
		break;
	default:
		step_send(in, i);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size);
int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	struct input in = { bytes, min_u64(size, 4096) };

	net_copy_host.misaligned = take(&in, 1) & 1;
	fake_reset();
	sw = net_switch_create("fuzz");
	for (unsigned i = 0; i < PORTS; i++)
		port_open(i);
	while (in.left)
		step(&in);
	for (unsigned i = 0; i < PORTS; i++)
		net_port_destroy(port[i], NULL);
	net_switch_destroy(sw);
	require(fake_allocated() == 0);
	return 0;
}
