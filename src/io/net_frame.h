/*
 * A frame on its way through a switch: a copy of its head, on which all decisions are made, and
 * the rest still in the sender's memory.
 */
#ifndef IO_NET_FRAME_H
#define IO_NET_FRAME_H

#include "io/net_offload.h"

#define NET_TAG_SIZE 4u
#define NET_VLAN_MAX 4094u
/* Pieces that a frame may be cut into: 64 KiB of payload in 512 bytes each. */
#define NET_PIECES_MAX 128u

struct net_frame {
	const struct io_segment *segments;
	unsigned count;
	u32 sent;      /* bytes in the segments */
	u32 head_sent; /* of them, in the head */
	u32 size;      /* bytes that it has now, with or without tag */
	u32 head_size;
	u8 *head;      /* within bytes[]: a tag more or less moves its beginning */
	unsigned lie;  /* how it lies in its words, 0..7, so that the larger part of it lies as it does at
			* the sender's: the cheapest to copy */
	bool tagged;
	u16 tag;       /* its TCI, IEEE 802.1Q, 9.6; kept when the tag goes */
	struct net_offload offload;
	struct net_headers headers; /* where it is to be cut */
	u8 bytes[16 + NET_HEADERS_MAX] __attribute__((aligned(8)));
};

/* 0, or -EINVAL: of impossible size, or its offload is against the rules. */
int net_frame_read(struct net_frame *f, const struct net_offload *offload,
		   const struct io_segment *segments, unsigned count);
/* Puts the tag in or takes it out, unless it is so already. */
void net_frame_set_tag(struct net_frame *f, bool tagged);

/* Destination and source, each with the VLAN above it: never 0 together. */
u64 net_frame_address(const struct net_frame *f, bool source);
static inline bool net_address_is_group(u64 address) { return address & 1; }

/* Copies bytes [offset, offset+size) of it. */
void net_frame_copy(const struct net_frame *f, u32 offset, u8 *to, u32 size);

#endif
