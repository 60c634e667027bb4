/* Buffers of ports: what is in them, and who waits for room. */
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

/* ---- Offloads */

static void large_frames_stay_large(void **state unused)
{
	struct station *a = plain(0), *b = plain(1);
	u8 *frame = malloc(NET_FRAME_MAX);
	struct net_offload o;

	introduce(2);
	for (unsigned v6 = 0; v6 < 2; v6++) {
		u32 size = make_large(frame, &o, v6, 65000, 1448);

		assert_int_equal(send_frame(a, &o, frame, size), 0);
		assert_true(hear(b) && b->size == size && silent(b));
		assert_memory_equal(b->frame, frame, size);
		o.hdr_len = v6 ? 74 : 54; /* as it is */
		assert_memory_equal(&b->offload, &o, sizeof(o));
	}
	free(frame);
}

static void large_frames_are_cut_for_others(void **state unused)
{
	struct station *a = plain(0), *b = plain(1);
	u8 *frame = malloc(NET_FRAME_MAX), *whole = malloc(65000);
	struct net_offload o;

	introduce(2);
	for (unsigned round = 0; round < 4; round++) {
		bool v6 = round & 1, csum = round & 2;
		u32 head = v6 ? 74 : 54, done = 0;
		u32 size = make_large(frame, &o, v6, 65000, 1441);

		net_port_set(b->port, true, csum ? ALL & ~(v6 ? NET_CAN_TSO6 : NET_CAN_TSO4) : 0);
		b->received = 0;
		assert_int_equal(send_frame(a, &o, frame, size), 0);
		assert_int_equal(b->received, 1);
		while (hear(b)) {
			assert_true(b->size <= head + 1441 && !b->offload.gso_type && !b->offload.gso_size);
			assert_int_equal(b->offload.flags, csum ? NET_HDR_NEEDS_CSUM : 0);
			if (csum) {
				u32 sum = test_sum(0, b->frame + head - 20, b->size - head + 20);

				assert_int_equal(b->offload.csum_start, head - 20);
				test_put16(b->frame + head - 4, ~sum);
			}
			test_check_tcp(b->frame, b->size);
			assert_int_equal(test_get32(b->frame + head - 16), 1000 + done);
			assert_int_equal(b->frame[head - 7], done + b->size - head == 65000 ? 0x18 : 0x10);
			memcpy(whole + done, b->frame + head, b->size - head);
			done += b->size - head;
		}
		assert_int_equal(done, 65000);
		assert_memory_equal(whole, frame + head, 65000);
	}
	free(frame);
	free(whole);
}

static void checksums_are_completed_for_others(void **state unused)
{
	struct station *a = plain(0), *b = plain(1);
	struct net_offload o = { .flags = NET_HDR_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16 };
	const struct net_offload valid = { .flags = NET_HDR_DATA_VALID };
	u8 frame[500];

	introduce(2);
	test_tcp4(frame, 2, 1, 7, 100, 0x18);
	assert_int_equal(send_frame(a, &o, frame, 154), 0);
	assert_true(hear(b));
	assert_memory_equal(&b->offload, &o, sizeof(o));
	assert_memory_equal(b->frame, frame, 154);
	assert_int_equal(send_frame(a, &valid, frame, 154), 0);
	assert_true(hear(b) && b->offload.flags == NET_HDR_DATA_VALID);
	net_port_set(b->port, true, 0);
	assert_int_equal(send_frame(a, &o, frame, 154), 0);
	assert_true(hear(b));
	assert_memory_equal(&b->offload, &nothing, sizeof(o));
	test_check_tcp(b->frame, 154);
	assert_int_equal(send_frame(a, &valid, frame, 154), 0);
	assert_true(hear(b) && !b->offload.flags);
}

static void offloads_move_with_tags(void **state unused)
{
	struct station *a = station_add(0, &(struct net_port_config){ .vlan = 10 }, ALL);
	struct station *t = plain(1), *b = station_add(2, &(struct net_port_config){ .vlan = 10 }, ALL);
	u8 *frame = malloc(NET_FRAME_MAX), *tagged = malloc(NET_FRAME_MAX);
	struct net_offload o;
	u32 size = make_large(frame, &o, false, 5000, 1000);

	assert_int_equal(send_frame(a, &o, frame, size), 0);
	assert_true(hear(t) && t->size == size + 4 && hear(b) && b->size == size);
	assert_int_equal(t->offload.csum_start, 38);
	assert_int_equal(t->offload.hdr_len, 58);
	assert_int_equal(b->offload.hdr_len, 54);
	/* And back again, in pieces. */
	memcpy(tagged, t->frame, t->size);
	o = t->offload;
	test_mac(tagged, b->address);
	net_port_set(b->port, true, 0);
	introduce(0);
	assert_int_equal(send_frame(t, &o, tagged, t->size), 0);
	for (unsigned i = 0; i < 5; i++) {
		assert_true(hear(b) && b->size == 1054);
		test_check_tcp(b->frame, 1054);
	}
	assert_true(silent(b));
	net_port_set(t->port, true, 0);
	assert_int_equal(send_frame(a, &(struct net_offload){ 1, 1, 0, 1000, 34, 16 }, frame, size), 0);
	for (unsigned i = 0; i < 5; i++) {
		assert_true(hear(t) && t->size == 1058);
		test_check_tcp(t->frame, 1058);
	}
	free(frame);
	free(tagged);
}

