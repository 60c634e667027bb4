#include "manage/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void sizes(void **state)
{
	char b[FORMAT_MAX];

	(void)state;
	assert_string_equal(format_size(b, 0), "0 bytes");
	assert_string_equal(format_size(b, 1023), "1023 bytes");
	assert_string_equal(format_size(b, 4096), "4 KiB");
	assert_string_equal(format_size(b, 256 * MIB), "256 MiB");
	assert_string_equal(format_size(b, GIB + 512 * MIB), "1.5 GiB");
	assert_string_equal(format_size(b, 2 * MIB - 1), "1.9 MiB");
	assert_string_equal(format_size(b, ~0ul), "15.9 EiB");
}

static void harts(void **state)
{
	char b[FORMAT_MAX];

	(void)state;
	assert_string_equal(format_harts(b, 0), "any");
	assert_string_equal(format_harts(b, 1), "0");
	assert_string_equal(format_harts(b, 0xd), "0,2-3");
	assert_string_equal(format_harts(b, ~0ul), "0-63");
	assert_string_equal(format_harts(b, 1ul << 63 | 6), "1-2,63");
	format_harts(b, 0x5555555555555555);
	assert_true(strlen(b) < FORMAT_MAX);
	assert_string_equal(b + strlen(b) - 4, ",...");
}

static void durations(void **state)
{
	char b[FORMAT_MAX];

	(void)state;
	assert_string_equal(format_duration(b, 0), "0:00:00");
	assert_string_equal(format_duration(b, 3723), "1:02:03");
	assert_string_equal(format_duration(b, 86400), "1 day 0:00:00");
	assert_string_equal(format_duration(b, 200000), "2 days 7:33:20");
	assert_true(strlen(format_duration(b, ~0ul)) < FORMAT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(harts),
		cmocka_unit_test(durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
