#include "engine/classic/shadow.h"

#include <string.h>

#include "engine/classic/shadow_tree.h"

/* A fill may need a root, the tables to its leaf, and those to the gate in a slot that becomes
 * the root's own. */
#define FILL_TABLES(levels) (2 * (levels) - 1)

/* ---- Hints */

static unsigned context_index(const struct shadow *s, const struct shadow_context *c)
{
	return (unsigned)(c - s->contexts);
}

static u8 *hint_of(struct shadow *s, u64 va)
{
	return (u8 *)s->hints + ((va >> PTE_PAGE_SHIFT ^ va >> 24) & (SHADOW_HINTS - 1));
}

/* The context gets a page at va. Not @single: a fence elsewhere may mean it as well. */
static void hint_set(struct shadow *s, const struct shadow_context *c, u64 va, bool single)
{
	u8 *hint = single ? hint_of(s, va) : &s->unhinted;

	*hint |= (u8)(1u << context_index(s, c));
}

static void hints_clear(struct shadow *s, const struct shadow_context *c)
{
	u8 bit = (u8)(1u << context_index(s, c));
	u64 others = ~(0x0101010101010101ul * bit);

	for (unsigned i = 0; i < ARRAY_SIZE(s->hints); i++)
		s->hints[i] &= others;
	s->unhinted &= (u8)~bit;
}

/* ---- Contexts */

static void context_discard(struct shadow *s, struct shadow_context *c)
{
	if (!c->used)
		return;
	for (unsigned i = 0; i < SHADOW_VIEWS; i++) {
		if (!c->satp[i])
			continue;
		shadow_tree_fini(s, &c->views[i]);
		shadow_tree_flush(s, &c->views[i]);
		c->satp[i] = 0;
	}
	hints_clear(s, c);
	c->used = 0;
}

/* The context in use whose last use is the longest ago; NULL if there is only the current one. */
static struct shadow_context *context_oldest(struct shadow *s)
{
	struct shadow_context *oldest = NULL;

	for (struct shadow_context *c = s->contexts; c < s->contexts + SHADOW_CONTEXTS; c++)
		if (c->used && c != s->current && (!oldest || c->used < oldest->used))
			oldest = c;
	return oldest;
}

static struct shadow_context *context_find(struct shadow *s, u64 satp)
{
	struct shadow_context *unused_one = NULL;

	for (struct shadow_context *c = s->contexts; c < s->contexts + SHADOW_CONTEXTS; c++) {
		if (c->used && c->guest == satp)
			return c;
		if (!c->used)
			unused_one = c;
	}
	if (!unused_one) {
		unused_one = context_oldest(s);
		context_discard(s, unused_one);
	}
	unused_one->guest = satp;
	return unused_one;
}

static bool context_has_asid(const struct shadow_context *c, unsigned asid)
{
	return c->used && (c->guest & SATP_ASID) >> SATP_ASID_SHIFT == asid;
}

/* Sees to it that @count tables are free. Ends: all but the tops and the gate can be dropped, and
 * SHADOW_TABLES_MIN allows for that. */
static void tables_reserve(struct shadow *s, unsigned count)
{
	while (s->free_count < count) {
		struct shadow_context *oldest = context_oldest(s);

		if (shadow_table_grow(s))
			continue;
		if (oldest)
			context_discard(s, oldest);
		else
			shadow_drop_all(s);
	}
}

u64 shadow_root_make(struct shadow *s, enum shadow_view view)
{
	struct shadow_context *c = s->current;
	struct shadow_tree *tree = &c->views[view];

	tables_reserve(s, 1);
	tree->top = shadow_table_take(s);
	tree->entries = tree->top->entries;
	memcpy(tree->entries, s->globals[tree->kind].entries, PTE_PAGE_SIZE);
	c->satp[view] = (u64)s->form << SATP_MODE_SHIFT | (u64)tree->asid << SATP_ASID_SHIFT |
			host_pa(tree->entries) >> PTE_PAGE_SHIFT;
	return c->satp[view];
}

/* Begins anew in a mode, without any context. */
static void shadow_start(struct shadow *s, unsigned mode)
{
	for (unsigned i = 0; i < SHADOW_CONTEXTS; i++)
		context_discard(s, &s->contexts[i]);
	for (unsigned i = 0; i < SHADOW_KINDS; i++)
		shadow_tree_clear(s, &s->globals[i]);
	s->mode = mode;
	s->form = pte_levels(mode) ? mode : SATP_MODE_SV39;
	s->levels = pte_levels(s->form);
	for (unsigned i = 0; i < SHADOW_KINDS; i++)
		shadow_tree_put_gate(s, &s->globals[i]);
}

