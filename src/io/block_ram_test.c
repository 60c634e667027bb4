#include "io/block_ram.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "host/fake/fake.h"

static struct host_account account, space_account;
static struct host_space *space;
static struct block *disk;
static u8 buffer[64 * KIB];
static u8 file[20 * KIB + 100];

static int setup(void **state unused)
{
	fake_reset();
	space_account = (struct host_account){ 0 };
	space = host_space_create(&space_account);
	host_space_enter(space);
	for (unsigned i = 0; i < sizeof(file); i++)
		file[i] = (u8)(i * 7 + i / 256 + 1);
	fake_file_add("disk.img", file, sizeof(file));
	fake_file_add("whole.img", file, 20 * KIB);
	fake_file_add("small.img", file, 100);
	fake_file_add("empty.img", file, 0);
	disk = NULL;
	return 0;
}

static int teardown(void **state unused)
{
	if (disk)
		disk->ops->destroy(disk);
	host_space_enter(NULL);
	host_space_destroy(space);
	assert_int_equal(account.used, 0);
	assert_int_equal(fake_allocated(), 0);
	return 0;
}

static int submit(enum block_op op, u64 sector, u64 bytes)
{
	struct io_segment segments[2] = {
		{ .va = buffer, .size = bytes / 4 }, { .va = buffer + bytes / 4, .size = bytes - bytes / 4 },
	};
	struct block_request r = {
		.op = op, .sector = sector, .bytes = bytes, .segments = segments, .segment_count = 2,
	};

	assert_true(block_valid(disk, &r));
	return disk->ops->submit(disk, &r);
}

static bool is_filled(u8 byte, u64 size)
{
	for (u64 i = 0; i < size; i++)
		if (buffer[i] != byte)
			return false;
	return true;
}

static void an_empty_disk_is_zero_and_keeps_what_is_written(void **state unused)
{
	assert_int_equal(block_ram_create(space, 100 * KIB + 512, &account, &disk), 0);
	assert_int_equal(disk->sectors, 201);
	assert_int_equal(disk->block_size, 512);
	assert_false(disk->read_only || disk->volatile_cache);
	memset(buffer, 1, sizeof(buffer));
	assert_int_equal(submit(BLOCK_READ, 73, 64 * KIB), 0);
	assert_true(is_filled(0, sizeof(buffer)));
	memset(buffer, 2, sizeof(buffer));
	assert_int_equal(submit(BLOCK_WRITE, 1, 1024), 0);
	assert_int_equal(submit(BLOCK_READ, 0, 4 * 512), 0);
	for (unsigned i = 0; i < 2048; i++)
		assert_int_equal(buffer[i], i >= 512 && i < 1536 ? 2 : 0);
	assert_int_equal(submit(BLOCK_FLUSH, 0, 0), 0);
}

static void pieces_of_memory_are_one_disk(void **state unused)
{
	fake_ram_set(GIB, 4096);
	assert_int_equal(block_ram_create(space, 64 * KIB, &account, &disk), 0);
	for (unsigned i = 0; i < sizeof(buffer); i++)
		buffer[i] = (u8)(i / 256 ^ i);
	assert_int_equal(submit(BLOCK_WRITE, 0, 64 * KIB), 0);
	assert_int_equal(submit(BLOCK_DISCARD, 7, 1024), 0);
	assert_int_equal(submit(BLOCK_WRITE_ZEROES, 100, 9 * KIB), 0);
	memset(buffer, 0, sizeof(buffer));
	assert_int_equal(submit(BLOCK_READ, 0, 64 * KIB), 0);
	for (unsigned i = 0; i < sizeof(buffer); i++) {
		bool gone = (i >= 7 * 512 && i < 9 * 512) || (i >= 100 * 512 && i < 118 * 512);

		assert_int_equal(buffer[i], gone ? 0 : (u8)(i / 256 ^ i));
	}
}

