/* A ring of bytes: one array, two free-running counters. Not locked. */
#ifndef LIB_RING_H
#define LIB_RING_H

#include "lib/types.h"

struct ring {
	u8 *data;
	u32 size; /* a power of two */
	u32 head; /* next byte to read */
	u32 tail; /* next byte to write */
};

static inline u32 ring_used(const struct ring *r) { return r->tail - r->head; }
static inline u32 ring_room(const struct ring *r) { return r->size - ring_used(r); }

/* False, and nothing stored, when the ring is full. */
static inline bool ring_put(struct ring *r, u8 byte)
{
	if (!ring_room(r))
		return false;
	r->data[r->tail++ & (r->size - 1)] = byte;
	return true;
}

/* Stores the byte in any case; the oldest one goes when the ring is full. */
static inline void ring_push(struct ring *r, u8 byte)
{
	if (!ring_room(r))
		r->head++;
	r->data[r->tail++ & (r->size - 1)] = byte;
}

/* The next byte, or -1 when the ring is empty. */
static inline int ring_get(struct ring *r)
{
	if (!ring_used(r))
		return -1;
	return r->data[r->head++ & (r->size - 1)];
}

#endif
