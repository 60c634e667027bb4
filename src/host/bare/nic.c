/*
 * The machine's network cards: virtio 1.3, 5.1 "Network Device", from the driver's
 * side; each the uplink of a switch. A task of its own carries frames between the
 * NIC's buffers and the switch's port, in the common space, and wipes the buffers after. For a VM
 * that has no room it waits, but not for long, and not most of its time: the others would wait
 * as well. Then the frame is dropped.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/bare/devices.h"
#include "host/bare/drivers.h"
#include "host/host.h"
#include "lib/log.h"

/* 5.1.3 "Feature bits" */
enum { F_CSUM = 0, F_GUEST_CSUM = 1, F_MTU = 3, F_MAC = 5, F_GUEST_TSO4 = 7, F_GUEST_TSO6 = 8,
       F_GUEST_ECN = 9, F_HOST_TSO4 = 11, F_HOST_TSO6 = 12, F_HOST_ECN = 13, F_MRG_RXBUF = 15,
       F_STATUS = 16, F_CTRL_VQ = 17, F_CTRL_RX = 18 };
#define FEATURES_SEND (BIT(F_CSUM) | BIT(F_HOST_TSO4) | BIT(F_HOST_TSO6) | BIT(F_HOST_ECN))
#define FEATURES_LARGE (BIT(F_GUEST_TSO4) | BIT(F_GUEST_TSO6) | BIT(F_GUEST_ECN))
#define FEATURES_WANTED (FEATURES_SEND | FEATURES_LARGE | BIT(F_GUEST_CSUM) | BIT(F_MTU) | BIT(F_MAC) | \
			 BIT(F_MRG_RXBUF) | BIT(F_STATUS) | BIT(F_CTRL_VQ) | BIT(F_CTRL_RX))

/* 5.1.4 "Device configuration layout" */
enum { CONFIG_MAC = 0, CONFIG_STATUS = 6, CONFIG_MTU = 10 };
#define STATUS_LINK_UP 1

/* 5.1.2 "Virtqueues" */
enum { QUEUE_RECEIVE = 0, QUEUE_TRANSMIT = 1, QUEUE_CONTROL = 2 };

/* 5.1.6.5.1 "Packet Receive Filtering" */
enum { CTRL_RX = 0, CTRL_RX_PROMISC = 0, CTRL_OK = 0 };

/* 5.1.6 "Device Operation": before each frame. */
struct nic_header {
	struct net_offload offload; /* as it travels */
	u16 buffers;
};
_Static_assert(sizeof(struct nic_header) == 12, "struct virtio_net_hdr_v1");

/* 5.1.6.5 "Control Virtqueue" */
struct nic_command {
	u8 class, command, on, ack;
};

#define NICS_MAX 8
#define HEADER_AT 4u /* so that what follows the header is aligned */
#define FRAME_AT (HEADER_AT + sizeof(struct nic_header))
#define FRAME_OVERHEAD 18 /* Ethernet header and VLAN tag, beside the MTU */
#define BUFFER_SMALL 2048
#define BUFFER_PAGE 4096
#define RECEIVE_BUFFERS 128
#define PIECES_MAX 20     /* buffers of one frame: 64 KiB in pages, and a few */
#define BUDGET 64         /* frames one way, then the other */
#define WIPE_MS 10        /* what was sent stays in its buffer for so long at most */
#define PORT_BUFFER (512 * KIB)
#define PATIENCE_MS 10    /* waiting for room, at most; an eighth of the time gives new patience */
#define TRIES 4

/* A queue whose descriptor n always stands for buffer n. */
struct nic_queue {
	struct vring ring;
	u8 *memory;
	u64 pa;
	u32 buffer; /* bytes of each */
	u16 number; /* QUEUE_* */
	u16 free_count, free[VRING_SIZE_MAX];
};

struct nic {
	struct virtio_host *device;
	unsigned index;
	u8 mac[NET_MAC_SIZE];
	u32 can;       /* enum net_can */
	u32 frame_max; /* bytes that it sends at once */
	bool attached, works;
	u32 changed;   /* atomic: its configuration did */
	u32 up;        /* atomic */
	struct nic_queue receive, transmit;
	struct nic_command command;
	struct net_port *port;
	struct host_task *task; /* atomic */
	u32 may_send;           /* atomic */
	u64 patience, patience_at; /* ticks that it may still wait; and when that was so */
};

static struct nic *nics[NICS_MAX];
static unsigned nic_count;

/* ---- Queues */

