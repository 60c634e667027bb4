/*
 * Rewritten text under random stores, patches, and pages that come and go, against memory as it
 * would be without all that. A copy differs from its page in its patches only, and nothing that is
 * not a patched instruction reaches into one.
 */
#include <string.h>

#include "engine/classic/text.h"
#include "riscv/insn.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define require(condition) ((condition) ? (void)0 : __builtin_trap())

enum {
	PAGES = 6,     /* around a boundary of 2 MiB */
	PAGES_MAX = 4, /* of them may have copies */
	OPS_MAX = 200,
	PAGE = 4096,
};

#define BASE (0x80200000ul - 3 * PAGE)
#define COPY_PA(n) (0x1000000ul + (u64)(n) * PAGE)

static u8 memory[PAGES * PAGE] __attribute__((aligned(4096)));
static u8 copies[PAGES * PAGE] __attribute__((aligned(4096)));
static u8 expected[PAGES * PAGE]; /* what memory must be */

enum state { NONE, LIVE, LEAVING };

static struct {
	struct text *t;
	enum state pages[PAGES];
	bool writable[PAGES], old[PAGES]; /* noted; before text_forget_begin() */
	bool forgetting;
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

/* Mostly near the edges of pages. */
static u64 take_offset(void)
{
	u8 b = input_byte();
	u64 near = (u64)(b >> 3) * PAGE / 4 + (u64)(b & 7) * 2;

	return (near + PAGES * PAGE - 6 + (input_byte() & 7)) % (PAGES * PAGE);
}

static u64 take_value(void)
{
	static const u64 values[] = {
		0x1020007310200073, 0x1000257310002573, 0x0001000100010001, 0x9002900290029002,
		0x0073007300730073, 0x1273140210730001, 0x0010051300100513, 0,
	};
	u8 b = input_byte();

	return values[b % 8] >> 8 * (b >> 5) ^ (u64)(b >> 3 & 3) << 20;
}

static u16 parcel(const u8 *at, u64 offset)
{
	return (u16)(at[offset] | at[offset + 1] << 8);
}

static u64 take_page(void) { return input_byte() % PAGES; }

/* ---- What must be */

static void check_parcel(u64 offset, unsigned *patches)
{
	u16 copy = parcel(copies, offset), original = parcel(expected, offset);
	u32 insn;

	if (!text_breakpoint(fuzz.t, BASE + offset, &insn)) {
		require(copy == original);
		return;
	}
	require(copy == TEXT_BREAK && (u16)insn == original && insn_length(original) == 4);
	if (offset % PAGE != PAGE - 2) {
		require(insn >> 16 == parcel(expected, offset + 2));
		require(!text_breakpoint(fuzz.t, BASE + offset + 2, &insn));
	}
	(*patches)++;
}

static void check_page(u64 page, unsigned *patches)
{
	struct text_page_info info;
	unsigned before = *patches;
	bool there = text_find(fuzz.t, BASE + page * PAGE, &info);

	require(there == (fuzz.pages[page] != NONE));
	require(there == text_any(fuzz.t, BASE + page * PAGE, PAGE));
	require(text_was_writable(fuzz.t, BASE + page * PAGE) ==
		(fuzz.writable[page] || fuzz.old[page]));
	if (!there)
		return;
	require(info.copy_pa == (fuzz.pages[page] == LIVE ? COPY_PA(page) : 0));
	for (u64 i = 0; i < PAGE; i += 2)
		check_parcel(page * PAGE + i, patches);
	require(info.patches == *patches - before);
}

static void check(void)
{
	struct text_stats stats;
	unsigned patches = 0, pages = 0;

	require(memcmp(memory, expected, sizeof(memory)) == 0);
	for (u64 i = 0; i < PAGES; i++) {
		check_page(i, &patches);
		pages += fuzz.pages[i] != NONE;
	}
	text_stats(fuzz.t, &stats);
	require(stats.pages == pages && stats.patches == patches);
}

/* ---- What happens */

static void do_store(void)
{
	u64 offset = take_offset(), value = take_value();
	unsigned size = 1 + input_byte() % 8, done;
	u32 changes = text_changes(fuzz.t);

	if (size > PAGES * PAGE - offset)
		return;
	done = text_store(fuzz.t, BASE + offset, value, size);
	require(!done || text_changes(fuzz.t) != changes);
	for (unsigned i = 0; i < size; i++) {
		u8 byte = (u8)(value >> 8 * i);

		require((done >> i & 1) == (fuzz.pages[(offset + i) / PAGE] != NONE));
		expected[offset + i] = byte;
		memory[offset + i] = byte;
	}
	require(!(done >> size));
}

static void do_refresh(void)
{
	u64 offset = take_offset(), size = input_byte() * 33u;

	size = min_u64(size, PAGES * PAGE - offset);
	memset(memory + offset, (u8)take_value(), size);
	memcpy(expected + offset, memory + offset, size);
	text_refresh(fuzz.t, BASE + offset, size);
}

static void do_patch(void)
{
	u64 offset = align_down(take_offset(), 2);
	u32 changes = text_changes(fuzz.t), insn;
	bool stale = input_byte() >= 0xf0;
	bool done = text_patch(fuzz.t, BASE + offset, changes - stale);

	require(!done || (!stale && fuzz.pages[offset / PAGE] == LIVE));
	require(!done || text_breakpoint(fuzz.t, BASE + offset, &insn));
}

static void do_unpatch(void)
{
	u64 offset = align_down(take_offset(), 2);
	u32 insn;
	bool was = text_breakpoint(fuzz.t, BASE + offset, &insn);

	require(text_unpatch(fuzz.t, BASE + offset) == was);
}

static void do_add(void)
{
	u64 page = take_page();
	u16 *original = (u16 *)(void *)(memory + page * PAGE);
	u16 *copy = (u16 *)(void *)(copies + page * PAGE);
	int err = text_add(fuzz.t, BASE + page * PAGE, original, copy, COPY_PA(page));

	if (fuzz.pages[page] != NONE || fuzz.writable[page] || fuzz.old[page])
		require(err);
	if (!err)
		fuzz.pages[page] = LIVE;
}

static void do_leave(void)
{
	u64 page = take_page();
	struct text_copy out;

	if (input_byte() & 1) {
		require(text_leave(fuzz.t, BASE + page * PAGE) == (fuzz.pages[page] == LIVE));
		if (fuzz.pages[page] == LIVE)
			fuzz.pages[page] = LEAVING;
	} else if (text_remove(fuzz.t, BASE + page * PAGE, &out)) {
		require(fuzz.pages[page] == LEAVING && out.gpa == BASE + page * PAGE);
		require(out.copy_pa == COPY_PA(page));
		memset(copies + page * PAGE, 0xee, PAGE);
		fuzz.pages[page] = NONE;
	} else {
		require(fuzz.pages[page] != LEAVING);
	}
}

/* Up to the first 2 MiB in which a page has a copy. */
static void do_note(void)
{
	u64 first = take_page(), end = min_u64(first + 1 + take_page(), PAGES), done = first;
	bool ok = true;

	while (done < end && ok) {
		u64 piece = min_u64(end, done < 3 ? 3 : PAGES);

		for (u64 i = done; i < piece; i++)
			ok &= fuzz.pages[i] == NONE;
		for (; ok && done < piece; done++)
			fuzz.writable[done] = true;
	}
	require(text_note_writable(fuzz.t, BASE + first * PAGE, (end - first) * PAGE) == ok);
}

static void do_forget(void)
{
	if (fuzz.forgetting) {
		require(!text_forget_begin(fuzz.t));
		text_forget_end(fuzz.t);
		memset(fuzz.old, 0, sizeof(fuzz.old));
	} else {
		require(text_forget_begin(fuzz.t));
		memcpy(fuzz.old, fuzz.writable, sizeof(fuzz.old));
		memset(fuzz.writable, 0, sizeof(fuzz.writable));
	}
	fuzz.forgetting = !fuzz.forgetting;
}

static void do_one(void)
{
	static void (*const ops[])(void) = {
		do_store, do_store, do_store, do_store, do_patch, do_patch,   do_patch, do_patch,
		do_patch, do_add,   do_add,   do_leave, do_note,  do_unpatch, do_forget, do_refresh,
	};

	ops[input_byte() % ARRAY_SIZE(ops)]();
}

static void finish(void)
{
	struct text_copy out;
	unsigned pages = 0;

	for (unsigned i = 0; i < PAGES; i++)
		pages += fuzz.pages[i] != NONE;
	for (; text_remove_any(fuzz.t, &out); pages--)
		require(out.copy == (u16 *)(void *)(copies + (out.gpa - BASE)));
	require(!pages);
	text_destroy(fuzz.t);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct host_account account = { 0 };

	memset(&fuzz, 0, sizeof(fuzz));
	input = data;
	input_left = size;
	for (unsigned i = 0; i < PAGES * PAGE; i++)
		memory[i] = (u8)(i & 2 ? 0x10 : 0x73);
	memcpy(expected, memory, sizeof(memory));
	fuzz.t = text_create(PAGES_MAX, &account);
	require(fuzz.t && text_region_add(fuzz.t, BASE, PAGES * PAGE) == 0);
	for (unsigned i = 0; i < OPS_MAX && input_left; i++) {
		do_one();
		if (i % 16 == 15)
			check();
	}
	check();
	finish();
	require(!account.used);
	return 0;
}
