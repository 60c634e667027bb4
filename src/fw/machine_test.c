/* Reading what M-mode needs of device trees like QEMU's, of several sockets, and of broken ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <libfdt.h>

#include "fw/machine.h"

#define TREE_SIZE 4096

static char blob[TREE_SIZE];
static struct machine machine;

static void ok(int err)
{
	assert_int_equal(err, 0);
}

static void put_cells(const char *name, const u32 *cells, unsigned count)
{
	fdt32_t be[16];

	assert_in_range(count, 1, 16);
	for (unsigned i = 0; i < count; i++)
		be[i] = cpu_to_fdt32(cells[i]);
	ok(fdt_property(blob, name, be, (int)(4 * count)));
}

#define CELLS(name, ...)                                              \
	put_cells(name, (const u32[]){ __VA_ARGS__ },                  \
		  sizeof((const u32[]){ __VA_ARGS__ }) / sizeof(u32))

static void put_node(const char *name, const char *compatible)
{
	ok(fdt_begin_node(blob, name));
	if (compatible)
		ok(fdt_property(blob, "compatible", compatible, (int)strlen(compatible) + 1));
}

static void put_end(void)
{
	ok(fdt_end_node(blob));
}

/* Its interrupt controller has the phandle 10 + id. */
static void put_cpu(u32 id)
{
	char name[16];

	snprintf(name, sizeof(name), "cpu@%u", id);
	put_node(name, "riscv");
	CELLS("reg", id);
	put_node("interrupt-controller", "riscv,cpu-intc");
	CELLS("phandle", 10 + id);
	put_end();
	put_end();
}

/* Harts 0, 3, 70; addresses and sizes of one cell. */
static void tree_begin(void)
{
	ok(fdt_create(blob, TREE_SIZE));
	ok(fdt_finish_reservemap(blob));
	put_node("", NULL);
	CELLS("#address-cells", 1);
	CELLS("#size-cells", 1);
	put_node("cpus", NULL);
	CELLS("#address-cells", 1);
	CELLS("#size-cells", 0);
	put_cpu(0);
	put_cpu(3);
	put_cpu(70);
	put_end();
}

static void tree_read(void)
{
	put_end();
	ok(fdt_finish(blob));
	machine_read(&machine, blob);
}

static void test_clint(void **state unused)
{
	tree_begin();
	put_node("clint@2000000", "sifive,clint0");
	CELLS("reg", 0x2000000, 0x10000);
	CELLS("interrupts-extended", 13, 3, 13, 7, 10, 3, 10, 7);
	put_end();
	tree_read();
	assert_int_equal(machine.msip[3], 0x2000000);
	assert_int_equal(machine.msip[0], 0x2000004);
	assert_int_equal(machine.msip[1], 0);
	assert_int_equal(machine.mtimecmp[3], 0x2004000);
	assert_int_equal(machine.mtimecmp[0], 0x2004008);
	assert_int_equal(machine.mtime, 0x200bff8);
}

static void test_two_sockets(void **state unused)
{
	tree_begin();
	put_node("clint@2000000", "riscv,clint0");
	CELLS("reg", 0x2000000, 0x10000);
	CELLS("interrupts-extended", 10, 3, 10, 7);
	put_end();
	put_node("clint@2010000", "riscv,clint0");
	CELLS("reg", 0x2010000, 0x10000);
	CELLS("interrupts-extended", 13, 3, 13, 7);
	put_end();
	tree_read();
	assert_int_equal(machine.msip[0], 0x2000000);
	assert_int_equal(machine.msip[3], 0x2010000);
	assert_int_equal(machine.mtimecmp[3], 0x2014000);
}

