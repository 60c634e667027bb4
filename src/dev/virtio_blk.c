/*
 * Virtio 1.3, 5.2 "Block Device". A request lives in a slot from virtq_take() to
 * virtq_give(). The backend gets it in parts of bounded size, one after the other; parts
 * that are done at once go on at once, up to a budget for each call. What is over the
 * budget, what comes back later and what the backend has no room for is served by the VM's
 * I/O task.
 */
#include "dev/virtio_blk.h"

#include <errno.h>
#include <string.h>

#include "lib/lock.h"
#include "vm/vm.h"
#include "vm/work.h"

/* 5.2.3 "Feature bits" */
enum virtio_blk_feature {
	VIRTIO_BLK_F_SEG_MAX = 2,
	VIRTIO_BLK_F_RO = 5,
	VIRTIO_BLK_F_BLK_SIZE = 6,
	VIRTIO_BLK_F_FLUSH = 9,
	VIRTIO_BLK_F_TOPOLOGY = 10,
	VIRTIO_BLK_F_CONFIG_WCE = 11,
	VIRTIO_BLK_F_MQ = 12,
	VIRTIO_BLK_F_DISCARD = 13,
	VIRTIO_BLK_F_WRITE_ZEROES = 14,
};

/* 5.2.4 "Device configuration layout" */
enum virtio_blk_register {
	BLK_CAPACITY = 0,  /* u64, sectors */
	BLK_SEG_MAX = 12,
	BLK_BLK_SIZE = 20,
	BLK_PHYSICAL_BLOCK_EXP = 24, /* u8 */
	BLK_MIN_IO_SIZE = 26,        /* u16, blocks */
	BLK_WRITEBACK = 32,          /* u8 */
	BLK_NUM_QUEUES = 34,         /* u16 */
	BLK_MAX_DISCARD_SECTORS = 36,
	BLK_MAX_DISCARD_SEG = 40,
	BLK_DISCARD_SECTOR_ALIGNMENT = 44,
	BLK_MAX_WRITE_ZEROES_SECTORS = 48,
	BLK_MAX_WRITE_ZEROES_SEG = 52,
	BLK_WRITE_ZEROES_MAY_UNMAP = 56, /* u8 */
	BLK_CONFIG_SIZE = 60,
};

/* 5.2.6 "Device Operation" */
enum virtio_blk_type {
	VIRTIO_BLK_T_IN = 0,
	VIRTIO_BLK_T_OUT = 1,
	VIRTIO_BLK_T_FLUSH = 4,
	VIRTIO_BLK_T_GET_ID = 8,
	VIRTIO_BLK_T_DISCARD = 11,
	VIRTIO_BLK_T_WRITE_ZEROES = 13,
};

enum virtio_blk_status {
	VIRTIO_BLK_S_OK = 0,
	VIRTIO_BLK_S_IOERR = 1,
	VIRTIO_BLK_S_UNSUPP = 2,
	BLK_GO = 255, /* ours: there is something for the backend to do */
};

struct virtio_blk_header {
	u32 type;
	u32 reserved;
	u64 sector;
};

#define HEADER_SIZE sizeof(struct virtio_blk_header)

struct virtio_blk_range {
	u64 sector;
	u32 sectors;
	u32 flags;
};

enum { RANGE_UNMAP = 1 };

#define SLOTS_MAX 32         /* requests of a device that are under way */
#define SLOTS_MORE 8
#define BUDGET (128 * KIB)   /* bytes moved before others get their turn */
#define BUDGET_REQUEST KIB   /* what a look at the queue counts for beside the bytes */
#define RANGE_MAX (1u << 21) /* sectors to be discarded or zeroed: 1 GiB */
#define PHYSICAL_BLOCK 4096u /* what is good to write at once, at least */
/* Less header and status; and a few that lie in two pieces in the host. */
#define SEG_MAX (VIRTQ_SEGMENTS_MAX - 6)

