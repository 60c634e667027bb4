/* For tests: the device's side of a ring, as simple as can be, and as bad as wanted. */
#ifndef HOST_BARE_VRING_MODEL_H
#define HOST_BARE_VRING_MODEL_H

#include "host/bare/vring.h"

struct model {
	struct vring *ring;
	u16 seen; /* of the available ring */
	u16 used;
};

/* The head of the next chain, -1 when there is none. */
static inline int model_next(struct model *m)
{
	const u16 *avail = m->ring->avail;

	if (avail[1] == m->seen)
		return -1;
	return avail[2 + (m->seen++ & (m->ring->size - 1))];
}

static inline void model_give(struct model *m, u32 head, u32 written)
{
	m->ring->elements[m->used & (m->ring->size - 1)] = (struct vring_used){ head, written };
	m->ring->used[1] = ++m->used;
}

/* Notify when there is more than @seen, with an event index; or never or always, without. */
static inline void model_want_notify(struct model *m, bool want)
{
	u16 *avail_event = (u16 *)(void *)(m->ring->elements + m->ring->size);

	if (m->ring->event_idx)
		*avail_event = want ? m->seen : (u16)(m->seen - 1);
	else
		m->ring->used[0] = want ? 0 : 1;
}

/* Would the device interrupt, having given back all since @old? */
static inline bool model_interrupts(const struct model *m, u16 old)
{
	u16 event = m->ring->avail[2 + m->ring->size];

	if (m->ring->event_idx)
		return (u16)(m->used - event - 1) < (u16)(m->used - old);
	return m->used != old && !(m->ring->avail[0] & 1);
}

#endif
