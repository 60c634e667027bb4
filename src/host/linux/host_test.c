/* The host on Linux as the rest sees it: threads that sleep, are woken and interrupted; memory; files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/linux/linux.h"

enum { TIMEBASE = 10000000 };

static u64 ms(u64 n) { return n * TIMEBASE / 1000; }

static int setup(void **state)
{
	(void)state;
	return linux_init(TIMEBASE);
}

/* ---- Tasks */

static struct host_task *parent;
static u32 steps;
static u8 leave;

static void step(void *arg)
{
	(void)arg;
	assert_null(host_space_current());
	__atomic_add_fetch(&steps, 1, __ATOMIC_SEQ_CST);
	host_wake(parent);
}

static void test_task(void **state)
{
	const struct host_task_spec spec = { .name = "step", .run = step };
	struct host_account payer = { 0 };
	struct host_task *t;

	(void)state;
	steps = 0;
	parent = host_task_self();
	t = host_task_start(&spec, &payer);
	assert_non_null(t);
	while (!__atomic_load_n(&steps, __ATOMIC_SEQ_CST))
		host_sleep(HOST_FOREVER);
	host_task_reap(t);
	assert_int_equal(payer.used, 0);
}

static void test_sleep(void **state)
{
	u64 start = host_time();

	(void)state;
	host_sleep(start + ms(20));
	host_sleep(start + ms(20)); /* the first may end early */
	assert_true(host_time() >= start + ms(20));
	host_wake(host_task_self()); /* not lost */
	host_sleep(HOST_FOREVER);
	start = host_time();
	host_alarm(start + ms(20));
	host_sleep(HOST_FOREVER);
	assert_true(host_time() >= start + ms(20));
}

/* What the kernel does for a vCPU: it waits, and a signal ends that. */
static void in_guest(void *arg)
{
	(void)arg;
	leave = 0;
	linux_guest_enter(&leave);
	__atomic_store_n(&steps, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&leave, __ATOMIC_SEQ_CST))
		usleep(1000000);
	linux_guest_left();
}

static void test_kick(void **state)
{
	const struct host_task_spec spec = { .name = "guest", .run = in_guest };
	u64 start = host_time();
	struct host_task *t;

	(void)state;
	steps = 0;
	t = host_task_start(&spec, NULL);
	while (!__atomic_load_n(&steps, __ATOMIC_SEQ_CST))
		host_sleep(host_time() + ms(1));
	host_wake(t);
	host_task_reap(t);
	assert_true(host_time() < start + ms(900));
}

static void guest_alarm(void *arg)
{
	host_alarm(host_time() + ms(20));
	in_guest(arg);
}

static void test_alarm_in_guest(void **state)
{
	const struct host_task_spec spec = { .name = "guest", .run = guest_alarm };
	u64 start = host_time();

	(void)state;
	host_task_reap(host_task_start(&spec, NULL));
	assert_true(host_time() < start + ms(900));
}

/* ---- Memory */

static void test_memory(void **state)
{
	struct host_account payer = { .limit = 100 * KIB };
	u8 *small = host_alloc(100, &payer), *large = host_alloc(64 * KIB, &payer);
	u8 *root = host_alloc(16 * KIB, NULL);

	(void)state;
	assert_non_null(small);
	assert_non_null(large);
	assert_true(is_aligned((u64)large, 4096) && is_aligned((u64)root, 16 * KIB));
	assert_int_equal(small[99] | large[64 * KIB - 1], 0);
	assert_null(host_alloc(40 * KIB, &payer));
	assert_null(host_alloc(~0ul, &payer));
	host_free(small, 100, &payer);
	host_free(large, 64 * KIB, &payer);
	host_free(root, 16 * KIB, NULL);
	assert_int_equal(payer.used, 0);
}

static void test_ram(void **state)
{
	struct host_account payer = { .limit = 9 * MIB };
	struct host_space *space = host_space_create(&payer);
	struct host_extent ext;
	u8 *p;

	(void)state;
	assert_non_null(space);
	assert_null(host_space_enter(space));
	assert_ptr_equal(host_space_current(), space);
	p = host_private_alloc(space, 1000);
	assert_int_equal(host_ram_alloc(space, 8 * MIB, &ext, 1), 1);
	assert_int_equal(host_ram_alloc(space, 8 * MIB, &ext, 1), -ENOMEM);
	assert_true(is_aligned((u64)ext.va, 2 * MIB) && ext.pa == (u64)ext.va && ext.size == 8 * MIB);
	assert_int_equal(ext.va[0] | ext.va[8 * MIB - 1], 0);
	ext.va[8 * MIB - 1] = 1;
	host_ram_free(space, &ext, 1);
	host_private_free(space, p, 1000);
	assert_ptr_equal(host_space_enter(NULL), space);
	host_space_destroy(space);
	assert_int_equal(payer.used, 0);
	assert_true(host_ram_free_bytes() > 0);
}

/* ---- Files */

static void check_file(const char *name, const char *content)
{
	struct host_file file;
	const void *bytes;

	assert_int_equal(host_file_find(name, &file), 0);
	assert_int_equal(file.size, strlen(content));
	bytes = host_file_map(&file);
	assert_non_null(bytes);
	assert_memory_equal(bytes, content, file.size);
	host_file_unmap(&file, bytes);
}

static void test_files(void **state)
{
	char path[] = "/tmp/bulkhead-test-XXXXXX";
	struct host_file file;
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, "content", 7), 7);
	assert_int_equal(linux_file_add("one", path), 0);
	assert_int_equal(linux_file_add("two", "/nowhere/at/all"), -ENOENT);
	assert_int_equal(linux_file_add("two", "/tmp"), -EINVAL);
	check_file("one", "content");
	assert_int_equal(host_file_find("two", &file), -ENOENT);
	assert_int_equal(linux_file_image(path), -EINVAL);
	/* Shorter than it was: nothing behind its end is touched. */
	assert_int_equal(host_file_find("one", &file), 0);
	assert_int_equal(ftruncate(fd, 3), 0);
	assert_null(host_file_map(&file));
	close(fd);
	unlink(path);
	assert_null(host_file_map(&file));
}

static void test_archive(void **state)
{
	char path[] = "/tmp/bulkhead-test-XXXXXX", text[400] = "";
	int fd = mkstemp(path);
	int n;

	(void)state;
	/* Fourteen fields, of which the seventh is the size and the twelfth that of the name. */
	n = snprintf(text, sizeof(text),
		     "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08Xhi%c%c%c%cabcd"
		     "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08XTRAILER!!!%c%c%c%c",
		     1, 0100644, 0, 0, 1, 0, 4, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0,
		     0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 11, 0, 0, 0, 0, 0);
	assert_int_equal(write(fd, text, (size_t)n), n);
	assert_int_equal(linux_file_image(path), 0);
	check_file("hi", "abcd");
	close(fd);
	unlink(path);
}

static void test_rest(void **state)
{
	(void)state;
	assert_int_not_equal(host_random(), host_random());
	assert_true(host_harts() >= 1);
	assert_int_equal(host_timebase(), TIMEBASE);
	assert_ptr_equal(host_va(host_pa(&parent)), &parent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_task),
		cmocka_unit_test(test_sleep),
		cmocka_unit_test(test_kick),
		cmocka_unit_test(test_alarm_in_guest),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_ram),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_archive),
		cmocka_unit_test(test_rest),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
