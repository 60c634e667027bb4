/* guest: vcpus=1 memory=64M */
/*
 * Compares two machines: random page tables (every bit, every level, Sv39 and where both have them
 * Sv48 and Sv57) under loads, stores, atomics and fetches from S-mode with every SUM and MXR, and
 * from U-mode; and changed tables after each form of sfence.vma, in two address spaces with pages
 * of their own and global ones. The transcript of one machine is the expectation for the other:
 * see tests/compare.
 *
 * A and D: where the machine faults for them, as its ISA string may promise (Svade), they are set
 * as an operating system would, so that what is compared is the outcome of both ways.
 *
 * Not here: bit 63, whose meaning depends on Svnapot, nor PBMT where Svpbmt is (QEMU 10 takes the
 * reserved value as well).
 */
#include <string.h>

#include "lib/compare.h"

/*
 * Where a translation may end: 16 pages of RAM, four in each of four megapages. A leaf of 4 KiB
 * maps any of them; larger ones keep the lower parts of the address, which are such a page's here.
 */
enum { FIRST_MEGA = 16, MEGAS = 4, PAGES = 4, SPACES = 2, TOP = 5 };
/* In each page: words for loads and stores, a `jr t2` for S-mode, an `ecall` for U-mode. */
enum { VALUES_AT = 64, RETURN_AT = 256, ECALL_AT = 288 };
#define MEGA (2 * MIB)
#define PTE_RSW (3ul << 8)

INSN(load64, "ld a0, 0(a0)");
INSN(load32, "lw a0, 0(a0)");
INSN(load8, "lbu a0, 0(a0)");
INSN(load_reserved, "lr.d a0, (a0)");
INSN(store64, "sd a1, 0(a0)");
INSN(store8, "sb a1, 0(a0)");
INSN(atomic, "amoadd.d a0, a1, (a0)");
INSN(jump, "jalr t2, a0");
INSN(fence_va, "sfence.vma a0, zero");
INSN(fence_asid, "sfence.vma zero, a1");
INSN(fence_both, "sfence.vma a0, a1");

/* The same for U-mode, 8 bytes each. */
asm(".text\n.balign 4096\n.option push\n.option norvc\nuser_code:\n\tld a0, 0(a0)\n\tecall\n"
    "\tlw a0, 0(a0)\n\tecall\n\tlbu a0, 0(a0)\n\tecall\n\tlr.d a0, (a0)\n\tecall\n"
    "\tsd a0, 0(a0)\n\tecall\n\tsb a0, 0(a0)\n\tecall\n\tamoadd.d a0, a0, (a0)\n\tecall\n"
    ".option pop\n.balign 4096");
extern const u8 user_code[];
#define USER_CODE_VA (BIT(37) + 0x5000)

enum access { LOAD64, LOAD32, LOAD8, LOAD_RESERVED, STORE64, STORE8, ATOMIC, FETCH, ACCESSES };

static insn *const accesses[] = { load64, load32, load8, load_reserved, store64, store8, atomic,
	jump };

/* -- Address spaces ------------------------------------------------------------------------- */

/* The path from the root to the addresses used. */
struct space {
	u64 levels;
	u64 *root;
	u64 *entry[TOP];	 /* on level 2 and above, the one that all addresses share */
	u64 *below[TOP];	 /* the table that it should point to */
	u64 *page[MEGAS];
	u64 *own; /* the last of them, where it is not the shared one */
	u64 asid;
};

static struct space spaces[3][SPACES];
static const struct space *current;

/* Entries of the levels above 1 GiB are such that leaves there end in the 16 pages as well. */
static const u64 bases[3][2] = {
	{ 130ul << 30, 0xfffffffful << 38 | 44ul << 30 },
	{ 5ul << 39 | 2ul << 30, 0xfffful << 48 | 400ul << 39 | 2ul << 30 },
	{ 7ul << 48 | 2ul << 30, 0x7ful << 57 | 300ul << 48 | 2ul << 30 },
};
static u64 base;

/*
 * In half of the steps the leaves of the last megapage are global: one table, which both spaces
 * reach without doubt, as it would be an error of software if only one of them had the page.
 */
static bool sharing;

static bool is_shared(u64 mega)
{
	return sharing && mega == MEGAS - 1;
}

static u64 target(u64 mega, u64 page)
{
	return RAM_BASE + (FIRST_MEGA + mega) * MEGA + page * PAGE_SIZE;
}

static u64 address(u64 mega, u64 page)
{
	return base + (FIRST_MEGA + mega) * MEGA + page * PAGE_SIZE;
}

static u64 index_of(u64 va, u64 level)
{
	return va >> (12 + 9 * level) & 511;
}