struct blk_slot {
	struct block_request r;
	struct virtio_blk *blk;
	struct blk_slot *next; /* of the list it is in */
	struct virtq *q;
	bool then_flush; /* after the data */
	int result;      /* of a part that came back */
	u64 sector, size;  /* bytes; of the whole request */
	u64 done;        /* bytes that are through */
	struct io_segment segments[VIRTQ_SEGMENTS_MAX];
	struct virtq_chain chain;
};

_Static_assert(sizeof(struct blk_slot) <= 4096, "a page");

/* First in, first out. */
struct blk_list {
	struct blk_slot *first, **last;
};

struct virtio_blk {
	struct block *backend;
	char id[BLOCK_ID_SIZE + 1];
	struct vm_work work;
	/* The device's lock guards these. */
	u8 config[BLK_CONFIG_SIZE];
	bool writethrough;
	bool stalled;  /* the backend has no room; it will say when */
	u32 waiting;   /* bit n: queue n may have chains that were not taken */
	u32 given;     /* bit n: chains of queue n went back; the driver was not told yet */
	unsigned turn; /* the queue whose turn it is in the I/O task */
	u64 spent;     /* of the budget of this call */
	struct blk_slot *free;
	struct blk_list parked; /* begun; the backend is to get the next part */
	/* The I/O task's. */
	unsigned slot_count, slot_max;
	struct blk_slot *slots[SLOTS_MAX];
	/* Any context. */
	u32 want_slots, has_room; /* atomic */
	struct lock back_lock;     /* guards what follows */
	struct blk_list back;      /* the backend's done() */
	struct virtio_device v;    /* large: last, so that the rest is in reach of short offsets */
};

static void list_start(struct blk_list *l)
{
	l->first = NULL;
	l->last = &l->first;
}

static void list_put(struct blk_list *l, struct blk_slot *s)
{
	s->next = NULL;
	*l->last = s;
	l->last = &s->next;
}

/* All of it, chained by next. */
static struct blk_slot *list_take(struct blk_list *l)
{
	struct blk_slot *first = l->first;

	list_start(l);
	return first;
}

static void blk_later(struct virtio_blk *b)
{
	vm_work_queue(b->v.vm, &b->work);
}

static void slot_free(struct virtio_blk *b, struct blk_slot *s)
{
	s->next = b->free;
	b->free = s;
}

/* ---- The end of a request */

/* How much is written from the first writable byte on without a hole (2.7.8 "The Virtqueue Used
 * Ring"): the status is the last byte. */
static u32 slot_written(const struct blk_slot *s)
{
	u64 data = s->chain.writable_size - 1;
	u64 written = s->r.op == BLOCK_READ ? s->done : 0;

	return (u32)min_u64(written == data ? data + 1 : written, ~0u);
}

static void slot_write_status(struct blk_slot *s, u8 status)
{
	struct virtq_chain *c = &s->chain;
	struct io_segment *last = &c->segments[c->readable + c->writable - 1].host;

	__atomic_store_n(&last->va[last->size - 1], status, __ATOMIC_RELAXED);
	virtq_wrote(s->q, c, c->writable_size - 1, 1);
}

static void slot_end(struct virtio_blk *b, struct blk_slot *s, u8 status)
{
	struct virtq *q = s->q;

	/* After a reset that memory is something else to the driver. */
	if (s->chain.epoch == q->epoch)
		slot_write_status(s, status);
	virtq_give(q, &s->chain, slot_written(s));
	b->given |= 1u << q->index;
	slot_free(b, s);
}

static u8 status_of(int err)
{
	return err == -EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
}

static void blk_publish(struct virtio_blk *b)
{
	for (unsigned i = 0; b->given >> i; i++)
		if (b->given >> i & 1)
			virtq_publish(&b->v.queues[i]);
	b->given = 0;
}

/* ---- A request's way through the backend */

