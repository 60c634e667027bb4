/* Moving a frame's bytes: see io/net_copy.h. */
#include "io/net_copy.h"

#include <string.h>

struct net_copy_host net_copy_host;

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are joined in this order");

#define WORD 8ul
#define SHIFT_MIN 24 /* bytes from which on joining words is worth its beginning */

static inline u64 *words(u8 *p) { return (u64 *)(void *)p; }
static inline const u64 *const_words(const u8 *p) { return (const u64 *)(const void *)p; }

/* Fewer bytes than a word and a half or so, which lie alike in their halfwords. */
static inline void copy_halves(u8 *to, const u8 *from, u64 size)
{
	if ((uintptr_t)to & 1 && size) {
		*to++ = *from++;
		size--;
	}
	for (; size >= 2; size -= 2, to += 2, from += 2)
		*(u16 *)(void *)to = *(const u16 *)(const void *)from;
	if (size)
		*to = *from;
}

static inline void copy_few(u8 *to, const u8 *from, u64 size)
{
	if (!(((uintptr_t)to ^ (uintptr_t)from) & 1))
		copy_halves(to, from, size);
	else
		for (u64 i = 0; i < size; i++)
			to[i] = from[i];
}

/* Eight words. */
static inline void copy_line(u64 *to, const u64 *from)
{
	u64 a = from[0], b = from[1], c = from[2], d = from[3];
	u64 e = from[4], f = from[5], g = from[6], h = from[7];

	to[0] = a, to[1] = b, to[2] = c, to[3] = d;
	to[4] = e, to[5] = f, to[6] = g, to[7] = h;
}

/* @end: of the words at @to. */
static void copy_words(u64 *to, const u64 *from, const u64 *end)
{
	for (; end - to >= 16; to += 16, from += 16) {
		copy_line(to, from);
		copy_line(to + 8, from + 8);
	}
	while (to != end)
		*to++ = *from++;
}

/* To and from lie alike in their words. */
static inline void copy_alike(u8 *to, const u8 *from, u64 size)
{
	u64 few = min_u64(-(uintptr_t)to & (WORD - 1), size);
	u64 whole = (size - few) & ~(WORD - 1);

	copy_halves(to, from, few);
	if (whole)
		copy_words(words(to + few), const_words(from + few), words(to + few + whole));
	few += whole;
	copy_halves(to + few, from + few, size - few);
}

/* Words up to @end, each of parts of two words that follow each other at @from: the upper one of the
 * first, from bit @shift on, is its lower one. */
static void copy_joined(u64 *to, const u64 *from, const u64 *end, unsigned shift)
{
	unsigned left = 64 - shift;
	u64 low = *from++ >> shift;

	for (; end - to >= 8; to += 8, from += 8) {
		u64 a = from[0], b = from[1], c = from[2], d = from[3];

		to[0] = low | a << left;
		to[1] = a >> shift | b << left;
		to[2] = b >> shift | c << left;
		to[3] = c >> shift | d << left;
		a = from[4], b = from[5], c = from[6], low = from[7];
		to[4] = d >> shift | a << left;
		to[5] = a >> shift | b << left;
		to[6] = b >> shift | c << left;
		to[7] = c >> shift | low << left;
		low >>= shift;
	}
	while (to != end) {
		u64 word = *from++;

		*to++ = low | word << left;
		low = word >> shift;
	}
}

/* They do not: words are joined of parts. The first one that is read begins within the source, and the
 * last one ends there. */
static inline void copy_shifted(u8 *to, const u8 *from, u64 size)
{
	u64 few = -(uintptr_t)to & (WORD - 1), inside, whole;

	inside = (uintptr_t)(from + few) & (WORD - 1);
	if (few < inside)
		few += WORD;
	copy_few(to, from, few);
	to += few;
	from += few;
	size -= few;
	whole = (size - (WORD - inside)) & ~(WORD - 1);
	copy_joined(words(to), const_words(from - inside), words(to + whole), 8 * (unsigned)inside);
	copy_few(to + whole, from + whole, size - whole);
}

/* ---- Where the machine can do more. Compilers were told that it cannot. */

#ifdef __riscv
static inline u64 load_any(const u8 *p)
{
	u64 word;

	__asm__("ld %0, %1" : "=r"(word) : "m"(*(const u8(*)[WORD])p));
	return word;
}

static inline void store_any(u8 *p, u64 word)
{
	__asm__("sd %1, %0" : "=m"(*(u8(*)[WORD])p) : "r"(word));
}

static inline void zero_line(u64 *line)
{
	/* cbo.zero: MISC-MEM, funct3 2, immediate 4 */
	__asm__ volatile(".insn i 0x0f, 2, x0, %0, 4" : : "r"(line) : "memory");
}
#else
static inline u64 load_any(const u8 *p)
{
	u64 word;

	memcpy(&word, p, WORD);
	return word;
}

static inline void store_any(u8 *p, u64 word) { memcpy(p, &word, WORD); }
static inline void zero_line(u64 *line) { memset(line, 0, NET_LINE); }
#endif

static inline void copy_line_any(u64 *to, const u8 *from)
{
	u64 a = load_any(from), b = load_any(from + 8), c = load_any(from + 16);
	u64 d = load_any(from + 24), e = load_any(from + 32), f = load_any(from + 40);
	u64 g = load_any(from + 48), h = load_any(from + 56);

	to[0] = a, to[1] = b, to[2] = c, to[3] = d;
	to[4] = e, to[5] = f, to[6] = g, to[7] = h;
}

/* At least a word. The first and the last one are stored wherever they lie, what is between them as
 * words that are aligned at @to. */
static inline void copy_any(u8 *to, const u8 *from, u64 size)
{
	u64 last = load_any(from + size - WORD), few = -(uintptr_t)to & (WORD - 1);
	u8 *end = to + size - WORD;

	store_any(to, load_any(from));
	to += few;
	from += few;
	for (; end - to >= (s64)(15 * WORD); to += 16 * WORD, from += 16 * WORD) {
		copy_line_any(words(to), from);
		copy_line_any(words(to) + 8, from + 8 * WORD);
	}
	for (; to < end; to += WORD, from += WORD)
		*words(to) = load_any(from);
	store_any(end, last);
}

void net_copy(u8 *to, const u8 *from, u64 size)
{
	if (net_copy_host.misaligned && size >= WORD)
		copy_any(to, from, size);
	else if (!(((uintptr_t)to ^ (uintptr_t)from) & (WORD - 1)))
		copy_alike(to, from, size);
	else if (size >= SHIFT_MIN)
		copy_shifted(to, from, size);
	else
		copy_few(to, from, size);
}

static void wipe_lines(u64 *line, const u64 *end)
{
	for (; end - line >= 32; line += 32) {
		zero_line(line);
		zero_line(line + 8);
		zero_line(line + 16);
		zero_line(line + 24);
	}
	for (; line != end; line += 8)
		zero_line(line);
}

void net_wipe(void *lines, u64 size)
{
	u64 *word = lines, *end = words((u8 *)lines + size);

	if (net_copy_host.zero_line) {
		wipe_lines(word, end);
		return;
	}
	for (; word < end; word += 8) {
		word[0] = word[1] = word[2] = word[3] = 0;
		word[4] = word[5] = word[6] = word[7] = 0;
		/* So that it stays as it is written here: a call costs twice as much. */
		__asm__ volatile("" : : "r"(word) : "memory");
	}
}
