/*
 * Moving a frame's bytes. What lies differently within its words on either side is moved
 * in whole words all the same: no access is misaligned, unless the host said that it may be,
 * and none leaves the given bytes.
 */
#ifndef IO_NET_COPY_H
#define IO_NET_COPY_H

#include "lib/types.h"

#define NET_LINE 64ul

/* What this machine can do beyond what every RISC-V can. Written once at boot, if at all. */
struct net_copy_host {
	bool misaligned; /* loads and stores of words at any address, about as fast as others */
	bool zero_line;  /* Zicboz, with blocks of NET_LINE: cbo.zero may be executed */
};
extern struct net_copy_host net_copy_host;

void net_copy(u8 *to, const u8 *from, u64 size);
/* @lines: aligned to NET_LINE, @size a multiple of it. */
void net_wipe(void *lines, u64 size);

#endif
