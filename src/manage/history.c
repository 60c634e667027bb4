#include "manage/history.h"

#include <string.h>

void history_init(struct history *h, u8 *data, u32 size)
{
	*h = (struct history){ .ring = { .data = data, .size = size } };
}

static u8 ring_at(const struct ring *r, u32 pos)
{
	return r->data[pos & (r->size - 1)];
}

/* For readers: finds out what writers have overwritten. */
static struct ring *history_open(struct history *h)
{
	struct ring *r = &h->ring;

	lock_take(&h->lock);
	if (ring_used(r) > r->size)
		r->head = r->tail - r->size;
	return r;
}

static void history_close(struct history *h)
{
	lock_drop(&h->lock);
}

/* With the lock held: all before @pos is seen. */
static void history_show(struct history *h, u32 pos)
{
	h->shown = pos;
	h->wake_at = pos == h->ring.tail ? pos : pos + h->ring.size / 2 - 1;
}

void history_append(struct history *h, const char *text, size_t len)
{
	lock_take(&h->lock);
	for (size_t i = 0; i < len; i++)
		history_store(h, (u8)text[i]);
	lock_drop(&h->lock);
}

u32 history_unseen(struct history *h)
{
	u32 unseen;

	lock_take(&h->lock);
	unseen = h->ring.tail - h->shown;
	lock_drop(&h->lock);
	return unseen;
}

u32 history_end(struct history *h)
{
	return __atomic_load_n(&h->ring.tail, __ATOMIC_ACQUIRE);
}

/* The position itself, or the oldest byte when it is gone. Subtraction, so that it holds
 * when the counters wrap. */
static u32 ring_clamp(const struct ring *r, u32 pos)
{
	return r->tail - pos > ring_used(r) ? r->head : pos;
}

static u32 ring_copy(const struct ring *r, u32 pos, u8 *buf, u32 max)
{
	u32 n = (u32)min_u64(r->tail - pos, max), at = pos & (r->size - 1);
	u32 first = (u32)min_u64(n, r->size - at);

	memcpy(buf, r->data + at, first);
	memcpy(buf + first, r->data, n - first);
	return n;
}

u32 history_take(struct history *h, u8 *buf, u32 max, u32 *lost)
{
	const struct ring *r = history_open(h);
	u32 pos = ring_clamp(r, h->shown), n = ring_copy(r, pos, buf, max);

	*lost = pos - h->shown;
	history_show(h, pos + n);
	history_close(h);
	return n;
}

void history_skip(struct history *h, u32 pos)
{
	lock_take(&h->lock);
	history_show(h, pos);
	lock_drop(&h->lock);
}

/* The byte after the next new line; @pos itself when there is none. */
static u32 ring_next_line(const struct ring *r, u32 pos)
{
	for (u32 i = pos; i != r->tail; i++)
		if (ring_at(r, i) == '\n')
			return i + 1;
	return pos;
}

u32 history_tail(struct history *h, u32 max)
{
	const struct ring *r = history_open(h);
	u32 pos = r->tail - (u32)min_u64(ring_used(r), max);

	/* Position 0 is the beginning of all; whatever follows a new line is one, too. */
	if (pos != 0 && !(pos != r->head && ring_at(r, pos - 1) == '\n'))
		pos = ring_next_line(r, pos);
	history_close(h);
	return pos;
}

u32 history_read(struct history *h, u32 *pos, u8 *buf, u32 max)
{
	const struct ring *r = history_open(h);
	u32 start = ring_clamp(r, *pos), n = ring_copy(r, start, buf, max);

	history_close(h);
	*pos = start + n;
	return n;
}

int history_line(struct history *h, u32 *pos, char *buf, u32 size)
{
	const struct ring *r = history_open(h);
	u32 start = ring_clamp(r, *pos), end;
	int n = -1;

	if (start != *pos) /* in the middle of a line, most likely */
		start = ring_next_line(r, start);
	end = ring_next_line(r, start);
	if (end != start) {
		n = (int)ring_copy(r, start, (u8 *)buf, (u32)min_u64(end - 1 - start, size - 1));
		buf[n] = '\0';
	}
	*pos = end;
	history_close(h);
	return n;
}
