#include "engine/classic/shadow_tree.h"

#include <string.h>

#include "lib/bits.h"

/* In an entry that leads to a table: below it are pieces of a page of the guest that is as large
 * as what the entry translates. One of the bits that are software's. */
#define PTE_SPLIT 0x100ul
/* The first entry of a table that is going to the free list; not valid. */
#define TABLE_DEAD 0x200ul

#define LEAF_FLAGS (PTE_V | PTE_A | PTE_D)

static u64 *pte_table(u64 pte)
{
	return host_va(pte_address(pte));
}

/* ---- Tables */

struct shadow_table *shadow_table_take(struct shadow *s)
{
	struct shadow_table *t = s->free;

	host_assert(t);
	s->free = t->next;
	s->free_count--;
	return t;
}

void shadow_table_put(struct shadow *s, struct shadow_table *t)
{
	s->hot_tree = NULL;
	t->next = s->free;
	s->free = t;
	s->free_count++;
}

bool shadow_table_grow(struct shadow *s)
{
	u64 *entries;

	if (s->tables == s->tables_max)
		return false;
	entries = host_alloc(PTE_PAGE_SIZE, s->payer);
	if (!entries)
		return false;
	s->pool[s->tables].entries = entries;
	shadow_table_put(s, &s->pool[s->tables++]);
	return true;
}

/* An entry that leads to an empty table of the tree. */
static u64 table_add(struct shadow *s, struct shadow_tree *tree)
{
	struct shadow_table *t = shadow_table_take(s);

	memset(t->entries, 0, PTE_PAGE_SIZE);
	t->next = tree->tables;
	tree->tables = t;
	return pte_make(host_pa(t->entries), PTE_V);
}

static void tree_free_tables(struct shadow *s, struct shadow_tree *tree)
{
	while (tree->tables) {
		struct shadow_table *t = tree->tables;

		tree->tables = t->next;
		shadow_table_put(s, t);
	}
}

/* Marks a table and all below it; its entries are of @level. */
static void table_mark(u64 *entries, unsigned level)
{
	for (unsigned i = 0; level > 0 && i < PTE_TABLE_ENTRIES; i++)
		if (pte_is_table(entries[i]))
			table_mark(pte_table(entries[i]), level - 1);
	entries[0] = TABLE_DEAD;
}

static void tree_sweep(struct shadow *s, struct shadow_tree *tree)
{
	struct shadow_table **at = &tree->tables;

	while (*at) {
		struct shadow_table *t = *at;

		if (t->entries[0] == TABLE_DEAD) {
			*at = t->next;
			shadow_table_put(s, t);
		} else {
			at = &t->next;
		}
	}
}

/* ---- Telling the hart: for a global tree, all roots that a slot of it is in. */

static bool root_has(const struct shadow_tree *root, const struct shadow_tree *global,
		     unsigned slot)
{
	return root->entries && root->kind == global->kind && !shadow_tree_owns(root, slot);
}

void shadow_tree_flush(struct shadow *s, const struct shadow_tree *root)
{
	s->flush->root(root->asid);
}

void shadow_tree_flush_page(struct shadow *s, const struct shadow_tree *tree, u64 va)
{
	if (tree->shared)
		s->flush->everywhere(va);
	else
		s->flush->page(va, tree->asid);
}

static void tree_flush_slot(struct shadow *s, const struct shadow_tree *tree, unsigned slot)
{
	if (!tree->shared) {
		shadow_tree_flush(s, tree);
		return;
	}
	for (unsigned i = 0; i < SHADOW_ASIDS; i++)
		if (root_has(&s->views[i], tree, slot))
			shadow_tree_flush(s, &s->views[i]);
}

/* ---- Entries */

/* Sets an entry for va; one in the top of a global tree is in all roots. */
static void entry_set(struct shadow *s, struct shadow_tree *tree, u64 *pte, unsigned level, u64 va,
		      u64 value)
{
	unsigned slot = shadow_slot(s, va);

	*pte = value;
	if (!tree->shared || level != s->levels - 1)
		return;
	for (unsigned i = 0; i < SHADOW_ASIDS; i++)
		if (root_has(&s->views[i], tree, slot))
			s->views[i].entries[slot] = value;
}

static u64 *hot_entry(const struct shadow *s, const struct shadow_tree *tree, u64 va)
{
	if (s->hot_tree != tree || s->hot_part != va >> pte_level_shift(1))
		return NULL;
	return &s->hot[pte_index(va, 0)];
}

/* The entry of @level for va, with the tables that lead to it. */
static u64 *tree_entry(struct shadow *s, struct shadow_tree *tree, u64 va, unsigned level,
		       unsigned span)
{
	u64 *entries = tree->entries, pieces = 0;

	for (unsigned at = s->levels - 1; at > level; at--) {
		u64 *pte = &entries[pte_index(va, at)];
		u64 split = at == span ? PTE_SPLIT : 0;

		if (pte_is_leaf(*pte)) {
			entry_set(s, tree, pte, at, va, 0);
			shadow_tree_flush_page(s, tree, va);
		}
		if (!*pte)
			entry_set(s, tree, pte, at, va, table_add(s, tree) | split);
		else if (split & ~*pte)
			entry_set(s, tree, pte, at, va, *pte | split);
		pieces |= *pte & PTE_SPLIT;
		entries = pte_table(*pte);
	}
	/* A larger page may have made pieces of what is in the hot table. */
	s->hot_tree = level ? NULL : tree;
	s->hot_pieces = pieces;
	s->hot_part = va >> pte_level_shift(1);
	s->hot = entries;
	return &entries[pte_index(va, level)];
}

