/* Checksums and TCP segmentation in software: see io/net_offload.h. */
#include "io/net_offload.h"

#include <string.h>

enum net_ethertype { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_VLAN = 0x8100, ETHERTYPE_IPV6 = 0x86dd };

enum ipv4_offset { /* RFC 791, 3.1 */
	IPV4_VERSION = 0, IPV4_LENGTH = 2, IPV4_ID = 4, IPV4_FRAGMENT = 6, IPV4_PROTOCOL = 9,
	IPV4_CHECKSUM = 10, IPV4_SOURCE = 12, IPV4_HEADER = 20,
};
enum { IPV4_DONT_FRAGMENT = 0x4000, IPV4_RESERVED = 0x8000 };

enum ipv6_offset { /* RFC 8200, 3 */
	IPV6_VERSION = 0, IPV6_LENGTH = 4, IPV6_NEXT = 6, IPV6_SOURCE = 8, IPV6_HEADER = 40,
};

enum ip_protocol { IP_HOP_BY_HOP = 0, IP_TCP = 6, IP_ROUTING = 43, IP_DESTINATION = 60 };

enum tcp_offset { /* RFC 9293, 3.1 */
	TCP_SEQUENCE = 4, TCP_DATA_OFFSET = 12, TCP_FLAGS = 13, TCP_CHECKSUM = 16, TCP_HEADER = 20,
};
enum tcp_flag { TCP_FIN = 0x01, TCP_PSH = 0x08, TCP_CWR = 0x80 };

static u16 get16(const u8 *p)
{
	return (u16)(p[0] << 8 | p[1]);
}

