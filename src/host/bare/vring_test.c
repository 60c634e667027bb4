/* The driver's side of a ring against a small device's side, good and bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/bare/vring_model.h"

#define SIZE 8

static struct vring ring;
static struct model model;
static void *memory;

static void start(u16 size, bool event_idx)
{
	free(memory);
	memory = calloc(1, vring_bytes(size));
	vring_init(&ring, size, event_idx, memory);
	model = (struct model){ .ring = &ring };
	model_want_notify(&model, true);
}

static int tear_down(void **state)
{
	(void)state;
	free(memory);
	memory = NULL;
	return 0;
}

static int take(void)
{
	u32 written;

	return vring_take(&ring, &written);
}

/* Chains come back in another order than they went, many times around. */
static void round_trips(bool event_idx)
{
	u32 written;

	start(SIZE, event_idx);
	for (unsigned round = 0; round < 20000; round++) {
		for (u16 i = 0; i < 3; i++)
			vring_put(&ring, (u16)((round + i) % SIZE));
		assert_int_equal(model_next(&model), -1);
		assert_true(vring_publish(&ring));
		assert_false(vring_publish(&ring));
		assert_int_equal(ring.in_flight, 3);
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(model_next(&model), (round + i) % SIZE);
		model_want_notify(&model, true);
		for (u32 i = 3; i > 0; i--)
			model_give(&model, (round + i - 1) % SIZE, i);
		for (u32 i = 3; i > 0; i--) {
			assert_int_equal(vring_take(&ring, &written), (round + i - 1) % SIZE);
			assert_int_equal(written, i);
		}
		assert_int_equal(take(), VRING_EMPTY);
		assert_int_equal(ring.in_flight, 0);
	}
}

static void test_round_trips(void **state)
{
	(void)state;
	round_trips(false);
	round_trips(true);
}

static void notifications(bool event_idx)
{
	start(SIZE, event_idx);
	model_want_notify(&model, false);
	vring_put(&ring, 0);
	assert_false(vring_publish(&ring));
	assert_int_equal(model_next(&model), 0);
	model_want_notify(&model, true);
	vring_put(&ring, 1);
	assert_true(vring_publish(&ring));
}

static void test_notifications(void **state)
{
	(void)state;
	notifications(false);
	notifications(true);
}

static void interrupts(bool event_idx)
{
	start(SIZE, event_idx);
	for (u16 i = 0; i < 4; i++)
		vring_put(&ring, i);
	vring_publish(&ring);
	assert_false(vring_interrupts(&ring, true));
	model_give(&model, 0, 0);
	assert_true(model_interrupts(&model, 0));
	assert_int_equal(take(), 0);
	assert_false(vring_interrupts(&ring, false));
	model_give(&model, 1, 0);
	assert_false(model_interrupts(&model, 1));
	/* It came while nobody would have been told. */
	assert_true(vring_interrupts(&ring, true));
	assert_int_equal(take(), 1);
	assert_false(vring_interrupts(&ring, true));
	model_give(&model, 2, 0);
	assert_true(model_interrupts(&model, 2));
}

static void test_interrupts(void **state)
{
	(void)state;
	interrupts(false);
	interrupts(true);
}

/* A device that gives back what it does not have, or more than it got. */
static void test_broken(void **state)
{
	(void)state;
	start(SIZE, true);
	vring_put(&ring, 3);
	vring_publish(&ring);
	model_give(&model, 4, 0);
	assert_int_equal(take(), VRING_BROKEN);

	start(SIZE, true);
	vring_put(&ring, 3);
	vring_publish(&ring);
	model_give(&model, 0xffffffff, 0);
	assert_int_equal(take(), VRING_BROKEN);

	start(SIZE, true);
	vring_put(&ring, 3);
	vring_publish(&ring);
	model_give(&model, 3, 0);
	model_give(&model, 3, 0);
	assert_int_equal(take(), VRING_BROKEN);

	start(SIZE, true);
	model_give(&model, 0, 0);
	assert_int_equal(take(), VRING_BROKEN);

	start(SIZE, true);
	vring_put(&ring, 3);
	vring_put(&ring, 5);
	model_give(&model, 3, 0);
	assert_int_equal(take(), 3);
	model_give(&model, 3, 0);
	assert_int_equal(take(), VRING_BROKEN);
}

/* Nothing of a ring lies outside of its memory, and the areas are aligned as 2.7 says. */
static void test_layout(void **state)
{
	(void)state;
	for (u16 size = 1; size <= VRING_SIZE_MAX; size = (u16)(size * 2)) {
		start(size, true);
		assert_true(is_aligned((u64)(uintptr_t)ring.used, 4));
		assert_true((u8 *)(ring.elements + size) + 2 <= (u8 *)memory + vring_bytes(size));
		assert_true((u8 *)&ring.avail[2 + size + 1] <= (u8 *)ring.used);
		for (u16 i = 0; i < size; i++)
			vring_put(&ring, i);
		assert_true(vring_publish(&ring));
		assert_int_equal(ring.in_flight, size);
		for (u16 i = 0; i < size; i++)
			model_give(&model, i, 0);
		for (u16 i = 0; i < size; i++)
			assert_int_equal(take(), i);
		vring_interrupts(&ring, true);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_round_trips, tear_down),
		cmocka_unit_test_teardown(test_notifications, tear_down),
		cmocka_unit_test_teardown(test_interrupts, tear_down),
		cmocka_unit_test_teardown(test_broken, tear_down),
		cmocka_unit_test_teardown(test_layout, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
