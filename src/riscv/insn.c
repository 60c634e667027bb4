#include "riscv/insn.h"

/* Major opcodes, with the two low bits that mark a 32-bit instruction. */
enum {
	OPCODE_LOAD = 0x03,
	OPCODE_AMO = 0x2f,
	OPCODE_SYSTEM = 0x73,
	/* LOAD, LOAD-FP, STORE and STORE-FP differ in the other bits only. */
	OPCODE_ACCESS_MASK = 0x5b,
};

/* Table entries; a size of 0 is not an access. */
#define NONE { .size = 0 }
#define LOAD(bytes) { .size = (bytes) }
#define LOAD_SIGNED(bytes) { .size = (bytes), .sign_extend = true }
#define LOAD_FP(bytes) { .size = (bytes), .fp = true }
#define STORE(bytes) { .size = (bytes), .store = true }
#define STORE_FP(bytes) { .size = (bytes), .store = true, .fp = true }

/* By opcode bits 5 and 2, then funct3. */
static const struct insn_access access_table[32] = {
	/* lb lh lw ld lbu lhu lwu */
	LOAD_SIGNED(1), LOAD_SIGNED(2), LOAD_SIGNED(4), LOAD(8), LOAD(1), LOAD(2), LOAD(4), NONE,
	/* - flh flw fld; flq and the vector loads are not for devices */
	NONE, LOAD_FP(2), LOAD_FP(4), LOAD_FP(8), NONE, NONE, NONE, NONE,
	/* sb sh sw sd */
	STORE(1), STORE(2), STORE(4), STORE(8), NONE, NONE, NONE, NONE,
	/* - fsh fsw fsd */
	NONE, STORE_FP(2), STORE_FP(4), STORE_FP(8), NONE, NONE, NONE, NONE,
};

/* By bit 1 (quadrant 0 or 2), then bits 15:13 ("RVC Instruction Set Listings", RV64). */
static const struct insn_access access_table_c[16] = {
	/* - c.fld c.lw c.ld (Zcb) c.fsd c.sw c.sd */
	NONE, LOAD_FP(8), LOAD_SIGNED(4), LOAD(8), NONE, STORE_FP(8), STORE(4), STORE(8),
	/* - c.fldsp c.lwsp c.ldsp - c.fsdsp c.swsp c.sdsp */
	NONE, LOAD_FP(8), LOAD_SIGNED(4), LOAD(8), NONE, STORE_FP(8), STORE(4), STORE(8),
};

/* Zcb, by bits 12:10, then bit 6, which is an offset bit of the byte forms. */
static const struct insn_access access_table_zcb[16] = {
	/* c.lbu; c.lhu c.lh; c.sb; c.sh - */
	LOAD(1), LOAD(1), LOAD(2), LOAD_SIGNED(2), STORE(1), STORE(1), STORE(2), NONE,
};

static const struct insn_access access_none = NONE;

enum { REG_SP = 2 };

static u32 bits(u32 insn, unsigned high, unsigned low)
{
	return insn >> low & ((2u << (high - low)) - 1);
}

static bool is_compressed(u32 insn) { return (insn & 3) != 3; }
static bool is_quadrant2(u32 insn) { return insn & 2; }

static inline const struct insn_access *access_entry(u32 insn)
{
	if ((insn & OPCODE_ACCESS_MASK) != OPCODE_LOAD)
		return &access_none;
	return &access_table[bits(insn, 5, 5) << 4 | bits(insn, 2, 2) << 3 | bits(insn, 14, 12)];
}

/* The path of every device access: no branch but the two that refuse. */
static inline bool decode_full(u32 insn, struct insn_access *out)
{
	const struct insn_access *entry = access_entry(insn);

	*out = *entry;
	/* rs2 is 13 bits above rd. */
	out->reg = (u8)(insn >> (7 + 13 * entry->store) & 31);
	return entry->size;
}

static const struct insn_access *access_entry_c(u32 insn)
{
	u32 funct3 = bits(insn, 15, 13);
	const struct insn_access *entry;

	if (insn & 1)
		return &access_none;
	if (!is_quadrant2(insn) && funct3 == 4)
		return &access_table_zcb[bits(insn, 12, 10) << 1 | bits(insn, 6, 6)];
	entry = &access_table_c[bits(insn, 1, 1) << 3 | funct3];
	/* c.lwsp and c.ldsp with rd = x0 are reserved. */
	if (is_quadrant2(insn) && !entry->store && !entry->fp && !insn_rd(insn))
		return &access_none;
	return entry;
}

static bool decode_compressed(u32 insn, struct insn_access *out)
{
	*out = *access_entry_c(insn);
	out->length = 2;
	if (!is_quadrant2(insn))
		out->reg = (u8)(8 + bits(insn, 4, 2));
	else
		out->reg = (u8)(out->store ? bits(insn, 6, 2) : bits(insn, 11, 7));
	return out->size;
}

bool insn_decode_access(u32 insn, struct insn_access *out)
{
	if (is_compressed(insn))
		return decode_compressed(insn, out);
	if (!decode_full(insn, out))
		return false;
	out->length = 4;
	return true;
}

bool insn_decode_htinst(u64 htinst, struct insn_access *out)
{
	/* The high half is checked because future values may use it. */
	if (!(htinst & 1) || htinst >> 32)
		return false;
	/* Bit 1 is clear if the instruction was a compressed one, now expanded. */
	if (!decode_full((u32)htinst | 2, out))
		return false;
	out->length = (u8)(2 + (htinst & 2));
	out->offset = (u8)insn_rs1((u32)htinst);
	return true;
}

static s16 sign_extend_12(u32 value)
{
	return (s16)((s32)(value << 20) >> 20);
}