/* The driver has reset it, or the device needs that: no more of it is done. */
static bool slot_is_dropped(const struct virtio_blk *b, struct blk_slot *s)
{
	return s->chain.epoch != s->q->epoch || !virtio_running(&b->v);
}

static u64 part_size(const struct virtio_blk *b, const struct blk_slot *s)
{
	bool transfer = s->r.op == BLOCK_READ || s->r.op == BLOCK_WRITE;
	u64 max = transfer ? b->backend->transfer_max : b->backend->clear_max;
	u64 left = s->size - s->done;

	return max && max < left ? max : left;
}

/* The usual chain in one part: a buffer for the header, then the data, a buffer for the status. */
static bool slot_map_whole(struct blk_slot *s, bool in)
{
	const struct virtq_chain *c = &s->chain;
	const struct virtq_segment *from = &c->segments[in ? c->readable : 1];
	unsigned count = (in ? c->writable : c->readable) - 1u;
	u64 other = in ? from[count].host.size : c->segments[0].host.size;

	if (s->r.bytes != s->size || other != (in ? 1 : HEADER_SIZE))
		return false;
	s->r.segment_count = count;
	for (unsigned i = 0; i < count; i++)
		s->segments[i] = from[i].host;
	return true;
}

/* Where the data of the part is. */
static int slot_map(struct blk_slot *s)
{
	bool in = s->r.op == BLOCK_READ;
	int count;

	if (slot_map_whole(s, in))
		return 0;
	count = virtq_map(&s->chain, in, s->done + (in ? 0 : HEADER_SIZE), s->r.bytes, s->segments,
			  VIRTQ_SEGMENTS_MAX);
	s->r.segment_count = (unsigned)count;
	return count < 0 ? count : 0;
}

/* Fills in the request for the next part, of which there is one. 0 or a negative errno. */
static int slot_prepare(const struct virtio_blk *b, struct blk_slot *s)
{
	struct block_request *r = &s->r;

	if (s->done == s->size) {
		r->op = BLOCK_FLUSH;
		r->bytes = 0;
		return 0;
	}
	r->sector = s->sector + s->done / BLOCK_SECTOR;
	r->bytes = part_size(b, s);
	return r->op == BLOCK_READ || r->op == BLOCK_WRITE ? slot_map(s) : 0;
}

/* The backend is through with a part, well or not: of a read, what it wrote is told part by part, as
 * engines may have work for each byte. */
static void slot_part_over(struct blk_slot *s)
{
	if (s->r.op == BLOCK_READ)
		virtq_wrote(s->q, &s->chain, s->done, s->r.bytes);
}

static void slot_part_done(struct blk_slot *s)
{
	s->done += s->r.bytes;
	s->then_flush &= s->r.op != BLOCK_FLUSH;
}

/* The next part. 0: it is through; BLOCK_PENDING; -EAGAIN: not now; or another negative errno. */
static int slot_submit(struct virtio_blk *b, struct blk_slot *s)
{
	int status;

	/* The first part of a request is always within the budget. */
	if (b->stalled || (s->done && b->spent >= BUDGET))
		return -EAGAIN;
	status = slot_prepare(b, s);
	if (status)
		return status == -EAGAIN ? -EIO : status;
	status = b->backend->ops->submit(b->backend, &s->r);
	if (status <= 0 && status != -EAGAIN)
		slot_part_over(s);
	if (status == 0) {
		slot_part_done(s);
		b->spent += s->r.bytes;
	} else if (status == -EAGAIN) {
		b->stalled = true;
	}
	return status;
}

static void slot_park(struct virtio_blk *b, struct blk_slot *s)
{
	list_put(&b->parked, s);
	if (!b->stalled)
		blk_later(b);
}

/* Goes on until the request is through, waits for the backend, or the budget is spent. */
static void slot_go(struct virtio_blk *b, struct blk_slot *s)
{
	int status = 0;

	while (status == 0 && (s->done < s->size || s->then_flush))
		status = slot_submit(b, s);
	if (status == -EAGAIN)
		slot_park(b, s);
	else if (status <= 0)
		slot_end(b, s, status ? status_of(status) : VIRTIO_BLK_S_OK);
}

