#include "io/net_switch_test.h"

#include "host/fake/fake.h"

static int setup(void **state unused)
{
	fake_reset();
	test_begin();
	return 0;
}

static int teardown(void **state unused)
{
	test_end();
	assert_int_equal(fake_allocated(), 0);
	return 0;
}

/* ---- Where frames go */

static void floods_what_is_not_known_and_learns(void **state unused)
{
	struct station *a = plain(0), *b = plain(1), *c = plain(2);

	assert_int_equal(say(a, b->address, 60), 0);
	assert_true(hear(b) && b->size == 60 && silent(b));
	assert_true(hear(c) && silent(c) && silent(a));
	assert_int_equal(say(b, a->address, 61), 0);
	assert_true(hear(a) && a->size == 61 && silent(c));
	assert_int_equal(say(a, b->address, 60), 0);
	assert_true(hear(b) && silent(c));
	/* Somebody who is behind the same port. */
	assert_int_equal(say(a, a->address, 60), 0);
	assert_true(silent(a) && silent(b) && silent(c));
}

static void an_address_that_moved_is_found_again(void **state unused)
{
	struct station *a = plain(0), *b = plain(1), *c = plain(2);

	introduce(3);
	c->address = b->address;
	say(c, a->address, 60);
	assert_true(hear(a));
	say(a, b->address, 60);
	assert_true(hear(c) && silent(b));
	/* At once, though b had been learned in this very second. */
	say(b, a->address, 60);
	assert_true(hear(a));
	say(a, b->address, 60);
	assert_true(hear(b) && silent(c));
}

static void forgets_who_is_silent(void **state unused)
{
	struct station *a = plain(0), *b = plain(1), *c = plain(2);

	introduce(3);
	say(a, b->address, 60);
	assert_true(hear(b) && silent(c));
	fake_time_advance(600 * FAKE_TIMEBASE);
	say(a, b->address, 60);
	assert_true(hear(b) && hear(c));
}

static void carries_the_bytes(void **state unused)
{
	static const u32 sizes[] = { 14, 15, 17, 18, 19, 60, 61, 1514, 9000, 65554 };
	struct station *a = plain(0), *b = plain(1);
	u8 *frame = malloc(NET_FRAME_MAX);

	introduce(2);
	for (unsigned round = 0; round < 30; round++)
		for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
			test_payload(frame, sizes[i]);
			test_ethernet(frame, b->address, a->address, 0x0800);
			assert_int_equal(send_frame(a, &nothing, frame, sizes[i]), 0);
			assert_true(hear(b) && b->size == sizes[i]);
			assert_memory_equal(b->frame, frame, sizes[i]);
		}
	free(frame);
}

static void shows_a_frame_before_it_is_taken(void **state unused)
{
	struct station *a = plain(0), *b = plain(1);
	u8 bytes[20];
	struct net_offload offload;

	say(a, b->address, 16);
	say(a, b->address, 300);
	assert_int_equal(net_peek_bytes(b->port, bytes, 20), 16);
	assert_int_equal(bytes[5], b->address);
	assert_int_equal(net_peek(b->port, &offload), 16);
	assert_memory_equal(net_peek_frame(b->port), bytes, 16);
	net_drop(b->port);
	assert_int_equal(net_peek_bytes(b->port, bytes, 20), 20);
	net_received(b->port);
	assert_int_equal(net_peek_bytes(b->port, bytes, 20), 0);
	assert_int_equal(net_peek(b->port, &offload), 0);
}

static void refuses_impossible_sizes(void **state unused)
{
	struct station *a = plain(0), *b = plain(1);
	u8 *frame = malloc(NET_FRAME_MAX + 1);
	struct io_segment huge[2] = { { .va = frame, .size = ~0ul }, { .va = frame, .size = 100 } };

	test_ethernet(frame, b->address, a->address, 0x0800);
	assert_int_equal(send_frame(a, &nothing, frame, 13), -EINVAL);
	assert_int_equal(send_frame(a, &nothing, frame, NET_FRAME_MAX + 1), -EINVAL);
	assert_int_equal(send_frame(a, &nothing, frame, NET_FRAME_MAX), 0);
	assert_int_equal(net_send(a->port, &nothing, huge, 2), -EINVAL);
	assert_int_equal(net_send(a->port, &nothing, huge, 0), -EINVAL);
	assert_true(hear(b) && b->size == NET_FRAME_MAX && silent(b));
	free(frame);
}

