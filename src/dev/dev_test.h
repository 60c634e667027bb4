/* What the device models' unit tests share: a wire to look at, accesses, a tree to read. */
#ifndef DEV_DEV_TEST_H
#define DEV_DEV_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <libfdt.h>

#include "host/host.h"
#include "vm/bus.h"

/* Pays for every model that a test makes. */
static struct host_account test_account unused;

struct test_wire {
	bool level;
	unsigned changes;
};

static inline void test_wire_set(void *chip, unsigned input unused, bool level)
{
	struct test_wire *w = chip;

	w->changes += w->level != level;
	w->level = level;
}

static inline struct irq_line test_wire_line(struct test_wire *w, unsigned input)
{
	return (struct irq_line){ .set = test_wire_set, .chip = w, .input = input };
}

/* Accesses that must succeed, at an offset of the only device on a bus. */
static inline u64 test_read(struct dev *d, u64 off, unsigned size)
{
	struct bus bus = { 0 };
	u64 value = 0x5a5a5a5a5a5a5a5a;

	assert_int_equal(bus_add(&bus, d), 0);
	assert_true(bus_access(&bus, d->base + off, size, false, &value));
	assert_true(size == 8 || value >> (8 * size) == 0);
	return value;
}

static inline void test_write(struct dev *d, u64 off, unsigned size, u64 value)
{
	struct bus bus = { 0 };

	assert_int_equal(bus_add(&bus, d), 0);
	assert_true(bus_access(&bus, d->base + off, size, true, &value));
}

static inline void test_reset(struct dev *d)
{
	struct bus bus = { 0 };

	assert_int_equal(bus_add(&bus, d), 0);
	bus_reset(&bus);
}

/* The tree with the device's nodes in its root, in a buffer that the next call overwrites. */
static inline const void *test_describe(const struct dev *d)
{
	static char fdt[8192];

	assert_int_equal(fdt_create(fdt, sizeof(fdt)), 0);
	assert_int_equal(fdt_finish_reservemap(fdt), 0);
	assert_int_equal(fdt_begin_node(fdt, ""), 0);
	assert_int_equal(d->ops->describe(d, fdt), 0);
	assert_int_equal(fdt_end_node(fdt), 0);
	assert_int_equal(fdt_finish(fdt), 0);
	return fdt;
}

/* Whether a tree with too little room gives an error, whatever the room. */
static inline void test_describe_short(const struct dev *d)
{
	char fdt[1024];

	for (int size = 64; size < 200; size += 4) {
		assert_int_equal(fdt_create(fdt, size), 0);
		assert_int_equal(fdt_finish_reservemap(fdt), 0);
		if (fdt_begin_node(fdt, "") == 0)
			assert_int_equal(d->ops->describe(d, fdt), -FDT_ERR_NOSPACE);
	}
}

static inline u32 test_cell(const void *fdt, const char *path, const char *name, int index)
{
	int len = 0;
	const fdt32_t *cells = fdt_getprop(fdt, fdt_path_offset(fdt, path), name, &len);

	assert_non_null(cells);
	assert_true(len >= 4 * (index + 1));
	return fdt32_to_cpu(cells[index]);
}

static inline void test_compatible(const void *fdt, const char *path, const char *compatible)
{
	int node = fdt_path_offset(fdt, path);

	assert_true(node >= 0);
	assert_int_equal(fdt_node_check_compatible(fdt, node, compatible), 0);
}

/* A group's teardown: what a test took must be free again. */
static inline int test_leaves_nothing(void **state unused)
{
	assert_int_equal(test_account.used, 0);
	return 0;
}

#endif
