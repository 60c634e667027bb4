#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/classic/shadow.h"
#include "riscv/walk.h"

#define PAGE 4096ul
#define CODE 0x80001000ul
#define DATA 0x80002000ul
#define ASID_BASE 100
#define RW (PTE_R | PTE_W)
#define KERNEL 0xffffffc000200000ul

#define SATP(mode, asid, ppn) \
	((u64)(mode) << SATP_MODE_SHIFT | (u64)(asid) << SATP_ASID_SHIFT | (u64)(ppn))
#define SATP39(asid, ppn) SATP(SATP_MODE_SV39, asid, ppn)

static struct host_account account;

/* What the hart was told since the last look. */
static struct {
	unsigned pages, roots;
	u64 va;
	unsigned asid;
} told;

static void tell_page(u64 va, unsigned asid)
{
	told.pages++;
	told.va = va;
	told.asid = asid;
}

static void tell_everywhere(u64 va)
{
	tell_page(va, ~0u);
}

static void tell_root(unsigned asid)
{
	told.roots++;
	told.asid = asid;
}

static const struct shadow_flush flush = { tell_page, tell_everywhere, tell_root };

static void assert_told(unsigned pages, unsigned roots)
{
	assert_int_equal(told.pages, pages);
	assert_int_equal(told.roots, roots);
	told.pages = told.roots = 0;
}

static struct shadow *make(unsigned tables_max)
{
	return shadow_create(&flush, ASID_BASE, CODE, DATA, tables_max, &account);
}

static int setup(void **state)
{
	account = (struct host_account){ 0 };
	*state = make(64);
	shadow_switch(*state, SATP39(1, 1));
	told.pages = told.roots = 0;
	return 0;
}

static int teardown(void **state)
{
	struct shadow *s = *state;

	assert_true(s->tables <= s->tables_max);
	shadow_destroy(s);
	assert_int_equal(account.used, 0);
	return 0;
}

/* ---- The hart */

static bool read_entry(void *ctx, u64 address, u64 *pte)
{
	(void)ctx;
	*pte = *(const u64 *)(uintptr_t)address;
	return true;
}

static int hart_walk(struct shadow *s, enum shadow_view view, u64 va, enum walk_access access,
		     bool user, struct walk_result *res)
{
	static const struct walk_ops ops = { .read = read_entry };
	u64 satp = shadow_satp(s, view);
	struct walk_request req = {
		.va = va,
		.root_ppn = satp & SATP_PPN,
		.mode = (u8)(satp >> SATP_MODE_SHIFT),
		.access = (u8)access,
		.user = user,
		.pbmt = true,
	};

	return walk_page(&ops, NULL, &req, res);
}

/* What a guest's load at va reads from; 0 if it faults. */
static u64 load_from(struct shadow *s, enum shadow_view view, u64 va)
{
	struct walk_result res;
	u64 size, pte = shadow_lookup(s, view, va, &size);

	if (hart_walk(s, view, va, WALK_READ, true, &res) != WALK_OK) {
		assert_false(pte & PTE_U);
		return 0;
	}
	assert_int_equal(pte, res.pte);
	assert_int_equal(size, res.size);
	return res.pa;
}

static void assert_gate(struct shadow *s)
{
	for (enum shadow_view v = 0; v < SHADOW_VIEWS; v++) {
		u64 va = SHADOW_GATE_VA(shadow_gate(s));
		struct walk_result res;

		assert_int_equal(hart_walk(s, v, va, WALK_EXECUTE, false, &res), WALK_OK);
		assert_int_equal(res.pa, CODE);
		assert_true(hart_walk(s, v, va, WALK_WRITE, false, &res) > 0);
		assert_int_equal(hart_walk(s, v, va + PAGE, WALK_WRITE, false, &res), WALK_OK);
		assert_int_equal(res.pa, DATA);
		assert_true(hart_walk(s, v, va + PAGE, WALK_EXECUTE, false, &res) > 0);
		assert_int_equal(load_from(s, v, va), 0);
		assert_int_equal(load_from(s, v, va + PAGE), 0);
	}
}

static bool fill(struct shadow *s, enum shadow_view view, u64 va, u64 pa, u64 size)
{
	struct shadow_page page = { .va = va, .pa = pa, .size = size, .flags = RW };

	return shadow_fill(s, view, &page);
}

