/*
 * What the two ring formats share with virtq.c: how the rings' memory is reached, and
 * how a chain is put together. Private to virtq*.c.
 */
#ifndef DEV_VIRTQ_RING_H
#define DEV_VIRTQ_RING_H

#include "dev/virtio.h"
#include "dev/virtq_word.h"
#include "vm/vm.h"

/* 2.7.5 and 2.8.13: the descriptors' flags, of which the formats share the first three */
enum virtq_desc_flags {
	DESC_NEXT = 1,
	DESC_WRITE = 2,
	DESC_INDIRECT = 4,
	DESC_AVAIL = 1 << 7, /* packed rings */
	DESC_USED = 1 << 15,
};

#define DESC_SIZE 16ul

/* As it was loaded. Words as wide as registers need no conversions. */
struct virtq_desc {
	u64 addr;
	u64 len;
	u64 third;  /* split: flags; packed: the buffer id */
	u64 fourth; /* split: the next one; packed: flags */
};

/*
 * For what is instantiated twice: once for the ways that a queue goes all the time, which call no
 * other function and so save no registers, once for all ways.
 */
#define twice inline __attribute__((always_inline))
#define apart __attribute__((noinline))

static inline struct vm *virtq_vm(const struct virtq *q) { return q->device->vm; }

/* The rest of a descriptor whose fourth field is known. */
static inline void desc_fill(struct virtq_desc *d, const u8 *p)
{
	d->addr = word_load64(p);
	d->len = word_load32(p + 8);
	d->third = word_load16(p + 12);
}

/* A descriptor that is aligned to 8 bytes and whole in the host. */
static inline void desc_load(struct virtq_desc *d, const u8 *p)
{
	d->fourth = word_load16(p + 14);
	desc_fill(d, p);
}

/* Of a packed ring: what was written before its flags is seen. */
static inline void desc_load_acquire(struct virtq_desc *d, const u8 *p)
{
	d->fourth = word_load16(p + 14);
	word_acquire();
	desc_fill(d, p);
}

/* ---- The areas. @plain: q->plain is known to be true */

/* Where a naturally aligned word of an area lies. virtq_start() has seen that it is RAM. */
u8 *ring_at_slow(const struct virtq *q, u64 gpa);

static twice u8 *desc_at(const struct virtq *q, u64 off, bool plain)
{
	return plain || q->whole ? q->desc_va + off : ring_at_slow(q, q->desc + off);
}

static twice u8 *driver_at(const struct virtq *q, u64 off, bool plain)
{
	return plain || q->whole ? q->driver_va + off : ring_at_slow(q, q->driver + off);
}

static twice u8 *device_at(const struct virtq *q, u64 off, bool plain)
{
	return plain || q->whole ? q->device_va + off : ring_at_slow(q, q->device_area + off);
}

/* The device wrote to a ring. */
static twice void ring_wrote(const struct virtq *q, u64 gpa, u64 size, bool plain)
{
	if (!plain)
		vm_wrote(virtq_vm(q), gpa, size);
}

/* The device needs a reset. */
enum virtq_taken virtq_broken(struct virtq *q, const char *why);

/* ---- Putting a chain together */

struct gather {
	struct virtq_chain *chain;
	struct virtq_segment *next;
	u64 size;      /* of all so far */
	bool writable; /* there was a writable one */
};

static twice void gather_begin(struct gather *g, struct virtq_chain *chain)
{
	*g = (struct gather){ .chain = chain, .next = chain->segments };
}

static twice void gather_end_readable(struct gather *g)
{
	g->chain->readable = (u16)(g->next - g->chain->segments);
	g->chain->readable_size = g->size;
}

/* Any buffer. NULL, or what is against the rules. */
const char *gather_add(struct virtq *q, struct gather *g, const struct virtq_desc *d, bool writable);

/* A buffer in extent @e; false: not done, it is not, or there is something against it. */
static twice bool gather_add_quickly(struct gather *g, const struct guest_extent *e,
				     const struct virtq_desc *d, bool writable)
{
	u64 off = d->addr - e->gpa, size = e->host.size;
	struct virtq_segment *s = g->next;

	/* An empty buffer is a very large one here. */
	if (off >= size || d->len - 1 >= size - off || s == g->chain->segments + VIRTQ_SEGMENTS_MAX)
		return false;
	if (writable != g->writable) {
		if (!writable)
			return false;
		g->writable = true;
		gather_end_readable(g);
	}
	s->host.va = e->host.va + off;
	s->host.pa = e->host.pa + off;
	s->host.size = d->len;
	s->gpa = d->addr;
	g->size += d->len;
	g->next = s + 1;
	return true;
}

/* A chain is whole, and the device has it. */
static twice enum virtq_taken gather_end(struct virtq *q, struct gather *g)
{
	struct virtq_chain *chain = g->chain;

	if (!g->writable)
		gather_end_readable(g);
	chain->writable = (u16)(g->next - chain->segments - chain->readable);
	chain->writable_size = g->size - chain->readable_size;
	chain->epoch = q->epoch;
	q->in_flight++;
	return VIRTQ_TAKEN;
}

/* 2.7.5.3, 2.8.7: a table of descriptors outside of the ring. */
struct virtq_table {
	u64 gpa;
	const u8 *va; /* NULL: not aligned, or not in one piece in the host */
	u64 count;
};

/* Of a table. A driver may have more there than its ring has entries. */
#define TABLE_MAX VIRTQ_SIZE_MAX

/* NULL, or what is against the rules. */
const char *table_open(struct virtq *q, struct virtq_table *t, const struct virtq_desc *from, u64 flags);
/* @i < count. False: there is no RAM. */
bool table_load(struct virtq *q, const struct virtq_table *t, u64 i, struct virtq_desc *d);

/* A table in extent @e; NULL: it is not, or there is something against it. */
static twice const u8 *table_quickly(const struct virtq *q, const struct guest_extent *e,
				     const struct virtq_desc *from, u64 flags)
{
	u64 off = from->addr - e->gpa, size = e->host.size;

	if (!q->indirect || flags & DESC_NEXT || from->len - 1 >= TABLE_MAX * DESC_SIZE ||
	    from->len % DESC_SIZE || off >= size || from->len > size - off ||
	    !is_aligned(from->addr, 8))
		return NULL;
	return e->host.va + off;
}

/* Bytes of the driver and the device area, and how they are aligned. */
u64 split_driver_size(const struct virtq *q);
u64 split_device_size(const struct virtq *q);
enum { SPLIT_DRIVER_ALIGN = 2, SPLIT_DEVICE_ALIGN = 4, PACKED_AREA_SIZE = 4, DESC_ALIGN = 16 };

/* The public functions of either format; the queue is live. */
enum virtq_taken split_take(struct virtq *q, struct virtq_chain *chain);
void split_untake(struct virtq *q);
void split_give(struct virtq *q, const struct virtq_chain *chain, u32 written);
void split_publish(struct virtq *q); /* something was given */
bool split_notifications(struct virtq *q, bool on);

void packed_start(struct virtq *q);
enum virtq_taken packed_take(struct virtq *q, struct virtq_chain *chain);
void packed_untake(struct virtq *q, const struct virtq_chain *chain);
void packed_give(struct virtq *q, const struct virtq_chain *chain, u32 written);
void packed_publish(struct virtq *q);
bool packed_notifications(struct virtq *q, bool on);

#endif