static u8 *queue_buffer(const struct nic_queue *q, unsigned n)
{
	return q->memory + (u64)n * q->buffer;
}

static bool queue_init(struct nic *n, struct nic_queue *q, u16 number, u16 count, u32 buffer)
{
	q->number = number;
	q->buffer = buffer;
	if (!virtio_host_queue(n->device, number, count, &q->ring))
		return false;
	q->memory = host_alloc((u64)q->ring.size * buffer, NULL);
	if (!q->memory)
		return false;
	q->pa = host_pa(q->memory);
	for (u16 i = 0; i < q->ring.size; i++) {
		q->ring.desc[i].addr = q->pa + (u64)i * buffer + HEADER_AT;
		q->free[q->free_count++] = i;
	}
	return true;
}

static void queue_put(struct nic_queue *q, u16 n, u32 len, u16 flags)
{
	q->ring.desc[n].len = len;
	q->ring.desc[n].flags = flags;
	vring_put(&q->ring, n);
}

static void queue_publish(struct nic *n, struct nic_queue *q)
{
	if (vring_publish(&q->ring))
		virtio_host_notify(n->device, q->number);
}

static void nic_break(struct nic *n, const char *why)
{
	log_line("host: NIC %u: %s: not used any more", n->index, why);
	n->works = false;
	net_port_set(n->port, false, n->can);
	if (!virtio_host_reset(n->device))
		log_line("host: NIC %u: and it does not stop", n->index);
}

/* ---- From the NIC */

static void receive_put(struct nic_queue *q, u16 n)
{
	queue_put(q, n, q->buffer - HEADER_AT, VRING_WRITE);
}

/* One more buffer of a frame. False: there is none, or it cannot be. */
static bool receive_take(struct nic_queue *q, u16 *n, u32 *len)
{
	int head = vring_take(&q->ring, len);

	*n = (u16)head;
	return head >= 0 && *len <= q->buffer - HEADER_AT;
}

static unsigned receive_pieces(const struct nic *n, const struct nic_header *h)
{
	return virtio_host_has(n->device, F_MRG_RXBUF) ? h->buffers : 1;
}

/* Gathers the frame that begins with buffer @first. 5.1.6.4 "Processing of Incoming Packets": all its
 * buffers are there. Returns how many, 0: it is impossible. */
static unsigned receive_gather(struct nic *n, u16 first, u32 len, struct io_segment *seg, u16 *buffer)
{
	struct nic_queue *q = &n->receive;
	unsigned pieces;

	if (len < sizeof(struct nic_header))
		return 0;
	pieces = receive_pieces(n, (const struct nic_header *)(queue_buffer(q, first) + HEADER_AT));
	if (!pieces || pieces > PIECES_MAX)
		return 0;
	buffer[0] = first;
	seg[0].va = queue_buffer(q, first) + FRAME_AT;
	seg[0].size = len - sizeof(struct nic_header);
	for (unsigned i = 1; i < pieces; i++) {
		if (!receive_take(q, &buffer[i], &len))
			return 0;
		seg[i].va = queue_buffer(q, buffer[i]) + HEADER_AT;
		seg[i].size = len;
	}
	for (unsigned i = 0; i < pieces; i++)
		seg[i].pa = q->pa + (u64)(seg[i].va - q->memory);
	return pieces;
}

static bool transmit_some(struct nic *n);

/* Waits for room in the switch. True: there may be some. */
static bool receive_wait(struct nic *n)
{
	u64 now = host_time(), max = host_timebase() * PATIENCE_MS / 1000, until;

	n->patience = min_u64(n->patience + (now - n->patience_at) / 8, max);
	n->patience_at = now;
	until = now + n->patience;
	/* What the VMs send need not wait. */
	while (n->works && !__atomic_load_n(&n->may_send, __ATOMIC_ACQUIRE) && host_time() < until)
		if (!transmit_some(n))
			host_sleep(until);
	now = host_time();
	n->patience -= min_u64(n->patience, now - n->patience_at);
	n->patience_at = now;
	return __atomic_load_n(&n->may_send, __ATOMIC_ACQUIRE);
}

static void receive_send(struct nic *n, const struct net_offload *offload, const struct io_segment *seg,
			 unsigned pieces)
{
	for (unsigned i = 0; i < TRIES; i++) {
		__atomic_store_n(&n->may_send, 0, __ATOMIC_RELAXED);
		if (net_send(n->port, offload, seg, pieces) != -EAGAIN || !receive_wait(n))
			return;
	}
}