static bool fill_global(struct shadow *s, enum shadow_view view, u64 va, u64 pa, u64 size)
{
	struct shadow_page page = { .va = va, .pa = pa, .size = size, .flags = RW, .global = true };

	return shadow_fill(s, view, &page);
}

/* ---- Fills */

static void a_page_is_found_in_its_view_only(void **state)
{
	assert_true(fill(*state, SHADOW_SUM, 0x1234, 0x90000000, PAGE));
	assert_int_equal(load_from(*state, SHADOW_SUM, 0x1ff8), 0x90000ff8);
	assert_int_equal(load_from(*state, SHADOW_SUM, 0x2000), 0);
	assert_int_equal(load_from(*state, SHADOW_S, 0x1000), 0);
	assert_int_equal(load_from(*state, SHADOW_U, 0x1000), 0);
	assert_told(0, 0);
}

static void rights_and_memory_types_are_kept(void **state)
{
	struct shadow_page page = { .va = 0x1000, .pa = 0x90000000, .size = PAGE,
				    .flags = PTE_R | PTE_X | PTE_PBMT_IO };
	struct walk_result res;

	assert_true(shadow_fill(*state, SHADOW_U, &page));
	assert_int_equal(hart_walk(*state, SHADOW_U, 0x1000, WALK_EXECUTE, true, &res), WALK_OK);
	assert_int_equal(res.pte & PTE_PBMT, PTE_PBMT_IO);
	assert_true(hart_walk(*state, SHADOW_U, 0x1000, WALK_WRITE, true, &res) > 0);
}

static void satp_tells_views_and_contexts_apart(void **state)
{
	u64 first[SHADOW_VIEWS], second[SHADOW_VIEWS];

	for (enum shadow_view v = 0; v < SHADOW_VIEWS; v++)
		first[v] = shadow_satp(*state, v);
	shadow_switch(*state, SATP39(2, 2));
	for (enum shadow_view v = 0; v < SHADOW_VIEWS; v++)
		second[v] = shadow_satp(*state, v);
	for (unsigned i = 0; i < SHADOW_VIEWS; i++) {
		u64 asid = (first[i] & SATP_ASID) >> SATP_ASID_SHIFT;

		assert_in_range(asid, ASID_BASE, ASID_BASE + SHADOW_ASIDS - 1);
		assert_int_equal(first[i] >> SATP_MODE_SHIFT, SATP_MODE_SV39);
		for (unsigned k = 0; k < SHADOW_VIEWS; k++) {
			assert_int_not_equal(first[i] & SATP_ASID, second[k] & SATP_ASID);
			assert_int_not_equal(first[i] & SATP_PPN, second[k] & SATP_PPN);
		}
	}
}

static void a_page_is_replaced(void **state)
{
	unsigned asid = (unsigned)(shadow_satp(*state, SHADOW_U) >> SATP_ASID_SHIFT & 0xffff);

	fill(*state, SHADOW_U, 0x1000, 0x90000000, PAGE);
	fill(*state, SHADOW_U, 0x1000, 0x90005000, PAGE);
	assert_int_equal(load_from(*state, SHADOW_U, 0x1000), 0x90005000);
	assert_int_equal(told.va, 0x1000);
	assert_int_equal(told.asid, asid);
	assert_told(1, 0);
}

static void superpages_and_small_pages_replace_each_other(void **state)
{
	struct shadow *s = *state;
	unsigned free;

	fill(s, SHADOW_U, 0x200000, 0x90000000, PAGE);
	free = s->free_count;
	fill(s, SHADOW_U, 0x212345, 0xa0000000, 2 * MIB);
	assert_told(0, 1);
	assert_int_equal(s->free_count, free + 1);
	assert_int_equal(load_from(s, SHADOW_U, 0x200000), 0xa0000000);
	assert_int_equal(load_from(s, SHADOW_U, 0x3ffff8), 0xa01ffff8);
	fill(s, SHADOW_U, 0x300000, 0x90000000, PAGE);
	assert_told(1, 0);
	assert_int_equal(load_from(s, SHADOW_U, 0x300000), 0x90000000);
	assert_int_equal(load_from(s, SHADOW_U, 0x200000), 0);
	fill(s, SHADOW_U, 0x300000, 0xc0000000, GIB);
	assert_told(0, 1);
	assert_int_equal(load_from(s, SHADOW_U, 0x3fffffff), 0xffffffff);
}

