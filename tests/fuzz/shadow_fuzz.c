/*
 * Shadow page tables under random fills, fences and switches, against a list of what was filled and
 * not fenced since. A hart is played that forgets only what it is told to: neither what it
 * remembers nor what it can find may be anything else, and it must find what was filled last.
 */
#include <string.h>

#include "engine/classic/shadow.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define require(condition) ((condition) ? (void)0 : __builtin_trap())

enum {
	FILLS_MAX = 96,
	LEAVES_MAX = 48,
	TABLES_MAX = 24,
	OPS_MAX = 256,
	ASID_BASE = 8,
};

#define CODE 0x7000ul
#define DATA 0x9000ul

/* What the guest's tables would say: filled, and not fenced since. */
struct fill {
	u64 satp;
	enum shadow_view view;
	u64 span; /* of the guest's page */
	struct shadow_page page; /* va is its first byte */
};

/* What the hart remembers: a leaf and the page that it was used for, or where a table is. */
struct memo {
	unsigned asid;
	u64 va, pte;
	unsigned level;
};

static struct {
	struct shadow *s;
	u64 satp;
	struct fill fills[FILLS_MAX];
	unsigned fill_count;
	struct memo leaves[LEAVES_MAX], tables[TABLES_MAX];
	unsigned leaf_count, table_count;
} fuzz;

static const u8 *input;
static size_t input_left;

static u8 input_byte(void)
{
	if (!input_left)
		return 0;
	input_left--;
	return *input++;
}

/* ---- The hart */

static void memo_remove(struct memo *memos, unsigned *count, unsigned i)
{
	memos[i] = memos[--*count];
}

static void hart_forget_page(u64 va, unsigned asid)
{
	for (unsigned i = fuzz.leaf_count; i-- > 0;) {
		struct memo *m = &fuzz.leaves[i];

		if (m->asid == asid && (m->va ^ va) < pte_level_size(m->level))
			memo_remove(fuzz.leaves, &fuzz.leaf_count, i);
	}
}

static void hart_forget_everywhere(u64 va)
{
	for (unsigned i = fuzz.leaf_count; i-- > 0;)
		if ((fuzz.leaves[i].va ^ va) < pte_level_size(fuzz.leaves[i].level))
			memo_remove(fuzz.leaves, &fuzz.leaf_count, i);
}

static void hart_forget_root(unsigned asid)
{
	for (unsigned i = fuzz.leaf_count; i-- > 0;)
		if (fuzz.leaves[i].asid == asid)
			memo_remove(fuzz.leaves, &fuzz.leaf_count, i);
	for (unsigned i = fuzz.table_count; i-- > 0;)
		if (fuzz.tables[i].asid == asid)
			memo_remove(fuzz.tables, &fuzz.table_count, i);
}

static const struct shadow_flush flush = {
	hart_forget_page, hart_forget_everywhere, hart_forget_root
};

static void hart_remember(struct memo *memos, unsigned *count, unsigned max, struct memo memo)
{
	if (*count < max)
		memos[(*count)++] = memo;
	else
		memos[memo.pte % 7919 % max] = memo;
}

/* An entry as the specification wants it, and as the header promises. */
static void check_entry(u64 pte, unsigned level)
{
	require(!(pte & (PTE_G | PTE_RESERVED | PTE_N)));
	if (!pte_is_leaf(pte)) {
		require(level && !(pte & (PTE_A | PTE_D | PTE_U | PTE_PBMT)));
		return;
	}
	require((pte & PTE_A) && (pte & PTE_D) && (pte & (PTE_R | PTE_W)) != PTE_W);
	require(is_aligned(pte_address(pte), pte_level_size(level)));
}

/* The leaf for va below a table whose entries are of *level, or 0. */
static u64 hart_walk(u64 table, u64 va, unsigned *level, unsigned remember_for)
{
	for (;; (*level)--) {
		const u64 *entries = host_va(table);
		u64 pte = entries[pte_index(va, *level)];

		if (!(pte & PTE_V))
			return 0;
		check_entry(pte, *level);
		if (pte_is_leaf(pte))
			return pte;
		table = pte_address(pte);
		if (remember_for)
			hart_remember(fuzz.tables, &fuzz.table_count, TABLES_MAX,
				      (struct memo){ remember_for, va, pte, *level - 1 });
	}
}

static u64 hart_access(enum shadow_view view, u64 va, unsigned *level)
{
	u64 satp = shadow_satp(fuzz.s, view);
	unsigned mode = (unsigned)(satp >> SATP_MODE_SHIFT);
	unsigned asid = (unsigned)((satp & SATP_ASID) >> SATP_ASID_SHIFT);
	u64 pte;

	if (!pte_va_is_canonical(mode, va))
		return 0;
	*level = pte_levels(mode) - 1;
	pte = hart_walk((satp & SATP_PPN) << PTE_PAGE_SHIFT, va, level, asid);
	if (pte)
		hart_remember(fuzz.leaves, &fuzz.leaf_count, LEAVES_MAX,
			      (struct memo){ asid, va, pte, *level });
	return pte;
}

