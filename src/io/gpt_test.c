#include "io/gpt.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "io/gpt_test.h"

#define SIZE (256 * KIB)

static u8 disk[SIZE] __attribute__((aligned(8)));
static u8 page[GPT_PAGE] __attribute__((aligned(8)));
static u64 fails_from, fails_to; /* reads of these bytes */
static struct gpt_partition part;

static int disk_read(void *arg, u64 offset, void *to, u64 size)
{
	assert_ptr_equal(arg, disk);
	assert_ptr_equal(to, page);
	assert_true(size && size <= GPT_PAGE && size % 512 == 0 && offset % 512 == 0);
	assert_true(range_within(offset, size, 0, SIZE));
	if (range_overlaps(offset, size, fails_from, fails_to - fails_from))
		return -EIO;
	memcpy(to, disk + offset, size);
	return 0;
}

static int find(u32 lba, const char *which)
{
	const struct gpt_disk d = { disk_read, disk, SIZE, lba, page };

	part = (struct gpt_partition){ 0 };
	return gpt_find(&d, which, &part);
}

static void build(u32 lba)
{
	u8 *entries = gpt_test_entries(disk, lba);

	fails_from = fails_to = 0;
	memset(disk, 0, SIZE);
	gpt_test_entry(entries, 1, 40960 / lba, 49151 / lba, "boot");
	gpt_test_entry(entries, 2, 49152 / lba, 65535 / lba, "root");
	gpt_test_entry(entries, 4, 65536 / lba, 81919 / lba, "7");
	gpt_test_entry(entries, 128, 81920 / lba, 81920 / lba, "thirty-six characters have room here");
	gpt_test_finish(disk, SIZE, lba);
}

static void assert_part(u64 offset, u64 size)
{
	assert_int_equal(part.offset, offset);
	assert_int_equal(part.size, size);
}