static void sizes_between_those_of_entries_are_entered_in_pieces(void **state)
{
	/* Svnapot in the guest: one piece of 16, which a fence on any of them drops. */
	fill(*state, SHADOW_U, 0x2f008, 0x90000000, PTE_NAPOT_SIZE);
	assert_int_equal(load_from(*state, SHADOW_U, 0x2f008), 0x9000f008);
	assert_int_equal(load_from(*state, SHADOW_U, 0x20000), 0);
	shadow_drop_page(*state, 0x21000);
	assert_int_equal(load_from(*state, SHADOW_U, 0x2f008), 0);
}

static void addresses_that_are_not_canonical_are_refused(void **state)
{
	u64 size;

	assert_false(fill(*state, SHADOW_U, 1ul << 38, 0x90000000, PAGE));
	assert_int_equal(shadow_lookup(*state, SHADOW_U, 1ul << 38, &size), 0);
	fill(*state, SHADOW_U, 0x1000, 0x90000000, PAGE);
	shadow_drop_page(*state, 0x1000 | 1ul << 40);
	shadow_drop_page_asid(*state, 0x1000 | 1ul << 40, 1);
	assert_int_equal(load_from(*state, SHADOW_U, 0x1000), 0x90000000);
	assert_told(0, 0);
}

/* ---- Contexts */

static void contexts_stay(void **state)
{
	u64 satp = shadow_satp(*state, SHADOW_U);

	fill(*state, SHADOW_U, 0x1000, 0x90000000, PAGE);
	shadow_switch(*state, SATP39(2, 1));
	assert_int_equal(load_from(*state, SHADOW_U, 0x1000), 0);
	shadow_switch(*state, SATP39(1, 2));
	assert_int_equal(load_from(*state, SHADOW_U, 0x1000), 0);
	shadow_switch(*state, SATP39(1, 1));
	assert_int_equal(load_from(*state, SHADOW_U, 0x1000), 0x90000000);
	assert_int_equal(shadow_satp(*state, SHADOW_U), satp);
	assert_told(0, 0);
}

static void the_context_used_longest_ago_makes_room(void **state)
{
	for (u64 i = 1; i <= SHADOW_CONTEXTS; i++) {
		shadow_switch(*state, SATP39(i, i));
		fill(*state, SHADOW_S, 0x1000, i << 20, PAGE);
	}
	/* Bare's is the ninth, and went when the mode changed; now the second goes. */
	shadow_switch(*state, SATP39(1, 1));
	assert_told(0, 0);
	shadow_switch(*state, SATP39(99, 99));
	assert_told(0, 1);
	assert_int_equal(load_from(*state, SHADOW_S, 0x1000), 0);
	for (u64 i = 3; i <= SHADOW_CONTEXTS; i++) {
		shadow_switch(*state, SATP39(i, i));
		assert_int_equal(load_from(*state, SHADOW_S, 0x1000), i << 20);
	}
	shadow_switch(*state, SATP39(1, 1));
	assert_int_equal(load_from(*state, SHADOW_S, 0x1000), 1 << 20);
	shadow_switch(*state, SATP39(2, 2));
	assert_int_equal(load_from(*state, SHADOW_S, 0x1000), 0);
}

static void another_mode_drops_everything(void **state)
{
	fill_global(*state, SHADOW_S, KERNEL, 0x90000000, PAGE);
	shadow_switch(*state, 0);
	assert_told(0, 1);
	assert_int_equal(load_from(*state, SHADOW_S, KERNEL), 0);
	assert_true(fill(*state, SHADOW_S, 0x80000000, 0x90000000, PAGE));
	shadow_switch(*state, SATP(SATP_MODE_SV48, 1, 1));
	assert_int_equal(shadow_satp(*state, SHADOW_S) >> SATP_MODE_SHIFT, SATP_MODE_SV48);
	assert_int_equal(load_from(*state, SHADOW_S, 0x80000000), 0);
	assert_true(fill(*state, SHADOW_S, 1ul << 46, 0x8000000000, 512 * GIB));
	assert_int_equal(load_from(*state, SHADOW_S, (1ul << 46) + GIB), 0x8040000000);
}