/* ---- What it may find */

static bool fill_covers(const struct fill *f, u64 va, u64 pte, unsigned level)
{
	u64 pa = pte_address(pte) + (va & (pte_level_size(level) - 1));

	return va - f->page.va < f->page.size && pa == f->page.pa + (va - f->page.va) &&
	       (pte & (PTE_R | PTE_W | PTE_X | PTE_PBMT)) == f->page.flags;
}

static bool is_gate(u64 va, u64 pte, unsigned level)
{
	u64 flags = PTE_V | PTE_A | PTE_D | PTE_R;

	if (level || !shadow_is_gate(fuzz.s, va))
		return false;
	if (va - SHADOW_GATE_VA(shadow_gate(fuzz.s)) < PTE_PAGE_SIZE)
		return pte == pte_make(CODE, flags | PTE_X);
	return pte == pte_make(DATA, flags | PTE_W);
}

static void check_leaf(unsigned asid, u64 va, u64 pte, unsigned level)
{
	unsigned root = asid - ASID_BASE;
	enum shadow_view view = root % SHADOW_VIEWS;
	const struct shadow_context *c = &fuzz.s->contexts[root / SHADOW_VIEWS];

	require(c->used);
	if (!(pte & PTE_U)) {
		require(is_gate(va, pte, level));
		return;
	}
	for (unsigned i = 0; i < fuzz.fill_count; i++) {
		const struct fill *f = &fuzz.fills[i];
		bool here = f->page.global ? (f->view == SHADOW_U) == (view == SHADOW_U)
					   : f->view == view && f->satp == c->guest;

		if (here && fill_covers(f, va, pte, level))
			return;
	}
	require(false);
}

static void check_memory(void)
{
	for (unsigned i = 0; i < fuzz.leaf_count; i++) {
		const struct memo *m = &fuzz.leaves[i];

		check_leaf(m->asid, m->va, m->pte, m->level);
	}
	for (unsigned i = 0; i < fuzz.table_count; i++) {
		const struct memo *m = &fuzz.tables[i];
		unsigned level = m->level;
		u64 pte = hart_walk(pte_address(m->pte), m->va, &level, 0);

		if (pte)
			check_leaf(m->asid, m->va, pte, level);
	}
}

static unsigned table_list_length(const struct shadow_table *t)
{
	unsigned n = 0;

	for (; t; t = t->next)
		n++;
	return n;
}

/* Every table is free or in exactly one tree. */
static void check_tables(void)
{
	const struct shadow *s = fuzz.s;
	unsigned n = table_list_length(s->free);

	require(n == s->free_count && s->tables <= s->tables_max);
	for (unsigned i = 0; i < SHADOW_KINDS; i++)
		n += 1 + table_list_length(s->globals[i].tables);
	for (unsigned i = 0; i < SHADOW_ASIDS; i++)
		if (s->views[i].entries)
			n += 1 + table_list_length(s->views[i].tables);
	require(n == s->tables);
}

/* ---- What the guest does */

static u64 take_va(void)
{
	static const u64 bases[] = {
		0, 0x200000, 0x40000000, 1ul << 37, 0ul - 2 * GIB, 0ul - GIB, 0ul - 0x200000,
		0ul - 0x14000, 0ul - 0x4000, 1ul << 47, 0x40200000,
	};
	u8 b = input_byte();

	return bases[b % ARRAY_SIZE(bases)] + (u64)(input_byte() % 32) * 0x1000 + (b & 0xf0);
}

static u64 take_size(u8 choice)
{
	static const u64 sizes[] = { 0x1000, 0x1000, 0x10000, 0x200000, 0x200000, GIB, 512 * GIB };

	return min_u64(sizes[choice % ARRAY_SIZE(sizes)], pte_level_size(fuzz.s->levels - 1));
}

/* Every leaf that the hart remembers of the page must be the new one. */
static void check_filled(const struct fill *f, u64 va)
{
	unsigned level, asid;
	u64 satp, size, pte = hart_access(f->view, va, &level);

	require(pte && fill_covers(f, va, pte, level));
	require(pte == shadow_lookup(fuzz.s, f->view, va, &size) && size == pte_level_size(level));
	satp = shadow_satp(fuzz.s, f->view);
	asid = (unsigned)((satp & SATP_ASID) >> SATP_ASID_SHIFT);
	for (unsigned i = 0; i < fuzz.leaf_count; i++) {
		const struct memo *m = &fuzz.leaves[i];

		if (m->asid == asid && (m->va ^ va) < size)
			require(m->pte == pte);
	}
}

