#include "riscv/scan.h"

#include <string.h>

#include "riscv/insn.h"

#define PARCELS(p) ((u64)(p) * 0x0001000100010001ul) /* the same in each of four parcels */
#define BLOCK_WORDS 8
#define BLOCK_PARCELS (BLOCK_WORDS * 4)

/* How many parcels before an instruction are looked at, and how many must at least be instructions
 * where its neighbour does not tell. */
#define WINDOW 64
#define WINDOW_LEAST 16
#define WINDOWS 32 /* for so many of a page: real ones need ten at most, hostile ones any number */

/* The low parcels of what is looked for, under one of these masks. */
#define SYSTEM 0x0073u
#define SYSTEM_PLAIN 0x7fffu /* funct3 and rd are 0; bit 15 is of rs1 */
#define SYSTEM_ANY 0x007fu   /* the opcode */

static u16 parcel_read(const u16 *page, unsigned parcel)
{
	return __atomic_load_n(&page[parcel], __ATOMIC_RELAXED);
}

/* ---- Where instructions begin */

static bool begins_4_bytes(u16 parcel)
{
	return insn_length(parcel) == 4;
}

/* True if the instructions from parcel @at on lead to parcel @to, and all are defined. */
static bool leads_to(const u16 *text, unsigned at, unsigned to)
{
	while (at < to) {
		unsigned length = insn_length(text[at]);

		if (!length || !text[at])
			return false;
		at += length / 2;
	}
	return at == to;
}

/*
 * A parcel that does not begin an instruction of 4 bytes is one of its own, or the end of one: an
 * instruction begins right behind it. If it is the parcel just before, all is said. Else such a
 * place is looked for before at least WINDOW_LEAST parcels of what can be instructions: data would
 * hardly be. Any two ways to read the text agree from there on.
 */
static bool is_boundary(const u16 *text, unsigned parcel)
{
	unsigned from;

	if (!parcel)
		return false;
	if (!begins_4_bytes(text[parcel - 1]))
		return true;
	if (parcel <= WINDOW_LEAST)
		return false;
	from = parcel - WINDOW_LEAST;
	while (from && begins_4_bytes(text[from - 1]))
		from--;
	return from && leads_to(text, from, parcel);
}

/* The text before and at a parcel, each parcel read once. Returns the parcel's place in it. */
static unsigned window_read(const u16 *page, unsigned parcel, u16 window[WINDOW + 2])
{
	unsigned before = parcel < WINDOW ? parcel : WINDOW;

	for (unsigned i = 0; i < before + 2 && parcel - before + i < SCAN_PARCELS; i++)
		window[i] = parcel_read(page, parcel - before + i);
	return before;
}

bool scan_is_boundary(const u16 *page, unsigned parcel)
{
	u16 window[WINDOW + 2];
	unsigned at = window_read(page, parcel, window);

	return begins_4_bytes(window[at]) && is_boundary(window, at);
}

/* ---- What is looked for */

static bool is_wanted(u32 insn, unsigned what)
{
	switch (insn_system(insn)) {
	case INSN_SRET:
	case INSN_WFI:
	case INSN_SFENCE_VMA:
		return true;
	case INSN_CSR:
		return what & SCAN_CSR && insn >> 28 == 1;
	default:
		return false;
	}
}

/* @windows: how many more times a window may be read. */
static bool parcel_check(const u16 *page, unsigned parcel, unsigned what, unsigned *windows)
{
	u32 insn = (u32)parcel_read(page, parcel + 1) << 16 | parcel_read(page, parcel);

	if (!is_wanted(insn, what) || !parcel)
		return false;
	/* As is_boundary() says first of all. */
	if (!begins_4_bytes(parcel_read(page, parcel - 1)))
		return true;
	return *windows && (*windows)-- && scan_is_boundary(page, parcel);
}

/* An instruction that begins in the last parcel does not end in this page. */
static void block_check(const u16 *page, unsigned first, unsigned what, unsigned *windows,
			struct scan *out)
{
	for (unsigned i = first; i < first + BLOCK_PARCELS && i < SCAN_PARCELS - 1; i++) {
		if (!parcel_check(page, i, what, windows))
			continue;
		out->found[i / 64] |= BIT(i % 64);
		out->count++;
	}
}

/*
 * Bit 15 of each parcel that is not SYSTEM under the mask: what differs has a bit set below bit 15,
 * and then adding 0x7fff sets bit 15, without a carry to the next parcel.
 */
static u64 word_differs(const u64 *word, u64 mask)
{
	u64 parcels = __atomic_load_n(word, __ATOMIC_RELAXED);

	return ((parcels & mask) ^ PARCELS(SYSTEM)) + PARCELS(0x7fff);
}

static bool block_has(const u64 *words, u64 mask)
{
	u64 differ = ~0ul;

	for (unsigned i = 0; i < BLOCK_WORDS; i += 4)
		differ &= word_differs(&words[i], mask) & word_differs(&words[i + 1], mask) &
			  word_differs(&words[i + 2], mask) & word_differs(&words[i + 3], mask);
	return ~differ & PARCELS(0x8000);
}

bool scan_page(const u16 *page, unsigned what, struct scan *out)
{
	u64 mask = PARCELS(what & SCAN_CSR ? SYSTEM_ANY : SYSTEM_PLAIN);
	unsigned windows = WINDOWS;

	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < SCAN_PARCELS; i += BLOCK_PARCELS)
		if (block_has((const u64 *)(const void *)&page[i], mask))
			block_check(page, i, what, &windows, out);
	return out->count;
}