/* ---- Global pages */

static void global_pages_are_in_all_contexts_of_their_kind(void **state)
{
	struct shadow *s = *state;
	unsigned free;

	shadow_satp(s, SHADOW_SUM);
	fill_global(s, SHADOW_S, KERNEL, 0x90000000, PAGE);
	fill_global(s, SHADOW_S, KERNEL + GIB, 0xc0000000, GIB);
	free = s->free_count;
	assert_int_equal(load_from(s, SHADOW_SUM, KERNEL), 0x90000000);
	shadow_switch(s, SATP39(2, 2));
	assert_int_equal(load_from(s, SHADOW_S, KERNEL), 0x90000000);
	assert_int_equal(load_from(s, SHADOW_S, KERNEL + GIB), 0xc0200000);
	assert_int_equal(load_from(s, SHADOW_U, KERNEL), 0);
	/* It cost the new roots only. */
	assert_int_equal(s->free_count, free - 2);
	assert_told(0, 0);
}

static void a_slot_with_other_pages_becomes_the_roots_own(void **state)
{
	fill_global(*state, SHADOW_S, KERNEL, 0x90000000, PAGE);
	fill(*state, SHADOW_S, KERNEL + PAGE, 0x90001000, PAGE);
	assert_told(0, 1);
	assert_int_equal(load_from(*state, SHADOW_S, KERNEL), 0);
	assert_int_equal(load_from(*state, SHADOW_SUM, KERNEL), 0x90000000);
	fill_global(*state, SHADOW_S, KERNEL, 0x90000000, PAGE);
	assert_int_equal(load_from(*state, SHADOW_S, KERNEL), 0x90000000);
	shadow_drop_page(*state, KERNEL);
	assert_int_equal(load_from(*state, SHADOW_S, KERNEL), 0);
	assert_int_equal(load_from(*state, SHADOW_SUM, KERNEL), 0);
	/* When it holds nothing of its own any more, it leads to the global tables again. */
	fill_global(*state, SHADOW_SUM, KERNEL, 0x90000000, PAGE);
	shadow_drop_asid(*state, 1);
	assert_int_equal(load_from(*state, SHADOW_S, KERNEL + PAGE), 0);
	assert_int_equal(load_from(*state, SHADOW_S, KERNEL), 0x90000000);
}

static void global_pages_are_replaced_in_all_roots(void **state)
{
	fill_global(*state, SHADOW_S, KERNEL, 0xc0000000, GIB);
	shadow_satp(*state, SHADOW_SUM);
	shadow_switch(*state, SATP39(2, 2));
	assert_int_equal(load_from(*state, SHADOW_S, KERNEL), 0xc0200000);
	fill_global(*state, SHADOW_S, KERNEL, 0x90000000, PAGE);
	assert_told(1, 0);
	fill_global(*state, SHADOW_S, KERNEL, 0xc0000000, GIB);
	assert_told(0, 3);
	shadow_drop_page(*state, KERNEL + PAGE);
	assert_told(1, 0);
	assert_int_equal(load_from(*state, SHADOW_S, KERNEL), 0);
	shadow_switch(*state, SATP39(1, 1));
	assert_int_equal(load_from(*state, SHADOW_SUM, KERNEL), 0);
}

/* ---- Fences */

static void fill_three(struct shadow *s)
{
	fill_global(s, SHADOW_S, KERNEL, 0x90000000, PAGE);
	shadow_switch(s, SATP39(2, 2));
	fill(s, SHADOW_U, 0x1000, 0x90002000, PAGE);
	fill(s, SHADOW_SUM, 0x1000, 0x90002000, PAGE);
	shadow_switch(s, SATP39(1, 1));
	fill(s, SHADOW_U, 0x1000, 0x90001000, PAGE);
	fill(s, SHADOW_U, 0x2000, 0x90003000, PAGE);
	assert_told(0, 0);
}

