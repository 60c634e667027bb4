/* What the tests of networks share: frames, and checks of them that are written another way. */
#ifndef IO_NET_TEST_H
#define IO_NET_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "io/net.h"

#define TEST_IP_ID 0xfffe /* of IPv4 */

static inline u16 test_get16(const u8 *p) { return (u16)(p[0] << 8 | p[1]); }
static inline u32 test_get32(const u8 *p) { return (u32)test_get16(p) << 16 | test_get16(p + 2); }

static inline void test_put16(u8 *p, u32 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

static inline void test_put32(u8 *p, u32 v)
{
	test_put16(p, v >> 16);
	test_put16(p + 2, v);
}

/* The ones' complement sum, byte by byte. */
static inline u32 test_sum(u32 sum, const u8 *bytes, u64 size)
{
	for (u64 i = 0; i < size; i++) {
		sum += i & 1 ? bytes[i] : (u32)bytes[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (sum & 0xffff) + (sum >> 16);
}

/* The address of station @n; of 255: broadcast. */
static inline void test_mac(u8 *mac, u8 n)
{
	if (n == 255)
		memset(mac, 255, NET_MAC_SIZE);
	else
		memcpy(mac, (const u8[NET_MAC_SIZE]){ 2, 0, 0, 0, 0, n }, NET_MAC_SIZE);
}

static inline void test_ethernet(u8 *frame, u8 to, u8 from, u32 type)
{
	test_mac(frame, to);
	test_mac(frame + 6, from);
	test_put16(frame + 12, type);
}

/* Any bytes, the same each time. */
static inline void test_payload(u8 *to, u32 size)
{
	for (u32 i = 0; i < size; i++)
		to[i] = (u8)(i * 31 + i / 256);
}

static inline u32 test_pseudo_sum(const u8 *ip, u32 length)
{
	bool v6 = ip[0] >> 4 == 6;
	u8 rest[4] = { 0, 6 };

	test_put16(rest + 2, length);
	return test_sum(test_sum(0, ip + (v6 ? 8 : 12), v6 ? 32 : 8), rest, 4);
}

static inline void test_tcp(u8 *tcp, const u8 *ip, u32 sequence, u32 payload, u8 flags)
{
	memset(tcp, 0, 20);
	test_put16(tcp, 40000);
	test_put16(tcp + 2, 5001);
	test_put32(tcp + 4, sequence);
	tcp[12] = 0x50;
	tcp[13] = flags;
	test_put16(tcp + 16, test_pseudo_sum(ip, 20 + payload));
	test_payload(tcp + 20, payload);
}

/* A frame with 54 bytes of headers, whose TCP checksum is not complete. */
static inline void test_tcp4(u8 *frame, u8 to, u8 from, u32 sequence, u32 payload, u8 flags)
{
	u8 *ip = frame + 14;

	test_ethernet(frame, to, from, 0x0800);
	memset(ip, 0, 20);
	ip[0] = 0x45;
	test_put16(ip + 2, 40 + payload);
	test_put16(ip + 4, TEST_IP_ID);
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = 6;
	test_put32(ip + 12, 0x0a000000u + from);
	test_put32(ip + 16, 0x0a000000u + to);
	test_put16(ip + 10, ~test_sum(0, ip, 20));
	test_tcp(ip + 20, ip, sequence, payload, flags);
}

/* The same with 74 bytes. */
static inline void test_tcp6(u8 *frame, u8 to, u8 from, u32 sequence, u32 payload, u8 flags)
{
	u8 *ip = frame + 14;

	test_ethernet(frame, to, from, 0x86dd);
	memset(ip, 0, 40);
	ip[0] = 0x60;
	test_put16(ip + 4, 20 + payload);
	ip[6] = 6;
	ip[7] = 64;
	ip[8] = ip[24] = 0xfd;
	ip[23] = from;
	ip[39] = to;
	test_tcp(ip + 40, ip, sequence, payload, flags);
}

/* A whole frame of TCP, with or without a tag: lengths and checksums are right. */
static inline void test_check_tcp(const u8 *frame, u32 size)
{
	const u8 *ip = frame + (test_get16(frame + 12) == 0x8100 ? 18 : 14);
	bool v6 = ip[0] >> 4 == 6;
	const u8 *tcp = ip + (v6 ? 40 : 20);
	u32 length = size - (u32)(tcp - frame);

	if (v6)
		assert_int_equal(test_get16(ip + 4), length);
	else {
		assert_int_equal(test_get16(ip + 2), 20 + length);
		assert_int_equal(test_sum(0, ip, 20), 0xffff);
	}
	assert_int_equal(test_sum(test_pseudo_sum(ip, length), tcp, length), 0xffff);
}

#endif
