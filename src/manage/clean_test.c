#include "manage/clean.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char *cleaned_bytes(const char *in, size_t len)
{
	static char text[4096];
	struct clean c = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char out[CLEAN_OUT_MAX];
		unsigned got = clean_byte(&c, (u8)in[i], out);

		assert_true(got <= CLEAN_OUT_MAX);
		memcpy(text + n, out, got);
		n += got;
	}
	text[n] = '\0';
	return text;
}

static const char *cleaned(const char *in)
{
	return cleaned_bytes(in, strlen(in));
}

static void passes_text(void **state)
{
	(void)state;
	assert_string_equal(cleaned("hello,\tworld\r\n"), "hello,\tworld\r\n");
	assert_string_equal(cleaned("\xe2\x97\x8f \xc3\xa4 \xf0\x9f\x90\xa7."),
			    "\xe2\x97\x8f \xc3\xa4 \xf0\x9f\x90\xa7.");
}

static void drops_controls(void **state)
{
	(void)state;
	assert_string_equal(cleaned("a\a\b\x7f\x0e\x0f" "b"), "ab");
	assert_string_equal(cleaned_bytes("a\0b", 3), "ab");
}

static void drops_sequences(void **state)
{
	(void)state;
	assert_string_equal(cleaned("\x1b[1;31mred\x1b[0m \x1b[?25lx\x1b[2Jy"), "red xy");
	assert_string_equal(cleaned("\x1b]0;title\ax\x1b]2;t\x1b\\y"), "xy");
	assert_string_equal(cleaned("\x1bP1$r\x1b\\x\x1b(By\x1b" "7z"), "xyz");
	assert_string_equal(cleaned("\x1b]0;t\x1b[1mx"), "x");
	assert_string_equal(cleaned("\x1b\x1b[1mx\x1b[\x1b[1my"), "xy");
	/* C1 controls: as single bytes, and in UTF-8 */
	assert_string_equal(cleaned("\x9b" "2J"), "?2J");
	assert_string_equal(cleaned("\xc2\x9b" "2J"), "?2J");
}

static void sequences_end(void **state)
{
	char text[2000];

	(void)state;
	assert_string_equal(cleaned("\x1b]never\nseen"), "\nseen");
	assert_string_equal(cleaned("\x1b[12\rx"), "\rx");
	memset(text, '1', sizeof(text));
	memcpy(text, "\x1b[", 2);
	assert_true(strlen(cleaned_bytes(text, sizeof(text))) > 1900);
	memset(text, ' ', sizeof(text));
	text[0] = '\x1b';
	assert_true(strlen(cleaned_bytes(text, sizeof(text))) > 1900);
	memcpy(text, "\x1b]", 2);
	assert_true(strlen(cleaned_bytes(text, sizeof(text))) > 1400);
}

static void refuses_bad_utf8(void **state)
{
	(void)state;
	assert_string_equal(cleaned("\x80\xff\xc0"), "???");
	assert_string_equal(cleaned("\xc3x"), "?x");
	assert_string_equal(cleaned("\xc3\n"), "?\n");
	assert_string_equal(cleaned("\xe2\x97\xc3\xa4"), "?\xc3\xa4");
	assert_string_equal(cleaned("\xe0\x80\xaf"), "?");     /* overlong */
	assert_string_equal(cleaned("\xed\xa0\x80"), "?");     /* surrogate */
	assert_string_equal(cleaned("\xf4\x90\x80\x80"), "?"); /* beyond Unicode */
	assert_string_equal(cleaned("\xe2\x80\xae" "x"), "?x"); /* right-to-left override */
	assert_string_equal(cleaned("\xc3\x1b[1mx"), "?x");
}

/* All that clean_plain() counts, and no more of printable ASCII and tabs, passes one by one. */
static void knows_plain_bytes(void **state)
{
	static const char *const begun[] = { "\x1b", "\x1b[1", "\x1b]t", "\x1b]t\x1b", "\xe2\x97" };
	const u8 *text = (const u8 *)"plain\ttext~ \r\n";

	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		struct clean c = { 0 };
		u8 in = (u8)byte;
		char out[CLEAN_OUT_MAX];
		bool shown = clean_byte(&c, in, out) == 1 && (u8)out[0] == in;

		clean_reset(&c);
		assert_int_equal(clean_plain(&c, &in, 1), shown && in != '\r' && in != '\n');
	}
	for (unsigned i = 0; i < ARRAY_SIZE(begun); i++) {
		struct clean c = { 0 };
		char out[CLEAN_OUT_MAX];

		assert_int_equal(clean_plain(&c, text, 14), 12);
		assert_int_equal(clean_plain(&c, text, 4), 4);
		assert_int_equal(clean_plain(&c, text, 0), 0);
		for (const char *b = begun[i]; *b; b++)
			clean_byte(&c, (u8)*b, out);
		assert_int_equal(clean_plain(&c, text, 14), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_text),
		cmocka_unit_test(drops_controls),
		cmocka_unit_test(drops_sequences),
		cmocka_unit_test(sequences_end),
		cmocka_unit_test(refuses_bad_utf8),
		cmocka_unit_test(knows_plain_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
