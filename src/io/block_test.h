/*
 * A disk for tests: bytes in memory. It answers at once or, if told so, when the test says
 * so, in any order and with any result; or it has no room.
 */
#ifndef IO_BLOCK_TEST_H
#define IO_BLOCK_TEST_H

#include <errno.h>
#include <string.h>

#include "host/host.h"
#include "io/block.h"

enum { TEST_DISK_PENDING = 64 };

struct test_disk {
	struct block block;
	u8 *data;
	bool later;      /* requests wait for test_disk_end() */
	bool at_once;    /* with @later: done() is called before submit() returns */
	unsigned room;   /* of requests that wait; beyond it: -EAGAIN */
	int fails;       /* what submit() answers next, once */
	unsigned count;  /* that wait */
	struct block_request *waiting[TEST_DISK_PENDING];
	unsigned ops[5]; /* by enum block_op: how many were taken */
	u64 largest;     /* bytes of a request so far */
	unsigned refused; /* with -EAGAIN */
	bool destroyed;
};

static inline void test_disk_transfer(struct test_disk *d, const struct block_request *r)
{
	u8 *at = d->data + r->sector * BLOCK_SECTOR;

	for (unsigned i = 0; i < r->segment_count; i++) {
		const struct io_segment *s = &r->segments[i];

		if (r->op == BLOCK_READ)
			memcpy(s->va, at, s->size);
		else
			memcpy(at, s->va, s->size);
		at += s->size;
	}
}

/* Does what the request asks for. */
static inline void test_disk_serve(struct test_disk *d, const struct block_request *r)
{
	u64 bytes = 0;

	switch (r->op) {
	case BLOCK_READ:
	case BLOCK_WRITE:
		for (unsigned i = 0; i < r->segment_count; i++)
			bytes += r->segments[i].size;
		host_assert(bytes == r->bytes);
		test_disk_transfer(d, r);
		break;
	case BLOCK_DISCARD:
		memset(d->data + r->sector * BLOCK_SECTOR, 0xdd, r->bytes);
		break;
	case BLOCK_WRITE_ZEROES:
		memset(d->data + r->sector * BLOCK_SECTOR, 0, r->bytes);
		break;
	case BLOCK_FLUSH:
		break;
	}
}

static inline int test_disk_submit(struct block *b, struct block_request *r)
{
	struct test_disk *d = container_of(b, struct test_disk, block);
	int fails = d->fails;

	host_assert(!d->destroyed && block_valid(b, r));
	host_assert(r->op > BLOCK_WRITE || r->bytes <= b->transfer_max);
	host_assert(r->op < BLOCK_DISCARD || !b->clear_max || r->bytes <= b->clear_max);
	if (d->later && d->count >= d->room) {
		d->refused++;
		return -EAGAIN;
	}
	d->ops[r->op]++;
	d->largest = max_u64(d->largest, r->bytes);
	d->fails = 0;
	if (fails)
		return fails;
	if (d->later && !d->at_once) {
		host_assert(d->count < TEST_DISK_PENDING);
		d->waiting[d->count++] = r;
		return BLOCK_PENDING;
	}
	test_disk_serve(d, r);
	if (!d->later)
		return 0;
	r->done(r, 0);
	return BLOCK_PENDING;
}

/* Ends the i-th request that waits. */
static inline void test_disk_end(struct test_disk *d, unsigned i, int status)
{
	struct block_request *r = d->waiting[i];

	host_assert(i < d->count);
	d->count--;
	memmove(&d->waiting[i], &d->waiting[i + 1], (d->count - i) * sizeof(r));
	if (!status)
		test_disk_serve(d, r);
	r->sector = ~0ul;
	r->done(r, status);
}

/* There is room for more. */
static inline void test_disk_ready(struct test_disk *d, unsigned room)
{
	d->room = room;
	if (d->block.ready)
		d->block.ready(d->block.ready_arg);
}

static inline void test_disk_destroy(struct block *b)
{
	struct test_disk *d = container_of(b, struct test_disk, block);

	host_assert(!d->destroyed && !d->count);
	d->destroyed = true;
}

/* A disk of @size bytes at @data, which it can change in all ways. */
static inline void test_disk_init(struct test_disk *d, u8 *data, u64 size)
{
	static const struct block_ops ops = { test_disk_submit, test_disk_destroy };

	*d = (struct test_disk){ .data = data, .room = ~0u };
	d->block = (struct block){
		.ops = &ops,
		.sectors = size / BLOCK_SECTOR,
		.block_size = BLOCK_SECTOR,
		.discard = true,
		.write_zeroes = true,
		.volatile_cache = true,
		.transfer_max = 128 * KIB,
		.id = "test-disk",
	};
}

#endif
