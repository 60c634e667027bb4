/*
 * The machine's disks: virtio 1.3, 5.2 "Block Device", from the driver's side.
 * Requests of all users go through one queue; a request needs one slot, of which the
 * device reads a table of descriptors ("Indirect Descriptors"), or, when it cannot, a run of the
 * ring's. The data goes straight to and from the segments. What is larger than the
 * device takes at once goes in pieces, one after the other, in the same slot.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/bare/devices.h"
#include "host/bare/drivers.h"
#include "host/host.h"
#include "lib/list.h"
#include "lib/lock.h"
#include "lib/log.h"

/* 5.2.3 "Feature bits" */
enum { F_SIZE_MAX = 1, F_SEG_MAX = 2, F_RO = 5, F_BLK_SIZE = 6, F_FLUSH = 9, F_DISCARD = 13,
       F_WRITE_ZEROES = 14, F_INDIRECT_DESC = 28 };
#define FEATURES_WANTED (BIT(F_SIZE_MAX) | BIT(F_SEG_MAX) | BIT(F_RO) | BIT(F_BLK_SIZE) | BIT(F_FLUSH) | \
			 BIT(F_DISCARD) | BIT(F_WRITE_ZEROES) | BIT(F_INDIRECT_DESC))

/* 5.2.4 "Device configuration layout" */
enum { CONFIG_CAPACITY = 0, CONFIG_SIZE_MAX = 8, CONFIG_SEG_MAX = 12, CONFIG_BLK_SIZE = 20,
       CONFIG_MAX_DISCARD = 36, CONFIG_MAX_ZEROES = 48 };

/* 5.2.6 "Device Operation" */
enum { TYPE_IN = 0, TYPE_OUT = 1, TYPE_FLUSH = 4, TYPE_GET_ID = 8, TYPE_DISCARD = 11,
       TYPE_WRITE_ZEROES = 13 };
enum { STATUS_OK = 0, STATUS_IOERR = 1, STATUS_UNSUPP = 2, STATUS_NONE = 0xff };
#define RANGE_UNMAP 1

#define DISKS_MAX 16
#define SLOTS_MAX 64
#define TABLE_SIZE 72 /* 64 KiB in pages at the worst offset, header and status, and a few */
#define BLOCK_SIZE_MAX 65536
#define TRANSFER_MAX MIB     /* of a request: users share the disk by requests */
#define CLEAR_MAX (64 * MIB)

/* What the device reads and writes beside the data, of one slot. */
struct slot_memory {
	struct {
		u32 type;
		u32 reserved;
		u64 sector;
	} header;
	struct {
		u64 sector;
		u32 sectors;
		u32 flags;
	} range; /* of DISCARD and WRITE_ZEROES */
	u8 id[BLOCK_ID_SIZE];
	u8 status;
	struct vring_desc table[TABLE_SIZE] __attribute__((aligned(16)));
};

struct slot {
	struct block_request *request;
	struct disk_user *user;
	struct slot_memory *memory;
	u64 pa;                  /* of it */
	struct vring_desc *desc; /* where its chain is written */
	/* What the device was not asked for yet: */
	unsigned segment; /* of the request's, and the place in it */
	u64 offset;
	u64 sector, left; /* left: bytes */
	u16 next;         /* in the list of free ones */
};

struct disk {
	struct virtio_host *device;
	unsigned index;
	u64 sectors;
	u32 block_size;
	u32 size_max;     /* bytes of a descriptor */
	u16 segments_max; /* descriptors of data */
	u32 range_max[2]; /* sectors of a DISCARD, of a WRITE_ZEROES; 0: it cannot */
	bool read_only, volatile_cache;
	char id[BLOCK_ID_SIZE + 1];

	struct lock lock; /* guards what follows */
	struct vring ring;
	u16 stride; /* descriptors of the ring that a slot has */
	u16 slot_count, free_slots, free_first;
	struct slot slots[SLOTS_MAX];
	bool broken;
	struct list users;
	unsigned user_count;
};