static void a_port_that_is_down_or_alone_is_left_out(void **state unused)
{
	struct station *a = plain(0), *b = plain(1), *c = plain(2);
	struct net_port_stats stats;

	introduce(3);
	net_port_set(b->port, false, ALL);
	assert_int_equal(say(a, b->address, 60), 0);
	assert_int_equal(say(b, a->address, 60), 0);
	net_port_attach(c->port, NULL, NULL);
	assert_int_equal(say(a, c->address, 60), 0);
	assert_true(silent(a) && silent(b) && silent(c));
	net_port_get_stats(b->port, &stats);
	assert_int_equal(stats.tx_dropped, 1);
	net_port_set(b->port, true, ALL);
	assert_int_equal(say(a, b->address, 60), 0);
	assert_true(hear(b));
}

static void ports_come_and_go(void **state unused)
{
	struct station *a = plain(0), *b = plain(1);

	plain(2);
	introduce(3);
	say(a, 3, 60);
	say(a, b->address, 1000);
	station_remove(1); /* with a frame that nobody received */
	say(a, b->address, 60); /* nobody knows it any more */
	assert_true(hear(&station[2]) && hear(&station[2]));
	b = plain(1);
	say(b, a->address, 60);
	assert_true(hear(a));
	say(a, b->address, 60);
	assert_true(hear(b) && silent(&station[2]));
}

static void a_full_switch_has_no_room(void **state unused)
{
	struct net_port *ports[200];
	unsigned count = 0;

	while (count < 200 && (ports[count] = net_port_create(sw, &(struct net_port_config){ 0 },
							      BUFFER, &payer)))
		count++;
	assert_true(count >= 70 && count < 200);
	while (count)
		net_port_destroy(ports[--count], &payer);
	assert_int_equal(payer.used, 0);
}

static void no_memory_no_port(void **state unused)
{
	for (unsigned n = 0; n < 2; n++) {
		fake_alloc_limit(n);
		assert_null(net_port_create(sw, &(struct net_port_config){ 0 }, BUFFER, &payer));
		assert_int_equal(payer.used, 0);
	}
	fake_alloc_limit(0);
	assert_null(net_switch_create("none"));
	fake_alloc_limit(~0u);
}

/* ---- Isolation and VLANs */

static void isolated_ports_do_not_meet(void **state unused)
{
	const struct net_port_config isolated = { .isolated = true };
	struct station *a = station_add(0, &isolated, ALL), *b = station_add(1, &isolated, ALL);
	struct station *c = plain(2);

	introduce(3);
	say(a, 255, 60);
	assert_true(hear(c) && silent(b));
	say(a, b->address, 60);
	assert_true(silent(b) && silent(c));
	say(a, c->address, 60);
	say(c, b->address, 60);
	assert_true(hear(c) && hear(b));
}

static void vlans_are_apart(void **state unused)
{
	struct station *a = station_add(0, &(struct net_port_config){ .vlan = 10 }, ALL);
	struct station *b = station_add(1, &(struct net_port_config){ .vlan = 10 }, ALL);
	struct station *c = station_add(2, &(struct net_port_config){ .vlan = 20 }, ALL);

	say(a, 255, 60);
	assert_true(hear(b) && b->size == 60 && silent(c));
	say(b, a->address, 60);
	assert_true(hear(a) && silent(c));
	c->address = a->address; /* the same address in another VLAN is somebody else */
	say(c, 255, 60);
	say(b, a->address, 60);
	assert_true(hear(a) && silent(c));
}

/* A frame whose tag says @tci. */
static void say_tagged(struct station *s, u8 to, u32 tci, u32 size)
{
	u8 *frame = malloc(size);

	test_payload(frame, size);
	test_ethernet(frame, to, s->address, 0x8100);
	test_put16(frame + 14, tci);
	test_put16(frame + 16, 0x88b5);
	assert_int_equal(send_frame(s, &nothing, frame, size), 0);
	free(frame);
}

static void trunks_see_tags(void **state unused)
{
	struct station *a = station_add(0, &(struct net_port_config){ .vlan = 10 }, ALL);
	struct station *b = station_add(1, &(struct net_port_config){ .vlan = 20 }, ALL);
	struct station *t = plain(2), *u = plain(3);
	u8 expected[60];

	say(a, 255, 60);
	assert_true(hear(t) && t->size == 64 && hear(u) && silent(b));
	assert_int_equal(test_get16(t->frame + 12), 0x8100);
	assert_int_equal(test_get16(t->frame + 14), 10);
	test_payload(expected, 60);
	test_ethernet(expected, 255, a->address, 0x88b5);
	assert_memory_equal(t->frame, expected, 12);
	assert_memory_equal(t->frame + 16, expected + 12, 48);
	say_tagged(t, 255, 0x6014, 64); /* VLAN 20, priority 3 */
	assert_true(hear(b) && b->size == 60 && hear(u) && u->size == 64 && silent(a));
	assert_int_equal(test_get16(b->frame + 12), 0x88b5);
	assert_int_equal(test_get16(u->frame + 14), 0x6014);
	say(t, 255, 60);
	assert_true(hear(u) && u->size == 60 && silent(a) && silent(b));
	say_tagged(t, a->address, 10, 64);
	assert_true(hear(a) && a->size == 60 && silent(u));
}