static void receive_forward(struct nic *n, struct io_segment *seg, const u16 *buffer, unsigned pieces)
{
	struct nic_queue *q = &n->receive;
	struct net_offload offload;

	memcpy(&offload, queue_buffer(q, buffer[0]) + HEADER_AT, sizeof(offload));
	if (!virtio_host_has(n->device, F_GUEST_CSUM))
		memset(&offload, 0, sizeof(offload));
	offload.flags &= NET_HDR_NEEDS_CSUM | NET_HDR_DATA_VALID;
	receive_send(n, &offload, seg, pieces);
	memset(queue_buffer(q, buffer[0]), 0, FRAME_AT);
	for (unsigned i = 0; i < pieces; i++) {
		memset(seg[i].va, 0, seg[i].size);
		receive_put(q, buffer[i]);
	}
}

/* True if there was a frame. */
static bool receive_one(struct nic *n)
{
	struct io_segment seg[PIECES_MAX];
	u16 buffer[PIECES_MAX];
	unsigned pieces;
	u32 len;
	int head = vring_take(&n->receive.ring, &len);

	if (head == VRING_EMPTY)
		return false;
	pieces = head < 0 || len > n->receive.buffer - HEADER_AT ? 0 :
		 receive_gather(n, (u16)head, len, seg, buffer);
	if (!pieces) {
		nic_break(n, "it received what cannot be");
		return false;
	}
	receive_forward(n, seg, buffer, pieces);
	return true;
}

static bool receive_some(struct nic *n)
{
	unsigned count = 0;

	/* Frames may be large. */
	for (; count < BUDGET && n->works && receive_one(n); count++)
		host_yield();
	if (n->works)
		queue_publish(n, &n->receive);
	return count != 0;
}

/* ---- To the NIC */

/* Buffers that were sent are wiped, and free again. */
static void transmit_reclaim(struct nic *n)
{
	struct nic_queue *q = &n->transmit;
	u32 written;
	int head;

	while ((head = vring_take(&q->ring, &written)) >= 0) {
		memset(queue_buffer(q, (unsigned)head), 0, HEADER_AT + q->ring.desc[head].len);
		q->free[q->free_count++] = (u16)head;
	}
	if (head == VRING_BROKEN)
		nic_break(n, "it sent what it did not have");
}

static void transmit_fill(struct nic *n, const struct net_offload *offload, u32 size)
{
	struct nic_queue *q = &n->transmit;
	u16 at = q->free[--q->free_count];
	u8 *buffer = queue_buffer(q, at);
	struct nic_header header = { .offload = *offload };
	struct io_segment seg = { .va = buffer + FRAME_AT, .size = size };

	seg.pa = q->pa + (u64)(seg.va - q->memory);
	memcpy(buffer + HEADER_AT, &header, sizeof(header));
	net_receive(n->port, &seg, 1);
	queue_put(q, at, (u32)sizeof(header) + size, 0);
}

/* True if something went, or was dropped. */
static bool transmit_some(struct nic *n)
{
	struct net_offload offload = { 0 };
	unsigned count = 0;
	u32 size;

	transmit_reclaim(n);
	for (; n->works && count < BUDGET && n->transmit.free_count; count++) {
		size = net_peek(n->port, &offload);
		if (!size)
			break;
		if (size <= n->frame_max || (offload.gso_type && size <= n->transmit.buffer - FRAME_AT))
			transmit_fill(n, &offload, size);
		else
			net_drop(n->port);
		host_yield();
	}
	if (n->works)
		queue_publish(n, &n->transmit);
	return count != 0;
}

/* ---- The task */

static bool nic_link(const struct nic *n)
{
	return !virtio_host_has(n->device, F_STATUS) ||
	       virtio_host_config(n->device, CONFIG_STATUS, 2) & STATUS_LINK_UP;
}

static void nic_changed(struct nic *n)
{
	bool up;

	if (!__atomic_exchange_n(&n->changed, 0, __ATOMIC_ACQ_REL))
		return;
	if (virtio_host_broken(n->device)) {
		nic_break(n, "it needs a reset");
		return;
	}
	up = nic_link(n);
	if (up != __atomic_load_n(&n->up, __ATOMIC_RELAXED))
		log_line("host: NIC %u: link %s", n->index, up ? "up" : "down");
	__atomic_store_n(&n->up, up, __ATOMIC_RELAXED);
	net_port_set(n->port, up, n->can);
}

