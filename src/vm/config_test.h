/* What tests of the system description share: a tree that they write and read. */
#ifndef VM_CONFIG_TEST_H
#define VM_CONFIG_TEST_H

#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vm/config_read.h"

enum { TREE_SIZE = 128 * 1024 };

static u8 *tree;
static struct system_config sys;
static char reports[8192]; /* "path: message\n" for each mistake */

static inline void collect(void *arg, const char *path, const char *message)
{
	size_t used = strlen(reports);

	assert_ptr_equal(arg, reports);
	snprintf(reports + used, sizeof(reports) - used, "%s: %s\n", path, message);
}

static inline int node(const char *path)
{
	int offset = fdt_path_offset(tree, path);

	assert_true(offset >= 0);
	return offset;
}

static inline void set_string(const char *path, const char *name, const char *text)
{
	int size = (int)strlen(text) + 1;

	assert_int_equal(fdt_setprop(tree, node(path), name, text, size), 0);
}

static inline void set_u32(const char *path, const char *name, u32 value)
{
	assert_int_equal(fdt_setprop_u32(tree, node(path), name, value), 0);
}

static inline void set_harts(const char *path, unsigned count, const u32 *harts)
{
	fdt32_t cells[80];

	for (unsigned i = 0; i < count; i++)
		cells[i] = cpu_to_fdt32(harts[i]);
	assert_int_equal(fdt_setprop(tree, node(path), "harts", cells, (int)count * 4), 0);
}

static inline void delete(const char *path, const char *name)
{
	assert_int_equal(fdt_delprop(tree, node(path), name), 0);
}

static inline void add_vm(const char *name)
{
	char path[300];

	assert_true(fdt_add_subnode(tree, node("/vms"), name) >= 0);
	snprintf(path, sizeof(path), "/vms/%s", name);
	set_string(path, "kernel", "Image");
	set_string(path, "memory", "64M");
}

/* A system with one VM, "a", in which nothing is wrong. */
static inline int setup(void **state unused)
{
	tree = malloc(TREE_SIZE);
	assert_non_null(tree);
	fdt_create_empty_tree(tree, TREE_SIZE);
	set_string("/", "compatible", "bulkhead,system");
	assert_true(fdt_add_subnode(tree, 0, "vms") >= 0);
	add_vm("a");
	return 0;
}

static inline int teardown(void **state unused)
{
	free(tree);
	return 0;
}

static inline unsigned read_tree(void)
{
	reports[0] = '\0';
	return config_read(tree, TREE_SIZE, &sys, collect, reports);
}

/* The tree has exactly these mistakes, a line each. */
static inline void expect(const char *lines)
{
	unsigned count = 0;

	for (const char *at = lines; *at; at++)
		count += *at == '\n';
	assert_int_equal(read_tree(), count);
	assert_string_equal(reports, lines);
}

static inline unsigned check_on(const struct config_host *host)
{
	reports[0] = '\0';
	return config_check_host(&sys, host, collect, reports);
}

static inline unsigned check_host(u32 harts, u64 memory)
{
	return check_on(&(struct config_host){ .harts = harts, .memory = memory });
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
