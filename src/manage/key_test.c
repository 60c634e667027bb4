#include "manage/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The keys that the bytes make; KEY_NONE is left out. */
static unsigned decode(const char *bytes, int *keys)
{
	struct keys k = { 0 };
	unsigned n = 0;

	for (; *bytes; bytes++) {
		int key = key_decode(&k, (u8)*bytes);

		if (key != KEY_NONE)
			keys[n++] = key;
	}
	return n;
}

static void decodes(const char *bytes, int key)
{
	int keys[64];

	assert_int_equal(decode(bytes, keys), 1);
	assert_int_equal(keys[0], key);
}

static void plain_bytes(void **state)
{
	(void)state;
	decodes("a", 'a');
	decodes("\x1d", 0x1d);
	decodes("\xff", 0xff);
}

static void cursor_keys(void **state)
{
	(void)state;
	decodes("\x1b[A", KEY_UP);
	decodes("\x1bOB", KEY_DOWN);
	decodes("\x1b[C", KEY_RIGHT);
	decodes("\x1b[1;5D", KEY_LEFT);
	decodes("\x1b[H", KEY_HOME);
	decodes("\x1b[1~", KEY_HOME);
	decodes("\x1b[8~", KEY_END);
	decodes("\x1b[3~", KEY_DELETE);
	decodes("\x1b[3;5~", KEY_DELETE);
	decodes("\x1b[15~", KEY_OTHER);
	decodes("\x1bOP", KEY_OTHER);
	decodes("\x1bx", KEY_OTHER);
	decodes("\x1b\r", '\r');
	decodes("\x1b\x1b[A", KEY_UP);
}

static void sequences_end(void **state)
{
	int keys[128];
	unsigned n = decode("\x1b[1111111111111111111111111111", keys);

	(void)state;
	assert_true(n > 8);
	assert_int_equal(keys[n - 1], '1');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_bytes),
		cmocka_unit_test(cursor_keys),
		cmocka_unit_test(sequences_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
