/* Split virtqueues: virtio 1.3, 2.7. */
#include "dev/virtq_ring.h"

/* 2.7.6 "The Virtqueue Available Ring", the driver area */
enum split_avail { AVAIL_FLAGS = 0, AVAIL_IDX = 2, AVAIL_RING = 4, AVAIL_ENTRY = 2 };
enum split_avail_flags { AVAIL_NO_INTERRUPT = 1 };
/* 2.7.8 "The Virtqueue Used Ring", the device area */
enum split_used { USED_FLAGS = 0, USED_IDX = 2, USED_RING = 4, USED_ENTRY = 8 };
enum split_used_flags { USED_NO_NOTIFY = 1 };

/* Behind the rings, with an event index: what the driver and what the device wants to hear of. */
static inline u64 used_event(const struct virtq *q)
{
	return AVAIL_RING + (u64)AVAIL_ENTRY * q->size;
}

static inline u64 avail_event(const struct virtq *q)
{
	return USED_RING + (u64)USED_ENTRY * q->size;
}

u64 split_driver_size(const struct virtq *q)
{
	return used_event(q) + (q->event_idx ? sizeof(u16) : 0);
}

u64 split_device_size(const struct virtq *q)
{
	return avail_event(q) + (q->event_idx ? sizeof(u16) : 0);
}

/* ---- Chains */

/* Tables are chained by `next` as the ring is; a chain that is longer than its table is a loop.
 * NULL, or what is against the rules. */
static const char *split_gather_table(struct virtq *q, struct gather *g, const struct virtq_desc *from)
{
	struct virtq_table table;
	struct virtq_desc d = { .fourth = 0 };
	const char *why = table_open(q, &table, from, from->third);

	for (u64 left = table.count; !why && left; left--) {
		if (d.fourth >= table.count)
			return "a descriptor's next is out of its table";
		if (!table_load(q, &table, d.fourth, &d))
			return "an indirect table is not in RAM";
		if (d.third & DESC_INDIRECT)
			return "an indirect descriptor in an indirect table";
		why = gather_add(q, g, &d, d.third & DESC_WRITE);
		if (!why && !(d.third & DESC_NEXT))
			return NULL;
	}
	return why ? why : "a chain of descriptors has no end";
}

static const char *split_gather(struct virtq *q, struct gather *g, u64 head)
{
	struct virtq_desc d = { .fourth = head };
	const char *why = NULL;

	for (unsigned left = q->size; !why && left; left--) {
		if (d.fourth >= q->size)
			return "a descriptor's index is out of the queue";
		desc_load(&d, desc_at(q, d.fourth * DESC_SIZE, false));
		if (d.third & DESC_INDIRECT)
			return split_gather_table(q, g, &d);
		why = gather_add(q, g, &d, d.third & DESC_WRITE);
		if (!why && !(d.third & DESC_NEXT))
			return NULL;
	}
	return why ? why : "a chain of descriptors has no end";
}

/* The same for chains of which all is in the extent that was hit last. False: not done, for whatever
 * reason. It ends because each turn but one takes a segment. */
static twice bool split_gather_quickly(const struct virtq *q, struct gather *g, u64 head)
{
	const struct guest_extent *e = q->extent;
	const u8 *table = q->desc_va;
	u64 count = q->size;
	struct virtq_desc d = { .fourth = head };
	bool in_table = false; /* a table may lie anywhere, even where the ring is */

	while (d.fourth < count) {
		desc_load(&d, table + d.fourth * DESC_SIZE);
		if (d.third & DESC_INDIRECT) {
			table = in_table ? NULL : table_quickly(q, e, &d, d.third);
			if (!table)
				return false;
			in_table = true;
			count = d.len / DESC_SIZE;
			d.fourth = 0;
			continue;
		}
		if (!gather_add_quickly(g, e, &d, d.third & DESC_WRITE))
			return false;
		if (!(d.third & DESC_NEXT))
			return true;
	}
	return false;
}

static twice u64 split_load_index(const struct virtq *q, bool plain)
{
	u64 index = word_load16(driver_at(q, AVAIL_IDX, plain));

	word_acquire();
	return index;
}

static twice u64 split_load_head(const struct virtq *q, bool plain)
{
	u64 slot = q->next_avail & (q->size - 1u);

	return word_load16(driver_at(q, AVAIL_RING + AVAIL_ENTRY * slot, plain));
}

