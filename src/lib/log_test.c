#include "lib/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char last[512];
static size_t last_len;
static unsigned lines;

static void remember(const char *line, size_t len)
{
	assert_true(len < sizeof(last));
	memcpy(last, line, len);
	last[len] = '\0';
	last_len = len;
	lines++;
}

static int setup(void **state unused)
{
	lines = 0;
	log_set_sink(remember);
	return 0;
}

static void formats_one_line(void **state unused)
{
	log_line("vm %d: %s", 3, "ready");
	assert_string_equal(last, "vm 3: ready");
	assert_int_equal(last_len, 11);
	assert_int_equal(lines, 1);
}

static void is_silent_without_a_sink(void **state unused)
{
	log_set_sink(NULL);
	log_line("nobody hears this");
	assert_int_equal(lines, 0);
}

static void cuts_long_lines(void **state unused)
{
	char text[300];

	memset(text, 'x', sizeof(text));
	text[255] = '\0';
	log_line("%s", text);
	assert_int_equal(last_len, 255);
	assert_string_equal(last, text);

	text[255] = 'x';
	text[256] = '\0';
	log_line("%s", text);
	assert_int_equal(last_len, 255);
	assert_string_equal(last + 251, "x...");
}

static void hides_control_characters(void **state unused)
{
	log_line("name\nforged\t\x1b[2J\x7f");
	assert_string_equal(last, "name?forged ?[2J?");
	assert_int_equal(lines, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(formats_one_line, setup),
		cmocka_unit_test_setup(is_silent_without_a_sink, setup),
		cmocka_unit_test_setup(cuts_long_lines, setup),
		cmocka_unit_test_setup(hides_control_characters, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
