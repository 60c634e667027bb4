/* What the tests of the disk device share: a guest with a driver, a scripted disk, requests. */
#ifndef DEV_VIRTIO_BLK_TEST_H
#define DEV_VIRTIO_BLK_TEST_H

#include "dev/virtio_blk.h"
#include "dev/virtq_test.h"
#include "io/block_test.h"
#include "vm/work.h"

#define BASE 0x10001000ul
#define RAM (8 * MIB)
#define DISK (2 * MIB)

enum { F_SEG_MAX = 2, F_RO = 5, F_BLK_SIZE = 6, F_FLUSH = 9, F_TOPOLOGY = 10, F_WCE = 11, F_MQ = 12,
       F_DISCARD = 13, F_ZEROES = 14 };
enum { T_IN = 0, T_OUT = 1, T_SCSI = 2, T_FLUSH = 4, T_ID = 8, T_DISCARD = 11, T_ZEROES = 13,
       T_ERASE = 14 };
enum { OK = 0, IOERR = 1, UNSUPP = 2, NOTHING = 0xee /* the status is not written */ };
enum { CAPACITY = 0, SEG_MAX = 12, BLK_SIZE = 20, EXPONENT = 24, MIN_IO = 26, WRITEBACK = 32,
       NUM_QUEUES = 34, MAX_DISCARD = 36, MAX_DISCARD_SEG = 40, MAX_ZEROES = 48,
       MAX_ZEROES_SEG = 52, MAY_UNMAP = 56 };

#define CACHE (TEST_FEATURE(F_FLUSH) | TEST_FEATURE(F_WCE))
#define ALL (CACHE | TEST_FEATURE(F_DISCARD) | TEST_FEATURE(F_ZEROES))

/* Each test is run with either format of rings. */
static u64 formats[] unused = {
	TEST_FEATURE(VIRTIO_F_INDIRECT_DESC) | TEST_FEATURE(VIRTIO_F_RING_RESET),
	TEST_FEATURE(VIRTIO_F_INDIRECT_DESC) | TEST_FEATURE(VIRTIO_F_RING_RESET) |
	TEST_FEATURE(VIRTIO_F_RING_PACKED) | TEST_FEATURE(VIRTIO_F_EVENT_IDX),
};

static u64 format;
static u8 data[DISK], model[DISK];
static struct test_disk disk;
static struct virtio_device *d;
static struct test_wire wire;
static struct test_ring ring;
static u64 header_free; /* guest memory for a header, a status, a range */

struct request {
	u16 id;
	u64 header, status;
};

static inline void start(u64 features)
{
	assert_true(driver_start(d, features | format));
	driver_queue(&ring, d, 0, 256);
	driver_ok(d);
}

static inline void create(u32 queues, const char *serial)
{
	struct virtio_blk_config config = { .queues = queues };

	memcpy(config.serial, serial, min_u64(strlen(serial), sizeof(config.serial) - 1));
	d = virtio_blk_create(test_vm, BASE, test_wire_line(&wire, 1), &config, &disk.block);
	assert_non_null(d);
}

static inline void destroy(void)
{
	virtio_quiesce(d);
	d->dev.ops->destroy(&d->dev);
	d = NULL;
	assert_true(disk.destroyed);
}

/* @vm: of script_vm_open(). */
static inline void test_begin(struct vm *vm, u64 rings)
{
	format = rings;
	guest_use(vm);
	assert_int_equal(vm_work_start(test_vm), 0);
	for (u64 i = 0; i < DISK; i++)
		data[i] = (u8)(i / 512 * 3 + i);
	memcpy(model, data, DISK);
	test_disk_init(&disk, data, DISK);
	wire = (struct test_wire){ 0 };
	header_free = guest_take(512 * 64, 64);
	create(1, "");
	start(ALL);
}

/* Before script_vm_close(). */
static inline void test_end(void)
{
	if (d)
		destroy();
	vm_work_stop(test_vm);
}

/* Lets the I/O task run until it sleeps. */
static inline void io_run(void) { host_sleep(host_time() + 1); }

/* ---- Requests as a driver makes them */

static inline struct request request_new(u32 type, u64 sector)
{
	struct request r = { .header = header_free, .status = header_free + 32 };

	header_free += 64;
	guest_put32(r.header, type);
	guest_put32(r.header + 4, 0);
	guest_put(r.header + 8, &sector, 8);
	guest_fill(r.status, NOTHING, 1);
	return r;
}

static inline struct request request_add_to(struct test_ring *to, u32 type, u64 sector, u64 gpa,
					    u32 size)
{
	struct request r = request_new(type, sector);
	const struct test_buffer b[] = {
		{ r.header, 16, false },
		{ gpa, size, type == T_IN || type == T_ID },
		{ r.status, 1, true },
	};
	const struct test_buffer short_b[] = { b[0], b[2] };

	r.id = size ? ring_add(to, b, 3, true) : ring_add(to, short_b, 2, false);
	return r;
}

static inline struct request request_add(u32 type, u64 sector, u64 gpa, u32 size)
{
	return request_add_to(&ring, type, sector, gpa, size);
}

static inline u8 status_of(struct request r) { return guest_get8(r.status); }

/* The next one that came back must be this. */
static inline void assert_back(struct request r, u8 status, u32 written)
{
	struct test_used used;

	assert_true(ring_poll(&ring, &used));
	assert_int_equal(used.id, r.id);
	assert_int_equal(status_of(r), status);
	assert_int_equal(used.written, written);
}

static inline void assert_none_back(void)
{
	struct test_used used;

	assert_false(ring_poll(&ring, &used));
}

static inline u8 do_request(u32 type, u64 sector, u64 gpa, u32 size)
{
	struct request r = request_add(type, sector, gpa, size);
	struct test_used used;

	ring_kick(&ring);
	io_run();
	assert_true(ring_poll(&ring, &used));
	assert_int_equal(used.id, r.id);
	return status_of(r);
}

static inline u8 do_range(u32 type, u64 sector, u32 sectors, u32 flags)
{
	u64 gpa = guest_take(16, 16);

	guest_put(gpa, &sector, 8);
	guest_put32(gpa + 8, sectors);
	guest_put32(gpa + 12, flags);
	return do_request(type, 0, gpa, 16);
}

static inline void assert_guest(u64 gpa, const u8 *expected, u64 size)
{
	u8 bytes[512];

	for (u64 i = 0; i < size; i += sizeof(bytes)) {
		guest_get(gpa + i, bytes, sizeof(bytes));
		assert_memory_equal(bytes, expected + i, sizeof(bytes));
	}
}

static inline void restart(u64 features)
{
	start(features);
	driver_interrupt(d);
}

/* With the setup() and teardown() of the test. */
#define BLK_TEST(name) \
	cmocka_unit_test_prestate_setup_teardown(name, setup, teardown, &formats[0]), \
	cmocka_unit_test_prestate_setup_teardown(name, setup, teardown, &formats[1])

#endif