static void tags_open_no_door(void **state unused)
{
	struct station *a = station_add(0, &(struct net_port_config){ .vlan = 10 }, ALL);
	struct station *b = station_add(1, &(struct net_port_config){ .vlan = 20 }, ALL);
	struct station *c = station_add(2, &(struct net_port_config){ .vlan = 10 }, ALL);
	struct station *t = plain(3);

	say_tagged(a, 255, 20, 64);
	assert_true(silent(b) && silent(c) && silent(t));
	say_tagged(a, 255, 10, 64);
	assert_true(silent(b) && hear(c) && c->size == 60 && hear(t) && t->size == 64);
	say_tagged(a, 255, 0xe000, 64); /* priority only */
	assert_true(hear(c) && c->size == 60 && hear(t) && t->size == 64 && silent(b));
	assert_int_equal(test_get16(t->frame + 14), 0xe00a);
}

/* ---- Floods, rates, accounts */

static void a_large_frame_to_nobody_is_not_copied_to_all(void **state unused)
{
	static struct net_port *crowd[40];
	struct station *a = plain(0), *b;
	struct net_offload offload;

	for (unsigned i = 0; i < 40; i++) {
		crowd[i] = net_port_create(sw, &(struct net_port_config){ 0 }, BUFFER, &payer);
		net_port_attach(crowd[i], &ops, a);
		net_port_set(crowd[i], true, ALL);
	}
	b = plain(1);
	assert_int_equal(say(a, 77, 60000), 0);
	assert_true(silent(b));
	assert_int_equal(say(a, 77, 9000), 0);
	assert_true(hear(b));
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(net_peek(crowd[i], &offload), 9000);
		net_port_destroy(crowd[i], &payer);
	}
}

static void sends_at_its_rate(void **state unused)
{
	struct station *a = station_add(0, &(struct net_port_config){ .rate = 1000000 }, ALL);
	struct station *b = plain(1);
	u64 start, sent = 0;

	introduce(2);
	start = host_time();
	while (host_time() < start + 2 * FAKE_TIMEBASE) {
		if (say(a, b->address, 1000) == 0) {
			sent += 1000;
			assert_true(hear(b));
			continue;
		}
		a->may_send = 0;
		while (!a->may_send)
			host_sleep(host_time() + FAKE_TIMEBASE / 1000);
	}
	assert_in_range(sent, 2000000 - 50000, 2000000 + 50000);
}

static void rates_count_what_is_large(void **state unused)
{
	struct station *a = station_add(0, &(struct net_port_config){ .rate = 100000 }, ALL);
	struct station *b = plain(1);

	introduce(2);
	fake_time_advance(FAKE_TIMEBASE);
	assert_int_equal(say(a, b->address, 50000), 0);
	assert_int_equal(say(a, b->address, 50), -EAGAIN);
	fake_time_advance(FAKE_TIMEBASE * 4 / 10);
	assert_int_equal(say(a, b->address, 50), -EAGAIN);
	fake_time_advance(FAKE_TIMEBASE / 10);
	assert_int_equal(say(a, b->address, 50), 0);
}

static void counts(void **state unused)
{
	struct station *a = plain(0), *b = plain(1);
	struct net_port_stats stats;
	u8 frame[14] = { 0 };

	say(a, b->address, 100);
	say(a, b->address, 200);
	say(a, b->address, 300);
	send_frame(a, &nothing, frame, 3);
	assert_true(hear(b) && hear(b));
	net_drop(b->port);
	net_port_get_stats(a->port, &stats);
	assert_memory_equal(&stats, (&(struct net_port_stats){ .tx_frames = 3, .tx_bytes = 600,
							       .tx_dropped = 1 }), sizeof(stats));
	net_port_get_stats(b->port, &stats);
	assert_memory_equal(&stats, (&(struct net_port_stats){ .rx_frames = 2, .rx_bytes = 300,
							       .rx_dropped = 1 }), sizeof(stats));
	assert_int_equal(b->received, 1); /* there was something all the time */
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(floods_what_is_not_known_and_learns),
		T(an_address_that_moved_is_found_again),
		T(forgets_who_is_silent),
		T(carries_the_bytes),
		T(shows_a_frame_before_it_is_taken),
		T(refuses_impossible_sizes),
		T(a_port_that_is_down_or_alone_is_left_out),
		T(ports_come_and_go),
		T(a_full_switch_has_no_room),
		T(no_memory_no_port),
		T(isolated_ports_do_not_meet),
		T(vlans_are_apart),
		T(trunks_see_tags),
		T(tags_open_no_door),
		T(a_large_frame_to_nobody_is_not_copied_to_all),
		T(sends_at_its_rate),
		T(rates_count_what_is_large),
		T(counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
