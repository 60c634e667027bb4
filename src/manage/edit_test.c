#include "manage/edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "manage/screen.h"

static struct term term;
static struct edit e;

static int set_up(void **state)
{
	(void)state;
	screen_clear();
	term = (struct term){ .write = screen_write };
	e = (struct edit){ .term = &term };
	edit_begin(&e, "> ");
	return 0;
}

static enum edit_event type(const char *keys)
{
	enum edit_event event = EDIT_NONE;

	for (; *keys; keys++)
		event = edit_key(&e, (u8)*keys);
	term_flush(&term);
	return event;
}

/* What is seen, and the column of the cursor in the line. */
static void sees(const char *line, unsigned cursor)
{
	char shown[SCREEN_COLUMNS + 2];

	snprintf(shown, sizeof(shown), "> %s", line);
	assert_string_equal(screen_line(0), shown);
	assert_int_equal(screen_column, 2 + cursor);
	assert_string_equal(e.line, line);
}

static void types_and_enters(void **state)
{
	(void)state;
	assert_int_equal(type("list"), EDIT_NONE);
	sees("list", 4);
	assert_int_equal(type("\r"), EDIT_LINE);
	assert_string_equal(e.line, "list");
	edit_begin(&e, "> ");
	assert_int_equal(type("\n"), EDIT_NONE); /* of "\r\n" */
	assert_int_equal(type("\n"), EDIT_LINE);
}

static void moves_and_changes(void **state)
{
	(void)state;
	type("ac\x1b[Db");
	sees("abc", 2);
	type("\x01x\x05y");
	sees("xabcy", 5);
	type("\x1b[H\x1b[3~");
	sees("abcy", 0);
	type("\x7f\x1b[D");
	sees("abcy", 0);
	type("\x1b[C\x1b[C\b");
	sees("acy", 1);
	type("\x0b");
	sees("a", 1);
	type("bc de  \x17");
	sees("abc ", 4);
	type("\x17");
	sees("", 0);
	type("abc\x02\x15");
	sees("c", 0);
	type("\x04\x04");
	sees("", 0);
}

static void events(void **state)
{
	(void)state;
	assert_int_equal(type("\t"), EDIT_COMPLETE);
	assert_int_equal(type("a\x04"), EDIT_NONE);
	assert_int_equal(type("\x03"), EDIT_CANCEL);
	edit_begin(&e, "> ");
	assert_int_equal(type("\x04"), EDIT_END);
	assert_int_equal(type("\xff\x80\x1b[20~\x01\x02\x05\x06\x0e\x10\x0c"), EDIT_NONE);
	sees("", 0);
}

static void enter_line(const char *line)
{
	type(line);
	type("\r");
	edit_remember(&e);
	edit_begin(&e, "> ");
}

static void recalls(void **state)
{
	(void)state;
	type("\x1b[A\x1b[B");
	sees("", 0);
	enter_line("one");
	enter_line("two");
	enter_line("two");
	enter_line("");
	type("new\x1b[A");
	sees("two", 3);
	type("\x1b[A\x1b[A\x10");
	sees("one", 3);
	type("\x1b[B\x1b[B\x1b[B");
	sees("new", 3);
}

static void forgets_the_oldest(void **state)
{
	char line[16];

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		snprintf(line, sizeof(line), "line%u", i);
		enter_line(line);
	}
	for (unsigned i = 0; i < 30; i++)
		type("\x1b[A");
	sees("line4", 5);
}

static void scrolls_sideways(void **state)
{
	char text[EDIT_LINE_MAX + 40];

	(void)state;
	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = (char)('0' + i % 10);
	text[sizeof(text) - 1] = '\0';
	type(text);
	assert_int_equal(strlen(e.line), EDIT_LINE_MAX - 1);
	assert_memory_equal(e.line, text, EDIT_LINE_MAX - 1);
	assert_true(strlen(screen_line(0)) <= 79);
	assert_int_equal(screen_line(0)[screen_column - 1], '8');
	type("\x01");
	assert_int_equal(strlen(screen_line(0)), 79);
	assert_int_equal(screen_column, 2);
	for (unsigned i = 0; i < 100; i++)
		type("\x1b[C");
	assert_int_equal(screen_line(0)[screen_column], '0');
}

static void hides_and_redraws(void **state)
{
	(void)state;
	type("text\x1b[D");
	edit_hide(&e);
	term_flush(&term);
	assert_string_equal(screen_line(0), "");
	edit_redraw(&e);
	term_flush(&term);
	sees("text", 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(types_and_enters, set_up),
		cmocka_unit_test_setup(moves_and_changes, set_up),
		cmocka_unit_test_setup(events, set_up),
		cmocka_unit_test_setup(recalls, set_up),
		cmocka_unit_test_setup(forgets_the_oldest, set_up),
		cmocka_unit_test_setup(scrolls_sideways, set_up),
		cmocka_unit_test_setup(hides_and_redraws, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
