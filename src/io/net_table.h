/*
 * Which address was seen at which port of a switch, and when last. Bounded, and no port can
 * crowd out another's addresses. Not locked.
 */
#ifndef IO_NET_TABLE_H
#define IO_NET_TABLE_H

#include "lib/types.h"

#define NET_TABLE_SETS 128u /* a power of two */
#define NET_TABLE_WAYS 8u
#define NET_TABLE_SHARE 128u /* entries of a port, at most */
#define NET_TABLE_PORTS 128u

struct net_table_set {
	u64 key[NET_TABLE_WAYS];  /* used ones first; 0: none */
	u32 seen[NET_TABLE_WAYS];
	u8 port[NET_TABLE_WAYS];
};

struct net_table {
	u64 secret; /* odd: nobody can choose addresses that share a set */
	u32 age;    /* entries not seen for so long are none */
	u32 entries[NET_TABLE_PORTS]; /* of each port */
	struct net_table_set sets[NET_TABLE_SETS];
};

/* @age in the units of the times given below, which may wrap. */
void net_table_init(struct net_table *t, u64 secret, u32 age);
/* The address @key (not 0) was seen at @port. Returns the port that lost an entry by it, or -1. */
int net_table_learn(struct net_table *t, u64 key, unsigned port, u32 now);
/* The port of an address, -1 when it is not known. */
int net_table_find(const struct net_table *t, u64 key, u32 now);
/* Forgets all of a port's addresses. */
void net_table_forget(struct net_table *t, unsigned port);

#endif
