#include "dev/virtio_blk_test.h"

#include "engine/script/script_vm.h"
#include "host/fake/fake.h"

static int setup(void **state)
{
	fake_reset();
	test_begin(script_vm_open(1, RAM), *(u64 *)*state);
	return 0;
}

static int teardown(void **state unused)
{
	test_end();
	script_vm_close(test_vm);
	assert_int_equal(fake_allocated(), 0);
	return 0;
}

static void says_what_it_is(void **state unused)
{
	assert_int_equal(reg_in(d, REG_DEVICE_ID), 2);
	assert_int_equal(config_in(d, CAPACITY, 8), DISK / 512);
	assert_int_equal(config_in(d, CAPACITY + 4, 4), 0);
	assert_int_equal(config_in(d, SEG_MAX, 4), VIRTQ_SEGMENTS_MAX - 6);
	assert_int_equal(config_in(d, BLK_SIZE, 4), 512);
	assert_int_equal(config_in(d, EXPONENT, 1), 3);
	assert_int_equal(config_in(d, MIN_IO, 2), 8);
	assert_int_equal(config_in(d, WRITEBACK, 1), 1);
	assert_int_equal(config_in(d, NUM_QUEUES, 2), 1);
	assert_int_equal(config_in(d, MAX_DISCARD, 4), DISK / 512);
	assert_int_equal(config_in(d, MAX_DISCARD_SEG, 4), 1);
	assert_int_equal(config_in(d, MAX_ZEROES, 4), DISK / 512);
	assert_int_equal(config_in(d, MAX_ZEROES_SEG, 4), 1);
	assert_int_equal(config_in(d, MAY_UNMAP, 1), 1);
	assert_int_equal(driver_offered(d) & 0xffffff,
			 ALL | TEST_FEATURE(F_SEG_MAX) | TEST_FEATURE(F_BLK_SIZE) |
			 TEST_FEATURE(F_TOPOLOGY));
}

static void offers_what_the_disk_can(void **state unused)
{
	destroy();
	test_disk_init(&disk, data, DISK);
	disk.block.block_size = 4096;
	disk.block.volatile_cache = disk.block.discard = false;
	create(4, "");
	assert_int_equal(driver_offered(d) & 0xffffff,
			 TEST_FEATURE(F_SEG_MAX) | TEST_FEATURE(F_BLK_SIZE) | TEST_FEATURE(F_TOPOLOGY) |
			 TEST_FEATURE(F_MQ) | TEST_FEATURE(F_ZEROES));
	assert_int_equal(config_in(d, BLK_SIZE, 4), 4096);
	assert_int_equal(config_in(d, EXPONENT, 1), 0);
	assert_int_equal(config_in(d, NUM_QUEUES, 2), 4);
	assert_int_equal(config_in(d, MAY_UNMAP, 1), 0);
	destroy();
	test_disk_init(&disk, data, DISK);
	disk.block.read_only = true;
	create(1000, "");
	assert_int_equal(driver_offered(d) & 0xffffff,
			 CACHE | TEST_FEATURE(F_SEG_MAX) | TEST_FEATURE(F_BLK_SIZE) |
			 TEST_FEATURE(F_TOPOLOGY) | TEST_FEATURE(F_MQ) | TEST_FEATURE(F_RO));
	assert_int_equal(config_in(d, NUM_QUEUES, 2), VIRTIO_QUEUES_MAX);
}

static void reads_at_once(void **state unused)
{
	u64 gpa = guest_take(4096, 4096);
	struct request r = request_add(T_IN, 5, gpa, 4096);

	assert_false(wire.level);
	ring_kick(&ring);
	assert_true(wire.level);
	assert_back(r, OK, 4097);
	assert_guest(gpa, data + 5 * 512, 4096);
	assert_int_equal(driver_interrupt(d), VIRTIO_INT_USED);
}

static void writes_at_once(void **state unused)
{
	u64 gpa = guest_take(4096, 4096);
	struct request r;

	guest_fill(gpa, 0x42, 4096);
	r = request_add(T_OUT, DISK / 512 - 8, gpa, 4096);
	ring_kick(&ring);
	assert_back(r, OK, 1);
	memset(model + DISK - 4096, 0x42, 4096);
	assert_memory_equal(data, model, DISK);
	assert_int_equal(disk.ops[BLOCK_FLUSH], 0);
}

