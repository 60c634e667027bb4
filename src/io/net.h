/*
 * Networks between VMs and to the outside. A switch owns its ports' memory: what is
 * sent is copied out of the sender's memory into a buffer of the receiving port, and
 * from there into the receiver's; neither sees the other. Frames may be large: those
 * who send say what is left to be done about segments and checksums, in the terms of
 * virtio 1.3, 5.1.6 "Device Operation".
 *
 * A full buffer holds its senders back, and for NET_STALL_MS at most: a receiver that makes no
 * room until then loses what is sent to it, and delays nobody.
 */
#ifndef IO_NET_H
#define IO_NET_H

#include "io/block.h"
#include "lib/types.h"

#define NET_MAC_SIZE 6
#define NET_FRAME_MIN 14ul
/* The largest IPv6 packet, with Ethernet header and VLAN tag. */
#define NET_FRAME_MAX (65535ul + 40 + 18)
#define NET_BUFFER_MIN (256 * KIB) /* of a port */
#define NET_STALL_MS 10

/* virtio 1.3, 5.1.6: struct virtio_net_hdr, the fields that travel with a frame. */
enum { NET_HDR_NEEDS_CSUM = 1, NET_HDR_DATA_VALID = 2 };
enum { NET_GSO_NONE = 0, NET_GSO_TCPV4 = 1, NET_GSO_UDP = 3, NET_GSO_TCPV6 = 4, NET_GSO_ECN = 0x80 };
struct net_offload {
	u8 flags;    /* NET_HDR_* */
	u8 gso_type; /* NET_GSO_* */
	u16 hdr_len; /* of a received frame to be segmented: its headers, exactly */
	u16 gso_size;
	u16 csum_start, csum_offset;
};

/* What a receiver takes as it is; for the rest the switch completes checksums and cuts segments. */
enum net_can { NET_CAN_CSUM = 1, NET_CAN_TSO4 = 2, NET_CAN_TSO6 = 4, NET_CAN_ECN = 8 };

struct net_port;
struct net_switch;
struct host_account;

struct net_port_config {
	/* 0: frames pass as they are (a trunk); else untagged member of this VLAN, 1..4094: towards
	 * trunks a tag is put in, what comes from there with this tag loses it. */
	u16 vlan;
	bool isolated; /* talks to ports that are not isolated only */
	u64 rate;      /* of what it sends, bytes a second; 0: no limit */
};

struct net_port_stats {
	u64 rx_frames, rx_bytes, tx_frames, tx_bytes; /* as the port's owner sees them */
	u64 rx_dropped, tx_dropped; /* tx: what was against the rules, or could not be delivered */
};

/*
 * The owner of a port; calls come in any context and any space, no lock of the switch held, but
 * maybe another owner's, from within its net_send(), net_receive() or net_drop(). They do no more
 * than to have a task do the rest.
 */
struct net_port_ops {
	/* There is something to receive where there was nothing. */
	void (*received)(void *owner);
	/* A frame that net_send() answered with -EAGAIN may be sent now. */
	void (*may_send)(void *owner);
};

/* ---- Switches: learning, VLANs, isolation, rates */

/* With a task of its own, for what depends on time. NULL: no memory. Nothing is paid by VMs but
 * their ports. */
struct net_switch *net_switch_create(const char *name);
void net_switch_destroy(struct net_switch *s); /* no ports are left; sleeps */

/* A port with a buffer of @buffer bytes (a power of two of at least NET_BUFFER_MIN) for what it is
 * to receive. NULL: no memory, or no room in the switch. */
struct net_port *net_port_create(struct net_switch *s, const struct net_port_config *config,
				 u64 buffer, struct host_account *payer);
/* The buffer is wiped. The owner goes, if it has not gone. Yields. */
void net_port_destroy(struct net_port *p, struct host_account *payer);
/* The owner comes, to an empty buffer; or goes: NULL, and after it, no call of the owner comes any
 * more. Yields: no lock may be held. */
void net_port_attach(struct net_port *p, const struct net_port_ops *ops, void *owner);
/* What the owner's side takes (enum net_can); a filter of addresses is the owner's affair. @up
 * false, as it is in the beginning: the port neither gets nor sends. */
void net_port_set(struct net_port *p, bool up, unsigned can);
void net_port_get_stats(const struct net_port *p, struct net_port_stats *stats);

/*
 * Sends a frame: @segments, readable in the current space, hold it from the destination's
 * address on. 0: it went, or was dropped as a switch may. -EAGAIN: nothing was done, the
 * receiver's buffer is full or the rate is reached; may_send() will be called, once. -EINVAL: a frame
 * of impossible size or offload. The bytes may change while they are read: what is decided on is a
 * copy. One call at a time for a port.
 */
int net_send(struct net_port *p, const struct net_offload *offload, const struct io_segment *segments,
	     unsigned count);

/* About how many bytes were copied by the last call of net_send(), for those who bound their turns: a
 * frame may have gone to many. */
u64 net_send_cost(const struct net_port *p);

/* ---- What waits for a port; by one task at a time */

/* The next frame: its bytes and offloads; 0 when there is none. */
u32 net_peek(struct net_port *p, struct net_offload *offload);
/* The frame itself, in common memory; good until it is dropped. There is one. */
const u8 *net_peek_frame(const struct net_port *p);
/* The first bytes of it, for a filter: as many as there are up to @size. */
u32 net_peek_bytes(const struct net_port *p, void *bytes, u32 size);
/* Copies it into the segments (together at least as large), wipes and drops it. */
void net_receive(struct net_port *p, const struct io_segment *segments, unsigned count);
/* The owner copied it: wipes and drops it. */
void net_received(struct net_port *p);
/* The owner has no use for it: wipes and drops it. */
void net_drop(struct net_port *p);

#endif
