#include "vm/config_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void parses_sizes(void **state unused)
{
	u64 bytes = 0;

	assert_true(config_size_parse("4K", &bytes));
	assert_int_equal(bytes, 4096);
	assert_true(config_size_parse("256M", &bytes));
	assert_int_equal(bytes, 256 * MIB);
	assert_true(config_size_parse("007G", &bytes));
	assert_int_equal(bytes, 7 * GIB);
	assert_true(config_size_parse("1T", &bytes));
	assert_int_equal(bytes, 1024 * GIB);
	assert_true(config_size_parse("18446744073709551616K", &bytes));
	assert_true(bytes == UINT64_MAX);
	assert_true(config_size_parse("16777216T", &bytes));
	assert_true(bytes == UINT64_MAX);
}

static void refuses_what_is_no_size(void **state unused)
{
	static const char *const bad[] = { "", "M", "256", "-1M", "1.5G", "256m", "256MB", " 1M",
					   "1M ", "0x10M", "1MM" };
	u64 bytes = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(config_size_parse(bad[i], &bytes));
}

static void writes_sizes(void **state unused)
{
	char text[CONFIG_SIZE_TEXT];

	assert_string_equal(config_size_text(text, 0), "0");
	assert_string_equal(config_size_text(text, 1000), "1000");
	assert_string_equal(config_size_text(text, 6 * KIB), "6K");
	assert_string_equal(config_size_text(text, 528 * MIB), "528M");
	assert_string_equal(config_size_text(text, 2 * GIB), "2G");
	assert_string_equal(config_size_text(text, UINT64_MAX), "18446744073709551615");
}

static void finds_near_words(void **state unused)
{
	static const char *const known[] = { "vcpus", "memory", "kernel", "initrd", "bootargs",
					     "harts", "start", "restart", "dedicated" };
	static const struct {
		const char *word, *near;
	} cases[] = {
		{ "cpus", "vcpus" },	  { "cpu", "vcpus" },	     { "VCPUs", "vcpus" },
		{ "mem", "memory" },	  { "memroy", "memory" },    { "kernal", "kernel" },
		{ "initramfs", NULL },	  { "args", "bootargs" },    { "hart", "harts" },
		{ "restrat", "restart" }, { "dedicate", "dedicated" }, { "zzz", NULL },
		{ "", NULL },		  { "x", NULL },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *near = config_nearest(cases[i].word, known, ARRAY_SIZE(known));

		if (cases[i].near) {
			assert_non_null(near);
			assert_string_equal(near, cases[i].near);
		} else {
			assert_null(near);
		}
	}
	assert_null(config_nearest("memory", NULL, 0));
}

static void bears_long_words(void **state unused)
{
	char word[200];
	const char *known[] = { word, "memory" };

	for (unsigned i = 0; i < sizeof(word) - 1; i++)
		word[i] = 'm';
	word[sizeof(word) - 1] = '\0';
	assert_null(config_nearest(word, known + 1, 1));
	assert_string_equal(config_nearest("memor", known, 2), "memory");
	word[40] = '\0';
	assert_string_equal(config_nearest(word, known, 2), word);
}

static void reads_mac_addresses(void **state unused)
{
	static const char *const bad[] = {
		"", "52:54:00:12:34", "52:54:00:12:34:5", "52:54:00:12:34:567", "52:54:00:12:34:5g",
		"52-54-00-12-34-56", "52:54:00:12:34:56:", " 2:54:00:12:34:56", "525:4:00:12:34:56",
	};
	static const u8 right[6] = { 0x52, 0x54, 0x00, 0xab, 0xcd, 0xef };
	char text[CONFIG_MAC_TEXT];
	u8 mac[6] = { 0 };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(config_mac_parse(bad[i], mac));
	assert_memory_equal(mac, (const u8[6]){ 0 }, 6);
	assert_true(config_mac_parse("52:54:00:aB:Cd:EF", mac));
	assert_memory_equal(mac, right, 6);
	assert_string_equal(config_mac_text(text, mac), "52:54:00:ab:cd:ef");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_sizes),
		cmocka_unit_test(refuses_what_is_no_size),
		cmocka_unit_test(writes_sizes),
		cmocka_unit_test(reads_mac_addresses),
		cmocka_unit_test(finds_near_words),
		cmocka_unit_test(bears_long_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
