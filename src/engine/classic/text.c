#include "engine/classic/text.h"

#include <errno.h>
#include <string.h>

#include "lib/lock.h"
#include "riscv/insn.h"
#include "riscv/pte.h"

#define PAGE PTE_PAGE_SIZE
#define SLICE 256ul /* bytes that are copied while the lock is held */

/* ---- What is known of memory, for each 2 MiB */

#define CHUNK_SHIFT 21
#define CHUNK_SIZE (1ul << CHUNK_SHIFT)
#define CHUNK_PAGES (CHUNK_SIZE / PAGE)

struct chunk {
	/* Bitmaps of pages that may be mapped writable: one is written to, and one is being
	 * forgotten. All zero unless noted. */
	u64 writable[2][CHUNK_PAGES / 64];
	bool noted[2];
	u16 pages; /* that have copies */
};

/* Whole chunks, each in one region only. */
struct region {
	u64 first, count; /* chunks, by number */
	struct chunk *chunks;
};

enum page_state {
	PAGE_COMING,  /* being copied: not yet executed */
	PAGE_LIVE,
	PAGE_LEAVING, /* not mapped again, but perhaps still executed */
};

struct text_page {
	struct text_page *next; /* in its bucket */
	u64 gpa;
	u16 *original, *copy;
	u64 copy_pa;
	enum page_state state;
	u32 stores, patches;
	/* Parcels of the copy that are c.ebreak in place of others. All other parcels are as in
	 * the original, and no two patched instructions overlap. */
	u64 patched[TEXT_PARCELS / 64];
};

struct text {
	struct lock lock; /* of all that follows */
	u32 changes;      /* read without it */
	unsigned now;     /* the bitmap of a chunk that is written to */
	bool forgetting;
	struct text_stats stats;
	unsigned pages_max;
	/* A page is in the bucket that its number, times a number that no guest knows, begins with. */
	struct text_page **buckets;
	unsigned bucket_bits;
	u64 key;
	u64 swept; /* buckets before this one are empty: text_remove_any() */
	struct host_account *payer;
	unsigned region_count;
	struct region regions[TEXT_REGIONS]; /* sorted */
};

/* ---- Regions */

static struct chunk *chunk_of(struct text *t, u64 gpa)
{
	unsigned low = 0, high = t->region_count;
	u64 number = gpa >> CHUNK_SHIFT;

	while (low < high) {
		unsigned middle = (low + high) / 2;
		struct region *r = &t->regions[middle];

		if (number < r->first)
			high = middle;
		else if (number - r->first >= r->count)
			low = middle + 1;
		else
			return &r->chunks[number - r->first];
	}
	return NULL;
}

static void region_insert(struct text *t, const struct region *new)
{
	unsigned i = t->region_count++;

	for (; i && t->regions[i - 1].first > new->first; i--)
		t->regions[i] = t->regions[i - 1];
	t->regions[i] = *new;
}

static bool region_is_free(const struct text *t, const struct region *new)
{
	for (unsigned i = 0; i < t->region_count; i++)
		if (range_overlaps(t->regions[i].first, t->regions[i].count, new->first, new->count))
			return false;
	return true;
}

int text_region_add(struct text *t, u64 gpa, u64 size)
{
	u64 first = gpa >> CHUNK_SHIFT, end = ((gpa + size - 1) >> CHUNK_SHIFT) + 1;
	struct region r;

	if (!size)
		return 0;
	/* Neighbours may share a chunk; the one that came first has it. */
	if (chunk_of(t, first << CHUNK_SHIFT))
		first++;
	if (first < end && chunk_of(t, (end - 1) << CHUNK_SHIFT))
		end--;
	if (first == end)
		return 0;
	r = (struct region){ .first = first, .count = end - first };
	if (!region_is_free(t, &r))
		return -EEXIST;
	if (t->region_count == TEXT_REGIONS)
		return -ENOMEM;
	r.chunks = host_alloc(r.count * sizeof(*r.chunks), t->payer);
	if (!r.chunks)
		return -ENOMEM;
	region_insert(t, &r);
	return 0;
}

/* ---- Pages. From here on, functions that are static need the lock. */

