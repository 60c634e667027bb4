/* A frame on its way: see io/net_frame.h. */
#include "io/net_frame.h"

#include <errno.h>
#include <string.h>

#include "io/net_copy.h"

#define MACS (2 * NET_MAC_SIZE)
#define TAGGED_SIZE 18u /* both addresses, the tag, the type */
#define HEAD_SIZE 16u /* what is decided on, of a frame that is not to be cut: the type is not */
#define TCP_CHECKSUM_OFFSET 16

/* Bytes [offset, offset+size) of what was sent, which is as long. */
static void frame_gather(const struct net_frame *f, u32 offset, u8 *to, u32 size)
{
	const struct io_segment *s = f->segments;

	while (offset >= s->size)
		offset -= (u32)s++->size;
	while (size) {
		u32 piece = (u32)min_u64(size, s->size - offset);

		net_copy(to, s->va + offset, piece);
		to += piece;
		size -= piece;
		offset = 0;
		s++;
	}
}

/* The bytes of all segments, 0 if that is too much for a frame. */
static u32 frame_size(const struct io_segment *segments, unsigned count)
{
	u64 size = 0;

	for (unsigned i = 0; i < count; i++) {
		if (segments[i].size > NET_FRAME_MAX)
			return 0;
		size += segments[i].size;
		if (size > NET_FRAME_MAX)
			return 0;
	}
	return (u32)size;
}

/* NEEDS_CSUM: the checksum begins behind the addresses and lies within the frame. */
static bool frame_check_checksum(struct net_frame *f)
{
	struct net_offload *o = &f->offload;

	o->flags &= NET_HDR_NEEDS_CSUM | NET_HDR_DATA_VALID;
	if (!(o->flags & NET_HDR_NEEDS_CSUM)) {
		o->csum_start = o->csum_offset = 0;
		return true;
	}
	o->flags = NET_HDR_NEEDS_CSUM;
	return o->csum_start >= (f->tagged ? TAGGED_SIZE : NET_FRAME_MIN) &&
	       o->csum_start <= 0xffff - NET_TAG_SIZE &&
	       (u32)o->csum_start + o->csum_offset + 2 <= f->size;
}

/* Virtio 1.3, 5.1.6.2: a frame to be cut is TCP as its type says, and its checksum TCP's. */
static bool frame_check_gso(struct net_frame *f)
{
	struct net_offload *o = &f->offload;
	u8 type = o->gso_type & (u8)~NET_GSO_ECN;

	if (type != NET_GSO_TCPV4 && type != NET_GSO_TCPV6)
		return false;
	if (!(o->flags & NET_HDR_NEEDS_CSUM) || !o->gso_size ||
	    !net_headers_find(f->head, f->head_size, &f->headers))
		return false;
	if (f->headers.v6 != (type == NET_GSO_TCPV6) || o->csum_start != f->headers.tcp ||
	    o->csum_offset != TCP_CHECKSUM_OFFSET)
		return false;
	o->hdr_len = f->headers.payload;
	return true;
}

static bool frame_check(struct net_frame *f)
{
	struct net_offload *o = &f->offload;

	if (!frame_check_checksum(f))
		return false;
	if (o->gso_type & (u8)~NET_GSO_ECN) {
		if (!frame_check_gso(f))
			return false;
		if (f->size - f->headers.payload > o->gso_size)
			return true;
	}
	/* What fits into one piece is as good as cut. */
	o->gso_type = NET_GSO_NONE;
	o->gso_size = o->hdr_len = 0;
	return true;
}

static unsigned frame_lie(const struct io_segment *segments, unsigned count)
{
	const struct io_segment *best = segments;
	u64 at = 0, best_at = 0;

	for (unsigned i = 0; i < count; i++) {
		if (segments[i].size > best->size) {
			best = &segments[i];
			best_at = at;
		}
		at += segments[i].size;
	}
	return ((uintptr_t)best->va - best_at) & 7;
}

int net_frame_read(struct net_frame *f, const struct net_offload *offload,
		   const struct io_segment *segments, unsigned count)
{
	u32 wanted;

	f->segments = segments;
	f->count = count;
	f->size = f->sent = frame_size(segments, count);
	if (f->size < NET_FRAME_MIN)
		return -EINVAL;
	f->offload = *offload;
	f->lie = count > 1 ? frame_lie(segments, count) : (uintptr_t)segments->va & 7;
	f->head = f->bytes + 8 + f->lie;
	/* What follows begins with a word. */
	wanted = offload->gso_type ? NET_HEADERS_MAX : HEAD_SIZE + (-f->lie & 7);
	f->head_size = f->head_sent = wanted < f->size ? wanted : f->size;
	if (segments->size >= f->head_size)
		net_copy(f->head, segments->va, f->head_size);
	else
		frame_gather(f, 0, f->head, f->head_size);
	f->tagged = f->size >= TAGGED_SIZE && f->head[MACS] == 0x81 && f->head[MACS + 1] == 0;
	f->tag = 0;
	if (f->tagged)
		f->tag = (u16)(f->head[MACS + 2] << 8 | f->head[MACS + 3]);
	return frame_check(f) ? 0 : -EINVAL;
}

/* What lies behind the tag moves by @by bytes. */
static void frame_shift(struct net_frame *f, int by)
{
	f->head -= by;
	f->lie ^= NET_TAG_SIZE;
	f->head_size += (u32)by;
	f->size += (u32)by;
	if (f->offload.flags & NET_HDR_NEEDS_CSUM)
		f->offload.csum_start += (u16)by;
	if (f->offload.gso_type) {
		f->offload.hdr_len += (u16)by;
		f->headers.ip += (u16)by;
		f->headers.tcp += (u16)by;
		f->headers.payload += (u16)by;
	}
}

void net_frame_set_tag(struct net_frame *f, bool tagged)
{
	const u8 tag[NET_TAG_SIZE] = { 0x81, 0, (u8)(f->tag >> 8), (u8)f->tag };
	u8 macs[MACS];

	if (tagged == f->tagged)
		return;
	memcpy(macs, f->head, MACS);
	frame_shift(f, tagged ? (int)NET_TAG_SIZE : -(int)NET_TAG_SIZE);
	memcpy(f->head, macs, MACS);
	if (tagged)
		memcpy(f->head + MACS, tag, NET_TAG_SIZE);
	f->tagged = tagged;
}

static u64 mac_load(const u8 *mac)
{
	const u16 *half = (const u16 *)(const void *)mac;

	if (!((uintptr_t)mac & 1))
		return half[0] | (u64)half[1] << 16 | (u64)half[2] << 32;
	return mac[0] | (u64)mac[1] << 8 | (u64)mac[2] << 16 | (u64)mac[3] << 24 |
	       (u64)mac[4] << 32 | (u64)mac[5] << 40;
}

u64 net_frame_address(const struct net_frame *f, bool source)
{
	u64 vlan = f->tag & 0xfff;

	return mac_load(f->head + (source ? NET_MAC_SIZE : 0)) | vlan << 48;
}

void net_frame_copy(const struct net_frame *f, u32 offset, u8 *to, u32 size)
{
	u32 head = offset < f->head_size ? f->head_size - offset : 0, sent;

	head = head < size ? head : size;
	if (head)
		net_copy(to, f->head + offset, head);
	to += head;
	size -= head;
	sent = offset + head + f->head_sent - f->head_size;
	if (!size)
		return;
	if (size <= f->segments->size && sent <= f->segments->size - size)
		net_copy(to, f->segments->va + sent, size);
	else
		frame_gather(f, sent, to, size);
}
