#include "dev/virtio_net.h"

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
static int setup_nothing(void **state unused) { return setup(1, 1400, 0); }

static int teardown(void **state unused)
{
	test_end();
	script_vm_close(test_vm);
	assert_int_equal(fake_allocated(), 0);
	return 0;
}

/* ---- Registers */

static void shows_its_configuration(void **state unused)
{
	assert_int_equal(reg_in(net, REG_DEVICE_ID), 1);
	assert_int_equal(config_in(net, 0, 4), 2);
	assert_int_equal(config_in(net, 4, 2), 0x0100);
	assert_int_equal(config_in(net, 5, 1), 1);
	assert_int_equal(config_in(net, 6, 2), NET_S_LINK_UP);
	assert_int_equal(config_in(net, 8, 2), 1);
	assert_int_equal(config_in(net, 10, 2), 1400);
	assert_true(driver_offered(net) & FEATURE(NET_F_MTU));
	assert_false(driver_offered(net) & FEATURE(NET_F_MQ));
	assert_int_equal(driver_offered(net) & FEATURES_ALWAYS, FEATURES_ALWAYS);
}

static void without_driver_it_takes_nothing(void **state unused)
{
	struct net_port_stats stats;

	assert_int_equal(peer_say(OURS, 60), 0);
	io_run();
	start(USUAL, 64);
	driver_offer_many(&rx[0], 4, 1536);
	io_run();
	assert_int_equal(driver_hears(&rx[0]), 0);
	assert_int_equal(peer_say(OURS, 61), 0);
	io_run();
	assert_int_equal(driver_hears(&rx[0]), 1);
	assert_true(heard_is(OURS, PEER, 61));
	net_port_get_stats(port, &stats);
	assert_int_equal(stats.rx_frames, 1);
}

static void the_cable_can_be_pulled(void **state unused)
{
	get_to_know();
	driver_interrupt(net);
	virtio_net_set_link(net, false);
	assert_int_equal(driver_interrupt(net), VIRTIO_INT_CONFIG);
	assert_int_equal(config_in(net, 6, 2), 0);
	peer_say(OURS, 60);
	driver_say(PEER, 60);
	ring_kick(&tx[0]);
	io_run();
	assert_false(peer_hears());
	virtio_net_set_link(net, true);
	assert_int_equal(config_in(net, 6, 2), NET_S_LINK_UP);
	driver_say(PEER, 70);
	ring_kick(&tx[0]);
	assert_true(peer_hears() && heard_size == 70);
}

/* ---- Sending */

static void sends_frames(void **state unused)
{
	static const u32 sizes[] = { 14, 60, 61, 1514, 9000, 65554 };
	static u8 frame[NET_FRAME_MAX];
	struct test_used used;

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		for (unsigned pieces = 1; pieces < 6; pieces += 2) {
			test_payload(frame, sizes[i]);
			test_ethernet(frame, PEER, OURS, 0x88b5);
			driver_send(&tx[0], NULL, frame, sizes[i], pieces, pieces > 3);
			ring_kick(&tx[0]);
			io_settle();
			assert_true(ring_poll(&tx[0], &used));
			assert_int_equal(used.written, 0);
			assert_true(peer_hears() && heard_is(PEER, OURS, sizes[i]));
		}
}

static void sends_a_header_that_is_in_pieces(void **state unused)
{
	struct test_buffer b[5] = {
		{ guest_take(5, 1), 5, false }, { guest_take(9, 1), 9, false },
		{ guest_take(70, 1), 70, false },
	};
	u8 all[12 + 72] = { 0 };

	test_payload(all + 12, 72);
	test_ethernet(all + 12, PEER, OURS, 0x88b5);
	guest_put(b[0].gpa, all, 5);
	guest_put(b[1].gpa, all + 5, 9);
	guest_put(b[2].gpa, all + 14, 70);
	ring_add(&tx[0], b, 3, false);
	ring_kick(&tx[0]);
	assert_true(peer_hears() && heard_is(PEER, OURS, 72));
}

