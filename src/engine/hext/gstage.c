#include "engine/hext/gstage.h"

#include <errno.h>

#include "riscv/csr.h"
#include "riscv/pte.h"
#include "vm/engine.h"

/* The root is four times as large: two more bits of index. */
static unsigned level_index(const struct gstage *g, unsigned level, u64 gpa)
{
	return level == g->levels - 1 ? pte_index_x4(gpa, level) : pte_index(gpa, level);
}

static u64 *pte_table(u64 pte)
{
	return host_va(pte_address(pte));
}

static u64 pte_of_table(const u64 *table)
{
	return pte_make(host_pa(table), PTE_V);
}

/* Second-stage leaves are user pages; A and D are set, so that hardware never has to. */
static u64 pte_of_leaf(u64 pa, unsigned prot)
{
	return pte_make(pa, PTE_V | PTE_U | PTE_A | PTE_D | (prot & PROT_R ? PTE_R : 0) |
			    (prot & PROT_W ? PTE_W : 0) | (prot & PROT_X ? PTE_X : 0));
}

static u64 gstage_limit(const struct gstage *g)
{
	return 1ul << pte_gpa_bits((unsigned)g->mode);
}

int gstage_init(struct gstage *g, u64 mode, struct host_account *payer)
{
	g->payer = payer;
	g->mode = mode;
	g->levels = pte_levels((unsigned)mode);
	g->root = host_alloc(PTE_X4_ROOT_SIZE, payer);
	return g->root ? 0 : -ENOMEM;
}

static void table_free(struct gstage *g, u64 *table, unsigned level, unsigned entries)
{
	for (unsigned i = 0; level > 0 && i < entries; i++)
		if (table[i] && !pte_is_leaf(table[i]))
			table_free(g, pte_table(table[i]), level - 1, PTE_TABLE_ENTRIES);
	host_free(table, entries * sizeof(u64), g->payer);
}

void gstage_fini(struct gstage *g)
{
	if (g->root)
		table_free(g, g->root, g->levels - 1, PTE_X4_ROOT_ENTRIES);
	g->root = NULL;
}

/* Replaces a large page by a table of the next smaller ones. */
static int pte_split(struct gstage *g, u64 *pte, unsigned level)
{
	u64 *table = host_alloc(PTE_PAGE_SIZE, g->payer);
	u64 step = pte_make(pte_level_size(level - 1), 0);

	if (!table)
		return -ENOMEM;
	for (u64 i = 0; i < PTE_TABLE_ENTRIES; i++)
		table[i] = *pte + i * step;
	__atomic_store_n(pte, pte_of_table(table), __ATOMIC_RELEASE);
	return 0;
}

/* The entry for gpa at @level, making tables on the way; NULL when memory is short. */
static u64 *gstage_entry(struct gstage *g, u64 gpa, unsigned level)
{
	u64 *table = g->root;

	for (unsigned at = g->levels - 1; at > level; at--) {
		u64 *pte = &table[level_index(g, at, gpa)];

		if (pte_is_leaf(*pte)) {
			if (pte_split(g, pte, at))
				return NULL;
		} else if (!*pte) {
			u64 *next = host_alloc(PTE_PAGE_SIZE, g->payer);

			if (!next)
				return NULL;
			__atomic_store_n(pte, pte_of_table(next), __ATOMIC_RELEASE);
		}
		table = pte_table(*pte);
	}
	return &table[level_index(g, level, gpa)];
}

/* The highest level whose pages fit at these addresses into what is left. */
static unsigned fitting_level(const struct gstage *g, u64 gpa, u64 pa, u64 size)
{
	unsigned level = g->levels - 1;

	while (level && (!is_aligned(gpa | pa, pte_level_size(level)) || size < pte_level_size(level)))
		level--;
	return level;
}

int gstage_map(struct gstage *g, u64 gpa, u64 pa, u64 size, unsigned prot)
{
	if (!range_within(gpa, size, 0, gstage_limit(g)))
		return -ERANGE;
	while (size) {
		unsigned level = fitting_level(g, gpa, pa, size);
		u64 *pte = gstage_entry(g, gpa, level);

		if (!pte)
			return -ENOMEM;
		host_assert(!*pte);
		__atomic_store_n(pte, pte_of_leaf(pa, prot), __ATOMIC_RELEASE);
		gpa += pte_level_size(level);
		pa += pte_level_size(level);
		size -= pte_level_size(level);
	}
	return 0;
}

/* The lowest entry there is for gpa, valid or not, and its level. */
static u64 *gstage_find(const struct gstage *g, u64 gpa, unsigned *level)
{
	u64 *table = g->root;

	*level = g->levels - 1;
	for (;;) {
		u64 *pte = &table[level_index(g, *level, gpa)];

		if (!*pte || pte_is_leaf(*pte))
			return pte;
		table = pte_table(*pte);
		(*level)--;
	}
}

int gstage_unmap(struct gstage *g, u64 gpa, u64 size)
{
	u64 end = gpa + size;

	if (!range_within(gpa, size, 0, gstage_limit(g)))
		return -ERANGE;
	while (gpa < end) {
		unsigned level;
		u64 *pte = gstage_find(g, gpa, &level);
		u64 page = pte_level_size(level);
		u64 next = align_down(gpa, page) + page;

		if (*pte && (!is_aligned(gpa, page) || next > end)) {
			if (pte_split(g, pte, level))
				return -ENOMEM;
			continue;
		}
		__atomic_store_n(pte, 0, __ATOMIC_RELEASE);
		gpa = next;
	}
	return 0;
}

u64 gstage_lookup(const struct gstage *g, u64 gpa, u64 *page_size)
{
	unsigned level;
	u64 *pte;

	if (gpa >= gstage_limit(g))
		return 0;
	pte = gstage_find(g, gpa, &level);
	*page_size = pte_level_size(level);
	return *pte;
}