static void the_checksum_is_that_of_ethernet(void **state unused)
{
	assert_int_equal(gpt_crc32(0, "123456789", 9), 0xcbf43926);
	assert_int_equal(gpt_crc32(gpt_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
	assert_int_equal(gpt_crc32(0, "", 0), 0);
}

static void finds_by_name_and_by_number(void **state unused)
{
	for (u32 lba = 512; lba <= 4096; lba *= 2) {
		build(lba);
		assert_int_equal(find(lba, "boot"), 0);
		assert_part(40960, 8192);
		assert_int_equal(find(lba, "2"), 0);
		assert_part(49152, 16384);
		assert_int_equal(find(lba, "4"), 0);
		assert_part(65536, 16384);
		assert_int_equal(find(lba, "thirty-six characters have room here"), 0);
		assert_part(81920, lba);
		assert_int_equal(find(lba, "128"), 0);
		assert_part(81920, lba);
	}
}

static void says_what_is_not_there(void **state unused)
{
	build(512);
	assert_int_equal(find(512, "home"), -ENOENT);
	assert_int_equal(find(512, "boo"), -ENOENT);
	assert_int_equal(find(512, "boots"), -ENOENT);
	assert_int_equal(find(512, "3"), -ENOENT);
	assert_int_equal(find(512, "7"), -ENOENT);
	assert_int_equal(find(512, "129"), -ENOENT);
	assert_int_equal(find(512, "18446744073709551618"), -ENOENT);
	assert_int_equal(find(512, ""), -ENOENT);
	assert_int_equal(find(1024, "boot"), -EINVAL);
	memset(disk, 0, SIZE);
	assert_int_equal(find(512, "boot"), -EINVAL);
}

static void names_are_unicode(void **state unused)
{
	static const u16 name[] = { 'k', 0xe4, 0x20ac, 0xd83d, 0xde00, 0xdc00, 0xd800 };
	u8 *e = gpt_test_entries(disk, 512);

	build(512);
	memcpy(e + 56, name, sizeof(name));
	gpt_test_finish(disk, SIZE, 512);
	assert_int_equal(find(512, "k\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbd\xef\xbf\xbd"), 0);
	assert_part(40960, 8192);
	/* Half a pair in the last place. */
	for (unsigned i = 0; i < 36; i++)
		gpt_put(e + 56 + 2 * i, i == 35 ? 0xd800 : 0xffff, 2);
	gpt_test_finish(disk, SIZE, 512);
	assert_int_equal(find(512, "boot"), -ENOENT);
}

/* Every damaged byte of the first table is noticed, and the second one serves. */
static void the_copy_serves_where_the_first_is_damaged(void **state unused)
{
	build(512);
	for (u64 at = 512; at < 512 + 92; at++) {
		disk[at] ^= 0x10;
		assert_int_equal(find(512, "root"), 0);
		assert_part(49152, 16384);
		disk[at] ^= 0x10;
	}
	for (u64 at = 1024; at < 1024 + 16384; at += 61) {
		disk[at] ^= 0x10;
		assert_int_equal(find(512, "root"), 0);
		assert_part(49152, 16384);
		disk[at] ^= 0x10;
	}
	fails_from = 4096;
	fails_to = 4097;
	assert_int_equal(find(512, "root"), 0);
	fails_from = 512;
	assert_int_equal(find(512, "root"), 0);
}

static void two_damaged_tables_are_none(void **state unused)
{
	build(512);
	disk[512 + 20] ^= 1; /* reserved, but the checksum has it */
	disk[SIZE - 512 + 60] ^= 1;
	assert_int_equal(find(512, "root"), -EINVAL);
	disk[512 + 20] ^= 1;
	assert_int_equal(find(512, "root"), 0);
	disk[512] ^= 1;
	fails_from = SIZE - 512;
	fails_to = SIZE;
	assert_int_equal(find(512, "root"), -EIO);
}

static void a_checked_table_is_still_not_believed(void **state unused)
{
	static const struct {
		unsigned at, size;
		u64 value;
	} lies[] = {
		{ 8, 4, 0x20000 }, { 12, 4, 91 }, { 12, 4, 513 }, { 12, 4, ~0u }, { 24, 8, 2 },
		{ 40, 8, 1000 }, { 48, 8, 512 }, { 48, 8, ~0ul }, { 72, 8, 512 }, { 72, 8, ~0ul },
		{ 72, 8, 500 }, { 72, 8, 1ul << 55 }, { 80, 4, ~0u }, { 80, 4, 16385 }, { 84, 4, 0 },
		{ 84, 4, 64 }, { 84, 4, 192 }, { 84, 4, 1024 }, { 84, 4, 1u << 31 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
		u8 *h = disk + 512;

		build(512);
		memset(disk + SIZE - 512, 0, 512);
		gpt_put(h + lies[i].at, lies[i].value, lies[i].size);
		gpt_put(h + 16, 0, 4);
		gpt_put(h + 16, gpt_crc32(0, h, 92), 4);
		assert_int_equal(find(512, "root"), -EINVAL);
	}
}

static void partitions_lie_within_the_disk(void **state unused)
{
	u8 *entries = gpt_test_entries(disk, 512);

	build(512);
	gpt_test_entry(entries, 2, 20, 100, "root");
	gpt_test_finish(disk, SIZE, 512);
	assert_int_equal(find(512, "root"), -ENOENT);
	gpt_test_entry(entries, 2, 100, 99, "root");
	gpt_test_finish(disk, SIZE, 512);
	assert_int_equal(find(512, "root"), -ENOENT);
	gpt_test_entry(entries, 2, 100, ~0ul, "root");
	gpt_test_finish(disk, SIZE, 512);
	assert_int_equal(find(512, "root"), -ENOENT);
	/* One of that name that is good comes later. */
	gpt_test_entry(entries, 9, 100, 101, "root");
	gpt_test_finish(disk, SIZE, 512);
	assert_int_equal(find(512, "root"), 0);
	assert_part(51200, 1024);
}

static void tiny_disks_have_none(void **state unused)
{
	const struct gpt_disk d = { disk_read, disk, 1024, 512, page };

	assert_int_equal(gpt_find(&d, "1", &part), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_checksum_is_that_of_ethernet),
		cmocka_unit_test(finds_by_name_and_by_number),
		cmocka_unit_test(says_what_is_not_there),
		cmocka_unit_test(names_are_unicode),
		cmocka_unit_test(the_copy_serves_where_the_first_is_damaged),
		cmocka_unit_test(two_damaged_tables_are_none),
		cmocka_unit_test(a_checked_table_is_still_not_believed),
		cmocka_unit_test(partitions_lie_within_the_disk),
		cmocka_unit_test(tiny_disks_have_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
