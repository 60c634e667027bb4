/* Packed virtqueues: virtio 1.3, 2.8. */
#include "dev/virtq_ring.h"

/* 2.8.14 "Event Suppression Structure Format": both areas are one word of it */
enum packed_event {
	EVENT_WRAP = 1 << 15,   /* with the offset of a descriptor in the bits below */
	EVENT_FLAGS_SHIFT = 16,
	EVENT_FLAGS = 3,
	EVENT_ENABLE = 0,
	EVENT_DISABLE = 1,
	EVENT_DESC = 2,
};

void packed_start(struct virtq *q)
{
	q->wrap_avail = q->wrap_used = true;
}

/* 2.8.1 "Driver and Device Ring Wrap Counters" */
static inline bool desc_is_available(const struct virtq *q, u64 flags)
{
	return !!(flags & DESC_AVAIL) == q->wrap_avail && !!(flags & DESC_USED) != q->wrap_avail;
}

/* @slot, @count slots on; true if that went past the end of the ring. */
static inline bool slot_advance(const struct virtq *q, u16 *slot, unsigned count)
{
	unsigned next = *slot + count;

	*slot = (u16)(next < q->size ? next : next - q->size);
	return next >= q->size;
}

/* 2.8.7: in a table the descriptors follow each other, and only WRITE means something. NULL, or what
 * is against the rules. */
static const char *packed_gather_table(struct virtq *q, struct gather *g, const struct virtq_desc *from)
{
	struct virtq_table table;
	struct virtq_desc d;
	const char *why = table_open(q, &table, from, from->fourth);

	for (unsigned i = 0; !why && i < table.count; i++) {
		if (!table_load(q, &table, i, &d))
			return "an indirect table is not in RAM";
		why = gather_add(q, g, &d, d.fourth & DESC_WRITE);
	}
	return why;
}

/* From @d on, the one that was found available. The id is in a list's last one (2.8.6). */
static const char *packed_gather(struct virtq *q, struct gather *g, struct virtq_desc *d)
{
	struct virtq_chain *chain = g->chain;
	u16 slot = q->next_avail;
	const char *why;

	for (chain->ring_count = 1; ; chain->ring_count++) {
		chain->id = (u16)d->third;
		if (d->fourth & DESC_INDIRECT)
			return packed_gather_table(q, g, d);
		why = gather_add(q, g, d, d->fourth & DESC_WRITE);
		if (why || !(d->fourth & DESC_NEXT))
			return why;
		if (chain->ring_count == q->size)
			return "a chain of descriptors has no end";
		slot_advance(q, &slot, 1);
		desc_load(d, desc_at(q, slot * DESC_SIZE, false));
	}
}

static twice bool packed_gather_table_quickly(const struct virtq *q, struct gather *g,
					      const struct guest_extent *e,
					      const struct virtq_desc *from)
{
	const u8 *at = table_quickly(q, e, from, from->fourth);
	struct virtq_desc d;

	if (!at)
		return false;
	for (const u8 *end = at + from->len; at < end; at += DESC_SIZE) {
		desc_load(&d, at);
		if (!gather_add_quickly(g, e, &d, d.fourth & DESC_WRITE))
			return false;
	}
	return true;
}

/* The same for chains of which all is in the extent that was hit last. False: not done, for whatever
 * reason. */
static twice bool packed_gather_quickly(const struct virtq *q, struct gather *g, struct virtq_desc *d)
{
	const struct guest_extent *e = q->extent;
	unsigned count = 1;
	u16 slot = q->next_avail;

	for (;; count++) {
		if (d->fourth & DESC_INDIRECT) {
			if (!packed_gather_table_quickly(q, g, e, d))
				return false;
			break;
		}
		if (!gather_add_quickly(g, e, d, d->fourth & DESC_WRITE))
			return false;
		if (!(d->fourth & DESC_NEXT))
			break;
		if (count == q->size)
			return false;
		slot_advance(q, &slot, 1);
		desc_load(d, q->desc_va + slot * DESC_SIZE);
	}
	g->chain->id = (u16)d->third;
	g->chain->ring_count = (u16)count;
	return true;
}

/* All that the quick way has read when it gives up is read anew. */
static apart enum virtq_taken packed_take_slowly(struct virtq *q, struct virtq_chain *chain)
{
	struct gather g;
	struct virtq_desc d;
	const char *why;

	desc_load_acquire(&d, desc_at(q, q->next_avail * DESC_SIZE, false));
	if (!desc_is_available(q, d.fourth))
		return VIRTQ_EMPTY;
	if (q->in_flight >= q->size)
		return virtq_broken(q, "more chains are available than the queue has entries");
	gather_begin(&g, chain);
	why = packed_gather(q, &g, &d);
	if (why)
		return virtq_broken(q, why);
	q->wrap_avail ^= slot_advance(q, &q->next_avail, chain->ring_count);
	return gather_end(q, &g);
}

