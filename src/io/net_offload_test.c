#include "io/net_offload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/net_test.h"

/* RFC 1071, 3: the example. */
static void sums_as_in_the_rfc(void **state unused)
{
	const u8 bytes[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
	u16 sum = net_sum_fold(net_sum(bytes, sizeof(bytes)));

	assert_int_equal((u16)(sum << 8 | sum >> 8), 0xddf2);
}

static void sums_from_anywhere(void **state unused)
{
	for (unsigned at = 0; at < 8; at++)
		for (u64 size = 0; size < 130; size++) {
			u8 *bytes = malloc(at + size + 1);
			u16 sum;

			for (u64 i = 0; i < at + size; i++)
				bytes[i] = (u8)(0xff - i * 3);
			sum = net_sum_fold(net_sum(bytes + at, size));
			assert_int_equal((u16)(sum << 8 | sum >> 8), test_sum(0, bytes + at, size));
			free(bytes);
		}
}

static void sums_with_every_carry(void **state unused)
{
	u8 bytes[4096] __attribute__((aligned(8)));

	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(net_sum_fold(net_sum(bytes, sizeof(bytes))), 0xffff);
	/* In memory order: the last byte is the first of its pair. */
	assert_int_equal(net_sum_fold(net_sum(bytes + 1, sizeof(bytes) - 1)), 0xff);
}

static void finds_headers(void **state unused)
{
	struct net_headers h;
	u8 frame[300] = { 0 };

	test_tcp4(frame, 1, 2, 0, 100, 0x18);
	assert_true(net_headers_find(frame, 192, &h));
	assert_true(!h.v6 && h.ip == 14 && h.tcp == 34 && h.payload == 54);
	assert_true(net_headers_find(frame, 54, &h));
	for (u32 size = 0; size < 54; size++)
		assert_false(net_headers_find(frame, size, &h));
	test_tcp6(frame, 1, 2, 0, 100, 0x18);
	assert_true(net_headers_find(frame, 192, &h));
	assert_true(h.v6 && h.ip == 14 && h.tcp == 54 && h.payload == 74);
	for (u32 size = 0; size < 74; size++)
		assert_false(net_headers_find(frame, size, &h));
}

static void finds_headers_behind_options(void **state unused)
{
	struct net_headers h;
	u8 frame[300] = { 0 };

	test_tcp4(frame, 1, 2, 0, 100, 0x18);
	frame[14] = 0x47; /* eight bytes of options */
	frame[14 + 28 + 12] = 0x80; /* TCP: 12 bytes */
	assert_true(net_headers_find(frame, 192, &h));
	assert_true(h.tcp == 42 && h.payload == 42 + 32);
	test_tcp6(frame, 1, 2, 0, 100, 0x18);
	frame[20] = 0;       /* hop by hop, 16 bytes, then TCP */
	frame[54] = 6;
	frame[55] = 1;
	frame[54 + 16 + 12] = 0x50;
	assert_true(net_headers_find(frame, 192, &h));
	assert_true(h.tcp == 70 && h.payload == 90);
	frame[55] = 255;
	assert_false(net_headers_find(frame, 192, &h));
}

static void finds_no_headers_where_none_are(void **state unused)
{
	struct net_headers h;
	u8 frame[300] = { 0 };

	assert_false(net_headers_find(frame, 192, &h));
	test_tcp4(frame, 1, 2, 0, 100, 0x18);
	frame[23] = 17; /* UDP */
	assert_false(net_headers_find(frame, 192, &h));
	test_tcp4(frame, 1, 2, 0, 100, 0x18);
	frame[20] = 0x20; /* more fragments */
	assert_false(net_headers_find(frame, 192, &h));
	test_tcp4(frame, 1, 2, 0, 100, 0x18);
	frame[14] = 0x44; /* a header of 16 bytes */
	assert_false(net_headers_find(frame, 192, &h));
	test_tcp4(frame, 1, 2, 0, 100, 0x18);
	frame[46] = 0x40; /* the same of TCP */
	assert_false(net_headers_find(frame, 192, &h));
	test_tcp6(frame, 1, 2, 0, 100, 0x18);
	frame[20] = 44; /* a fragment */
	assert_false(net_headers_find(frame, 192, &h));
}

static void completes_checksums(void **state unused)
{
	const struct net_offload offload = { .flags = 1, .csum_start = 34, .csum_offset = 16 };
	u8 *frame = malloc(1000);

	for (u32 size = 54; size < 1000; size += 31) {
		test_tcp4(frame, 1, 2, 0, size - 54, 0x18);
		net_checksum_complete(frame, size, &offload);
		test_check_tcp(frame, size);
	}
	free(frame);
}

/* All pieces together are the whole again. */
static void cut_check(bool v6, u32 payload, u32 mss, u8 flags)
{
	u32 head = v6 ? 74 : 54, size = head + payload, pieces = (payload + mss - 1) / mss;
	u8 *whole = malloc(size), *piece_frame = malloc(head + mss);
	struct net_piece piece = { 0 };
	struct net_headers h;

	(v6 ? test_tcp6 : test_tcp4)(whole, 1, 2, 0xfffffff0, payload, flags);
	assert_true(net_headers_find(whole, size, &h));
	for (; piece.index < pieces; piece.index++) {
		struct net_offload offload = { .flags = 1, .csum_start = h.tcp, .csum_offset = 16 };
		u8 *tcp = piece_frame + h.tcp;

		piece.last = piece.index + 1 == pieces;
		piece.payload = piece.last ? payload - piece.offset : mss;
		memcpy(piece_frame, whole, head);
		net_piece_headers(piece_frame, &h, &piece);
		memcpy(piece_frame + head, whole + head + piece.offset, piece.payload);
		net_checksum_complete(piece_frame, head + piece.payload, &offload);
		test_check_tcp(piece_frame, head + piece.payload);
		assert_int_equal(test_get32(tcp + 4), 0xfffffff0 + piece.offset);
		assert_int_equal(tcp[13], flags & ~(piece.last ? 0 : 9) & ~(piece.index ? 0x80 : 0));
		if (!v6)
			assert_int_equal(test_get16(piece_frame + 18), (u16)(TEST_IP_ID + piece.index));
		piece.offset += piece.payload;
	}
	assert_int_equal(piece.offset, payload);
	free(whole);
	free(piece_frame);
}

static void cuts_segments(void **state unused)
{
	for (unsigned v6 = 0; v6 < 2; v6++) {
		cut_check(v6, 65000, 1448, 0x10);
		cut_check(v6, 65000, 1447, 0x99); /* CWR, ACK, PSH, FIN */
		cut_check(v6, 1449, 1448, 0x19);
		cut_check(v6, 1448, 1448, 0x19);
		cut_check(v6, 3000, 1, 0x19);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_as_in_the_rfc),
		cmocka_unit_test(sums_from_anywhere),
		cmocka_unit_test(sums_with_every_carry),
		cmocka_unit_test(finds_headers),
		cmocka_unit_test(finds_headers_behind_options),
		cmocka_unit_test(finds_no_headers_where_none_are),
		cmocka_unit_test(completes_checksums),
		cmocka_unit_test(cuts_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
