/* One device's work, that never ends, and another's, that was put off. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "host/fake/fake.h"
#include "vm/vm.h"

#define ROUNDS 1000

static struct vm vm;
static struct vm_work busy, late;
static unsigned rounds, late_at;

/* As a network card whose port another VM keeps full. */
static void busy_run(struct vm_work *w)
{
	fake_time_advance(10);
	if (++rounds < ROUNDS)
		vm_work_queue(&vm, w);
}

static void late_run(struct vm_work *w unused)
{
	late_at = rounds;
}

static void what_was_put_off_comes_although_others_are_busy(void **state unused)
{
	fake_reset();
	vm.space = host_space_create(&vm.account);
	busy.run = busy_run;
	late.run = late_run;
	assert_int_equal(vm_work_start(&vm), 0);
	fake_run();
	vm_work_at(&vm, &late, host_time() + 100);
	vm_work_queue(&vm, &busy);
	fake_run();
	vm_work_cancel(&vm, &late);
	vm_work_stop(&vm);
	host_space_destroy(vm.space);
	assert_int_equal(rounds, ROUNDS);
	assert_in_range(late_at, 10, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_off_comes_although_others_are_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