static struct text_page **bucket_of(struct text *t, u64 gpa)
{
	return &t->buckets[(gpa >> PTE_PAGE_SHIFT) * t->key >> (64 - t->bucket_bits)];
}

static struct text_page *page_find(struct text *t, u64 gpa)
{
	struct text_page *p = *bucket_of(t, gpa);

	while (p && (p->gpa ^ gpa) >= PAGE)
		p = p->next;
	return p;
}

static bool page_is_writable(struct text *t, u64 gpa)
{
	const struct chunk *c = chunk_of(t, gpa);
	u64 n = gpa / PAGE % CHUNK_PAGES;

	return !c || (c->writable[0][n / 64] | c->writable[1][n / 64]) & BIT(n % 64);
}

static int page_insert(struct text *t, struct text_page *p)
{
	struct text_page **bucket = bucket_of(t, p->gpa);
	struct chunk *c = chunk_of(t, p->gpa);

	if (!c)
		return -EINVAL;
	if (page_find(t, p->gpa))
		return -EEXIST;
	if (page_is_writable(t, p->gpa))
		return -EBUSY;
	if (t->stats.pages == t->pages_max)
		return -ENOMEM;
	p->next = *bucket;
	*bucket = p;
	c->pages++;
	t->stats.pages++;
	return 0;
}

static void page_take(struct text *t, struct text_page *p)
{
	struct text_page **at = bucket_of(t, p->gpa);

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	chunk_of(t, p->gpa)->pages--;
	t->stats.pages--;
	t->stats.patches -= p->patches;
}

static void changed(struct text *t)
{
	__atomic_fetch_add(&t->changes, 1, __ATOMIC_SEQ_CST);
}

u32 text_changes(const struct text *t)
{
	return __atomic_load_n(&t->changes, __ATOMIC_ACQUIRE);
}

/* ---- Patches */

static unsigned parcel_of(u64 gpa)
{
	return (unsigned)(gpa % PAGE / 2);
}

static u16 parcel_read(const struct text_page *p, unsigned parcel)
{
	return __atomic_load_n(&p->original[parcel], __ATOMIC_RELAXED);
}

static bool page_is_patched(const struct text_page *p, u64 gpa)
{
	unsigned parcel = parcel_of(gpa);

	return p->patched[parcel / 64] >> parcel % 64 & 1;
}

static bool is_patched(struct text *t, u64 gpa)
{
	const struct text_page *p = page_find(t, gpa);

	return p && page_is_patched(p, gpa);
}

/* Turns the patch at gpa on or off: @step is 1 or -1. */
static void patch_set(struct text *t, struct text_page *p, u64 gpa, int step, u16 value)
{
	unsigned parcel = parcel_of(gpa);

	p->patched[parcel / 64] ^= BIT(parcel % 64);
	p->patches += (u32)step;
	t->stats.patches += (u32)step;
	__atomic_store_n(&p->copy[parcel], value, __ATOMIC_RELAXED);
}

static bool patch_take_back(struct text *t, struct text_page *p, u64 gpa)
{
	if (!p || !page_is_patched(p, gpa))
		return false;
	patch_set(t, p, gpa, -1, parcel_read(p, parcel_of(gpa)));
	t->stats.taken_back++;
	changed(t);
	return true;
}

/*
 * Takes back what a change of [gpa, gpa+size) makes wrong: patched instructions that it touches,
 * also if it is only their high parcel; and one right behind it, as the last parcel that changes
 * may become the beginning of an instruction that reaches into it.
 */
static void patches_take_back(struct text *t, u64 gpa, u64 size)
{
	u64 at = align_down(gpa, 2) - 2, parcels = (align_up(gpa + size, 2) + 2 - at) / 2;
	struct text_page *p = page_find(t, at);

	for (; parcels--; at += 2) {
		if (at % PAGE == 0)
			p = page_find(t, at);
		patch_take_back(t, p, at);
	}
}

