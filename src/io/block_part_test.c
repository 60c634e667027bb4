#include "io/block_part.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "host/fake/fake.h"
#include "io/block_test.h"
#include "io/gpt_test.h"

#define SIZE (256 * KIB)

static u8 data[SIZE] __attribute__((aligned(8)));
static struct test_disk disk;
static struct block *part;
static struct host_account account;
static unsigned ready_calls, done_calls;

static int setup(void **state unused)
{
	fake_reset();
	memset(data, 0, SIZE);
	for (u64 i = 0; i < SIZE; i += BLOCK_SECTOR)
		data[i] = (u8)(i / BLOCK_SECTOR);
	test_disk_init(&disk, data, SIZE);
	part = &disk.block;
	ready_calls = done_calls = 0;
	return 0;
}

static int teardown(void **state unused)
{
	part->ops->destroy(part);
	assert_true(disk.destroyed);
	assert_int_equal(account.used, 0);
	return 0;
}

static int part_open(const char *partition, u64 offset, u64 size)
{
	const struct block_part_spec spec = { partition, offset, size };

	return block_part_open(&part, &spec, &account);
}

static void make_table(u32 lba)
{
	memset(data, 0, 17 * KIB + 3 * 4096);
	gpt_test_entry(gpt_test_entries(data, lba), 1, 65536 / lba, 131071 / lba, "boot");
	gpt_test_finish(data, SIZE, lba);
}

static u8 first_byte(u64 sector)
{
	u8 *sector_bytes = host_alloc(BLOCK_SECTOR, &account);
	u8 byte;

	assert_int_equal(block_read(part, sector, sector_bytes, BLOCK_SECTOR, &account), 0);
	byte = sector_bytes[0];
	host_free(sector_bytes, BLOCK_SECTOR, &account);
	return byte;
}

static void a_range_begins_where_it_is_told(void **state unused)
{
	assert_int_equal(part_open(NULL, 10 * BLOCK_SECTOR, 5 * BLOCK_SECTOR), 0);
	assert_int_equal(part->sectors, 5);
	assert_string_equal(part->id, "test-disk");
	assert_int_equal(first_byte(0), 10);
	assert_int_equal(first_byte(4), 14);
	assert_int_equal(block_read(part, 5, NULL, BLOCK_SECTOR, &account), -EINVAL);
}

static void a_range_of_no_size_goes_to_the_end(void **state unused)
{
	assert_int_equal(part_open("", SIZE - 1024, 0), 0);
	assert_int_equal(part->sectors, 2);
}

static void ranges_lie_within_the_disk(void **state unused)
{
	assert_int_equal(part_open("", 0, SIZE + 512), -ERANGE);
	assert_int_equal(part_open("", SIZE, 0), -ERANGE);
	assert_int_equal(part_open("", 512, SIZE), -ERANGE);
	assert_int_equal(part_open("", ~511ul, 1024), -ERANGE);
	assert_int_equal(part_open("", 100, 0), -EINVAL);
	assert_int_equal(part_open("", 0, 100), -EINVAL);
	disk.block.block_size = 4096;
	assert_int_equal(part_open("", 512, 4096), -EINVAL);
	assert_int_equal(part_open("", 4096, 512), -EINVAL);
	assert_ptr_equal(part, &disk.block);
}

static void a_partition_is_found(void **state unused)
{
	make_table(512);
	assert_int_equal(part_open("boot", 0, 0), 0);
	assert_int_equal(part->sectors, 128);
	assert_int_equal(first_byte(1), 129);
}

static void a_part_of_a_partition(void **state unused)
{
	make_table(512);
	assert_int_equal(part_open("1", 65536, 0), -ERANGE);
	assert_int_equal(part_open("1", 1024, 65536), -ERANGE);
	assert_int_equal(part_open("1", 1024, 512), 0);
	assert_int_equal(part->sectors, 1);
	assert_int_equal(first_byte(0), 130);
}

static void tables_of_either_block_size_are_found(void **state unused)
{
	disk.block.block_size = 4096;
	make_table(4096);
	assert_int_equal(part_open("boot", 0, 0), 0);
	assert_int_equal(part->sectors, 128);
	part->ops->destroy(part);
	setup(NULL);
	disk.block.block_size = 4096;
	make_table(512);
	assert_int_equal(part_open("boot", 0, 0), 0);
	assert_int_equal(part->sectors, 128);
}

