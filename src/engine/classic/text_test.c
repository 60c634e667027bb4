#include "engine/classic/text.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/fake/fake.h"

#define PAGE 4096ul
#define BASE 0x80000000ul
#define PAGES 8
#define COPY_PA(n) (0x1000000ul + (n) * PAGE)

#define NOP 0x0001u
#define CSRR 0x10002573u /* csrr a0, sstatus */
#define SRET 0x10200073u
#define ADDI 0x00100513u
#define HIGH(insn) ((u16)((insn) >> 16))

static struct host_account account;
static struct text *t;
static u16 memory[PAGES][TEXT_PARCELS] __attribute__((aligned(4096)));
static u16 copies[PAGES][TEXT_PARCELS] __attribute__((aligned(4096)));

static u64 at(unsigned page, unsigned offset)
{
	return BASE + page * PAGE + offset;
}

static int add(unsigned page)
{
	return text_add(t, at(page, 0), memory[page], copies[page], COPY_PA(page));
}

static int setup(void **state unused)
{
	fake_reset();
	account = (struct host_account){ 0 };
	t = text_create(PAGES, &account);
	assert_non_null(t);
	assert_int_equal(text_region_add(t, BASE, 64 * MIB), 0);
	memset(copies, 0xee, sizeof(copies));
	for (unsigned i = 0; i < PAGES; i++)
		for (unsigned j = 0; j < TEXT_PARCELS; j++)
			memory[i][j] = NOP;
	return 0;
}

static int teardown(void **state unused)
{
	struct text_copy copy;

	while (text_remove_any(t, &copy)) {
		size_t page = (copy.gpa - BASE) / PAGE;

		assert_ptr_equal(copy.copy, copies[page]);
		assert_int_equal(copy.copy_pa, COPY_PA(page));
	}
	text_destroy(t);
	assert_int_equal(account.used, 0);
	return 0;
}

static void insn_put(unsigned page, unsigned offset, u32 insn)
{
	for (unsigned i = 0; i < 4; i++)
		((u8 *)memory[page])[offset + i] = (u8)(insn >> 8 * i);
}

static u16 parcel(u16 pages[][TEXT_PARCELS], unsigned page, unsigned offset)
{
	return pages[page][offset / 2];
}

static bool patch(unsigned page, unsigned offset)
{
	return text_patch(t, at(page, offset), text_changes(t));
}

static bool is_patched(unsigned page, unsigned offset)
{
	u32 insn;

	return text_breakpoint(t, at(page, offset), &insn);
}

/* Puts an instruction into pages with copies, and patches it. */
static void insn_patch(unsigned page, unsigned offset, u32 insn)
{
	assert_true(text_store(t, at(page, offset), insn, 4));
	assert_true(patch(page, offset));
	assert_int_equal(parcel(copies, page, offset), TEXT_BREAK);
	assert_int_equal(parcel(memory, page, offset), (u16)insn);
}

static unsigned patches(void)
{
	struct text_stats stats;

	text_stats(t, &stats);
	return stats.patches;
}

/* The copy is the page but for its patches, which all are in it. */
static void assert_mirrored(unsigned page)
{
	for (unsigned offset = 0; offset < PAGE; offset += 2) {
		u16 want = is_patched(page, offset) ? TEXT_BREAK : parcel(memory, page, offset);

		assert_int_equal(parcel(copies, page, offset), want);
	}
}

/* ---- Pages */

static void a_page_gets_a_copy(void **state unused)
{
	struct text_page_info info;

	memory[1][7] = 0x1234;
	assert_false(text_find(t, at(1, 0), &info));
	assert_int_equal(add(1), 0);
	assert_true(text_find(t, at(1, 0xffe), &info));
	assert_int_equal(info.copy_pa, COPY_PA(1));
	assert_int_equal(info.stores | info.patches, 0);
	assert_memory_equal(memory[1], copies[1], PAGE);
	assert_false(text_find(t, at(0, 0xfff), &info));
	assert_false(text_find(t, at(2, 0), &info));
	assert_int_equal(add(1), -EEXIST);
}

