#include "dev/net_filter.h"

#include "io/net_test.h"

static struct net_filter filter;
static u8 frame[200];

static const u8 own[NET_MAC_SIZE] = { 2, 0, 0, 0, 0, 1 };

static int setup(void **state unused)
{
	net_filter_reset(&filter, net_mac(own), false);
	test_ethernet(frame, 1, 2, 0x88b5);
	return 0;
}

static bool passes(u8 to)
{
	test_mac(frame, to);
	return net_filter_pass(&filter, frame, 60);
}

static bool passes_multicast(u8 n)
{
	memcpy(frame, (const u8[]){ 1, 0, 0x5e, 0, 0, n }, NET_MAC_SIZE);
	return net_filter_pass(&filter, frame, 60);
}

static void lets_all_pass_at_first(void **state unused)
{
	assert_true(passes(1) && passes(2) && passes(255) && passes_multicast(9));
}

static void lets_its_own_pass(void **state unused)
{
	assert_true(net_filter_set_mode(&filter, NET_RX_PROMISC, 0));
	assert_true(passes(1) && passes(255));
	assert_false(passes(2) || passes_multicast(9));
	filter.unicast.macs[filter.unicast.count++] = net_mac((const u8[]){ 2, 0, 0, 0, 0, 2 });
	filter.multicast.macs[filter.multicast.count++] = net_mac((const u8[]){ 1, 0, 0x5e, 0, 0, 9 });
	assert_true(passes(2) && passes_multicast(9));
	assert_false(passes(3) || passes_multicast(8));
	filter.unicast.all = true;
	assert_true(passes(3));
	filter.multicast.all = true;
	assert_true(passes_multicast(8));
}

static void obeys_modes(void **state unused)
{
	net_filter_set_mode(&filter, NET_RX_PROMISC, 0);
	net_filter_set_mode(&filter, NET_RX_ALLMULTI, 1);
	assert_true(passes_multicast(9) && !passes(2));
	net_filter_set_mode(&filter, NET_RX_NOMULTI, 1);
	assert_false(passes_multicast(9));
	net_filter_set_mode(&filter, NET_RX_ALLUNI, 255);
	assert_true(passes(2));
	net_filter_set_mode(&filter, NET_RX_NOUNI, 1);
	assert_false(passes(1) || passes(2));
	assert_true(passes(255));
	net_filter_set_mode(&filter, NET_RX_NOBCAST, 1);
	assert_false(passes(255));
	assert_false(net_filter_set_mode(&filter, NET_RX_MODES, 1));
}

static void filters_vlans(void **state unused)
{
	net_filter_reset(&filter, net_mac(own), true);
	assert_true(passes(1));
	test_put16(frame + 12, 0x8100);
	test_put16(frame + 14, 0x6000 | 100);
	assert_false(passes(1));
	assert_true(net_filter_set_vlan(&filter, NET_VLAN_ADD, 100));
	assert_true(passes(1));
	assert_true(net_filter_set_vlan(&filter, NET_VLAN_DEL, 100));
	assert_false(passes(1));
	assert_true(net_filter_set_vlan(&filter, NET_VLAN_ADD, 4095));
	assert_false(net_filter_set_vlan(&filter, NET_VLAN_ADD, 4096));
	assert_false(net_filter_set_vlan(&filter, 2, 1));
	/* A frame of addresses and a type only. */
	assert_true(net_filter_pass(&filter, frame, 14));
}

static u32 hash_of(u8 from, u32 port, bool v6, bool tagged)
{
	u8 all[300], *at = tagged ? all + 4 : all;

	(v6 ? test_tcp6 : test_tcp4)(at, 1, from, 0, 100, 0x10);
	test_put16(at + (v6 ? 54 : 34), port);
	if (!tagged)
		return net_flow_hash(all, 160);
	memmove(all, at, 12);
	test_put16(all + 12, 0x8100);
	test_put16(all + 14, 5);
	return net_flow_hash(all, 164);
}

static void tells_flows_apart(void **state unused)
{
	for (unsigned kind = 0; kind < 4; kind++) {
		bool v6 = kind & 1, tagged = kind & 2;
		unsigned queues[4] = { 0 };

		assert_int_equal(hash_of(2, 99, v6, tagged), hash_of(2, 99, v6, tagged));
		for (u32 port = 1000; port < 1400; port++)
			queues[hash_of(2, port, v6, tagged) % 4]++;
		for (unsigned q = 0; q < 4; q++)
			assert_in_range(queues[q], 60, 140);
	}
}

static void keeps_a_flow_together(void **state unused)
{
	u32 hash;

	/* The first fragment, which has ports, and the others. */
	test_tcp4(frame, 1, 2, 0, 100, 0x10);
	frame[20] = 0x20;
	hash = net_flow_hash(frame, 154);
	frame[20] = 0x00;
	frame[21] = 0xb9;
	frame[34] ^= 0xff;
	assert_int_equal(net_flow_hash(frame, 154), hash);
	test_ethernet(frame, 1, 2, 0x0806);
	assert_int_equal(net_flow_hash(frame, 60), 0);
}

static void reads_within_the_frame(void **state unused)
{
	for (u32 size = 14; size < 120; size++)
		for (unsigned kind = 0; kind < 4; kind++) {
			u8 *end = frame + sizeof(frame) - size;

			memset(frame, 0, sizeof(frame));
			test_put16(end + 12, kind == 0 ? 0x8100 : kind == 1 ? 0x86dd : 0x0800);
			if (size > 15)
				end[14] = kind == 3 ? 0x4f : 0x45;
			net_flow_hash(end, size);
			filter.vlan_filter = true;
			net_filter_pass(&filter, end, size);
		}
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(lets_all_pass_at_first),
		T(lets_its_own_pass),
		T(obeys_modes),
		T(filters_vlans),
		T(tells_flows_apart),
		T(keeps_a_flow_together),
		T(reads_within_the_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
