#include "vm/fdt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <libfdt.h>

static char fdt[4096];

static int tree_begin(void **state unused)
{
	return fdt_create(fdt, sizeof(fdt)) ?: fdt_finish_reservemap(fdt) ?:
	       fdt_begin_node(fdt, "");
}

static const void *tree_prop(const char *path, const char *name, int size)
{
	int len = 0;
	const void *p;

	assert_int_equal(fdt_end_node(fdt) ?: fdt_finish(fdt), 0);
	p = fdt_getprop(fdt, fdt_path_offset(fdt, path), name, &len);
	assert_int_equal(len, size);
	return p;
}

static void writes_a_list_of_strings(void **state unused)
{
	static const char *const list[] = { "one", "", "three" };

	assert_int_equal(fdt_string_list(fdt, "names", list, 3), 0);
	assert_memory_equal(tree_prop("/", "names", 11), "one\0\0three", 11);
}

static void writes_one_string(void **state unused)
{
	assert_int_equal(fdt_text(fdt, "model", "plain"), 0);
	assert_string_equal(tree_prop("/", "model", 6), "plain");
}

static void writes_an_address_of_64_bits(void **state unused)
{
	static const u8 expected[] = { 0, 0, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc,
				       0, 0, 0, 0x01, 0, 0, 0, 0 };

	assert_int_equal(fdt_reg(fdt, 0x123456789abc, 0x100000000), 0);
	assert_memory_equal(tree_prop("/", "reg", 16), expected, 16);
}

static void names_a_device_by_its_address(void **state unused)
{
	const struct dev d = { .base = 0x10001000, .size = 0x1000 };

	assert_int_equal(fdt_begin_device(fdt, "virtio_mmio", &d), 0);
	assert_int_equal(fdt_interrupt(fdt, &d), 0); /* has no wire */
	assert_int_equal(fdt_end_node(fdt), 0);
	tree_prop("/virtio_mmio@10001000", "reg", 16);
	assert_null(fdt_getprop(fdt, fdt_path_offset(fdt, "/virtio_mmio@10001000"),
				"interrupts", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(writes_a_list_of_strings, tree_begin),
		cmocka_unit_test_setup(writes_one_string, tree_begin),
		cmocka_unit_test_setup(writes_an_address_of_64_bits, tree_begin),
		cmocka_unit_test_setup(names_a_device_by_its_address, tree_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