/* Nothing is left to be done: lets the device interrupt, and sleeps. Buffers that were sent are of
 * interest only when there are no others, and to be wiped. */
static void nic_sleep(struct nic *n)
{
	u64 until = HOST_FOREVER;
	bool more = vring_interrupts(&n->receive.ring, true);

	if (!n->transmit.free_count)
		more |= vring_interrupts(&n->transmit.ring, true);
	else if (n->transmit.ring.in_flight)
		until = host_time() + host_timebase() * WIPE_MS / 1000;
	if (!more)
		host_sleep(until);
	vring_interrupts(&n->receive.ring, false);
	vring_interrupts(&n->transmit.ring, false);
}

static void port_received(void *owner)
{
	struct nic *n = owner;

	host_wake(n->task);
}

static void port_may_send(void *owner)
{
	struct nic *n = owner;

	__atomic_store_n(&n->may_send, 1, __ATOMIC_RELEASE);
	host_wake(n->task);
}

static const struct net_port_ops port_ops = { .received = port_received, .may_send = port_may_send };

/* What the switch still has for it goes nowhere; the task stays, as it may be woken. */
static _Noreturn void nic_dead(struct nic *n)
{
	struct net_offload offload;

	for (;;) {
		while (net_peek(n->port, &offload))
			net_drop(n->port);
		host_sleep(HOST_FOREVER);
	}
}

static void nic_run(void *arg)
{
	struct nic *n = arg;
	bool busy;

	__atomic_store_n(&n->task, host_task_self(), __ATOMIC_RELEASE);
	net_port_attach(n->port, &port_ops, n);
	__atomic_store_n(&n->changed, 1, __ATOMIC_RELAXED);
	while (n->works) {
		nic_changed(n);
		busy = n->works && receive_some(n);
		busy |= n->works && transmit_some(n);
		if (busy)
			host_yield();
		else if (n->works)
			nic_sleep(n);
	}
	nic_dead(n);
}

static bool nic_serve(void *arg)
{
	struct nic *n = arg;
	struct host_task *task = __atomic_load_n(&n->task, __ATOMIC_ACQUIRE);

	if (virtio_host_ack(n->device))
		__atomic_store_n(&n->changed, 1, __ATOMIC_RELEASE);
	if (task)
		host_wake(task);
	return true;
}

/* ---- Finding them */

void nic_probe(struct virtio_host *v)
{
	struct nic *n = nic_count < NICS_MAX ? host_alloc(sizeof(*n), NULL) : NULL;

	if (!n) {
		log_line("host: no room for the NIC at %#lx: not used", v->pa);
		return;
	}
	n->device = v;
	n->index = nic_count;
	if (!virtio_host_begin(v, FEATURES_WANTED))
		return;
	/* Large frames come in several buffers, or not at all. */
	if (!virtio_host_has(v, F_MRG_RXBUF) && v->features & FEATURES_LARGE &&
	    !virtio_host_begin(v, FEATURES_WANTED & ~FEATURES_LARGE))
		return;
	for (u32 i = 0; i < NET_MAC_SIZE && virtio_host_has(v, F_MAC); i++)
		n->mac[i] = (u8)virtio_host_config(v, CONFIG_MAC + i, 1);
	n->up = nic_link(n);
	nics[nic_count++] = n;
	device_serve_by(v, nic_serve, n);
}

static void mac_text(const u8 *mac, char *text, size_t size)
{
	snprintf(text, size, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		 mac[5]);
}

void nic_report(void)
{
	char mac[18];

	for (unsigned i = 0; i < nic_count; i++) {
		mac_text(nics[i]->mac, mac, sizeof(mac));
		log_line("host: NIC %u: virtio-net, %s, link %s%s", i, mac, nics[i]->up ? "up" : "down",
			 virtio_host_has(nics[i]->device, F_CSUM) ? ", offloads" : "");
	}
}

unsigned bare_nic_count(void)
{
	return nic_count;
}

bool bare_nic_get(unsigned index, struct bare_nic *nic)
{
	const struct nic *n = index < nic_count ? nics[index] : NULL;

	if (!n)
		return false;
	memcpy(nic->mac, n->mac, NET_MAC_SIZE);
	nic->up = __atomic_load_n(&n->up, __ATOMIC_RELAXED);
	nic->attached = n->attached;
	return true;
}

static struct nic *nic_find(const char *name)
{
	char text[18];

