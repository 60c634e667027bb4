/*
 * Page-table entries and the geometry of Sv39, Sv48, Sv57 and their x4 forms.
 * RISC-V Privileged Architecture, "Sv39" to "Sv57", "Svnapot", "Svpbmt", "Guest Physical
 * Address Translation".
 *
 * A mode is a value of the MODE field of satp or hgatp (riscv/csr.h); the numbers of the
 * two agree. Levels count from 0, the one of 4 KiB pages, up to the root. The functions
 * of the geometry take translating modes only (not Bare).
 */
#ifndef RISCV_PTE_H
#define RISCV_PTE_H

#include "lib/types.h"
#include "riscv/csr.h"

#define PTE_V 0x1ul
#define PTE_R 0x2ul
#define PTE_W 0x4ul
#define PTE_X 0x8ul
#define PTE_U 0x10ul
#define PTE_G 0x20ul
#define PTE_A 0x40ul
#define PTE_D 0x80ul
#define PTE_RSW 0x300ul
#define PTE_PPN 0x3ffffffffffc00ul
#define PTE_PPN_SHIFT 10
#define PTE_RESERVED 0x1fc0000000000000ul
#define PTE_PBMT 0x6000000000000000ul
#define PTE_PBMT_PMA 0x0ul
#define PTE_PBMT_NC 0x2000000000000000ul
#define PTE_PBMT_IO 0x4000000000000000ul
#define PTE_N 0x8000000000000000ul

enum {
	PTE_PAGE_SHIFT = 12,
	PTE_PAGE_SIZE = 1 << PTE_PAGE_SHIFT,
	PTE_SIZE = 8,
	PTE_LEVEL_BITS = 9,
	PTE_TABLE_ENTRIES = 1 << PTE_LEVEL_BITS,
	PTE_LEVELS_MAX = 5,
	/* The root of an x4 form is four tables long, and aligned to that. */
	PTE_X4_BITS = 2,
	PTE_X4_ROOT_ENTRIES = PTE_TABLE_ENTRIES << PTE_X4_BITS,
	PTE_X4_ROOT_SIZE = PTE_PAGE_SIZE << PTE_X4_BITS,
	/* The one NAPOT size that Svnapot defines, and its mark in the low PPN bits. */
	PTE_NAPOT_SIZE = 0x10000,
	PTE_NAPOT_PPN_MASK = 0xf,
	PTE_NAPOT_PPN = 0x8,
};

/* 3, 4 or 5; 0 for Bare and for modes that RV64 does not have. */
static inline unsigned pte_levels(unsigned mode)
{
	return mode >= SATP_MODE_SV39 && mode <= SATP_MODE_SV57 ? mode - 5 : 0;
}

/* Bytes that an entry of @level translates: 4 KiB, 2 MiB, 1 GiB, 512 GiB, 256 TiB. */
static inline unsigned pte_level_shift(unsigned level)
{
	return PTE_PAGE_SHIFT + PTE_LEVEL_BITS * level;
}

static inline u64 pte_level_size(unsigned level) { return 1ul << pte_level_shift(level); }

/* An address's place in a table of @level, 0 to 511; not for the root of an x4 form. */
static inline unsigned pte_index(u64 address, unsigned level)
{
	return (unsigned)(address >> pte_level_shift(level)) & (PTE_TABLE_ENTRIES - 1);
}

/* In the root of an x4 form whose level is @level: 0 to 2047. */
static inline unsigned pte_index_x4(u64 gpa, unsigned level)
{
	return (unsigned)(gpa >> pte_level_shift(level)) & (PTE_X4_ROOT_ENTRIES - 1);
}

/* 39, 48 or 57: the bits of a virtual address that count, the highest being the sign. */
static inline unsigned pte_va_bits(unsigned mode) { return pte_level_shift(pte_levels(mode)); }

/* 41, 50 or 59. */
static inline unsigned pte_gpa_bits(unsigned mode) { return pte_va_bits(mode) + PTE_X4_BITS; }

/* True if all bits above the highest that counts are copies of it. */
static inline bool pte_va_is_canonical(unsigned mode, u64 va)
{
	s64 sign = (s64)va >> (pte_va_bits(mode) - 1);

	return sign == 0 || sign == -1;
}

static inline bool pte_gpa_fits(unsigned mode, u64 gpa) { return gpa >> pte_gpa_bits(mode) == 0; }

static inline u64 pte_address(u64 pte) { return (pte & PTE_PPN) << 2; }

/* @address must be page-aligned and below 2^56; for a pointer to a table @flags is PTE_V. */
static inline u64 pte_make(u64 address, u64 flags) { return address >> 2 | flags; }

/* Of entries with PTE_V set: any of R, W and X makes a leaf. */
static inline bool pte_is_leaf(u64 pte) { return pte & (PTE_R | PTE_W | PTE_X); }
static inline bool pte_is_table(u64 pte)
{
	return (pte & (PTE_V | PTE_R | PTE_W | PTE_X)) == PTE_V;
}

#endif
