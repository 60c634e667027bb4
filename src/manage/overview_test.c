#include "manage/overview.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "manage/screen.h"

static struct term term;
static struct overview o;
static struct overview_source a, b;

static int set_up(void **state)
{
	(void)state;
	screen_clear();
	term = (struct term){ .write = screen_write };
	o = (struct overview){ .term = &term };
	a = (struct overview_source){ .name = "a" };
	b = (struct overview_source){ .name = "b", .colour = 1 };
	return 0;
}

static void feed(struct overview_source *s, const char *text)
{
	overview_feed(&o, s, (const u8 *)text, (u32)strlen(text));
	term_flush(&term);
}

static void flush(struct overview_source *s)
{
	overview_flush(&o, s);
	term_flush(&term);
}

static void shows_whole_lines(void **state)
{
	(void)state;
	feed(&a, "hel");
	assert_string_equal(screen_raw, "");
	feed(&b, "one\r\ntw");
	feed(&a, "lo\n\n");
	feed(&b, "o\r\r\n");
	assert_string_equal(screen_raw, "[b] one\r\n[a] hello\r\n[a] \r\n[b] two\r\n");
}

static void shows_prompts(void **state)
{
	(void)state;
	feed(&a, "login: ");
	flush(&a);
	assert_string_equal(screen_raw, "[a] login: ");
	feed(&a, "root\n");
	assert_string_equal(screen_raw, "[a] login: root\r\n");
	screen_clear();
	feed(&a, "# ");
	flush(&a);
	feed(&b, "noise\n");
	feed(&a, "ls\n");
	assert_string_equal(screen_raw, "[a] # \r\n[b] noise\r\n[a] ls\r\n");
}

static void returns_overwrite(void **state)
{
	(void)state;
	feed(&a, "10%\r20%\r30%\r\n");
	assert_string_equal(screen_raw, "[a] 30%\r\n");
	screen_clear();
	feed(&a, "10%");
	flush(&a);
	feed(&a, "\r20%\n");
	assert_string_equal(screen_raw, "[a] 10%\r\n[a] 20%\r\n");
}

static void cuts_long_lines(void **state)
{
	char text[2 * OVERVIEW_LINE_MAX + 10];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	feed(&a, text);
	flush(&a);
	assert_int_equal(screen_row, 2);
	assert_int_equal(strlen(screen_line(1)), 4 + OVERVIEW_LINE_MAX);
	assert_string_equal(screen_line(0), "[a] xxxxxxxxx");
	/* Shown piecemeal, the line is as long at most. */
	set_up(NULL);
	for (unsigned i = 0; i < OVERVIEW_LINE_MAX + 5; i++) {
		feed(&a, "y");
		flush(&a);
	}
	assert_int_equal(strlen(screen_line(1)), 4 + OVERVIEW_LINE_MAX);
	assert_string_equal(screen_line(0), "[a] yyyyy");
}

/* Mostly text, with all that ends lines and begins sequences. */
static void fill_random(u8 *bytes, u32 len, u32 seed)
{
	static const u8 odd[] = { '\r', '\n', '\t', 0x1b, '[', ']', 7, 0xc3, 0xa4, 0xe2, 0x97, 0x8f };

	for (u32 i = 0; i < len; i++) {
		seed = seed * 1103515245 + 12345;
		bytes[i] = (seed >> 16) % 32 ? (u8)(' ' + (seed >> 16) % 95)
					     : odd[(seed >> 21) % sizeof(odd)];
	}
}

/* However the bytes are cut into pieces, the terminal shows the same. */
static void pieces_make_no_difference(void **state)
{
	static char whole[SCREEN_RAW];
	static const u32 pieces[] = { 1, 2, 7, 199, 200, 201, 256 };
	u8 bytes[4096];

	for (u32 seed = 0; seed < 8; seed++) {
		fill_random(bytes, sizeof(bytes), seed);
		set_up(state);
		overview_feed(&o, &a, bytes, sizeof(bytes));
		flush(&a);
		memcpy(whole, screen_raw, screen_used + 1);
		for (unsigned i = 0; i < ARRAY_SIZE(pieces); i++) {
			set_up(state);
			for (u32 at = 0; at < sizeof(bytes); at += pieces[i])
				overview_feed(&o, &a, bytes + at,
					      (u32)min_u64(pieces[i], sizeof(bytes) - at));
			flush(&a);
			assert_string_equal(screen_raw, whole);
		}
	}
}

static void guests_cannot_forge(void **state)
{
	(void)state;
	feed(&a, "x\x1b[2J\x1b[H\rbulkhead: all is well\n\x0b\x0c\x85[b] hi\n");
	assert_string_equal(screen_raw, "[a] bulkhead: all is well\r\n[a] ?[b] hi\r\n");
}

static void notes_and_says(void **state)
{
	(void)state;
	feed(&a, "half");
	overview_note(&o, &a, "12 bytes lost");
	feed(&b, "prompt>");
	flush(&b);
	overview_say(&o, "text", 4);
	overview_break(&o);
	term_flush(&term);
	assert_string_equal(screen_raw,
			    "[a] half\r\n[a] ... 12 bytes lost\r\n[b] prompt>\r\nbulkhead: text\r\n");
}

static void colours_prefixes(void **state)
{
	(void)state;
	term.colour = true;
	feed(&b, "\x1b[31mred\n");
	overview_say(&o, "x", 1);
	term_flush(&term);
	assert_string_equal(screen_raw, "\x1b[32m[b]\x1b[0m red\r\n\x1b[1mbulkhead: x\x1b[0m\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(shows_whole_lines, set_up),
		cmocka_unit_test_setup(shows_prompts, set_up),
		cmocka_unit_test_setup(returns_overwrite, set_up),
		cmocka_unit_test_setup(cuts_long_lines, set_up),
		cmocka_unit_test_setup(pieces_make_no_difference, set_up),
		cmocka_unit_test_setup(guests_cannot_forge, set_up),
		cmocka_unit_test_setup(notes_and_says, set_up),
		cmocka_unit_test_setup(colours_prefixes, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