static void passes_offloads_on(void **state unused)
{
	struct net_offload o = { NET_HDR_NEEDS_CSUM, NET_GSO_TCPV4, 100, 1448, 34, 16 };
	u8 *frame = malloc(65054);

	test_tcp4(frame, PEER, OURS, 0, 65000, 0x10);
	driver_send(&tx[0], &o, frame, 65054, 5, false);
	ring_kick(&tx[0]);
	assert_true(peer_hears());
	assert_int_equal(heard_size, 65054);
	assert_memory_equal(heard, frame, 65054);
	o.hdr_len = 54;
	assert_memory_equal(&heard_offload, &o, sizeof(o));
	/* A driver says nothing of what it received (5.1.6.2.1). */
	o = (struct net_offload){ .flags = NET_HDR_DATA_VALID | 4 };
	driver_send(&tx[0], &o, frame, 100, 1, false);
	ring_kick(&tx[0]);
	assert_true(peer_hears() && !heard_offload.flags);
	free(frame);
}

static void drops_what_is_no_frame(void **state unused)
{
	struct net_offload bad = { .flags = NET_HDR_NEEDS_CSUM, .csum_start = 10 };
	struct test_buffer writable = { guest_take(100, 8), 100, true };
	struct test_used used;
	u8 frame[60] = { 0 };

	driver_send(&tx[0], NULL, frame, 13, 1, false);
	driver_send(&tx[0], NULL, frame, 0, 1, false);
	driver_send(&tx[0], &bad, frame, 60, 1, false);
	ring_add(&tx[0], &writable, 1, false);
	ring_kick(&tx[0]);
	io_settle();
	for (unsigned i = 0; i < 4; i++)
		assert_true(ring_poll(&tx[0], &used) && !used.written);
	assert_false(peer_hears());
	assert_false(reg_in(net, REG_STATUS) & VIRTIO_NEEDS_RESET);
}

static void leaves_long_work_to_the_io_task(void **state unused)
{
	unsigned count = 0;

	get_to_know();
	for (unsigned i = 0; i < 60; i++)
		driver_say(PEER, 100);
	ring_kick(&tx[0]);
	while (peer_hears())
		count++;
	assert_true(count > 0 && count < 60);
	io_run();
	while (peer_hears())
		count++;
	assert_int_equal(count, 60);
	/* It listens again. */
	driver_say(PEER, 100);
	assert_true(ring_show(&tx[0]));
	ring_notify(&tx[0]);
	assert_true(peer_hears());
}

static unsigned driver_reclaim(void)
{
	struct test_used used;
	unsigned count = 0;

	while (ring_poll(&tx[0], &used))
		count++;
	return count;
}

static void waits_for_a_full_receiver(void **state unused)
{
	unsigned sent = 0, back = 0;

	get_to_know();
	io_settle();
	driver_reclaim();
	for (; sent < 40; sent++)
		driver_say(PEER, 9000);
	ring_kick(&tx[0]);
	io_run();
	back = driver_reclaim();
	assert_true(back > 10 && back < 40);
	while (peer_hears())
		assert_true(heard_is(PEER, OURS, 9000));
	io_run();
	assert_int_equal(back + driver_reclaim(), 40);
	while (peer_hears())
		;
	/* One that never receives is not waited for. */
	for (sent = 0; sent < 50; sent++)
		driver_say(PEER, 9000);
	ring_kick(&tx[0]);
	io_run();
	back = driver_reclaim();
	assert_true(back < 50);
	host_sleep(host_time() + FAKE_TIMEBASE / 10);
	io_run();
	assert_int_equal(back + driver_reclaim(), 50);
}

/* Little that was sent comes back with the next frame, or else after a while; much at once. */
static void gives_back_with_what_arrives(void **state unused)
{
	get_to_know();
	driver_offer_many(&rx[0], 10, 1536);
	io_settle();
	while (driver_hears(&rx[0]))
		;
	driver_reclaim();
	driver_interrupt(net);
	ring_listen(&rx[0], true, 0);
	ring_listen(&tx[0], true, 0);
	driver_say(PEER, 60);
	ring_kick(&tx[0]);
	io_run();
	assert_int_equal(driver_reclaim(), 0);
	assert_false(driver_interrupt(net));
	assert_int_equal(peer_say(OURS, 60), 0);
	io_run();
	assert_int_equal(driver_interrupt(net), VIRTIO_INT_USED);
	assert_int_equal(driver_reclaim(), 1);
	driver_say(PEER, 60);
	ring_kick(&tx[0]);
	io_settle();
	assert_int_equal(driver_reclaim(), 1);
	for (unsigned i = 0; i < 6; i++)
		driver_say(PEER, 1500);
	ring_kick(&tx[0]);
	assert_int_equal(driver_reclaim(), 6);
}

/* ---- Receiving */

