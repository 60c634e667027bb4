/* The driver of disks against a small device of the kinds that there are: with and without indirect
 * descriptors, with narrow limits, slow, and broken. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/bare/devices.h"
#include "host/bare/drivers.h"
#include "host/bare/vring_model.h"
#include "host/fake/fake.h"

/* The ring is not of the portable library. */
#include "host/bare/vring.c"

#define DISK_SECTORS 4096ul
#define REQUESTS 300
#define HELD_MAX 256

enum { F_SIZE_MAX = 1, F_SEG_MAX = 2, F_BLK_SIZE = 6, F_FLUSH = 9, F_DISCARD = 13, F_ZEROES = 14,
       F_INDIRECT = 28, F_EVENT_IDX = 29 };
#define F_ALL (BIT(F_SEG_MAX) | BIT(F_FLUSH) | BIT(F_DISCARD) | BIT(F_ZEROES) | BIT(F_INDIRECT) | \
	       BIT(F_EVENT_IDX))

static u8 media[DISK_SECTORS * BLOCK_SECTOR];
static struct {
	u64 offered;
	u16 queue_max;
	u32 size_max, seg_max, clear_max;
	struct model model;
	void *memory;
	bool (*serve)(void *arg);
	void *serve_arg;
	bool mute, needs_reset, config_changed;
	bool hold; /* chains are kept, and end in another order */
	u16 held[HELD_MAX];
	unsigned held_count;
	unsigned chains, flushes, resets, descs_max;
	u8 fail; /* the status of all that follows */
} dev;
static struct virtio_host host;
static unsigned devices_found; /* each test has a disk of its own */
static char name[12];

/* ---- The device */

static struct vring_desc *chain_table(u16 head, unsigned *count)
{
	struct vring_desc *desc = &dev.model.ring->desc[head];
	unsigned n = 1;

	if (desc->flags & VRING_INDIRECT) {
		*count = desc->len / 16;
		return (struct vring_desc *)(uintptr_t)desc->addr;
	}
	for (; desc[n - 1].flags & VRING_NEXT; n++)
		assert_int_equal(desc[n - 1].next, head + n);
	*count = n;
	return desc;
}

static u8 data_move(const struct vring_desc *table, unsigned count, bool read, u64 sector)
{
	u64 at = sector * BLOCK_SECTOR;

	for (unsigned i = 0; i < count; i++) {
		void *p = (void *)(uintptr_t)table[i].addr;

		assert_int_equal(!!(table[i].flags & VRING_WRITE), read);
		assert_true(table[i].len && table[i].len <= dev.size_max);
		assert_true(at + table[i].len <= sizeof(media));
		if (read)
			memcpy(p, media + at, table[i].len);
		else
			memcpy(media + at, p, table[i].len);
		at += table[i].len;
	}
	assert_true(at % BLOCK_SECTOR == 0 && count && count <= dev.seg_max);
	return 0;
}

static u8 range_clear(const struct vring_desc *desc)
{
	const u32 *range = (const u32 *)(uintptr_t)desc->addr;

	assert_int_equal(desc->len, 16);
	assert_true(range[2] && range[2] <= dev.clear_max && range[0] + range[2] <= DISK_SECTORS);
	memset(media + range[0] * BLOCK_SECTOR, 0, range[2] * BLOCK_SECTOR);
	return 0;
}

static u8 chain_execute(const struct vring_desc *table, unsigned count)
{
	const u32 *header = (const u32 *)(uintptr_t)table[0].addr;

	assert_int_equal(table[0].len, 16);
	dev.descs_max = count > dev.descs_max ? count : dev.descs_max;
	switch (header[0]) {
	case 0: return data_move(table + 1, count - 2, true, header[2]);
	case 1: return data_move(table + 1, count - 2, false, header[2]);
	case 4: dev.flushes++; return count == 2 ? 0 : 1;
	case 8: memcpy((void *)(uintptr_t)table[1].addr, "se\trial", 7); return 0;
	case 11:
	case 13: return range_clear(&table[1]);
	}
	return 2;
}

static void chain_end(u16 head)
{
	unsigned count;
	struct vring_desc *table = chain_table(head, &count);
	u8 status = dev.fail ? dev.fail : chain_execute(table, count);

	assert_int_equal(table[count - 1].flags, VRING_WRITE);
	assert_int_equal(table[count - 1].len, 1);
	*(u8 *)(uintptr_t)table[count - 1].addr = status;
	model_give(&dev.model, head, 1);
	dev.chains++;
}