static void pages_are_bounded(void **state unused)
{
	struct text_copy copy;

	for (unsigned i = 0; i < PAGES; i++)
		assert_int_equal(add(i), 0);
	assert_int_equal(text_add(t, at(100, 0), memory[0], copies[0], 0), -ENOMEM);
	assert_true(text_leave(t, at(3, 0)));
	assert_true(text_remove(t, at(3, 0), &copy));
	assert_int_equal(add(3), 0);
}

static void memory_may_be_short(void **state unused)
{
	fake_alloc_limit(0);
	assert_int_equal(add(0), -ENOMEM);
	assert_null(text_create(4, &account));
	fake_alloc_limit(1);
	assert_null(text_create(4, &account));
	assert_int_equal(text_region_add(t, BASE + GIB, MIB), -ENOMEM);
	fake_alloc_limit(~0u);
}

static void a_page_leaves_in_two_steps(void **state unused)
{
	struct text_page_info info;
	struct text_copy copy;

	assert_false(text_leave(t, at(1, 0)));
	assert_int_equal(add(1), 0);
	insn_patch(1, 8, SRET);
	assert_false(text_remove(t, at(1, 0), &copy));
	assert_true(text_leave(t, at(1, 4)));
	assert_false(text_leave(t, at(1, 0)));
	/* Not mapped any more, but some hart may still execute it. */
	assert_true(text_find(t, at(1, 0), &info));
	assert_int_equal(info.copy_pa, 0);
	assert_true(text_any(t, BASE, 2 * MIB));
	assert_false(text_note_writable(t, at(1, 0), PAGE));
	assert_true(is_patched(1, 8));
	assert_false(patch(1, 16));
	assert_int_equal(text_store(t, at(1, 32), ADDI, 4), 0xf);
	assert_mirrored(1);
	assert_true(text_remove(t, at(1, 0), &copy));
	assert_ptr_equal(copy.copy, copies[1]);
	assert_int_equal(copy.gpa, at(1, 0));
	assert_false(text_find(t, at(1, 0), &info));
	assert_false(text_any(t, BASE, 2 * MIB));
	assert_int_equal(patches(), 0);
	assert_true(text_note_writable(t, at(1, 0), PAGE));
	assert_false(text_remove(t, at(1, 0), &copy));
}

static void ranges_tell_whether_pages_have_copies(void **state unused)
{
	assert_false(text_any(t, BASE, GIB));
	assert_int_equal(add(5), 0);
	assert_true(text_any(t, BASE, GIB));
	assert_true(text_any(t, BASE, 2 * MIB));
	assert_true(text_any(t, at(5, 0), PAGE));
	assert_true(text_any(t, at(4, 0xfff), 2));
	assert_false(text_any(t, BASE, 5 * PAGE));
	assert_false(text_any(t, at(6, 0), 2 * MIB));
	assert_true(text_any(t, 0, BASE + GIB));
	assert_false(text_any(t, BASE, 0));
}

/* ---- Who may write */

static void what_is_writable_gets_no_copy(void **state unused)
{
	assert_false(text_was_writable(t, at(2, 0)));
	assert_true(text_note_writable(t, at(2, 0), 2 * PAGE));
	assert_true(text_was_writable(t, at(2, 0)));
	assert_true(text_was_writable(t, at(3, 0xfff)));
	assert_false(text_was_writable(t, at(1, 0)));
	assert_false(text_was_writable(t, at(4, 0)));
	assert_int_equal(add(2), -EBUSY);
	assert_int_equal(add(1), 0);
}

static void what_has_a_copy_is_not_writable(void **state unused)
{
	assert_int_equal(add(2), 0);
	assert_false(text_note_writable(t, at(2, 0), PAGE));
	assert_false(text_note_writable(t, BASE, 2 * MIB));
	assert_false(text_note_writable(t, BASE, GIB));
	assert_true(text_note_writable(t, at(3, 0), PAGE));
	assert_true(text_note_writable(t, BASE + 2 * MIB, 4 * MIB));
	assert_true(text_was_writable(t, BASE + 4 * MIB));
	assert_false(text_was_writable(t, BASE + 6 * MIB));
}