static void dropping_all_leaves_nothing(void **state)
{
	u64 satp;

	fill_three(*state);
	satp = shadow_satp(*state, SHADOW_U);
	shadow_drop_all(*state);
	assert_told(0, 4);
	assert_int_equal(shadow_satp(*state, SHADOW_U), satp);
	assert_int_equal(load_from(*state, SHADOW_U, 0x1000), 0);
	assert_int_equal(load_from(*state, SHADOW_S, KERNEL), 0);
	shadow_switch(*state, SATP39(2, 2));
	assert_int_equal(load_from(*state, SHADOW_U, 0x1000), 0);
	assert_gate(*state);
}

static void dropping_an_asid_leaves_others_and_global_pages(void **state)
{
	fill_three(*state);
	shadow_drop_asid(*state, 2);
	assert_told(0, 2);
	shadow_drop_asid(*state, 2);
	shadow_drop_asid(*state, 3);
	assert_told(0, 0);
	assert_int_equal(load_from(*state, SHADOW_U, 0x1000), 0x90001000);
	assert_int_equal(load_from(*state, SHADOW_S, KERNEL), 0x90000000);
	shadow_switch(*state, SATP39(2, 2));
	assert_int_equal(load_from(*state, SHADOW_U, 0x1000), 0);
	assert_int_equal(load_from(*state, SHADOW_SUM, 0x1000), 0);
}

static void dropping_a_page_drops_it_everywhere(void **state)
{
	fill_three(*state);
	shadow_drop_page(*state, 0x1ff8);
	assert_told(3, 0);
	shadow_drop_page(*state, KERNEL);
	assert_told(1, 0);
	assert_int_equal(load_from(*state, SHADOW_U, 0x1000), 0);
	assert_int_equal(load_from(*state, SHADOW_U, 0x2000), 0x90003000);
	assert_int_equal(load_from(*state, SHADOW_S, KERNEL), 0);
	shadow_switch(*state, SATP39(2, 2));
	assert_int_equal(load_from(*state, SHADOW_SUM, 0x1000), 0);
}

static void dropping_a_page_of_an_asid_leaves_the_others(void **state)
{
	fill_three(*state);
	shadow_drop_page_asid(*state, 0x1000, 2);
	assert_told(2, 0);
	shadow_drop_page_asid(*state, KERNEL, 2);
	assert_told(0, 0);
	assert_int_equal(load_from(*state, SHADOW_U, 0x1000), 0x90001000);
	assert_int_equal(load_from(*state, SHADOW_S, KERNEL), 0x90000000);
	shadow_switch(*state, SATP39(2, 2));
	assert_int_equal(load_from(*state, SHADOW_U, 0x1000), 0);
}

static void dropping_what_is_not_there_tells_nobody(void **state)
{
	fill_three(*state);
	shadow_drop_page(*state, 0x3000);
	shadow_drop_page(*state, KERNEL + PAGE);
	shadow_drop_page(*state, KERNEL + GIB);
	shadow_drop_page(*state, SHADOW_GATE_VA(0));
	assert_told(0, 0);
	assert_gate(*state);
}

static void dropping_a_piece_drops_the_guests_page(void **state)
{
	struct shadow_page page = { .va = 0x200000, .pa = 0x90000000, .size = PAGE,
				    .span = 2 * MIB, .flags = RW };

	shadow_fill(*state, SHADOW_U, &page);
	page.va = 0x3ff000;
	shadow_fill(*state, SHADOW_U, &page);
	fill(*state, SHADOW_U, 0x400000, 0x91000000, PAGE);
	shadow_drop_page(*state, 0x300000);
	assert_told(0, 1);
	assert_int_equal(load_from(*state, SHADOW_U, 0x200000), 0);
	assert_int_equal(load_from(*state, SHADOW_U, 0x3ff000), 0);
	assert_int_equal(load_from(*state, SHADOW_U, 0x400000), 0x91000000);
	/* And of a global page that takes the whole slot. */
	page = (struct shadow_page){ .va = KERNEL, .pa = 0x92000000, .size = 2 * MIB, .span = GIB,
				     .flags = RW, .global = true };
	shadow_fill(*state, SHADOW_S, &page);
	assert_int_equal(load_from(*state, SHADOW_S, KERNEL), 0x92000000);
	shadow_drop_page(*state, KERNEL + 8 * MIB);
	assert_told(0, 1);
	assert_int_equal(load_from(*state, SHADOW_S, KERNEL), 0);
}

/* ---- The gate */

