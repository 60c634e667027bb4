/* Reading host trees: one like QEMU's virt, an odd board's, and broken ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <libfdt.h>

#include "host/bare/tree.h"

#define TREE_SIZE 8192

static char blob[TREE_SIZE];
static struct tree tree;
static u64 ranges[8][2];
static unsigned range_count;

static void collect(u64 base, u64 size)
{
	assert_in_range(range_count, 0, 7);
	ranges[range_count][0] = base;
	ranges[range_count++][1] = size;
}

/* ---- A small writer: each step must succeed. */

static void ok(int err)
{
	assert_int_equal(err, 0);
}

static void put_string(const char *name, const char *value)
{
	ok(fdt_property(blob, name, value, (int)strlen(value) + 1));
}

static void put_cells(const char *name, const u32 *cells, unsigned count)
{
	fdt32_t be[32];

	for (unsigned i = 0; i < count; i++)
		be[i] = cpu_to_fdt32(cells[i]);
	ok(fdt_property(blob, name, be, (int)(4 * count)));
}

#define CELLS(name, ...)                                              \
	put_cells(name, (const u32[]){ __VA_ARGS__ },                  \
		  sizeof((const u32[]){ __VA_ARGS__ }) / sizeof(u32))

static void put_node(const char *name)
{
	ok(fdt_begin_node(blob, name));
}

static void put_end(void)
{
	ok(fdt_end_node(blob));
}

static void put_cpu(const char *name, u32 id, const char *isa, const char *status, u32 intc)
{
	put_node(name);
	put_string("device_type", "cpu");
	CELLS("reg", id);
	put_string("riscv,isa", isa);
	if (status)
		put_string("status", status);
	put_string("mmu-type", "riscv,sv39");
	put_node("interrupt-controller");
	CELLS("phandle", intc);
	put_end();
	put_end();
}

static void put_cpus(void)
{
	put_node("cpus");
	CELLS("#address-cells", 1);
	CELLS("#size-cells", 0);
	CELLS("timebase-frequency", 10000000);
	put_cpu("cpu@3", 3, "rv64imafdch_zicsr_sstc", NULL, 11);
	put_cpu("cpu@5", 5, "rv64imac", "disabled", 12);
	put_cpu("cpu@40", 0x40, "rv64imafdc_zicsr", "okay", 13);
	put_cpu("cpu@41", 0x41, "rv32imac", "okay", 14);
	put_end();
}

static void put_memory(void)
{
	put_node("memory@80000000");
	put_string("device_type", "memory");
	CELLS("reg", 0, 0x80000000, 0, 0x10000000, 1, 0, 4, 0);
	put_end();
	put_node("reserved-memory");
	CELLS("#address-cells", 2);
	CELLS("#size-cells", 2);
	put_node("firmware@80000000");
	CELLS("reg", 0, 0x80000000, 0, 0x60000);
	put_end();
	put_end();
}

static void put_soc(void)
{
	put_node("soc");
	CELLS("#address-cells", 2);
	CELLS("#size-cells", 2);
	put_node("serial@d4017000");
	ok(fdt_property(blob, "compatible", "vendor,uart\0snps,dw-apb-uart", 29));
	CELLS("reg", 0, 0xd4017000, 0, 0x100);
	CELLS("reg-shift", 2);
	CELLS("reg-io-width", 4);
	CELLS("interrupts", 42);
	put_end();
	put_node("serial@10000000");
	put_string("compatible", "ns16550a");
	CELLS("reg", 0, 0x10000000, 0, 0x100);
	put_end();
	put_node("virtio_mmio@10002000");
	put_string("compatible", "virtio,mmio");
	CELLS("reg", 0, 0x10002000, 0, 0x1000);
	CELLS("interrupts", 2);
	put_end();
	put_node("virtio_mmio@10003000");
	put_string("compatible", "virtio,mmio");
	put_string("status", "disabled");
	CELLS("reg", 0, 0x10003000, 0, 0x1000);
	put_end();
	put_node("virtio_mmio@10001000");
	put_string("compatible", "virtio,mmio");
	CELLS("reg", 0, 0x10001000, 0, 0x200);
	ok(fdt_property(blob, "dma-noncoherent", NULL, 0));
	put_end();
	put_node("plic@c000000");
	put_string("compatible", "sifive,plic-1.0.0");
	CELLS("reg", 0, 0xc000000, 0, 0x4000000);
	CELLS("riscv,ndev", 53);
	CELLS("interrupts-extended", 11, 0xffffffff, 11, 9, 13, 11, 13, 9);
	put_end();
	put_end();
}

static void put_chosen(void)
{
	put_node("aliases");
	put_string("serial0", "/soc/serial@d4017000");
	put_end();
	put_node("chosen");
	put_string("bootargs", "quiet hide=sstc,h  colour log=");
	put_string("stdout-path", "serial0:115200n8");
	CELLS("linux,initrd-start", 0, 0x88000000);
	CELLS("linux,initrd-end", 0x88001000);
	ok(fdt_property(blob, "rng-seed", "seed", 4));
	put_end();
}