static u64 *lower_root(const struct space *s)
{
	u64 *table = s->root;

	for (u64 level = s->levels; level > 3; level--)
		table = (u64 *)(table[0] >> 10 << 12);
	return table;
}

static void space_build(struct space *s, u64 levels)
{
	s->levels = levels;
	s->root = compare_root(levels);
	table_map(lower_root(s), USER_CODE_VA, (u64)user_code, PTE_V | PTE_R | PTE_X | PTE_U |
		  PTE_A | PTE_D);
	for (u64 level = 2; level < levels; level++)
		s->below[level] = page_get();
	for (u64 i = 0; i < MEGAS; i++)
		s->page[i] = page_get();
	s->own = s->page[MEGAS - 1];
}

/* Both spaces of a mode, at one of its two bases. */
static void spaces_place(struct space *pair, u64 at)
{
	base = at;
	for (u64 i = 0; i < SPACES; i++) {
		struct space *s = &pair[i];
		u64 *table = s->root;

		for (u64 level = s->levels - 1; level >= 2; level--) {
			s->entry[level] = &table[index_of(base, level)];
			table = s->below[level];
		}
	}
	pair[1].page[MEGAS - 1] = sharing ? pair[0].own : pair[1].own;
}

static u64 *mega_entry(const struct space *s, u64 mega)
{
	return &s->below[2][FIRST_MEGA + mega];
}

static void space_use(const struct compare *c, const struct space *s)
{
	csr_write(satp, compare_satp(s->root, s->levels, s->asid));
	if (!c->asid_bits)
		sfence_vma();
	current = s;
}

static void targets_fill(void)
{
	for (u64 i = 0; i < MEGAS * PAGES; i++) {
		u64 at = target(i / PAGES, i % PAGES);

		memset((void *)at, (int)i, PAGE_SIZE);
		for (u64 n = 0; n < 8; n++)
			((u64 *)(at + VALUES_AT))[n] = at + n;
		*(u32 *)(at + RETURN_AT) = 0x00038067;
		*(u32 *)(at + ECALL_AT) = 0x00000073;
	}
	fence_i();
}

/* -- Random entries ------------------------------------------------------------------------- */

static bool one_in(u64 *rng, u64 n)
{
	return random_below(rng, n) == 0;
}

static u64 pbmt_bits; /* bits 62 and 61 where they are reserved */

/* Bits that should not be set; rarely, else nothing works. */
static u64 random_wrong(u64 *rng)
{
	u64 v = 0;

	if (one_in(rng, 24))
		v |= BIT(54 + random_below(rng, 5));
	if (one_in(rng, 40))
		v |= random_next(rng) & pbmt_bits;
	return v | (random_next(rng) & PTE_RSW);
}

static u64 random_flags(u64 *rng)
{
	static const u64 rights[] = { PTE_R | PTE_W | PTE_X, PTE_R | PTE_W | PTE_X, PTE_R | PTE_W,
		PTE_R | PTE_W, PTE_R, PTE_R | PTE_X, PTE_X, PTE_W, PTE_W | PTE_X };
	u64 v = rights[random_below(rng, ARRAY_SIZE(rights))] | random_wrong(rng);

	v |= one_in(rng, 16) ? 0 : PTE_V;
	v |= random_bool(rng) ? PTE_U : 0;
	v |= one_in(rng, 4) ? 0 : PTE_A;
	return v | (one_in(rng, 3) ? 0 : PTE_D);
}

static u64 random_page(u64 *rng)
{
	u64 at = target(random_below(rng, MEGAS), random_below(rng, PAGES));

	if (one_in(rng, 32)) /* an access fault; whether A and D are set then is open */
		return HOLE_BASE >> 2 | random_flags(rng) | PTE_A | PTE_D;
	if (one_in(rng, 32)) /* no leaf, where nothing is below */
		return at >> 2 | PTE_V | random_wrong(rng);
	return at >> 2 | random_flags(rng);
}

/* A leaf above the last level, at times with address bits that must be 0 there. */
static u64 random_superpage(u64 level, u64 *rng)
{
	u64 at = level == 1 ? target(random_below(rng, MEGAS), 0) : level == 2 ? RAM_BASE : 0;

	if (one_in(rng, 8))
		at |= PAGE_SIZE << random_below(rng, 9 * level);
	return at >> 2 | random_flags(rng);
}