void shadow_switch(struct shadow *s, u64 satp)
{
	unsigned mode = (unsigned)(satp >> SATP_MODE_SHIFT);

	if (s->current->guest == satp)
		return;
	if (mode != s->mode)
		shadow_start(s, mode);
	s->current = context_find(s, satp);
	s->current->used = ++s->switches;
}

/* ---- Creation */

static void views_init(struct shadow *s)
{
	for (unsigned i = 0; i < SHADOW_ASIDS; i++) {
		s->views[i].asid = s->asid ? s->asid + i : 0;
		s->views[i].kind = i % SHADOW_VIEWS == SHADOW_U ? SHADOW_KIND_U : SHADOW_KIND_S;
	}
	for (unsigned i = 0; i < SHADOW_CONTEXTS; i++)
		s->contexts[i].views = &s->views[i * SHADOW_VIEWS];
	for (unsigned i = 0; i < SHADOW_KINDS; i++) {
		struct shadow_tree *tree = &s->globals[i];

		tree->kind = (u8)i;
		tree->shared = true;
		tree->top = shadow_table_take(s);
		tree->entries = tree->top->entries;
	}
}

static bool tables_init(struct shadow *s, unsigned tables_max)
{
	host_assert(tables_max >= SHADOW_TABLES_MIN);
	s->tables_max = tables_max;
	s->pool = host_alloc(tables_max * sizeof(*s->pool), s->payer);
	if (!s->pool)
		return false;
	while (s->tables < SHADOW_TABLES_MIN)
		if (!shadow_table_grow(s))
			return false;
	return true;
}

struct shadow *shadow_create(const struct shadow_flush *flush, unsigned asid, u64 code, u64 data,
			     unsigned tables_max, struct host_account *payer)
{
	struct shadow *s = host_alloc(sizeof(*s), payer);

	if (!s)
		return NULL;
	s->flush = flush;
	s->payer = payer;
	s->asid = asid;
	s->code = code;
	s->data = data;
	if (!tables_init(s, tables_max)) {
		shadow_destroy(s);
		return NULL;
	}
	views_init(s);
	shadow_start(s, SATP_MODE_BARE);
	s->current = &s->contexts[0];
	s->current->used = ++s->switches;
	return s;
}

void shadow_destroy(struct shadow *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->tables; i++)
		host_free(s->pool[i].entries, PTE_PAGE_SIZE, s->payer);
	host_free(s->pool, s->tables_max * sizeof(*s->pool), s->payer);
	host_free(s, sizeof(*s), s->payer);
}

/* ---- Translations */

/* The largest entry within the page that leaves the gate its place. */
static unsigned page_level(const struct shadow *s, const struct shadow_page *page)
{
	unsigned level = s->levels - 1;

	while (level && (pte_level_size(level) > page->size ||
			 (s64)page->va >> pte_level_shift(level) == -1))
		level--;
	return level;
}

/* The level whose entries are as large as the guest's page, or larger; the root's at most. */
static unsigned page_span(const struct shadow *s, const struct shadow_page *page, unsigned level)
{
	u64 span = max_u64(page->size, page->span);

	while (level + 1 < s->levels && pte_level_size(level) < span)
		level++;
	return level;
}

/* Where a page belongs: among the global ones, if its slot leads there. */
static struct shadow_tree *page_tree(struct shadow *s, struct shadow_tree *root,
				     const struct shadow_page *page)
{
	unsigned slot = shadow_slot(s, page->va);

	if (!shadow_tree_owns(root, slot)) {
		if (page->global)
			return &s->globals[root->kind];
		shadow_tree_own(s, root, slot);
	}
	return root;
}

bool shadow_fill(struct shadow *s, enum shadow_view view, const struct shadow_page *page)
{
	unsigned level = page_level(s, page), span = page_span(s, page, level);
	u64 va = align_down(page->va, pte_level_size(level));
	u64 pa = page->pa + (va & (page->size - 1));
	struct shadow_tree *tree;

	host_assert(page->flags & (PTE_R | PTE_X));
	if (!pte_va_is_canonical(s->form, va) || shadow_is_gate(s, va))
		return false;
	tables_reserve(s, FILL_TABLES(s->levels));
	shadow_satp(s, view);
	tree = page_tree(s, &s->current->views[view], page);
	if (!tree->shared)
		hint_set(s, s->current, va, !span);
	shadow_tree_enter(s, tree, va, level, span,
			  shadow_leaf(pa, page->flags));
	return true;
}