/* What others call the disk: each VM has its own. */
struct disk_user {
	struct block block;
	struct disk *disk;
	struct list link;
	unsigned in_flight;
	bool starved; /* was told -EAGAIN */
	u32 called;   /* atomic: how many call its ready() at this moment */
};

static struct disk *disks[DISKS_MAX];
static unsigned disk_count;

/* ---- Slots; with the lock held */

static u16 slot_head(const struct disk *d, u16 slot)
{
	return (u16)(slot * d->stride);
}

static u16 slot_take(struct disk *d)
{
	u16 n = d->free_first;

	d->free_first = d->slots[n].next;
	d->free_slots--;
	return n;
}

static void slot_give(struct disk *d, u16 n)
{
	d->slots[n].request = NULL;
	d->slots[n].next = d->free_first;
	d->free_first = n;
	d->free_slots++;
}

/* No user keeps the others from the disk. */
static bool user_may_begin(const struct disk *d, const struct disk_user *u)
{
	return d->free_slots && u->in_flight < max_u64(d->slot_count / d->user_count, 1);
}

/* ---- Pieces of a request */

static void desc_set(struct vring_desc *desc, u64 addr, u64 len, u16 flags)
{
	desc->addr = addr;
	desc->len = (u32)len;
	desc->flags = flags;
}

/* Takes back the last @excess bytes, so that the piece ends with a sector. Returns how many
 * descriptors are left. */
static unsigned piece_trim(struct slot *s, unsigned count, u64 excess)
{
	while (excess) {
		struct vring_desc *desc = &s->desc[count];
		u64 cut = min_u64(excess, desc->len);

		while (!s->offset)
			s->offset = s->request->segments[--s->segment].size;
		s->offset -= cut;
		desc->len -= (u32)cut;
		excess -= cut;
		count -= !desc->len;
	}
	return count;
}

/* Data for descriptors 1 and on: how many bytes there are, and where the status goes. */
static u64 piece_data(const struct disk *d, struct slot *s, unsigned *status)
{
	const struct block_request *r = s->request;
	const struct io_segment *seg = r->segments + s->segment, *end = r->segments + r->segment_count;
	struct vring_desc *first = s->desc + 1, *desc = first, *last = first + d->segments_max;
	u16 flags = r->op == BLOCK_READ ? VRING_NEXT | VRING_WRITE : VRING_NEXT;
	u64 offset = s->offset, left = s->left, size_max = d->size_max;

	while (left && desc < last && seg < end) {
		u64 size = min_u64(min_u64(seg->size - offset, size_max), left);

		if (size)
			desc_set(desc++, seg->pa + offset, size, flags);
		left -= size;
		offset += size;
		if (offset == seg->size) {
			seg++;
			offset = 0;
		}
	}
	s->segment = (unsigned)(seg - r->segments);
	s->offset = offset;
	*status = 1 + piece_trim(s, (unsigned)(desc - first), (s->left - left) % BLOCK_SECTOR);
	return align_down(s->left - left, BLOCK_SECTOR);
}

static u64 piece_range(const struct disk *d, struct slot *s)
{
	const struct block_request *r = s->request;
	u64 count = min_u64(s->left / BLOCK_SECTOR, d->range_max[r->op == BLOCK_WRITE_ZEROES]);

	s->memory->range.sector = s->sector;
	s->memory->range.sectors = (u32)count;
	s->memory->range.flags = r->op == BLOCK_WRITE_ZEROES && r->unmap ? RANGE_UNMAP : 0;
	desc_set(&s->desc[1], s->pa + offsetof(struct slot_memory, range), sizeof(s->memory->range), VRING_NEXT);
	return count * BLOCK_SECTOR;
}

