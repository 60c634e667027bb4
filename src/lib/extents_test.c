/* Extents against a bitmap that keeps the same books. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/extents.h"

#define UNITS 256

static struct extent slots[UNITS];
static struct extents x;
static bool model[UNITS];

static int set_up(void **state)
{
	(void)state;
	extents_init(&x, slots, UNITS);
	memset(model, 0, sizeof(model));
	return 0;
}

static void check(void)
{
	bool seen[UNITS] = { false };
	u64 bytes = 0;

	for (u32 i = 0; i < x.count; i++) {
		assert_true(x.slot[i].size > 0);
		if (i)
			assert_true(x.slot[i - 1].base + x.slot[i - 1].size < x.slot[i].base);
		for (u64 u = 0; u < x.slot[i].size; u++)
			seen[x.slot[i].base + u] = true;
		bytes += x.slot[i].size;
	}
	assert_memory_equal(seen, model, sizeof(model));
	assert_int_equal(bytes, x.bytes);
}

static void model_set(u64 base, u64 size, bool value)
{
	for (u64 u = base; u < base + size; u++)
		model[u] = value;
}

static u64 pick(u64 below)
{
	return (u64)rand() % below;
}

static void test_random(void **state)
{
	(void)state;
	srand(1);
	for (u32 i = 0; i < 20000; i++) {
		u64 base = pick(UNITS), size = 1 + pick(UNITS - base), align = BIT(pick(5));
		u64 at, got;

		if (size > 20)
			size = 20;
		if (base + size > UNITS)
			size = UNITS - base;
		switch (pick(4)) {
		case 0:
			extents_add(&x, base, size);
			model_set(base, size, true);
			break;
		case 1:
			extents_cut(&x, base, size);
			model_set(base, size, false);
			break;
		case 2:
			if (!extents_take_low(&x, size, align, &at))
				break;
			assert_true(is_aligned(at, align) && model[at]);
			model_set(at, size, false);
			break;
		default:
			got = extents_take_most(&x, size, align, &at);
			assert_true(got <= size && is_aligned(got, align));
			if (got)
				assert_true(is_aligned(at, align) && model[at]);
			model_set(at, got, false);
		}
		check();
	}
}

static void test_take_low(void **state)
{
	u64 at;

	(void)state;
	extents_add(&x, 5, 3);
	extents_add(&x, 16, 100);
	assert_true(extents_take_low(&x, 4, 4, &at));
	assert_int_equal(at, 16);
	assert_true(extents_take_low(&x, 2, 2, &at));
	assert_int_equal(at, 6);
	assert_false(extents_take_low(&x, 97, 1, &at));
}

static void test_take_most(void **state)
{
	u64 at;

	(void)state;
	extents_add(&x, 1, 40);
	extents_add(&x, 50, 100);
	extents_add(&x, 160, 36);
	/* 32 fit into each: the smallest gives them, at its end. */
	assert_int_equal(extents_take_most(&x, 32, 16, &at), 32);
	assert_int_equal(at, 160);
	/* Nobody has 128: the largest gives what it has in multiples of 16. */
	assert_int_equal(extents_take_most(&x, 130, 16, &at), 80);
	assert_int_equal(at, 64);
	assert_int_equal(extents_take_most(&x, 15, 16, &at), 0);
	assert_int_equal(extents_take_most(&x, 1000, 64, &at), 0);
}

static void test_edges(void **state)
{
	u64 at = 0;

	(void)state;
	/* The last page of the address space is nobody's: sums must not wrap. */
	extents_add(&x, ~0ul - 8191, 4096);
	assert_int_equal(extents_take_most(&x, BIT(40), BIT(30), &at), 0);
	assert_false(extents_take_low(&x, 1, BIT(63), &at));
	assert_true(extents_take_low(&x, 4096, 4096, &at));
	assert_int_equal(x.count, 0);
	assert_int_equal(x.bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_random, set_up),
		cmocka_unit_test_setup(test_take_low, set_up),
		cmocka_unit_test_setup(test_take_most, set_up),
		cmocka_unit_test_setup(test_edges, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