static void the_gate_is_in_every_root(void **state)
{
	for (u64 mode = SATP_MODE_SV39; mode <= SATP_MODE_SV57; mode++) {
		shadow_switch(*state, SATP(mode, 1, 1));
		assert_gate(*state);
		fill(*state, SHADOW_U, 0ul - 512 * MIB, 0x90000000, PAGE);
		fill_global(*state, SHADOW_S, 0ul - 512 * MIB, 0x90000000, PAGE);
		fill(*state, SHADOW_SUM, 0ul - 0x20000, 0x90000000, PAGE);
		assert_gate(*state);
		shadow_drop_asid(*state, 1);
		assert_gate(*state);
		shadow_drop_all(*state);
		assert_gate(*state);
	}
}

static void the_gates_place_is_refused(void **state)
{
	assert_true(shadow_is_gate(*state, 0ul - 1));
	assert_true(shadow_is_gate(*state, 0ul - 2 * PAGE));
	assert_false(shadow_is_gate(*state, 0ul - 2 * PAGE - 1));
	assert_false(shadow_is_gate(*state, 0));
	assert_false(fill(*state, SHADOW_S, 0ul - PAGE, 0x90000000, PAGE));
	assert_false(fill(*state, SHADOW_S, 0ul - 2 * PAGE, 0x80000000, GIB));
	assert_true(fill(*state, SHADOW_S, 0ul - 3 * PAGE, 0x90000000, PAGE));
	assert_int_equal(load_from(*state, SHADOW_S, 0ul - 3 * PAGE), 0x90000000);
	assert_gate(*state);
}

static void large_pages_leave_room_for_the_gate(void **state)
{
	u64 size;

	assert_true(fill(*state, SHADOW_S, 0ul - GIB, 0x80000000, GIB));
	assert_int_equal(load_from(*state, SHADOW_S, 0ul - GIB), 0x80000000);
	shadow_lookup(*state, SHADOW_S, 0ul - GIB, &size);
	assert_int_equal(size, 2 * MIB);
	assert_true(fill(*state, SHADOW_S, 0ul - 3 * PAGE, 0x80000000, GIB));
	assert_int_equal(load_from(*state, SHADOW_S, 0ul - 3 * PAGE), 0xc0000000 - 3 * PAGE);
	assert_gate(*state);
	shadow_drop_page(*state, 0ul - PAGE);
	assert_int_equal(load_from(*state, SHADOW_S, 0ul - 3 * PAGE), 0);
	assert_int_equal(load_from(*state, SHADOW_S, 0ul - GIB), 0);
	assert_gate(*state);
}

static void the_gate_moves_in_every_root(void **state)
{
	fill(*state, SHADOW_S, 0ul - 3 * PAGE, 0x90000000, PAGE);
	fill_global(*state, SHADOW_SUM, 0ul - 4 * PAGE, 0x90000000, PAGE);
	assert_told(0, 1);
	for (unsigned i = 1; i <= SHADOW_GATES; i++) {
		shadow_move_gate(*state);
		assert_int_equal(shadow_gate(*state), i % SHADOW_GATES);
		assert_gate(*state);
		assert_int_equal(load_from(*state, SHADOW_S, 0ul - 3 * PAGE), 0);
		assert_int_equal(load_from(*state, SHADOW_SUM, 0ul - 4 * PAGE), 0);
		assert_true(fill(*state, SHADOW_S, SHADOW_GATE_VA(i - 1), 0x90000000, PAGE));
		shadow_switch(*state, SATP39(i, i));
		assert_gate(*state);
		shadow_switch(*state, SATP39(1, 1));
	}
}

/* ---- Limits */

static void tables_are_bounded(void **state)
{
	struct shadow *s = make(SHADOW_TABLES_MIN);

	(void)state;
	for (u64 mode = SATP_MODE_SV39; mode <= SATP_MODE_SV57; mode++) {
		for (u64 i = 0; i < 2000; i++) {
			enum shadow_view view = i % SHADOW_VIEWS;
			u64 va = i * 2 * MIB * (i & 4 ? GIB / MIB / 2 : 1) % (256 * GIB);
			u64 satp;

			if (i % 50 == 0)
				shadow_switch(s, SATP(mode, i, i));
			satp = shadow_satp(s, view);
			va = i & 1 ? 0ul - PAGE - va - 0x20000 : va;
			assert_true((i & 2 ? fill_global : fill)(s, view, va, 0x90000000, PAGE));
			assert_int_equal(load_from(s, view, va), 0x90000000 + (va & (PAGE - 1)));
			assert_int_equal(shadow_satp(s, view), satp);
			assert_int_equal(s->tables, SHADOW_TABLES_MIN);
		}
		assert_gate(s);
	}
	shadow_destroy(s);
}

