/* Sorted free extents: see lib/extents.h. */
#include "lib/extents.h"

#include <string.h>

void extents_init(struct extents *x, struct extent *slot, u32 max)
{
	*x = (struct extents){ .slot = slot, .max = max };
}

static u64 extent_end(const struct extent *e)
{
	return e->base + e->size;
}

static void slots_move(struct extents *x, u32 from, u32 to)
{
	memmove(&x->slot[to], &x->slot[from], (x->count - from) * sizeof(*x->slot));
	x->count = x->count + to - from;
}

/* The first extent that ends beyond @base. */
static u32 slot_find(const struct extents *x, u64 base)
{
	u32 low = 0, high = x->count;

	while (low < high) {
		u32 mid = (low + high) / 2;

		if (extent_end(&x->slot[mid]) <= base)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void extents_cut(struct extents *x, u64 base, u64 size)
{
	u64 end = base + size;
	u32 i = slot_find(x, base);

	while (i < x->count && x->slot[i].base < end) {
		struct extent e = x->slot[i];
		u64 from = max_u64(e.base, base), to = min_u64(extent_end(&e), end);

		x->bytes -= to - from;
		if (e.base < from && to < extent_end(&e)) {
			slots_move(x, i, i + 1);
			x->slot[i].size = from - e.base;
			x->slot[i + 1] = (struct extent){ to, extent_end(&e) - to };
			return;
		}
		if (e.base < from) {
			x->slot[i++].size = from - e.base;
		} else if (to < extent_end(&e)) {
			x->slot[i] = (struct extent){ to, extent_end(&e) - to };
			return;
		} else {
			slots_move(x, i + 1, i);
		}
	}
}

void extents_add(struct extents *x, u64 base, u64 size)
{
	u64 end = base + size;
	u32 first, last;

	extents_cut(x, base, size);
	x->bytes += size;
	last = slot_find(x, base);
	first = last;
	if (first > 0 && extent_end(&x->slot[first - 1]) == base)
		base = x->slot[--first].base;
	if (last < x->count && x->slot[last].base == end)
		end = extent_end(&x->slot[last++]);
	slots_move(x, last, first + 1);
	x->slot[first] = (struct extent){ base, end - base };
}

bool extents_take_low(struct extents *x, u64 size, u64 align, u64 *base)
{
	for (u32 i = 0; i < x->count; i++) {
		u64 at = align_up(x->slot[i].base, align);

		if (!range_within(at, size, x->slot[i].base, x->slot[i].size))
			continue;
		*base = at;
		extents_cut(x, at, size);
		return true;
	}
	return false;
}

/* How much a piece at multiples of @align could hold. */
static u64 extent_room(const struct extent *e, u64 align)
{
	u64 from = align_up(e->base, align), to = align_down(extent_end(e), align);

	return from < to && from >= e->base ? to - from : 0;
}

/* A larger piece is better until it is enough; then a smaller extent is. */
static bool is_better(u64 room, u64 size, u64 best_room, u64 best_size, u64 want)
{
	if (room >= want && best_room >= want)
		return size < best_size;
	return room > best_room;
}

u64 extents_take_most(struct extents *x, u64 want, u64 align, u64 *base)
{
	u64 best_room = 0, size;
	u32 best = 0;

	want = align_down(want, align);
	for (u32 i = 0; want && i < x->count; i++) {
		u64 room = extent_room(&x->slot[i], align);

		if (is_better(room, x->slot[i].size, best_room, x->slot[best].size, want)) {
			best = i;
			best_room = room;
		}
	}
	size = min_u64(best_room, want);
	if (!size)
		return 0;
	*base = align_down(extent_end(&x->slot[best]), align) - size;
	extents_cut(x, *base, size);
	return size;
}