static void do_fill(void)
{
	static const u64 rights[] = { PTE_R, PTE_R | PTE_W, PTE_X, PTE_R | PTE_X,
				      PTE_R | PTE_W | PTE_X | PTE_PBMT_NC };
	u8 how = input_byte(), what = input_byte();
	u64 va = take_va(), size = take_size(how >> 3);
	struct fill f = {
		.satp = fuzz.satp,
		.view = how % SHADOW_VIEWS,
		.span = max_u64(size, take_size(what)),
		.page = {
			.va = va,
			.pa = (u64)(what & 3) << 40,
			.size = size,
			.flags = rights[(what >> 2) % ARRAY_SIZE(rights)],
			.global = what & 0x80,
		},
	};

	if (fuzz.fill_count == FILLS_MAX)
		return;
	f.page.span = f.span > size ? f.span : 0;
	if (!shadow_fill(fuzz.s, f.view, &f.page)) {
		require(shadow_is_gate(fuzz.s, va) || !pte_va_is_canonical(fuzz.s->form, va));
		return;
	}
	f.page.va = align_down(va, size);
	fuzz.fills[fuzz.fill_count++] = f;
	check_filled(&f, va);
}

static void do_switch(void)
{
	u8 b = input_byte();
	u64 mode = SATP_MODE_SV39;

	if (b >= 0xf8)
		mode = b & 4 ? SATP_MODE_BARE : SATP_MODE_SV39 + b % 4 % 3;
	else if (fuzz.satp >> SATP_MODE_SHIFT)
		mode = fuzz.satp >> SATP_MODE_SHIFT;
	if (mode != fuzz.satp >> SATP_MODE_SHIFT)
		fuzz.fill_count = 0;
	fuzz.satp = mode << SATP_MODE_SHIFT | (u64)(b & 3) << SATP_ASID_SHIFT | (b >> 2 & 3);
	shadow_switch(fuzz.s, fuzz.satp);
}

/* Strikes out what a fence is for: @asid and @va if they are not NULL. */
static void strike_out(const unsigned *asid, const u64 *va)
{
	for (unsigned i = fuzz.fill_count; i-- > 0;) {
		const struct fill *f = &fuzz.fills[i];

		if (asid && (f->page.global || (f->satp & SATP_ASID) >> SATP_ASID_SHIFT != *asid))
			continue;
		if (va && align_down(*va, f->span) != align_down(f->page.va, f->span))
			continue;
		fuzz.fills[i] = fuzz.fills[--fuzz.fill_count];
	}
}

static void do_fence(void)
{
	u8 b = input_byte();
	unsigned asid = b & 3;
	u64 va;

	if (b & 4) {
		va = take_va();
		if (b & 8)
			shadow_drop_page_asid(fuzz.s, va, asid);
		else
			shadow_drop_page(fuzz.s, va);
		strike_out(b & 8 ? &asid : NULL, &va);
	} else if (b & 8) {
		shadow_drop_asid(fuzz.s, asid);
		strike_out(&asid, NULL);
	} else if (b & 0x10) {
		shadow_drop_all(fuzz.s);
		strike_out(NULL, NULL);
	}
}

static void do_access(void)
{
	enum shadow_view view = input_byte() % SHADOW_VIEWS;
	unsigned level;

	hart_access(view, take_va(), &level);
}

/* The gate can always be found, and nothing of the guest in its place. */
static void check_gate(void)
{
	u64 va = SHADOW_GATE_VA(shadow_gate(fuzz.s));

	for (enum shadow_view view = 0; view < SHADOW_VIEWS; view++) {
		unsigned level;

		require(is_gate(va, hart_access(view, va, &level), 0) && !level);
		require(is_gate(va + PTE_PAGE_SIZE, hart_access(view, va + PTE_PAGE_SIZE, &level), 0));
	}
}

static void do_gate(void)
{
	if (input_byte() & 1)
		shadow_move_gate(fuzz.s);
	check_gate();
}

static void do_one(void)
{
	static void (*const ops[])(void) = {
		do_fill,  do_fill,  do_fill,  do_fill,   do_fill,   do_access, do_access, do_switch,
		do_fence, do_fence, do_fence, do_switch, do_switch, do_access, do_access, do_gate,
	};

	ops[input_byte() % ARRAY_SIZE(ops)]();
	check_memory();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct host_account account = { 0 };
	u8 limits;

	memset(&fuzz, 0, sizeof(fuzz));
	input = data;
	input_left = size;
	limits = input_byte();
	fuzz.s = shadow_create(&flush, ASID_BASE, CODE, DATA, SHADOW_TABLES_MIN + limits % 64,
			       &account);
	require(fuzz.s);
	if (limits & 0x80)
		account.limit = account.used + (limits & 7) * PTE_PAGE_SIZE;
	for (unsigned i = 0; i < OPS_MAX && input_left; i++)
		do_one();
	check_gate();
	check_tables();
	shadow_destroy(fuzz.s);
	require(!account.used);
	return 0;
}
