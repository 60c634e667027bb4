/* The disk device and a disk that answers late, in other orders, or has no room. */
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

/* What would keep a vCPU too long goes to the I/O task, in slices. */
static void large_requests_are_cut(void **state unused)
{
	u64 gpa = guest_take(2 * MIB, 4096);
	struct request r = request_add(T_IN, 0, gpa, 2 * MIB), next = request_add(T_IN, 1, gpa, 512);

	ring_kick(&ring);
	assert_none_back();
	assert_int_equal(disk.ops[BLOCK_READ], 1);
	assert_int_equal(disk.largest, 128 * KIB);
	io_run();
	assert_back(r, OK, 2 * MIB + 1);
	assert_back(next, OK, 513);
	assert_guest(gpa, data + 512, 512);
	assert_guest(gpa + 512, data + 512, 2 * MIB - 512);
	assert_int_equal(disk.ops[BLOCK_READ], 17);
}

static void many_requests_are_cut(void **state unused)
{
	u64 gpa = guest_take(16 * KIB, 4096);
	struct request r[256];
	unsigned n = 0;

	for (unsigned i = 0; i < 120; i++)
		r[i] = request_add(T_IN, i, gpa, 16 * KIB);
	ring_kick(&ring);
	assert_true(driver_interrupt(d));
	assert_int_equal(disk.ops[BLOCK_READ], 8);
	/* Nobody needs to be told of what comes now. */
	r[120] = request_add(T_IN, 0, gpa, 16 * KIB);
	if (!ring.event_idx)
		assert_false(ring_show(&ring));
	else
		ring_show(&ring);
	io_run();
	for (; n < 121; n++)
		assert_back(r[n], OK, 16 * KIB + 1);
	assert_none_back();
	assert_true(driver_interrupt(d));
	assert_int_equal(do_request(T_IN, 0, gpa, 16 * KIB), OK);
}

static void requests_end_in_any_order(void **state unused)
{
	u64 gpa = guest_take(64 * KIB, 4096);
	struct request r[4];

	disk.later = true;
	for (unsigned i = 0; i < 4; i++)
		r[i] = request_add(T_IN, 8 * i, gpa + 4096 * i, 4096);
	ring_kick(&ring);
	io_run();
	assert_int_equal(disk.count, 4);
	assert_none_back();
	assert_false(wire.level);
	test_disk_end(&disk, 2, 0);
	test_disk_end(&disk, 0, -EIO);
	assert_none_back(); /* another guest's memory may be mapped now */
	io_run();
	assert_back(r[2], OK, 4097);
	assert_back(r[0], IOERR, 0);
	assert_true(driver_interrupt(d));
	assert_none_back();
	test_disk_end(&disk, 1, 0);
	test_disk_end(&disk, 0, 0);
	io_run();
	assert_back(r[3], OK, 4097);
	assert_back(r[1], OK, 4097);
	assert_guest(gpa + 4096, data + 4096, 3 * 4096);
}

static void a_bounded_number_is_under_way(void **state unused)
{
	u64 gpa = guest_take(4096, 4096);
	struct request r[100];

	disk.later = true;
	for (unsigned i = 0; i < 100; i++)
		r[i] = request_add(T_IN, i, gpa, 512);
	ring_kick(&ring);
	io_run();
	assert_int_equal(disk.count, 32);
	for (unsigned i = 0; i < 100; i++) {
		assert_true(disk.count > 0 && disk.count <= 32);
		test_disk_end(&disk, 0, 0);
		io_run();
		assert_back(r[i], OK, 513);
	}
	assert_none_back();
	/* And it hears of new ones. */
	r[0] = request_add(T_IN, 0, gpa, 512);
	ring_kick(&ring);
	io_run();
	assert_int_equal(disk.count, 1);
	test_disk_end(&disk, 0, 0);
	io_run();
	assert_back(r[0], OK, 513);
}

