/* Stations on a switch, for the tests of switch and ports. */
#ifndef IO_NET_SWITCH_TEST_H
#define IO_NET_SWITCH_TEST_H

#include <errno.h>
#include <stdlib.h>

#include "host/host.h"
#include "io/net_test.h"

#define BUFFER (256 * KIB)
#define PORTS 6
#define ALL (NET_CAN_CSUM | NET_CAN_TSO4 | NET_CAN_TSO6 | NET_CAN_ECN)

static struct net_switch *sw;
static struct host_account payer unused;

static struct station {
	struct net_port *port;
	unsigned received, may_send; /* calls */
	u8 address;
	/* Of the last frame. */
	struct net_offload offload;
	u32 size;
	u8 frame[NET_FRAME_MAX + 4];
} station[PORTS];

static inline void on_received(void *owner) { ((struct station *)owner)->received++; }
static inline void on_may_send(void *owner) { ((struct station *)owner)->may_send++; }
static const struct net_port_ops ops unused = { .received = on_received, .may_send = on_may_send };

static inline void test_begin(void)
{
	memset(station, 0, sizeof(station));
	payer = (struct host_account){ 0 };
	sw = net_switch_create("test");
	assert_non_null(sw);
}

static inline void station_remove(unsigned i)
{
	net_port_destroy(station[i].port, &payer);
	station[i].port = NULL;
}

static inline void test_end(void)
{
	for (unsigned i = 0; i < PORTS; i++)
		if (station[i].port)
			station_remove(i);
	net_switch_destroy(sw);
	assert_int_equal(payer.used, 0);
}

static inline struct station *station_add(unsigned i, const struct net_port_config *config, unsigned can)
{
	struct station *s = &station[i];

	s->port = net_port_create(sw, config, BUFFER, &payer);
	assert_non_null(s->port);
	s->address = (u8)(i + 1);
	net_port_attach(s->port, &ops, s);
	net_port_set(s->port, true, can);
	return s;
}

static inline struct station *plain(unsigned i)
{
	return station_add(i, &(struct net_port_config){ 0 }, ALL);
}

static const struct net_offload nothing unused;

/* Sends from an odd place, in two segments; the memory is a copy of its own. */
static inline int send_frame(struct station *s, const struct net_offload *offload, const u8 *frame, u32 size)
{
	u32 first = size / 3;
	u8 *a = malloc(first + 2), *b = malloc(size - first + 5);
	struct io_segment segments[] = {
		{ .va = a + 2, .size = first },
		{ .va = a, .size = 0 },
		{ .va = b + 5, .size = size - first },
	};
	int err;

	memcpy(a + 2, frame, first);
	memcpy(b + 5, frame + first, size - first);
	err = net_send(s->port, offload, segments, 3);
	free(a);
	free(b);
	return err;
}

/* A frame of some bytes to the station with address @to. */
static inline int say(struct station *s, u8 to, u32 size)
{
	u8 *frame = malloc(size);
	int err;

	test_payload(frame, size);
	test_ethernet(frame, to, s->address, 0x88b5);
	err = send_frame(s, &nothing, frame, size);
	free(frame);
	return err;
}

/* Whether there is a frame; it is then in the station. */
static inline bool hear(struct station *s)
{
	struct io_segment segments[2];

	s->size = net_peek(s->port, &s->offload);
	if (!s->size)
		return false;
	segments[0] = (struct io_segment){ .va = s->frame, .size = s->size / 2 };
	segments[1] = (struct io_segment){ .va = s->frame + s->size / 2, .size = s->size };
	net_receive(s->port, segments, 2);
	return true;
}

static inline bool silent(struct station *s) { return !hear(s); }

/* Everybody has spoken, and is known. */
static inline void introduce(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(say(&station[i], 255, 60), 0);
	for (unsigned i = 0; i < count; i++)
		while (hear(&station[i]))
			;
}

/* A frame to be cut, from station 1 to station 2, with its offload. */
static inline u32 make_large(u8 *frame, struct net_offload *o, bool v6, u32 payload, u32 mss)
{
	u32 head = v6 ? 74 : 54;

	(v6 ? test_tcp6 : test_tcp4)(frame, 2, 1, 1000, payload, 0x18);
	*o = (struct net_offload){
		.flags = NET_HDR_NEEDS_CSUM, .gso_type = v6 ? NET_GSO_TCPV6 : NET_GSO_TCPV4,
		.hdr_len = 999, .gso_size = (u16)mss,
		.csum_start = (u16)(head - 20), .csum_offset = 16,
	};
	return head + payload;
}

#endif
