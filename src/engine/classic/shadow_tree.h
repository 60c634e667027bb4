/*
 * The trees that shadow page tables consist of: their tables, their entries, and telling the
 * hart. Contexts, limits and fences are shadow.c's.
 *
 * An entry is 0, or a leaf, or leads to a table; nothing else is ever in a tree. A slot of a root
 * that is not its own equals that of the global tree of its kind at all times.
 */
#ifndef ENGINE_CLASSIC_SHADOW_TREE_H
#define ENGINE_CLASSIC_SHADOW_TREE_H

#include "engine/classic/shadow.h"

/* Tables come from the free list, which must have them: the caller reserves. */
struct shadow_table *shadow_table_take(struct shadow *s);
void shadow_table_put(struct shadow *s, struct shadow_table *t);
/* One more for the free list; false at the limit, or when memory is short. */
bool shadow_table_grow(struct shadow *s);

/* A leaf of @level for va; @span is the level of the guest's page, at least @level. What was in
 * its place is dropped. Takes up to levels - 1 tables. */
void shadow_tree_enter(struct shadow *s, struct shadow_tree *tree, u64 va, unsigned level,
		       unsigned span, u64 leaf);
/* Takes out what translates va; not the gate. Va must be canonical. */
void shadow_tree_drop(struct shadow *s, struct shadow_tree *tree, u64 va);
/* The leaf for va, or 0; *level is set to the level where the walk ended. */
u64 shadow_tree_find(const struct shadow *s, const struct shadow_tree *tree, u64 va,
		     unsigned *level);

/* Maps the gate where it now is. Takes up to levels - 1 tables. */
void shadow_tree_put_gate(struct shadow *s, struct shadow_tree *tree);
/* Unmaps it, in a tree that has it. The hart is not told. */
void shadow_tree_take_gate(struct shadow *s, struct shadow_tree *tree);

/* Makes a slot of a root its own, and empty but for the gate. Takes up to levels - 1 tables. */
void shadow_tree_own(struct shadow *s, struct shadow_tree *root, unsigned slot);
/* Takes all out of a root that is its own. False if there was nothing. */
bool shadow_tree_empty(struct shadow *s, struct shadow_tree *root);
/* Takes everything out, the gate too. The hart is not told. */
void shadow_tree_clear(struct shadow *s, struct shadow_tree *tree);
/* The same, of a root, and gives back its top. */
void shadow_tree_fini(struct shadow *s, struct shadow_tree *root);
/* Tells the hart to forget a root. */
void shadow_tree_flush(struct shadow *s, const struct shadow_tree *root);

/* Tells it to forget a page of one; of a global tree, in all roots. */
void shadow_tree_flush_page(struct shadow *s, const struct shadow_tree *tree, u64 va);

static inline bool shadow_tree_owns(const struct shadow_tree *root, unsigned slot)
{
	return root->own[slot / 64] >> (slot % 64) & 1;
}

static inline unsigned shadow_slot(const struct shadow *s, u64 va)
{
	return pte_index(va, s->levels - 1);
}

#endif