/* All that the quick way has read when it gives up is read anew. */
static apart enum virtq_taken split_take_slowly(struct virtq *q, struct virtq_chain *chain)
{
	u16 waiting = (u16)(split_load_index(q, false) - q->next_avail);
	struct gather g;
	const char *why;

	if (!waiting)
		return VIRTQ_EMPTY;
	if (waiting + q->in_flight > q->size)
		return virtq_broken(q, "more chains are available than the queue has entries");
	gather_begin(&g, chain);
	chain->id = (u16)split_load_head(q, false);
	why = split_gather(q, &g, chain->id);
	if (why)
		return virtq_broken(q, why);
	q->next_avail++;
	return gather_end(q, &g);
}

enum virtq_taken split_take(struct virtq *q, struct virtq_chain *chain)
{
	struct gather g;
	u16 waiting;

	if (!q->whole)
		return split_take_slowly(q, chain);
	waiting = (u16)(split_load_index(q, true) - q->next_avail);
	if (!waiting)
		return VIRTQ_EMPTY;
	gather_begin(&g, chain);
	chain->id = (u16)split_load_head(q, true);
	if (waiting + q->in_flight > q->size || !split_gather_quickly(q, &g, chain->id))
		return split_take_slowly(q, chain);
	q->next_avail++;
	return gather_end(q, &g);
}

void split_untake(struct virtq *q)
{
	q->next_avail--;
}

/* ---- Back to the driver */

static twice void split_put_used(struct virtq *q, u16 id, u32 written, bool plain)
{
	u64 off = USED_RING + USED_ENTRY * (q->next_used & (q->size - 1u));

	q->next_used++;
	q->given++;
	word_store32(device_at(q, off, plain), id);
	word_store32(device_at(q, off + 4, plain), written);
	ring_wrote(q, q->device_area + off, USED_ENTRY, plain);
}

static apart void split_give_slowly(struct virtq *q, u16 id, u32 written)
{
	split_put_used(q, id, written, false);
}

void split_give(struct virtq *q, const struct virtq_chain *chain, u32 written)
{
	if (q->plain)
		split_put_used(q, chain->id, written, true);
	else
		split_give_slowly(q, chain->id, written);
}

/* 2.7.10 "Available Buffer Notification Suppression": whether @event is among the @count indices
 * before @next. */
static inline bool event_passed(u64 event, u64 next, u64 count)
{
	return (u16)(next - event - 1) < count;
}

static twice bool split_wants_interrupt(const struct virtq *q, u64 given, bool plain)
{
	if (q->event_idx)
		return event_passed(word_load16(driver_at(q, used_event(q), plain)), q->next_used, given);
	return !(word_load16(driver_at(q, AVAIL_FLAGS, plain)) & AVAIL_NO_INTERRUPT);
}

/* True if the driver wants an interrupt. */
static twice bool split_show(struct virtq *q, bool plain)
{
	u64 given = q->given;

	q->given = 0;
	word_release();
	word_store16(device_at(q, USED_IDX, plain), q->next_used);
	ring_wrote(q, q->device_area + USED_IDX, sizeof(u16), plain);
	word_fence();
	return split_wants_interrupt(q, given, plain);
}

static apart void split_publish_slowly(struct virtq *q)
{
	if (split_show(q, false))
		virtio_interrupt(q->device);
}

void split_publish(struct virtq *q)
{
	if (!q->plain)
		split_publish_slowly(q);
	else if (split_show(q, true))
		virtio_interrupt(q->device);
}

/* ---- Notifications */

static apart void split_say(struct virtq *q, u64 off, u64 value)
{
	word_store16(device_at(q, off, false), value);
	ring_wrote(q, q->device_area + off, sizeof(u16), false);
}

/* With an event index a driver that has notified is silent anyway. */
static twice void split_tell(struct virtq *q, bool on, bool plain)
{
	u64 off = q->event_idx ? avail_event(q) : USED_FLAGS;
	u64 value = q->event_idx ? q->next_avail : on ? 0 : USED_NO_NOTIFY;

	if (q->event_idx ? !on : q->quiet != on)
		return;
	q->quiet = !on;
	if (plain)
		word_store16(q->device_va + off, value);
	else
		split_say(q, off, value);
}

static apart bool split_notifications_slowly(struct virtq *q, bool on)
{
	split_tell(q, on, false);
	word_fence();
	return on && word_load16(driver_at(q, AVAIL_IDX, false)) != q->next_avail;
}

bool split_notifications(struct virtq *q, bool on)
{
	if (!q->plain)
		return split_notifications_slowly(q, on);
	split_tell(q, on, true);
	if (!on)
		return false;
	word_fence();
	return word_load16(q->driver_va + AVAIL_IDX) != q->next_avail;
}