static void a_batch_is_one_interrupt(void **state unused)
{
	u64 gpa = guest_take(4096, 4096);
	struct request r[8];

	for (unsigned i = 0; i < 8; i++)
		r[i] = request_add(T_IN, i, gpa + 512 * i, 512);
	ring_kick(&ring);
	for (unsigned i = 0; i < 8; i++)
		assert_back(r[i], OK, 513);
	assert_guest(gpa, data, 4096);
	assert_int_equal(driver_interrupt(d), VIRTIO_INT_USED);
	assert_int_equal(wire.changes, 2);
}

/* 2.7.4.1: the framing of messages is the driver's affair. */
static void buffers_may_be_cut_anywhere(void **state unused)
{
	u64 gpa = guest_take(4096, 4096);
	struct request r = request_new(T_IN, 9);
	const struct test_buffer in[] = {
		{ r.header, 3, false }, { r.header + 3, 12, false }, { 0, 0, false },
		{ r.header + 15, 1, false }, { gpa, 1, true }, { gpa + 1, 700, true },
		{ gpa + 701, 0, true }, { gpa + 701, 324, true },
	};
	u8 sectors[1024];

	r.id = ring_add(&ring, in, 8, true);
	r.status = gpa + 1024;
	ring_kick(&ring);
	assert_back(r, OK, 1025);
	guest_get(gpa, sectors, sizeof(sectors));
	assert_memory_equal(sectors, data + 9 * 512, sizeof(sectors));

	r = request_new(T_OUT, 100);
	guest_put(gpa, &(u32){ T_OUT }, 4);
	guest_put(gpa + 4, &(u32){ 0 }, 4);
	guest_put(gpa + 8, &(u64){ 100 }, 8);
	guest_fill(gpa + 16, 7, 512);
	r.id = ring_add(&ring, (struct test_buffer[]){ { gpa, 528, false }, { r.status, 1, true } }, 2,
			false);
	ring_kick(&ring);
	assert_back(r, OK, 1);
	memset(model + 100 * 512, 7, 512);
	assert_memory_equal(data, model, DISK);
}

static void wrong_requests_are_refused(void **state unused)
{
	u64 gpa = guest_take(4096, 4096), end = DISK / 512;
	struct request r;

	guest_fill(gpa, 1, 4096);
	assert_int_equal(do_request(T_IN, end - 1, gpa, 1024), IOERR);
	assert_int_equal(do_request(T_IN, end, gpa, 512), IOERR);
	assert_int_equal(do_request(T_OUT, ~0ul, gpa, 1024), IOERR);
	assert_int_equal(do_request(T_OUT, ~0ul >> 9, gpa, 512), IOERR);
	assert_int_equal(do_request(T_IN, 0, gpa, 511), IOERR);
	assert_int_equal(do_request(T_OUT, 0, gpa, 513), IOERR);
	assert_int_equal(do_request(T_SCSI, 0, gpa, 512), UNSUPP);
	assert_int_equal(do_request(T_ERASE, 0, gpa, 16), UNSUPP);
	assert_int_equal(do_request(~0u, 0, gpa, 16), UNSUPP);
	assert_int_equal(do_request(T_IN, 0, 0, 0), OK);
	r = request_new(T_IN, 0);
	r.id = ring_add(&ring, (struct test_buffer[]){ { r.header, 15, false }, { r.status, 1, true } },
			2, false);
	ring_kick(&ring);
	assert_back(r, IOERR, 1);
	r = request_new(T_OUT, 0);
	r.id = ring_add(&ring, &(struct test_buffer){ r.status, 1, true }, 1, false);
	ring_kick(&ring);
	assert_back(r, IOERR, 1);
	assert_memory_equal(data, model, DISK);
	assert_true(virtio_running(d));
}

static void a_request_needs_room_for_its_status(void **state unused)
{
	struct request r = request_new(T_FLUSH, 0), later = request_new(T_FLUSH, 0);

	r.id = ring_add(&ring, &(struct test_buffer){ r.header, 16, false }, 1, false);
	later.id = ring_add(&ring, &(struct test_buffer){ later.header, 16, false }, 1, false);
	ring_kick(&ring);
	assert_true(reg_in(d, REG_STATUS) & VIRTIO_NEEDS_RESET);
	assert_int_equal(driver_interrupt(d), VIRTIO_INT_CONFIG);
	assert_none_back();
	restart(ALL);
	assert_int_equal(do_request(T_FLUSH, 0, 0, 0), OK);
}