static void device_work(void)
{
	int head;

	while (!dev.mute && (head = model_next(&dev.model)) >= 0) {
		if (dev.hold)
			dev.held[dev.held_count++] = (u16)head;
		else
			chain_end((u16)head);
	}
	if (!dev.mute)
		model_want_notify(&dev.model, true);
}

/* The last ones first. */
static void device_release(unsigned count)
{
	u16 before = dev.model.used;

	while (count-- && dev.held_count)
		chain_end(dev.held[--dev.held_count]);
	if (model_interrupts(&dev.model, before))
		dev.serve(dev.serve_arg);
}

/* ---- In the transport's place */

bool virtio_host_begin(struct virtio_host *v, u64 wanted)
{
	v->features = dev.offered & (wanted | BIT(F_EVENT_IDX));
	return true;
}

bool virtio_host_queue(struct virtio_host *v, u16 queue, u16 max, struct vring *r)
{
	u16 size = max < dev.queue_max ? max : dev.queue_max;

	assert_int_equal(queue, 0);
	dev.memory = calloc(1, vring_bytes(size));
	vring_init(r, size, virtio_host_has(v, F_EVENT_IDX), dev.memory);
	dev.model = (struct model){ .ring = r };
	model_want_notify(&dev.model, true);
	return true;
}

void virtio_host_go(struct virtio_host *v unused) {}
bool virtio_host_broken(const struct virtio_host *v unused) { return dev.needs_reset; }
bool virtio_host_ack(const struct virtio_host *v unused) { return dev.config_changed; }

bool virtio_host_reset(struct virtio_host *v unused)
{
	dev.resets++;
	dev.held_count = 0;
	return true;
}

void virtio_host_notify(const struct virtio_host *v unused, u16 queue)
{
	u16 before = dev.model.used;

	assert_int_equal(queue, 0);
	device_work();
	if (dev.serve && model_interrupts(&dev.model, before))
		dev.serve(dev.serve_arg);
}

u64 virtio_host_config(const struct virtio_host *v unused, u32 offset, unsigned size unused)
{
	switch (offset) {
	case 0: return DISK_SECTORS;
	case 8: return dev.size_max;
	case 12: return dev.seg_max;
	case 20: return 4096;
	case 36:
	case 48: return dev.clear_max;
	}
	return 0;
}

int virtio_host_wait(struct virtio_host *v unused, struct vring *r, u32 *written)
{
	return vring_take(r, written);
}

void device_serve_by(const struct virtio_host *v unused, bool (*fn)(void *arg), void *arg)
{
	dev.serve = fn;
	dev.serve_arg = arg;
}

/* ---- Users */

struct user {
	struct block *block;
	unsigned readies;
};
static struct block_request requests[REQUESTS];
static struct io_segment segments[REQUESTS][100];
static unsigned ended;
static int last_status;

static void done(struct block_request *r unused, int status)
{
	ended++;
	last_status = status;
}

static void ready(void *arg)
{
	((struct user *)arg)->readies++;
}

static int set_up(void **state)
{
	(void)state;
	memset(&dev, 0, sizeof(dev));
	dev.offered = F_ALL;
	dev.queue_max = 256;
	dev.size_max = ~0u;
	dev.seg_max = 126;
	dev.clear_max = 1000;
	ended = 0;
	last_status = 1;
	for (u64 i = 0; i < sizeof(media); i++)
		media[i] = (u8)(i * 7 + i / 512);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(dev.memory);
	return 0;
}

static void probe(void)
{
	disk_probe(&host);
	assert_int_equal(bare_disk_count(), devices_found + 1);
	snprintf(name, sizeof(name), "%u", devices_found++);
}

static struct user user_open(void)
{
	struct user u = { .block = bare_disk_open(name) };

	assert_non_null(u.block);
	return u;
}

/* One that goes through; its status. @sizes: of the segments, up to 0. */
static int transfer(struct block *b, enum block_op op, u64 sector, u8 *data, const u64 *sizes)
{
	struct block_request *r = &requests[0];
	unsigned n = 0;
	u64 at = 0;
	int status;

	for (; sizes[n]; n++) {
		segments[0][n] = (struct io_segment){ data + at, host_pa(data + at), sizes[n] };
		at += sizes[n];
	}
	*r = (struct block_request){ .op = op, .sector = sector, .bytes = at,
				     .segments = segments[0], .segment_count = n, .done = done };
	ended = 0;
	status = b->ops->submit(b, r);
	if (status != BLOCK_PENDING)
		return status;
	assert_int_equal(ended, 1);
	return last_status;
}

static int clear(struct block *b, enum block_op op, u64 sector, u64 sectors)
{
	struct block_request *r = &requests[0];
	int status;

	*r = (struct block_request){ .op = op, .sector = sector, .bytes = sectors * BLOCK_SECTOR,
				     .done = done };
	status = b->ops->submit(b, r);
	return status == BLOCK_PENDING ? last_status : status;
}

