/*
 * Instructions that a hypervisor meets: memory accesses that must be emulated,
 * and system instructions that trap. RISC-V Unprivileged Architecture, "RV32/64G
 * Instruction Set Listings" and "C" and "Zcb"; Privileged Architecture,
 * "Transformed Instruction or Pseudoinstruction for mtinst or htinst".
 *
 * All functions are pure. An instruction is given as fetched: in the low 16 bits
 * if it is a compressed one, whatever the high half then holds.
 */
#ifndef RISCV_INSN_H
#define RISCV_INSN_H

#include "lib/types.h"

/* One load or store of an integer or a floating-point register; aligned to be copied at once. */
struct insn_access {
	bool store;
	bool sign_extend; /* of an integer load that is shorter than 8 bytes */
	bool fp;          /* reg is an f register */
	u8 size;          /* bytes: 1, 2, 4 or 8 */
	u8 reg;           /* 0 to 31: loaded or stored; x0 discards a load, stores 0 */
	u8 length;        /* of the instruction: 2 or 4 bytes */
	u8 offset;        /* htinst only: the faulting byte's place in a misaligned access */
} __attribute__((aligned(8)));

/* Where an access goes: register base plus offset. */
struct insn_address {
	u8 base;
	s16 offset;
};

/* CSRRW to CSRRCI; the immediate forms have bit 2 of funct3 set. */
enum {
	INSN_CSRRW = 1,
	INSN_CSRRS,
	INSN_CSRRC,
	INSN_CSRRWI = 5,
	INSN_CSRRSI,
	INSN_CSRRCI,
};

struct insn_csr {
	u16 csr;
	u8 funct3; /* INSN_CSR* */
	u8 rd;
	u8 rs1; /* a register, or the immediate itself (0 to 31) */
};

/* What a SYSTEM instruction is; see insn_system(). */
enum insn_system {
	INSN_OTHER, /* not a SYSTEM instruction, or one that no extension here defines */
	INSN_ECALL,
	INSN_EBREAK,
	INSN_SRET,
	INSN_MRET,
	INSN_WFI,
	INSN_WRS_NTO,
	INSN_WRS_STO,
	INSN_SFENCE_VMA,
	INSN_SINVAL_VMA,
	INSN_SFENCE_W_INVAL,
	INSN_SFENCE_INVAL_IR,
	INSN_HFENCE_VVMA,
	INSN_HFENCE_GVMA,
	INSN_HINVAL_VVMA,
	INSN_HINVAL_GVMA,
	INSN_HLV,  /* loads, without the next */
	INSN_HLVX, /* loads with execute permission */
	INSN_HSV,
	INSN_CSR,
};

/*
 * Decodes a load or store. False for everything else, which includes atomics,
 * vector and quad-precision accesses and cache-block operations. Zcmp reuses the
 * encodings of c.fsdsp and is not recognised; it cannot coexist with C and D.
 */
bool insn_decode_access(u32 insn, struct insn_access *out);

/*
 * The same from htinst. False for 0, for the pseudoinstructions of page-table
 * accesses and for values not understood: the caller then fetches the instruction.
 */
bool insn_decode_htinst(u64 htinst, struct insn_access *out);

/*
 * The base register and the offset of a load or store that insn_decode_access()
 * accepts (false for others). For misaligned accesses that cross a page and fault in
 * the second: the trap value then is the second page's address.
 */
bool insn_decode_address(u32 insn, struct insn_address *out);

/* True for load-reserved, store-conditional and every AMO, of any width. */
bool insn_is_atomic(u32 insn);

/* False unless @insn is one of the six CSR instructions. */
bool insn_decode_csr(u32 insn, struct insn_csr *out);

enum insn_system insn_system(u32 insn);

/* Bytes of the instruction that begins with @parcel: 2, 4, or 0 if it is longer. */
static inline unsigned insn_length(u16 parcel)
{
	if ((parcel & 0x3) != 0x3)
		return 2;
	return (parcel & 0x1c) != 0x1c ? 4 : 0;
}

/* Of a load or store of full length: lb, lbu or sb, which cannot be misaligned. */
static inline bool insn_is_byte_access(u32 insn) { return (insn & 0x3003) == 0x3; }

/* ebreak or c.ebreak. */
static inline bool insn_is_ebreak(u32 insn)
{
	return insn == 0x00100073 || (u16)insn == 0x9002;
}

static inline bool insn_is_wfi(u32 insn) { return insn == 0x10500073; }

/*
 * The same in pieces, for the hot path: htinst that is an integer load or store whose fault is not
 * behind its beginning (no address offset where rs1 would be). Bit 1 may be 0 there.
 */
static inline bool insn_htinst_is_load(u64 htinst)
{
	return (htinst & ~0xfff07f82ul) == 0x1 && (htinst >> 12 & 7) != 7;
}

static inline bool insn_htinst_is_store(u64 htinst)
{
	return (htinst & ~0xfff07f82ul) == 0x21 && (htinst >> 12 & 7) <= 3;
}

static inline unsigned insn_htinst_length(u64 htinst) { return 2 + (htinst & 2); }

/* Of such a load or store: its bytes, and what a load leaves in its register. */
static inline unsigned insn_access_size(u32 insn) { return 1u << (insn >> 12 & 3); }

static inline u64 insn_load_extend(u32 insn, u64 value)
{
	unsigned unread = 64 - 8 * insn_access_size(insn);

	return insn >> 14 & 1 ? value : (u64)((s64)(value << unread) >> unread);
}

#define INSN_RS1 0xf8000u /* its place in an instruction of full length */

static inline unsigned insn_rd(u32 insn) { return insn >> 7 & 31; }
static inline unsigned insn_rs1(u32 insn) { return insn >> 15 & 31; }
static inline unsigned insn_rs2(u32 insn) { return insn >> 20 & 31; }

/* True if htinst says that the fault came from an access to a first-stage page table. */
static inline bool insn_htinst_is_walk(u64 htinst)
{
	return (htinst & ~0x1020ul) == 0x2000;
}

/* "CSR Instructions": CSRRW to x0 does not read, CSRRS and CSRRC of x0 or 0 do not write. */
static inline bool insn_csr_reads(const struct insn_csr *c)
{
	return c->rd || (c->funct3 & 3) != INSN_CSRRW;
}

static inline bool insn_csr_writes(const struct insn_csr *c)
{
	return c->rs1 || (c->funct3 & 3) == INSN_CSRRW;
}

static inline bool insn_csr_is_immediate(const struct insn_csr *c) { return c->funct3 & 4; }

/* The value to be written; @operand is the value of rs1 or the immediate. */
static inline u64 insn_csr_result(const struct insn_csr *c, u64 old, u64 operand)
{
	switch (c->funct3 & 3) {
	case INSN_CSRRS:
		return old | operand;
	case INSN_CSRRC:
		return old & ~operand;
	default:
		return operand;
	}
}

/*
 * What a load leaves in its register, from the bytes read, zero-extended: integers
 * extended as the instruction says, floating-point values NaN-boxed ("NaN Boxing of
 * Narrower Values").
 */
static inline u64 insn_load_result(const struct insn_access *a, u64 value)
{
	unsigned unread = 64 - 8u * a->size;

	if (a->fp)
		return value | (unread ? ~0ul << (64 - unread) : 0);
	if (a->sign_extend)
		return (u64)((s64)(value << unread) >> unread);
	return value;
}

#endif