static void test_aclint(void **state unused)
{
	tree_begin();
	put_node("mswi@2000000", "riscv,aclint-mswi");
	CELLS("reg", 0x2000000, 0x4000);
	CELLS("interrupts-extended", 10, 3, 13, 3);
	put_end();
	put_node("mtimer@2004000", "riscv,aclint-mtimer");
	CELLS("reg", 0x200bff8, 8, 0x2004000, 0x7ff8);
	CELLS("interrupts-extended", 10, 7, 13, 7);
	put_end();
	tree_read();
	assert_int_equal(machine.msip[3], 0x2000004);
	assert_int_equal(machine.mtimecmp[0], 0x2004000);
	assert_int_equal(machine.mtimecmp[3], 0x2004008);
	assert_int_equal(machine.mtime, 0x200bff8);
}

/* Ids that are too large, phandles of nobody, half a pair, no reg: left out. */
static void test_broken(void **state unused)
{
	tree_begin();
	put_node("clint@1", "riscv,clint0");
	CELLS("reg", 0x1000, 0x10000);
	CELLS("interrupts-extended", 80, 3, 99, 3, 13, 3, 10);
	put_end();
	put_node("clint@2", "sifive,clint0");
	CELLS("interrupts-extended", 10, 3);
	put_end();
	put_node("poweroff", "syscon-poweroff");
	CELLS("regmap", 99);
	CELLS("value", 1);
	put_end();
	tree_read();
	assert_int_equal(machine.msip[3], 0x1008);
	assert_int_equal(machine.msip[0], 0);
	assert_int_equal(machine.mtimecmp[3], 0);
	assert_int_equal(machine.power_off.address, 0);
	assert_int_equal(machine.reboot.address, 0);
}

static void test_syscon(void **state unused)
{
	tree_begin();
	put_node("test@100000", "syscon");
	CELLS("reg", 0x100000, 0x1000);
	CELLS("phandle", 6);
	put_end();
	put_node("poweroff", "syscon-poweroff");
	CELLS("regmap", 6);
	CELLS("offset", 0);
	CELLS("value", 0x5555);
	put_end();
	put_node("reboot", "syscon-reboot");
	CELLS("regmap", 6);
	CELLS("offset", 4);
	CELLS("value", 0x7777);
	put_end();
	tree_read();
	assert_int_equal(machine.power_off.address, 0x100000);
	assert_int_equal(machine.power_off.value, 0x5555);
	assert_int_equal(machine.reboot.address, 0x100004);
	assert_int_equal(machine.reboot.value, 0x7777);
}

static void reserve(u32 address_cells)
{
	static char bigger[TREE_SIZE + MACHINE_RESERVE_ROOM];
	const u32 wanted[] = { 0, 0x80000000, 0, 0x40000 };
	int node, len, skip = 2 - (int)address_cells;
	const fdt32_t *reg;

	ok(fdt_open_into(blob, bigger, (int)fdt_totalsize(blob) + MACHINE_RESERVE_ROOM));
	ok(machine_reserve(bigger, 0x80000000, 0x40000));
	node = fdt_path_offset(bigger, "/reserved-memory/firmware@80000000");
	assert_true(node >= 0);
	assert_non_null(fdt_getprop(bigger, node, "no-map", NULL));
	reg = fdt_getprop(bigger, node, "reg", &len);
	assert_int_equal(len, 8 * (int)address_cells);
	for (int i = 0; i < len / 4; i++)
		assert_int_equal(fdt32_to_cpu(reg[i]), wanted[skip ? 2 * i + 1 : i]);
}

static void test_reserve(void **state unused)
{
	tree_begin();
	tree_read();
	reserve(2);
	/* Beside what is reserved already, in that node's own cells. */
	tree_begin();
	put_node("reserved-memory", NULL);
	CELLS("#address-cells", 1);
	CELLS("#size-cells", 1);
	put_end();
	tree_read();
	reserve(1);
}

/* A finished tree is as small as can be. */
static void test_no_room(void **state unused)
{
	tree_begin();
	tree_read();
	assert_int_not_equal(machine_reserve(blob, 0x80000000, 0x40000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clint),	cmocka_unit_test(test_two_sockets),
		cmocka_unit_test(test_aclint),	cmocka_unit_test(test_broken),
		cmocka_unit_test(test_syscon),	cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