static void a_copy_is_the_vms_own(void **state unused)
{
	assert_int_equal(block_file_create(space, "disk.img", false, &account, &disk), 0);
	assert_int_equal(disk->sectors, 41);
	assert_false(disk->read_only);
	memset(buffer, 1, sizeof(buffer));
	assert_int_equal(submit(BLOCK_READ, 0, 41 * 512), 0);
	assert_memory_equal(buffer, file, sizeof(file));
	for (unsigned i = sizeof(file); i < 41 * 512; i++)
		assert_int_equal(buffer[i], 0);
	memset(buffer, 1, 512);
	assert_int_equal(submit(BLOCK_WRITE, 3, 512), 0);
	assert_int_not_equal(memcmp(file + 3 * 512, buffer, 512), 0);
	assert_true(space_account.used >= 24 * KIB);
}

static void a_file_itself_is_only_read(void **state unused)
{
	struct block_request r = { .op = BLOCK_WRITE, .bytes = 512 };
	u64 before = space_account.used;

	assert_int_equal(block_file_create(space, "disk.img", true, &account, &disk), 0);
	assert_int_equal(disk->sectors, 41);
	assert_true(disk->read_only && !disk->discard && !disk->write_zeroes);
	assert_false(block_valid(disk, &r));
	assert_int_equal(submit(BLOCK_READ, 0, 41 * 512), 0);
	assert_memory_equal(buffer, file, sizeof(file));
	for (unsigned i = sizeof(file); i < 41 * 512; i++)
		assert_int_equal(buffer[i], 0);
	assert_int_equal(space_account.used, before + 512);
}

static void files_of_any_size(void **state unused)
{
	assert_int_equal(block_file_create(space, "whole.img", true, &account, &disk), 0);
	assert_int_equal(disk->sectors, 40);
	assert_int_equal(submit(BLOCK_READ, 0, 40 * 512), 0);
	assert_memory_equal(buffer, file, 20 * KIB);
	disk->ops->destroy(disk);
	assert_int_equal(block_file_create(space, "small.img", true, &account, &disk), 0);
	assert_int_equal(disk->sectors, 1);
	assert_int_equal(submit(BLOCK_READ, 0, 512), 0);
	assert_memory_equal(buffer, file, 100);
	assert_int_equal(buffer[100], 0);
}

static void what_fails_leaves_nothing(void **state unused)
{
	u64 before = fake_allocated();

	assert_int_equal(block_file_create(space, "no.img", true, &account, &disk), -ENOENT);
	assert_int_equal(block_file_create(space, "empty.img", false, &account, &disk), -ENOENT);
	fake_ram_set(4096, 0);
	assert_int_equal(block_file_create(space, "disk.img", false, &account, &disk), -ENOMEM);
	assert_int_equal(block_ram_create(space, 8192, &account, &disk), -ENOMEM);
	for (unsigned n = 0; n < 2; n++) {
		fake_alloc_limit(n);
		assert_int_equal(block_file_create(space, "disk.img", true, &account, &disk), -ENOMEM);
	}
	fake_alloc_limit(0);
	assert_int_equal(block_ram_create(space, 4096, &account, &disk), -ENOMEM);
	fake_alloc_limit(~0u);
	/* There is no mapping into the common space. */
	host_space_enter(NULL);
	assert_int_equal(block_file_create(space, "disk.img", true, &account, &disk), -ENOMEM);
	fake_ram_set(GIB, 0);
	assert_int_equal(block_file_create(space, "disk.img", false, &account, &disk), -ENOMEM);
	host_space_enter(space);
	assert_null(disk);
	assert_int_equal(fake_allocated(), before);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(an_empty_disk_is_zero_and_keeps_what_is_written),
		T(pieces_of_memory_are_one_disk),
		T(a_copy_is_the_vms_own),
		T(a_file_itself_is_only_read),
		T(files_of_any_size),
		T(what_fails_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