/* A pointer, at times with bits that are reserved in one (section 12.3.1), or a leaf. */
static u64 random_entry(const u64 *table, u64 level, u64 leaf_in, u64 *rng)
{
	static const u64 bits[] = { PTE_A, PTE_D, PTE_U };
	u64 v = (u64)table >> 2 | PTE_V | random_wrong(rng);

	if (one_in(rng, leaf_in))
		return random_superpage(level, rng);
	if (one_in(rng, 24))
		v |= bits[random_below(rng, 3)];
	return one_in(rng, 48) ? v & ~PTE_V : v;
}

static u64 random_leaf(u64 mega, u64 *rng)
{
	return random_page(rng) | (is_shared(mega) ? PTE_G : 0);
}

static void space_randomize(struct space *s, u64 *rng)
{
	for (u64 level = s->levels - 1; level >= 2; level--)
		*s->entry[level] = sharing ? (u64)s->below[level] >> 2 | PTE_V :
				   random_entry(s->below[level], level, 12, rng);
	for (u64 i = 0; i < MEGAS; i++) {
		*mega_entry(s, i) = is_shared(i) ? (u64)s->page[i] >> 2 | PTE_V :
				    random_entry(s->page[i], 1, 4, rng);
		for (u64 n = 0; n < PAGES; n++)
			s->page[i][n] = random_leaf(i, rng);
	}
}

/* -- Accesses ------------------------------------------------------------------------------- */

static bool is_store(enum access a)
{
	return a >= STORE64 && a <= ATOMIC;
}

static bool is_page_fault(u64 cause)
{
	return cause == TRAP_LOAD_PAGE || cause == TRAP_STORE_PAGE || cause == TRAP_INSN_PAGE;
}

/* The leaf for @va, whatever it allows; NULL if there is none. */
static u64 *leaf_find(u64 va)
{
	u64 *table = current->root;

	for (u64 level = current->levels; level--;) {
		u64 *pte = &table[index_of(va, level)];
		if (!(*pte & PTE_V))
			return NULL;
		if (*pte & (PTE_R | PTE_W | PTE_X))
			return pte;
		table = (u64 *)(*pte << 10 >> 20 << 12);
	}
	return NULL;
}

struct outcome {
	u64 cause, tval, value;
};

static struct outcome access_once(enum access a, u64 va, bool user, u64 value)
{
	const struct trap *t = &hart_self()->trap;
	struct outcome o = { 0 };

	if (!user)
		o.value = try_value(accesses[a], a == FETCH ? va + RETURN_AT : va, value);
	else if (a == FETCH)
		user_run((const void *)(va + ECALL_AT), 0);
	else
		user_run((const void *)(USER_CODE_VA + a * 8), va);
	o.cause = t->cause;
	o.tval = t->tval;
	if (user && a != FETCH)
		o.value = t->a0;
	else if (a == FETCH || a == STORE64 || a == STORE8 || o.cause)
		o.value = 0;
	return o;
}

static bool hardware_updates, hardware_faults; /* what the ISA string promises */

/* Sets what is missing of A and D and tries again; undone if it was not for that. */
static struct outcome access_retry(enum access a, u64 va, bool user, u64 value, struct outcome o)
{
	u64 need = PTE_A | (is_store(a) ? PTE_D : 0);

	for (int tries = 0; tries < 3 && is_page_fault(o.cause); tries++) {
		u64 at = o.tval, *pte = leaf_find(at), old = pte ? *pte : need;

		if ((old & need) == need)
			break;
		*pte |= need;
		fence_va(at, 0);
		o = access_once(a, va, user, value);
		if (is_page_fault(o.cause) && o.tval == at) {
			*pte = old;
			fence_va(at, 0);
			break;
		}
	}
	return o;
}

/*
 * After an atomic that faulted, A is open: QEMU translates for its load first, and sets A where
 * only the store is not allowed.
 */
static void atomic_settle(u64 va)
{
	u64 *pte = leaf_find(va);

	if (pte)
		*pte |= PTE_A;
	fence_va(va, 0);
}

static struct outcome access_run(struct compare *c, enum access a, u64 va, bool user, u64 value)
{
	struct outcome o = access_once(a, va, user, value);
	const u64 *pte;

	if (!hardware_updates && is_page_fault(o.cause))
		o = access_retry(a, va, user, value, o);
	if (a == ATOMIC && is_page_fault(o.cause))
		atomic_settle(va);
	pte = leaf_find(va);
	if (hardware_faults && pte && (o.cause == TRAP_NONE || o.cause == TRAP_ECALL_U) &&
	    !(*pte & PTE_A && (!is_store(a) || *pte & PTE_D)))
		compare_note(c, "promise of svade broken", 1);
	return o;
}

static bool leads_to_hole(u64 va)
{
	const u64 *pte = leaf_find(va);

	return pte && *pte << 10 >> 20 == HOLE_BASE >> 12;
}

