/*
 * A port of a switch and its buffer: records of frames, one after the other, each in one piece.
 * Several send into it, under its lock; one receives, which needs the lock only to make room.
 */
#include "io/net_port.h"

#include <errno.h>
#include <string.h>

#include "host/host.h"
#include "io/net_copy.h"

/* Before each frame; the whole begins and ends with a line. */
struct net_record {
	u32 span;  /* bytes to the next record */
	u32 size;  /* of the frame; 0: none, the rest of the buffer is left out */
	u32 start; /* of the frame in the record */
	struct net_offload offload;
};

#define RECORD_START_MAX (sizeof(struct net_record) + 7)

/* The pieces of any frame find room in an empty buffer, though the last is counted as a full one. */
_Static_assert(2 * NET_FRAME_MAX + NET_PIECES_MAX * (RECORD_START_MAX + NET_HEADERS_MAX + NET_LINE) <
		       NET_BUFFER_MIN,
	       "the smallest buffer takes the largest frame, cut into pieces");

u64 net_stall_ticks(void)
{
	return host_timebase() * NET_STALL_MS / 1000;
}

static struct net_record *port_record(const struct net_port *p, u64 at)
{
	return (struct net_record *)(void *)(p->buffer + (at & (p->size - 1)));
}

static void stat_add(u64 *counter, u64 n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static bool ports_empty(const struct net_ports *ports)
{
	return !(ports->bits[0] | ports->bits[1]);
}

/* ---- The buffer, sender's side; the lock is held */

/* @span bytes in one piece; NULL: there is no room. */
static struct net_record *port_reserve(struct net_port *p, u64 span)
{
	u64 room, end;

	/* An empty buffer begins anew: what was used a moment ago is still in the caches. */
	if (!__atomic_load_n(&p->frames, __ATOMIC_ACQUIRE))
		p->head = p->tail = 0;
	room = p->size - (p->tail - p->head);
	end = p->size - (p->tail & (p->size - 1));
	if (span <= end)
		return span <= room ? port_record(p, p->tail) : NULL;
	if (end + span > room)
		return NULL;
	*port_record(p, p->tail) = (struct net_record){ .span = (u32)end };
	p->tail += end;
	return port_record(p, p->tail);
}

static u8 *record_begin(struct net_record *r, const struct net_offload *offload, u32 size, unsigned lie)
{
	u32 start = sizeof(*r) + ((lie - (u32)sizeof(*r)) & 7);

	r->start = start;
	r->size = size;
	r->span = (u32)align_up(start + size, NET_LINE);
	r->offload = *offload;
	return (u8 *)r + start;
}

/* For a receiver that wants to know nothing of checksums. */
static void record_finish(struct net_record *r, unsigned can)
{
	if (!r->offload.flags || can & NET_CAN_CSUM)
		return;
	if (r->offload.flags & NET_HDR_NEEDS_CSUM)
		net_checksum_complete((u8 *)r + r->start, r->size, &r->offload);
	r->offload.flags = 0;
	r->offload.csum_start = r->offload.csum_offset = 0;
}

static bool put_whole(struct net_port *p, const struct net_frame *f)
{
	struct net_record *r = port_reserve(p, align_up(RECORD_START_MAX + f->size, NET_LINE));

	if (!r)
		return false;
	net_frame_copy(f, 0, record_begin(r, &f->offload, f->size, f->lie), f->size);
	record_finish(r, p->can);
	p->tail += r->span;
	__atomic_fetch_add(&p->frames, 1, __ATOMIC_RELEASE);
	return true;
}

static struct net_record *put_piece(struct net_record *r, const struct net_frame *f,
				    const struct net_piece *piece, unsigned can)
{
	u32 payload = f->headers.payload;
	struct net_offload offload = f->offload;
	u8 *frame;

	offload.gso_type = NET_GSO_NONE;
	offload.gso_size = offload.hdr_len = 0;
	/* All pieces' payloads lie alike. */
	frame = record_begin(r, &offload, payload + piece->payload, f->lie + piece->offset);
	memcpy(frame, f->head, payload);
	net_piece_headers(frame, &f->headers, piece);
	net_frame_copy(f, payload + piece->offset, frame + payload, piece->payload);
	record_finish(r, can);
	return (struct net_record *)(void *)((u8 *)r + r->span);
}

static u32 frame_pieces(const struct net_frame *f)
{
	return (f->size - f->headers.payload + f->offload.gso_size - 1) / f->offload.gso_size;
}

/* The frame in pieces, all or none. */
static bool put_pieces(struct net_port *p, const struct net_frame *f)
{
	u32 left = f->size - f->headers.payload, pieces = frame_pieces(f);
	u64 each = RECORD_START_MAX + f->headers.payload + f->offload.gso_size;
	struct net_record *first = port_reserve(p, pieces * align_up(each, NET_LINE)), *r = first;
	struct net_piece piece = { 0 };

	if (!first)
		return false;
	for (; left; left -= piece.payload, piece.index++) {
		piece.last = left <= f->offload.gso_size;
		piece.payload = piece.last ? left : f->offload.gso_size;
		r = put_piece(r, f, &piece, p->can);
		piece.offset += piece.payload;
	}
	p->tail += (u64)((u8 *)r - (u8 *)first);
	__atomic_fetch_add(&p->frames, pieces, __ATOMIC_RELEASE);
	return true;
}

/* Whether the receiver takes the frame in one. */
static bool port_takes(const struct net_port *p, const struct net_frame *f)
{
	static const unsigned needed[] = {
		[NET_GSO_TCPV4] = NET_CAN_TSO4,
		[NET_GSO_TCPV6] = NET_CAN_TSO6,
	};
	unsigned need;

	if (!f->offload.gso_type)
		return true;
	need = NET_CAN_CSUM | needed[f->offload.gso_type & ~NET_GSO_ECN];
	if (f->offload.gso_type & NET_GSO_ECN)
		need |= NET_CAN_ECN;
	return (p->can & need) == need;
}

/* There is no room for @from's frame: true if it waits. */
static bool port_wait(struct net_port *p, const struct net_port *from, u64 *deadline)
{
	u64 now;

	if (!from)
		return false;
	now = host_time();
	if (!p->stalling) {
		p->stalling = true;
		p->stalled_at = now;
	}
	*deadline = p->stalled_at + net_stall_ticks();
	if (now >= *deadline)
		return false;
	p->waiting.bits[from->index / 64] |= BIT(from->index % 64);
	return true;
}

enum put_result { PUT_DONE, PUT_FIRST, PUT_NOTHING, PUT_WAIT };

static enum put_result port_put_locked(struct net_port *to, const struct net_frame *f,
				       const struct net_port *from, u64 *deadline)
{
	bool whole = port_takes(to, f), first;

	if (!to->up || !to->ops)
		return PUT_NOTHING;
	if (!whole && frame_pieces(f) > NET_PIECES_MAX) {
		stat_add(&to->stats.rx_dropped, 1);
		return PUT_NOTHING;
	}
	first = !__atomic_load_n(&to->frames, __ATOMIC_RELAXED);
	if (whole ? put_whole(to, f) : put_pieces(to, f))
		return first ? PUT_FIRST : PUT_DONE;
	if (port_wait(to, from, deadline))
		return PUT_WAIT;
	stat_add(&to->stats.rx_dropped, 1);
	return PUT_NOTHING;
}

/* A call of the owner begins. The lock is held, and dropped for the call itself. */
static const struct net_port_ops *port_call_begin(struct net_port *p, void **owner)
{
	*owner = p->owner;
	if (p->ops)
		__atomic_fetch_add(&p->calls, 1, __ATOMIC_RELAXED);
	return p->ops;
}

static void port_call_end(struct net_port *p)
{
	__atomic_fetch_sub(&p->calls, 1, __ATOMIC_RELEASE);
}

int net_port_put(struct net_port *to, struct net_frame *f, const struct net_port *from, u64 *deadline)
{
	const struct net_port_ops *ops = NULL;
	enum put_result result;
	void *owner;

	lock_take(&to->lock);
	result = port_put_locked(to, f, from, deadline);
	if (result == PUT_FIRST)
		ops = port_call_begin(to, &owner);
	lock_drop(&to->lock);
	if (ops) {
		ops->received(owner);
		port_call_end(to);
	}
	return result == PUT_WAIT ? -EAGAIN : 0;
}

void net_port_tell(struct net_port *p)
{
	const struct net_port_ops *ops;
	void *owner;

	lock_take(&p->lock);
	ops = port_call_begin(p, &owner);
	lock_drop(&p->lock);
	if (!ops)
		return;
	ops->may_send(owner);
	port_call_end(p);
}

/* ---- Who waits for room */

static bool port_take_waiting_locked(struct net_port *p, struct net_ports *waiting)
{
	if (ports_empty(&p->waiting))
		return false;
	*waiting = p->waiting;
	p->waiting = (struct net_ports){ 0 };
	return true;
}

bool net_port_take_waiting(struct net_port *p, bool any, struct net_ports *waiting, u64 *deadline)
{
	u64 now = host_time(), end;
	bool some = false;

	lock_take(&p->lock);
	end = p->stalled_at + net_stall_ticks();
	if (any || now >= end)
		some = port_take_waiting_locked(p, waiting);
	else if (!ports_empty(&p->waiting))
		*deadline = min_u64(*deadline, end);
	lock_drop(&p->lock);
	return some;
}

static void port_tell_all(struct net_port *p)
{
	struct net_ports waiting;
	u64 deadline = HOST_FOREVER;

	if (net_port_take_waiting(p, true, &waiting, &deadline))
		net_switch_tell(p->sw, &waiting);
}

/* ---- The buffer, receiver's side */

static u32 port_frames(const struct net_port *p)
{
	return __atomic_load_n(&p->frames, __ATOMIC_ACQUIRE);
}

u32 net_peek(struct net_port *p, struct net_offload *offload)
{
	const struct net_record *r;

	if (!port_frames(p))
		return 0;
	r = port_record(p, p->head);
	*offload = r->offload;
	return r->size;
}

const u8 *net_peek_frame(const struct net_port *p)
{
	const struct net_record *r = port_record(p, p->head);

	return (const u8 *)r + r->start;
}

u32 net_peek_bytes(const struct net_port *p, void *bytes, u32 size)
{
	if (!port_frames(p))
		return 0;
	size = (u32)min_u64(size, port_record(p, p->head)->size);
	memcpy(bytes, net_peek_frame(p), size);
	return size;
}

/*
 * Past the first record, which is wiped. Those who wait are told when half of the buffer is free,
 * not for each frame: that much makes it worth their while.
 */
static void port_advance(struct net_port *p)
{
	struct net_record *r = port_record(p, p->head);
	struct net_ports waiting;
	u32 span = r->span;
	bool tell = false, left;

	net_wipe(r, span);
	lock_take(&p->lock);
	p->head += span;
	left = __atomic_sub_fetch(&p->frames, 1, __ATOMIC_RELEASE) != 0;
	if (left && !port_record(p, p->head)->size) {
		r = port_record(p, p->head);
		p->head += r->span;
		*r = (struct net_record){ 0 };
	}
	if (p->stalling && (!left || p->tail - p->head <= p->size / 2)) {
		p->stalling = false;
		tell = port_take_waiting_locked(p, &waiting);
	}
	lock_drop(&p->lock);
	if (tell)
		net_switch_tell(p->sw, &waiting);
}

void net_received(struct net_port *p)
{
	stat_add(&p->stats.rx_frames, 1);
	stat_add(&p->stats.rx_bytes, port_record(p, p->head)->size);
	port_advance(p);
}

void net_drop(struct net_port *p)
{
	stat_add(&p->stats.rx_dropped, 1);
	port_advance(p);
}

void net_receive(struct net_port *p, const struct io_segment *segments, unsigned count)
{
	const u8 *frame = net_peek_frame(p);
	u64 left = port_record(p, p->head)->size;

	for (; left && count; count--, segments++) {
		u64 piece = min_u64(left, segments->size);

		net_copy(segments->va, frame, piece);
		frame += piece;
		left -= piece;
	}
	net_received(p);
}

/* ---- Life */

struct net_port *net_port_create(struct net_switch *s, const struct net_port_config *config,
				 u64 buffer, struct host_account *payer)
{
	struct net_port *p = host_alloc(sizeof(*p), payer);

	host_assert(buffer >= NET_BUFFER_MIN && is_aligned(buffer, buffer) && buffer <= GIB);
	host_assert(config->vlan <= NET_VLAN_MAX);
	if (!p)
		return NULL;
	p->sw = s;
	p->config = *config;
	p->size = buffer;
	p->buffer = host_alloc(buffer, payer);
	if (p->buffer && net_switch_add(s, p) == 0)
		return p;
	host_free(p->buffer, buffer, payer);
	host_free(p, sizeof(*p), payer);
	return NULL;
}

/* What nobody received. */
static void port_drain(struct net_port *p)
{
	while (port_frames(p)) {
		port_advance(p);
		host_yield();
	}
}

void net_port_destroy(struct net_port *p, struct host_account *payer)
{
	net_switch_remove(p->sw, p);
	net_port_attach(p, NULL, NULL);
	port_drain(p);
	host_free(p->buffer, p->size, payer);
	host_free(p, sizeof(*p), payer);
}

void net_port_attach(struct net_port *p, const struct net_port_ops *ops, void *owner)
{
	if (ops)
		port_drain(p);
	lock_take(&p->lock);
	p->ops = ops;
	p->owner = owner;
	lock_drop(&p->lock);
	if (ops)
		return;
	while (__atomic_load_n(&p->calls, __ATOMIC_ACQUIRE))
		host_yield();
	port_tell_all(p);
}

void net_port_set(struct net_port *p, bool up, unsigned can)
{
	lock_take(&p->lock);
	__atomic_store_n(&p->up, up, __ATOMIC_RELAXED);
	p->can = can;
	lock_drop(&p->lock);
	if (!up)
		port_tell_all(p);
}

void net_port_get_stats(const struct net_port *p, struct net_port_stats *stats)
{
	const u64 *from = (const u64 *)&p->stats;
	u64 *to = (u64 *)stats;

	for (unsigned i = 0; i < sizeof(*stats) / sizeof(u64); i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}