static void refuses_impossible_offloads(void **state unused)
{
	struct station *a = plain(0), *b = plain(1);
	u8 *frame = malloc(NET_FRAME_MAX);
	struct net_offload good, o;
	u32 size = make_large(frame, &good, false, 5000, 1000);

#define REFUSED(...) do { o = good; __VA_ARGS__; \
	assert_int_equal(send_frame(a, &o, frame, size), -EINVAL); } while (0)
	REFUSED(o.gso_size = 0);
	REFUSED(o.flags = 0);
	REFUSED(o.csum_start = 33);
	REFUSED(o.csum_start = 0);
	REFUSED(o.csum_start = 0xffff);
	REFUSED(o.csum_offset = 15);
	REFUSED(o.csum_offset = 0xffff);
	REFUSED(o.gso_type = NET_GSO_TCPV6);
	REFUSED(o.gso_type = NET_GSO_UDP);
	REFUSED(o.gso_type = 5);
	o = (struct net_offload){ .flags = 1, .csum_start = 13 };
	assert_int_equal(send_frame(a, &o, frame, size), -EINVAL);
	o = (struct net_offload){ .flags = 1, .csum_start = 60, .csum_offset = (u16)(size - 61) };
	assert_int_equal(send_frame(a, &o, frame, size), -EINVAL);
	o.csum_offset--;
	assert_int_equal(send_frame(a, &o, frame, size), 0);
	assert_true(hear(b) && silent(b));
	/* Too many pieces: dropped where it would have to be cut. */
	o = good;
	o.gso_size = 1;
	net_port_set(b->port, true, NET_CAN_CSUM);
	assert_int_equal(send_frame(a, &o, frame, size), 0);
	assert_true(silent(b));
	/* No piece at all: as good as cut. */
	o.gso_size = 5000;
	assert_int_equal(send_frame(a, &o, frame, size), 0);
	assert_true(hear(b) && b->size == size && !b->offload.gso_type);
	free(frame);
}

