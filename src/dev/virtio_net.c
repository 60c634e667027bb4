/*
 * Virtio 1.3, 5.1 "Network Device". What the driver sends goes straight into the buffer of the
 * port that receives it. What arrives waits in our own port's buffer until the VM's I/O task, in the VM's
 * space, moves it into the driver's buffers. Commands are in virtio_net_ctrl.c.
 */
#include "dev/virtio_net.h"

#include <errno.h>
#include <string.h>

#include "dev/virtio_net_ctrl.h"
#include "io/net_copy.h"
#include "lib/bits.h"
#include "vm/vm.h"

/* 5.1.6: struct virtio_net_hdr */
struct net_header {
	struct net_offload offload;
	u16 num_buffers;
};
#define HEADER_SIZE sizeof(struct net_header)
#define HEADER_NUM_BUFFERS offsetof(struct net_header, num_buffers)
_Static_assert(HEADER_SIZE == 12 && HEADER_NUM_BUFFERS == 10, "as in the specification");

/* What is done in one go; the I/O task does the rest. */
#define TX_FRAMES 32
#define TX_BYTES (256 * KIB)
#define RX_FRAMES 64
#define RX_BYTES (256 * KIB)
#define RX_BUFFER 256 /* what a look at a buffer counts for beside the bytes */

#define FRAME_EXTRA (NET_FRAME_MIN + 4) /* what the MTU does not count: addresses, tag, type */

/* What was sent is given back with what is received next, if it is little and that comes soon: the
 * driver has one interrupt then instead of two. */
#define TX_DONE_FRAMES 16
#define TX_DONE_BYTES (8 * KIB)
#define TX_DONE_HZ 5000

/* Below this many entries a queue might not hold a large frame. */
#define RX_QUEUE_LARGE 64

/* ---- What the driver sends */

/* The chain's header, and its frame as segments: their number; 0: that is none. */
static unsigned tx_open(struct virtio_net *n, struct net_offload *offload)
{
	const struct virtq_chain *chain = &n->chain;
	const struct virtq_segment *first = chain->segments;
	int count;

	if (chain->readable_size <= HEADER_SIZE)
		return 0;
	if (first->host.size <= HEADER_SIZE) {
		virtq_read(chain, 0, offload, sizeof(*offload));
		count = virtq_map(chain, false, HEADER_SIZE, chain->readable_size - HEADER_SIZE,
				  n->segments, VIRTQ_SEGMENTS_MAX);
		return count < 0 ? 0 : (unsigned)count;
	}
	memcpy(offload, first->host.va, sizeof(*offload));
	for (unsigned i = 0; i < chain->readable; i++)
		n->segments[i] = chain->segments[i].host;
	n->segments[0].va += HEADER_SIZE;
	n->segments[0].pa += HEADER_SIZE;
	n->segments[0].size -= HEADER_SIZE;
	return chain->readable;
}

/* False: not now. What cannot be sent is dropped. */
static bool tx_frame(struct virtio_net *n)
{
	struct net_offload offload;
	unsigned count = tx_open(n, &offload);

	if (!count)
		return true;
	offload.flags &= NET_HDR_NEEDS_CSUM;
	return net_send(n->port, &offload, n->segments, count) != -EAGAIN;
}

/* Takes and sends; EMPTY: the driver will notify of what comes. */
static enum virtq_taken tx_next(struct virtio_net *n, struct virtq *q)
{
	enum virtq_taken taken = virtq_take(q, &n->chain);

	if (taken == VIRTQ_EMPTY && virtq_notifications(q, true))
		taken = virtq_take(q, &n->chain);
	return taken;
}

static void tx_publish(struct virtio_net *n)
{
	for (u32 left = n->tx_done.pairs; left; left &= left - 1)
		virtq_publish(&n->v.queues[2 * bits_lowest(left) + 1]);
	n->tx_done = (struct net_done){ 0 };
	vm_work_not_at(&n->tx_done_work);
}

