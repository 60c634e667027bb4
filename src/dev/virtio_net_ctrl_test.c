#include "dev/virtio_net_test.h"

#include "engine/script/script_vm.h"
#include "host/fake/fake.h"

static int setup(u32 pairs, u16 mtu, u64 features)
{
	fake_reset();
	create(script_vm_open(1, RAM), pairs, mtu);
	if (features)
		start(features, 64);
	return 0;
}

static int setup_split(void **state unused) { return setup(1, 0, USUAL); }
static int setup_events(void **state unused) { return setup(1, 0, USUAL | EVENTS); }
static int setup_packed(void **state unused) { return setup(1, 0, USUAL | PACKED); }
static int setup_mq(void **state unused) { return setup(PAIRS, 0, USUAL | FEATURE(NET_F_MQ)); }

static int teardown(void **state unused)
{
	test_end();
	script_vm_close(test_vm);
	assert_int_equal(fake_allocated(), 0);
	return 0;
}

static void filters_by_command(void **state unused)
{
	struct {
		u32 unicast;
		u8 mac[2][6];
		u32 multicast;
	} __attribute__((packed)) table = { 2, { { 2, 0, 0, 0, 0, 9 }, { 2, 0, 0, 0, 0, 8 } }, 0 };

	driver_offer_many(&rx[0], 30, 1536);
	assert_true(gets(OURS, 60) && gets(9, 60) && gets(255, 60));
	OK_COMMAND(NET_CTRL_RX, NET_RX_PROMISC, u8, 0);
	assert_true(gets(OURS, 60) && !gets(9, 60) && gets(255, 60));
	assert_int_equal(command(NET_CTRL_MAC, NET_MAC_TABLE_SET, &table, sizeof(table)), 0);
	assert_true(gets(9, 60) && gets(8, 60) && !gets(7, 60));
	OK_COMMAND(NET_CTRL_RX, NET_RX_NOBCAST, u8, 1);
	assert_false(gets(255, 60));
	OK_COMMAND(NET_CTRL_MAC, NET_MAC_ADDR_SET, u8[6], 2, 0, 0, 0, 0, 7);
	assert_true(gets(7, 60) && !gets(OURS, 60));
	assert_int_equal(config_in(net, 5, 1), 7);
	BAD_COMMAND(NET_CTRL_RX, NET_RX_MODES, u8, 1);
	BAD_COMMAND(NET_CTRL_RX, NET_RX_PROMISC, u16, 1);
	BAD_COMMAND(NET_CTRL_MAC, 2, u8, 1);
	BAD_COMMAND(NET_CTRL_VLAN, NET_VLAN_ADD, u16, 4096);
	OK_COMMAND(NET_CTRL_VLAN, NET_VLAN_ADD, u16, 4095);
	BAD_COMMAND(9, 0, u8, 1);
	table.unicast = 3;
	assert_int_equal(command(NET_CTRL_MAC, NET_MAC_TABLE_SET, &table, sizeof(table)), 1);
	table.unicast = 0x80000002;
	assert_int_equal(command(NET_CTRL_MAC, NET_MAC_TABLE_SET, &table, sizeof(table)), 1);
	assert_true(gets(9, 60));
}

static void a_long_table_lets_all_pass(void **state unused)
{
	u8 table[4 + 70 * 6 + 4] = { 70 };

	driver_offer_many(&rx[0], 30, 1536);
	OK_COMMAND(NET_CTRL_RX, NET_RX_PROMISC, u8, 0);
	assert_false(gets(9, 60));
	assert_int_equal(command(NET_CTRL_MAC, NET_MAC_TABLE_SET, table, sizeof(table)), 0);
	assert_true(gets(9, 60));
}

static void offloads_by_command(void **state unused)
{
	struct net_offload o = { .flags = NET_HDR_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16 };
	u8 frame[154];

	driver_offer_many(&rx[0], 30, 1536);
	test_tcp4(frame, 255, PEER, 0, 100, 0x10);
	BAD_COMMAND(5, 0, u64, 1);
	BAD_COMMAND(5, 1, u64, 0);
	peer_send(&o, frame, 154); /* comes incomplete, and is not taken any more */
	OK_COMMAND(5, 0, u64, 0);
	peer_send(&o, frame, 154);
	io_run();
	assert_int_equal(driver_hears(&rx[0]), 1);
	assert_int_equal(heard_offload.flags, 0);
	test_check_tcp(heard, heard_size);
	assert_int_equal(driver_hears(&rx[0]), 0);
	OK_COMMAND(5, 0, u64, FEATURE(NET_F_GUEST_CSUM));
	peer_send(&o, frame, 154);
	io_run();
	assert_int_equal(driver_hears(&rx[0]), 1);
	assert_int_equal(heard_offload.flags, NET_HDR_NEEDS_CSUM);
}

