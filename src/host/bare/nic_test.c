/* The driver of NICs between a small device and a port that only counts. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/bare/devices.h"
#include "host/bare/drivers.h"
#include "host/bare/vring_model.h"
#include "host/fake/fake.h"

/* The ring is not of the portable library. */
#include "host/bare/vring.c"

enum { F_CSUM = 0, F_GUEST_CSUM = 1, F_MAC = 5, F_GUEST_TSO4 = 7, F_HOST_TSO4 = 11, F_MRG_RXBUF = 15,
       F_STATUS = 16, F_CTRL_VQ = 17, F_CTRL_RX = 18, F_EVENT_IDX = 29 };
#define HEADER 12
#define FRAME_MAX 70000u

static struct {
	u64 offered;
	bool up, changed, deaf;
	struct model model[3];
	void *memory[3];
	bool (*serve)(void *arg);
	void *serve_arg;
	unsigned resets, promiscuous;
	/* What was transmitted last. */
	u8 sent[FRAME_MAX];
	u32 sent_size;
	unsigned sent_count;
	bool keep; /* does not give back */
} dev;
static struct virtio_host host;
static unsigned nics_found;
static char name[12];

/* ---- The port */

struct net_port {
	const struct net_port_ops *ops;
	void *owner;
	bool up;
	unsigned can;
	u32 size; /* of the frames that wait */
	unsigned waiting, dropped;
	struct net_offload offload;
	u8 got[FRAME_MAX];
	u32 got_size;
	unsigned got_count, got_segments;
	struct net_offload got_offload;
	int answer;
};
static struct net_port port;

struct net_port *net_port_create(struct net_switch *s unused, const struct net_port_config *config unused,
				 u64 buffer unused, struct host_account *payer unused)
{
	return &port;
}

void net_port_destroy(struct net_port *p unused, struct host_account *payer unused) {}

void net_port_attach(struct net_port *p, const struct net_port_ops *ops, void *owner)
{
	p->ops = ops;
	p->owner = owner;
}

void net_port_set(struct net_port *p, bool up, unsigned can)
{
	p->up = up;
	p->can = can;
}

int net_send(struct net_port *p, const struct net_offload *offload, const struct io_segment *seg,
	     unsigned count)
{
	p->got_size = 0;
	for (unsigned i = 0; i < count; i++) {
		assert_ptr_equal(host_va(seg[i].pa), seg[i].va);
		memcpy(p->got + p->got_size, seg[i].va, seg[i].size);
		p->got_size += (u32)seg[i].size;
	}
	p->got_offload = *offload;
	p->got_segments = count;
	p->got_count++;
	return p->answer;
}

u32 net_peek(struct net_port *p, struct net_offload *offload)
{
	*offload = p->offload;
	return p->waiting ? p->size : 0;
}

void net_receive(struct net_port *p, const struct io_segment *seg, unsigned count)
{
	assert_true(count == 1 && seg[0].size >= p->size);
	for (u32 i = 0; i < p->size; i++)
		seg[0].va[i] = (u8)(i * 3 + 1);
	p->waiting--;
}

void net_drop(struct net_port *p)
{
	p->waiting--;
	p->dropped++;
}

/* ---- In the transport's place */

bool virtio_host_begin(struct virtio_host *v, u64 wanted)
{
	v->features = dev.offered & (wanted | BIT(F_EVENT_IDX));
	return true;
}

bool virtio_host_queue(struct virtio_host *v, u16 queue, u16 max, struct vring *r)
{
	dev.memory[queue] = calloc(1, vring_bytes(max));
	vring_init(r, max, virtio_host_has(v, F_EVENT_IDX), dev.memory[queue]);
	dev.model[queue] = (struct model){ .ring = r };
	model_want_notify(&dev.model[queue], true);
	return true;
}

void virtio_host_go(struct virtio_host *v unused) {}
bool virtio_host_broken(const struct virtio_host *v unused) { return false; }

bool virtio_host_ack(const struct virtio_host *v unused)
{
	bool changed = dev.changed;

	dev.changed = false;
	return changed;
}

bool virtio_host_reset(struct virtio_host *v unused)
{
	dev.resets++;
	return true;
}

u64 virtio_host_config(const struct virtio_host *v unused, u32 offset, unsigned size unused)
{
	return offset < 6 ? 0x52 + offset : offset == 6 ? dev.up : 0;
}

int virtio_host_wait(struct virtio_host *v unused, struct vring *r, u32 *written)
{
	return vring_take(r, written);
}

void device_serve_by(const struct virtio_host *v unused, bool (*fn)(void *arg), void *arg)
{
	dev.serve = fn;
	dev.serve_arg = arg;
}

static void interrupt_if(struct model *m, u16 before)
{
	if (model_interrupts(m, before))
		dev.serve(dev.serve_arg);
}