static int set_up(void **state)
{
	(void)state;
	range_count = 0;
	ok(fdt_create(blob, TREE_SIZE));
	ok(fdt_add_reservemap_entry(blob, 0x80200000, 0x1000));
	ok(fdt_finish_reservemap(blob));
	put_node("");
	CELLS("#address-cells", 2);
	CELLS("#size-cells", 2);
	put_cpus();
	put_memory();
	put_soc();
	put_chosen();
	put_end();
	ok(fdt_finish(blob));
	assert_true(tree_read(&tree, blob));
	return 0;
}

static void test_harts(void **state)
{
	(void)state;
	assert_int_equal(tree.harts, 2);
	assert_int_equal(tree.hart[0].id, 3);
	assert_int_equal(tree.hart[1].id, 0x40);
	assert_int_equal(tree.timebase, 10000000);
	assert_true(isa_has(&tree.hart[0].isa, ISA_H));
	assert_false(isa_has(&tree.hart[1].isa, ISA_H));
}

static void test_memory(void **state)
{
	(void)state;
	tree_memory(&tree, collect);
	assert_int_equal(range_count, 2);
	assert_int_equal(ranges[1][0], 0x100000000);
	assert_int_equal(ranges[1][1], 0x400000000);
	range_count = 0;
	tree_reserved(&tree, collect);
	assert_int_equal(range_count, 2);
	assert_int_equal(ranges[0][0], 0x80200000);
	assert_int_equal(ranges[1][1], 0x60000);
}

static void test_chosen(void **state)
{
	char value[8];
	u8 seed[8];
	u64 start, end;

	(void)state;
	assert_true(tree_arg(tree_bootargs(&tree), "hide", value, sizeof(value)));
	assert_string_equal(value, "sstc,h");
	assert_true(tree_arg(tree_bootargs(&tree), "hide", value, 3));
	assert_string_equal(value, "ss");
	assert_true(tree_arg(tree_bootargs(&tree), "colour", value, sizeof(value)));
	assert_string_equal(value, "");
	assert_true(tree_arg(tree_bootargs(&tree), "log", NULL, 0));
	assert_false(tree_arg(tree_bootargs(&tree), "col", value, sizeof(value)));
	assert_false(tree_arg(tree_bootargs(&tree), "sstc", value, sizeof(value)));
	assert_true(tree_initrd(&tree, &start, &end));
	assert_int_equal(end - start, 0x1000);
	assert_int_equal(tree_seed(&tree, seed, sizeof(seed)), 4);
	assert_int_equal(tree_seed(&tree, seed, 2), 2);
}

static void test_devices(void **state)
{
	struct tree_uart uart;
	struct tree_plic plic;
	u64 base;

	(void)state;
	assert_true(tree_uart(&tree, &uart));
	assert_int_equal(uart.base, 0xd4017000);
	assert_int_equal(uart.shift, 2);
	assert_int_equal(uart.width, 4);
	assert_int_equal(uart.irq, 42);
	assert_true(tree_plic(&tree, &plic));
	assert_int_equal(plic.sources, 53);
	assert_int_equal(tree_plic_context(&tree, &plic, 3), 1);
	assert_int_equal(tree_plic_context(&tree, &plic, 0x40), 3);
	assert_int_equal(tree_plic_context(&tree, &plic, 5), -1);
	assert_false(tree_finisher(&tree, &base));
}

/* The windows come sorted; those that are disabled do not. */
static void test_virtio(void **state)
{
	struct tree_virtio windows[4];

	(void)state;
	assert_int_equal(tree_virtio(&tree, windows, 4), 2);
	assert_int_equal(windows[0].base, 0x10001000);
	assert_int_equal(windows[0].size, 0x200);
	assert_int_equal(windows[0].irq, 0);
	assert_false(windows[0].coherent);
	assert_int_equal(windows[1].base, 0x10002000);
	assert_int_equal(windows[1].irq, 2);
	assert_true(windows[1].coherent);
	assert_int_equal(tree_virtio(&tree, windows, 1), 1);
}

/* A tree with nothing in it, and no tree. */
static void test_empty(void **state)
{
	struct tree_virtio windows[2];
	struct tree_uart uart;
	struct tree_plic plic;
	u64 start, end;

	(void)state;
	assert_int_equal(fdt_create_empty_tree(blob, TREE_SIZE), 0);
	assert_false(tree_read(&tree, blob));
	assert_string_equal(tree_bootargs(&tree), "");
	assert_false(tree_initrd(&tree, &start, &end));
	assert_false(tree_uart(&tree, &uart));
	assert_false(tree_plic(&tree, &plic));
	assert_int_equal(tree_virtio(&tree, windows, 2), 0);
	tree_memory(&tree, collect);
	tree_reserved(&tree, collect);
	assert_int_equal(range_count, 0);
	memset(blob, 0, sizeof(blob));
	assert_false(tree_read(&tree, blob));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_harts, set_up),
		cmocka_unit_test_setup(test_memory, set_up),
		cmocka_unit_test_setup(test_chosen, set_up),
		cmocka_unit_test_setup(test_devices, set_up),
		cmocka_unit_test_setup(test_virtio, set_up),
		cmocka_unit_test_setup(test_empty, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
