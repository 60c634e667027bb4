/* The driver's side of a split virtqueue: see host/bare/vring.h. */
#include "host/bare/vring.h"

/* 2.7.6 "The Virtqueue Available Ring", 2.7.8 "The Virtqueue Used Ring" */
enum { RING_FLAGS = 0, RING_IDX = 1, RING_ELEMENTS = 2 };
enum { AVAIL_NO_INTERRUPT = 1, USED_NO_NOTIFY = 1 };

#define USED_ALIGN 64 /* 4 would do; a cache line of its own is better */

static u64 used_offset(u16 size)
{
	return align_up(sizeof(struct vring_desc) * size + 2ul * (size + 3u), USED_ALIGN);
}

u64 vring_bytes(u16 size)
{
	return used_offset(size) + 6 + sizeof(struct vring_used) * size;
}

void vring_init(struct vring *r, u16 size, bool event_idx, void *memory)
{
	u8 *at = memory;

	*r = (struct vring){ .size = size, .event_idx = event_idx, .desc = memory };
	r->avail = (u16 *)(void *)(at + sizeof(struct vring_desc) * size);
	r->used = (u16 *)(void *)(at + used_offset(size));
	r->elements = (struct vring_used *)(void *)(r->used + RING_ELEMENTS);
}

static u16 *used_event(struct vring *r)
{
	return &r->avail[RING_ELEMENTS + r->size];
}

static const u16 *avail_event(const struct vring *r)
{
	return (const u16 *)(const void *)(r->elements + r->size);
}

void vring_put(struct vring *r, u16 head)
{
	r->avail[RING_ELEMENTS + (r->avail_next++ & (r->size - 1))] = head;
	r->busy[head / 64] |= BIT(head % 64);
	r->in_flight++;
}

/* 2.7.13.4 "Notifying The Device", 2.7.10 "Available Buffer Notification Suppression" */
bool vring_publish(struct vring *r)
{
	u16 old = r->published, now = r->avail_next;

	if (old == now)
		return false;
	__atomic_store_n(&r->avail[RING_IDX], now, __ATOMIC_RELEASE);
	r->published = now;
	/* The device says that it sleeps, then looks at the index: the other way round here. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!r->event_idx)
		return !(__atomic_load_n(&r->used[RING_FLAGS], __ATOMIC_RELAXED) & USED_NO_NOTIFY);
	return (u16)(now - __atomic_load_n(avail_event(r), __ATOMIC_RELAXED) - 1) < (u16)(now - old);
}

static u16 used_count(const struct vring *r)
{
	return (u16)(__atomic_load_n(&r->used[RING_IDX], __ATOMIC_ACQUIRE) - r->used_next);
}

int vring_take(struct vring *r, u32 *written)
{
	u16 count = used_count(r);
	const struct vring_used *e = &r->elements[r->used_next & (r->size - 1)];
	u32 id;

	if (!count)
		return VRING_EMPTY;
	id = __atomic_load_n(&e->id, __ATOMIC_RELAXED);
	*written = e->len;
	if (count > r->in_flight || id >= r->size || !vring_is_busy(r, (u16)id))
		return VRING_BROKEN;
	r->busy[id / 64] &= ~BIT(id % 64);
	r->in_flight--;
	r->used_next++;
	return (int)id;
}

/* 2.7.7 "Used Buffer Notification Suppression". With an event index an old one is as good as
 * none: the device passes it once in 65,536 chains. */
bool vring_interrupts(struct vring *r, bool on)
{
	if (!r->event_idx)
		__atomic_store_n(&r->avail[RING_FLAGS], on ? 0 : AVAIL_NO_INTERRUPT, __ATOMIC_RELAXED);
	else if (on)
		__atomic_store_n(used_event(r), r->used_next, __ATOMIC_RELAXED);
	if (!on)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return used_count(r) != 0;
}
