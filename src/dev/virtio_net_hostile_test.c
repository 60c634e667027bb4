/* What the network card must not do, whatever the driver gives it. */
#include "dev/virtio_net_test.h"

#include "engine/script/script_vm.h"
#include "host/fake/fake.h"

static int setup(u64 features)
{
	fake_reset();
	create(script_vm_open(1, RAM), 1, 0);
	start(features, 64);
	return 0;
}

static int setup_split(void **state unused) { return setup(USUAL); }
static int setup_packed(void **state unused) { return setup(USUAL | PACKED | EVENTS); }

static int teardown(void **state unused)
{
	test_end();
	script_vm_close(test_vm);
	assert_int_equal(fake_allocated(), 0);
	return 0;
}

/* The very first frame of a driver, as small as can be, in as many buffers as can be. */
static void the_smallest_frame_comes_in_pieces(void **state unused)
{
	struct test_buffer b[16];
	struct test_used used;

	for (u32 pieces = 2; pieces <= 14; pieces++) {
		b[0] = (struct test_buffer){ guest_take(12, 8), 12, false };
		guest_fill(b[0].gpa, 0, 12);
		for (u32 i = 1; i <= pieces; i++) {
			u32 size = i == pieces ? 14 - (pieces - 1) : 1;

			b[i] = (struct test_buffer){ guest_take(size, 8), size, false };
			guest_fill(b[i].gpa, 0xff, size);
		}
		ring_add(&tx[0], b, pieces + 1, false);
		ring_kick(&tx[0]);
		fake_time_advance(FAKE_TIMEBASE / 100);
		io_run();
		assert_true(ring_poll(&tx[0], &used));
		assert_true(peer_hears());
		assert_int_equal(heard_size, 14);
	}
}

/*
 * 5.1.6.4: of a frame the driver sees all buffers or none. Here the buffers end in the middle of a
 * frame, after one that fitted.
 */
static void no_part_of_a_frame_is_shown(void **state unused)
{
	struct test_used used;

	driver_offer_many(&rx[0], 3, 1024);
	assert_int_equal(peer_say(OURS, 100), 0);
	assert_int_equal(peer_say(OURS, 4000), 0);
	io_run();
	assert_int_equal(driver_hears(&rx[0]), 1);
	assert_true(heard_is(OURS, PEER, 100));
	assert_false(ring_poll(&rx[0], &used));
	driver_offer_many(&rx[0], 8, 1024);
	io_run();
	assert_int_equal(driver_hears(&rx[0]), 4);
	assert_true(heard_is(OURS, PEER, 4000));
}

/* The same where a turn of the I/O task ends in the middle of a frame. */
static void no_part_of_a_frame_is_shown_between_turns(void **state unused)
{
	driver_offer_many(&rx[0], 60, 600);
	for (unsigned i = 0; i < 24; i++)
		assert_int_equal(peer_say(OURS, 1500), 0);
	io_run();
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(driver_hears(&rx[0]), 3);
		assert_true(heard_is(OURS, PEER, 1500));
	}
}

#define PORTS 62

/* What one notification of many broadcasts brings to so many ports: bytes, each frame with its
 * headers. */
static u64 flood(const struct net_offload *offload, const u8 *frame, u32 size, unsigned can)
{
	struct net_port *ports[PORTS];
	struct net_offload got;
	u64 bytes = 0;
	u32 n;

	for (unsigned i = 0; i < PORTS; i++) {
		ports[i] = new_port();
		net_port_attach(ports[i], &peer_ops, NULL);
		net_port_set(ports[i], true, can);
	}
	for (unsigned i = 0; i < 32; i++)
		driver_send(&tx[0], offload, frame, size, 1, false);
	ring_kick(&tx[0]);
	for (unsigned i = 0; i < PORTS; i++)
		for (; (n = net_peek(ports[i], &got)); net_drop(ports[i]))
			bytes += n + 192;
	for (unsigned i = 0; i < PORTS; i++)
		net_port_destroy(ports[i], &test_account);
	return bytes;
}

/* All this is done with the hart kept from everybody else. */
static void one_notification_floods_so_much(void **state unused)
{
	static u8 frame[16384];

	test_ethernet(frame, 255, OURS, 0x88b5);
	assert_in_range(flood(NULL, frame, sizeof(frame), CAN), 0, 2 * MIB);
}

/* The same of frames that are to be cut for each of those that get them. */
static void one_notification_cuts_so_much(void **state unused)
{
	struct net_offload o = { NET_HDR_NEEDS_CSUM, NET_GSO_TCPV4, 54, 64, 34, 16 };
	static u8 frame[8192];

	test_tcp4(frame, 255, OURS, 0, 8192 - 54, 0x10);
	assert_in_range(flood(&o, frame, sizeof(frame), 0), 0, 2 * MIB);
}

#define NET_TEST(name) \
	cmocka_unit_test_setup_teardown(name, setup_split, teardown), \
	cmocka_unit_test_setup_teardown(name, setup_packed, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(the_smallest_frame_comes_in_pieces),
		NET_TEST(no_part_of_a_frame_is_shown),
		NET_TEST(no_part_of_a_frame_is_shown_between_turns),
		NET_TEST(one_notification_floods_so_much),
		NET_TEST(one_notification_cuts_so_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