/* Header and status around what lies between, and the chain as the ring has it. */
static void chain_put(struct disk *d, u16 n, u32 type, u64 sector, unsigned status)
{
	struct slot *s = &d->slots[n];
	struct slot_memory *m = s->memory;
	u16 head = slot_head(d, n);

	m->header.type = type;
	m->header.sector = sector;
	m->status = STATUS_NONE;
	desc_set(&s->desc[0], s->pa + offsetof(struct slot_memory, header), sizeof(m->header), VRING_NEXT);
	desc_set(&s->desc[status], s->pa + offsetof(struct slot_memory, status), 1, VRING_WRITE);
	if (s->desc == m->table)
		desc_set(&d->ring.desc[head], s->pa + offsetof(struct slot_memory, table),
			 (status + 1) * sizeof(struct vring_desc), VRING_INDIRECT);
	vring_put(&d->ring, head);
}

/* The next piece of the slot's request. False: its segments do not make up sectors. */
static bool piece_put(struct disk *d, u16 n)
{
	static const u32 type[] = { [BLOCK_READ] = TYPE_IN, [BLOCK_WRITE] = TYPE_OUT,
		[BLOCK_FLUSH] = TYPE_FLUSH, [BLOCK_DISCARD] = TYPE_DISCARD,
		[BLOCK_WRITE_ZEROES] = TYPE_WRITE_ZEROES };
	struct slot *s = &d->slots[n];
	enum block_op op = s->request->op;
	unsigned status = op == BLOCK_FLUSH ? 1 : 2;
	u64 bytes = 0;

	if (op == BLOCK_READ || op == BLOCK_WRITE)
		bytes = piece_data(d, s, &status);
	else if (op != BLOCK_FLUSH)
		bytes = piece_range(d, s);
	if (!bytes && op != BLOCK_FLUSH)
		return false;
	chain_put(d, n, type[op], op == BLOCK_READ || op == BLOCK_WRITE ? s->sector : 0, status);
	s->sector += bytes / BLOCK_SECTOR;
	s->left -= bytes;
	return true;
}

/* ---- What users ask */

static int disk_begin(struct disk *d, struct disk_user *u, struct block_request *r)
{
	struct slot *s;
	u16 n;

	if (d->broken)
		return -EIO;
	if (!user_may_begin(d, u)) {
		u->starved = true;
		return -EAGAIN;
	}
	n = slot_take(d);
	s = &d->slots[n];
	s->request = r;
	s->user = u;
	s->segment = 0;
	s->offset = 0;
	s->sector = r->sector;
	s->left = r->op == BLOCK_FLUSH ? 0 : r->bytes;
	if (!piece_put(d, n)) {
		slot_give(d, n);
		return -EINVAL;
	}
	u->in_flight++;
	return BLOCK_PENDING;
}

static int disk_submit(struct block *b, struct block_request *r)
{
	struct disk_user *u = container_of(b, struct disk_user, block);
	struct disk *d = u->disk;
	bool notify;
	int result;

	if (!block_valid(b, r))
		return -EINVAL;
	if ((r->op == BLOCK_DISCARD && !b->discard) || (r->op == BLOCK_WRITE_ZEROES && !b->write_zeroes))
		return -EOPNOTSUPP;
	if (r->op == BLOCK_FLUSH ? !d->volatile_cache : !r->bytes)
		return 0;
	lock_take(&d->lock);
	result = disk_begin(d, u, r);
	notify = vring_publish(&d->ring);
	lock_drop(&d->lock);
	if (notify)
		virtio_host_notify(d->device, 0);
	return result;
}

/* Ready() may be under way on another hart. */
static void disk_close(struct block *b)
{
	struct disk_user *u = container_of(b, struct disk_user, block);
	struct disk *d = u->disk;

	lock_take(&d->lock);
	host_assert(!u->in_flight);
	u->starved = false;
	list_remove(&u->link);
	d->user_count--;
	lock_drop(&d->lock);
	while (__atomic_load_n(&u->called, __ATOMIC_ACQUIRE))
		host_yield();
	host_free(u, sizeof(*u), NULL);
}