static void receives_a_frame(void **state unused)
{
	static const u32 sizes[] = { 14, 60, 61, 1514, 1524 };

	get_to_know();
	driver_offer_many(&rx[0], 10, 1536);
	io_run();
	while (driver_hears(&rx[0]))
		;
	driver_interrupt(net);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		ring_listen(&rx[0], true, 0);
		assert_int_equal(peer_say(OURS, sizes[i]), 0);
		assert_false(driver_interrupt(net));
		io_run();
		assert_int_equal(driver_interrupt(net), VIRTIO_INT_USED);
		assert_int_equal(driver_hears(&rx[0]), 1);
		assert_true(heard_is(OURS, PEER, sizes[i]));
		assert_int_equal(heard_offload.flags, 0);
	}
}

static void receives_large_frames_in_several_buffers(void **state unused)
{
	static const u32 room[] = { 12, 13, 78, 1536, 4096 };
	struct net_offload o = { NET_HDR_NEEDS_CSUM, NET_GSO_TCPV4, 54, 1448, 34, 16 };
	u8 *frame = malloc(65054);

	get_to_know();
	driver_offer_many(&rx[0], 1, 1536);
	io_run();
	assert_int_equal(driver_hears(&rx[0]), 1);
	test_tcp4(frame, OURS, PEER, 0, 65000, 0x10);
	for (unsigned i = 0; i < ARRAY_SIZE(room); i++) {
		unsigned count;

		driver_offer(&rx[0], room[i]);
		driver_offer_many(&rx[0], 50, 2048);
		assert_int_equal(peer_send(&o, frame, 65054), 0);
		io_run();
		count = driver_hears(&rx[0]);
		assert_int_equal(count, 1 + (65054 - (room[i] - 12) + 2047) / 2048);
		assert_int_equal(heard_size, 65054);
		assert_memory_equal(heard, frame, 65054);
		assert_memory_equal(&heard_offload, &o, sizeof(o));
		/* The rest of the buffers. */
		for (; count < 51; count++) {
			peer_say(OURS, 60);
			io_run();
			assert_int_equal(driver_hears(&rx[0]), 1);
		}
	}
	free(frame);
}

static void a_header_may_be_in_pieces(void **state unused)
{
	struct test_buffer b[4] = {
		{ guest_take(5, 1), 5, true }, { guest_take(6, 1), 6, true },
		{ guest_take(3, 1), 3, true }, { guest_take(40, 1), 40, true },
	};
	struct test_used used;
	u8 frame[100];

	get_to_know();
	driver_offer_many(&rx[0], 1, 1536);
	io_run();
	driver_hears(&rx[0]);
	ring_add(&rx[0], b, 4, false);
	driver_offer_many(&rx[0], 1, 1536);
	peer_say(OURS, 100);
	io_run();
	assert_true(ring_poll(&rx[0], &used) && used.written == 54);
	assert_true(ring_poll(&rx[0], &used) && used.written == 58);
	assert_int_equal(guest_get8(b[1].gpa + 5), 2); /* num_buffers */
	assert_int_equal(guest_get8(b[2].gpa), 0);
	test_payload(frame, 100);
	test_ethernet(frame, OURS, PEER, 0x88b5);
	assert_int_equal(guest_get8(b[2].gpa + 1), frame[0]);
	assert_int_equal(guest_get8(b[3].gpa), frame[2]);
	assert_int_equal(guest_get8(b[3].gpa + 39), frame[41]);
	assert_int_equal(guest_get8(buffers[0][used.id].gpa + 57), frame[99]);
}

/* The driver sees all buffers of a frame or none, and frames wait for buffers. */
static void waits_for_buffers(void **state unused)
{
	get_to_know();
	peer_say(OURS, 5000);
	peer_say(OURS, 60);
	io_run();
	assert_int_equal(driver_hears(&rx[0]), 0);
	driver_offer_many(&rx[0], 1, 1536); /* takes the broadcast */
	io_run();
	assert_int_equal(driver_hears(&rx[0]), 1);
	driver_offer_many(&rx[0], 3, 1536);
	io_run();
	assert_int_equal(driver_hears(&rx[0]), 0);
	driver_offer_many(&rx[0], 1, 1536);
	io_run();
	assert_int_equal(driver_hears(&rx[0]), 4);
	assert_true(heard_is(OURS, PEER, 5000));
	assert_int_equal(driver_hears(&rx[0]), 0);
	driver_offer_many(&rx[0], 1, 1536);
	io_run();
	assert_int_equal(driver_hears(&rx[0]), 1);
	assert_true(heard_is(OURS, PEER, 60));
}

