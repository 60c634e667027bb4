#include "dev/syscon.h"

#include "dev/dev_test.h"
#include "vm/fdt.h"

#define BASE 0x100000

static int last_event;
static unsigned events;

static void record(void *arg, enum syscon_event e)
{
	assert_ptr_equal(arg, &events);
	last_event = (int)e;
	events++;
}

static struct dev *syscon_new(void)
{
	struct dev *d = syscon_create(BASE, record, &events, &test_account);

	assert_non_null(d);
	last_event = -1;
	events = 0;
	return d;
}

static void reports_what_the_guest_writes(void **state unused)
{
	struct dev *d = syscon_new();

	test_write(d, 0, 4, 0x5555);
	assert_int_equal(last_event, SYSCON_POWEROFF);
	test_write(d, 0, 4, 0x7777);
	assert_int_equal(last_event, SYSCON_REBOOT);
	test_write(d, 0, 4, 0x00033333);
	assert_int_equal(last_event, SYSCON_FAIL);
	test_write(d, 0, 2, 0x5555);
	assert_int_equal(last_event, SYSCON_POWEROFF);
	assert_int_equal(events, 4);
	d->ops->destroy(d);
}

static void ignores_everything_else(void **state unused)
{
	struct dev *d = syscon_new();

	for (u64 v = 0; v <= 0xffff; v++)
		if (v != 0x5555 && v != 0x7777 && v != 0x3333)
			test_write(d, 0, 4, v);
	test_write(d, 4, 4, 0x5555);
	test_write(d, SYSCON_SIZE - 4, 4, 0x5555);
	assert_int_equal(test_read(d, 0, 4), 0);
	assert_int_equal(events, 0);
	d->ops->destroy(d);
}

static void is_found_by_its_nodes(void **state unused)
{
	struct dev *d = syscon_new();
	const void *fdt = test_describe(d);

	test_compatible(fdt, "/test@100000", "sifive,test1");
	test_compatible(fdt, "/test@100000", "sifive,test0");
	test_compatible(fdt, "/test@100000", "syscon");
	assert_int_equal(test_cell(fdt, "/test@100000", "phandle", 0), FDT_PHANDLE_SYSCON);
	assert_int_equal(test_cell(fdt, "/test@100000", "reg", 1), BASE);
	assert_int_equal(test_cell(fdt, "/test@100000", "reg", 3), SYSCON_SIZE);
	test_compatible(fdt, "/poweroff", "syscon-poweroff");
	assert_int_equal(test_cell(fdt, "/poweroff", "regmap", 0), FDT_PHANDLE_SYSCON);
	assert_int_equal(test_cell(fdt, "/poweroff", "offset", 0), 0);
	assert_int_equal(test_cell(fdt, "/poweroff", "value", 0), 0x5555);
	test_compatible(fdt, "/reboot", "syscon-reboot");
	assert_int_equal(test_cell(fdt, "/reboot", "value", 0), 0x7777);
	test_describe_short(d);
	d->ops->destroy(d);
}

static void is_not_made_without_memory(void **state unused)
{
	struct host_account poor = { .limit = 16 };

	assert_null(syscon_create(BASE, record, &events, &poor));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reports_what_the_guest_writes),
		cmocka_unit_test(ignores_everything_else),
		cmocka_unit_test(is_found_by_its_nodes),
		cmocka_unit_test(is_not_made_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, test_leaves_nothing);
}
