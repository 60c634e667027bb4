#include "manage/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { SIZE = 16 };

static u8 data[SIZE];
static struct history h;

static int set_up(void **state)
{
	(void)state;
	history_init(&h, data, SIZE);
	return 0;
}

static unsigned push(const char *text)
{
	unsigned wakes = 0;

	for (; *text; text++)
		wakes += history_push(&h, (u8)*text);
	return wakes;
}

static const char *take(u32 max, u32 *lost)
{
	static char text[64];
	u32 n = history_take(&h, (u8 *)text, max, lost);

	text[n] = '\0';
	return text;
}

static void wakes_seldom(void **state)
{
	u32 lost;

	(void)state;
	assert_int_equal(push("abc"), 1);
	assert_string_equal(take(63, &lost), "abc");
	assert_int_equal(push("d"), 1);
	assert_int_equal(push("efghij"), 0);
	assert_int_equal(push("k"), 1); /* half of it is unseen */
	assert_int_equal(push("lmnopqrstuvwxyz"), 0);
}

static void wakes_after_a_part_was_taken(void **state)
{
	u32 lost;

	(void)state;
	push("abcd");
	assert_string_equal(take(2, &lost), "ab");
	assert_int_equal(push("efghi"), 0);
	assert_int_equal(push("j"), 1); /* half of it is unseen */
	history_skip(&h, history_end(&h));
	assert_int_equal(push("k"), 1);
	history_append(&h, "lmnop", 5);
	assert_string_equal(take(63, &lost), "klmnop");
	assert_int_equal(push("q"), 1);
}

static void counts_what_is_lost(void **state)
{
	u32 lost;

	(void)state;
	push("0123456789");
	take(4, &lost);
	push("abcdefghijklm");
	assert_string_equal(take(5, &lost), "789ab");
	assert_int_equal(lost, 3);
	assert_string_equal(take(63, &lost), "cdefghijklm");
	assert_int_equal(lost, 0);
	assert_string_equal(take(63, &lost), "");
	for (unsigned i = 0; i < 1000; i++)
		push("0123456789");
	assert_string_equal(take(63, &lost), "4567890123456789");
	assert_int_equal(lost, 10000 - SIZE);
}

static void counters_wrap(void **state)
{
	u32 lost;

	(void)state;
	h.ring.head = h.ring.tail = h.shown = (u32)-5;
	push("0123456789");
	assert_string_equal(take(63, &lost), "0123456789");
	push("abcdefghijklmnopqrst");
	assert_string_equal(take(63, &lost), "efghijklmnopqrst");
	assert_int_equal(lost, 4);
}

static void tail_begins_with_a_line(void **state)
{
	u32 pos, n;
	u8 buf[SIZE];

	(void)state;
	push("one\ntwo\nthree");
	pos = history_tail(&h, 100);
	assert_int_equal(pos, 0);
	assert_int_equal(history_tail(&h, 7), 8);
	assert_int_equal(history_tail(&h, 9), 4);
	push("\nfour\n");
	pos = history_tail(&h, 100);
	assert_int_equal(pos, 4);
	n = history_read(&h, &pos, buf, sizeof(buf));
	assert_int_equal(n, 15);
	assert_memory_equal(buf, "two\nthree\nfour\n", 15);
	push("endlessendlessendless");
	assert_int_equal(history_tail(&h, 5), history_end(&h) - 5);
}

static void reads_lines(void **state)
{
	u32 pos = 0;
	char line[6];

	(void)state;
	push("one\n\nlonglong\npart");
	assert_int_equal(history_line(&h, &pos, line, sizeof(line)), 0);
	assert_string_equal(line, "");
	assert_int_equal(history_line(&h, &pos, line, sizeof(line)), 5);
	assert_string_equal(line, "longl");
	assert_int_equal(history_line(&h, &pos, line, sizeof(line)), -1);
	push("ial\n");
	assert_int_equal(history_line(&h, &pos, line, sizeof(line)), 5);
	assert_string_equal(line, "parti");
	assert_int_equal(history_line(&h, &pos, line, sizeof(line)), -1);
	assert_int_equal(pos, history_end(&h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(wakes_seldom, set_up),
		cmocka_unit_test_setup(wakes_after_a_part_was_taken, set_up),
		cmocka_unit_test_setup(counts_what_is_lost, set_up),
		cmocka_unit_test_setup(counters_wrap, set_up),
		cmocka_unit_test_setup(tail_begins_with_a_line, set_up),
		cmocka_unit_test_setup(reads_lines, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