/* A driver that has few free entries wants them back. */
static void tx_done(struct virtio_net *n, unsigned pair, u32 frames, u64 bytes)
{
	struct net_done *done = &n->tx_done;

	if (!frames)
		return;
	done->pairs |= 1u << pair;
	done->frames += frames;
	done->bytes += bytes;
	if (done->frames > TX_DONE_FRAMES || done->bytes > TX_DONE_BYTES ||
	    4 * done->frames > n->v.queues[2 * pair + 1].size)
		tx_publish(n);
	else
		vm_work_at(n->v.vm, &n->tx_done_work, host_time() + host_timebase() / TX_DONE_HZ);
}

/* Sends what there is, up to the bounds; false: there is no more. */
static bool tx_some(struct virtio_net *n, struct virtq *q, u32 *frames, u64 *bytes)
{
	while (*frames < TX_FRAMES && *bytes < TX_BYTES) {
		if (tx_next(n, q) != VIRTQ_TAKEN)
			return false;
		if (!tx_frame(n)) {
			/* The port says when. */
			virtq_untake(q, &n->chain);
			return true;
		}
		*bytes += n->chain.readable_size + net_send_cost(n->port);
		++*frames;
		virtq_give(q, &n->chain, 0);
	}
	vm_work_queue(n->v.vm, &n->tx_work);
	return true;
}

static void tx_serve(struct virtio_net *n, unsigned pair)
{
	struct virtq *q = &n->v.queues[2 * pair + 1];
	u32 frames = 0;
	u64 bytes = 0;

	n->tx_waiting &= ~(1u << pair);
	if (tx_some(n, q, &frames, &bytes)) {
		n->tx_waiting |= 1u << pair;
		virtq_notifications(q, false);
	}
	tx_done(n, pair, frames, bytes);
}

static void tx_done_work(struct vm_work *work)
{
	struct virtio_net *n = container_of(work, struct virtio_net, tx_done_work);

	lock_take(&n->v.dev.lock);
	tx_publish(n);
	lock_drop(&n->v.dev.lock);
}

static void tx_work(struct vm_work *work)
{
	struct virtio_net *n = container_of(work, struct virtio_net, tx_work);

	lock_take(&n->v.dev.lock);
	for (unsigned pair = 0; n->tx_waiting >> pair; pair++)
		if (n->tx_waiting >> pair & 1)
			tx_serve(n, pair);
	if (n->ctrl_waiting)
		net_ctrl_serve(n);
	lock_drop(&n->v.dev.lock);
}

/* ---- What arrives */

static struct virtq *rx_queue(struct virtio_net *n)
{
	return &n->v.queues[2 * n->rx.pair];
}

/* Not what came when the driver could still take it, and 5.1.4.1: nothing that exceeds the MTU. */
static bool rx_takes(const struct virtio_net *n, u32 size, const struct net_offload *offload)
{
	if (offload->flags && !(n->can & NET_CAN_CSUM))
		return false;
	if (offload->gso_type)
		return n->can & (NET_CAN_TSO4 | NET_CAN_TSO6);
	return !virtio_has(&n->v, NET_F_MTU) || size <= n->mtu + FRAME_EXTRA;
}

/* A frame begins: does the driver want it, and in which queue? */
static bool rx_begin(struct virtio_net *n, const u8 *frame, u32 size, const struct net_offload *offload)
{
	if (!net_filter_pass(&n->filter, frame, size) || !rx_takes(n, size, offload))
		return false;
	n->rx.pair = n->pairs > 1 ? net_flow_hash(frame, size) % n->pairs : 0;
	/* 5.1.6.5.6 lets the driver leave queues out. */
	if (!rx_queue(n)->live)
		n->rx.pair = 0;
	n->rx.done = 0;
	return rx_queue(n)->live;
}

/* Bytes [offset, offset+size) of the writable ones. */
static void rx_copy(const struct virtq_chain *chain, u64 offset, const u8 *from, u64 size)
{
	const struct virtq_segment *s = &chain->segments[chain->readable];

	for (; size; s++) {
		u64 piece;

		if (offset >= s->host.size) {
			offset -= s->host.size;
			continue;
		}
		piece = min_u64(size, s->host.size - offset);
		net_copy(s->host.va + offset, from, piece);
		from += piece;
		size -= piece;
		offset = 0;
	}
}

