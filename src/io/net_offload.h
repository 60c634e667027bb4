/*
 * What a network card does for its driver, in software: Internet checksums (RFC 1071) and the
 * cutting of large TCP segments. Headers are hostile: these functions judge copies.
 */
#ifndef IO_NET_OFFLOAD_H
#define IO_NET_OFFLOAD_H

#include "io/net.h"

/* Headers of a frame that is to be cut: Ethernet, at most one VLAN tag, IP with what it has of
 * options and extensions, TCP. */
#define NET_HEADERS_MAX 192u

struct net_headers {
	bool v6;
	u16 ip, tcp, payload; /* offsets in the frame */
};

/*
 * Finds them in the first @size bytes of a frame. False: there is no TCP, it is a fragment, or the
 * headers do not end within @size.
 */
bool net_headers_find(const u8 *frame, u32 size, struct net_headers *h);

/* The ones' complement sum of bytes at an even offset of what is summed, not folded to 16 bits; to
 * be added to others. In memory order. */
u64 net_sum(const u8 *bytes, u64 size);
u16 net_sum_fold(u64 sum);

/* Completes the checksum that NEEDS_CSUM speaks of; its place lies within the frame. */
void net_checksum_complete(u8 *frame, u32 size, const struct net_offload *offload);

/* One of the pieces that a frame is cut into. */
struct net_piece {
	u32 index;   /* from 0 */
	u32 offset;  /* of its payload in the whole one, bytes */
	u32 payload; /* bytes */
	bool last;
};

/*
 * Makes the headers at @frame, copied from the whole frame, those of a piece: lengths, IP's
 * identification and checksum, TCP's sequence number and flags; into TCP's checksum goes the sum of
 * the pseudo header, to be completed.
 */
void net_piece_headers(u8 *frame, const struct net_headers *h, const struct net_piece *piece);

#endif