static void receives_many_in_batches(void **state unused)
{
	unsigned count = 0;

	get_to_know();
	driver_offer_many(&rx[0], 64, 1536);
	io_run();
	while (driver_hears(&rx[0]))
		;
	for (unsigned i = 0; i < 150; i++)
		assert_int_equal(peer_say(OURS, 100 + i), 0);
	while (count < 150) {
		io_run();
		while (driver_hears(&rx[0])) {
			assert_true(heard_is(OURS, PEER, 100 + count));
			count++;
			driver_offer(&rx[0], 1536);
		}
		ring_kick(&rx[0]);
	}
}

static void holds_a_flood_back(void **state unused)
{
	unsigned sent = 0, got = 0;

	get_to_know();
	while (peer_say(OURS, 1500) == 0)
		assert_true(++sent < 1000);
	assert_true(sent > 100);
	while (got < sent + 1) {
		driver_offer_many(&rx[0], 16, 1536);
		io_run();
		while (driver_hears(&rx[0]))
			got++;
		assert_true(rx[0].next_avail < 2000);
	}
	assert_int_equal(peer_may_send, 1);
}

static void without_mergeable_buffers(void **state unused)
{
	struct test_buffer b[2] = { { guest_take(12, 8), 12, true }, { guest_take(1600, 8), 1600, true } };
	struct test_used used;

	start(FEATURE(NET_F_GUEST_CSUM), 64);
	ring_add(&rx[0], b, 2, false);
	ring_kick(&rx[0]);
	peer_say(255, 1601); /* too large: dropped, not cut */
	peer_say(255, 1600);
	io_run();
	assert_true(ring_poll(&rx[0], &used) && used.written == 1612);
	assert_int_equal(guest_get16(b[0].gpa + 10), 1);
	assert_false(ring_poll(&rx[0], &used));
}

static void the_mtu_holds(void **state unused)
{
	start(USUAL | FEATURE(NET_F_MTU), 64);
	driver_offer_many(&rx[0], 10, 1536);
	peer_say(255, 1419);
	peer_say(255, 1418);
	io_run();
	assert_int_equal(driver_hears(&rx[0]), 1);
	assert_true(heard_is(255, PEER, 1418));
}

/* What the driver does not take arrives complete. */
static void without_offloads(void **state unused)
{
	struct net_offload o = { NET_HDR_NEEDS_CSUM, NET_GSO_TCPV4, 54, 1000, 34, 16 };
	u8 frame[3054];

	start(FEATURE(NET_F_MRG_RXBUF), 64);
	driver_offer_many(&rx[0], 10, 1536);
	test_tcp4(frame, 255, PEER, 0, 3000, 0x10);
	assert_int_equal(peer_send(&o, frame, sizeof(frame)), 0);
	io_run();
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(driver_hears(&rx[0]), 1);
		assert_int_equal(heard_size, 1054);
		assert_int_equal(heard_offload.flags | heard_offload.gso_type, 0);
		test_check_tcp(heard, heard_size);
	}
	assert_int_equal(driver_hears(&rx[0]), 0);
}

static void small_queues_get_no_large_frames(void **state unused)
{
	struct net_offload o = { NET_HDR_NEEDS_CSUM, NET_GSO_TCPV4, 54, 1000, 34, 16 };
	u8 frame[3054];

	start(USUAL, 16);
	driver_offer_many(&rx[0], 10, 1536);
	test_tcp4(frame, 255, PEER, 0, 3000, 0x10);
	assert_int_equal(peer_send(&o, frame, sizeof(frame)), 0);
	io_run();
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(driver_hears(&rx[0]), 1);
	assert_int_equal(heard_offload.flags, NET_HDR_NEEDS_CSUM);
}

static void a_frame_that_never_fits_goes_all_the_same(void **state unused)
{
	start(USUAL, 16);
	driver_offer_many(&rx[0], 16, 100);
	peer_say(255, 3000);
	io_run();
	assert_int_equal(driver_hears(&rx[0]), 16);
	assert_int_equal(heard_size, 1600 - 12);
	driver_offer_many(&rx[0], 1, 100);
	peer_say(255, 60);
	io_run();
	assert_int_equal(driver_hears(&rx[0]), 1);
	assert_true(heard_is(255, PEER, 60));
}

