/* Guest RAM: host/host.h. */
#include <errno.h>
#include <string.h>

#include "host/bare/memory.h"
#include "host/bare/space.h"
#include "host/bare/table.h"
#include "host/host.h"

#define PAGE 4096ul
#define SCRUB_SLICE (64 * KIB) /* between two points where others may run */

/* The largest alignments first: tables of either stage then use their largest pages. */
static const u64 piece_align[] = { GIB, 2 * MIB, PAGE };

static void scrub(const struct host_extent *e)
{
	for (u64 done = 0; done < e->size; done += SCRUB_SLICE) {
		memset(e->va + done, 0, min_u64(SCRUB_SLICE, e->size - done));
		host_yield();
	}
}

/* Back to the allocator, as it is; *extent still says what was there. */
static void extent_return(struct host_space *space, const struct host_extent *e)
{
	lock_take(&space->lock);
	table_unmap(space->root, (u64)(uintptr_t)e->va, e->size);
	space->held -= e->size;
	lock_drop(&space->lock);
	fence_space(space->asid, (u64)(uintptr_t)e->va, e->size);
	memory_give(e->pa, e->size);
}

static bool extent_map(struct host_space *space, struct host_extent *e)
{
	bool ok;

	e->va = window_va(e->pa);
	lock_take(&space->lock);
	ok = table_map(space->root, (u64)(uintptr_t)e->va, e->pa, e->size, TABLE_RW, space->payer);
	space->held += ok ? e->size : 0;
	lock_drop(&space->lock);
	if (!ok)
		memory_give(e->pa, e->size);
	return ok;
}

/* Number of pieces, which hold less than @size when memory or @max do not suffice. */
static unsigned pieces_take(struct host_space *space, u64 size, struct host_extent *ext, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(piece_align); i++)
		while (size >= piece_align[i] && n < max) {
			struct host_extent *e = &ext[n];

			e->size = memory_take_most(size, piece_align[i], &e->pa);
			if (!e->size)
				break;
			if (!extent_map(space, e))
				return n;
			size -= e->size;
			n++;
		}
	return n;
}

int host_ram_alloc(struct host_space *space, u64 size, struct host_extent *ext, unsigned max)
{
	struct host_space *former;
	u64 got = 0;
	unsigned n;

	host_assert(size && is_aligned(size, PAGE));
	if (!account_charge(space->payer, size))
		return -ENOMEM;
	n = pieces_take(space, size, ext, max);
	for (unsigned i = 0; i < n; i++)
		got += ext[i].size;
	if (got < size) {
		for (unsigned i = 0; i < n; i++)
			extent_return(space, &ext[i]);
		account_refund(space->payer, size);
		return -ENOMEM;
	}
	former = host_space_enter(space);
	for (unsigned i = 0; i < n; i++)
		scrub(&ext[i]);
	host_space_enter(former);
	return (int)n;
}

void host_ram_free(struct host_space *space, const struct host_extent *ext, unsigned count)
{
	struct host_space *former = host_space_enter(space);

	for (unsigned i = 0; i < count; i++) {
		scrub(&ext[i]);
		extent_return(space, &ext[i]);
		account_refund(space->payer, ext[i].size);
	}
	host_space_enter(former);
}