bool text_patch(struct text *t, u64 gpa, u32 changes)
{
	struct text_page *p;
	bool done = false;

	lock_take(&t->lock);
	p = page_find(t, gpa);
	if (p && p->state == PAGE_LIVE && t->changes == changes) {
		done = page_is_patched(p, gpa);
		if (!done && insn_length(parcel_read(p, parcel_of(gpa))) == 4 &&
		    !is_patched(t, gpa - 2) && !is_patched(t, gpa + 2)) {
			patch_set(t, p, gpa, 1, TEXT_BREAK);
			done = true;
		}
	}
	lock_drop(&t->lock);
	return done;
}

bool text_unpatch(struct text *t, u64 gpa)
{
	bool done;

	lock_take(&t->lock);
	done = patch_take_back(t, page_find(t, gpa), gpa);
	lock_drop(&t->lock);
	return done;
}

bool text_breakpoint(struct text *t, u64 gpa, u32 *insn)
{
	unsigned parcel = parcel_of(gpa);
	struct text_page *p;
	bool patched;

	lock_take(&t->lock);
	p = page_find(t, gpa);
	patched = p && page_is_patched(p, gpa);
	if (patched) {
		*insn = parcel_read(p, parcel);
		if (parcel + 1 < TEXT_PARCELS)
			*insn |= (u32)parcel_read(p, parcel + 1) << 16;
	}
	lock_drop(&t->lock);
	return patched;
}

/* ---- Copies come and go */