enum virtq_taken packed_take(struct virtq *q, struct virtq_chain *chain)
{
	struct gather g;
	struct virtq_desc d;

	if (!q->whole)
		return packed_take_slowly(q, chain);
	desc_load_acquire(&d, q->desc_va + q->next_avail * DESC_SIZE);
	if (!desc_is_available(q, d.fourth))
		return VIRTQ_EMPTY;
	gather_begin(&g, chain);
	if (q->in_flight >= q->size || !packed_gather_quickly(q, &g, &d))
		return packed_take_slowly(q, chain);
	q->wrap_avail ^= slot_advance(q, &q->next_avail, chain->ring_count);
	return gather_end(q, &g);
}

void packed_untake(struct virtq *q, const struct virtq_chain *chain)
{
	unsigned back = q->size - chain->ring_count;

	/* All the way round, less what was taken. */
	if (!slot_advance(q, &q->next_avail, back))
		q->wrap_avail = !q->wrap_avail;
}

/* The second half of a descriptor: length, id, flags. */
static twice void packed_put(struct virtq *q, u16 slot, u64 word, bool plain)
{
	u64 off = slot * DESC_SIZE + 8;

	word_release();
	word_store64(desc_at(q, off, plain), word);
	ring_wrote(q, q->desc + off, sizeof(word), plain);
}

static apart void packed_put_slowly(struct virtq *q, u16 slot, u64 word)
{
	packed_put(q, slot, word, false);
}

/* The driver looks at used descriptors in order: while the first one is not there, none is. */
void packed_give(struct virtq *q, const struct virtq_chain *chain, u32 written)
{
	u64 flags = (written ? DESC_WRITE : 0) | (q->wrap_used ? DESC_AVAIL | DESC_USED : 0);
	u64 word = written | (u64)chain->id << 32 | flags << 48;
	u16 slot = q->next_used, given = q->given;

	q->given = (u16)(given + chain->ring_count);
	q->wrap_used ^= slot_advance(q, &q->next_used, chain->ring_count);
	if (given) {
		packed_put_slowly(q, slot, word);
		return;
	}
	q->first_slot = slot;
	q->first = word;
}

/* 2.8.10: whether the event's slot is among the @given ones before next_used. */
static inline bool packed_event_passed(const struct virtq *q, u64 event, u64 given)
{
	u64 slot = event & (EVENT_WRAP - 1);

	if (!!(event & EVENT_WRAP) != q->wrap_used)
		slot -= q->size;
	return (u16)(q->next_used - slot - 1) < given;
}

static twice bool packed_wants_interrupt(const struct virtq *q, u64 given, bool plain)
{
	u64 event = word_load32(driver_at(q, 0, plain));
	u64 flags = event >> EVENT_FLAGS_SHIFT & EVENT_FLAGS;

	if (flags == EVENT_DESC && q->event_idx)
		return packed_event_passed(q, event, given);
	return flags != EVENT_DISABLE;
}

/* True if the driver wants an interrupt. */
static twice bool packed_show(struct virtq *q, bool plain)
{
	u64 given = q->given;

	q->given = 0;
	packed_put(q, q->first_slot, q->first, plain);
	word_fence();
	return packed_wants_interrupt(q, given, plain);
}

static apart void packed_publish_slowly(struct virtq *q)
{
	if (packed_show(q, false))
		virtio_interrupt(q->device);
}

void packed_publish(struct virtq *q)
{
	if (!q->plain)
		packed_publish_slowly(q);
	else if (packed_show(q, true))
		virtio_interrupt(q->device);
}

/* ---- Notifications */

/* What the device wants to hear of. */
static inline u64 packed_wish(const struct virtq *q, bool on)
{
	if (!on)
		return (u64)EVENT_DISABLE << EVENT_FLAGS_SHIFT;
	if (!q->event_idx)
		return EVENT_ENABLE;
	return (u64)EVENT_DESC << EVENT_FLAGS_SHIFT | (q->wrap_avail ? EVENT_WRAP : 0) | q->next_avail;
}

static twice bool packed_say(struct virtq *q, bool on, bool plain)
{
	if (!on && q->quiet)
		return false;
	q->quiet = !on;
	word_store32(device_at(q, 0, plain), packed_wish(q, on));
	ring_wrote(q, q->device_area, sizeof(u32), plain);
	if (!on)
		return false;
	word_fence();
	return desc_is_available(q, word_load16(desc_at(q, q->next_avail * DESC_SIZE + 14, plain)));
}

static apart bool packed_notifications_slowly(struct virtq *q, bool on)
{
	return packed_say(q, on, false);
}

bool packed_notifications(struct virtq *q, bool on)
{
	return q->plain ? packed_say(q, on, true) : packed_notifications_slowly(q, on);
}
