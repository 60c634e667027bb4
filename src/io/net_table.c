/* The addresses that a switch knows: see io/net_table.h. */
#include "io/net_table.h"

#include <string.h>

void net_table_init(struct net_table *t, u64 secret, u32 age)
{
	memset(t, 0, sizeof(*t));
	t->secret = secret | 1;
	t->age = age;
}

/* Twice: addresses that follow each other would lie in few sets with some secrets. */
static unsigned table_set(const struct net_table *t, u64 key)
{
	u64 mixed = key * t->secret;

	mixed ^= mixed >> 32;
	return (unsigned)(mixed * t->secret >> 57) % NET_TABLE_SETS;
}

int net_table_find(const struct net_table *t, u64 key, u32 now)
{
	const struct net_table_set *set = &t->sets[table_set(t, key)];

	for (unsigned i = 0; i < NET_TABLE_WAYS && set->key[i]; i++)
		if (set->key[i] == key)
			return now - set->seen[i] <= t->age ? set->port[i] : -1;
	return -1;
}

/* Whether the entry may go for one of @port's. */
static bool table_may_evict(const struct net_table *t, const struct net_table_set *set, unsigned i,
			    unsigned port, u32 now)
{
	unsigned owner = set->port[i];

	if (owner == port)
		return true;
	if (t->entries[port] >= NET_TABLE_SHARE)
		return false;
	return now - set->seen[i] > t->age || t->entries[owner] > t->entries[port] + 1;
}

/* A place for a new address of @port's: an empty one, else the oldest of those that may go;
 * NET_TABLE_WAYS when there is none. */
static unsigned table_place(const struct net_table *t, const struct net_table_set *set, unsigned port,
			    u32 now)
{
	unsigned best = NET_TABLE_WAYS;

	for (unsigned i = 0; i < NET_TABLE_WAYS; i++) {
		if (!set->key[i] && t->entries[port] < NET_TABLE_SHARE)
			return i;
		if (!set->key[i])
			break;
		if (table_may_evict(t, set, i, port, now) &&
		    (best == NET_TABLE_WAYS || now - set->seen[i] > now - set->seen[best]))
			best = i;
	}
	return best;
}

/* Returns whose it was. */
static int table_own(struct net_table *t, struct net_table_set *set, unsigned i, unsigned port)
{
	int former = set->key[i] ? set->port[i] : -1;

	if (former >= 0)
		t->entries[former]--;
	t->entries[port]++;
	set->port[i] = (u8)port;
	return former;
}

int net_table_learn(struct net_table *t, u64 key, unsigned port, u32 now)
{
	struct net_table_set *set = &t->sets[table_set(t, key)];
	unsigned i = 0;
	int former;

	while (i < NET_TABLE_WAYS && set->key[i] && set->key[i] != key)
		i++;
	if (i == NET_TABLE_WAYS || !set->key[i])
		i = table_place(t, set, port, now);
	else if (set->port[i] != port && t->entries[port] >= NET_TABLE_SHARE)
		return -1;
	if (i == NET_TABLE_WAYS)
		return -1;
	former = table_own(t, set, i, port);
	set->key[i] = key;
	set->seen[i] = now;
	return former;
}

/* The last entry of the set takes the place of one that goes. */
static void table_remove(struct net_table_set *set, unsigned i)
{
	unsigned last = i;

	while (last + 1 < NET_TABLE_WAYS && set->key[last + 1])
		last++;
	set->key[i] = set->key[last];
	set->seen[i] = set->seen[last];
	set->port[i] = set->port[last];
	set->key[last] = 0;
}

void net_table_forget(struct net_table *t, unsigned port)
{
	for (unsigned s = 0; s < NET_TABLE_SETS; s++) {
		struct net_table_set *set = &t->sets[s];

		for (unsigned i = 0; i < NET_TABLE_WAYS && set->key[i];) {
			if (set->port[i] == port)
				table_remove(set, i);
			else
				i++;
		}
	}
	t->entries[port] = 0;
}
