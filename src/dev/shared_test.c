#include "dev/shared.h"

#include "dev/dev_test.h"
#include "vm/fdt.h"

#define BASE 0x10100000
#define MEMORY 0x200000000ul

enum { ID = 0x00, PEERS = 0x08, RING = 0x10, PENDING = 0x18, MASKED = 0x20, MEMBERS = 3 };
static const unsigned ids[MEMBERS] = { 0, 5, 63 };

static struct shared_region region;
static struct test_wire wires[MEMBERS];
static struct dev *bells[MEMBERS];

static struct dev *attach(unsigned id, struct irq_line irq)
{
	const struct shared_view view = { id, MEMORY, 2 * MIB, id == 5 };

	return shared_create(BASE, irq, &region, &view, &test_account);
}

static int setup(void **state unused)
{
	memset(&region, 0, sizeof(region));
	memset(wires, 0, sizeof(wires));
	region.name = "mailbox";
	for (unsigned i = 0; i < MEMBERS; i++) {
		bells[i] = attach(ids[i], test_wire_line(&wires[i], 40 + i));
		assert_non_null(bells[i]);
	}
	return 0;
}

static int teardown(void **state unused)
{
	for (unsigned i = 0; i < MEMBERS; i++)
		if (bells[i])
			bells[i]->ops->destroy(bells[i]);
	assert_int_equal(region.attached, 0);
	return 0;
}

static u64 in(unsigned i, u64 reg) { return test_read(bells[i], reg, 8); }
static void out(unsigned i, u64 reg, u64 value) { test_write(bells[i], reg, 8, value); }

static void knows_itself_and_its_peers(void **state unused)
{
	for (unsigned i = 0; i < MEMBERS; i++) {
		assert_int_equal(in(i, ID), ids[i]);
		assert_int_equal(in(i, PEERS), BIT(0) | BIT(5) | BIT(63));
	}
}

static void rings_one(void **state unused)
{
	out(0, RING, 63);
	assert_true(wires[2].level);
	assert_false(wires[0].level || wires[1].level);
	assert_int_equal(in(2, PENDING), BIT(0));
	assert_false(wires[2].level);
	assert_int_equal(in(2, PENDING), 0);
}

static void rings_all_others(void **state unused)
{
	out(2, RING, ~0ul);
	assert_true(wires[0].level && wires[1].level);
	assert_false(wires[2].level);
	assert_int_equal(in(0, PENDING), BIT(63));
	test_write(bells[0], RING, 4, ~0u);
	assert_int_equal(in(1, PENDING), BIT(0) | BIT(63));
	assert_int_equal(in(2, PENDING), BIT(0));
}

static void may_ring_itself(void **state unused)
{
	out(1, RING, 5);
	assert_true(wires[1].level);
	assert_int_equal(in(1, PENDING), BIT(5));
}

/* Whoever rings again and again causes no more than one interrupt. */
static void many_rings_are_one(void **state unused)
{
	for (int i = 0; i < 100; i++)
		out(0, RING, 5);
	assert_int_equal(wires[1].changes, 1);
	assert_int_equal(in(1, PENDING), BIT(0));
	assert_int_equal(wires[1].changes, 2);
}

static void ringing_nobody_is_harmless(void **state unused)
{
	const u64 nobody[] = { 1, 62, 64, 65, 1ul << 32, ~0ul - 1, 1ul << 63 };

	for (unsigned i = 0; i < ARRAY_SIZE(nobody); i++)
		out(0, RING, nobody[i]);
	test_write(bells[0], RING + 4, 4, 5);
	assert_int_equal(wires[0].changes + wires[1].changes + wires[2].changes, 0);
}

static void masked_rings_pend(void **state unused)
{
	out(1, MASKED, BIT(0));
	out(0, RING, 5);
	assert_false(wires[1].level);
	out(2, RING, 5);
	assert_true(wires[1].level);
	out(1, MASKED, ~0ul);
	assert_false(wires[1].level);
	assert_int_equal(in(1, MASKED), ~0ul);
	out(1, MASKED, BIT(63));
	assert_true(wires[1].level);
	assert_int_equal(in(1, PENDING), BIT(0) | BIT(63));
	assert_false(wires[1].level);
}