static void forgetting_keeps_what_comes_meanwhile(void **state unused)
{
	text_note_writable(t, BASE, 4 * MIB);
	assert_true(text_forget_begin(t));
	assert_false(text_forget_begin(t));
	assert_true(text_was_writable(t, at(1, 0)));
	assert_true(text_note_writable(t, at(2, 0), PAGE));
	text_forget_end(t);
	assert_false(text_was_writable(t, at(1, 0)));
	assert_false(text_was_writable(t, BASE + 2 * MIB));
	assert_true(text_was_writable(t, at(2, 0)));
	assert_true(text_forget_begin(t));
	text_forget_end(t);
	assert_false(text_was_writable(t, at(2, 0)));
	assert_int_equal(add(2), 0);
}

static void memory_that_was_not_added_gets_no_copies(void **state unused)
{
	u64 outside = BASE + 64 * MIB;

	assert_true(text_was_writable(t, outside));
	assert_true(text_note_writable(t, outside, 2 * MIB));
	assert_true(text_note_writable(t, 0, PAGE));
	assert_true(text_note_writable(t, ~0ul - 0xfff, PAGE));
	assert_int_equal(text_add(t, outside, memory[0], copies[0], 0), -EINVAL);
	assert_int_equal(text_store(t, ~0ul - 3, 0, 8), 0);
	text_refresh(t, ~0ul - 3, 8);
}

static void regions_may_share_a_chunk(void **state unused)
{
	assert_int_equal(text_region_add(t, BASE - 3 * MIB, 3 * MIB + MIB), 0);
	assert_int_equal(text_region_add(t, BASE - 5 * MIB, MIB), 0);
	assert_int_equal(text_region_add(t, BASE + 63 * MIB, MIB), 0);
	assert_int_equal(text_region_add(t, BASE + 32 * MIB, GIB), -EEXIST);
	assert_int_equal(text_region_add(t, BASE + GIB, 0), 0);
	assert_false(text_was_writable(t, BASE - 3 * MIB));
	assert_false(text_was_writable(t, BASE - 5 * MIB));
	assert_true(text_was_writable(t, BASE - 7 * MIB));
	text_note_writable(t, BASE - 2 * MIB, 3 * MIB);
	assert_true(text_was_writable(t, BASE + MIB - 1));
	assert_true(text_was_writable(t, BASE - 1));
	assert_false(text_was_writable(t, BASE + MIB));
	assert_false(text_was_writable(t, BASE - 2 * MIB - 1));
}

static void regions_are_bounded(void **state unused)
{
	for (u64 i = 1; i < TEXT_REGIONS; i++)
		assert_int_equal(text_region_add(t, BASE + (i * 7 % 64) * GIB, MIB), 0);
	assert_int_equal(text_region_add(t, BASE + 100 * GIB, MIB), -ENOMEM);
	for (u64 i = 0; i < TEXT_REGIONS; i++)
		assert_false(text_was_writable(t, BASE + i * GIB));
}

/* ---- Patches */

static void an_instruction_is_patched(void **state unused)
{
	struct text_page_info info;
	u32 insn = 0;

	insn_put(0, 8, CSRR);
	assert_false(patch(0, 8));
	add(0);
	assert_true(patch(0, 8));
	assert_true(patch(0, 8));
	assert_int_equal(parcel(copies, 0, 8), TEXT_BREAK);
	assert_int_equal(parcel(copies, 0, 10), HIGH(CSRR));
	assert_int_equal(parcel(memory, 0, 8), (u16)CSRR);
	assert_true(text_breakpoint(t, at(0, 8), &insn));
	assert_int_equal(insn, CSRR);
	assert_false(is_patched(0, 10));
	assert_true(text_find(t, at(0, 0), &info));
	assert_int_equal(info.patches, 1);
	assert_true(text_unpatch(t, at(0, 8)));
	assert_false(text_unpatch(t, at(0, 8)));
	assert_memory_equal(memory[0], copies[0], PAGE);
}

static void only_what_was_read_is_patched(void **state unused)
{
	u32 changes = text_changes(t);

	insn_put(0, 8, CSRR);
	add(0);
	assert_int_equal(text_changes(t), changes);
	assert_int_equal(text_store(t, at(0, 100), NOP, 2), 3);
	assert_false(text_patch(t, at(0, 8), changes));
	assert_true(patch(0, 8));
	/* Two bytes are no place for one that replaces four. */
	assert_false(patch(0, 100));
}

