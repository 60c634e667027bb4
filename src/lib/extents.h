/*
 * The free parts of a range of addresses: a sorted array of extents that are
 * not neighbours. The memory that the array describes is never touched.
 */
#ifndef LIB_EXTENTS_H
#define LIB_EXTENTS_H

#include "lib/types.h"

struct extent {
	u64 base, size;
};

struct extents {
	struct extent *slot; /* the caller's array, sorted by base */
	u32 count, max;
	u64 bytes; /* the sum of all sizes */
};

/* Each call below but extents_init may need one more slot: the caller sees to it that
 * count < max. Sizes and alignments: powers of two for @align; none may be 0. */
void extents_init(struct extents *x, struct extent *slot, u32 max);
/* Adds a free range, which must not wrap; parts that are free already stay so. */
void extents_add(struct extents *x, u64 base, u64 size);
/* Removes whatever of the range is free. */
void extents_cut(struct extents *x, u64 base, u64 size);
/* Takes @size bytes at the lowest address that is a multiple of @align. A page-sized piece
 * of a page-aligned array never needs a slot. */
bool extents_take_low(struct extents *x, u64 size, u64 align, u64 *base);
/* Takes at most @want bytes, a multiple of @align, at a multiple of @align: all from the
 * smallest extent that can give them, from its upper end, else as much as there is in one
 * piece. Returns what was taken, 0 when there is no such piece. */
u64 extents_take_most(struct extents *x, u64 want, u64 align, u64 *base);

#endif
