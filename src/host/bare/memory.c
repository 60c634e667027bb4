/* Physical memory and common pages: see host/bare/memory.h. */
#include "host/bare/memory.h"

#include <libfdt.h>
#include <string.h>

#include "host/bare/bare.h"
#include "host/bare/table.h"
#include "host/bare/tree.h"
#include "host/host.h"
#include "lib/extents.h"
#include "lib/lock.h"

#define PAGE 4096ul
#define SLOTS_FIRST 64

static struct lock lock; /* guards all below, and the common part of the tables */
static struct extent first_slots[SLOTS_FIRST];
static struct extents free_memory;
static u64 common_bytes, total_bytes;

static struct lock account_lock;

/* The table of the GiB in which common pages begin; further ones come from there. */
static u64 first_level1[PTE_TABLE_ENTRIES] __attribute__((aligned(4096)));

bool account_charge(struct host_account *a, u64 size)
{
	bool ok;

	if (!a)
		return true;
	lock_take(&account_lock);
	ok = !a->limit || (a->used <= a->limit && size <= a->limit - a->used);
	if (ok)
		a->used += size;
	lock_drop(&account_lock);
	return ok;
}

void account_refund(struct host_account *a, u64 size)
{
	if (!a)
		return;
	lock_take(&account_lock);
	host_assert(a->used >= size);
	a->used -= size;
	lock_drop(&account_lock);
}

/* ---- The map of common pages */

static u64 *level1_slot(u64 pa)
{
	u64 pte = boot_root[pte_index(COMMON_BASE + (pa - ram_base), 2)];

	return (u64 *)common_va(pte_address(pte)) + pte_index(pa, 1);
}

static u64 *level0_slot(u64 level1, u64 pa)
{
	return (u64 *)common_va(pte_address(level1)) + pte_index(pa, 0);
}

static bool common_map(u64 pa);

/* A level-0 table for the 2 MiB around @pa. It may itself lie there: then its own entry is
 * written while it is mapped in passing. */
static bool common_add_table(u64 *slot, u64 pa)
{
	u64 page, *passing;
	bool inside;

	if (!extents_take_low(&free_memory, PAGE, PAGE, &page))
		return false;
	common_bytes += PAGE;
	inside = align_down(page, 2 * MIB) == align_down(pa, 2 * MIB);
	passing = table_map_passing(page);
	memset(passing, 0, PAGE);
	if (inside)
		passing[pte_index(page, 0)] = pte_make(page, TABLE_RW);
	*slot = pte_make(page, PTE_V);
	fence_local();
	return inside || common_map(page);
}

static bool common_map(u64 pa)
{
	u64 *slot = level1_slot(pa);

	if (!(*slot & PTE_V) && !common_add_table(slot, pa))
		return false;
	*level0_slot(*slot, pa) = pte_make(pa, TABLE_RW);
	return true;
}

static void common_unmap(u64 pa)
{
	*level0_slot(*level1_slot(pa), pa) = 0;
}

/* ---- Pages; the lock is held */

static bool map_range(u64 pa, u64 size)
{
	u64 done = 0;

	while (done < size && common_map(pa + done))
		done += PAGE;
	fence_local();
	if (done == size)
		return true;
	while (done > 0)
		common_unmap(pa + (done -= PAGE));
	return false;
}

/* Sees to it that the next operations find a slot: doubles the array in good time. Pages come
 * from the beginning of an extent here, which takes no slot. */
static bool slots_reserve(void)
{
	u32 max = free_memory.max * 2;
	u64 pa;

	if (free_memory.count + 8 < free_memory.max)
		return true;
	if (!extents_take_low(&free_memory, align_up(max * sizeof(struct extent), PAGE), PAGE, &pa))
		return false;
	if (!map_range(pa, align_up(max * sizeof(struct extent), PAGE)))
		return false;
	common_bytes += align_up(max * sizeof(struct extent), PAGE);
	memcpy(common_va(pa), free_memory.slot, free_memory.count * sizeof(struct extent));
	/* The former array is not given back: all of them together are smaller than this one. */
	free_memory.slot = common_va(pa);
	free_memory.max = max;
	return true;
}

u64 memory_take(u64 size, u64 align)
{
	u64 pa = MEMORY_NONE;

	lock_take(&lock);
	if (!slots_reserve() || !extents_take_low(&free_memory, size, align, &pa))
		pa = MEMORY_NONE;
	lock_drop(&lock);
	return pa;
}

u64 memory_take_most(u64 want, u64 align, u64 *pa)
{
	u64 got = 0;

	lock_take(&lock);
	if (slots_reserve())
		got = extents_take_most(&free_memory, want, align, pa);
	lock_drop(&lock);
	return got;
}