static void goes_on_with_little_memory(void **state unused)
{
	u64 gpa = guest_take(4096, 4096);
	struct request r[10];

	disk.later = true;
	fake_alloc_limit(2);
	for (unsigned i = 0; i < 10; i++)
		r[i] = request_add(T_IN, i, gpa, 512);
	ring_kick(&ring);
	io_run();
	assert_int_equal(disk.count, 3);
	for (unsigned i = 0; i < 10; i++) {
		test_disk_end(&disk, 0, 0);
		io_run();
		assert_back(r[i], OK, 513);
	}
	fake_alloc_limit(~0u);
}

static void parts_come_back_one_by_one(void **state unused)
{
	u64 gpa = guest_take(MIB, 4096);
	struct request r;

	guest_fill(gpa, 3, MIB);
	disk.later = true;
	restart(0);
	r = request_add(T_OUT, 0, gpa, MIB);
	ring_kick(&ring);
	for (unsigned i = 0; i < 9; i++) {
		assert_int_equal(disk.count, 1);
		assert_none_back();
		test_disk_end(&disk, 0, 0);
		io_run();
	}
	assert_back(r, OK, 1);
	assert_int_equal(disk.ops[BLOCK_WRITE], 8);
	assert_int_equal(disk.ops[BLOCK_FLUSH], 1);
	memset(model, 3, MIB);
	assert_memory_equal(data, model, DISK);
	/* An error ends it all. */
	r = request_add(T_IN, 0, gpa, MIB);
	ring_kick(&ring);
	test_disk_end(&disk, 0, 0);
	io_run();
	test_disk_end(&disk, 0, -EIO);
	io_run();
	assert_back(r, IOERR, 128 * KIB);
	assert_int_equal(disk.count, 0);
}

static void a_full_disk_is_waited_for(void **state unused)
{
	u64 gpa = guest_take(MIB, 4096);
	struct request r[3];

	guest_fill(gpa, 3, MIB);
	restart(0);
	disk.later = true;
	disk.room = 0;
	r[0] = request_add(T_OUT, 0, gpa, 256 * KIB);
	r[1] = request_add(T_FLUSH, 0, 0, 0);
	ring_kick(&ring);
	r[2] = request_add(T_IN, 0, gpa, 512);
	ring_kick(&ring);
	io_run();
	assert_int_equal(disk.refused, 1);
	assert_none_back();
	/* Room for one after the other: two parts and their flush, the flush, a read. */
	for (unsigned i = 0; i < 5; i++) {
		test_disk_ready(&disk, 1);
		io_run();
		assert_int_equal(disk.count, 1);
		disk.room = 0;
		test_disk_end(&disk, 0, 0);
		io_run();
	}
	assert_back(r[1], OK, 1);
	assert_back(r[2], OK, 513);
	assert_back(r[0], OK, 1);
	assert_int_equal(disk.ops[BLOCK_WRITE], 2);
	assert_int_equal(disk.ops[BLOCK_FLUSH], 2);
	test_disk_ready(&disk, 1);
	io_run();
	assert_none_back();
}

static void ready_may_come_at_any_time(void **state unused)
{
	u64 gpa = guest_take(4096, 4096);

	test_disk_ready(&disk, 1);
	io_run();
	assert_int_equal(do_request(T_IN, 0, gpa, 512), OK);
	disk.later = disk.at_once = true;
	assert_int_equal(do_request(T_IN, 0, gpa, 512), OK);
	reg_out(d, REG_STATUS, 0);
	test_disk_ready(&disk, 1);
	io_run();
	assert_int_equal(reg_in(d, REG_STATUS), 0);
}

static void a_reset_waits_for_what_is_under_way(void **state unused)
{
	u64 gpa = guest_take(MIB, 4096);

	disk.later = true;
	request_add(T_IN, 0, gpa, 512);
	request_add(T_IN, 1, gpa, MIB);
	ring_kick(&ring);
	io_run();
	assert_int_equal(disk.count, 2);
	reg_out(d, REG_STATUS, 0);
	assert_int_not_equal(reg_in(d, REG_STATUS), 0);
	io_run();
	test_disk_end(&disk, 0, 0);
	io_run();
	assert_int_not_equal(reg_in(d, REG_STATUS), 0);
	test_disk_end(&disk, 0, -EIO);
	io_run();
	assert_int_equal(disk.count, 0); /* no second part */
	assert_int_equal(reg_in(d, REG_STATUS), 0);
	assert_false(wire.level);
	disk.later = false;
	restart(ALL);
	assert_int_equal(do_request(T_IN, 0, gpa, 512), OK);
}

