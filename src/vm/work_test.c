#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "host/fake/fake.h"
#include "vm/vm.h"

static struct vm vm;
static char order[16];

struct letter {
	struct vm_work work;
	char letter;
	unsigned again; /* how often it queues itself */
	bool sleeps;
};

static void letter_run(struct vm_work *w)
{
	struct letter *l = container_of(w, struct letter, work);
	u64 until = host_time() + (l->sleeps ? host_timebase() : 0);

	strncat(order, &l->letter, 1);
	assert_ptr_equal(host_space_current(), vm.space);
	if (l->again) {
		l->again--;
		vm_work_queue(&vm, w);
	}
	while (host_time() < until)
		host_sleep(until);
}

static struct letter a, b;

static int setup(void **state unused)
{
	fake_reset();
	memset(&vm, 0, sizeof(vm));
	memset(order, 0, sizeof(order));
	a = (struct letter){ .work.run = letter_run, .letter = 'a' };
	b = (struct letter){ .work.run = letter_run, .letter = 'b' };
	vm.space = host_space_create(&vm.account);
	assert_int_equal(vm_work_start(&vm), 0);
	return 0;
}

static int teardown(void **state unused)
{
	vm_work_stop(&vm);
	host_space_destroy(vm.space);
	assert_int_equal(fake_tasks(), 0);
	assert_int_equal(vm.account.used, 0);
	return 0;
}

static void work_runs_in_order_and_in_the_space(void **state unused)
{
	vm_work_queue(&vm, &b.work);
	vm_work_queue(&vm, &a.work);
	assert_string_equal(order, "");
	fake_run();
	assert_string_equal(order, "ba");
}

static void what_waits_already_runs_once(void **state unused)
{
	vm_work_queue(&vm, &a.work);
	vm_work_queue(&vm, &b.work);
	vm_work_queue(&vm, &a.work);
	fake_run();
	assert_string_equal(order, "ab");
	vm_work_queue(&vm, &a.work);
	fake_run();
	assert_string_equal(order, "aba");
}

static void work_may_queue_itself_behind_others(void **state unused)
{
	a.again = 2;
	vm_work_queue(&vm, &a.work);
	vm_work_queue(&vm, &b.work);
	fake_run();
	assert_string_equal(order, "abaa");
}

static void work_can_be_put_off(void **state unused)
{
	u64 start = host_time();

	vm_work_at(&vm, &a.work, start + 100);
	vm_work_at(&vm, &b.work, start + 50);
	vm_work_at(&vm, &a.work, start + 200);
	fake_run();
	assert_string_equal(order, "");
	fake_time_set(start + 60);
	fake_run();
	assert_string_equal(order, "b");
	fake_time_set(start + 100);
	fake_run();
	assert_string_equal(order, "ba");
}

/* Nor is the task woken for each. */
static void what_was_put_off_can_be_called_off(void **state unused)
{
	u64 start = host_time();

	vm_work_at(&vm, &a.work, start + 100);
	fake_run();
	for (unsigned i = 1; i < 5; i++) {
		unsigned wakes = fake_wakes(vm.works.task);

		vm_work_not_at(&a.work);
		vm_work_at(&vm, &a.work, start + 100 + i);
		assert_int_equal(fake_wakes(vm.works.task), wakes);
	}
	vm_work_not_at(&a.work);
	fake_time_set(start + host_timebase());
	fake_run();
	fake_time_set(start + 2 * host_timebase());
	fake_run();
	assert_string_equal(order, "");
	assert_true(vm.works.armed == HOST_FOREVER);
	vm_work_at(&vm, &a.work, host_time() + 10);
	vm_work_cancel(&vm, &a.work);
	assert_null(vm.works.later);
}

static void cancelling_waits_for_what_runs(void **state unused)
{
	a.sleeps = true;
	vm_work_queue(&vm, &a.work);
	fake_run();
	vm_work_queue(&vm, &b.work);
	vm_work_cancel(&vm, &b.work);
	assert_string_equal(order, "ab");
	assert_true(host_time() >= host_timebase());
}

static void stopping_leaves_nothing(void **state unused)
{
	vm_work_stop(&vm);
	assert_null(vm.works.task);
	vm_work_stop(&vm);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(work_runs_in_order_and_in_the_space),
		T(what_waits_already_runs_once),
		T(work_may_queue_itself_behind_others),
		T(work_can_be_put_off),
		T(what_was_put_off_can_be_called_off),
		T(cancelling_waits_for_what_runs),
		T(stopping_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