/* Taking back one of two that overlap would leave half of the other. */
static void patches_do_not_overlap(void **state unused)
{
	add(0);
	add(1);
	insn_patch(0, 8, 0x10730073);
	assert_false(patch(0, 10));
	insn_put(0, 100, 0x10730073);
	text_refresh(t, at(0, 100), 4);
	assert_true(patch(0, 102));
	assert_false(patch(0, 100));
	insn_put(0, 0xffe, 0x10730073);
	text_refresh(t, at(0, 0xffe), 4);
	assert_true(patch(1, 0));
	assert_false(patch(0, 0xffe));
}

static void an_instruction_may_end_in_the_next_page(void **state unused)
{
	u32 insn;

	insn_put(0, 0xffe, SRET);
	add(0);
	assert_true(patch(0, 0xffe));
	assert_true(text_breakpoint(t, at(0, 0xffe), &insn));
	assert_int_equal(insn, (u16)SRET);
}

/* ---- Stores */

static void stores_go_to_both(void **state unused)
{
	struct text_page_info info;

	add(0);
	for (unsigned size = 1; size <= 8; size++)
		for (unsigned offset = 0; offset < 16; offset++) {
			u64 value = 0x0123456789abcdeful * (offset + 1);

			assert_int_equal(text_store(t, at(0, offset), value, size), (1u << size) - 1);
			assert_memory_equal((u8 *)memory[0] + offset, &value, size);
			assert_memory_equal(memory[0], copies[0], PAGE);
		}
	text_find(t, at(0, 0), &info);
	assert_int_equal(info.stores, 128);
}

static void stores_may_cross_pages(void **state unused)
{
	u64 value = 0x8877665544332211;

	add(0);
	add(1);
	add(3);
	assert_int_equal(text_store(t, at(0, 0xffd), value, 8), 0xff);
	assert_memory_equal((u8 *)memory[0] + 0xffd, &value, 8);
	assert_mirrored(0);
	assert_mirrored(1);
	/* Into a page without a copy, and out of one. */
	assert_int_equal(text_store(t, at(1, 0xffd), value, 8), 0x07);
	assert_int_equal(memory[2][0], NOP);
	assert_int_equal(text_store(t, at(2, 0xffc), value, 8), 0xf0);
	assert_int_equal(memory[2][2047], NOP);
	assert_int_equal(memory[3][0], 0x6655);
	assert_int_equal(text_store(t, at(2, 0), value, 8), 0);
	assert_mirrored(1);
	assert_mirrored(3);
}

/* Every store of every size around a patch takes it back if it touches its instruction. */
static void stores_take_back_what_they_touch(void **state unused)
{
	add(0);
	for (unsigned size = 1; size <= 8; size++)
		for (unsigned offset = 84; offset < 112; offset++) {
			bool touches = offset + size > 100 && offset < 104;
			/* Also if what is before may reach into it now. */
			bool near = offset + size > 98 && offset < 104;

			insn_patch(0, 100, CSRR);
			text_store(t, at(0, offset), 0x1111111111111111, size);
			if (touches)
				assert_false(is_patched(0, 100));
			assert_int_equal(is_patched(0, 100), !near);
			assert_mirrored(0);
		}
}

static void the_high_parcel_may_be_in_the_next_page(void **state unused)
{
	for (unsigned next = 0; next < 2; next++) {
		teardown(NULL);
		setup(NULL);
		insn_put(0, 0xffe, SRET);
		add(0);
		if (next)
			add(1);
		assert_true(patch(0, 0xffe));
		assert_int_equal(text_store(t, at(1, 2), 0x5555, 2), next ? 3 : 0);
		assert_true(is_patched(0, 0xffe));
		assert_int_equal(text_store(t, at(1, 1), 0x55, 1), next);
		assert_false(is_patched(0, 0xffe));
		assert_mirrored(0);
	}
}

static void stores_of_a_breakpoint_are_the_guests(void **state unused)
{
	add(0);
	insn_patch(0, 8, CSRR);
	assert_int_equal(text_store(t, at(0, 8), TEXT_BREAK, 2), 3);
	assert_false(is_patched(0, 8));
	assert_int_equal(parcel(memory, 0, 8), TEXT_BREAK);
	assert_int_equal(parcel(copies, 0, 8), TEXT_BREAK);
	assert_int_equal(patches(), 0);
}