static void a_reset_drops_what_waits(void **state unused)
{
	u64 gpa = guest_take(MIB, 4096);

	disk.later = true;
	disk.room = 0;
	request_add(T_IN, 0, gpa, 512);
	request_add(T_IN, 0, gpa, 512);
	ring_kick(&ring);
	io_run();
	reg_out(d, REG_STATUS, 0);
	io_run();
	assert_int_equal(reg_in(d, REG_STATUS), 0);
	assert_int_equal(disk.count, 0);
	restart(ALL);
	request_add(T_IN, 0, gpa, 512);
	ring_kick(&ring);
	io_run();
	test_disk_ready(&disk, 1);
	io_run();
	assert_int_equal(disk.count, 1);
	reg_out(d, REG_QUEUE_SEL, 0);
	reg_out(d, REG_QUEUE_RESET, 1);
	assert_int_equal(reg_in(d, REG_QUEUE_RESET), 1);
	test_disk_end(&disk, 0, 0);
	io_run();
	assert_int_equal(reg_in(d, REG_QUEUE_RESET), 0);
	disk.later = false;
	driver_queue(&ring, d, 0, 16);
	assert_int_equal(do_request(T_IN, 0, gpa, 512), OK);
}

static void a_broken_device_lets_go(void **state unused)
{
	u64 gpa = guest_take(MIB, 4096);
	struct request r = request_new(T_FLUSH, 0);

	disk.later = true;
	request_add(T_IN, 0, gpa, MIB);
	ring_kick(&ring);
	ring_add(&ring, &(struct test_buffer){ r.header, 16, false }, 1, false);
	ring_kick(&ring);
	io_run();
	assert_true(reg_in(d, REG_STATUS) & VIRTIO_NEEDS_RESET);
	assert_int_equal(disk.count, 1);
	test_disk_end(&disk, 0, 0);
	io_run();
	assert_int_equal(disk.count, 0);
	disk.later = false;
	restart(ALL);
	assert_int_equal(do_request(T_IN, 0, gpa, 512), OK);
}

static void has_several_queues(void **state unused)
{
	struct test_ring rings[4];
	struct request r[4];
	struct test_used used;
	u64 gpa;

	destroy();
	test_disk_init(&disk, data, DISK);
	create(4, "");
	assert_true(driver_start(d, format | TEST_FEATURE(F_MQ)));
	for (unsigned i = 0; i < 4; i++)
		driver_queue(&rings[i], d, i, 64);
	driver_ok(d);
	gpa = guest_take(4 * 512 * KIB, 4096);
	disk.later = true;
	disk.room = 2;
	for (unsigned i = 0; i < 4; i++) {
		r[i] = request_add_to(&rings[i], T_IN, i, gpa + 512 * KIB * i, 512 * KIB);
		ring_kick(&rings[i]);
	}
	io_run();
	while (disk.count) {
		test_disk_end(&disk, disk.count - 1, 0);
		io_run();
		test_disk_ready(&disk, 2);
		io_run();
	}
	for (unsigned i = 0; i < 4; i++) {
		assert_true(ring_poll(&rings[i], &used));
		assert_int_equal(used.id, r[i].id);
		assert_int_equal(used.written, 512 * KIB + 1);
		assert_int_equal(status_of(r[i]), OK);
		assert_guest(gpa + 512 * KIB * i, data + 512 * i, 512 * KIB);
	}
}

static void leaves_in_the_middle_of_things(void **state unused)
{
	u64 gpa = guest_take(MIB, 4096);

	request_add(T_IN, 0, gpa, MIB);
	request_add(T_IN, 0, gpa, MIB);
	ring_kick(&ring);
	assert_int_equal(disk.ops[BLOCK_READ], 1);
	destroy();
	assert_int_equal(disk.ops[BLOCK_READ], 1);
}

/* ---- A disk that does as it likes, against a model of what must be on it */