static void ecn_is_a_thing_of_its_own(void **state unused)
{
	struct station *a = plain(0), *b = plain(1);
	u8 *frame = malloc(NET_FRAME_MAX);
	struct net_offload o;
	u32 size = make_large(frame, &o, false, 3000, 1000);

	introduce(2);
	frame[47] |= 0x80; /* CWR */
	o.gso_type |= NET_GSO_ECN;
	assert_int_equal(send_frame(a, &o, frame, size), 0);
	assert_true(hear(b) && b->size == size && b->offload.gso_type == (NET_GSO_TCPV4 | NET_GSO_ECN));
	net_port_set(b->port, true, ALL & ~NET_CAN_ECN);
	assert_int_equal(send_frame(a, &o, frame, size), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_true(hear(b) && b->size == 1054 && !(b->frame[47] & 0x80) == (i != 0));
	assert_true(silent(b));
	free(frame);
}

/* ---- Full buffers */

static unsigned fill(struct station *from, struct station *to, u32 size)
{
	unsigned sent = 0;

	while (say(from, to->address, size) == 0)
		assert_true(++sent < 100000);
	return sent;
}

static void a_full_buffer_holds_the_sender_back(void **state unused)
{
	struct station *a = plain(0), *b = plain(1), *c = plain(2);
	unsigned sent;

	introduce(3);
	sent = fill(a, b, 1514);
	assert_true(sent >= BUFFER / 1700);
	assert_int_equal(say(a, b->address, 1514), -EAGAIN);
	/* Others are not held up, and what goes to all is lost for b only. */
	assert_int_equal(say(a, c->address, 1514), 0);
	assert_int_equal(say(a, 255, 1514), 0);
	assert_true(hear(c) && hear(c) && silent(c));
	assert_int_equal(a->may_send, 0);
	for (unsigned i = 0; i < sent; i++)
		assert_true(hear(b));
	assert_true(silent(b));
	assert_int_equal(a->may_send, 1);
	assert_int_equal(c->may_send, 0);
	assert_int_equal(say(a, b->address, 1514), 0);
	assert_int_equal(a->may_send, 1);
}

static void the_sender_is_told_when_there_is_room_again(void **state unused)
{
	struct station *a = plain(0), *b = plain(1);
	unsigned sent, taken = 0;

	introduce(2);
	sent = fill(a, b, 1000);
	while (!a->may_send) {
		assert_true(hear(b));
		taken++;
	}
	assert_true(taken > sent / 3 && taken < sent * 2 / 3);
	assert_int_equal(say(a, b->address, 1000), 0);
}

static void a_receiver_that_sleeps_delays_nobody(void **state unused)
{
	struct station *a = plain(0), *b = plain(1);
	struct net_port_stats stats;

	introduce(2);
	fill(a, b, 1514);
	assert_int_equal(a->may_send, 0);
	fake_run();
	assert_int_equal(a->may_send, 0);
	host_sleep(host_time() + FAKE_TIMEBASE * (NET_STALL_MS + 1) / 1000);
	assert_int_equal(a->may_send, 1);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(say(a, b->address, 1514), 0);
	net_port_get_stats(b->port, &stats);
	assert_int_equal(stats.rx_dropped, 1000);
	/* As soon as it takes something, it is waited for again. */
	while (hear(b))
		;
	fill(a, b, 1514);
	assert_int_equal(a->may_send, 1);
}

static void whoever_waits_is_told_of_an_end(void **state unused)
{
	struct station *a = plain(0), *b = plain(1);

	introduce(2);
	fill(a, b, 1514);
	net_port_set(b->port, false, 0);
	assert_int_equal(a->may_send, 1);
	assert_int_equal(say(a, b->address, 1514), 0);
	net_port_set(b->port, true, ALL);
	fill(a, b, 1514);
	station_remove(1);
	assert_int_equal(a->may_send, 2);
	assert_int_equal(say(a, b->address, 1514), 0);
}

static void a_sender_that_left_is_not_told(void **state unused)
{
	struct station *a = plain(0), *b = plain(1);

	introduce(2);
	fill(a, b, 1514);
	net_port_attach(a->port, NULL, NULL);
	while (hear(b))
		;
	assert_int_equal(a->may_send, 0);
	net_port_attach(a->port, &ops, a);
	fill(a, b, 1514);
	station_remove(0);
	while (hear(b))
		;
	assert_int_equal(a->may_send, 0);
}

static void pieces_go_all_or_none(void **state unused)
{
	struct station *a = plain(0), *b = plain(1);
	u8 *frame = malloc(NET_FRAME_MAX);
	struct net_offload o;
	u32 size = make_large(frame, &o, false, 65000, 512);
	unsigned frames = 0, sent = 0;

	introduce(2);
	net_port_set(b->port, true, 0);
	while (send_frame(a, &o, frame, size) == 0)
		sent++;
	assert_true(sent >= 2);
	while (hear(b))
		frames++;
	assert_int_equal(frames, sent * ((65000 + 511) / 512));
	assert_int_equal(a->may_send, 1);
	free(frame);
}

/* Frames of all sizes, in and out as the dice will, many times around the buffer. */
static void the_buffer_loses_nothing(void **state unused)
{
	struct station *a = plain(0), *b = plain(1);
	u32 sizes[4096];
	unsigned head = 0, tail = 0;

	introduce(2);
	for (unsigned i = 0; i < 20000; i++) {
		u64 dice = host_random();
		u32 size = (u32)(14 + (dice >> 8) % (dice & 32 ? 3000 : 40000));

		if (dice & 1 && say(a, b->address, size) == 0)
			sizes[tail++ % 4096] = size;
		if ((dice & 2 || (dice & 31) == 16) && head != tail) {
			assert_true(hear(b));
			assert_int_equal(b->size, sizes[head++ % 4096]);
		}
	}
	while (head != tail)
		assert_true(hear(b) && b->size == sizes[head++ % 4096]);
	assert_true(silent(b));
}

static void the_buffer_is_wiped(void **state unused)
{
	struct station *a = plain(0), *b = plain(1);
	const u8 *at;
	u8 frame[200];

	introduce(2);
	memset(frame, 0xa5, sizeof(frame));
	test_ethernet(frame, b->address, a->address, 0x0800);
	assert_int_equal(send_frame(a, &nothing, frame, 200), 0);
	assert_true(net_peek_bytes(b->port, frame, 1));
	at = net_peek_frame(b->port);
	assert_int_equal(at[150], 0xa5);
	assert_true(hear(b));
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(at[i], 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(large_frames_stay_large),
		T(large_frames_are_cut_for_others),
		T(checksums_are_completed_for_others),
		T(offloads_move_with_tags),
		T(refuses_impossible_offloads),
		T(ecn_is_a_thing_of_its_own),
		T(a_full_buffer_holds_the_sender_back),
		T(the_sender_is_told_when_there_is_room_again),
		T(a_receiver_that_sleeps_delays_nobody),
		T(whoever_waits_is_told_of_an_end),
		T(a_sender_that_left_is_not_told),
		T(pieces_go_all_or_none),
		T(the_buffer_loses_nothing),
		T(the_buffer_is_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
