/*
 * A driver for tests: a guest's memory, the registers of a virtio device, and virtqueues of
 * either format from the driver's side (virtio 1.3, 2.7.13 and 2.8.21). A test of a device
 * reads like this:
 *
 *	guest_use(script_vm_open(1, 4 * MIB));
 *	d = ...create(test_vm, ...);
 *	assert_true(driver_start(d, features));
 *	driver_queue(&ring, d, 0, 16);
 *	driver_ok(d);
 *	id = ring_add(&ring, buffers, 3, false);
 *	ring_kick(&ring);
 *	assert_true(ring_poll(&ring, &used) && used.id == id);
 */
#ifndef DEV_VIRTQ_TEST_H
#define DEV_VIRTQ_TEST_H

#include "dev/dev_test.h"
#include "dev/virtio.h"
#include "vm/vm.h"

/* ---- The guest: a scripted VM without tasks, whose space is entered */

static struct vm *test_vm unused;
static u64 test_vm_next unused; /* RAM from here on is not handed out yet */

/* @vm: of script_vm_open(), for script_vm_close() in the end. */
static inline void guest_use(struct vm *vm)
{
	assert_non_null(vm);
	test_vm = vm;
	test_vm_next = vm->mem.extents[0].gpa;
}

/* Some RAM of the guest: its address there. @align is a power of two. */
static inline u64 guest_take(u64 size, u64 align)
{
	u64 gpa = align_up(test_vm_next, align);

	test_vm_next = gpa + size;
	assert_true(guest_mem_contains(&test_vm->mem, gpa, size));
	return gpa;
}

/* What a guest's processor does with its memory. */
static inline void guest_put(u64 gpa, const void *from, u64 size)
{
	assert_true(guest_write(&test_vm->mem, gpa, from, size));
}

static inline void guest_get(u64 gpa, void *to, u64 size)
{
	assert_true(guest_read(&test_vm->mem, gpa, to, size));
}

static inline void guest_fill(u64 gpa, u8 byte, u64 size)
{
	for (u64 i = 0; i < size; i++)
		guest_put(gpa + i, &byte, 1);
}

static inline void guest_put16(u64 gpa, u16 v) { guest_put(gpa, &v, sizeof(v)); }
static inline void guest_put32(u64 gpa, u32 v) { guest_put(gpa, &v, sizeof(v)); }
static inline u8 guest_get8(u64 gpa) { u8 v; guest_get(gpa, &v, sizeof(v)); return v; }
static inline u16 guest_get16(u64 gpa) { u16 v; guest_get(gpa, &v, sizeof(v)); return v; }
static inline u32 guest_get32(u64 gpa) { u32 v; guest_get(gpa, &v, sizeof(v)); return v; }

/* ---- The registers, 4.2.2 */

enum driver_reg {
	REG_MAGIC = 0, REG_VERSION = 4, REG_DEVICE_ID = 8, REG_VENDOR_ID = 0xc,
	REG_DEVICE_FEATURES = 0x10, REG_DEVICE_FEATURES_SEL = 0x14,
	REG_DRIVER_FEATURES = 0x20, REG_DRIVER_FEATURES_SEL = 0x24,
	REG_QUEUE_SEL = 0x30, REG_QUEUE_SIZE_MAX = 0x34, REG_QUEUE_SIZE = 0x38,
	REG_QUEUE_READY = 0x44, REG_QUEUE_NOTIFY = 0x50,
	REG_INTERRUPT_STATUS = 0x60, REG_INTERRUPT_ACK = 0x64, REG_STATUS = 0x70,
	REG_QUEUE_DESC = 0x80, REG_QUEUE_DRIVER = 0x90, REG_QUEUE_DEVICE = 0xa0,
	REG_SHM_SEL = 0xac, REG_SHM_LEN = 0xb0, REG_SHM_BASE = 0xb8,
	REG_QUEUE_RESET = 0xc0, REG_CONFIG_GENERATION = 0xfc, REG_CONFIG = 0x100,
};

#define TEST_FEATURE(bit) (1ul << (bit))

static inline u32 reg_in(struct virtio_device *d, u64 off)
{
	return (u32)test_read(&d->dev, off, 4);
}

