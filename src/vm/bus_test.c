#include "vm/bus.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* A device that remembers the last access. */
struct probe {
	struct dev dev;
	u64 off, value;
	unsigned size, accesses, resets;
	bool write;
};

static u64 probe_read(struct dev *d, u64 off, unsigned size)
{
	struct probe *p = container_of(d, struct probe, dev);

	assert_false(lock_try(&d->lock));
	p->off = off;
	p->size = size;
	p->write = false;
	p->accesses++;
	return 0xa5;
}

static void probe_write(struct dev *d, u64 off, unsigned size, u64 value)
{
	struct probe *p = container_of(d, struct probe, dev);

	probe_read(d, off, size);
	p->value = value;
	p->write = true;
}

static void probe_reset(struct dev *d)
{
	assert_false(lock_try(&d->lock));
	container_of(d, struct probe, dev)->resets++;
}

static const struct dev_ops probe_ops = {
	.name = "probe",
	.sizes = DEV_SIZE_1 | DEV_SIZE_4,
	.read = probe_read,
	.write = probe_write,
	.reset = probe_reset,
};

static void probe_init(struct probe *p, u64 base, u64 size)
{
	*p = (struct probe){ .dev = { .ops = &probe_ops, .base = base, .size = size } };
}

static void finds_the_device_of_an_address(void **state unused)
{
	static struct probe probes[BUS_DEVICES_MAX];
	struct bus bus = { 0 };

	/* In an order that is neither up nor down. */
	for (u64 i = 0; i < BUS_DEVICES_MAX; i++) {
		struct probe *p = &probes[i * 37 % BUS_DEVICES_MAX];

		probe_init(p, 0x1000 + (u64)(p - probes) * 0x100, 0x80);
		assert_int_equal(bus_add(&bus, &p->dev), 0);
	}
	for (u64 i = 0; i < BUS_DEVICES_MAX; i++) {
		u64 base = 0x1000 + i * 0x100;

		assert_ptr_equal(bus_find(&bus, base), &probes[i].dev);
		assert_ptr_equal(bus_find(&bus, base + 0x7f), &probes[i].dev);
		assert_null(bus_find(&bus, base + 0x80));
		assert_null(bus_find(&bus, base - 1));
	}
	assert_null(bus_find(&bus, 0));
	assert_null(bus_find(&bus, ~0ul));
}

static void refuses_what_does_not_fit(void **state unused)
{
	static struct probe probes[BUS_DEVICES_MAX], extra;
	struct bus bus = { 0 };

	probe_init(&probes[0], 0x1000, 0x100);
	assert_int_equal(bus_add(&bus, &probes[0].dev), 0);
	probe_init(&extra, 0x10f8, 8);
	assert_int_equal(bus_add(&bus, &extra.dev), -EEXIST);
	probe_init(&extra, 0xf00, 0x108);
	assert_int_equal(bus_add(&bus, &extra.dev), -EEXIST);
	probe_init(&extra, 0xf00, 0x1000);
	assert_int_equal(bus_add(&bus, &extra.dev), -EEXIST);
	probe_init(&extra, 0x1000, 0x100);
	assert_int_equal(bus_add(&bus, &extra.dev), -EEXIST);
	for (u64 i = 1; i < BUS_DEVICES_MAX; i++) {
		probe_init(&probes[i], 0x1000 + i * 0x100, 0x100);
		assert_int_equal(bus_add(&bus, &probes[i].dev), 0);
	}
	probe_init(&extra, 0, 8);
	assert_int_equal(bus_add(&bus, &extra.dev), -ENOSPC);
	assert_int_equal(bus.count, BUS_DEVICES_MAX);
}

static void passes_offset_size_and_value(void **state unused)
{
	struct probe a, b;
	struct bus bus = { 0 };
	u64 value = 0x1234;

	probe_init(&a, 0x1000, 0x10);
	probe_init(&b, 0x2000, 0x10);
	assert_int_equal(bus_add(&bus, &b.dev), 0);
	assert_int_equal(bus_add(&bus, &a.dev), 0);
	for (unsigned round = 0; round < 2; round++) { /* the second one knows where it was */
		assert_true(bus_access(&bus, 0x2004, 4, true, &value));
		assert_true(b.write);
		assert_int_equal(b.off, 4);
		assert_int_equal(b.size, 4);
		assert_int_equal(b.value, 0x1234);
		assert_int_equal(value, 0x1234);
	}
	assert_int_equal(a.accesses, 0);
	assert_true(bus_access(&bus, 0x100f, 1, false, &value));
	assert_false(a.write);
	assert_int_equal(a.off, 15);
	assert_int_equal(a.size, 1);
	assert_int_equal(value, 0xa5);
	assert_true(lock_try(&a.dev.lock));
	assert_true(lock_try(&b.dev.lock));
}