bool shadow_fill_hot(struct shadow *s, enum shadow_view view, u64 va, u64 leaf, bool global,
		     bool piece)
{
	struct shadow_tree *root = &s->current->views[view], *tree = root;
	u64 old, *pte;

	if (!shadow_tree_owns(root, shadow_slot(s, va)) && global)
		tree = &s->globals[root->kind];
	if (s->hot_tree != tree || s->hot_part != va >> pte_level_shift(1) ||
	    (piece && !s->hot_pieces))
		return false;
	pte = &s->hot[pte_index(va, 0)];
	old = *pte;
	*pte = leaf;
	if (tree == root)
		hint_set(s, s->current, va, !piece);
	if (old)
		shadow_tree_flush_page(s, tree, va);
	return true;
}

u64 shadow_lookup(const struct shadow *s, enum shadow_view view, u64 va, u64 *size)
{
	const struct shadow_tree *root = &s->current->views[view];
	unsigned level = s->levels - 1;
	u64 pte = 0;

	/* What an empty root begins with. */
	if (!root->entries)
		root = &s->globals[root->kind];
	if (pte_va_is_canonical(s->form, va))
		pte = shadow_tree_find(s, root, va, &level);
	*size = pte_level_size(level);
	return pte;
}

/* ---- The gate */

static void trees_with_gate(struct shadow *s, void (*fn)(struct shadow *, struct shadow_tree *))
{
	for (unsigned i = 0; i < SHADOW_KINDS; i++)
		fn(s, &s->globals[i]);
	for (unsigned i = 0; i < SHADOW_ASIDS; i++)
		if (s->views[i].entries && shadow_tree_owns(&s->views[i], PTE_TABLE_ENTRIES - 1))
			fn(s, &s->views[i]);
}

void shadow_move_gate(struct shadow *s)
{
	trees_with_gate(s, shadow_tree_take_gate);
	s->gate = (s->gate + 1) % SHADOW_GATES;
	trees_with_gate(s, shadow_tree_put_gate);
	for (unsigned i = 0; i < SHADOW_ASIDS; i++)
		if (s->views[i].entries)
			shadow_tree_flush(s, &s->views[i]);
}

/* ---- Fences */

void shadow_drop_all(struct shadow *s)
{
	struct shadow_context *c = s->current;

	for (unsigned i = 0; i < SHADOW_CONTEXTS; i++)
		if (&s->contexts[i] != c)
			context_discard(s, &s->contexts[i]);
	for (unsigned i = 0; i < SHADOW_VIEWS; i++)
		if (c->views[i].entries)
			shadow_tree_clear(s, &c->views[i]);
	for (unsigned i = 0; i < SHADOW_KINDS; i++)
		shadow_tree_clear(s, &s->globals[i]);
	for (unsigned i = 0; i < SHADOW_VIEWS; i++)
		if (c->views[i].entries)
			shadow_tree_flush(s, &c->views[i]);
	for (unsigned i = 0; i < SHADOW_KINDS; i++)
		shadow_tree_put_gate(s, &s->globals[i]);
	hints_clear(s, c);
}

static void context_empty(struct shadow *s, struct shadow_context *c)
{
	bool any = false;

	for (unsigned i = 0; i < SHADOW_VIEWS; i++)
		any |= shadow_tree_empty(s, &c->views[i]);
	if (any)
		hints_clear(s, c);
}

void shadow_drop_asid(struct shadow *s, unsigned asid)
{
	for (unsigned i = 0; i < SHADOW_CONTEXTS; i++)
		if (context_has_asid(&s->contexts[i], asid))
			context_empty(s, &s->contexts[i]);
}

static void context_drop_page(struct shadow *s, struct shadow_context *c, u64 va)
{
	for (unsigned i = 0; i < SHADOW_VIEWS; i++)
		if (shadow_tree_owns(&c->views[i], shadow_slot(s, va)))
			shadow_tree_drop(s, &c->views[i], va);
}

/* The contexts that may have a page of their own at va, a bit for each. */
static unsigned contexts_at(struct shadow *s, u64 va)
{
	return *hint_of(s, va) | s->unhinted;
}

/* Addresses that are not canonical are nobody's; the same bits further down would name others'. */
void shadow_drop_page(struct shadow *s, u64 va)
{
	if (!pte_va_is_canonical(s->form, va))
		return;
	for (unsigned i = 0; i < SHADOW_KINDS; i++)
		if (s->globals[i].entries[shadow_slot(s, va)])
			shadow_tree_drop(s, &s->globals[i], va);
	for (unsigned i = 0, at = contexts_at(s, va); at; i++, at >>= 1)
		if (at & 1)
			context_drop_page(s, &s->contexts[i], va);
}

void shadow_drop_page_asid(struct shadow *s, u64 va, unsigned asid)
{
	if (!pte_va_is_canonical(s->form, va))
		return;
	for (unsigned i = 0, at = contexts_at(s, va); at; i++, at >>= 1)
		if (at & 1 && context_has_asid(&s->contexts[i], asid))
			context_drop_page(s, &s->contexts[i], va);
}
