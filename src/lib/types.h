/* The integer names used everywhere, and the few macros that C lacks. */
#ifndef LIB_TYPES_H
#define LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define KIB 1024ul
#define MIB (1024ul * KIB)
#define GIB (1024ul * MIB)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n) (1ul << (n))
#define MASK(high, low) ((~0ul >> (63 - (high))) & (~0ul << (low)))
#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))
#define unused __attribute__((unused))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))

static inline u64 min_u64(u64 a, u64 b) { return a < b ? a : b; }
static inline u64 max_u64(u64 a, u64 b) { return a > b ? a : b; }

/* @align must be a power of two; align_up wraps to 0 past the end. */
static inline u64 align_down(u64 v, u64 align) { return v & ~(align - 1); }
static inline u64 align_up(u64 v, u64 align) { return (v + align - 1) & ~(align - 1); }
static inline bool is_aligned(u64 v, u64 align) { return (v & (align - 1)) == 0; }

/* True if [base, base+size) lies within [outer, outer+outer_size); no sum wraps. */
static inline bool range_within(u64 base, u64 size, u64 outer, u64 outer_size)
{
	return base >= outer && size <= outer_size && base - outer <= outer_size - size;
}

/* True if the two ranges share a byte; neither may wrap. */
static inline bool range_overlaps(u64 a, u64 a_size, u64 b, u64 b_size)
{
	return a_size && b_size && a < b + b_size && b < a + a_size;
}

#endif
