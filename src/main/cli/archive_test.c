#include "main/cli/archive.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cpio.h"

static char *bytes;
static size_t size;
static struct archive archive;

static int setup(void **state unused)
{
	FILE *out = open_memstream(&bytes, &size);

	assert_non_null(out);
	archive_start(&archive, out);
	return 0;
}

static int teardown(void **state unused)
{
	fclose(archive.out);
	free(bytes);
	return 0;
}

static void is_read_back(void **state unused)
{
	struct cpio_entry entry;
	u64 offset = 0;

	archive_add_data(&archive, "system.dtb", "abc", 3);
	archive_add_data(&archive, "Image", "hello", 5);
	assert_int_equal(archive_finish(&archive), 0);
	assert_int_equal(size, archive.offset);
	assert_true(size <= archive_size_bound(2, 8));

	assert_int_equal(cpio_next(bytes, size, &offset, &entry), 1);
	assert_string_equal(entry.name, "system.dtb");
	assert_int_equal(entry.name_size, 10);
	assert_int_equal(entry.size, 3);
	assert_int_equal((entry.data - (u8 *)bytes) % ARCHIVE_ALIGN, 0);
	assert_int_equal(cpio_next(bytes, size, &offset, &entry), 1);
	assert_string_equal(entry.name, "Image");
	assert_memory_equal(entry.data, "hello", 5);
	assert_int_equal((entry.data - (u8 *)bytes) % ARCHIVE_ALIGN, 0);
	assert_int_equal(cpio_next(bytes, size, &offset, &entry), 0);
}

/* Every length of a name must leave the data at a page boundary. */
static void aligns_behind_any_name(void **state unused)
{
	char name[256] = "";
	struct cpio_entry entry;
	u64 offset = 0;

	for (unsigned i = 1; i < sizeof(name); i++) {
		name[i - 1] = 'n';
		archive_add_data(&archive, name, name, i);
	}
	assert_int_equal(archive_finish(&archive), 0);
	for (unsigned i = 1; i < sizeof(name); i++) {
		assert_int_equal(cpio_next(bytes, size, &offset, &entry), 1);
		assert_int_equal(entry.name_size, i);
		assert_int_equal(entry.size, i);
		assert_int_equal((entry.data - (u8 *)bytes) % ARCHIVE_ALIGN, 0);
	}
	assert_int_equal(cpio_next(bytes, size, &offset, &entry), 0);
}

static void keeps_the_first_error(void **state unused)
{
	archive_add_file(&archive, "x", "/nonexistent/file", 5);
	assert_int_equal(archive.error, ENOENT);
	archive_add_data(&archive, "y", "abc", 3);
	assert_int_equal(archive_finish(&archive), ENOENT);
}

static void wants_whole_files(void **state unused)
{
	char path[] = "/tmp/archive-test.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "12345", 5), 5);
	close(fd);
	archive_add_file(&archive, "x", path, 5);
	assert_int_equal(archive.error, 0);
	archive_add_file(&archive, "y", path, 6);
	assert_int_equal(archive_finish(&archive), EIO);
	unlink(path);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(is_read_back),
		CASE(aligns_behind_any_name),
		CASE(keeps_the_first_error),
		CASE(wants_whole_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
