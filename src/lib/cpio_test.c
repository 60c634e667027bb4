#include "lib/cpio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char archive[4096];
static u64 used;

static void put(const void *data, u64 size, u64 align)
{
	assert_true(used + size + align <= sizeof(archive));
	memcpy(archive + used, data, size);
	used = align_up(used + size, align);
}

/* Appends a file; its name takes @name_size bytes, NULs included. */
static void put_file(const char *name, u64 name_size, const char *data, u64 size)
{
	char header[128], padded[256] = "";

	snprintf(header, sizeof(header), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		 1, 0100644, 0, 0, 1, 0, (unsigned)size, 0, 0, 0, 0, (unsigned)name_size, 0);
	put(header, 110, 1);
	assert_true(strlen(name) < name_size && name_size <= sizeof(padded));
	memcpy(padded, name, strlen(name));
	put(padded, name_size, 4);
	put(data, size, 4);
}

static int setup(void **state unused)
{
	memset(archive, 0, sizeof(archive));
	used = 0;
	put_file("system.dtb", 11, "abc", 3);
	put_file("Image", 146, "hello", 5);
	put_file("empty", 6, "", 0);
	put_file("TRAILER!!!", 11, "", 0);
	return 0;
}

/* Steps through a copy that ends where the archive does, so that a sanitizer sees the edge. */
static int walk(u64 size, unsigned *files)
{
	char *copy = malloc(size ? size : 1);
	struct cpio_entry entry;
	u64 offset = 0;
	int got;

	memcpy(copy, archive, size);
	*files = 0;
	while ((got = cpio_next(copy, size, &offset, &entry)) > 0) {
		assert_true(entry.name[entry.name_size] == '\0');
		for (u64 i = 0; i < entry.size; i++)
			*(volatile const u8 *)&entry.data[i];
		(*files)++;
	}
	free(copy);
	return got;
}

static void reads_files(void **state unused)
{
	struct cpio_entry entry;
	u64 offset = 0;

	assert_int_equal(cpio_next(archive, used, &offset, &entry), 1);
	assert_string_equal(entry.name, "system.dtb");
	assert_int_equal(entry.name_size, 10);
	assert_int_equal(entry.size, 3);
	assert_memory_equal(entry.data, "abc", 3);
	assert_int_equal(cpio_next(archive, used, &offset, &entry), 1);
	assert_string_equal(entry.name, "Image");
	assert_int_equal(entry.name_size, 5);
	assert_memory_equal(entry.data, "hello", 5);
	assert_int_equal(cpio_next(archive, used, &offset, &entry), 1);
	assert_int_equal(entry.size, 0);
	assert_int_equal(cpio_next(archive, used, &offset, &entry), 0);
	assert_int_equal(cpio_next(archive, used, &offset, &entry), 0);
}

static void refuses_archives_that_were_cut(void **state unused)
{
	unsigned files;

	assert_int_equal(walk(used, &files), 0);
	assert_int_equal(files, 3);
	/* The last byte is the padding of the trailer. */
	for (u64 size = 0; size < used - 3; size++)
		assert_int_equal(walk(size, &files), -1);
}

static void refuses_bad_headers(void **state unused)
{
	static const struct {
		u64 offset;
		const char *bytes;
	} cases[] = {
		{ 0, "070702" },        /* the format with checksums */
		{ 54, "0000000g" },     /* not a digit */
		{ 54, "ffffffff" },     /* a size beyond the archive */
		{ 94, "00000000" },     /* no name at all */
		{ 94, "0000000a" },     /* a name without its NUL */
		{ 94, "ffffffff" },
	};
	unsigned files;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		setup(NULL);
		memcpy(archive + cases[i].offset, cases[i].bytes, strlen(cases[i].bytes));
		assert_int_equal(walk(used, &files), -1);
		assert_int_equal(files, 0);
	}
}

static void bears_any_offset(void **state unused)
{
	struct cpio_entry entry;
	u64 offset = UINT64_MAX;

	assert_int_equal(cpio_next(archive, used, &offset, &entry), -1);
	offset = used;
	assert_int_equal(cpio_next(archive, used, &offset, &entry), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(reads_files, setup),
		cmocka_unit_test_setup(refuses_archives_that_were_cut, setup),
		cmocka_unit_test_setup(refuses_bad_headers, setup),
		cmocka_unit_test_setup(bears_any_offset, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