	if (!*name)
		return nics[0];
	for (unsigned i = 0; i < nic_count; i++) {
		mac_text(nics[i]->mac, text, sizeof(text));
		if (strcmp(text, name) == 0)
			return nics[i];
	}
	for (unsigned i = 0; i < nic_count; i++) {
		snprintf(text, sizeof(text), "%u", i);
		if (strcmp(text, name) == 0)
			return nics[i];
	}
	return NULL;
}

/* ---- Start */

static void nic_limits(struct nic *n)
{
	const struct virtio_host *v = n->device;
	u64 mtu = virtio_host_has(v, F_MTU) ? virtio_host_config(v, CONFIG_MTU, 2) : 1500;

	n->frame_max = (u32)min_u64(mtu + FRAME_OVERHEAD, NET_FRAME_MAX);
	if (virtio_host_has(v, F_CSUM))
		n->can |= NET_CAN_CSUM;
	if (virtio_host_has(v, F_HOST_TSO4))
		n->can |= NET_CAN_TSO4;
	if (virtio_host_has(v, F_HOST_TSO6))
		n->can |= NET_CAN_TSO6;
	if (virtio_host_has(v, F_HOST_ECN))
		n->can |= NET_CAN_ECN;
}

static u32 buffer_for(u64 frame)
{
	u64 bytes = frame + FRAME_AT;

	return bytes <= BUFFER_SMALL ? BUFFER_SMALL : (u32)align_up(bytes, BUFFER_PAGE);
}

static bool nic_queues(struct nic *n)
{
	const struct virtio_host *v = n->device;
	bool tso = n->can & (NET_CAN_TSO4 | NET_CAN_TSO6);
	u32 receive = buffer_for(n->frame_max);

	if (virtio_host_has(v, F_MRG_RXBUF))
		receive = v->features & FEATURES_LARGE ? BUFFER_PAGE : BUFFER_SMALL;
	if (!queue_init(n, &n->receive, QUEUE_RECEIVE, RECEIVE_BUFFERS, receive) ||
	    !queue_init(n, &n->transmit, QUEUE_TRANSMIT, tso ? 32 : 128,
			buffer_for(tso ? NET_FRAME_MAX : n->frame_max)))
		return false;
	while (n->receive.free_count)
		receive_put(&n->receive, n->receive.free[--n->receive.free_count]);
	vring_interrupts(&n->transmit.ring, false);
	return true;
}

/* The VMs' addresses are not its own. */
static bool nic_promiscuous(struct nic *n, struct vring *r)
{
	struct nic_command *c = &n->command;
	u32 written;

	*c = (struct nic_command){ .class = CTRL_RX, .command = CTRL_RX_PROMISC, .on = 1, .ack = 0xff };
	r->desc[0] = (struct vring_desc){ host_pa(c), 3, VRING_NEXT, 1 };
	r->desc[1] = (struct vring_desc){ host_pa(&c->ack), 1, VRING_WRITE, 0 };
	vring_put(r, 0);
	if (vring_publish(r))
		virtio_host_notify(n->device, QUEUE_CONTROL);
	return virtio_host_wait(n->device, r, &written) == 0 && c->ack == CTRL_OK;
}

static bool nic_begin(struct nic *n)
{
	bool control = virtio_host_has(n->device, F_CTRL_VQ) && virtio_host_has(n->device, F_CTRL_RX);
	struct vring ring;

	nic_limits(n);
	if (!nic_queues(n) || (control && !virtio_host_queue(n->device, QUEUE_CONTROL, 2, &ring)))
		return false;
	virtio_host_go(n->device);
	if (control && !nic_promiscuous(n, &ring))
		log_line("host: NIC %u: it may keep frames for VMs to itself", n->index);
	queue_publish(n, &n->receive);
	return true;
}

int bare_nic_attach(const char *name, struct net_switch *s, const struct net_port_config *config)
{
	struct host_task_spec spec = { .name = "nic", .run = nic_run };
	struct nic *n = nic_find(name);

	if (!n)
		return -ENOENT;
	if (n->attached)
		return -EBUSY;
	n->port = net_port_create(s, config, PORT_BUFFER, NULL);
	if (!n->port)
		return -ENOMEM;
	n->attached = true;
	n->works = nic_begin(n);
	spec.arg = n;
	if (n->works && host_task_start(&spec, NULL))
		return 0;
	log_line("host: NIC %u does not work: not used", n->index);
	virtio_host_reset(n->device);
	n->works = false;
	net_port_destroy(n->port, NULL);
	return -EIO;
}