/*
 * CL and CS formats: uimm[5:3] in bits 12:10, then uimm[7:6] in 6:5 for 8 bytes, or uimm[2]
 * in 6 and uimm[6] in 5 for 4 bytes; Zcb has its own.
 */
static u32 offset_quadrant0(u32 insn, const struct insn_access *entry)
{
	u32 high = bits(insn, 12, 10) << 3;

	switch (entry->size) {
	case 8:
		return high | bits(insn, 6, 5) << 6;
	case 4:
		return high | bits(insn, 6, 6) << 2 | bits(insn, 5, 5) << 6;
	case 2:
		return bits(insn, 5, 5) << 1;
	default:
		return bits(insn, 5, 5) << 1 | bits(insn, 6, 6);
	}
}

/* CSS and CI formats: the low and the high part change places, the size scales them. */
static u32 offset_quadrant2(u32 insn, const struct insn_access *entry)
{
	bool wide = entry->size == 8;

	if (entry->store)
		return wide ? bits(insn, 12, 10) << 3 | bits(insn, 9, 7) << 6
			    : bits(insn, 12, 9) << 2 | bits(insn, 8, 7) << 6;
	return bits(insn, 12, 12) << 5 | (wide ? bits(insn, 6, 5) << 3 | bits(insn, 4, 2) << 6
					       : bits(insn, 6, 4) << 2 | bits(insn, 3, 2) << 6);
}

static bool address_compressed(u32 insn, struct insn_address *out)
{
	const struct insn_access *entry = access_entry_c(insn);

	if (!entry->size)
		return false;
	if (is_quadrant2(insn)) {
		out->base = REG_SP;
		out->offset = (s16)offset_quadrant2(insn, entry);
	} else {
		out->base = (u8)(8 + bits(insn, 9, 7));
		out->offset = (s16)offset_quadrant0(insn, entry);
	}
	return true;
}

bool insn_decode_address(u32 insn, struct insn_address *out)
{
	const struct insn_access *entry;

	if (is_compressed(insn))
		return address_compressed(insn, out);
	entry = access_entry(insn);
	if (!entry->size)
		return false;
	out->base = (u8)insn_rs1(insn);
	if (entry->store)
		out->offset = sign_extend_12(bits(insn, 31, 25) << 5 | bits(insn, 11, 7));
	else
		out->offset = sign_extend_12(bits(insn, 31, 20));
	return true;
}

bool insn_is_atomic(u32 insn)
{
	return (insn & 0x7f) == OPCODE_AMO;
}

bool insn_decode_csr(u32 insn, struct insn_csr *out)
{
	u32 funct3 = bits(insn, 14, 12);

	if ((insn & 0x7f) != OPCODE_SYSTEM || (funct3 & 3) == 0)
		return false;
	*out = (struct insn_csr){
		.csr = (u16)(insn >> 20),
		.funct3 = (u8)funct3,
		.rd = (u8)insn_rd(insn),
		.rs1 = (u8)insn_rs1(insn),
	};
	return true;
}

/* SYSTEM with funct3 0: an exact word, or for the fences rs1 and rs2 as operands. */
static const struct {
	u32 mask, match;
	enum insn_system kind;
} system_table[] = {
	{ 0xffffffff, 0x10500073, INSN_WFI },
	{ 0xffffffff, 0x10200073, INSN_SRET },
	{ 0xfe007fff, 0x12000073, INSN_SFENCE_VMA },
	{ 0xffffffff, 0x00000073, INSN_ECALL },
	{ 0xffffffff, 0x00100073, INSN_EBREAK },
	{ 0xffffffff, 0x30200073, INSN_MRET },
	{ 0xffffffff, 0x00d00073, INSN_WRS_NTO },
	{ 0xffffffff, 0x01d00073, INSN_WRS_STO },
	{ 0xfe007fff, 0x16000073, INSN_SINVAL_VMA },
	{ 0xffffffff, 0x18000073, INSN_SFENCE_W_INVAL },
	{ 0xffffffff, 0x18100073, INSN_SFENCE_INVAL_IR },
	{ 0xfe007fff, 0x22000073, INSN_HFENCE_VVMA },
	{ 0xfe007fff, 0x62000073, INSN_HFENCE_GVMA },
	{ 0xfe007fff, 0x26000073, INSN_HINVAL_VVMA },
	{ 0xfe007fff, 0x66000073, INSN_HINVAL_GVMA },
};

/* SYSTEM with funct3 4: funct7 is 0110, the width, and 1 for a store; rs2 selects a load. */
static enum insn_system system_hypervisor(u32 insn)
{
	u32 width = bits(insn, 27, 26);
	u32 select = insn_rs2(insn);

	if (bits(insn, 31, 28) != 6)
		return INSN_OTHER;
	if (bits(insn, 25, 25))
		return insn_rd(insn) == 0 ? INSN_HSV : INSN_OTHER;
	if (select == 0 || (select == 1 && width != 3))
		return INSN_HLV;
	return select == 3 && (width == 1 || width == 2) ? INSN_HLVX : INSN_OTHER;
}

enum insn_system insn_system(u32 insn)
{
	enum { C_EBREAK = 0x9002 };
	u32 funct3 = bits(insn, 14, 12);

	if (is_compressed(insn))
		return (insn & 0xffff) == C_EBREAK ? INSN_EBREAK : INSN_OTHER;
	if ((insn & 0x7f) != OPCODE_SYSTEM)
		return INSN_OTHER;
	if (funct3 & 3)
		return INSN_CSR;
	if (funct3)
		return system_hypervisor(insn);
	for (size_t i = 0; i < ARRAY_SIZE(system_table); i++)
		if ((insn & system_table[i].mask) == system_table[i].match)
			return system_table[i].kind;
	return INSN_OTHER;
}