/* The header, into the first buffer. Of num_buffers the place is kept: how many there will be shows
 * later. */
static void rx_header(struct virtio_net *n, const struct net_offload *offload, bool only)
{
	const struct virtq_segment *s = &n->chain.segments[n->chain.readable];
	const struct net_header header = { .offload = *offload, .num_buffers = 1 };

	rx_copy(&n->chain, 0, (const u8 *)&header, HEADER_SIZE);
	if (only)
		return;
	for (u64 i = 0, at = HEADER_NUM_BUFFERS; i < 2; i++, at++) {
		while (at >= s->host.size)
			at -= s++->host.size;
		n->rx.num_buffers[i] = s->gpa + at;
	}
}

/* 5.1.6.4: of several buffers each but the last is full. */
static void rx_finish(struct virtio_net *n)
{
	u8 count[2] = { (u8)n->rx.buffers, (u8)(n->rx.buffers >> 8) };

	n->rx.touched |= 1u << n->rx.pair;
	for (unsigned i = 0; n->rx.buffers > 1 && i < 2; i++)
		vm_write(n->v.vm, n->rx.num_buffers[i], &count[i], 1);
	n->rx.buffers = 0;
	net_received(n->port);
}

/* The next of the driver's buffers. */
static enum virtq_taken rx_take(struct virtio_net *n, struct virtq *q)
{
	enum virtq_taken taken = virtq_take(q, &n->chain);

	if (taken == VIRTQ_EMPTY && virtq_notifications(q, true))
		taken = virtq_take(q, &n->chain);
	if (taken != VIRTQ_TAKEN)
		return taken;
	if (n->chain.writable_size > (n->rx.buffers ? 0 : HEADER_SIZE - 1))
		return taken;
	virtio_broken(&n->v, "a receive buffer has no room for the header");
	virtq_give(q, &n->chain, 0);
	return VIRTQ_BROKEN;
}

enum rx { RX_IDLE, RX_MORE, RX_NO_BUFFERS };

/* Fills the buffer that was taken, with @piece bytes more. */
static void rx_fill(struct virtio_net *n, struct virtq *q, const u8 *frame, u32 piece,
		    const struct net_offload *offload, bool only)
{
	u64 header = n->rx.buffers ? 0 : HEADER_SIZE;

	if (header)
		rx_header(n, offload, only);
	rx_copy(&n->chain, header, frame + n->rx.done, piece);
	virtq_wrote(q, &n->chain, 0, header + piece);
	virtq_give(q, &n->chain, (u32)(header + piece));
	n->rx.done += piece;
	n->rx.buffers++;
}

/* Of frames that are whole: nothing of another one may have been given in their queues. */
static void rx_publish(struct virtio_net *n)
{
	if (n->rx.touched && n->tx_done.pairs)
		tx_publish(n);
	for (unsigned pair = 0; n->rx.touched; pair++, n->rx.touched >>= 1)
		if (n->rx.touched & 1)
			virtq_publish(&n->v.queues[2 * pair]);
}

/* Moves a frame, or what is left of it, into as many buffers as there are. */
static enum rx rx_move(struct virtio_net *n, u32 size, const struct net_offload *offload, u64 *bytes)
{
	const u8 *frame = net_peek_frame(n->port);
	struct virtq *q = rx_queue(n);

	do {
		u64 room;

		*bytes += RX_BUFFER;
		if (rx_take(n, q) != VIRTQ_TAKEN)
			return RX_NO_BUFFERS;
		room = n->chain.writable_size - (n->rx.buffers ? 0 : HEADER_SIZE);
		if (room < size && !virtio_has(&n->v, NET_F_MRG_RXBUF)) {
			virtq_untake(q, &n->chain);
			net_drop(n->port);
			return RX_MORE;
		}
		/* There may be no second one: then the frames before must not wait for it. */
		if (room < size && !n->rx.buffers)
			rx_publish(n);
		rx_fill(n, q, frame, (u32)min_u64(size - n->rx.done, room), offload, room >= size);
		/* If the queue has no more than these: what is left out, the receiver will miss. */
	} while (n->rx.done < size && n->rx.buffers < q->size);
	rx_finish(n);
	return RX_MORE;
}