static void put16(u8 *p, u32 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

static u32 get32(const u8 *p)
{
	return (u32)get16(p) << 16 | get16(p + 2);
}

static void put32(u8 *p, u32 v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

/* ---- Headers */

/* The offset of what follows the IPv4 header, 0: nothing that could be cut. */
static u32 ipv4_end(const u8 *ip, u32 size)
{
	u32 length;

	if (size < IPV4_HEADER || ip[IPV4_VERSION] >> 4 != 4 || ip[IPV4_PROTOCOL] != IP_TCP)
		return 0;
	if (get16(ip + IPV4_FRAGMENT) & ~(IPV4_DONT_FRAGMENT | IPV4_RESERVED))
		return 0;
	length = (ip[IPV4_VERSION] & 15u) * 4;
	return length >= IPV4_HEADER ? length : 0;
}

/* The same for IPv6, past the extension headers that every fragment would carry (4.5). */
static u32 ipv6_end(const u8 *ip, u32 size)
{
	u32 at = IPV6_HEADER;
	u8 next;

	if (size < IPV6_HEADER || ip[IPV6_VERSION] >> 4 != 6)
		return 0;
	next = ip[IPV6_NEXT];
	while (next == IP_HOP_BY_HOP || next == IP_ROUTING || next == IP_DESTINATION) {
		if (at + 8 > size)
			return 0;
		next = ip[at];
		at += 8 + ip[at + 1] * 8u;
	}
	return next == IP_TCP ? at : 0;
}

bool net_headers_find(const u8 *frame, u32 size, struct net_headers *h)
{
	u32 ip = NET_FRAME_MIN, length;
	u16 type;

	if (size < ip)
		return false;
	type = get16(frame + ip - 2);
	if (type == ETHERTYPE_VLAN) {
		ip += 4;
		if (size < ip)
			return false;
		type = get16(frame + ip - 2);
	}
	if (type != ETHERTYPE_IPV4 && type != ETHERTYPE_IPV6)
		return false;
	h->v6 = type == ETHERTYPE_IPV6;
	length = h->v6 ? ipv6_end(frame + ip, size - ip) : ipv4_end(frame + ip, size - ip);
	if (!length || ip + length + TCP_HEADER > size)
		return false;
	h->ip = (u16)ip;
	h->tcp = (u16)(ip + length);
	length = (frame[h->tcp + TCP_DATA_OFFSET] >> 4) * 4u;
	h->payload = (u16)(h->tcp + length);
	return length >= TCP_HEADER && h->payload <= size;
}

/* ---- Checksums */

static u64 sum_add(u64 sum, u64 word)
{
	sum += word;
	return sum + (sum < word);
}

static u64 load16(const u8 *p)
{
	u16 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Of bytes that begin at a whole word. */
static u64 sum_words(const u8 *bytes, u64 size)
{
	const u64 *word = (const u64 *)(const void *)bytes;
	u64 sum = 0;

	for (; size >= 32; size -= 32, word += 4) {
		sum = sum_add(sum, word[0]);
		sum = sum_add(sum, word[1]);
		sum = sum_add(sum, word[2]);
		sum = sum_add(sum, word[3]);
	}
	for (; size >= 8; size -= 8)
		sum = sum_add(sum, *word++);
	bytes = (const u8 *)word;
	for (; size >= 2; size -= 2, bytes += 2)
		sum = sum_add(sum, load16(bytes));
	return size ? sum_add(sum, *bytes) : sum;
}

u16 net_sum_fold(u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)((sum & 0xffff) + (sum >> 16));
}

/* An odd address: the sum of the bytes in exchanged places is the exchanged sum (RFC 1071, 2). */
u64 net_sum(const u8 *bytes, u64 size)
{
	bool odd = (uintptr_t)bytes & 1;
	u64 sum = 0;

	if (odd && size) {
		sum = (u64)*bytes++ << 8;
		size--;
	}
	for (; (uintptr_t)bytes & 7 && size >= 2; size -= 2, bytes += 2)
		sum += load16(bytes);
	if (size < 2)
		sum += size ? *bytes : 0;
	else
		sum = sum_add(sum, sum_words(bytes, size));
	if (!odd)
		return sum;
	sum = net_sum_fold(sum);
	return (sum << 8 | sum >> 8) & 0xffff;
}

void net_checksum_complete(u8 *frame, u32 size, const struct net_offload *offload)
{
	u32 start = offload->csum_start;
	u16 sum = (u16)~net_sum_fold(net_sum(frame + start, size - start));

	/* In UDP 0 says that there is none (RFC 768); in TCP both are the same number. */
	if (!sum)
		sum = 0xffff;
	memcpy(frame + start + offload->csum_offset, &sum, sizeof(sum));
}

/* ---- Pieces */

static void piece_ipv4(u8 *ip, u32 header, u32 length, u32 index)
{
	u16 sum;

	put16(ip + IPV4_LENGTH, length);
	put16(ip + IPV4_ID, get16(ip + IPV4_ID) + index);
	put16(ip + IPV4_CHECKSUM, 0);
	sum = (u16)~net_sum_fold(net_sum(ip, header));
	memcpy(ip + IPV4_CHECKSUM, &sum, sizeof(sum));
}

/* RFC 9293, 3.1, and RFC 8200, 8.1: both addresses, the protocol, TCP's length. */
static u16 piece_pseudo_sum(const u8 *ip, bool v6, u32 length)
{
	u64 sum = v6 ? net_sum(ip + IPV6_SOURCE, 32) : net_sum(ip + IPV4_SOURCE, 8);
	u8 rest[4];

	put16(rest, IP_TCP);
	put16(rest + 2, length);
	return net_sum_fold(sum_add(net_sum(rest, sizeof(rest)), sum));
}

void net_piece_headers(u8 *frame, const struct net_headers *h, const struct net_piece *piece)
{
	u8 *ip = frame + h->ip, *tcp = frame + h->tcp;
	u32 header = (u32)(h->tcp - h->ip);
	u32 length = (u32)(h->payload - h->tcp) + piece->payload; /* from TCP's header on */
	u16 sum;

	if (h->v6)
		put16(ip + IPV6_LENGTH, header - IPV6_HEADER + length);
	else
		piece_ipv4(ip, header, header + length, piece->index);
	put32(tcp + TCP_SEQUENCE, get32(tcp + TCP_SEQUENCE) + piece->offset);
	if (!piece->last)
		tcp[TCP_FLAGS] &= (u8)~(TCP_FIN | TCP_PSH);
	if (piece->index)
		tcp[TCP_FLAGS] &= (u8)~TCP_CWR; /* RFC 3168, 6.1.2: once */
	sum = piece_pseudo_sum(ip, h->v6, length);
	memcpy(tcp + TCP_CHECKSUM, &sum, sizeof(sum));
}