static void transmit(struct model *m)
{
	int head;

	while ((head = model_next(m)) >= 0) {
		const struct vring_desc *desc = &m->ring->desc[head];

		assert_int_equal(desc->flags, 0);
		dev.sent_size = desc->len;
		memcpy(dev.sent, host_va(desc->addr), desc->len);
		dev.sent_count++;
		if (!dev.keep)
			model_give(m, (u32)head, 0);
	}
	model_want_notify(m, true);
}

static void control(struct model *m)
{
	int head = model_next(m);
	const struct vring_desc *desc = &m->ring->desc[head];
	const u8 *command = host_va(desc->addr);

	assert_true(desc->len == 3 && !command[0] && !command[1]);
	dev.promiscuous += command[2];
	*(u8 *)host_va(m->ring->desc[desc->next].addr) = 0;
	model_give(m, (u32)head, 1);
}

void virtio_host_notify(const struct virtio_host *v unused, u16 queue)
{
	u16 before = dev.model[queue].used;

	if (queue == 1) {
		transmit(&dev.model[1]);
		interrupt_if(&dev.model[1], before);
	} else if (queue == 2 && !dev.deaf) {
		control(&dev.model[2]);
	}
}

/* ---- Tests */

static int set_up(void **state)
{
	(void)state;
	memset(&dev, 0, sizeof(dev));
	memset(&port, 0, sizeof(port));
	dev.offered = BIT(F_MAC) | BIT(F_STATUS) | BIT(F_MRG_RXBUF) | BIT(F_EVENT_IDX);
	dev.up = true;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		free(dev.memory[i]);
	return 0;
}

static void start(void)
{
	struct net_port_config config = { 0 };

	nic_probe(&host);
	assert_int_equal(bare_nic_count(), nics_found + 1);
	snprintf(name, sizeof(name), "%u", nics_found++);
	assert_int_equal(bare_nic_attach(name, NULL, &config), 0);
	assert_int_equal(bare_nic_attach(name, NULL, &config), -EBUSY);
	fake_run();
	assert_int_equal(port.up, dev.up);
}

/* The device receives a frame of @size bytes. @pieces: how many buffers it says, 0: the truth. */
static void arrive(u32 size, u8 flags, u16 pieces)
{
	struct model *m = &dev.model[0];
	u16 before = m->used, count = 0, *first = NULL;
	u32 done = 0, total = size + HEADER;

	while (done < total) {
		int head = model_next(m);
		struct vring_desc *desc;
		u32 n;
		u8 *to;

		assert_true(head >= 0);
		desc = &m->ring->desc[head];
		n = total - done < desc->len ? total - done : desc->len;
		to = host_va(desc->addr);
		assert_int_equal(desc->flags, VRING_WRITE);
		for (u32 i = 0; i < n; i++) {
			assert_int_equal(to[i], 0); /* wiped */
			to[i] = (u8)(done + i < HEADER ? 0 : (done + i - HEADER) * 5 + 2);
		}
		if (!done) {
			to[0] = flags;
			first = (u16 *)(void *)(to + 10);
		}
		*first = pieces ? pieces : ++count;
		done += n;
		model_give(m, (u32)head, n);
	}
	model_want_notify(m, true);
	interrupt_if(m, before);
	fake_run();
}

static void check_got(u32 size, unsigned count)
{
	assert_int_equal(port.got_count, count);
	assert_int_equal(port.got_size, size);
	for (u32 i = 0; i < size; i++)
		assert_int_equal(port.got[i], (u8)(i * 5 + 2));
}

static void test_receive(void **state)
{
	struct bare_nic nic;

	(void)state;
	start();
	assert_true(bare_nic_get(nics_found - 1, &nic));
	assert_true(nic.up && nic.attached && nic.mac[5] == 0x57);
	for (unsigned i = 1; i <= 500; i++) {
		arrive(i * 2, NET_HDR_NEEDS_CSUM, 0);
		check_got(i * 2, i);
	}
	/* It was not asked for checksums, so there are none to be completed. */
	assert_int_equal(port.got_offload.flags, 0);
}

/* The receiver has no room: it is waited for a while, and not all the time. */
static void test_receive_full(void **state)
{
	(void)state;
	start();
	fake_time_advance(FAKE_TIMEBASE);
	port.answer = -EAGAIN;
	arrive(50, 0, 0);
	arrive(60, 0, 0);
	check_got(50, 1);
	port.ops->may_send(port.owner);
	fake_run();
	check_got(50, 2);
	port.answer = 0;
	port.ops->may_send(port.owner);
	fake_run();
	check_got(60, 4);
	/* Nobody comes: 10 ms, and what follows is not waited for any more. */
	port.answer = -EAGAIN;
	arrive(70, 0, 0);
	arrive(80, 0, 0);
	check_got(70, 5);
	fake_time_advance(FAKE_TIMEBASE / 50);
	fake_run();
	check_got(80, 6);
	arrive(90, 0, 0);
	check_got(90, 7);
	/* Room that is none does not keep it. */
	fake_time_advance(FAKE_TIMEBASE);
	for (unsigned i = 0; i < 10; i++) {
		port.ops->may_send(port.owner);
		fake_run();
	}
	arrive(100, 0, 0);
	for (unsigned i = 0; i < 10; i++) {
		port.ops->may_send(port.owner);
		fake_run();
	}
	check_got(100, 11);
}