static void others_make_room_before_the_current_context(void **state)
{
	struct shadow *s = *state;

	fill_global(s, SHADOW_S, KERNEL, 0x90000000, PAGE);
	shadow_switch(s, SATP39(2, 2));
	for (u64 i = 0; s->tables < s->tables_max || s->free_count > 5; i++)
		fill(s, SHADOW_U, i * 2 * MIB, 0x90000000, PAGE);
	shadow_switch(s, SATP39(1, 1));
	for (u64 i = 0; i < 40; i++)
		fill(s, SHADOW_U, i * 2 * MIB, 0x90000000, PAGE);
	for (u64 i = 0; i < 40; i++)
		assert_int_equal(load_from(s, SHADOW_U, i * 2 * MIB), 0x90000000);
	assert_int_equal(load_from(s, SHADOW_S, KERNEL), 0x90000000);
	assert_int_equal(s->tables, s->tables_max);
}

static void fills_succeed_when_memory_is_short(void **state)
{
	struct shadow *s = *state;

	account.limit = account.used;
	for (u64 i = 0; i < 100; i++) {
		assert_true(fill(s, SHADOW_U, i * 2 * MIB, 0x90000000, PAGE));
		assert_int_equal(load_from(s, SHADOW_U, i * 2 * MIB), 0x90000000);
	}
	assert_int_equal(s->tables, SHADOW_TABLES_MIN);
}

static void creation_fails_cleanly(void **state)
{
	u64 before = account.used;

	for (u64 pages = 0; pages < SHADOW_TABLES_MIN; pages++) {
		account.limit = before + pages * PAGE;
		assert_null(make(64));
		assert_int_equal(account.used, before);
	}
	shadow_destroy(NULL);
	account.limit = 0;
	(void)state;
}

static void a_hart_without_asids_gets_zero(void **state)
{
	struct shadow *s = shadow_create(&flush, 0, CODE, DATA, 64, &account);

	(void)state;
	shadow_switch(s, SATP39(5, 5));
	assert_int_equal(shadow_satp(s, SHADOW_SUM) & SATP_ASID, 0);
	fill(s, SHADOW_SUM, 0x1000, 0x90000000, PAGE);
	shadow_drop_page(s, 0x1000);
	assert_int_equal(told.asid, 0);
	assert_told(1, 0);
	shadow_destroy(s);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_page_is_found_in_its_view_only),
		test(rights_and_memory_types_are_kept),
		test(satp_tells_views_and_contexts_apart),
		test(a_page_is_replaced),
		test(superpages_and_small_pages_replace_each_other),
		test(sizes_between_those_of_entries_are_entered_in_pieces),
		test(addresses_that_are_not_canonical_are_refused),
		test(contexts_stay),
		test(the_context_used_longest_ago_makes_room),
		test(another_mode_drops_everything),
		test(global_pages_are_in_all_contexts_of_their_kind),
		test(a_slot_with_other_pages_becomes_the_roots_own),
		test(global_pages_are_replaced_in_all_roots),
		test(dropping_all_leaves_nothing),
		test(dropping_an_asid_leaves_others_and_global_pages),
		test(dropping_a_page_drops_it_everywhere),
		test(dropping_a_page_of_an_asid_leaves_the_others),
		test(dropping_what_is_not_there_tells_nobody),
		test(dropping_a_piece_drops_the_guests_page),
		test(the_gate_is_in_every_root),
		test(the_gates_place_is_refused),
		test(large_pages_leave_room_for_the_gate),
		test(the_gate_moves_in_every_root),
		test(tables_are_bounded),
		test(others_make_room_before_the_current_context),
		test(fills_succeed_when_memory_is_short),
		test(creation_fails_cleanly),
		test(a_hart_without_asids_gets_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