enum { ROUNDS = 3000, UNDER_WAY = 24, SLOT_BYTES = 64 * KIB };

static struct {
	bool used, write;
	struct request r;
	u64 sector, size, gpa;
} ways[UNDER_WAY];

static u64 pick(u64 n) { return host_random() % n; }

/* One at a time for each part of the disk: what is read is then known. */
static void random_begin(unsigned i)
{
	u8 bytes[512];

	ways[i].used = true;
	ways[i].write = pick(2);
	ways[i].size = 512 * (1 + pick(SLOT_BYTES / 512));
	ways[i].sector = i * (SLOT_BYTES / 512) + pick((SLOT_BYTES - ways[i].size) / 512 + 1);
	if (ways[i].write) {
		memset(bytes, (int)pick(256), sizeof(bytes));
		for (u64 n = 0; n < ways[i].size; n += sizeof(bytes)) {
			bytes[0]++;
			guest_put(ways[i].gpa + n, bytes, sizeof(bytes));
			memcpy(model + ways[i].sector * 512 + n, bytes, sizeof(bytes));
		}
	}
	header_free = ways[i].gpa + SLOT_BYTES;
	test_vm_next = header_free + 64; /* for the indirect table */
	ways[i].r = request_add(ways[i].write ? T_OUT : T_IN, ways[i].sector, ways[i].gpa,
				(u32)ways[i].size);
}

static void random_end(void)
{
	struct test_used used;

	while (ring_poll(&ring, &used))
		for (unsigned i = 0; i < UNDER_WAY; i++) {
			if (!ways[i].used || ways[i].r.id != used.id)
				continue;
			ways[i].used = false;
			assert_int_equal(status_of(ways[i].r), OK);
			assert_int_equal(used.written, ways[i].write ? 1 : ways[i].size + 1);
			if (!ways[i].write)
				assert_guest(ways[i].gpa, model + ways[i].sector * 512, ways[i].size);
		}
}

static void random_step(void)
{
	unsigned i = (unsigned)pick(UNDER_WAY);

	switch (pick(6)) {
	case 0:
	case 1:
		if (!ways[i].used)
			random_begin(i);
		break;
	case 2:
		ring_kick(&ring);
		break;
	case 3:
		if (disk.count)
			test_disk_end(&disk, (unsigned)pick(disk.count), 0);
		break;
	case 4:
		disk.later = pick(4);
		disk.at_once = !pick(4);
		test_disk_ready(&disk, (unsigned)pick(12));
		break;
	default:
		io_run();
		random_end();
		break;
	}
}

static void keeps_what_is_written_whatever_comes(void **state unused)
{
	u64 gpa = guest_take(UNDER_WAY * (SLOT_BYTES + 4096), 4096);

	memset(ways, 0, sizeof(ways));
	for (unsigned i = 0; i < UNDER_WAY; i++)
		ways[i].gpa = gpa + i * (SLOT_BYTES + 4096);
	for (unsigned n = 0; n < ROUNDS; n++)
		random_step();
	ring_kick(&ring);
	disk.later = false;
	test_disk_ready(&disk, ~0u);
	while (disk.count)
		test_disk_end(&disk, 0, 0);
	io_run();
	random_end();
	for (unsigned i = 0; i < UNDER_WAY; i++)
		assert_false(ways[i].used);
	assert_memory_equal(data, model, DISK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLK_TEST(large_requests_are_cut),
		BLK_TEST(many_requests_are_cut),
		BLK_TEST(requests_end_in_any_order),
		BLK_TEST(a_bounded_number_is_under_way),
		BLK_TEST(goes_on_with_little_memory),
		BLK_TEST(parts_come_back_one_by_one),
		BLK_TEST(a_full_disk_is_waited_for),
		BLK_TEST(ready_may_come_at_any_time),
		BLK_TEST(a_reset_waits_for_what_is_under_way),
		BLK_TEST(a_reset_drops_what_waits),
		BLK_TEST(a_broken_device_lets_go),
		BLK_TEST(has_several_queues),
		BLK_TEST(leaves_in_the_middle_of_things),
		BLK_TEST(keeps_what_is_written_whatever_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