static void commands_without_room_change_nothing_else(void **state unused)
{
	struct test_buffer b = { guest_take(2, 2), 1, false };
	struct test_used used;

	for (unsigned i = 0; i < 16; i++)
		ring_add(&ctrl, &b, 1, false);
	ring_kick(&ctrl);
	io_run();
	for (unsigned i = 0; i < 16; i++)
		assert_true(ring_poll(&ctrl, &used) && !used.written);
	OK_COMMAND(NET_CTRL_RX, NET_RX_PROMISC, u8, 0);
}

static void spread_flow(u32 source_port)
{
	u8 frame[154];

	test_tcp4(frame, 255, PEER, 0, 100, 0x10);
	test_put16(frame + 34, source_port);
	peer_send(NULL, frame, 154);
}

static void spreads_flows(void **state unused)
{
	unsigned got[PAIRS] = { 0 };

	assert_int_equal(config_in(net, 8, 2), PAIRS);
	for (unsigned i = 0; i < PAIRS; i++)
		driver_offer_many(&rx[i], 60, 1536);
	for (unsigned i = 0; i < 40; i++)
		spread_flow(i);
	io_run();
	while (driver_hears(&rx[0]))
		got[0]++;
	assert_int_equal(got[0], 40);
	BAD_COMMAND(4, 0, u16, 0);
	BAD_COMMAND(4, 0, u16, PAIRS + 1);
	BAD_COMMAND(4, 1, u16, 1);
	OK_COMMAND(4, 0, u16, PAIRS);
	driver_offer_many(&rx[0], 40, 1536);
	for (unsigned i = 0; i < 90; i++)
		spread_flow(i);
	io_run();
	for (unsigned i = 0; i < PAIRS; i++) {
		got[i] = 0;
		while (driver_hears(&rx[i]))
			got[i]++;
		assert_in_range(got[i], 10, 60);
	}
	assert_int_equal(got[0] + got[1] + got[2], 90);
	/* All transmit queues lead out. */
	for (unsigned i = 0; i < PAIRS; i++) {
		u8 frame[60] = { 0 };

		test_ethernet(frame, PEER, OURS, 0x88b5);
		driver_send(&tx[i], NULL, frame, 60, 1, false);
		ring_kick(&tx[i]);
		assert_true(peer_hears());
	}
}

static void a_queue_that_goes_out_of_use_ends_its_frame(void **state unused)
{
	u8 frame[5000] = { 0 };
	u32 flow = 0;
	struct test_used used;

	OK_COMMAND(4, 0, u16, PAIRS);
	test_tcp4(frame, 255, PEER, 0, 4946, 0x10);
	do
		test_put16(frame + 34, ++flow);
	while (net_flow_hash(frame, 5000) % PAIRS != 2);
	peer_send(NULL, frame, 5000);
	driver_offer_many(&rx[2], 2, 1536);
	io_run();
	assert_false(ring_poll(&rx[2], &used));
	driver_offer_many(&rx[0], 2, 1536);
	OK_COMMAND(4, 0, u16, 1);
	assert_int_equal(driver_hears(&rx[2]), 2);
	peer_say(255, 60);
	io_run();
	assert_int_equal(driver_hears(&rx[0]), 1);
	assert_true(heard_is(255, PEER, 60));
}

#define S(f, setup) { #f, f, setup, teardown, NULL }
#define T(f) \
	{ #f ", split", f, setup_split, teardown, NULL }, \
	{ #f ", events", f, setup_events, teardown, NULL }, \
	{ #f ", packed", f, setup_packed, teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(filters_by_command),
		T(a_long_table_lets_all_pass),
		T(offloads_by_command),
		T(commands_without_room_change_nothing_else),
		S(spreads_flows, setup_mq),
		S(a_queue_that_goes_out_of_use_ends_its_frame, setup_mq),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
