/* Bits of a word. Harts without Zbb have no instruction for what the compiler's builtins do, and
 * those of its library take some 45. */
#ifndef LIB_BITS_H
#define LIB_BITS_H

#include "lib/types.h"

extern const u8 bits_places[64];

/* The lowest bit that is set; @word is not 0. The product with a de Bruijn sequence has another
 * value in its high six bits for each single bit (Leiserson, Prokop, Randall, "Using de Bruijn
 * Sequences to Index a 1 in a Computer Word", 1998). */
static inline unsigned bits_lowest(u64 word)
{
	return bits_places[(word & -word) * 0x03f79d71b4cb0a89ul >> 58];
}

#endif