static const struct block_ops disk_ops = { .submit = disk_submit, .destroy = disk_close };

/* ---- What the device answers */

/* The request's end is in backend[0], for when the lock is dropped. */
static void request_end(struct disk *d, u16 n, int status, struct block_request ***tail)
{
	struct block_request *r = d->slots[n].request;

	d->slots[n].user->in_flight--;
	slot_give(d, n);
	r->backend[0] = (u64)status;
	r->next = NULL;
	**tail = r;
	*tail = &r->next;
}

/* Whether the request gave it memory. */
static bool request_has_memory(const struct block_request *r)
{
	return r->op == BLOCK_READ || r->op == BLOCK_WRITE;
}

/* Nothing that it was given is safe before it is reset. If it does not stop, memory stays given: whose
 * it is never ends, rather than that another VM gets it. */
static void disk_break(struct disk *d, const char *why, struct block_request ***tail)
{
	bool stops;

	log_line("host: disk %u: %s: not used any more", d->index, why);
	d->broken = true;
	stops = virtio_host_reset(d->device);
	if (!stops)
		log_line("host: disk %u: and it does not stop: what it was given stays so", d->index);
	for (u16 n = 0; n < d->slot_count; n++)
		if (d->slots[n].request && (stops || !request_has_memory(d->slots[n].request)))
			request_end(d, n, -EIO, tail);
}

static int status_error(u8 status)
{
	return status == STATUS_OK ? 0 : status == STATUS_UNSUPP ? -EOPNOTSUPP : -EIO;
}

/* A chain came back: the next piece goes, or the request has ended. */
static void chain_back(struct disk *d, u16 n, struct block_request ***tail)
{
	int status = status_error(*(volatile u8 *)&d->slots[n].memory->status);

	if (!status && d->slots[n].left) {
		if (piece_put(d, n))
			return;
		status = -EINVAL;
	}
	request_end(d, n, status, tail);
}

/* Takes all that came back. */
static struct block_request *disk_collect(struct disk *d, bool *notify)
{
	struct block_request *first = NULL, **tail = &first;
	u32 written;
	int head = VRING_EMPTY;

	lock_take(&d->lock);
	while (!d->broken) {
		head = vring_take(&d->ring, &written);
		if (head >= 0 && head % d->stride == 0 && head / d->stride < d->slot_count)
			chain_back(d, (u16)(head / d->stride), &tail);
		else if (head != VRING_EMPTY)
			disk_break(d, "it gave back what it did not have", &tail);
		else if (!vring_interrupts(&d->ring, true))
			break;
	}
	*notify = !d->broken && vring_publish(&d->ring);
	lock_drop(&d->lock);
	return first;
}

/* One who waits and may go on, marked as being called. The next time it is another's turn. */
static struct disk_user *user_to_call(struct disk *d)
{
	struct disk_user *found = NULL;

	lock_take(&d->lock);
	list_for_each(it, &d->users) {
		struct disk_user *u = container_of(it, struct disk_user, link);

		if (!u->starved || (!d->broken && !user_may_begin(d, u)))
			continue;
		u->starved = false;
		__atomic_add_fetch(&u->called, 1, __ATOMIC_RELAXED);
		list_remove(&u->link);
		list_push_back(&d->users, &u->link);
		found = u;
		break;
	}
	lock_drop(&d->lock);
	return found;
}

static void users_call(struct disk *d)
{
	struct disk_user *u;

	while ((u = user_to_call(d))) {
		if (u->block.ready)
			u->block.ready(u->block.ready_arg);
		__atomic_sub_fetch(&u->called, 1, __ATOMIC_RELEASE);
	}
}

static void requests_done(struct block_request *r)
{
	while (r) {
		struct block_request *next = r->next;

		r->done(r, (int)r->backend[0]);
		r = next;
	}
}

