#include "dev/virtq.h"

#include <errno.h>
#include <string.h>

#include "dev/virtq_ring.h"

enum virtq_taken virtq_broken(struct virtq *q, const char *why)
{
	virtio_broken(q->device, why);
	return VIRTQ_BROKEN;
}

/* ---- Guest memory */

u8 *ring_at_slow(const struct virtq *q, u64 gpa)
{
	u64 size = 1;
	u8 *p = guest_ptr(&virtq_vm(q)->mem, gpa, &size);

	host_assert(p);
	return p;
}

static inline bool extent_has(const struct guest_extent *e, u64 gpa)
{
	return gpa - e->gpa < e->host.size;
}

/* The extent of guest memory that has @gpa, most often the same as last time; or NULL. */
static const struct guest_extent *extent_at(struct virtq *q, u64 gpa)
{
	const struct guest_mem *mem = &virtq_vm(q)->mem;

	if (extent_has(q->extent, gpa))
		return q->extent;
	for (unsigned i = 0; i < mem->count; i++)
		if (extent_has(&mem->extents[i], gpa)) {
			q->extent = &mem->extents[i];
			return q->extent;
		}
	return NULL;
}

/* ---- Chains */

const char *gather_add(struct virtq *q, struct gather *g, const struct virtq_desc *d, bool writable)
{
	u64 gpa = d->addr, left = d->len;

	if (!writable && g->writable)
		return "a readable buffer after a writable one";
	while (left) {
		const struct guest_extent *e = extent_at(q, gpa);
		struct virtq_desc piece = { .addr = gpa };

		if (!e)
			return "a buffer is not in RAM";
		piece.len = min_u64(left, e->host.size - (gpa - e->gpa));
		if (!gather_add_quickly(g, e, &piece, writable))
			return "a chain has too many buffers";
		gpa += piece.len;
		left -= piece.len;
	}
	return NULL;
}

const char *table_open(struct virtq *q, struct virtq_table *t, const struct virtq_desc *from, u64 flags)
{
	t->gpa = from->addr;
	t->count = from->len / DESC_SIZE;
	t->va = NULL;
	if (!q->indirect || flags & DESC_NEXT)
		return "an indirect descriptor that must not be";
	if (!t->count || from->len % DESC_SIZE || t->count > TABLE_MAX)
		return "an indirect table of a wrong size";
	if (extent_at(q, t->gpa))
		t->va = table_quickly(q, q->extent, from, flags);
	return NULL;
}

bool table_load(struct virtq *q, const struct virtq_table *t, u64 i, struct virtq_desc *d)
{
	u64 words[2];

	if (t->va) {
		desc_load(d, t->va + i * DESC_SIZE);
		return true;
	}
	if (!guest_read(&virtq_vm(q)->mem, t->gpa + i * DESC_SIZE, words, sizeof(words)))
		return false;
	desc_load(d, (const u8 *)words);
	return true;
}

/* ---- Start and end */

/* False unless the area is RAM. */
static bool area_map(struct virtq *q, u64 gpa, u64 size, u64 align, u8 **va)
{
	const struct guest_mem *mem = &virtq_vm(q)->mem;
	u64 piece = size;

	if (!is_aligned(gpa, align) || !guest_mem_contains(mem, gpa, size))
		return false;
	*va = guest_ptr(mem, gpa, &piece);
	q->whole = q->whole && piece == size;
	return true;
}

static bool virtq_map_areas(struct virtq *q)
{
	u64 driver = q->packed ? PACKED_AREA_SIZE : split_driver_size(q);
	u64 device = q->packed ? PACKED_AREA_SIZE : split_device_size(q);
	u64 driver_align = q->packed ? PACKED_AREA_SIZE : SPLIT_DRIVER_ALIGN;

	q->whole = true;
	return area_map(q, q->desc, q->size * DESC_SIZE, DESC_ALIGN, &q->desc_va) &&
	       area_map(q, q->driver, driver, driver_align, &q->driver_va) &&
	       area_map(q, q->device_area, device, SPLIT_DEVICE_ALIGN, &q->device_va);
}

bool virtq_start(struct virtq *q)
{
	const struct virtio_device *d = q->device;

	q->packed = virtio_has(d, VIRTIO_F_RING_PACKED);
	q->event_idx = virtio_has(d, VIRTIO_F_EVENT_IDX);
	q->indirect = virtio_has(d, VIRTIO_F_INDIRECT_DESC);
	if (!q->size || q->size > VIRTQ_SIZE_MAX)
		return false;
	/* 2.7 "Split Virtqueues" */
	if (!q->packed && q->size & (q->size - 1))
		return false;
	if (!virtq_map_areas(q))
		return false;
	packed_start(q);
	q->extent = &d->vm->mem.extents[0];
	q->plain = q->whole && !d->vm->engine->wrote;
	q->ready = true;
	q->live = virtio_running(d);
	return true;
}