/* Does what there is to do about the next frame; counts its bytes and buffers. */
static enum rx rx_next(struct virtio_net *n, u64 *bytes)
{
	struct net_offload offload;
	u32 size = net_peek(n->port, &offload);

	if (!size)
		return RX_IDLE;
	*bytes += size;
	if (!virtio_running(&n->v))
		n->rx.buffers = 0;
	else if (n->rx.buffers || rx_begin(n, net_peek_frame(n->port), size, &offload))
		return rx_move(n, size, &offload, bytes);
	net_drop(n->port);
	return RX_MORE;
}

/* The queue in which a frame is being received is not used any more: what has come of it must do. */
void net_rx_cut_short(struct virtio_net *n)
{
	if (n->rx.buffers)
		rx_finish(n);
	rx_publish(n);
	vm_work_queue(n->v.vm, &n->rx_work);
}

/* Moves what waits; what is beyond the bounds, the I/O task moves in its next round. */
static void rx_serve(struct virtio_net *n)
{
	enum rx result = RX_MORE;
	u64 bytes = 0;

	for (unsigned i = 0; result == RX_MORE && i < RX_FRAMES && bytes < RX_BYTES; i++)
		result = rx_next(n, &bytes);
	n->rx.waiting = result == RX_NO_BUFFERS;
	rx_publish(n);
	if (result == RX_MORE)
		vm_work_queue(n->v.vm, &n->rx_work);
}

static void rx_work(struct vm_work *work)
{
	struct virtio_net *n = container_of(work, struct virtio_net, rx_work);

	lock_take(&n->v.dev.lock);
	rx_serve(n);
	lock_drop(&n->v.dev.lock);
}

/* There are buffers again; what is of interest only if some were missed. */
static void rx_notify(struct virtio_net *n, struct virtq *q)
{
	if (n->rx.waiting)
		rx_serve(n);
	else
		virtq_notifications(q, false);
}

/* ---- The port's side: any context */

static void net_received_some(void *owner)
{
	struct virtio_net *n = owner;

	vm_work_queue(n->v.vm, &n->rx_work);
}

static void net_may_send(void *owner)
{
	struct virtio_net *n = owner;

	vm_work_queue(n->v.vm, &n->tx_work);
}

static const struct net_port_ops port_ops = {
	.received = net_received_some,
	.may_send = net_may_send,
};

/* ---- The driver's side */

/* What the driver takes, by what it said and by what it gave. */
static unsigned net_can(const struct virtio_net *n)
{
	unsigned can = 0;

	if (!(n->offloads & FEATURE(NET_F_GUEST_CSUM)))
		return 0;
	can |= n->offloads & FEATURE(NET_F_GUEST_TSO4) ? NET_CAN_TSO4 : 0;
	can |= n->offloads & FEATURE(NET_F_GUEST_TSO6) ? NET_CAN_TSO6 : 0;
	can |= n->offloads & FEATURE(NET_F_GUEST_ECN) ? NET_CAN_ECN : 0;
	for (unsigned pair = 0; pair < n->pairs; pair++) {
		const struct virtq *q = &n->v.queues[2 * pair];

		if (virtio_has(&n->v, NET_F_MRG_RXBUF) && q->ready && q->size < RX_QUEUE_LARGE)
			can = 0;
	}
	return can | NET_CAN_CSUM;
}

void net_update_port(struct virtio_net *n)
{
	n->can = net_can(n);
	net_port_set(n->port, n->link && virtio_running(&n->v), n->can);
}

static void net_start(struct virtio_device *d)
{
	struct virtio_net *n = net_of(d);

	net_filter_reset(&n->filter, net_mac(n->config), virtio_has(d, NET_F_CTRL_VLAN));
	n->offloads = d->features & GUEST_OFFLOADS;
	n->pairs = 1;
	net_update_port(n);
}