static void errors_of_the_disk_are_passed_on(void **state unused)
{
	u64 gpa = guest_take(4096, 4096);
	struct request r;

	disk.fails = -EIO;
	r = request_add(T_IN, 0, gpa, 4096);
	ring_kick(&ring);
	assert_back(r, IOERR, 0);
	disk.fails = -EOPNOTSUPP;
	assert_int_equal(do_request(T_OUT, 0, gpa, 4096), UNSUPP);
	disk.fails = -ENOSPC;
	assert_int_equal(do_request(T_FLUSH, 0, 0, 0), IOERR);
	assert_int_equal(do_request(T_FLUSH, 0, 0, 0), OK);
	assert_memory_equal(data, model, DISK);
}

static void a_read_only_disk_is_not_written(void **state unused)
{
	u64 gpa = guest_take(4096, 4096);

	destroy();
	test_disk_init(&disk, data, DISK);
	disk.block.read_only = true;
	create(1, "");
	start(0);
	assert_int_equal(do_request(T_OUT, 0, gpa, 512), IOERR);
	assert_int_equal(do_range(T_DISCARD, 0, 1, 0), UNSUPP);
	assert_int_equal(do_range(T_ZEROES, 0, 1, 0), UNSUPP);
	assert_int_equal(do_request(T_IN, 0, gpa, 4096), OK);
	assert_guest(gpa, data, 4096);
	assert_int_equal(disk.ops[BLOCK_WRITE], 0);
}

static void has_an_id(void **state unused)
{
	u64 gpa = guest_take(64, 64);
	char id[32] = "";
	struct request r;

	guest_fill(gpa, 0x55, 64);
	r = request_add(T_ID, 0, gpa, 20);
	ring_kick(&ring);
	assert_back(r, OK, 21);
	guest_get(gpa, id, 21);
	assert_memory_equal(id, "test-disk\0\0\0\0\0\0\0\0\0\0\0U", 21);
	destroy();
	test_disk_init(&disk, data, DISK);
	create(1, "12345678901234567890");
	start(0);
	r = request_add(T_ID, 0, gpa, 32);
	ring_kick(&ring);
	assert_back(r, OK, 20);
	guest_get(gpa, id, 21);
	assert_memory_equal(id, "12345678901234567890U", 21);
	assert_int_equal(do_request(T_ID, 0, gpa, 4), OK);
}

static void without_a_cache_each_write_is_flushed(void **state unused)
{
	u64 gpa = guest_take(4096, 4096);

	restart(0);
	assert_int_equal(do_request(T_OUT, 0, gpa, 4096), OK);
	assert_int_equal(disk.ops[BLOCK_FLUSH], 1);
	assert_int_equal(do_request(T_IN, 0, gpa, 4096), OK);
	assert_int_equal(disk.ops[BLOCK_FLUSH], 1);
	restart(ALL);
	assert_int_equal(do_request(T_OUT, 0, gpa, 4096), OK);
	assert_int_equal(disk.ops[BLOCK_FLUSH], 1);
	test_write(&d->dev, REG_CONFIG + WRITEBACK, 1, 0);
	assert_int_equal(config_in(d, WRITEBACK, 1), 0);
	assert_int_equal(do_request(T_OUT, 0, gpa, 4096), OK);
	assert_int_equal(disk.ops[BLOCK_FLUSH], 2);
	assert_int_equal(do_range(T_ZEROES, 0, 1, 0), OK);
	assert_int_equal(disk.ops[BLOCK_FLUSH], 3);
	test_write(&d->dev, REG_CONFIG + WRITEBACK, 1, 0xff);
	assert_int_equal(config_in(d, WRITEBACK, 1), 1);
	assert_int_equal(do_request(T_OUT, 0, gpa, 4096), OK);
	assert_int_equal(disk.ops[BLOCK_FLUSH], 3);
	assert_int_equal(do_request(T_FLUSH, 0, 0, 0), OK);
	assert_int_equal(disk.ops[BLOCK_FLUSH], 4);
}

