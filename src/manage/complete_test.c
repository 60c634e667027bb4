#include "manage/complete.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char *word(unsigned n)
{
	static const char *const words[] = { "start", "stop", "restart", "status", "list" };

	return n < ARRAY_SIZE(words) ? words[n] : NULL;
}

static void completes(const char *start, unsigned count, const char *common)
{
	struct completion c = complete_find(word, start, strlen(start));

	assert_int_equal(c.count, count);
	if (!count)
		return;
	assert_int_equal(c.common, strlen(common));
	assert_memory_equal(c.first, common, c.common);
}

static void finds(void **state)
{
	(void)state;
	completes("l", 1, "list");
	completes("s", 3, "st");
	completes("sta", 2, "sta");
	completes("stat", 1, "status");
	completes("list", 1, "list");
	completes("lists", 0, "");
	completes("", 5, "");
}

static void guesses(void **state)
{
	char text[300];

	(void)state;
	assert_string_equal(complete_nearest(word, "lsit"), "list");
	assert_string_equal(complete_nearest(word, "stpo"), "stop");
	assert_string_equal(complete_nearest(word, "rest"), "restart");
	assert_string_equal(complete_nearest(word, "restrat"), "restart");
	assert_null(complete_nearest(word, "quux"));
	assert_null(complete_nearest(word, ""));
	memset(text, 's', sizeof(text));
	text[299] = '\0';
	assert_null(complete_nearest(word, text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds),
		cmocka_unit_test(guesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
