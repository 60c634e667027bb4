/* The scheduler's policy, step by step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sched/sched.h"

#define SLICE 50

static struct sched s;
static struct sched_task t[8];

static int set_up(void **state)
{
	(void)state;
	sched_init(&s, 4, SLICE);
	for (u32 h = 0; h < 4; h++)
		sched_hart_online(&s, h);
	return 0;
}

static u32 index_of(const struct sched_task *task)
{
	return task ? (u32)(task - t) : 99;
}

/* Adds task i and lets it run on its hart. */
static void start(u32 i, u64 allowed, bool dedicated)
{
	sched_add(&s, &t[i], allowed, dedicated);
	sched_wake(&s, &t[i]);
	assert_int_equal(index_of(sched_pick(&s, t[i].hart, 0)), i);
}

static void test_idle_harts_first(void **state)
{
	(void)state;
	for (u32 i = 0; i < 4; i++)
		start(i, 0, false);
	assert_int_equal(s.idle, 0);
	assert_int_equal(t[0].hart | t[1].hart << 4 | t[2].hart << 8 | t[3].hart << 12, 0x3210);
	/* A hart that a task was queued for is no longer free for the next. */
	for (u32 i = 0; i < 4; i++)
		sched_block(&s, &t[i]);
	for (u32 h = 0; h < 4; h++)
		assert_null(sched_pick(&s, h, 0));
	assert_int_equal(sched_wake(&s, &t[2]), BIT(2));
	t[3].hart = 2;
	assert_int_equal(sched_wake(&s, &t[3]), BIT(0));
	assert_int_equal(sched_wake(&s, &t[3]), 0);
}

static void test_round_robin(void **state)
{
	(void)state;
	start(0, 1, false);
	assert_int_equal(sched_slice_end(&s, 0), SCHED_NEVER);
	sched_add(&s, &t[1], 1, false);
	sched_add(&s, &t[2], 1, false);
	assert_int_equal(sched_wake(&s, &t[1]), 1);
	assert_int_equal(sched_wake(&s, &t[2]), 1);
	assert_int_equal(sched_slice_end(&s, 0), SLICE);
	for (u32 i = 0; i < 9; i++) {
		assert_int_equal(sched_requeue(&s, s.hart[0].running), 1);
		assert_int_equal(index_of(sched_pick(&s, 0, i)), (i + 1) % 3);
		assert_int_equal(sched_slice_end(&s, 0), i + SLICE);
	}
	/* Others may not take them. */
	assert_null(sched_pick(&s, 1, 0));
}

static void test_steal(void **state)
{
	(void)state;
	for (u32 i = 0; i < 4; i++)
		start(i, 0, false);
	for (u32 i = 4; i < 6; i++) {
		sched_add(&s, &t[i], 0, false);
		sched_wake(&s, &t[i]);
	}
	assert_int_equal(t[4].hart, 0);
	assert_int_equal(t[5].hart, 1);
	t[4].pinned = true;
	sched_block(&s, &t[3]);
	assert_int_equal(index_of(sched_pick(&s, 3, 7)), 5);
	assert_int_equal(t[5].hart, 3);
	sched_block(&s, &t[2]);
	assert_null(sched_pick(&s, 2, 7));
	t[4].pinned = false;
	assert_int_equal(index_of(sched_pick(&s, 2, 7)), 4);
	assert_int_equal(s.queued, 0);
}

static void test_dedicated(void **state)
{
	(void)state;
	start(0, 0, false);
	start(1, BIT(1), false);
	sched_add(&s, &t[2], BIT(1) | BIT(2), false);
	sched_wake(&s, &t[2]);
	assert_int_equal(t[2].hart, 2);
	t[2].pinned = false;
	/* Harts 1 and 2 get an owner: what waits there and can go, goes; what runs has a slice. */
	sched_add(&s, &t[3], BIT(2), true);
	assert_int_equal(t[2].hart, 1);
	assert_int_equal(t[2].state, SCHED_WAITING);
	sched_wake(&s, &t[3]);
	assert_int_equal(index_of(sched_pick(&s, 2, 0)), 3);
	assert_int_equal(sched_slice_end(&s, 2), SCHED_NEVER);
	for (u32 i = 4; i < 8; i++) {
		sched_add(&s, &t[i], 0, false);
		sched_wake(&s, &t[i]);
		assert_int_not_equal(t[i].hart, 2);
	}
	/* The owned hart idles rather than steal. */
	sched_block(&s, &t[3]);
	assert_null(sched_pick(&s, 2, 0));
	sched_remove(&s, &t[3]);
	assert_non_null(sched_pick(&s, 2, 0));
}

static void test_dedicated_evicts_running(void **state)
{
	(void)state;
	start(0, 0, false);
	assert_int_equal(sched_add(&s, &t[1], BIT(0), true), BIT(0));
	assert_int_equal(sched_slice_end(&s, 0), SLICE);
	assert_int_equal(sched_requeue(&s, &t[0]), BIT(1));
	assert_null(sched_pick(&s, 0, 0));
}

static void test_no_hart_left(void **state)
{
	(void)state;
	sched_add(&s, &t[0], 0, true); /* owns everything */
	start(1, 0, false);
	start(2, BIT(60), false); /* asks for harts that are not there */
	assert_int_not_equal(t[1].hart, t[2].hart);
}

static void test_least_loaded(void **state)
{
	(void)state;
	for (u32 i = 0; i < 4; i++)
		start(i, 0, false);
	sched_add(&s, &t[4], 0, false);
	t[4].hart = 2;
	sched_wake(&s, &t[4]);
	assert_int_equal(t[4].hart, 2);
	sched_add(&s, &t[5], BIT(2) | BIT(3), false);
	assert_int_equal(sched_wake(&s, &t[5]), BIT(3));
}

static void test_resume(void **state)
{
	(void)state;
	start(0, 1, false);
	sched_block(&s, &t[0]);
	assert_null(sched_pick(&s, 0, 1));
	assert_true(sched_resume(&s, &t[0], 9));
	assert_int_equal(t[0].state, SCHED_RUNNING);
	assert_int_equal(s.idle & 1, 0);
	assert_int_equal(t[0].since, 9);
	/* Not one that runs, was woken already, or shares the hart with a waiting one. */
	assert_false(sched_resume(&s, &t[0], 9));
	sched_block(&s, &t[0]);
	sched_add(&s, &t[1], 1, false);
	sched_wake(&s, &t[1]);
	assert_false(sched_resume(&s, &t[0], 9));
	sched_wake(&s, &t[0]);
	assert_false(sched_resume(&s, &t[0], 9));
	/* Nor on a hart that has got an owner meanwhile. */
	start(2, BIT(2), false);
	sched_block(&s, &t[2]);
	sched_add(&s, &t[3], BIT(2), true);
	assert_false(sched_resume(&s, &t[2], 9));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_idle_harts_first, set_up),
		cmocka_unit_test_setup(test_round_robin, set_up),
		cmocka_unit_test_setup(test_steal, set_up),
		cmocka_unit_test_setup(test_dedicated, set_up),
		cmocka_unit_test_setup(test_resume, set_up),
		cmocka_unit_test_setup(test_dedicated_evicts_running, set_up),
		cmocka_unit_test_setup(test_no_hart_left, set_up),
		cmocka_unit_test_setup(test_least_loaded, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