/* ---- A request's beginning */

static u8 slot_parse_transfer(struct blk_slot *s, enum block_op op, u64 size)
{
	s->r.op = op;
	s->size = size;
	return BLK_GO;
}

static u8 slot_parse_id(struct virtio_blk *b, struct blk_slot *s)
{
	u64 room = min_u64(s->chain.writable_size - 1, BLOCK_ID_SIZE);

	s->r.op = BLOCK_READ;
	s->done = virtq_write(s->q, &s->chain, 0, b->id, room);
	return VIRTIO_BLK_S_OK;
}

/* One range a request: max_discard_seg and max_write_zeroes_seg. */
static u8 slot_parse_range(struct virtio_blk *b, struct blk_slot *s, enum block_op op)
{
	struct virtio_blk_range range;
	u32 known = op == BLOCK_WRITE_ZEROES ? RANGE_UNMAP : 0;

	if (!virtio_has(&b->v, op == BLOCK_DISCARD ? VIRTIO_BLK_F_DISCARD :
						     VIRTIO_BLK_F_WRITE_ZEROES))
		return VIRTIO_BLK_S_UNSUPP;
	if (s->chain.readable_size != HEADER_SIZE + sizeof(range) ||
	    virtq_read(&s->chain, HEADER_SIZE, &range, sizeof(range)) != sizeof(range))
		return VIRTIO_BLK_S_IOERR;
	if (range.flags & ~known)
		return VIRTIO_BLK_S_UNSUPP;
	if (range.sectors > RANGE_MAX)
		return VIRTIO_BLK_S_IOERR;
	s->r.op = op;
	s->r.unmap = (range.flags & RANGE_UNMAP) && b->backend->discard;
	s->sector = range.sector;
	s->size = range.sectors * BLOCK_SECTOR;
	return BLK_GO;
}

/* Its header, read once. */
static bool slot_header(const struct blk_slot *s, struct virtio_blk_header *h)
{
	const struct io_segment *first = &s->chain.segments[0].host;
	const u64 *words = (const void *)first->va;
	u64 both;

	if (s->chain.readable_size < HEADER_SIZE)
		return false;
	if (first->size < HEADER_SIZE || !is_aligned((u64)(uintptr_t)words, sizeof(*words)))
		return virtq_read(&s->chain, 0, h, HEADER_SIZE) == HEADER_SIZE;
	both = __atomic_load_n(&words[0], __ATOMIC_RELAXED);
	*h = (struct virtio_blk_header){ (u32)both, (u32)(both >> 32),
					 __atomic_load_n(&words[1], __ATOMIC_RELAXED) };
	return true;
}