/* No atomic on a hole that may not be written: whether rights or the hole count first is open. */
static enum access random_access(u64 va, u64 *rng)
{
	enum access a = (enum access)random_below(rng, ACCESSES);

	return a == ATOMIC && leads_to_hole(va) ? STORE64 : a;
}

/* Addresses: mostly among the words of a page, at times across its end, at times not canonical. */
static u64 random_address(u64 mega, u64 page, enum access a, u64 *rng)
{
	u64 va = address(mega, page), width = 12 + 9 * current->levels;

	if (one_in(rng, 32))
		va ^= BIT(width + random_below(rng, 64 - width));
	if (a == FETCH)
		return va;
	/* Which page comes first is open where one is a hole (a misaligned access has parts). */
	if (one_in(rng, 12) && (a == LOAD64 || a == LOAD32 || a == STORE64) &&
	    !leads_to_hole(va) && !leads_to_hole(va + PAGE_SIZE))
		return va + PAGE_SIZE - 4 + (a == LOAD32 ? 2 : 0);
	return va + VALUES_AT + random_below(rng, 8) * 8;
}

/* Mostly the mode whose page it is. */
static bool random_user(u64 va, u64 *rng)
{
	const u64 *pte = leaf_find(va);

	return one_in(rng, 4) || !pte ? random_bool(rng) : *pte & PTE_U;
}

static void access_note(struct compare *c, u64 mega, u64 page, u64 *rng)
{
	enum access a = random_access(address(mega, page), rng);
	u64 va = random_address(mega, page, a, rng), bits = random_next(rng);
	bool user = random_user(va, rng);
	struct outcome o;

	csr_clear(sstatus, SSTATUS_SUM | SSTATUS_MXR);
	csr_set(sstatus, bits & (SSTATUS_SUM | SSTATUS_MXR));
	if (c->tracing)
		print("%s access %u at %lx, sum %u mxr %u, leaf %lx\n", user ? "u" : "s", a, va,
		      !!(bits & SSTATUS_SUM), !!(bits & SSTATUS_MXR),
		      leaf_find(va) ? *leaf_find(va) : 0);
	o = access_run(c, a, va, user, random_next(rng));
	csr_clear(sstatus, SSTATUS_SUM | SSTATUS_MXR);
	compare_note(c, " cause", o.cause);
	compare_note(c, " tval", o.tval);
	compare_note(c, " value", o.value);
}

static void accesses_note(struct compare *c, u64 count, u64 *rng)
{
	for (; count; count--)
		access_note(c, random_below(rng, MEGAS), random_below(rng, PAGES), rng);
}

/* -- Changes, and the fence that each asks for ---------------------------------------------- */

/*
 * With an address, sfence.vma orders leaf entries only; with an ASID, it leaves global ones out
 * (section 12.2.1).
 */
static void fence_random(const struct space *s, u64 va, bool leaf, bool global, u64 *rng)
{
	switch (random_below(rng, 4) & (leaf ? 3ul : 2ul) & (global ? 1ul : 3ul)) {
	case 0:
		sfence_vma();
		break;
	case 1:
		fence_va(va, 0);
		break;
	case 2:
		fence_asid(0, s->asid);
		break;
	case 3:
		fence_both(va, s->asid);
		break;
	}
}

/* A new value for a leaf: another one, the same for another page, or with one bit changed. */
static u64 random_change(u64 old, u64 mega, u64 *rng)
{
	u64 at = target(random_below(rng, MEGAS), random_below(rng, PAGES));
	u64 kind = random_below(rng, 3);

	if (kind == 0 || old << 10 >> 20 == HOLE_BASE >> 12)
		return random_leaf(mega, rng);
	if (kind == 1)
		return at >> 2 | (old & (MASK(63, 54) | MASK(9, 0)));
	return old ^ (BIT(random_below(rng, 8)) & ~PTE_G);
}

/*
 * Some 4 KiB leaf of either space is used and gets a new value, from this space or from the other
 * one: after the fence, the new one is what counts.
 */
static void leaf_change(struct compare *c, struct space *pair, u64 *rng)
{
	u64 n = random_below(rng, SPACES), mega = random_below(rng, MEGAS);
	u64 page = random_below(rng, PAGES), *leaf = &pair[n].page[mega][page];
	struct space *s = &pair[n], *other = &pair[!n];

	space_use(c, s);
	access_note(c, mega, page, rng);
	access_note(c, mega, page, rng);
	if (random_bool(rng))
		space_use(c, other);
	*leaf = random_change(*leaf, mega, rng);
	if (c->tracing)
		print("space %lu leaf %lx = %lx\n", n, address(mega, page), *leaf);
	fence_random(s, address(mega, page), true, is_shared(mega), rng);
	space_use(c, s);
	access_note(c, mega, page, rng);
	access_note(c, mega, page, rng);
	if (is_shared(mega)) {
		space_use(c, other);
		access_note(c, mega, page, rng);
	}
}

