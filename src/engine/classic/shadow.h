/*
 * Shadow page tables: what one vCPU's TLB would hold, in the form that the hart walks. A fill
 * enters the translation that the guest's tables gave for one access; a fence takes it out.
 * Nothing in here follows the guest's tables: a guest that changes them fences, as it would
 * on hardware ("Supervisor Memory-Management Fence Instruction").
 *
 * All entries have U set, as the whole guest runs in U-mode. What differs between the guest's
 * modes is kept apart in views: U; S with sstatus.SUM clear; S with SUM set. Each address space
 * of the guest (its satp) is a context with up to one root a view, and stays when another one is
 * switched to. The guest's global pages are shared by all contexts of a kind of view (U, or S):
 * a slot of a root points to the common tables until a page that is not global wants a place
 * under it, and from then on to tables of its own.
 *
 * In every root the gate is mapped: one page of code and one of data, not accessible to the
 * guest, by which the hart comes out of it.
 *
 * One vCPU's, in its own task only, and never while the hart walks one of its roots. Memory is
 * bounded: tables beyond the limit are taken from the contexts used least recently.
 */
#ifndef ENGINE_CLASSIC_SHADOW_H
#define ENGINE_CLASSIC_SHADOW_H

#include "host/host.h"
#include "riscv/pte.h"

enum shadow_view { SHADOW_U, SHADOW_S, SHADOW_SUM, SHADOW_VIEWS };

#define SHADOW_CONTEXTS 8
/* Hart ASIDs that a vCPU uses: base to base + SHADOW_ASIDS - 1, one for each root. */
#define SHADOW_ASIDS (SHADOW_CONTEXTS * SHADOW_VIEWS)
/* So many tables exist from the start: with them no fill can fail, in any mode. */
#define SHADOW_TABLES_MIN 24

/* The gate lies in one of these pairs of pages at the end of every address space. */
#define SHADOW_GATES 8
#define SHADOW_GATE_SIZE 0x2000ul
#define SHADOW_GATE_VA(n) (0ul - SHADOW_GATE_SIZE * ((n) + 1)) /* code; data in the next page */

/* How the hart is told. Called with entries already changed in memory; asid is 0 if the hart has
 * too few, and then it means the root that satp was last set to. */
struct shadow_flush {
	void (*page)(u64 va, unsigned asid); /* one page of one root; of any size */
	void (*everywhere)(u64 va);          /* the same of all roots */
	void (*root)(unsigned asid);         /* all of one root, tables above leaves as well */
};

/* What a fill enters. Sizes are powers of two from 4 KiB on; a page is entered as large as an
 * entry can be. */
struct shadow_page {
	u64 va;    /* an address in it */
	u64 pa;    /* host-physical, of the page's first byte; aligned to size */
	u64 size;
	/* Of the guest's page, if that is larger (0: it is not): a fence on any address in it drops
	 * all pieces of it. At most what an entry of the root translates. */
	u64 span;
	u64 flags; /* of PTE_R, PTE_W, PTE_X (R or X at least), PTE_PBMT */
	bool global;
};

/* ---- What follows is the shadow's own, but for current and satp[]. */

/* Global tables: one set for U, one for S with and without SUM. */
enum shadow_kind { SHADOW_KIND_U, SHADOW_KIND_S, SHADOW_KINDS };

struct shadow_table {
	u64 *entries;
	struct shadow_table *next;
};

/* A root and the tables that are its own; or the global tables of a kind, whose top is copied
 * into the roots. */
struct shadow_tree {
	u64 *entries;                /* the top; NULL: there is none */
	struct shadow_table *top;    /* the same */
	struct shadow_table *tables; /* all below it */
	u64 own[PTE_TABLE_ENTRIES / 64]; /* a root's slots that do not lead to the global tables */
	unsigned asid;
	u8 kind;
	bool shared; /* it is the global one */
};

struct shadow_context {
	u64 satp[SHADOW_VIEWS];    /* the hart's; 0: no root yet */
	u64 guest;                 /* the guest's satp */
	u64 used;                  /* when switched to; 0: this one is free */
	struct shadow_tree *views; /* SHADOW_VIEWS of them */
};

/* Which contexts may have a page of their own at an address: a byte for each hash of it, a bit
 * for each context. Most fences of a kernel are for pages that were not valid before. */