/* ---- Tests */

static const u64 odd_sizes[] = { 1, 4095, 700, 4, 3000, 392, 8192, 0 };
#define ODD_TOTAL 16384u

/* Read and write by odd segments, and compare. */
static void check_data(void)
{
	static u8 data[ODD_TOTAL];
	struct user u = user_open();

	assert_int_equal(transfer(u.block, BLOCK_READ, 5, data, odd_sizes), 0);
	assert_memory_equal(data, media + 5 * BLOCK_SECTOR, ODD_TOTAL);
	for (u64 i = 0; i < ODD_TOTAL; i++)
		data[i] = (u8)(i * 11 + i / 256);
	assert_int_equal(transfer(u.block, BLOCK_WRITE, 100, data, odd_sizes), 0);
	assert_memory_equal(data, media + 100 * BLOCK_SECTOR, ODD_TOTAL);
	u.block->ops->destroy(u.block);
}

static void test_data(void **state)
{
	(void)state;
	probe();
	check_data();
	assert_int_equal(dev.chains, 3); /* the first one is for the serial number */
	assert_int_equal(dev.descs_max, 9);
}

/* The device takes less at once: the request goes in pieces of whole sectors. */
static void test_pieces(void **state)
{
	(void)state;
	dev.seg_max = 3;
	dev.offered |= BIT(F_SIZE_MAX);
	dev.size_max = 5000;
	probe();
	check_data();
	assert_true(dev.chains > 5);
	assert_int_equal(dev.descs_max, 5);
}

static void test_direct(void **state)
{
	(void)state;
	dev.offered &= ~BIT(F_INDIRECT);
	dev.queue_max = 16;
	dev.seg_max = 5;
	probe();
	check_data();
	assert_int_equal(dev.descs_max, 7);
}

/* Segments of which the device's limit makes no sector; segments that are too short. */
static void test_impossible(void **state)
{
	static const u64 tiny[] = { 100, 100, 100, 100, 112, 0 };
	static u8 data[1024];
	struct user u;

	(void)state;
	dev.seg_max = 4;
	probe();
	u = user_open();
	assert_int_equal(transfer(u.block, BLOCK_WRITE, 0, data, tiny), -EINVAL);
	requests[0].bytes = 1024;
	assert_int_equal(u.block->ops->submit(u.block, &requests[0]), -EINVAL);
	requests[0].segment_count = 0;
	assert_int_equal(u.block->ops->submit(u.block, &requests[0]), -EINVAL);
	requests[0].bytes = 0;
	assert_int_equal(u.block->ops->submit(u.block, &requests[0]), 0);
	check_data();
	u.block->ops->destroy(u.block);
}

static void test_clear(void **state)
{
	static const u8 zeroes[BLOCK_SECTOR];
	struct user u;

	(void)state;
	probe();
	u = user_open();
	assert_string_equal(u.block->id, "se?rial");
	assert_true(u.block->discard && u.block->write_zeroes && u.block->volatile_cache);
	assert_int_equal(u.block->block_size, 512);
	assert_int_equal(clear(u.block, BLOCK_WRITE_ZEROES, 1, 2500), 0);
	assert_int_equal(dev.chains, 4);
	assert_memory_equal(media + BLOCK_SECTOR, zeroes, BLOCK_SECTOR);
	assert_memory_equal(media + 2500 * BLOCK_SECTOR, zeroes, BLOCK_SECTOR);
	assert_memory_not_equal(media + 2501 * BLOCK_SECTOR, zeroes, BLOCK_SECTOR);
	assert_int_equal(clear(u.block, BLOCK_DISCARD, DISK_SECTORS - 1, 1), 0);
	assert_int_equal(clear(u.block, BLOCK_DISCARD, DISK_SECTORS - 1, 2), -EINVAL);
	assert_int_equal(clear(u.block, BLOCK_FLUSH, 0, 0), 0);
	assert_int_equal(dev.flushes, 1);
	u.block->ops->destroy(u.block);
}

static void test_plain_disk(void **state)
{
	struct user u;

	(void)state;
	dev.offered = BIT(F_INDIRECT) | BIT(F_BLK_SIZE) | BIT(5);
	probe();
	u = user_open();
	assert_true(u.block->read_only && !u.block->discard && !u.block->volatile_cache);
	assert_int_equal(u.block->block_size, 4096);
	assert_int_equal(clear(u.block, BLOCK_DISCARD, 0, 1), -EINVAL);
	assert_int_equal(clear(u.block, BLOCK_FLUSH, 0, 0), 0);
	assert_int_equal(dev.flushes, 0);
	u.block->ops->destroy(u.block);
}