static void disk_check(struct disk *d)
{
	struct block_request *first = NULL, **tail = &first;

	lock_take(&d->lock);
	if (!d->broken && virtio_host_broken(d->device))
		disk_break(d, "it needs a reset", &tail);
	lock_drop(&d->lock);
	requests_done(first);
}

static bool disk_serve(void *arg)
{
	struct disk *d = arg;
	bool notify;

	if (virtio_host_ack(d->device))
		disk_check(d);
	requests_done(disk_collect(d, &notify));
	if (notify)
		virtio_host_notify(d->device, 0);
	users_call(d);
	return true;
}

/* ---- Finding them */

static void read_limits(struct disk *d)
{
	const struct virtio_host *v = d->device;
	u64 size = virtio_host_has(v, F_BLK_SIZE) ? virtio_host_config(v, CONFIG_BLK_SIZE, 4) : 0;

	d->block_size = BLOCK_SECTOR;
	if (size > BLOCK_SECTOR && size <= BLOCK_SIZE_MAX && !(size & (size - 1)))
		d->block_size = (u32)size;
	d->size_max = virtio_host_has(v, F_SIZE_MAX) ? (u32)virtio_host_config(v, CONFIG_SIZE_MAX, 4) : 0;
	if (!d->size_max)
		d->size_max = (u32)align_down(~0u, BLOCK_SECTOR);
	if (virtio_host_has(v, F_DISCARD))
		d->range_max[0] = (u32)virtio_host_config(v, CONFIG_MAX_DISCARD, 4);
	if (virtio_host_has(v, F_WRITE_ZEROES))
		d->range_max[1] = (u32)virtio_host_config(v, CONFIG_MAX_ZEROES, 4);
	d->sectors = virtio_host_config(v, CONFIG_CAPACITY, 8);
	/* So that no sum of sectors or bytes wraps. */
	d->sectors = min_u64(d->sectors, ~0ul / BLOCK_SECTOR);
	d->read_only = virtio_host_has(v, F_RO);
	d->volatile_cache = virtio_host_has(v, F_FLUSH);
}

/* Slots, and how many descriptors each has for a chain. */
static bool make_slots(struct disk *d)
{
	const struct virtio_host *v = d->device;
	bool indirect = virtio_host_has(v, F_INDIRECT_DESC);
	u64 segments = virtio_host_has(v, F_SEG_MAX) ? virtio_host_config(v, CONFIG_SEG_MAX, 4) : 1;
	struct slot_memory *memory;

	d->stride = indirect ? 1 : (u16)min_u64(TABLE_SIZE, min_u64(d->ring.size, segments + 2));
	d->segments_max = (u16)min_u64(max_u64(segments, 1), (indirect ? TABLE_SIZE : d->stride) - 2);
	d->slot_count = (u16)min_u64(SLOTS_MAX, d->ring.size / d->stride);
	memory = host_alloc(d->slot_count * sizeof(*memory), NULL);
	if (!memory || !d->segments_max)
		return false;
	for (u16 n = 0; n < d->slot_count; n++) {
		struct vring_desc *table = indirect ? memory[n].table : &d->ring.desc[slot_head(d, n)];
		u16 first = indirect ? 0 : slot_head(d, n);

		for (u16 i = 0; i + 1 < (indirect ? TABLE_SIZE : d->stride); i++)
			table[i].next = (u16)(first + i + 1);
		d->slots[n].memory = &memory[n];
		d->slots[n].pa = host_pa(&memory[n]);
		d->slots[n].desc = table;
		slot_give(d, n);
	}
	return true;
}