/* A megapage becomes a table or the other way: the whole address space is to be fenced. */
static void entry_change(struct compare *c, struct space *pair, u64 *rng)
{
	struct space *s = &pair[random_below(rng, SPACES)];
	u64 mega = random_below(rng, MEGAS - 1); /* never the shared one */

	*mega_entry(s, mega) = random_entry(s->page[mega], 1, 3, rng);
	if (c->tracing)
		print("space %u entry %lx = %lx\n", s == pair + 1, address(mega, 0),
		      *mega_entry(s, mega));
	fence_random(s, address(mega, 0), false, false, rng);
	space_use(c, s);
	access_note(c, mega, random_below(rng, PAGES), rng);
}

/* -- Steps ---------------------------------------------------------------------------------- */

static void space_trace(const struct compare *c, const struct space *s, const char *when)
{
	if (!c->tracing)
		return;
	print("%s: asid %lx\n", when, s->asid);
	for (u64 level = s->levels - 1; level >= 2; level--)
		print(" level %lu: %lx\n", level, *s->entry[level]);
	for (u64 i = 0; i < MEGAS; i++)
		print(" %lx: %lx: %lx %lx %lx %lx\n", address(i, 0), *mega_entry(s, i),
		      s->page[i][0], s->page[i][1], s->page[i][2], s->page[i][3]);
}

/* A and D of every entry, and what the stores left. */
static void results_note(struct compare *c, const struct space *pair)
{
	for (u64 n = 0; n < SPACES; n++) {
		space_trace(c, &pair[n], "after");
		for (u64 level = pair[n].levels - 1; level >= 2; level--)
			compare_note(c, "entry", *pair[n].entry[level]);
		for (u64 i = 0; i < MEGAS * PAGES; i++) {
			compare_note(c, "entry", *mega_entry(&pair[n], i / PAGES));
			compare_note(c, "leaf", pair[n].page[i / PAGES][i % PAGES]);
		}
	}
	for (u64 i = 0; i < MEGAS * PAGES; i++)
		for (u64 at = 0; at < 9; at++)
			compare_note(c, "word", *(u64 *)(target(i / PAGES, i % PAGES) +
							 (at ? VALUES_AT + 8 * at - 8 : 4088)));
}

/* Which of the modes that both machines have. */
static u64 random_mode(const struct compare *c, u64 *rng)
{
	u64 n = random_below(rng, 4);

	if (n == 3 && compare_has(c, FEATURE_SV57))
		return 2;
	return n >= 2 && compare_has(c, FEATURE_SV48);
}

static void asids_choose(const struct compare *c, struct space *pair, u64 *rng)
{
	u64 mask = BIT(c->asid_bits) - 1;

	pair[0].asid = random_next(rng) & mask;
	pair[1].asid = (pair[0].asid ^ BIT(random_below(rng, max_u64(c->asid_bits, 1)))) & mask;
}

static void tables_run(struct compare *c, u64 *rng)
{
	u64 mode = random_mode(c, rng);
	struct space *pair = spaces[mode];

	sharing = random_bool(rng);
	pbmt_bits = compare_has(c, FEATURE_NO_SVPBMT) ? MASK(62, 61) : 0;
	spaces_place(pair, bases[mode][random_below(rng, 2)]);
	asids_choose(c, pair, rng);
	targets_fill();
	for (u64 i = 0; i < SPACES; i++) {
		space_randomize(&pair[i], rng);
		space_trace(c, &pair[i], "before");
	}
	sfence_vma();
	for (u64 i = 0; i < 4; i++) {
		space_use(c, &pair[random_below(rng, SPACES)]);
		accesses_note(c, 4, rng);
	}
	for (u64 i = 0; i < 8; i++)
		leaf_change(c, pair, rng);
	for (u64 i = 0; i < 2; i++)
		entry_change(c, pair, rng);
	csr_write(satp, 0);
	results_note(c, pair);
}

void guest_main(void)
{
	struct compare c = { .name = "paging", .step = tables_run };

	for (u64 mode = 0; mode < 3; mode++)
		for (u64 i = 0; i < SPACES; i++)
			space_build(&spaces[mode][i], 3 + mode);
	hardware_updates = isa_has("svadu") && !isa_has("svade");
	hardware_faults = isa_has("svade");
	compare_run(&c, 300);
}