#define SHADOW_HINTS 4096

struct shadow {
	struct shadow_context *current;
	unsigned mode; /* of the guest's satp */
	unsigned form; /* of the roots, as MODE of the hart's satp */
	unsigned levels;
	unsigned gate;
	unsigned asid;
	u64 code, data;
	u64 switches;
	struct shadow_context contexts[SHADOW_CONTEXTS];
	struct shadow_tree views[SHADOW_ASIDS];
	struct shadow_tree globals[SHADOW_KINDS];
	/* The table of 4 KiB pages that was used last: of which tree, for which 2 MiB, and whether there
	 * are pieces of larger pages among these. */
	const struct shadow_tree *hot_tree;
	u64 hot_part, *hot;
	bool hot_pieces;
	u64 hints[SHADOW_HINTS / 8]; /* bytes, eight at a time */
	u8 unhinted;                 /* contexts with pages that hints[] does not tell of */

	const struct shadow_flush *flush;
	struct host_account *payer;
	struct shadow_table *pool; /* tables_max of them, those with entries first */
	struct shadow_table *free;
	unsigned free_count, tables, tables_max;
};

/*
 * Of the guest's satp 0. @asid: the first of SHADOW_ASIDS, or 0 when the hart has too few: then
 * the caller flushes when it changes satp. @code and @data: physical addresses of the gate's
 * pages. @tables_max: how many 4 KiB tables may be in use at once (at least SHADOW_TABLES_MIN).
 * @flush must outlive the shadow. NULL when memory is short.
 */
struct shadow *shadow_create(const struct shadow_flush *flush, unsigned asid, u64 code, u64 data,
			     unsigned tables_max, struct host_account *payer);
/* The hart must not use any of its ASIDs any more without a flush. NULL is ignored. */
void shadow_destroy(struct shadow *s);

/* Makes the context of the guest's @satp current, an empty one if there was none. The
 * hardware's form of roots is that of satp's MODE; for Bare it is Sv39. A change of MODE drops
 * everything. */
void shadow_switch(struct shadow *s, u64 satp);

/* The satp of the hart for @view of the current context. Makes an empty root where needed.
 * Valid until the next shadow_switch(). */
u64 shadow_root_make(struct shadow *s, enum shadow_view view);
static inline u64 shadow_satp(struct shadow *s, enum shadow_view view)
{
	u64 satp = s->current->satp[view];

	return satp ? satp : shadow_root_make(s, view);
}

/* Enters a translation into the current context, replacing what was there. False if nothing
 * was entered: its place is the gate's (shadow_move_gate() first), or va is no address in this
 * mode. */
bool shadow_fill(struct shadow *s, enum shadow_view view, const struct shadow_page *page);
/*
 * Enters a page of 4 KiB if its table is the one used last: false if it is not, with nothing done.
 * @leaf: as made by shadow_leaf(). @piece: of a page of the guest's that is larger, of which a piece
 * in the same 2 MiB was entered before. Va must not be the gate's.
 */
bool shadow_fill_hot(struct shadow *s, enum shadow_view view, u64 va, u64 leaf, bool global,
		     bool piece);
static inline u64 shadow_leaf(u64 pa, u64 flags)
{
	return pte_make(pa, flags | PTE_V | PTE_U | PTE_A | PTE_D);
}

/* The entry that the hart would find, 0 if none. *size is set to its page's size. */
u64 shadow_lookup(const struct shadow *s, enum shadow_view view, u64 va, u64 *size);

/* The number (0 to SHADOW_GATES - 1) of the pair of pages where the gate is. */
static inline unsigned shadow_gate(const struct shadow *s) { return s->gate; }
/* True if va is in one of the gate's two pages. */
static inline bool shadow_is_gate(const struct shadow *s, u64 va)
{
	return va - SHADOW_GATE_VA(s->gate) < SHADOW_GATE_SIZE;
}
/* The gate goes to the next place, in all roots; what the guest had there is dropped. */
void shadow_move_gate(struct shadow *s);

/* sfence.vma in its four forms; with an ASID global pages stay. */
void shadow_drop_all(struct shadow *s);
void shadow_drop_asid(struct shadow *s, unsigned asid);
void shadow_drop_page(struct shadow *s, u64 va);
void shadow_drop_page_asid(struct shadow *s, u64 va, unsigned asid);

#endif