static void test_errors(void **state)
{
	static u8 data[ODD_TOTAL];
	struct user u;

	(void)state;
	probe();
	u = user_open();
	dev.fail = 1;
	assert_int_equal(transfer(u.block, BLOCK_READ, 0, data, odd_sizes), -EIO);
	dev.fail = 2;
	assert_int_equal(transfer(u.block, BLOCK_READ, 0, data, odd_sizes), -EOPNOTSUPP);
	dev.fail = 0x77;
	assert_int_equal(clear(u.block, BLOCK_DISCARD, 0, 4000), -EIO);
	dev.fail = 0;
	check_data();
	u.block->ops->destroy(u.block);
}

static int submit(struct user *u, unsigned n)
{
	static u8 data[BLOCK_SECTOR];

	u->block->ready = ready;
	u->block->ready_arg = u;
	segments[n][0] = (struct io_segment){ data, host_pa(data), BLOCK_SECTOR };
	requests[n] = (struct block_request){ .op = BLOCK_READ, .sector = n, .bytes = BLOCK_SECTOR,
					      .segments = segments[n], .segment_count = 1, .done = done };
	return u->block->ops->submit(u->block, &requests[n]);
}

/* Submits until it is refused. */
static unsigned submit_all(struct user *u, unsigned from)
{
	unsigned n = from;

	while (submit(u, n) == BLOCK_PENDING)
		n++;
	return n - from;
}

/* Two users have the same share of a slow disk; who was refused is told of room. */
static void test_share(void **state)
{
	struct user a, b;
	struct bare_disk info;

	(void)state;
	probe();
	a = user_open();
	b = user_open();
	assert_true(bare_disk_get(devices_found - 1, &info));
	assert_int_equal(info.users, 2);
	assert_false(bare_disk_get(devices_found, &info));
	dev.hold = true;
	assert_int_equal(submit_all(&a, 0), 32);
	assert_int_equal(submit_all(&b, 100), 32);
	assert_int_equal(a.readies + b.readies, 0);
	device_release(32); /* b's */
	assert_int_equal(ended, 32);
	assert_int_equal(b.readies, 1);
	assert_int_equal(a.readies, 0);
	assert_int_equal(submit(&a, 200), -EAGAIN);
	device_release(1);
	assert_int_equal(a.readies, 1);
	device_release(100);
	assert_int_equal(ended, 64);
	b.block->ops->destroy(b.block);
	/* Alone it has all of it. */
	assert_int_equal(submit_all(&a, 0), 64);
	device_release(100);
	assert_int_equal(a.readies, 2);
	a.block->ops->destroy(a.block);
	assert_int_equal(ended, 128);
}

/* The device says nonsense: everything ends with an error, and nothing more is begun. */
static void test_broken(void **state)
{
	struct user u;

	(void)state;
	probe();
	u = user_open();
	dev.hold = true;
	assert_int_equal(submit(&u, 0), BLOCK_PENDING);
	assert_int_equal(submit(&u, 1), BLOCK_PENDING);
	model_give(&dev.model, 17, 0);
	dev.serve(dev.serve_arg);
	assert_int_equal(dev.resets, 1);
	assert_int_equal(ended, 2);
	assert_int_equal(last_status, -EIO);
	assert_int_equal(submit(&u, 2), -EIO);
	dev.serve(dev.serve_arg);
	assert_int_equal(dev.resets, 1);
	u.block->ops->destroy(u.block);
}

static void test_needs_reset(void **state)
{
	struct user u;

	(void)state;
	probe();
	u = user_open();
	dev.hold = true;
	assert_int_equal(submit_all(&u, 0), 64);
	dev.config_changed = true;
	dev.serve(dev.serve_arg);
	assert_int_equal(ended, 0);
	dev.needs_reset = true;
	dev.serve(dev.serve_arg);
	assert_int_equal(ended, 64);
	assert_int_equal(last_status, -EIO);
	assert_int_equal(u.readies, 1);
	u.block->ops->destroy(u.block);
}

/* It never answers: no disk. */
static void test_mute(void **state)
{
	(void)state;
	dev.mute = true;
	disk_probe(&host);
	assert_int_equal(bare_disk_count(), devices_found);
	assert_int_equal(dev.resets, 1);
	assert_null(bare_disk_open("nothing"));
	assert_null(bare_disk_open(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_data, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pieces, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_direct, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_impossible, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_clear, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_plain_disk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_errors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_share, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_broken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_needs_reset, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_mute, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
