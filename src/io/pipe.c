#include "io/pipe.h"

#include <string.h>

#include "host/host.h"

#define PIPE_SLICE KIB /* bytes copied in one go, with a lock held */

/* One way through the pipe. */
struct pipe_way {
	struct lock lock; /* a leaf; guards what follows */
	bool reads, writes; /* what the device at either side does */
	bool starved;     /* the writer waits for room, or for a reader */
	u32 head, tail;   /* of what is under way; free-running */
	u8 *data;
};

struct pipe_end {
	struct char_backend backend;
	struct pipe_way *in, *out;
	struct pipe_end *other;
};

struct pipe {
	struct pipe_way ways[2];
	struct pipe_end ends[2];
};

static struct pipe_end *pipe_end_of(struct char_backend *b)
{
	return container_of(b, struct pipe_end, backend);
}

static u32 way_used(const struct pipe_way *w) { return w->tail - w->head; }

/* How much of @size lies in one piece from the counter @at on; a slice at most. */
static u64 way_piece(u32 at, u64 size)
{
	return min_u64(min_u64(size, PIPE_SLICE), PIPE_SIZE - at % PIPE_SIZE);
}

/* A slice at most. @news is set if there was nothing to read before. */
static u64 way_put(struct pipe_way *w, const u8 *bytes, u64 size, bool *news)
{
	u64 n = 0;

	lock_take(&w->lock);
	if (w->reads)
		n = way_piece(w->tail, min_u64(size, PIPE_SIZE - way_used(w)));
	if (n && !way_used(w))
		*news = true;
	memcpy(w->data + w->tail % PIPE_SIZE, bytes, n);
	w->tail += (u32)n;
	w->starved = !n;
	lock_drop(&w->lock);
	return n;
}

/*
 * A slice at most, and wiped; to nowhere if @bytes is NULL. @news is set if the writer waits and half
 * of the pipe is free: woken for less, both sides would take turns for every few bytes.
 */
static u64 way_get(struct pipe_way *w, u8 *bytes, u64 size, bool *news)
{
	u8 *from;
	u64 n;

	lock_take(&w->lock);
	n = way_piece(w->head, min_u64(size, way_used(w)));
	from = w->data + w->head % PIPE_SIZE;
	if (bytes)
		memcpy(bytes, from, n);
	memset(from, 0, n);
	w->head += (u32)n;
	if (w->starved && way_used(w) <= PIPE_SIZE / 2) {
		w->starved = false;
		*news = true;
	}
	lock_drop(&w->lock);
	return n;
}

static u64 pipe_write(struct char_backend *b, const u8 *bytes, u64 size)
{
	struct pipe_end *e = pipe_end_of(b);
	bool news = false;
	u64 done = 0, n;

	while (done < size && (n = way_put(e->out, bytes + done, size - done, &news)))
		done += n;
	if (news)
		char_notify(&e->other->backend);
	return done;
}

static u64 pipe_read(struct char_backend *b, u8 *bytes, u64 size)
{
	struct pipe_end *e = pipe_end_of(b);
	bool news = false;
	u64 done = 0, n;

	while (done < size && (n = way_get(e->in, bytes + done, size - done, &news)))
		done += n;
	if (news)
		char_notify(&e->other->backend);
	return done;
}

static void pipe_put(struct char_backend *b, u8 byte)
{
	pipe_write(b, &byte, 1);
}

static int pipe_get(struct char_backend *b)
{
	u8 byte;

	return pipe_read(b, &byte, 1) ? byte : -1;
}

/* True if it was otherwise before. */
static bool way_set(struct pipe_way *w, bool *flag, bool on)
{
	bool changed;

	lock_take(&w->lock);
	changed = *flag != on;
	*flag = on;
	lock_drop(&w->lock);
	return changed;
}

static void pipe_set_open(struct char_backend *b, bool reads, bool writes)
{
	struct pipe_end *e = pipe_end_of(b);
	bool news = way_set(e->in, &e->in->reads, reads);

	news |= way_set(e->out, &e->out->writes, writes);
	/* Nothing is added any more: this ends. */
	while (!reads && way_get(e->in, NULL, PIPE_SLICE, &news))
		;
	if (news)
		char_notify(&e->other->backend);
}

static bool pipe_is_open(struct char_backend *b)
{
	struct pipe_way *w = pipe_end_of(b)->in;
	bool open;

	lock_take(&w->lock);
	open = w->writes || way_used(w);
	lock_drop(&w->lock);
	return open;
}

static const struct char_ops pipe_ops = {
	.put = pipe_put,
	.get = pipe_get,
	.write = pipe_write,
	.read = pipe_read,
	.set_open = pipe_set_open,
	.is_open = pipe_is_open,
};

struct pipe *pipe_create(struct host_account *payer)
{
	struct pipe *p = host_alloc(sizeof(*p), payer);

	if (!p)
		return NULL;
	for (unsigned i = 0; i < 2; i++) {
		p->ways[i].data = host_alloc(PIPE_SIZE, payer);
		p->ends[i].backend.ops = &pipe_ops;
		p->ends[i].in = &p->ways[i];
		p->ends[i].out = &p->ways[!i];
		p->ends[i].other = &p->ends[!i];
	}
	if (p->ways[0].data && p->ways[1].data)
		return p;
	pipe_destroy(p, payer);
	return NULL;
}

void pipe_destroy(struct pipe *p, struct host_account *payer)
{
	for (unsigned i = 0; i < 2; i++)
		host_free(p->ways[i].data, PIPE_SIZE, payer);
	host_free(p, sizeof(*p), payer);
}

struct char_backend *pipe_end(struct pipe *p, unsigned end)
{
	return &p->ends[end].backend;
}
