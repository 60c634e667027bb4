/* A network card with its driver, and a peer on the same switch, for tests. */
#ifndef DEV_VIRTIO_NET_TEST_H
#define DEV_VIRTIO_NET_TEST_H

#include <errno.h>
#include <stdlib.h>

#include "dev/virtio_net_ctrl.h"
#include "dev/virtq_test.h"
#include "io/net_test.h"

#define BASE 0x10001000ul
#define BUFFER (256 * KIB)
#define RAM (16 * MIB)
#define HEADER 12u
#define CAN (NET_CAN_CSUM | NET_CAN_TSO4 | NET_CAN_TSO6 | NET_CAN_ECN)
#define PAIRS 3u
#define OURS 1 /* addresses of stations, see io/net_test.h */
#define PEER 2

static struct test_wire wire;
static struct net_switch *sw;
static struct net_port *port, *peer;
static struct virtio_device *net;
static struct test_ring rx[PAIRS], tx[PAIRS], ctrl;
static unsigned peer_may_send;

static u8 heard[NET_FRAME_MAX + 4];
static u32 heard_size;
static struct net_offload heard_offload;

static inline void peer_received(void *owner unused) {}
static inline void peer_told(void *owner unused) { peer_may_send++; }
static const struct net_port_ops peer_ops = { .received = peer_received, .may_send = peer_told };

static inline struct net_port *new_port(void)
{
	struct net_port *p = net_port_create(sw, &(struct net_port_config){ 0 }, BUFFER, &test_account);

	assert_non_null(p);
	return p;
}

/* Lets the VM's I/O task do what it has to do. */
static inline void io_run(void)
{
	host_sleep(host_time() + 1);
}

/* As long as the device may wait with what was sent before it gives it back. */
static inline void io_settle(void)
{
	host_sleep(host_time() + host_timebase() / 1000);
}

static inline void create(struct vm *vm, u32 pairs, u16 mtu)
{
	struct virtio_net_config config = { .pairs = pairs, .mtu = mtu, .packed = true };

	guest_use(vm);
	assert_int_equal(vm_work_start(test_vm), 0);
	wire = (struct test_wire){ 0 };
	peer_may_send = 0;
	sw = net_switch_create("test");
	port = new_port();
	peer = new_port();
	net_port_attach(peer, &peer_ops, NULL);
	net_port_set(peer, true, CAN);
	test_mac(config.mac, OURS);
	net = virtio_net_create(test_vm, BASE, test_wire_line(&wire, 1), &config, port);
	assert_non_null(net);
}

static inline void start(u64 features, u16 size)
{
	unsigned pairs = features & FEATURE(NET_F_MQ) ? PAIRS : 1;

	assert_true(driver_start(net, features));
	for (unsigned i = 0; i < pairs; i++) {
		driver_queue(&rx[i], net, 2 * i, size);
		driver_queue(&tx[i], net, 2 * i + 1, size);
	}
	driver_queue(&ctrl, net, 2 * pairs, 16);
	driver_ok(net);
}

#define PACKED FEATURE(VIRTIO_F_RING_PACKED)
#define EVENTS FEATURE(VIRTIO_F_EVENT_IDX)
#define USUAL (FEATURES_ALWAYS | FEATURE(VIRTIO_F_INDIRECT_DESC) | FEATURE(VIRTIO_F_RING_RESET))

static inline void test_end(void)
{
	net->dev.ops->destroy(&net->dev);
	vm_work_stop(test_vm);
	net_port_destroy(port, &test_account);
	net_port_destroy(peer, &test_account);
	net_switch_destroy(sw);
}

/* ---- The peer */

static inline int peer_send(const struct net_offload *offload, const u8 *frame, u32 size)
{
	struct io_segment segment = { .va = malloc(size), .size = size };
	static const struct net_offload none;
	int err;

	memcpy(segment.va, frame, size);
	err = net_send(peer, offload ? offload : &none, &segment, 1);
	free(segment.va);
	return err;
}

static inline int peer_say(u8 to, u32 size)
{
	static u8 frame[NET_FRAME_MAX];

	test_payload(frame, size);
	test_ethernet(frame, to, PEER, 0x88b5);
	return peer_send(NULL, frame, size);
}

static inline bool peer_hears(void)
{
	struct io_segment segment = { .va = heard, .size = sizeof(heard) };

	heard_size = net_peek(peer, &heard_offload);
	if (heard_size)
		net_receive(peer, &segment, 1);
	return heard_size != 0;
}

/* ---- The driver */