static inline void reg_out(struct virtio_device *d, u64 off, u32 value)
{
	test_write(&d->dev, off, 4, value);
}

/* A pair of registers, the low half first. */
static inline void reg_out64(struct virtio_device *d, u64 off, u64 value)
{
	reg_out(d, off, (u32)value);
	reg_out(d, off + 4, (u32)(value >> 32));
}

/* Of the device-specific configuration. */
static inline u64 config_in(struct virtio_device *d, u64 off, unsigned size)
{
	return test_read(&d->dev, REG_CONFIG + off, size);
}

static inline u64 driver_offered(struct virtio_device *d)
{
	u64 features;

	reg_out(d, REG_DEVICE_FEATURES_SEL, 1);
	features = (u64)reg_in(d, REG_DEVICE_FEATURES) << 32;
	reg_out(d, REG_DEVICE_FEATURES_SEL, 0);
	return features | reg_in(d, REG_DEVICE_FEATURES);
}

/* 3.1.1 up to FEATURES_OK, VERSION_1 taken as well; false: the device refused. */
static inline bool driver_start(struct virtio_device *d, u64 features)
{
	features |= TEST_FEATURE(VIRTIO_F_VERSION_1);
	reg_out(d, REG_STATUS, 0);
	assert_int_equal(reg_in(d, REG_STATUS), 0);
	reg_out(d, REG_STATUS, VIRTIO_ACKNOWLEDGE);
	reg_out(d, REG_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	reg_out(d, REG_DRIVER_FEATURES_SEL, 1);
	reg_out(d, REG_DRIVER_FEATURES, (u32)(features >> 32));
	reg_out(d, REG_DRIVER_FEATURES_SEL, 0);
	reg_out(d, REG_DRIVER_FEATURES, (u32)features);
	reg_out(d, REG_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	return reg_in(d, REG_STATUS) & VIRTIO_FEATURES_OK;
}

static inline void driver_ok(struct virtio_device *d)
{
	reg_out(d, REG_STATUS, reg_in(d, REG_STATUS) | VIRTIO_DRIVER_OK);
	assert_true(reg_in(d, REG_STATUS) & VIRTIO_DRIVER_OK);
}

/* The causes of the interrupt that is raised, acknowledged; 0: none is. */
static inline u32 driver_interrupt(struct virtio_device *d)
{
	u32 causes = reg_in(d, REG_INTERRUPT_STATUS);

	if (causes)
		reg_out(d, REG_INTERRUPT_ACK, causes);
	return causes;
}

/* ---- Virtqueues */

enum { RING_NEXT = 1, RING_WRITE = 2, RING_INDIRECT = 4, RING_AVAIL = 1 << 7, RING_USED = 1 << 15 };

struct ring_desc { /* of a split ring; a packed one has the id before the flags */
	u64 addr;
	u32 len;
	u16 flags;
	u16 next;
};

struct test_buffer {
	u64 gpa;
	u32 size;
	bool writable; /* by the device */
};

struct test_used {
	u16 id;
	u32 written;
};

struct test_ring {
	struct virtio_device *d;
	unsigned index;
	u16 size;
	bool packed, event_idx;
	u64 desc, driver, device; /* guest-physical */
	u16 free[VIRTQ_SIZE_MAX]; /* descriptors (packed: ids) that are free, a stack */
	unsigned free_count;
	u16 taken[VIRTQ_SIZE_MAX][VIRTQ_SIZE_MAX]; /* split: the descriptors of the chain with that id */
	u16 count[VIRTQ_SIZE_MAX]; /* of the chain with that id: descriptors in the ring */
	unsigned slots; /* packed: free ones */
	u16 next_avail, next_used; /* packed: slots */
	bool wrap_avail, wrap_used;
	unsigned added; /* descriptors (split: chains) since the device was last told */
	u16 head; /* packed: slot of the first chain that is not visible yet */
	u16 head_flags;
};

/* Gives the device a queue of @size entries, in new memory. */
static inline void driver_queue(struct test_ring *r, struct virtio_device *d, unsigned index,
				u16 size)
{
	*r = (struct test_ring){ .d = d, .index = index, .size = size, .slots = size,
				 .wrap_avail = true, .wrap_used = true };
	r->packed = virtio_has(d, VIRTIO_F_RING_PACKED);
	r->event_idx = virtio_has(d, VIRTIO_F_EVENT_IDX);
	while (r->free_count < size) {
		r->free[r->free_count] = (u16)(size - 1 - r->free_count);
		r->free_count++;
	}
	r->desc = guest_take(16ul * size, 16);
	r->driver = guest_take(6 + 2ul * size, 4);
	r->device = guest_take(6 + 8ul * size, 4);
	guest_fill(r->desc, 0, test_vm_next - r->desc);
	reg_out(d, REG_QUEUE_SEL, index);
	reg_out(d, REG_QUEUE_SIZE, size);
	reg_out64(d, REG_QUEUE_DESC, r->desc);
	reg_out64(d, REG_QUEUE_DRIVER, r->driver);
	reg_out64(d, REG_QUEUE_DEVICE, r->device);
	reg_out(d, REG_QUEUE_READY, 1);
	assert_int_equal(reg_in(d, REG_QUEUE_READY), 1);
}

/* Descriptor @i of the ring, or of a table. */
static inline void ring_put_desc(u64 table, unsigned i, struct ring_desc d)
{
	guest_put(table + 16ul * i, &d, sizeof(d));
}

static inline u16 ring_take_free(struct test_ring *r)
{
	assert_true(r->free_count > 0);
	return r->free[--r->free_count];
}

/* A table of descriptors in new memory. */
static inline u64 ring_table(const struct test_ring *r, const struct test_buffer *b, unsigned n)
{
	u64 table = guest_take(16ul * n, 16);

	for (unsigned i = 0; i < n; i++) {
		u16 flags = b[i].writable ? RING_WRITE : 0;

		if (r->packed) /* id 0, and the flags where `next` is */
			ring_put_desc(table, i, (struct ring_desc){ b[i].gpa, b[i].size, 0, flags });
		else
			ring_put_desc(table, i, (struct ring_desc){ b[i].gpa, b[i].size,
				(u16)(flags | (i + 1 < n ? RING_NEXT : 0)), (u16)(i + 1) });
	}
	return table;
}

static inline void ring_add_packed(struct test_ring *r, u16 id, const struct test_buffer *b,
				   u16 flags, bool first)
{
	u16 all = (u16)(flags | (b->writable ? RING_WRITE : 0) | (r->wrap_avail ? RING_AVAIL : RING_USED));
	bool head = first && !r->added;

	if (head) {
		r->head = r->next_avail;
		r->head_flags = all;
		all = guest_get16(r->desc + 16ul * r->next_avail + 14);
	}
	ring_put_desc(r->desc, r->next_avail, (struct ring_desc){ b->gpa, b->size, id, all });
	r->next_avail++;
	if (r->next_avail == r->size) {
		r->next_avail = 0;
		r->wrap_avail = !r->wrap_avail;
	}
	assert_true(r->slots-- > 0);
}

static inline void ring_add_split(struct test_ring *r, u16 head, const struct test_buffer *b,
				  unsigned n, u16 flags)
{
	u16 at = head;

	for (unsigned i = 0; i < n; i++) {
		u16 next = i + 1 < n ? ring_take_free(r) : 0;

		r->taken[head][i] = at;
		ring_put_desc(r->desc, at, (struct ring_desc){ b[i].gpa, b[i].size,
			(u16)(flags | (b[i].writable ? RING_WRITE : 0) | (i + 1 < n ? RING_NEXT : 0)),
			next });
		at = next;
	}
	guest_put16(r->driver + 4 + 2ul * (r->next_avail & (r->size - 1u)), head);
	r->next_avail++;
}

/* Adds a chain of @n buffers, readable ones first; visible after ring_show(). Returns its id. */
static inline u16 ring_add(struct test_ring *r, const struct test_buffer *b, unsigned n, bool indirect)
{
	u16 id = ring_take_free(r);
	struct test_buffer table = { .size = 16 * n };
	u16 flags = 0;

	if (indirect) {
		table.gpa = ring_table(r, b, n);
		b = &table;
		n = 1;
		flags = RING_INDIRECT;
	}
	r->count[id] = (u16)n;
	if (!r->packed) {
		ring_add_split(r, id, b, n, flags);
		r->added++;
		return id;
	}
	for (unsigned i = 0; i < n; i++) {
		ring_add_packed(r, id, &b[i], (u16)(flags | (i + 1 < n ? RING_NEXT : 0)), i == 0);
		r->added++;
	}
	return id;
}

/* Whether the driver is to notify of what has just become visible. */
static inline bool ring_wants_packed(const struct test_ring *r, unsigned added)
{
	u16 where = guest_get16(r->device), flags = guest_get16(r->device + 2);
	u16 event = where & 0x7fff;

	if (flags != 2)
		return flags == 0;
	if (where >> 15 != r->wrap_avail)
		event = (u16)(event - r->size);
	return (u16)(r->next_avail - event - 1) < added;
}

static inline bool ring_wants(const struct test_ring *r, unsigned added)
{
	u16 event;

	if (r->packed)
		return ring_wants_packed(r, added);
	if (!r->event_idx)
		return guest_get16(r->device) == 0;
	event = guest_get16(r->device + 4 + 8ul * r->size);
	return (u16)(r->next_avail - event - 1) < added;
}

/* Makes what was added visible. True if the device is to be notified. */
static inline bool ring_show(struct test_ring *r)
{
	unsigned added = r->added;

	if (!added)
		return false;
	r->added = 0;
	if (r->packed)
		guest_put16(r->desc + 16ul * r->head + 14, r->head_flags);
	else
		guest_put16(r->driver + 2, r->next_avail);
	return ring_wants(r, added);
}

static inline void ring_notify(struct test_ring *r)
{
	reg_out(r->d, REG_QUEUE_NOTIFY, r->index);
}

/* ring_show(), and a notification if it is wanted. */
static inline void ring_kick(struct test_ring *r)
{
	if (ring_show(r))
		ring_notify(r);
}

static inline bool ring_poll_packed(struct test_ring *r, struct test_used *used)
{
	u64 at = r->desc + 16ul * r->next_used;
	u16 flags = guest_get16(at + 14);
	unsigned n;

	if (!!(flags & RING_AVAIL) != r->wrap_used || !!(flags & RING_USED) != r->wrap_used)
		return false;
	used->written = guest_get32(at + 8);
	used->id = guest_get16(at + 12);
	assert_true(used->id < r->size && r->count[used->id]);
	assert_int_equal(!!(flags & RING_WRITE), used->written != 0);
	n = r->count[used->id];
	r->slots += n;
	r->next_used = (u16)(r->next_used + n);
	if (r->next_used >= r->size) {
		r->next_used = (u16)(r->next_used - r->size);
		r->wrap_used = !r->wrap_used;
	}
	r->free[r->free_count++] = used->id;
	r->count[used->id] = 0;
	return true;
}

/* The next chain that came back; false: none has. */
static inline bool ring_poll(struct test_ring *r, struct test_used *used)
{
	u64 at = r->device + 4 + 8ul * (r->next_used & (r->size - 1u));

	if (r->packed)
		return ring_poll_packed(r, used);
	if (guest_get16(r->device + 2) == r->next_used)
		return false;
	used->id = (u16)guest_get32(at);
	used->written = guest_get32(at + 4);
	assert_true(used->id < r->size && r->count[used->id]);
	while (r->count[used->id])
		r->free[r->free_count++] = r->taken[used->id][--r->count[used->id]];
	r->next_used++;
	return true;
}

/* Whether the driver wants interrupts; with an event index: when the chain comes back that is
 * @after chains (packed: slots) after the next one. */
static inline void ring_listen(struct test_ring *r, bool on, u16 after)
{
	unsigned slot = r->next_used + (on ? after : 0u);
	bool wrap = r->wrap_used;

	if (!r->packed) {
		guest_put16(r->driver, !on);
		if (r->event_idx)
			guest_put16(r->driver + 4 + 2ul * r->size, (u16)(slot - !on));
		return;
	}
	if (slot >= r->size) {
		slot -= r->size;
		wrap = !wrap;
	}
	guest_put16(r->driver, (u16)(slot | (wrap ? 1u << 15 : 0)));
	guest_put16(r->driver + 2, on ? (r->event_idx ? 2 : 0) : 1);
}

#endif
