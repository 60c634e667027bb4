/*
 * A block backend: what a disk model reads from and writes to. Requests are
 * asynchronous: several are under way at once, and end in any order. A backend
 * that has the data at hand answers at once.
 */
#ifndef IO_BLOCK_H
#define IO_BLOCK_H

#include "lib/types.h"

struct host_account;

#define BLOCK_SECTOR 512ul
#define BLOCK_ID_SIZE 20
#define BLOCK_PENDING 1 /* submit(): done() will be called */

struct block;

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_WRITE_ZEROES };

/* A piece of memory that lies in one piece in the host. The address is good in the submitter's
 * space only, the physical one everywhere. */
struct io_segment {
	u8 *va;
	u64 pa;
	u64 size; /* bytes */
};

struct block_request {
	enum block_op op;
	u64 sector; /* of 512 bytes; not for BLOCK_FLUSH. Not kept: another one at the end */
	u64 bytes;  /* a multiple of 512: of the segments together, or to be discarded or zeroed */
	const struct io_segment *segments; /* READ and WRITE; stay as they are until the end */
	unsigned segment_count;
	bool unmap; /* WRITE_ZEROES: the sectors may be given back */
	/* Any context, any space, no lock held; once for each request that submit() left PENDING.
	 * @status: 0 or a negative errno. The request is the owner's again. */
	void (*done)(struct block_request *r, int status);
	/* The backend's while the request is under way. */
	struct block_request *next;
	u64 backend[4];
};

struct block_ops {
	/*
	 * The request lies within the disk (block_valid()), in common memory, and stays there until
	 * its end. 0 or a negative errno: it has ended, done() is not called. BLOCK_PENDING:
	 * done() was or will be called. -EAGAIN: no room for more now; @ready of the backend's
	 * watcher says when. Any task in the owner's space, no sleep.
	 */
	int (*submit)(struct block *b, struct block_request *r);
	/* Frees it; nothing is under way. Once it returns, ready() is not called any more. May
	 * sleep. */
	void (*destroy)(struct block *b);
};

struct block {
	const struct block_ops *ops;
	u64 sectors;        /* of 512 bytes */
	u32 block_size;     /* bytes: what the disk writes at once; 512 or a larger power of two */
	bool read_only;
	bool discard, write_zeroes; /* it can */
	/* Bytes of a READ or WRITE, and of a DISCARD or WRITE_ZEROES, at most; 0: no limit. A backend
	 * that answers at once has them, as others wait meanwhile. */
	u64 transfer_max, clear_max;
	bool volatile_cache; /* what was written is safe only after a flush */
	char id[BLOCK_ID_SIZE + 1];
	/* Set by the owner: called, in any context, when a backend that said -EAGAIN has room. */
	void (*ready)(void *arg);
	void *ready_arg;
};

/* True if the request lies within the disk and the disk can do it: what a backend may rely on. */
static inline bool block_valid(const struct block *b, const struct block_request *r)
{
	u64 count = r->bytes / BLOCK_SECTOR;

	if (r->op == BLOCK_FLUSH)
		return true;
	if (r->op != BLOCK_READ && b->read_only)
		return false;
	return r->bytes % BLOCK_SECTOR == 0 && range_within(r->sector, count, 0, b->sectors);
}

/* Reads @bytes (a multiple of 512, at most transfer_max) into common memory and waits for them: in
 * a task that may sleep, with no device on the disk yet. 0 or a negative errno; -EINVAL beyond the
 * disk's end. */
int block_read(struct block *b, u64 sector, void *common, u64 bytes, struct host_account *payer);

#endif