static void says_what_is_wrong(void **state unused)
{
	assert_int_equal(part_open("boot", 0, 0), -EINVAL);
	make_table(512);
	assert_int_equal(part_open("root", 0, 0), -ENOENT);
	disk.fails = -EIO;
	assert_int_equal(part_open("boot", 0, 0), 0); /* the copy was read */
	part->ops->destroy(part);
	setup(NULL);
	make_table(512);
	for (unsigned n = 0; n < 3; n++) {
		fake_alloc_limit(n);
		assert_int_equal(part_open("boot", 0, 0), -ENOMEM);
		assert_int_equal(account.used, 0);
	}
	fake_alloc_limit(~0u);
}

static void disk_task(void *arg unused)
{
	u64 until = host_time() + FAKE_TIMEBASE;

	while (host_time() < until)
		host_sleep(until);
	test_disk_end(&disk, 0, 0);
}

static void reading_waits_for_a_slow_disk(void **state unused)
{
	const struct host_task_spec spec = { .name = "disk", .run = disk_task };
	struct host_task *task = host_task_start(&spec, NULL);

	disk.later = true;
	assert_int_equal(first_byte(77), 77);
	assert_true(host_time() >= FAKE_TIMEBASE);
	host_task_reap(task);
}

static void room_task(void *arg unused)
{
	host_sleep(host_time() + FAKE_TIMEBASE);
	disk.later = false;
}

static void reading_waits_for_room(void **state unused)
{
	const struct host_task_spec spec = { .name = "room", .run = room_task };
	struct host_task *task = host_task_start(&spec, NULL);

	disk.later = true;
	disk.room = 0;
	assert_int_equal(first_byte(77), 77);
	assert_true(disk.refused > 1);
	host_task_reap(task);
}

static void reading_tells_of_errors(void **state unused)
{
	u8 *sector = host_alloc(BLOCK_SECTOR, NULL);

	disk.fails = -EIO;
	assert_int_equal(block_read(part, 0, sector, BLOCK_SECTOR, NULL), -EIO);
	assert_int_equal(block_read(part, SIZE / 512, sector, BLOCK_SECTOR, NULL), -EINVAL);
	assert_int_equal(block_read(part, 0, sector, 100, NULL), -EINVAL);
	fake_alloc_limit(0);
	assert_int_equal(block_read(part, 0, sector, BLOCK_SECTOR, NULL), -ENOMEM);
	fake_alloc_limit(~0u);
	host_free(sector, BLOCK_SECTOR, NULL);
}

static void on_ready(void *arg)
{
	assert_ptr_equal(arg, &ready_calls);
	ready_calls++;
}

static void on_done(struct block_request *r unused, int status)
{
	assert_int_equal(status, -EIO);
	done_calls++;
}

static void requests_pass_through(void **state unused)
{
	struct block_request r = { .op = BLOCK_WRITE_ZEROES, .sector = 1, .bytes = 512, .done = on_done };

	assert_int_equal(part_open("", 5120, 0), 0);
	test_disk_ready(&disk, ~0u); /* nobody listens yet */
	part->ready = on_ready;
	part->ready_arg = &ready_calls;
	disk.later = true;
	disk.room = 0;
	assert_int_equal(part->ops->submit(part, &r), -EAGAIN);
	assert_int_equal(r.sector, 1);
	test_disk_ready(&disk, 1);
	assert_int_equal(ready_calls, 1);
	assert_int_equal(part->ops->submit(part, &r), BLOCK_PENDING);
	assert_int_equal(disk.waiting[0]->sector, 11);
	test_disk_end(&disk, 0, -EIO);
	assert_int_equal(done_calls, 1);
	disk.later = false;
	r.sector = 2;
	assert_int_equal(part->ops->submit(part, &r), 0);
	assert_int_equal(data[12 * BLOCK_SECTOR], 0);
	assert_int_equal(data[11 * BLOCK_SECTOR], 11);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_range_begins_where_it_is_told),
		T(a_range_of_no_size_goes_to_the_end),
		T(ranges_lie_within_the_disk),
		T(a_partition_is_found),
		T(a_part_of_a_partition),
		T(tables_of_either_block_size_are_found),
		T(says_what_is_wrong),
		T(reading_waits_for_a_slow_disk),
		T(reading_waits_for_room),
		T(reading_tells_of_errors),
		T(requests_pass_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