/* Whole words, within a page that has no patch there. */
static void page_copy(struct text_page *p, u64 offset, u64 size)
{
	const u64 *from = (const u64 *)(const void *)((const u8 *)p->original + offset);
	u64 *to = (u64 *)(void *)((u8 *)p->copy + offset);

	for (u64 i = 0; i < size / 8; i++)
		__atomic_store_n(&to[i], __atomic_load_n(&from[i], __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
}

/* In slices. Stores that come meanwhile go to both pages, so that it does not matter which part
 * of the copy was there. */
static void page_begin(struct text *t, struct text_page *p)
{
	for (u64 offset = 0; offset < PAGE; offset += SLICE) {
		lock_take(&t->lock);
		page_copy(p, offset, SLICE);
		lock_drop(&t->lock);
	}
	lock_take(&t->lock);
	p->state = PAGE_LIVE;
	lock_drop(&t->lock);
}

int text_add(struct text *t, u64 gpa, u16 *original, u16 *copy, u64 copy_pa)
{
	struct text_page *p = host_alloc(sizeof(*p), t->payer);
	int err;

	if (!p)
		return -ENOMEM;
	p->gpa = align_down(gpa, PAGE);
	p->original = original;
	p->copy = copy;
	p->copy_pa = copy_pa;
	p->state = PAGE_COMING;
	lock_take(&t->lock);
	err = page_insert(t, p);
	lock_drop(&t->lock);
	if (err)
		host_free(p, sizeof(*p), t->payer);
	else
		page_begin(t, p);
	return err;
}

bool text_find(struct text *t, u64 gpa, struct text_page_info *info)
{
	const struct text_page *p;

	lock_take(&t->lock);
	p = page_find(t, gpa);
	if (p)
		*info = (struct text_page_info){
			.copy_pa = p->state == PAGE_LIVE ? p->copy_pa : 0,
			.stores = p->stores,
			.patches = p->patches,
		};
	lock_drop(&t->lock);
	return p;
}

bool text_leave(struct text *t, u64 gpa)
{
	struct text_page *p;
	bool leaves;

	lock_take(&t->lock);
	p = page_find(t, gpa);
	leaves = p && p->state == PAGE_LIVE;
	if (leaves) {
		p->state = PAGE_LEAVING;
		changed(t);
	}
	lock_drop(&t->lock);
	return leaves;
}

static void page_hand_over(struct text *t, struct text_page *p, struct text_copy *out)
{
	*out = (struct text_copy){ .gpa = p->gpa, .copy_pa = p->copy_pa, .copy = p->copy };
	host_free(p, sizeof(*p), t->payer);
}

bool text_remove(struct text *t, u64 gpa, struct text_copy *out)
{
	struct text_page *p;

	lock_take(&t->lock);
	p = page_find(t, gpa);
	if (p && p->state != PAGE_LEAVING)
		p = NULL;
	if (p) {
		page_take(t, p);
		changed(t);
	}
	lock_drop(&t->lock);
	if (!p)
		return false;
	page_hand_over(t, p, out);
	return true;
}

bool text_remove_any(struct text *t, struct text_copy *out)
{
	struct text_page *p;

	if (!t->stats.pages)
		return false;
	while (!t->buckets[t->swept])
		t->swept++;
	p = t->buckets[t->swept];
	page_take(t, p);
	page_hand_over(t, p, out);
	if (!t->stats.pages)
		t->swept = 0;
	return true;
}

/* ---- Ranges: piece by piece, each in one chunk */

static u64 piece_size(u64 gpa, u64 size)
{
	return min_u64(size, CHUNK_SIZE - gpa % CHUNK_SIZE);
}

static u64 pages_of(u64 gpa, u64 size)
{
	return (gpa % PAGE + size + PAGE - 1) / PAGE;
}

static bool piece_has_copy(struct text *t, u64 gpa, u64 size)
{
	const struct chunk *c = chunk_of(t, gpa);
	u64 pages = pages_of(gpa, size);

	if (!c || !c->pages)
		return false;
	if (pages == CHUNK_PAGES)
		return true;
	for (u64 i = 0; i < pages; i++)
		if (page_find(t, gpa + i * PAGE))
			return true;
	return false;
}

static void piece_note(struct text *t, u64 gpa, u64 size)
{
	struct chunk *c = chunk_of(t, gpa);
	u64 first = gpa / PAGE % CHUNK_PAGES, pages = pages_of(gpa, size);

	if (!c)
		return;
	c->noted[t->now] = true;
	if (pages == CHUNK_PAGES)
		memset(c->writable[t->now], 0xff, sizeof(c->writable[0]));
	else
		for (u64 n = first; n < first + pages; n++)
			c->writable[t->now][n / 64] |= BIT(n % 64);
}

bool text_any(struct text *t, u64 gpa, u64 size)
{
	bool any = false;

	if (!__atomic_load_n(&t->stats.pages, __ATOMIC_RELAXED))
		return false;
	while (size && !any) {
		u64 piece = piece_size(gpa, size);

		lock_take(&t->lock);
		any = piece_has_copy(t, gpa, piece);
		lock_drop(&t->lock);
		gpa += piece;
		size -= piece;
	}
	return any;
}

/* What a refusal leaves noted costs at most a fence. */
bool text_note_writable(struct text *t, u64 gpa, u64 size)
{
	bool ok = true;

	while (size && ok) {
		u64 piece = piece_size(gpa, size);

		lock_take(&t->lock);
		ok = !piece_has_copy(t, gpa, piece);
		if (ok)
			piece_note(t, gpa, piece);
		lock_drop(&t->lock);
		gpa += piece;
		size -= piece;
	}
	return ok;
}

bool text_was_writable(struct text *t, u64 gpa)
{
	bool writable;

	lock_take(&t->lock);
	writable = page_is_writable(t, gpa);
	lock_drop(&t->lock);
	return writable;
}

bool text_forget_begin(struct text *t)
{
	bool begun;

	lock_take(&t->lock);
	begun = !t->forgetting;
	if (begun) {
		t->forgetting = true;
		t->now ^= 1;
	}
	lock_drop(&t->lock);
	return begun;
}

/* Nobody else looks at noted[old] meanwhile. */
static void chunk_forget(struct text *t, struct chunk *c, unsigned old)
{
	if (!c->noted[old])
		return;
	lock_take(&t->lock);
	memset(c->writable[old], 0, sizeof(c->writable[old]));
	c->noted[old] = false;
	lock_drop(&t->lock);
}

void text_forget_end(struct text *t)
{
	unsigned old = t->now ^ 1;

	for (unsigned i = 0; i < t->region_count; i++)
		for (u64 n = 0; n < t->regions[i].count; n++)
			chunk_forget(t, &t->regions[i].chunks[n], old);
	lock_take(&t->lock);
	t->forgetting = false;
	lock_drop(&t->lock);
}

/* ---- Stores */

static void unit_store(u8 *at, u64 value, unsigned size)
{
	switch (size) {
	case 8:
		__atomic_store_n((u64 *)(void *)at, value, __ATOMIC_RELAXED);
		break;
	case 4:
		__atomic_store_n((u32 *)(void *)at, (u32)value, __ATOMIC_RELAXED);
		break;
	case 2:
		__atomic_store_n((u16 *)(void *)at, (u16)value, __ATOMIC_RELAXED);
		break;
	default:
		__atomic_store_n(at, (u8)value, __ATOMIC_RELAXED);
	}
}

/* In the largest parts that are naturally aligned. */
static void units_store(u8 *at, u64 value, unsigned size)
{
	while (size) {
		unsigned unit = 8;

		while (unit > size || !is_aligned((u64)(uintptr_t)at, unit))
			unit /= 2;
		unit_store(at, value, unit);
		at += unit;
		size -= unit;
		value = unit < 8 ? value >> 8 * unit : 0;
	}
}

/*
 * Within a page. The copy comes first: who sees the store and then does a fence.i must fetch what
 * was stored ("Zifencei").
 */
static unsigned page_store(struct text *t, u64 gpa, u64 value, unsigned size)
{
	struct text_page *p = page_find(t, gpa);

	if (!p)
		return 0;
	changed(t);
	t->stats.stores++;
	if (p->stores != ~0u)
		p->stores++;
	units_store((u8 *)p->copy + gpa % PAGE, value, size);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	units_store((u8 *)p->original + gpa % PAGE, value, size);
	return (1u << size) - 1;
}

unsigned text_store(struct text *t, u64 gpa, u64 value, unsigned size)
{
	unsigned here = (unsigned)min_u64(size, PAGE - gpa % PAGE), done;

	host_assert(size && size <= 8);
	lock_take(&t->lock);
	/* First the old text as it was, then the new one: never half a patch. */
	patches_take_back(t, gpa, size);
	done = page_store(t, gpa, value, here);
	if (here < size)
		done |= page_store(t, gpa + here, value >> 8 * here, size - here) << here;
	lock_drop(&t->lock);
	return done;
}

/* Whole words of one page. */
static void slice_refresh(struct text *t, u64 gpa, u64 size)
{
	struct text_page *p = page_find(t, gpa);

	patches_take_back(t, gpa, size);
	if (!p)
		return;
	changed(t);
	page_copy(p, gpa % PAGE, size);
}

void text_refresh(struct text *t, u64 gpa, u64 size)
{
	u64 first = align_down(gpa, 8), left = align_up(gpa + size, 8) - first;

	/* Who has just added a page has copied what was written, or is seen. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!size || !text_any(t, gpa, size))
		return;
	while (left) {
		u64 slice = min_u64(left, SLICE - first % SLICE);

		lock_take(&t->lock);
		slice_refresh(t, first, slice);
		lock_drop(&t->lock);
		first += slice;
		left -= slice;
	}
}

void text_stats(struct text *t, struct text_stats *out)
{
	lock_take(&t->lock);
	*out = t->stats;
	lock_drop(&t->lock);
}

/* ---- Creation */

struct text *text_create(unsigned pages_max, struct host_account *payer)
{
	struct text *t = host_alloc(sizeof(*t), payer);

	if (!t)
		return NULL;
	t->payer = payer;
	t->pages_max = pages_max;
	t->key = host_random() | 1;
	t->bucket_bits = 1;
	while (1u << t->bucket_bits < pages_max)
		t->bucket_bits++;
	t->buckets = host_alloc(sizeof(*t->buckets) << t->bucket_bits, payer);
	if (!t->buckets) {
		text_destroy(t);
		return NULL;
	}
	return t;
}

void text_destroy(struct text *t)
{
	if (!t)
		return;
	host_assert(!t->stats.pages);
	for (unsigned i = 0; i < t->region_count; i++)
		host_free(t->regions[i].chunks, t->regions[i].count * sizeof(struct chunk),
			  t->payer);
	host_free(t->buckets, sizeof(*t->buckets) << t->bucket_bits, t->payer);
	host_free(t, sizeof(*t), t->payer);
}