static void only_the_cache_can_be_configured(void **state unused)
{
	for (u64 off = 0; off < 0x80; off++)
		test_write(&d->dev, REG_CONFIG + off, 1, 0xff);
	test_write(&d->dev, REG_CONFIG, 8, ~0ul);
	says_what_it_is(NULL);
	/* A reset brings the cache back; without the feature it stays. */
	restart(TEST_FEATURE(F_FLUSH));
	test_write(&d->dev, REG_CONFIG + WRITEBACK, 1, 0);
	assert_int_equal(config_in(d, WRITEBACK, 1), 1);
}

static void discards_and_zeroes(void **state unused)
{
	disk.block.clear_max = 16 * KIB;
	assert_int_equal(do_range(T_DISCARD, 100, 200, 0), OK);
	memset(model + 100 * 512, 0xdd, 200 * 512);
	assert_int_equal(do_range(T_ZEROES, 1000, 7, 0), OK);
	assert_int_equal(do_range(T_ZEROES, DISK / 512 - 1, 1, 1), OK);
	assert_int_equal(do_range(T_ZEROES, 5, 0, 0), OK);
	memset(model + 1000 * 512, 0, 7 * 512);
	memset(model + DISK - 512, 0, 512);
	assert_memory_equal(data, model, DISK);
	assert_int_equal(disk.largest, 16 * KIB);
	assert_int_equal(disk.ops[BLOCK_DISCARD], 7);
}

static void wrong_ranges_are_refused(void **state unused)
{
	u64 gpa = guest_take(64, 64);

	assert_int_equal(do_range(T_DISCARD, 0, 1, 1), UNSUPP);
	assert_int_equal(do_range(T_DISCARD, 0, 1, 2), UNSUPP);
	assert_int_equal(do_range(T_ZEROES, 0, 1, 1u << 31), UNSUPP);
	assert_int_equal(do_range(T_DISCARD, DISK / 512 - 1, 2, 0), IOERR);
	assert_int_equal(do_range(T_DISCARD, ~0ul, 2, 0), IOERR);
	assert_int_equal(do_range(T_ZEROES, 0, ~0u, 0), IOERR);
	assert_int_equal(do_request(T_DISCARD, 0, gpa, 0), IOERR);
	assert_int_equal(do_request(T_DISCARD, 0, gpa, 15), IOERR);
	assert_int_equal(do_request(T_DISCARD, 0, gpa, 32), IOERR);
	restart(CACHE);
	assert_int_equal(do_range(T_DISCARD, 0, 1, 0), UNSUPP);
	assert_int_equal(do_range(T_ZEROES, 0, 1, 0), UNSUPP);
	assert_memory_equal(data, model, DISK);
}

static void creation_needs_memory(void **state unused)
{
	struct virtio_blk_config config = { .queues = 1 };
	u64 used;

	destroy();
	test_disk_init(&disk, data, DISK);
	used = test_vm->account.used;
	for (unsigned n = 0; n < 2; n++) {
		fake_alloc_limit(n);
		assert_null(virtio_blk_create(test_vm, BASE, test_wire_line(&wire, 1), &config, &disk.block));
	}
	fake_alloc_limit(~0u);
	assert_int_equal(test_vm->account.used, used);
	assert_false(disk.destroyed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLK_TEST(says_what_it_is),
		BLK_TEST(offers_what_the_disk_can),
		BLK_TEST(reads_at_once),
		BLK_TEST(writes_at_once),
		BLK_TEST(a_batch_is_one_interrupt),
		BLK_TEST(buffers_may_be_cut_anywhere),
		BLK_TEST(wrong_requests_are_refused),
		BLK_TEST(a_request_needs_room_for_its_status),
		BLK_TEST(errors_of_the_disk_are_passed_on),
		BLK_TEST(a_read_only_disk_is_not_written),
		BLK_TEST(has_an_id),
		BLK_TEST(without_a_cache_each_write_is_flushed),
		BLK_TEST(only_the_cache_can_be_configured),
		BLK_TEST(discards_and_zeroes),
		BLK_TEST(wrong_ranges_are_refused),
		BLK_TEST(creation_needs_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