static void halves_stand_alone(void **state unused)
{
	out(0, RING, 5);
	out(2, RING, 5);
	assert_int_equal(test_read(bells[1], PENDING + 4, 4), BIT(31));
	assert_true(wires[1].level);
	assert_int_equal(test_read(bells[1], PENDING, 4), BIT(0));
	assert_false(wires[1].level);
	test_write(bells[1], MASKED + 4, 4, 0x80000000);
	test_write(bells[1], MASKED, 4, 0x11);
	assert_int_equal(in(1, MASKED), BIT(63) | 0x11);
	assert_int_equal(test_read(bells[1], PEERS + 4, 4), BIT(31));
}

static void one_that_left_is_not_rung(void **state unused)
{
	bells[2]->ops->destroy(bells[2]);
	bells[2] = NULL;
	assert_int_equal(in(0, PEERS), BIT(0) | BIT(5));
	out(0, RING, 63);
	out(0, RING, ~0ul);
	assert_false(wires[2].level);
	assert_int_equal(in(1, PENDING), BIT(0));
	bells[2] = attach(63, test_wire_line(&wires[2], 42));
	assert_non_null(bells[2]);
	assert_int_equal(in(2, PENDING), 0);
	out(0, RING, 63);
	assert_true(wires[2].level);
}

static void starts_anew_after_a_reset(void **state unused)
{
	out(1, MASKED, BIT(63));
	out(0, RING, 5);
	test_reset(bells[1]);
	assert_false(wires[1].level);
	assert_int_equal(in(1, PENDING) | in(1, MASKED), 0);
	assert_int_equal(in(0, PEERS), BIT(0) | BIT(5) | BIT(63));
}

static void other_registers_are_zero(void **state unused)
{
	struct bus bus = { 0 };
	u64 value = 0;

	for (u64 off = MASKED + 8; off < SHARED_DOORBELL_SIZE; off += 8) {
		out(0, off, ~0ul);
		assert_int_equal(in(0, off), 0);
	}
	assert_int_equal(in(0, RING), 0);
	out(0, ID, 7);
	out(0, PEERS, 0);
	out(0, PENDING, ~0ul);
	assert_int_equal(in(0, ID) | in(0, PENDING), 0);
	assert_int_equal(bus_add(&bus, bells[0]), 0);
	assert_false(bus_access(&bus, BASE, 1, false, &value));
	assert_false(bus_access(&bus, BASE, 2, true, &value));
}

static void is_found_by_its_node(void **state unused)
{
	const char *path = "/shared@10100000";
	const void *fdt = test_describe(bells[1]);
	const u32 reg[] = { 0, BASE, 0, SHARED_DOORBELL_SIZE, 2, 0, 0, 2 * MIB };

	test_compatible(fdt, path, "bulkhead,shared");
	test_compatible(fdt, path, "generic-uio");
	for (int i = 0; i < (int)ARRAY_SIZE(reg); i++)
		assert_int_equal(test_cell(fdt, path, "reg", i), reg[i]);
	assert_int_equal(test_cell(fdt, path, "interrupts", 0), 41);
	assert_int_equal(test_cell(fdt, path, "interrupt-parent", 0), FDT_PHANDLE_PLIC);
	assert_string_equal(fdt_getprop(fdt, fdt_path_offset(fdt, path), "linux,uio-name", NULL),
			    "mailbox");
	assert_non_null(fdt_getprop(fdt, fdt_path_offset(fdt, path), "read-only", NULL));
	test_describe_short(bells[1]);
	region.name = NULL;
	fdt = test_describe(bells[0]);
	assert_null(fdt_getprop(fdt, fdt_path_offset(fdt, path), "linux,uio-name", NULL));
	assert_null(fdt_getprop(fdt, fdt_path_offset(fdt, path), "read-only", NULL));
}

static void is_not_made_twice_or_without_memory(void **state unused)
{
	const struct shared_view view = { 7, MEMORY, MIB, false };
	struct host_account poor = { .limit = 16 };

	assert_null(attach(5, (struct irq_line){ 0 }));
	assert_null(shared_create(BASE, (struct irq_line){ 0 }, &region, &view, &poor));
	assert_int_equal(poor.used, 0);
	assert_int_equal(in(0, PEERS), BIT(0) | BIT(5) | BIT(63));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(knows_itself_and_its_peers),
		T(rings_one),
		T(rings_all_others),
		T(may_ring_itself),
		T(many_rings_are_one),
		T(ringing_nobody_is_harmless),
		T(masked_rings_pend),
		T(halves_stand_alone),
		T(one_that_left_is_not_rung),
		T(starts_anew_after_a_reset),
		T(other_registers_are_zero),
		T(is_found_by_its_node),
		T(is_not_made_twice_or_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, test_leaves_nothing);
}