/* 5.2.6: GET_ID; what a device does not know it refuses. False: it does not answer at all. */
static bool read_id(struct disk *d)
{
	struct slot_memory *m = d->slots[0].memory;
	u32 written;

	desc_set(&d->slots[0].desc[1], host_pa(m->id), BLOCK_ID_SIZE, VRING_NEXT | VRING_WRITE);
	chain_put(d, 0, TYPE_GET_ID, 0, 2);
	if (vring_publish(&d->ring))
		virtio_host_notify(d->device, 0);
	if (virtio_host_wait(d->device, &d->ring, &written) != 0)
		return false;
	if (m->status == STATUS_OK)
		memcpy(d->id, m->id, BLOCK_ID_SIZE);
	for (char *c = d->id; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return true;
}

static bool disk_start(struct disk *d)
{
	u16 max = SLOTS_MAX;

	if (!virtio_host_begin(d->device, FEATURES_WANTED))
		return false;
	if (!virtio_host_has(d->device, F_INDIRECT_DESC))
		max = VRING_SIZE_MAX;
	read_limits(d);
	if (virtio_host_queue(d->device, 0, max, &d->ring) && make_slots(d)) {
		virtio_host_go(d->device);
		if (read_id(d))
			return true;
	}
	log_line("host: the disk at %#lx does not work: not used", d->device->pa);
	virtio_host_reset(d->device);
	return false;
}

void disk_probe(struct virtio_host *v)
{
	struct disk *d = disk_count < DISKS_MAX ? host_alloc(sizeof(*d), NULL) : NULL;

	if (!d) {
		log_line("host: no room for the disk at %#lx: not used", v->pa);
		return;
	}
	d->device = v;
	d->index = disk_count;
	list_init(&d->users);
	if (!disk_start(d))
		return; /* what the device may still write to stays its own */
	disks[disk_count++] = d;
	vring_interrupts(&d->ring, true);
	device_serve_by(v, disk_serve, d);
}

void disk_report(void)
{
	for (unsigned i = 0; i < disk_count; i++) {
		const struct disk *d = disks[i];
		bool mib = d->sectors >= MIB / BLOCK_SECTOR;

		log_line("host: disk %u: virtio-blk, %lu %s%s%s%s", i,
			 d->sectors * BLOCK_SECTOR / (mib ? MIB : KIB), mib ? "MiB" : "KiB",
			 d->id[0] ? ", serial " : ", no serial", d->id, d->read_only ? ", read-only" : "");
	}
}

/* ---- For main/ */

unsigned bare_disk_count(void)
{
	return disk_count;
}

bool bare_disk_get(unsigned index, struct bare_disk *disk)
{
	const struct disk *d = index < disk_count ? disks[index] : NULL;

	if (!d)
		return false;
	*disk = (struct bare_disk){ .sectors = d->sectors, .read_only = d->read_only,
				    .users = __atomic_load_n(&d->user_count, __ATOMIC_RELAXED) };
	memcpy(disk->serial, d->id, sizeof(disk->serial));
	return true;
}

static struct disk *disk_find(const char *name)
{
	char index[12];

	for (unsigned i = 0; i < disk_count; i++)
		if (*name && strcmp(disks[i]->id, name) == 0)
			return disks[i];
	for (unsigned i = 0; i < disk_count; i++) {
		snprintf(index, sizeof(index), "%u", i);
		if (strcmp(index, name) == 0)
			return disks[i];
	}
	return NULL;
}

struct block *bare_disk_open(const char *name)
{
	struct disk *d = disk_find(name);
	struct disk_user *u = d ? host_alloc(sizeof(*u), NULL) : NULL;

	if (!u)
		return NULL;
	u->disk = d;
	u->block = (struct block){ .ops = &disk_ops, .sectors = d->sectors, .block_size = d->block_size,
		.read_only = d->read_only, .volatile_cache = d->volatile_cache,
		.discard = d->range_max[0] && !d->read_only,
		.write_zeroes = d->range_max[1] && !d->read_only,
		.transfer_max = TRANSFER_MAX, .clear_max = CLEAR_MAX };
	memcpy(u->block.id, d->id, sizeof(d->id));
	lock_take(&d->lock);
	list_push_back(&d->users, &u->link);
	d->user_count++;
	lock_drop(&d->lock);
	return &u->block;
}