static void others_writes_are_taken_over(void **state unused)
{
	add(0);
	add(2);
	insn_patch(0, 0xff0, SRET);
	insn_patch(0, 0x10, SRET);
	insn_patch(2, 0x20, SRET);
	memset((u8 *)memory + 0x800, 0x55, 3 * PAGE - 0x800);
	text_refresh(t, at(0, 0x800), 3 * PAGE - 0x800);
	assert_true(is_patched(0, 0x10));
	assert_int_equal(patches(), 1);
	assert_mirrored(0);
	assert_mirrored(2);
	memory[0][1] = 0x6666;
	text_refresh(t, at(0, 3), 1);
	assert_mirrored(0);
	text_refresh(t, at(1, 0), PAGE);
	text_refresh(t, at(0, 0), 0);
	assert_true(is_patched(0, 0x10));
}

static void changes_are_told(void **state unused)
{
	u32 changes = text_changes(t);
	struct text_copy copy;

	add(0);
	text_store(t, at(1, 0), 0, 8);
	assert_int_equal(text_changes(t), changes);
	text_store(t, at(0, 0), 0, 8);
	assert_int_not_equal(text_changes(t), changes);
	changes = text_changes(t);
	text_refresh(t, at(0, 0), 8);
	assert_int_not_equal(text_changes(t), changes);
	changes = text_changes(t);
	text_leave(t, at(0, 0));
	assert_int_not_equal(text_changes(t), changes);
	changes = text_changes(t);
	text_remove(t, at(0, 0), &copy);
	assert_int_not_equal(text_changes(t), changes);
}

/* ---- Several harts */

#define ROUNDS 20000

static bool stop, mixture;

/* A hart that executes: what it fetches is the old text, the new one, or a patch of either. */
static void *fetch(void *arg unused)
{
	const u64 *words = (const u64 *)(const void *)copies[0];

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		u64 text = __atomic_load_n(&words[1], __ATOMIC_RELAXED);
		u16 low = (u16)text;

		if (text >> 32 != NOP || (low != TEXT_BREAK && (text & 0xffffffff) != CSRR &&
					  (text & 0xffffffff) != ADDI))
			mixture = true;
		else if (low == TEXT_BREAK && (text >> 16 & 0xffff) != HIGH(CSRR))
			mixture = true;
	}
	return NULL;
}

/* Another that patches what it finds. */
static void *patcher(void *arg unused)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		u32 changes = text_changes(t);

		if (__atomic_load_n(&memory[0][4], __ATOMIC_RELAXED) == (u16)CSRR)
			text_patch(t, at(0, 8), changes);
	}
	return NULL;
}

static void no_hart_sees_a_mixture(void **state unused)
{
	pthread_t threads[2];

	insn_put(0, 8, CSRR);
	insn_put(0, 12, NOP);
	add(0);
	stop = mixture = false;
	assert_int_equal(pthread_create(&threads[0], NULL, fetch, NULL), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, patcher, NULL), 0);
	for (unsigned i = 0; i < ROUNDS; i++)
		text_store(t, at(0, 8), i & 1 ? CSRR : ADDI, 4);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	assert_false(mixture);
	assert_mirrored(0);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		test(a_page_gets_a_copy),
		test(pages_are_bounded),
		test(memory_may_be_short),
		test(a_page_leaves_in_two_steps),
		test(ranges_tell_whether_pages_have_copies),
		test(what_is_writable_gets_no_copy),
		test(what_has_a_copy_is_not_writable),
		test(forgetting_keeps_what_comes_meanwhile),
		test(memory_that_was_not_added_gets_no_copies),
		test(regions_may_share_a_chunk),
		test(regions_are_bounded),
		test(an_instruction_is_patched),
		test(only_what_was_read_is_patched),
		test(patches_do_not_overlap),
		test(an_instruction_may_end_in_the_next_page),
		test(stores_go_to_both),
		test(stores_may_cross_pages),
		test(stores_take_back_what_they_touch),
		test(the_high_parcel_may_be_in_the_next_page),
		test(stores_of_a_breakpoint_are_the_guests),
		test(others_writes_are_taken_over),
		test(changes_are_told),
		test(no_hart_sees_a_mixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