/* A frame in new memory, after a header; in @pieces buffers that begin at odd places. */
static inline u16 driver_send(struct test_ring *r, const struct net_offload *offload, const u8 *frame,
		       u32 size, unsigned pieces, bool indirect)
{
	struct test_buffer b[40];
	u32 done = 0;

	b[0] = (struct test_buffer){ guest_take(HEADER + size, 8), HEADER, false };
	guest_fill(b[0].gpa, 0, HEADER);
	if (offload)
		guest_put(b[0].gpa, offload, sizeof(*offload));
	if (pieces == 1) {
		b[0].size += size;
		guest_put(b[0].gpa + HEADER, frame, size);
		return ring_add(r, b, 1, indirect);
	}
	for (unsigned i = 1; i < pieces; i++) {
		u32 piece = i + 1 == pieces ? size - done : size / pieces;

		b[i] = (struct test_buffer){ guest_take(piece + 64, 64) + i % 8, piece, false };
		guest_put(b[i].gpa, frame + done, piece);
		done += piece;
	}
	return ring_add(r, b, pieces, indirect);
}

static inline void driver_say(u8 to, u32 size)
{
	static u8 frame[NET_FRAME_MAX];

	test_payload(frame, size);
	test_ethernet(frame, to, OURS, 0x88b5);
	driver_send(&tx[0], NULL, frame, size, 1, false);
}

static struct test_buffer buffers[2 * PAIRS + 1][VIRTQ_SIZE_MAX]; /* by queue and id */

static inline u16 driver_offer(struct test_ring *r, u32 size)
{
	struct test_buffer b = { guest_take(size, 64), size, true };
	u16 id = ring_add(r, &b, 1, false);

	buffers[r->index][id] = b;
	return id;
}

static inline void driver_offer_many(struct test_ring *r, unsigned count, u32 size)
{
	while (count--)
		driver_offer(r, size);
	ring_kick(r);
}

/* A frame that was received, gathered from its buffers: their number; 0: there is none. */
static inline unsigned driver_hears(struct test_ring *r)
{
	const struct test_buffer *of = buffers[r->index];
	struct test_used used;
	u8 header[HEADER];
	unsigned count;

	heard_size = 0;
	if (!ring_poll(r, &used))
		return 0;
	assert_true(used.written >= HEADER);
	guest_get(of[used.id].gpa, header, HEADER);
	memcpy(&heard_offload, header, sizeof(heard_offload));
	count = header[10] + header[11] * 256u;
	for (unsigned i = 0; i < count; i++) {
		u32 skip = i ? 0 : HEADER;

		if (i)
			assert_true(ring_poll(r, &used));
		if (i + 1 < count) /* 5.1.6.4.1 */
			assert_int_equal(used.written, of[used.id].size);
		guest_get(of[used.id].gpa + skip, heard + heard_size, used.written - skip);
		heard_size += used.written - skip;
	}
	return count;
}

static inline bool heard_is(u8 to, u8 from, u32 size)
{
	static u8 frame[NET_FRAME_MAX];

	test_payload(frame, size);
	test_ethernet(frame, to, from, 0x88b5);
	return heard_size == size && !memcmp(heard, frame, size);
}

static inline void get_to_know(void)
{
	peer_say(255, 60);
	io_run();
	driver_say(255, 60);
	ring_kick(&tx[0]);
	assert_true(peer_hears());
}

/* ---- Commands */

static inline u8 command(u8 class, u8 what, const void *data, u32 size)
{
	struct test_buffer b[3] = {
		{ guest_take(2, 2), 2, false }, { guest_take(size + 8, 8), size, false },
		{ guest_take(1, 1), 1, true },
	};
	struct test_used used;

	guest_put(b[0].gpa, (const u8[]){ class, what }, 2);
	guest_put(b[1].gpa, data, size);
	guest_put(b[2].gpa, &(const u8){ 0xee }, 1);
	ring_add(&ctrl, b, 3, false);
	ring_kick(&ctrl);
	assert_true(ring_poll(&ctrl, &used));
	assert_int_equal(used.written, 1);
	return guest_get8(b[2].gpa);
}

#define OK_COMMAND(class, what, type, ...) \
	assert_int_equal(command(class, what, &(const type){ __VA_ARGS__ }, sizeof(type)), 0)
#define BAD_COMMAND(class, what, type, ...) \
	assert_int_equal(command(class, what, &(const type){ __VA_ARGS__ }, sizeof(type)), 1)

static inline bool gets(u8 to, u32 size)
{
	peer_say(to, size);
	io_run();
	while (driver_hears(&rx[0]))
		if (heard_is(to, PEER, size))
			return true;
	return false;
}

#endif
