#include "vm/guest_mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "host/fake/fake.h"

#define BASE 0x80000000ul

static struct guest_mem mem;
static u64 allocated;

static int setup(void **state unused)
{
	fake_reset();
	allocated = fake_allocated();
	memset(&mem, 0, sizeof(mem));
	mem.space = host_space_create(NULL);
	host_space_enter(mem.space);
	return 0;
}

static int teardown(void **state unused)
{
	guest_mem_free(&mem);
	host_space_enter(NULL);
	host_space_destroy(mem.space);
	assert_int_equal(fake_allocated(), allocated);
	return 0;
}

static void one_extent_holds_its_bytes(void **state unused)
{
	char text[6] = "";

	assert_int_equal(guest_mem_add(&mem, BASE, MIB), 0);
	assert_true(guest_write(&mem, BASE + MIB - 6, "hello", 6));
	assert_true(guest_read(&mem, BASE + MIB - 6, text, 6));
	assert_string_equal(text, "hello");
}

static void new_memory_is_zero(void **state unused)
{
	u64 word = 1;

	assert_int_equal(guest_mem_add(&mem, BASE, MIB), 0);
	assert_true(guest_read(&mem, BASE + 4096, &word, sizeof(word)));
	assert_int_equal(word, 0);
}

static void ranges_are_checked_whole(void **state unused)
{
	assert_int_equal(guest_mem_add(&mem, BASE, MIB), 0);
	assert_true(guest_mem_contains(&mem, BASE, MIB));
	assert_true(guest_mem_contains(&mem, BASE + MIB - 1, 1));
	assert_false(guest_mem_contains(&mem, BASE - 1, 1));
	assert_false(guest_mem_contains(&mem, BASE - 1, 2));
	assert_false(guest_mem_contains(&mem, BASE, MIB + 1));
	assert_false(guest_mem_contains(&mem, BASE + MIB, 1));
	assert_false(guest_mem_contains(&mem, BASE + 1, ~0ul));
	assert_false(guest_mem_contains(&mem, BASE + MIB - 1, ~0ul - BASE));
	assert_false(guest_mem_contains(&mem, ~0ul, 1));
	assert_false(guest_mem_contains(&mem, ~0ul, ~0ul));
}

static void an_empty_range_is_always_there(void **state unused)
{
	assert_true(guest_mem_contains(&mem, 0, 0));
	assert_true(guest_read(&mem, ~0ul, NULL, 0));
}

static void without_memory_nothing_is_there(void **state unused)
{
	u64 size = 1;
	u8 byte = 7;

	assert_false(guest_mem_contains(&mem, 0, 1));
	assert_false(guest_read(&mem, BASE, &byte, 1));
	assert_int_equal(byte, 7);
	assert_null(guest_ptr(&mem, BASE, &size));
}

static void accesses_cross_extents(void **state unused)
{
	u8 in[3 * 4096], out[3 * 4096];

	fake_ram_set(GIB, 4096);
	assert_int_equal(guest_mem_add(&mem, BASE, 4 * 4096), 0);
	assert_int_equal(mem.count, 4);
	for (unsigned i = 0; i < sizeof(in); i++)
		in[i] = (u8)(i * 7 + i / 256);
	assert_true(guest_write(&mem, BASE + 100, in, sizeof(in)));
	assert_true(guest_read(&mem, BASE + 100, out, sizeof(out)));
	assert_memory_equal(in, out, sizeof(in));
	assert_false(guest_write(&mem, BASE + 4097, in, sizeof(in)));
}

static void a_refused_write_changes_nothing(void **state unused)
{
	u8 byte = 1, two[2] = { 9, 9 };

	assert_int_equal(guest_mem_add(&mem, BASE, 4096), 0);
	assert_false(guest_write(&mem, BASE + 4095, two, 2));
	assert_true(guest_read(&mem, BASE + 4095, &byte, 1));
	assert_int_equal(byte, 0);
}

static void regions_are_sorted_and_holes_are_holes(void **state unused)
{
	assert_int_equal(guest_mem_add(&mem, BASE + 2 * MIB, MIB), 0);
	assert_int_equal(guest_mem_add(&mem, BASE + 8 * MIB, MIB), 0);
	assert_int_equal(guest_mem_add(&mem, BASE, MIB), 0);
	assert_int_equal(guest_mem_add(&mem, BASE + MIB, MIB), 0);
	for (unsigned i = 1; i < mem.count; i++)
		assert_true(mem.extents[i - 1].gpa < mem.extents[i].gpa);
	assert_true(guest_mem_contains(&mem, BASE, 3 * MIB));
	assert_false(guest_mem_contains(&mem, BASE, 3 * MIB + 1));
	assert_false(guest_mem_contains(&mem, BASE + 2 * MIB, 7 * MIB));
	assert_true(guest_mem_contains(&mem, BASE + 8 * MIB, MIB));
}

static void memory_up_to_the_last_byte(void **state unused)
{
	u8 byte;

	assert_int_equal(guest_mem_add(&mem, ~0ul - 8191, 4096), 0);
	assert_true(guest_read(&mem, ~0ul - 4096, &byte, 1));
	assert_false(guest_mem_contains(&mem, ~0ul - 4096, 2));
	assert_false(guest_mem_contains(&mem, ~0ul - 4096, ~0ul));
}

static void pointers_end_with_their_extent(void **state unused)
{
	u64 size = ~0ul;

	fake_ram_set(GIB, 8192);
	assert_int_equal(guest_mem_add(&mem, BASE, 4 * 4096), 0);
	assert_ptr_equal(guest_ptr(&mem, BASE + 10, &size), mem.extents[0].host.va + 10);
	assert_int_equal(size, 8192 - 10);
	size = 5;
	assert_ptr_equal(guest_ptr(&mem, BASE + 8192, &size), mem.extents[1].host.va);
	assert_int_equal(size, 5);
}

static void too_little_memory_changes_nothing(void **state unused)
{
	assert_int_equal(guest_mem_add(&mem, BASE, MIB), 0);
	fake_ram_set(MIB, 0);
	assert_int_equal(guest_mem_add(&mem, BASE + MIB, 2 * MIB), -12);
	assert_int_equal(mem.count, 1);
	fake_ram_set(GIB, 4096);
	assert_int_equal(guest_mem_add(&mem, BASE + MIB, MIB), -12);
	assert_int_equal(mem.count, 1);
	assert_true(guest_mem_contains(&mem, BASE, MIB));
}

static void freed_memory_is_gone(void **state unused)
{
	u64 before = host_ram_free_bytes();

	assert_int_equal(guest_mem_add(&mem, BASE, MIB), 0);
	guest_mem_free(&mem);
	assert_false(guest_mem_contains(&mem, BASE, 1));
	assert_int_equal(host_ram_free_bytes(), before);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(one_extent_holds_its_bytes),
		test(new_memory_is_zero),
		test(ranges_are_checked_whole),
		test(an_empty_range_is_always_there),
		test(without_memory_nothing_is_there),
		test(accesses_cross_extents),
		test(a_refused_write_changes_nothing),
		test(regions_are_sorted_and_holes_are_holes),
		test(memory_up_to_the_last_byte),
		test(pointers_end_with_their_extent),
		test(too_little_memory_changes_nothing),
		test(freed_memory_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