static void net_notify(struct virtio_device *d, unsigned queue)
{
	struct virtio_net *n = net_of(d);

	if (queue == net_ctrl_queue(n))
		net_ctrl_serve(n);
	else if (queue >= 2 * n->pairs)
		return;
	else if (queue & 1)
		tx_serve(n, queue / 2);
	else
		rx_notify(n, &d->queues[queue]);
}

/* A frame that was half delivered begins again. */
static void net_reset(struct virtio_device *d, int queue)
{
	struct virtio_net *n = net_of(d);

	if (queue < 0 || queue == 2 * (int)n->rx.pair)
		n->rx.buffers = n->rx.done = 0;
	if (queue >= 0)
		return;
	n->tx_waiting = 0;
	n->tx_done = (struct net_done){ 0 };
	n->ctrl_waiting = false;
	n->rx.touched = 0;
	memcpy(n->config, n->mac, NET_MAC_SIZE);
	net_update_port(n);
	/* Drops what waits. */
	vm_work_queue(d->vm, &n->rx_work);
}

static u64 net_config_read(struct virtio_device *d, u64 off, unsigned size)
{
	u64 value = 0;

	memcpy(&value, net_of(d)->config + off, size);
	return value;
}

static void net_destroy(struct virtio_device *d)
{
	struct virtio_net *n = net_of(d);

	net_port_attach(n->port, NULL, NULL);
	virtio_quiesce(d);
	vm_work_cancel(d->vm, &n->rx_work);
	vm_work_cancel(d->vm, &n->tx_work);
	vm_work_cancel(d->vm, &n->tx_done_work);
	host_free(n, sizeof(*n), &d->vm->account);
}

static const struct virtio_ops net_ops = {
	.name = "virtio-net",
	.id = VIRTIO_ID_NET,
	.start = net_start,
	.notify = net_notify,
	.config_read = net_config_read,
	.reset = net_reset,
	.destroy = net_destroy,
};

void virtio_net_set_link(struct virtio_device *d, bool up)
{
	struct virtio_net *n = net_of(d);

	lock_take(&d->dev.lock);
	if (n->link != up) {
		n->link = up;
		n->config[NET_CONFIG_STATUS] = up ? NET_S_LINK_UP : 0;
		net_update_port(n);
		virtio_config_changed(d);
	}
	lock_drop(&d->dev.lock);
}

static void net_configure(struct virtio_net *n, const struct virtio_net_config *config, u32 pairs)
{
	n->mtu = config->mtu;
	memcpy(n->mac, config->mac, NET_MAC_SIZE);
	memcpy(n->config, config->mac, NET_MAC_SIZE);
	n->config[NET_CONFIG_STATUS] = NET_S_LINK_UP;
	n->config[NET_CONFIG_PAIRS] = (u8)pairs;
	memcpy(n->config + NET_CONFIG_MTU, &n->mtu, sizeof(n->mtu));
}

struct virtio_device *virtio_net_create(struct vm *vm, u64 base, struct irq_line irq,
					const struct virtio_net_config *config,
					struct net_port *port)
{
	u32 pairs = (u32)min_u64(max_u64(config->pairs, 1), VIRTIO_NET_PAIRS_MAX);
	u64 features = FEATURES_ALWAYS;
	struct virtio_net *n = host_alloc(sizeof(*n), &vm->account);

	if (!n)
		return NULL;
	n->port = port;
	n->rx_work.run = rx_work;
	n->tx_work.run = tx_work;
	n->tx_done_work.run = tx_done_work;
	n->link = true;
	n->pairs = 1;
	n->pairs_max = pairs;
	net_configure(n, config, pairs);
	features |= pairs > 1 ? FEATURE(NET_F_MQ) : 0;
	features |= config->mtu ? FEATURE(NET_F_MTU) : 0;
	virtio_init(&n->v, vm, &net_ops, base, irq, features, 2 * pairs + 1, NET_CONFIG_SIZE);
	if (!config->packed)
		n->v.offered &= ~FEATURE(VIRTIO_F_RING_PACKED);
	net_port_attach(port, &port_ops, n);
	return &n->v;
}