static void refuses_bad_accesses_and_does_nothing(void **state unused)
{
	static const struct { u64 gpa; unsigned size; } bad[] = {
		{ 0x1001, 4 }, { 0x1002, 4 }, { 0x100f, 4 },  /* misaligned, crossing the end */
		{ 0x1000, 2 }, { 0x1000, 8 }, { 0x1008, 8 },  /* sizes it does not have */
		{ 0xfff, 1 }, { 0xffc, 4 }, { 0x1010, 1 },    /* beside it */
		{ 0, 1 }, { ~0ul, 1 }, { ~3ul, 4 }, { 0x1000 + (1ul << 63), 4 },
	};
	struct probe p;
	struct bus bus = { 0 }, none = { 0 };
	u64 value = 77;

	probe_init(&p, 0x1000, 0x10);
	assert_int_equal(bus_add(&bus, &p.dev), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_false(bus_access(&bus, bad[i].gpa, bad[i].size, false, &value));
		assert_false(bus_access(&bus, bad[i].gpa, bad[i].size, true, &value));
		assert_false(bus_access(&none, bad[i].gpa, bad[i].size, false, &value));
	}
	assert_int_equal(p.accesses, 0);
	assert_int_equal(value, 77);
}

static void hint_at(struct bus *bus, struct dev *d)
{
	for (unsigned i = 0; i < BUS_RECENT; i++)
		bus->recent[i] = d;
}

static void distrusts_its_hints(void **state unused)
{
	struct probe a, b;
	struct bus bus = { 0 };
	struct dev *hints[] = { NULL, &a.dev, &b.dev };
	u64 value = 0;

	probe_init(&a, 0x1000, 0x10);
	probe_init(&b, 0x2000, 0x10);
	assert_int_equal(bus_add(&bus, &a.dev), 0);
	assert_int_equal(bus_add(&bus, &b.dev), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(hints); i++) {
		hint_at(&bus, hints[i]);
		assert_true(bus_access(&bus, 0x1000, 4, false, &value));
		hint_at(&bus, hints[i]);
		assert_true(bus_access(&bus, 0x2000, 4, false, &value));
		hint_at(&bus, hints[i]);
		assert_false(bus_access(&bus, 0x3000, 4, false, &value));
	}
	assert_int_equal(a.accesses, ARRAY_SIZE(hints));
	assert_int_equal(b.accesses, ARRAY_SIZE(hints));
}

/* A device that is gone is not remembered by the bus of the next run. */
static void forgets_what_was_there_before(void **state unused)
{
	struct probe a, b;
	struct bus bus = { 0 };
	u64 value = 0;

	probe_init(&a, 0x1000, 0x10);
	probe_init(&b, 0x1000, 0x10);
	assert_int_equal(bus_add(&bus, &a.dev), 0);
	assert_true(bus_access(&bus, 0x1000, 4, false, &value));
	bus.count = 0;
	assert_int_equal(bus_add(&bus, &b.dev), 0);
	assert_true(bus_access(&bus, 0x1000, 4, false, &value));
	assert_int_equal(a.accesses, 1);
	assert_int_equal(b.accesses, 1);
}

static void resets_every_device(void **state unused)
{
	static const struct dev_ops no_reset = { .name = "stone" };
	struct probe a, b, stone;
	struct bus bus = { 0 };

	probe_init(&a, 0x1000, 0x10);
	probe_init(&b, 0x2000, 0x10);
	probe_init(&stone, 0x3000, 0x10);
	stone.dev.ops = &no_reset;
	assert_int_equal(bus_add(&bus, &a.dev), 0);
	assert_int_equal(bus_add(&bus, &b.dev), 0);
	assert_int_equal(bus_add(&bus, &stone.dev), 0);
	bus_reset(&bus);
	assert_int_equal(a.resets, 1);
	assert_int_equal(b.resets, 1);
	assert_true(lock_try(&a.dev.lock));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_device_of_an_address),
		cmocka_unit_test(refuses_what_does_not_fit),
		cmocka_unit_test(passes_offset_size_and_value),
		cmocka_unit_test(refuses_bad_accesses_and_does_nothing),
		cmocka_unit_test(distrusts_its_hints),
		cmocka_unit_test(forgets_what_was_there_before),
		cmocka_unit_test(resets_every_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