/* Takes out an entry that leads to a table, and all below it but the gate. */
static void entry_cut(struct shadow *s, struct shadow_tree *tree, u64 *pte, unsigned level, u64 va)
{
	u64 *entries = pte_table(*pte);

	entry_set(s, tree, pte, level, va, 0);
	table_mark(entries, level - 1);
	tree_sweep(s, tree);
	tree_flush_slot(s, tree, shadow_slot(s, va));
	/* As many tables as it needs have just become free. */
	if ((s64)va >> pte_level_shift(level) == -1)
		shadow_tree_put_gate(s, tree);
}

void shadow_tree_enter(struct shadow *s, struct shadow_tree *tree, u64 va, unsigned level,
		       unsigned span, u64 leaf)
{
	u64 *hot = level || span ? NULL : hot_entry(s, tree, va);
	u64 *pte = hot ? hot : tree_entry(s, tree, va, level, span);
	u64 old = *pte;

	if (pte_is_table(old))
		entry_cut(s, tree, pte, level, va);
	entry_set(s, tree, pte, level, va, leaf);
	if (pte_is_leaf(old))
		shadow_tree_flush_page(s, tree, va);
}

static void leaf_drop(struct shadow *s, struct shadow_tree *tree, u64 *pte, unsigned level, u64 va)
{
	if (!(*pte & PTE_U)) /* the gate, or nothing */
		return;
	entry_set(s, tree, pte, level, va, 0);
	shadow_tree_flush_page(s, tree, va);
}

void shadow_tree_drop(struct shadow *s, struct shadow_tree *tree, u64 va)
{
	u64 *entries = tree->entries, *hot = hot_entry(s, tree, va);

	if (hot && !s->hot_pieces) {
		leaf_drop(s, tree, hot, 0, va);
		return;
	}

	for (unsigned level = s->levels - 1;; level--) {
		u64 *pte = &entries[pte_index(va, level)];

		if (!*pte)
			return;
		if (pte_is_leaf(*pte)) {
			leaf_drop(s, tree, pte, level, va);
			return;
		}
		if (*pte & PTE_SPLIT) {
			entry_cut(s, tree, pte, level, va);
			return;
		}
		entries = pte_table(*pte);
	}
}

u64 shadow_tree_find(const struct shadow *s, const struct shadow_tree *tree, u64 va,
		     unsigned *level)
{
	const u64 *entries = tree->entries;

	for (*level = s->levels - 1;; (*level)--) {
		u64 pte = entries[pte_index(va, *level)];

		if (!pte || pte_is_leaf(pte))
			return pte;
		entries = pte_table(pte);
	}
}

/* ---- The gate */

static void tree_set_gate(struct shadow *s, struct shadow_tree *tree, u64 code, u64 data)
{
	u64 *pte = tree_entry(s, tree, SHADOW_GATE_VA(s->gate), 0, 0);

	pte[0] = code;
	pte[1] = data;
}

void shadow_tree_put_gate(struct shadow *s, struct shadow_tree *tree)
{
	tree_set_gate(s, tree, pte_make(s->code, LEAF_FLAGS | PTE_R | PTE_X),
		      pte_make(s->data, LEAF_FLAGS | PTE_R | PTE_W));
}

void shadow_tree_take_gate(struct shadow *s, struct shadow_tree *tree)
{
	tree_set_gate(s, tree, 0, 0);
}

/* ---- Roots */

void shadow_tree_own(struct shadow *s, struct shadow_tree *root, unsigned slot)
{
	u64 was = root->entries[slot];

	root->entries[slot] = 0;
	root->own[slot / 64] |= BIT(slot % 64);
	if (was)
		shadow_tree_flush(s, root);
	if (slot == PTE_TABLE_ENTRIES - 1)
		shadow_tree_put_gate(s, root);
}

bool shadow_tree_empty(struct shadow *s, struct shadow_tree *root)
{
	const u64 *global = s->globals[root->kind].entries;
	bool any = false;

	for (unsigned i = 0; i < ARRAY_SIZE(root->own); i++) {
		for (; root->own[i]; root->own[i] &= root->own[i] - 1) {
			unsigned slot = i * 64 + bits_lowest(root->own[i]);

			root->entries[slot] = global[slot];
			any = true;
		}
	}
	tree_free_tables(s, root);
	if (any)
		shadow_tree_flush(s, root);
	return any;
}

void shadow_tree_clear(struct shadow *s, struct shadow_tree *tree)
{
	tree_free_tables(s, tree);
	memset(tree->entries, 0, PTE_PAGE_SIZE);
	memset(tree->own, 0, sizeof(tree->own));
}

void shadow_tree_fini(struct shadow *s, struct shadow_tree *root)
{
	tree_free_tables(s, root);
	shadow_table_put(s, root->top);
	root->entries = NULL;
	memset(root->own, 0, sizeof(root->own));
}
