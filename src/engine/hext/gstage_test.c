#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/hext/gstage.h"
#include "riscv/csr.h"
#include "riscv/pte.h"
#include "vm/engine.h"

#define RWX (PROT_R | PROT_W | PROT_X)
#define PAGE 4096ul

static struct host_account account;

static int setup(void **state)
{
	static struct gstage g;

	g = (struct gstage){ 0 };
	account = (struct host_account){ 0 };
	*state = &g;
	return gstage_init(&g, HGATP_MODE_SV39X4, &account);
}

static int teardown(void **state)
{
	gstage_fini(*state);
	assert_int_equal(account.used, 0);
	return 0;
}

static void takes_the_largest_pages(void **state)
{
	struct gstage *g = *state;
	u64 size;

	assert_int_equal(gstage_map(g, 0x80000000, 0x100000000, GIB, RWX), 0);
	assert_int_equal(pte_address(gstage_lookup(g, 0x80000000, &size)), 0x100000000);
	assert_int_equal(size, GIB);
	assert_int_equal(gstage_map(g, 0, 0x200000, 2 * MIB + PAGE, RWX), 0);
	gstage_lookup(g, 0, &size);
	assert_int_equal(size, 2 * MIB);
	assert_int_equal(pte_address(gstage_lookup(g, 2 * MIB, &size)), 0x400000);
	assert_int_equal(size, PAGE);
	assert_int_equal(gstage_lookup(g, 2 * MIB + PAGE, &size), 0);
}

static void takes_small_pages_where_alignment_differs(void **state)
{
	u64 size;

	assert_int_equal(gstage_map(*state, 0x200000, 0x80001000, 2 * MIB, RWX), 0);
	assert_int_equal(pte_address(gstage_lookup(*state, 0x3ff000, &size)), 0x80200000);
	assert_int_equal(size, PAGE);
}

static void unmap_splits(void **state)
{
	u64 size;

	assert_int_equal(gstage_map(*state, 0, 0x40000000, GIB, RWX), 0);
	assert_int_equal(gstage_unmap(*state, 5 * MIB, PAGE), 0);
	assert_int_equal(gstage_lookup(*state, 5 * MIB, &size), 0);
	assert_int_equal(pte_address(gstage_lookup(*state, 5 * MIB + PAGE, &size)), 0x40000000 + 5 * MIB + PAGE);
	assert_int_equal(size, PAGE);
	assert_int_equal(pte_address(gstage_lookup(*state, 8 * MIB, &size)), 0x40000000 + 8 * MIB);
	assert_int_equal(size, 2 * MIB);
	assert_int_equal(gstage_unmap(*state, 0, GIB), 0);
	assert_int_equal(gstage_lookup(*state, 8 * MIB, &size), 0);
}

static void refuses_what_lies_beyond(void **state)
{
	u64 size;

	/* Sv39x4 has 41 bits. */
	assert_int_equal(gstage_map(*state, 1ul << 41, 0, PAGE, RWX), -ERANGE);
	assert_int_equal(gstage_map(*state, (1ul << 41) - PAGE, 0, PAGE, RWX), 0);
	assert_int_equal(gstage_map(*state, ~0ul << 12, 0, 2 * PAGE, RWX), -ERANGE);
	assert_int_equal(gstage_lookup(*state, ~0ul, &size), 0);
}

static void stays_within_its_budget(void **state)
{
	account.limit = account.used + PAGE;
	assert_int_equal(gstage_map(*state, 0, 0, PAGE, RWX), -ENOMEM);
}

static void leaves_are_user_pages_with_the_given_rights(void **state)
{
	u64 size, pte;

	assert_int_equal(gstage_map(*state, 0, 0, PAGE, PROT_R), 0);
	pte = gstage_lookup(*state, 0, &size);
	assert_int_equal(pte, PTE_V | PTE_R | PTE_U | PTE_A | PTE_D);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(takes_the_largest_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(takes_small_pages_where_alignment_differs, setup, teardown),
		cmocka_unit_test_setup_teardown(unmap_splits, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_what_lies_beyond, setup, teardown),
		cmocka_unit_test_setup_teardown(stays_within_its_budget, setup, teardown),
		cmocka_unit_test_setup_teardown(leaves_are_user_pages_with_the_given_rights, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
