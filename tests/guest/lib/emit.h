/* Instructions made at run time: encodings, and a buffer of code with a pool of constants. */
#ifndef GUEST_EMIT_H
#define GUEST_EMIT_H

#include "lib/types.h"

enum opcode {
	OP_LOAD = 0x03,
	OP_IMM = 0x13,
	OP_AUIPC = 0x17,
	OP_STORE = 0x23,
	OP_AMO = 0x2f,
	OP_REG = 0x33,
	OP_FP = 0x53,
	OP_VECTOR = 0x57,
	OP_BRANCH = 0x63,
	OP_JALR = 0x67,
	OP_JAL = 0x6f,
	OP_SYSTEM = 0x73,
};

enum csr_form { CSRRW = 1, CSRRS, CSRRC, CSRRWI = 5, CSRRSI, CSRRCI };

#define WORD_ECALL 0x00000073u
#define WORD_EBREAK 0x00100073u
#define WORD_SRET 0x10200073u
#define WORD_WFI 0x10500073u
#define WORD_NOP 0x00000013u

/* @at is where the next instruction goes, @pool where the next constant goes. */
struct emit {
	u32 *at;
	u64 *pool;
};

static inline u32 code_r(u32 op, u32 f3, u32 f7, u32 rd, u32 rs1, u32 rs2)
{
	return f7 << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | rd << 7 | op;
}

static inline u32 code_i(u32 op, u32 f3, u32 rd, u32 rs1, s64 imm)
{
	return (u32)imm << 20 | rs1 << 15 | f3 << 12 | rd << 7 | op;
}

static inline u32 code_s(u32 f3, u32 rs2, u32 rs1, s64 imm)
{
	u32 v = (u32)imm;

	return (v >> 5 & 127) << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | (v & 31) << 7 | OP_STORE;
}

static inline u32 code_csr(u32 form, u32 rd, u32 csr, u32 rs1)
{
	return code_i(OP_SYSTEM, form, rd, rs1, csr);
}

static inline u32 code_addi(u32 rd, u32 rs1, s64 imm) { return code_i(OP_IMM, 0, rd, rs1, imm); }
static inline u32 code_ld(u32 rd, s64 imm, u32 rs1) { return code_i(OP_LOAD, 3, rd, rs1, imm); }
static inline u32 code_sd(u32 rs2, s64 imm, u32 rs1) { return code_s(3, rs2, rs1, imm); }
static inline u32 code_csrr(u32 rd, u32 csr) { return code_csr(CSRRS, rd, csr, 0); }
static inline u32 code_csrw(u32 csr, u32 rs1) { return code_csr(CSRRW, 0, csr, rs1); }

static inline u32 code_b(u32 f3, u32 rs1, u32 rs2, s64 offset)
{
	u32 v = (u32)offset;

	return (v >> 12 & 1) << 31 | (v >> 5 & 63) << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 |
	       (v >> 1 & 15) << 8 | (v >> 11 & 1) << 7 | OP_BRANCH;
}

static inline u32 code_jal(u32 rd, s64 offset)
{
	u32 v = (u32)offset;

	return (v >> 20 & 1) << 31 | (v >> 1 & 1023) << 21 | (v >> 11 & 1) << 20 |
	       (v >> 12 & 255) << 12 | rd << 7 | OP_JAL;
}

static inline void emit(struct emit *e, u32 word)
{
	*e->at++ = word;
}

static inline void emit_jump(struct emit *e, u32 rd, const u32 *to)
{
	emit(e, code_jal(rd, (s64)((u64)to - (u64)e->at)));
}

/* @f3: 0 beq, 1 bne, 4 blt, 5 bge, 6 bltu, 7 bgeu. */
static inline void emit_branch(struct emit *e, u32 f3, u32 rs1, u32 rs2, const u32 *to)
{
	emit(e, code_b(f3, rs1, rs2, (s64)((u64)to - (u64)e->at)));
}

/* auipc: the upper part of the distance to @target; returns what is left for the next one. */
static inline s64 emit_auipc(struct emit *e, u32 rd, const void *target)
{
	s64 distance = (s64)((u64)target - (u64)e->at);
	s64 high = (distance + 0x800) & ~0xfffl;

	emit(e, (u32)high | rd << 7 | OP_AUIPC);
	return distance - high;
}

static inline void emit_address(struct emit *e, u32 rd, const void *target)
{
	s64 low = emit_auipc(e, rd, target);

	emit(e, code_addi(rd, rd, low));
}

/* Loads a constant through the pool; its place is returned, to change it later. rd is not x0. */
static inline u64 *emit_constant(struct emit *e, u32 rd, u64 value)
{
	u64 *place = e->pool++;
	s64 low = emit_auipc(e, rd, place);

	*place = value;
	emit(e, code_ld(rd, low, rd));
	return place;
}

#endif
