/* Between the files of the switch: a port, its buffer, and the switch it belongs to. */
#ifndef IO_NET_PORT_H
#define IO_NET_PORT_H

#include "io/net.h"
#include "io/net_frame.h"
#include "io/net_table.h"
#include "lib/lock.h"

#define NET_PORTS_MAX NET_TABLE_PORTS

/* Ports of a switch, by number. */
struct net_ports {
	u64 bits[NET_PORTS_MAX / 64];
};

struct net_port {
	/* Fixed. */
	struct net_switch *sw;
	unsigned index;
	struct net_port_config config;
	u8 *buffer; /* of a page at least, so that records lie on lines */
	u64 size;   /* a power of two */
	u64 cost;   /* of the owner's last net_send() */

	/* The switch's lock guards these. */
	u64 learned;      /* the source address that was learned last, and when */
	u32 learned_at;
	bool throttled;   /* it waits for its rate */
	u64 rate_at;      /* host time up to which what it sent would have taken, at its rate */
	u64 rate_rest;    /* of that, less than a tick: in bytes times the timebase */

	/* The port's lock guards these. */
	struct lock lock;
	const struct net_port_ops *ops;
	void *owner;
	bool up; /* atomic: senders ask without the lock */
	unsigned can;
	u64 head, tail;   /* records: counters that run freely; written where they are said to be */
	bool stalling;    /* somebody was sent away since the buffer last had room */
	u64 stalled_at;   /* since when */
	struct net_ports waiting; /* who is to be told when there is room */

	/* Atomic. */
	u32 frames; /* in the buffer: the receiver's once counted */
	u32 users;  /* who found the port in the switch and is still at it */
	u32 calls;  /* of the owner, under way */
	struct net_port_stats stats;
};

/* A stall's end in host ticks from its beginning. */
u64 net_stall_ticks(void);

/* A frame for the port, whose user the caller is. 0: it is in the buffer or was dropped. -EAGAIN:
 * there is no room, and @from will be told; not if @from is NULL: then it is dropped. *deadline
 * becomes the time at which the wait ends in any case. */
int net_port_put(struct net_port *to, struct net_frame *f, const struct net_port *from, u64 *deadline);
/* Calls the owner's may_send(), if there is one; no lock is held. */
void net_port_tell(struct net_port *p);
/* Who waits for a port whose stall has lasted too long, or (@any) whoever waits. False: nobody; then
 * *deadline is brought forward to the time when the stall will have. */
bool net_port_take_waiting(struct net_port *p, bool any, struct net_ports *waiting, u64 *deadline);

/* Calls may_send() of these ports. */
void net_switch_tell(struct net_switch *s, const struct net_ports *ports);
/* Adds a port and gives it its number; -ENOSPC. */
int net_switch_add(struct net_switch *s, struct net_port *p);
/* Removes it, and waits until nobody is its user; yields. */
void net_switch_remove(struct net_switch *s, struct net_port *p);

#endif