static void test_receive_merged(void **state)
{
	(void)state;
	dev.offered |= BIT(F_GUEST_CSUM) | BIT(F_GUEST_TSO4);
	start();
	arrive(65000, NET_HDR_NEEDS_CSUM, 0);
	check_got(65000, 1);
	assert_int_equal(port.got_segments, 16);
	assert_int_equal(port.got_offload.flags, NET_HDR_NEEDS_CSUM);
	for (unsigned i = 2; i < 40; i++) {
		arrive(i * 1000, 0, 0);
		check_got(i * 1000, i);
	}
}

/* Buffers that are not there, or none at all. */
static void test_receive_broken(void **state)
{
	(void)state;
	start();
	arrive(100, 0, 2);
	assert_int_equal(dev.resets, 1);
	assert_int_equal(port.got_count, 0);
	assert_false(port.up);
	/* What is sent to it goes nowhere, and does no harm. */
	port.size = 100;
	port.waiting = 3;
	port.ops->received(port.owner);
	fake_run();
	assert_int_equal(port.dropped, 3);
	assert_int_equal(dev.sent_count, 0);
}

static void send_frames(u32 size, unsigned count)
{
	port.size = size;
	port.waiting = count;
	port.ops->received(port.owner);
	fake_run();
}

static void test_transmit(void **state)
{
	(void)state;
	dev.offered |= BIT(F_CSUM) | BIT(F_HOST_TSO4) | BIT(F_CTRL_VQ) | BIT(F_CTRL_RX);
	start();
	assert_int_equal(dev.promiscuous, 1);
	assert_int_equal(port.can, NET_CAN_CSUM | NET_CAN_TSO4);
	send_frames(1518, 300);
	assert_int_equal(dev.sent_count, 300);
	assert_int_equal(dev.sent_size, 1518 + HEADER);
	assert_int_equal(dev.sent[HEADER + 9], 28);
	/* More than the network takes, without segmentation: dropped; with it: sent. */
	send_frames(1519, 2);
	assert_int_equal(port.dropped, 2);
	port.offload.gso_type = NET_GSO_TCPV4;
	port.offload.gso_size = 1448;
	send_frames(65000, 40);
	assert_int_equal(dev.sent_count, 340);
	assert_int_equal(dev.sent_size, 65000 + HEADER);
	assert_int_equal(dev.sent[1], NET_GSO_TCPV4);
}

/* The device is slow: no more than it has room for, and it says when it goes on. */
static void test_transmit_slow(void **state)
{
	struct model *m = &dev.model[1];
	u16 before;

	(void)state;
	start();
	dev.keep = true;
	send_frames(60, 200);
	assert_int_equal(dev.sent_count, 128);
	assert_int_equal(port.waiting, 72);
	before = m->used;
	for (u32 i = 0; i < 128; i++)
		model_give(m, 127 - i, 0);
	interrupt_if(m, before);
	fake_run();
	assert_int_equal(port.waiting, 0);
	/* What was sent is wiped, a while later at most. */
	before = m->used;
	for (u16 i = 0; i < 128; i++)
		if (vring_is_busy(m->ring, i))
			model_give(m, i, 0);
	fake_time_advance(FAKE_TIMEBASE);
	fake_run();
	for (u16 i = 0; i < 128; i++)
		for (u32 k = 0; k < 60 + HEADER; k++)
			assert_int_equal(((u8 *)host_va(m->ring->desc[i].addr))[k], 0);
}

static void test_link(void **state)
{
	(void)state;
	dev.offered |= BIT(F_CTRL_VQ) | BIT(F_CTRL_RX) | BIT(F_GUEST_TSO4);
	dev.offered &= ~BIT(F_MRG_RXBUF); /* then no large frames */
	dev.deaf = true;
	dev.up = false;
	start();
	assert_false(virtio_host_has(&host, F_GUEST_TSO4));
	dev.up = dev.changed = true;
	dev.serve(dev.serve_arg);
	fake_run();
	assert_true(port.up);
	arrive(1514, 0, 7); /* the number of buffers means nothing here */
	check_got(1514, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_receive, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_receive_full, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_receive_merged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_receive_broken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_transmit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_transmit_slow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_link, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
