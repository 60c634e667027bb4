/* A VM's private half of the address space. */
#ifndef HOST_BARE_SPACE_H
#define HOST_BARE_SPACE_H

#include "host/bare/heap.h"
#include "host/bare/layout.h"

struct host_account;

struct host_space {
	u64 *root;
	u64 satp;
	u64 asid; /* 0 when there are none left: then each switch flushes */
	struct host_account *payer;
	struct lock lock; /* guards the tables of the lower half, and what follows */
	struct heap heap;
	u64 held; /* bytes of RAM and private pages */
};

/* Finds out about ASIDs; the first satp. Boot hart, then each hart. */
void space_init(void);
/* Makes @space's tables (NULL: the common ones) this hart's. */
void space_activate(struct host_space *space);
/* An address of the window. */
void *window_va(u64 pa);
u64 window_pa(const void *va);

#endif
