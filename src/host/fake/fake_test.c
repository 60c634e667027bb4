/* The fake host keeps the contract that the tests of others lean on. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "host/fake/fake.h"

static char trail[64];

static void note(char c)
{
	size_t n = strlen(trail);

	trail[n] = c;
	trail[n + 1] = 0;
}

static int set_up(void **state)
{
	(void)state;
	memset(trail, 0, sizeof(trail));
	fake_reset();
	return 0;
}

static void sleeper(void *arg)
{
	note('a');
	host_sleep((u64)(uintptr_t)arg);
	note('b');
	host_yield();
	note('c');
}

static struct host_task *start(void (*run)(void *), u64 arg, struct host_account *payer)
{
	struct host_task_spec spec = { .name = "t", .run = run, .arg = (void *)(uintptr_t)arg };

	return host_task_start(&spec, payer);
}

static void test_tasks(void **state)
{
	struct host_account payer = { 0, 0 };
	struct host_task *t = start(sleeper, 100, &payer);

	(void)state;
	assert_string_equal(trail, "");
	fake_run();
	assert_string_equal(trail, "a");
	fake_time_advance(99);
	fake_run();
	assert_string_equal(trail, "a");
	host_wake(t);
	assert_int_equal(fake_wakes(t), 1);
	fake_run();
	assert_string_equal(trail, "abc");
	assert_int_equal(fake_tasks(), 0);
	host_task_reap(t);
	assert_int_equal(payer.used, 0);
}

static void waker(void *arg)
{
	host_sleep(host_time() + 50);
	note('w');
	host_wake(arg);
}

static void test_main_sleeps(void **state)
{
	(void)state;
	start(waker, (u64)(uintptr_t)host_task_self(), NULL);
	host_sleep(1000);
	assert_string_equal(trail, "w");
	assert_int_equal(host_time(), 50);
	host_sleep(1000);
	assert_int_equal(host_time(), 1000);
	host_wake(host_task_self());
	host_sleep(HOST_FOREVER);
	host_alarm(1500);
	host_sleep(HOST_FOREVER);
	assert_int_equal(host_time(), 1500);
	host_sleep(HOST_FOREVER); /* nothing can wake it */
	fake_run();
}

static void test_memory(void **state)
{
	struct host_account a = { 0, 8192 };
	u64 before = fake_allocated();
	struct host_space *s = host_space_create(&a);
	struct host_extent e[4];
	u8 *p;

	(void)state;
	assert_null(host_private_alloc(s, 8192));
	p = host_private_alloc(s, 4096);
	assert_true(is_aligned((u64)(uintptr_t)p, 4096) && p[4095] == 0);
	host_private_free(s, p, 4096);
	a.limit = 0;
	fake_ram_set(64 * MIB, 16 * MIB);
	assert_int_equal(host_ram_alloc(s, 65 * MIB, e, 4), -12);
	assert_int_equal(host_ram_alloc(s, 33 * MIB, e, 2), -12);
	assert_int_equal(host_ram_alloc(s, 33 * MIB, e, 4), 3);
	assert_int_equal(e[2].size, MIB);
	assert_int_equal(host_ram_free_bytes(), 31 * MIB);
	host_ram_free(s, e, 3);
	host_space_destroy(s);
	assert_int_equal(a.used, 0);
	assert_int_equal(fake_allocated(), before);
}

static void test_files(void **state)
{
	struct host_space *s = host_space_create(NULL);
	struct host_file f;

	(void)state;
	fake_file_add("kernel", "bytes", 5);
	assert_int_equal(host_file_find("nothing", &f), -2);
	assert_int_equal(host_file_find("kernel", &f), 0);
	assert_null(host_file_map(&f));
	assert_null(host_space_enter(s));
	assert_memory_equal(host_file_map(&f), "bytes", 5);
	host_file_unmap(&f, host_file_map(&f));
	assert_ptr_equal(host_space_enter(NULL), s);
	host_space_destroy(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_tasks, set_up),
		cmocka_unit_test_setup(test_main_sleeps, set_up),
		cmocka_unit_test_setup(test_memory, set_up),
		cmocka_unit_test_setup(test_files, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