void memory_give(u64 pa, u64 size)
{
	lock_take(&lock);
	slots_reserve();
	/* Eight were kept for the case that memory was too short to grow the array. */
	host_assert(free_memory.count < free_memory.max);
	extents_add(&free_memory, pa, size);
	lock_drop(&lock);
}

void memory_count_own(s64 bytes)
{
	lock_take(&lock);
	common_bytes += (u64)bytes;
	lock_drop(&lock);
}

void *common_pages_alloc(u64 size)
{
	/* The root of a guest's second stage has to be aligned so ("Guest Physical Address
	 * Translation"); nothing else asks for such a size. */
	u64 align = size == PTE_X4_ROOT_SIZE ? PTE_X4_ROOT_SIZE : PAGE;
	void *va = NULL;
	u64 pa;

	lock_take(&lock);
	if (slots_reserve() && extents_take_low(&free_memory, size, align, &pa)) {
		if (map_range(pa, size)) {
			common_bytes += size;
			va = common_va(pa);
		} else {
			extents_add(&free_memory, pa, size);
		}
	}
	lock_drop(&lock);
	if (va)
		memset(va, 0, size);
	return va;
}

void common_pages_free(void *va, u64 size)
{
	u64 pa = common_pa(va);

	lock_take(&lock);
	for (u64 done = 0; done < size; done += PAGE)
		common_unmap(pa + done);
	common_bytes -= size;
	lock_drop(&lock);
	/* No hart may reach them when they become somebody else's. */
	fence_common((u64)(uintptr_t)va, size);
	memory_give(pa, size);
}

/* ---- What the operator asks */

u64 host_ram_free_bytes(void)
{
	return __atomic_load_n(&free_memory.bytes, __ATOMIC_RELAXED);
}

void bare_memory_get(struct bare_memory *m)
{
	lock_take(&lock);
	m->image = (u64)(image_end - image_start);
	m->common = common_bytes;
	m->free = free_memory.bytes;
	m->lent = total_bytes - m->common - m->free;
	lock_drop(&lock);
}

/* ---- Boot */

static void find_base(u64 base, u64 size unused)
{
	ram_base = min_u64(ram_base, align_down(base, GIB));
}

/* Every range takes a slot only until the neighbours join: 64 are plenty for a machine's
 * tree, and what does not fit is left unused. */
static void add_range(u64 base, u64 size)
{
	u64 from = align_up(base, PAGE), to = align_down(base + size, PAGE);

	to = min_u64(to, ram_base + RAM_SPAN_MAX);
	if (from < to && free_memory.count + 1 < free_memory.max)
		extents_add(&free_memory, from, to - from);
}

static void cut_range(u64 base, u64 size)
{
	u64 from = align_down(base, PAGE), to = align_up(base + size, PAGE);

	host_assert(free_memory.count + 1 < free_memory.max);
	extents_cut(&free_memory, from, to - from);
}

/* All tables at the level below the root exist from the beginning, so that every space's root
 * has the same upper half for ever. */
static void make_level1(u64 pa)
{
	u64 *slot = &boot_root[pte_index(COMMON_BASE + (pa - ram_base), 2)];
	void *page;

	if (*slot & PTE_V)
		return;
	page = common_pages_alloc(PAGE);
	host_assert(page);
	*slot = pte_make(common_pa(page), PTE_V);
}

static void make_level1s(u64 base, u64 size)
{
	for (u64 at = align_down(base, GIB); at < base + size; at += GIB)
		if (at - ram_base < RAM_SPAN_MAX)
			make_level1(at);
}

static void make_fixed_level1(u64 va)
{
	void *page = common_pages_alloc(PAGE);

	host_assert(page);
	boot_root[pte_index(va, 2)] = pte_make(common_pa(page), PTE_V);
}

void memory_init(const struct tree *t, u64 image, u64 fdt)
{
	u64 start, end, lowest;

	extents_init(&free_memory, first_slots, SLOTS_FIRST);
	ram_base = ~0ul;
	tree_memory(t, find_base);
	tree_memory(t, add_range);
	tree_reserved(t, cut_range);
	cut_range(image, (u64)(image_end - image_start));
	cut_range(fdt, fdt_totalsize(t->fdt));
	if (tree_initrd(t, &start, &end))
		cut_range(start, end - start);
	if (!free_memory.count)
		host_panic("the device tree names no usable memory");
	total_bytes = free_memory.bytes;
	lowest = free_memory.slot[0].base;
	boot_root[pte_index(COMMON_BASE + (lowest - ram_base), 2)] =
		pte_make(common_pa(first_level1), PTE_V);
	fence_local();
	make_fixed_level1(STACKS_BASE);
	tree_memory(t, make_level1s);
	fence_local();
}
