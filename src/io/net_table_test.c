#include "io/net_table.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define AGE 300u
#define SECRET 0x9e3779b97f4a7c15ul

static struct net_table table;

static int setup(void **state unused)
{
	net_table_init(&table, SECRET, AGE);
	return 0;
}

static u64 address(unsigned port, unsigned n)
{
	return 2 | (u64)port << 24 | (u64)n << 32;
}

static unsigned known_of(unsigned port, unsigned count)
{
	unsigned known = 0;

	for (unsigned n = 0; n < count; n++)
		known += net_table_find(&table, address(port, n), 0) == (int)port;
	return known;
}

static void knows_what_it_learned(void **state unused)
{
	assert_int_equal(net_table_find(&table, address(3, 1), 0), -1);
	assert_int_equal(net_table_learn(&table, address(3, 1), 3, 0), -1);
	assert_int_equal(net_table_find(&table, address(3, 1), 0), 3);
	assert_int_equal(net_table_find(&table, address(3, 2), 0), -1);
}

static void an_address_moves(void **state unused)
{
	net_table_learn(&table, address(3, 1), 3, 0);
	assert_int_equal(net_table_learn(&table, address(3, 1), 4, 0), 3);
	assert_int_equal(net_table_find(&table, address(3, 1), 0), 4);
	assert_int_equal(table.entries[3], 0);
	assert_int_equal(table.entries[4], 1);
}

static void what_is_not_seen_is_forgotten(void **state unused)
{
	u32 start = ~0u - 10; /* the clock wraps */

	net_table_learn(&table, address(1, 1), 1, start);
	assert_int_equal(net_table_find(&table, address(1, 1), start + AGE), 1);
	assert_int_equal(net_table_find(&table, address(1, 1), start + AGE + 1), -1);
	net_table_learn(&table, address(1, 1), 1, start + AGE + 1);
	assert_int_equal(net_table_find(&table, address(1, 1), start + AGE + 1), 1);
	assert_int_equal(table.entries[1], 1);
}

/* Somebody who makes up addresses gets his share, and no more. */
static void a_port_has_its_share_only(void **state unused)
{
	for (unsigned n = 0; n < 10000; n++)
		net_table_learn(&table, address(5, n), 5, 0);
	assert_true(table.entries[5] <= NET_TABLE_SHARE);
	assert_true(known_of(5, 10000) > NET_TABLE_SHARE / 2);
}

static void hogs_give_way(void **state unused)
{
	for (unsigned port = 10; port < 60; port++)
		for (unsigned n = 0; n < 500; n++)
			net_table_learn(&table, address(port, n), port, 0);
	for (unsigned n = 0; n < 4; n++) {
		net_table_learn(&table, address(1, n), 1, 0);
		assert_int_equal(net_table_find(&table, address(1, n), 0), 1);
	}
	/* They try again, and do not get it. */
	for (unsigned port = 10; port < 60; port++)
		for (unsigned n = 500; n < 1000; n++)
			net_table_learn(&table, address(port, n), port, 0);
	assert_int_equal(known_of(1, 4), 4);
}

static void all_of_a_port_is_forgotten(void **state unused)
{
	for (unsigned n = 0; n < 100; n++) {
		net_table_learn(&table, address(1, n), 1, 0);
		net_table_learn(&table, address(2, n), 2, 0);
	}
	net_table_forget(&table, 1);
	assert_int_equal(table.entries[1], 0);
	assert_int_equal(known_of(1, 100), 0);
	assert_int_equal(known_of(2, 100), 100);
}

/* As many as a full switch may have, each with an address of its own. */
static void a_full_switch_is_known(void **state unused)
{
	for (u64 secret = 1; secret < 200; secret++) {
		net_table_init(&table, secret * 0x9e3779b97f4a7c15ul, AGE);
		for (unsigned port = 0; port < NET_TABLE_PORTS; port++)
			net_table_learn(&table, 0x6c756202ul | (u64)port << 32 | 1ul << 40, port, 0);
		for (unsigned port = 0; port < NET_TABLE_PORTS; port++)
			assert_int_equal(net_table_find(&table, 0x6c756202ul | (u64)port << 32 | 1ul << 40,
							0), port);
	}
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(knows_what_it_learned),
		T(an_address_moves),
		T(what_is_not_seen_is_forgotten),
		T(a_port_has_its_share_only),
		T(hogs_give_way),
		T(all_of_a_port_is_forgotten),
		T(a_full_switch_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