void virtq_reset(struct virtq *q)
{
	q->ready = q->live = q->quiet = false;
	q->next_avail = q->next_used = q->given = 0;
	q->epoch++;
}

/* ---- Both formats */

enum virtq_taken virtq_take(struct virtq *q, struct virtq_chain *chain)
{
	if (!q->live)
		return VIRTQ_EMPTY;
	host_assert(host_space_current() == virtq_vm(q)->space);
	return q->packed ? packed_take(q, chain) : split_take(q, chain);
}

/* A chain that was taken before a reset: nobody waits for it but the end of that reset. */
static apart void chain_is_stale(struct virtq *q)
{
	virtio_chain_back(q->device);
}

void virtq_untake(struct virtq *q, const struct virtq_chain *chain)
{
	host_assert(q->in_flight);
	q->in_flight--;
	if (chain->epoch != q->epoch)
		chain_is_stale(q);
	else if (q->packed)
		packed_untake(q, chain);
	else
		split_untake(q);
}

void virtq_give(struct virtq *q, const struct virtq_chain *chain, u32 written)
{
	host_assert(q->in_flight);
	q->in_flight--;
	if (chain->epoch != q->epoch)
		chain_is_stale(q);
	else if (q->packed)
		packed_give(q, chain, written);
	else
		split_give(q, chain, written);
}

void virtq_publish(struct virtq *q)
{
	if (!q->given)
		return;
	if (q->packed)
		packed_publish(q);
	else
		split_publish(q);
}

bool virtq_notifications(struct virtq *q, bool on)
{
	if (!q->live)
		return false;
	return q->packed ? packed_notifications(q, on) : split_notifications(q, on);
}

/* ---- The bytes of a chain */

/* Walks over the pieces of some bytes of a chain. */
struct chain_range {
	const struct virtq_segment *segment, *end;
	u64 offset; /* into the segment */
	u64 left;
};

static void range_open(struct chain_range *r, const struct virtq_chain *chain, bool writable,
		       u64 offset, u64 size)
{
	u64 total = writable ? chain->writable_size : chain->readable_size;

	r->segment = chain->segments + (writable ? chain->readable : 0);
	r->end = r->segment + (writable ? chain->writable : chain->readable);
	r->left = offset < total ? min_u64(size, total - offset) : 0;
	if (!r->left)
		return;
	for (; offset >= r->segment->host.size; r->segment++)
		offset -= r->segment->host.size;
	r->offset = offset;
}

/* The next piece; false at the end. */
static bool range_next(struct chain_range *r, struct virtq_segment *piece)
{
	if (!r->left || r->segment == r->end)
		return false;
	piece->host.va = r->segment->host.va + r->offset;
	piece->host.pa = r->segment->host.pa + r->offset;
	piece->host.size = min_u64(r->left, r->segment->host.size - r->offset);
	piece->gpa = r->segment->gpa + r->offset;
	r->left -= piece->host.size;
	r->offset = 0;
	r->segment++;
	return true;
}

u64 virtq_read(const struct virtq_chain *chain, u64 offset, void *to, u64 size)
{
	struct chain_range r;
	struct virtq_segment piece;
	u64 done = 0;

	range_open(&r, chain, false, offset, size);
	while (range_next(&r, &piece)) {
		memcpy((u8 *)to + done, piece.host.va, piece.host.size);
		done += piece.host.size;
	}
	return done;
}

u64 virtq_write(struct virtq *q, const struct virtq_chain *chain, u64 offset, const void *from, u64 size)
{
	struct chain_range r;
	struct virtq_segment piece;
	u64 done = 0;

	range_open(&r, chain, true, offset, size);
	if (chain->epoch != q->epoch)
		return r.left;
	while (range_next(&r, &piece)) {
		memcpy(piece.host.va, (const u8 *)from + done, piece.host.size);
		vm_wrote(virtq_vm(q), piece.gpa, piece.host.size);
		done += piece.host.size;
	}
	return done;
}

int virtq_map(const struct virtq_chain *chain, bool writable, u64 offset, u64 size,
	      struct io_segment *segments, unsigned max)
{
	struct chain_range r;
	struct virtq_segment piece;
	unsigned count = 0;

	range_open(&r, chain, writable, offset, size);
	if (r.left != size)
		return -EINVAL;
	for (; range_next(&r, &piece); count++) {
		if (count == max)
			return -EINVAL;
		segments[count] = piece.host;
	}
	return (int)count;
}

void virtq_wrote(struct virtq *q, const struct virtq_chain *chain, u64 offset, u64 size)
{
	struct vm *vm = virtq_vm(q);
	struct chain_range r;
	struct virtq_segment piece;

	if (!vm->engine->wrote)
		return;
	range_open(&r, chain, true, offset, size);
	while (range_next(&r, &piece))
		vm->engine->wrote(vm, piece.gpa, piece.host.size);
}