/* ---- Ends */

static void a_buffer_too_small_for_the_header_breaks_it(void **state unused)
{
	driver_offer_many(&rx[0], 1, 11);
	peer_say(255, 60);
	io_run();
	assert_true(reg_in(net, REG_STATUS) & VIRTIO_NEEDS_RESET);
	peer_say(255, 60);
	driver_say(255, 60);
	io_run();
	start(USUAL, 64);
	driver_offer_many(&rx[0], 4, 1536);
	io_run();
	while (driver_hears(&rx[0]))
		;
	assert_true(gets(255, 61));
}

static void a_reset_leaves_nothing(void **state unused)
{
	get_to_know();
	driver_offer_many(&rx[0], 3, 1536);
	peer_say(OURS, 9000); /* half of it is there */
	peer_say(OURS, 60);
	for (unsigned i = 0; i < 60; i++)
		driver_say(PEER, 5000);
	ring_kick(&tx[0]);
	io_run();
	OK_COMMAND(NET_CTRL_MAC, NET_MAC_ADDR_SET, u8[6], 2, 0, 0, 0, 0, 7);
	reg_out(net, REG_STATUS, 0);
	assert_int_equal(reg_in(net, REG_STATUS), 0);
	assert_int_equal(config_in(net, 5, 1), OURS);
	io_run();
	while (peer_hears())
		;
	start(USUAL, 64);
	driver_offer_many(&rx[0], 10, 1536);
	io_run();
	assert_int_equal(driver_hears(&rx[0]), 0);
	assert_true(gets(OURS, 1000));
}

static void a_queue_that_is_reset_begins_anew(void **state unused)
{
	get_to_know();
	driver_offer_many(&rx[0], 1, 1536);
	io_run();
	driver_hears(&rx[0]);
	driver_offer_many(&rx[0], 2, 1536);
	peer_say(OURS, 4000);
	io_run();
	reg_out(net, REG_QUEUE_SEL, 0);
	reg_out(net, REG_QUEUE_RESET, 1);
	driver_queue(&rx[0], net, 0, 64);
	driver_offer_many(&rx[0], 10, 1536);
	io_run();
	assert_int_equal(driver_hears(&rx[0]), 3);
	assert_true(heard_is(OURS, PEER, 4000));
}

static void may_go_in_the_middle(void **state unused)
{
	get_to_know();
	driver_offer_many(&rx[0], 2, 1536);
	peer_say(OURS, 9000);
	for (unsigned i = 0; i < 60; i++)
		driver_say(PEER, 9000);
	ring_kick(&tx[0]);
}

static void is_not_made_without_memory(void **state unused)
{
	struct virtio_net_config config = { .pairs = 1, .packed = true };

	fake_alloc_limit(0);
	assert_null(virtio_net_create(test_vm, BASE, (struct irq_line){ 0 }, &config, peer));
	fake_alloc_limit(~0u);
}

#define S(f, setup) { #f, f, setup, teardown, NULL }
#define T(f) \
	{ #f ", split", f, setup_split, teardown, NULL }, \
	{ #f ", events", f, setup_events, teardown, NULL }, \
	{ #f ", packed", f, setup_packed, teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		S(shows_its_configuration, setup_nothing),
		S(without_driver_it_takes_nothing, setup_nothing),
		T(the_cable_can_be_pulled),
		T(sends_frames),
		T(sends_a_header_that_is_in_pieces),
		T(passes_offloads_on),
		T(drops_what_is_no_frame),
		T(leaves_long_work_to_the_io_task),
		T(waits_for_a_full_receiver),
		T(gives_back_with_what_arrives),
		T(receives_a_frame),
		T(receives_large_frames_in_several_buffers),
		T(a_header_may_be_in_pieces),
		T(waits_for_buffers),
		T(receives_many_in_batches),
		T(holds_a_flood_back),
		S(without_mergeable_buffers, setup_nothing),
		S(the_mtu_holds, setup_nothing),
		S(without_offloads, setup_nothing),
		S(small_queues_get_no_large_frames, setup_nothing),
		S(a_frame_that_never_fits_goes_all_the_same, setup_nothing),
		T(a_buffer_too_small_for_the_header_breaks_it),
		T(a_reset_leaves_nothing),
		T(a_queue_that_is_reset_begins_anew),
		T(may_go_in_the_middle),
		S(is_not_made_without_memory, setup_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
