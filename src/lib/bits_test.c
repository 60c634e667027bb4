#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/bits.h"

static void the_lowest_bit_is_found_among_others(void **state unused)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		assert_int_equal(bits_lowest(BIT(bit)), bit);
		assert_int_equal(bits_lowest(~0ul << bit), bit);
		assert_int_equal(bits_lowest(BIT(bit) | BIT(63)), bit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lowest_bit_is_found_among_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
