/*
 * A heap of small objects in pages, by size classes; larger ones are pages.
 * The owner of an object knows its size. Memory handed out is zero, and what
 * comes back is wiped at once.
 */
#ifndef HOST_BARE_HEAP_H
#define HOST_BARE_HEAP_H

#include "lib/list.h"
#include "lib/lock.h"

#define HEAP_PAGE 4096ul
#define HEAP_CLASSES 14

struct heap {
	struct lock lock;
	/* Zeroed pages, a multiple of HEAP_PAGE at a multiple of it; NULL: none. And back, wiped. */
	void *(*take)(void *owner, u64 size);
	void (*give)(void *owner, void *pages, u64 size);
	void *owner;
	struct list partial[HEAP_CLASSES]; /* pages with room, by class */
};

void heap_init(struct heap *h, void *(*take)(void *owner, u64 size),
	       void (*give)(void *owner, void *pages, u64 size), void *owner);
/* What an object of @size really takes: this is what its payer is charged. 0 if too large. */
u64 heap_round(u64 size);
/* 16-byte aligned, page-aligned from HEAP_PAGE on. NULL when there is no memory. */
void *heap_alloc(struct heap *h, u64 size);
void heap_free(struct heap *h, void *p, u64 size);
/* Gives back the one empty page that each class keeps; false if objects are left. */
bool heap_fini(struct heap *h);

#endif