static u8 slot_parse(struct virtio_blk *b, struct blk_slot *s)
{
	struct virtio_blk_header h;

	if (!slot_header(s, &h))
		return VIRTIO_BLK_S_IOERR;
	s->sector = h.sector;
	switch (h.type) {
	case VIRTIO_BLK_T_IN:
		return slot_parse_transfer(s, BLOCK_READ, s->chain.writable_size - 1);
	case VIRTIO_BLK_T_OUT:
		s->then_flush = b->writethrough;
		return slot_parse_transfer(s, BLOCK_WRITE, s->chain.readable_size - HEADER_SIZE);
	case VIRTIO_BLK_T_FLUSH:
		s->then_flush = true;
		return slot_parse_transfer(s, BLOCK_FLUSH, 0);
	case VIRTIO_BLK_T_GET_ID:
		return slot_parse_id(b, s);
	case VIRTIO_BLK_T_DISCARD:
		return slot_parse_range(b, s, BLOCK_DISCARD);
	case VIRTIO_BLK_T_WRITE_ZEROES:
		s->then_flush = b->writethrough;
		return slot_parse_range(b, s, BLOCK_WRITE_ZEROES);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

static void slot_begin(struct virtio_blk *b, struct blk_slot *s, struct virtq *q)
{
	u8 status;

	s->q = q;
	s->then_flush = false;
	s->done = s->size = 0;
	s->r.op = BLOCK_FLUSH;
	if (!s->chain.writable_size) {
		virtio_broken(&b->v, "a disk request without room for its status");
		virtq_give(q, &s->chain, 0);
		slot_free(b, s);
		return;
	}
	status = slot_parse(b, s);
	s->r.sector = s->sector;
	s->r.bytes = s->size;
	if (status == BLK_GO && !block_valid(b->backend, &s->r)) {
		s->size = 0;
		status = VIRTIO_BLK_S_IOERR;
	}
	if (status == BLK_GO)
		slot_go(b, s);
	else
		slot_end(b, s, status);
}

/* Takes what the queue has. What begun before and waits goes first, so that it ends some time. */
static void blk_serve(struct virtio_blk *b, unsigned i)
{
	struct virtq *q = &b->v.queues[i];
	struct blk_slot *s;

	while (!b->parked.first && (s = b->free) != NULL && b->spent < BUDGET) {
		enum virtq_taken taken = virtq_take(q, &s->chain);

		b->spent += BUDGET_REQUEST;
		if (taken == VIRTQ_TAKEN) {
			b->free = s->next;
			slot_begin(b, s, q);
		} else if (taken == VIRTQ_BROKEN || !virtq_notifications(q, true)) {
			b->waiting &= ~(1u << i);
			return;
		}
	}
	/* It is looked at again without the driver's asking. */
	virtq_notifications(q, false);
	if (b->spent >= BUDGET) {
		blk_later(b);
	} else if (!b->parked.first && b->slot_count < b->slot_max) {
		__atomic_store_n(&b->want_slots, 1, __ATOMIC_RELEASE);
		blk_later(b);
	}
}

static void blk_notify(struct virtio_device *d, unsigned queue)
{
	struct virtio_blk *b = container_of(d, struct virtio_blk, v);

	b->waiting |= 1u << queue;
	b->spent = 0;
	blk_serve(b, queue);
	b->given = 0;
	virtq_publish(&d->queues[queue]);
}

/* ---- The backend's side: any context, any space */

/* The lock is held until the work is queued: who sees the slot come back may free the device
 * when it has cancelled the work. */
static void blk_done(struct block_request *r, int status)
{
	struct blk_slot *s = container_of(r, struct blk_slot, r);
	struct virtio_blk *b = s->blk;

	lock_take(&b->back_lock);
	s->result = status;
	list_put(&b->back, s);
	blk_later(b);
	lock_drop(&b->back_lock);
}

static void blk_ready(void *arg)
{
	struct virtio_blk *b = arg;

	__atomic_store_n(&b->has_room, 1, __ATOMIC_RELEASE);
	blk_later(b);
}

/* ---- In the I/O task */

static bool blk_add_slot(struct virtio_blk *b)
{
	struct blk_slot *s = host_alloc(sizeof(*s), &b->v.vm->account);

	if (!s)
		return false;
	s->blk = b;
	s->r.done = blk_done;
	s->r.segments = s->segments;
	lock_take(&b->v.dev.lock);
	b->slots[b->slot_count++] = s;
	slot_free(b, s);
	lock_drop(&b->v.dev.lock);
	return true;
}

/* A backend that answers at once never needs more than one slot. */
static void blk_grow(struct virtio_blk *b)
{
	for (unsigned i = 0; i < SLOTS_MORE && b->slot_count < b->slot_max; i++)
		if (!blk_add_slot(b))
			b->slot_max = b->slot_count;
}

static void slot_resume(struct virtio_blk *b, struct blk_slot *s, int result)
{
	if (result || slot_is_dropped(b, s))
		slot_end(b, s, status_of(result));
	else
		slot_go(b, s);
}

static void blk_take_back(struct virtio_blk *b)
{
	struct blk_slot *s, *next;

	lock_take(&b->back_lock);
	s = list_take(&b->back);
	lock_drop(&b->back_lock);
	for (; s; s = next) {
		next = s->next;
		slot_part_over(s);
		if (s->result == 0)
			slot_part_done(s);
		slot_resume(b, s, s->result);
	}
}

/* What cannot go on yet is parked again, in the same order. */
static void blk_unpark(struct virtio_blk *b)
{
	struct blk_slot *next;

	for (struct blk_slot *s = list_take(&b->parked); s; s = next) {
		next = s->next;
		slot_resume(b, s, 0);
	}
}

static void blk_serve_all(struct virtio_blk *b)
{
	unsigned first = b->turn, served = 0;

	for (unsigned n = 0; n < b->v.queue_count; n++) {
		unsigned i = (first + n) % b->v.queue_count;

		if (!(b->waiting >> i & 1))
			continue;
		/* The one behind the first is first next time: the others may have got nothing. */
		if (!served++)
			b->turn = (i + 1) % b->v.queue_count;
		blk_serve(b, i);
	}
}

static void blk_work(struct vm_work *work)
{
	struct virtio_blk *b = container_of(work, struct virtio_blk, work);

	if (__atomic_exchange_n(&b->want_slots, 0, __ATOMIC_ACQ_REL))
		blk_grow(b);
	lock_take(&b->v.dev.lock);
	if (__atomic_exchange_n(&b->has_room, 0, __ATOMIC_ACQ_REL))
		b->stalled = false;
	b->spent = 0;
	blk_take_back(b);
	blk_unpark(b);
	if (virtio_running(&b->v))
		blk_serve_all(b);
	blk_publish(b);
	lock_drop(&b->v.dev.lock);
}

/* ---- Configuration */

static void blk_update_cache(struct virtio_blk *b)
{
	bool writeback = virtio_has(&b->v, VIRTIO_BLK_F_FLUSH);

	/* 5.2.5: without either feature the driver counts on nothing volatile. */
	if (virtio_has(&b->v, VIRTIO_BLK_F_CONFIG_WCE))
		writeback = b->config[BLK_WRITEBACK];
	b->writethrough = b->backend->volatile_cache && !writeback;
}

static void blk_start(struct virtio_device *d)
{
	blk_update_cache(container_of(d, struct virtio_blk, v));
}

static u64 blk_config_read(struct virtio_device *d, u64 off, unsigned size)
{
	const struct virtio_blk *b = container_of(d, struct virtio_blk, v);
	u64 value = 0;

	memcpy(&value, b->config + off, size);
	return value;
}

static void blk_config_write(struct virtio_device *d, u64 off, unsigned size, u64 value)
{
	struct virtio_blk *b = container_of(d, struct virtio_blk, v);

	if (off != BLK_WRITEBACK || size != 1 || !virtio_has(d, VIRTIO_BLK_F_CONFIG_WCE))
		return;
	b->config[BLK_WRITEBACK] = value & 1;
	blk_update_cache(b);
}

/* What was begun ends by itself or, if it is parked, in the I/O task. */
static void blk_reset(struct virtio_device *d, int queue)
{
	struct virtio_blk *b = container_of(d, struct virtio_blk, v);

	b->waiting &= queue < 0 ? 0 : ~(1u << queue);
	if (queue < 0)
		b->config[BLK_WRITEBACK] = b->backend->volatile_cache;
	if (b->parked.first)
		blk_later(b);
}

/* Behind the backend's destroy() nobody queues the work any more. */
static void blk_destroy(struct virtio_device *d)
{
	struct virtio_blk *b = container_of(d, struct virtio_blk, v);
	struct host_account *payer = &d->vm->account;

	b->backend->ops->destroy(b->backend);
	vm_work_cancel(d->vm, &b->work);
	while (b->slot_count)
		host_free(b->slots[--b->slot_count], sizeof(struct blk_slot), payer);
	host_free(b, sizeof(*b), payer);
}

static const struct virtio_ops blk_ops = {
	.name = "virtio-blk",
	.id = VIRTIO_ID_BLOCK,
	.start = blk_start,
	.notify = blk_notify,
	.config_read = blk_config_read,
	.config_write = blk_config_write,
	.reset = blk_reset,
	.destroy = blk_destroy,
};

static u64 blk_features(const struct block *disk, u32 queues)
{
	u64 features = BIT(VIRTIO_BLK_F_SEG_MAX) | BIT(VIRTIO_BLK_F_BLK_SIZE) |
		       BIT(VIRTIO_BLK_F_TOPOLOGY);

	if (disk->volatile_cache)
		features |= BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_CONFIG_WCE);
	if (queues > 1)
		features |= BIT(VIRTIO_BLK_F_MQ);
	if (disk->read_only)
		return features | BIT(VIRTIO_BLK_F_RO);
	if (disk->discard)
		features |= BIT(VIRTIO_BLK_F_DISCARD);
	if (disk->write_zeroes)
		features |= BIT(VIRTIO_BLK_F_WRITE_ZEROES);
	return features;
}

static void config_put(struct virtio_blk *b, enum virtio_blk_register reg, unsigned size, u64 value)
{
	memcpy(b->config + reg, &value, size);
}

static void blk_fill_config(struct virtio_blk *b, u32 queues)
{
	const struct block *disk = b->backend;
	u32 block = disk->block_size, physical = block > PHYSICAL_BLOCK ? block : PHYSICAL_BLOCK;
	u32 range_max = (u32)min_u64(RANGE_MAX, disk->sectors);

	config_put(b, BLK_CAPACITY, 8, disk->sectors);
	config_put(b, BLK_SEG_MAX, 4, SEG_MAX);
	config_put(b, BLK_BLK_SIZE, 4, block);
	config_put(b, BLK_PHYSICAL_BLOCK_EXP, 1, (u64)__builtin_ctz(physical / block));
	config_put(b, BLK_MIN_IO_SIZE, 2, physical / block);
	config_put(b, BLK_WRITEBACK, 1, disk->volatile_cache);
	config_put(b, BLK_NUM_QUEUES, 2, queues);
	config_put(b, BLK_MAX_DISCARD_SECTORS, 4, range_max);
	config_put(b, BLK_MAX_DISCARD_SEG, 4, 1);
	config_put(b, BLK_DISCARD_SECTOR_ALIGNMENT, 4, block / BLOCK_SECTOR);
	config_put(b, BLK_MAX_WRITE_ZEROES_SECTORS, 4, range_max);
	config_put(b, BLK_MAX_WRITE_ZEROES_SEG, 4, 1);
	config_put(b, BLK_WRITE_ZEROES_MAY_UNMAP, 1, disk->discard);
}

struct virtio_device *virtio_blk_create(struct vm *vm, u64 base, struct irq_line irq,
					const struct virtio_blk_config *config,
					struct block *backend)
{
	u32 queues = (u32)max_u64(1, min_u64(config->queues, VIRTIO_QUEUES_MAX));
	struct virtio_blk *b = host_alloc(sizeof(*b), &vm->account);

	if (!b)
		return NULL;
	b->v.vm = vm;
	b->backend = backend;
	b->work.run = blk_work;
	b->slot_max = SLOTS_MAX;
	list_start(&b->parked);
	list_start(&b->back);
	if (!blk_add_slot(b)) {
		host_free(b, sizeof(*b), &vm->account);
		return NULL;
	}
	memcpy(b->id, config->serial[0] ? config->serial : backend->id, sizeof(b->id) - 1);
	blk_fill_config(b, queues);
	backend->ready = blk_ready;
	backend->ready_arg = b;
	virtio_init(&b->v, vm, &blk_ops, base, irq, blk_features(backend, queues), queues,
		    BLK_CONFIG_SIZE);
	return &b->v;
}
