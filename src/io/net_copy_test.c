#include "io/net_copy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Blocks of their own, so that the sanitizer sees who leaves them. */
static void copy_once(unsigned to_at, unsigned from_at, u64 size)
{
	u8 *from = malloc(from_at + size), *to = malloc(to_at + size);

	for (u64 i = 0; i < size; i++)
		from[from_at + i] = (u8)(i * 7 + 1);
	memset(to, 0xee, to_at + size);
	net_copy(to + to_at, from + from_at, size);
	assert_memory_equal(to + to_at, from + from_at, size);
	for (unsigned i = 0; i < to_at; i++)
		assert_int_equal(to[i], 0xee);
	free(from);
	free(to);
}

static int setup(void **state unused)
{
	net_copy_host = (struct net_copy_host){ 0 };
	return 0;
}

static int setup_able(void **state unused)
{
	net_copy_host = (struct net_copy_host){ .misaligned = true, .zero_line = true };
	return 0;
}

static void copies_from_anywhere_to_anywhere(void **state unused)
{
	for (unsigned to = 0; to < 8; to++)
		for (unsigned from = 0; from < 8; from++)
			for (u64 size = 1; size < 200; size++)
				copy_once(to, from, size);
}

static void copies_large_pieces(void **state unused)
{
	for (unsigned at = 0; at < 64; at++)
		copy_once(at / 8, at % 8, 65536 + at);
}

static void copies_nothing(void **state unused)
{
	u8 byte = 1, other = 2;

	net_copy(&byte, &other, 0);
	assert_int_equal(byte, 1);
}

static void wipes_lines(void **state unused)
{
	u8 *lines = aligned_alloc(NET_LINE, 12 * NET_LINE);

	for (unsigned count = 0; count < 11; count++) {
		memset(lines, 0xff, 12 * NET_LINE);
		net_wipe(lines + NET_LINE, count * NET_LINE);
		for (unsigned i = 0; i < 12 * NET_LINE; i++) {
			bool wiped = i / NET_LINE > 0 && i / NET_LINE <= count;

			assert_int_equal(lines[i], wiped ? 0 : 0xff);
		}
	}
	free(lines);
}

#define T(f) \
	cmocka_unit_test_setup(f, setup), \
	{ #f ", able", f, setup_able, NULL, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(copies_from_anywhere_to_anywhere),
		T(copies_large_pieces),
		T(copies_nothing),
		T(wipes_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
