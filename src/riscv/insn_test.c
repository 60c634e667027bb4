#include "riscv/insn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct access_case {
	u32 insn;
	const char *what;
	struct insn_access want;
	struct insn_address address;
};

#define LOAD(n, r) { .size = (n), .reg = (r), .length = 4 }
#define LOAD_S(n, r) { .size = (n), .reg = (r), .length = 4, .sign_extend = true }
#define LOAD_F(n, r) { .size = (n), .reg = (r), .length = 4, .fp = true }
#define STORE(n, r) { .size = (n), .reg = (r), .length = 4, .store = true }
#define STORE_F(n, r) { .size = (n), .reg = (r), .length = 4, .store = true, .fp = true }

/* Words as the GNU assembler writes them. */
static const struct access_case cases[] = {
	{ 0xfff58503, "lb a0, -1(a1)", LOAD_S(1, 10), { 11, -1 } },
	{ 0x00259503, "lh a0, 2(a1)", LOAD_S(2, 10), { 11, 2 } },
	{ 0x80092483, "lw s1, -2048(s2)", LOAD_S(4, 9), { 18, -2048 } },
	{ 0x7ff13083, "ld ra, 2047(sp)", LOAD(8, 1), { 2, 2047 } },
	{ 0x00054503, "lbu a0, 0(a0)", LOAD(1, 10), { 10, 0 } },
	{ 0x0005d003, "lhu zero, 0(a1)", LOAD(2, 0), { 11, 0 } },
	{ 0x004fef83, "lwu t6, 4(t6)", LOAD(4, 31), { 31, 4 } },
	{ 0x00051507, "flh fa0, 0(a0)", LOAD_F(2, 10), { 10, 0 } },
	{ 0xffc52f87, "flw ft11, -4(a0)", LOAD_F(4, 31), { 10, -4 } },
	{ 0x00853007, "fld ft0, 8(a0)", LOAD_F(8, 0), { 10, 8 } },
	{ 0xfea58fa3, "sb a0, -1(a1)", STORE(1, 10), { 11, -1 } },
	{ 0x01f59023, "sh t6, 0(a1)", STORE(2, 31), { 11, 0 } },
	{ 0x8005a023, "sw zero, -2048(a1)", STORE(4, 0), { 11, -2048 } },
	{ 0x7f2fbfa3, "sd s2, 2047(t6)", STORE(8, 18), { 31, 2047 } },
	{ 0x00a51127, "fsh fa0, 2(a0)", STORE_F(2, 10), { 10, 2 } },
	{ 0x01f52027, "fsw ft11, 0(a0)", STORE_F(4, 31), { 10, 0 } },
	{ 0x02053427, "fsd ft0, 40(a0)", STORE_F(8, 0), { 10, 40 } },
};

static void assert_access(const struct insn_access *got, const struct insn_access *want)
{
	assert_int_equal(got->store, want->store);
	assert_int_equal(got->sign_extend, want->sign_extend);
	assert_int_equal(got->fp, want->fp);
	assert_int_equal(got->size, want->size);
	assert_int_equal(got->reg, want->reg);
	assert_int_equal(got->length, want->length);
	assert_int_equal(got->offset, want->offset);
}

static void decodes_loads_and_stores(void **state unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct insn_access got;
		struct insn_address address;

		if (!insn_decode_access(cases[i].insn, &got))
			fail_msg("not decoded: %s", cases[i].what);
		assert_access(&got, &cases[i].want);
		assert_true(insn_decode_address(cases[i].insn, &address));
		assert_int_equal(address.base, cases[i].address.base);
		assert_int_equal(address.offset, cases[i].address.offset);
	}
}

static void refuses_other_words(void **state unused)
{
	static const u32 others[] = {
		0x0005f503, /* LOAD, funct3 7 */
		0x00054507, /* flq */
		0x02050007, /* vle8.v v0, (a0) */
		0x0205e007, /* vle32.v */
		0x02050027, /* vse8.v */
		0x00054023, /* STORE, funct3 4 */
		0x00a54027, /* fsq */
		0x00b5252f, /* amoadd.w a0, a1, (a0) */
		0x1005252f, /* lr.w */
		0x18b5352f, /* sc.d */
		0x0045200f, /* cbo.zero (a0) */
		0x00000013, /* nop */
		0x10500073, /* wfi */
		0xffffffff,
		0x0000001f, /* 48 bits and more */
	};
	struct insn_access got;
	struct insn_address address;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		assert_false(insn_decode_access(others[i], &got));
		assert_false(insn_decode_address(others[i], &address));
	}
}

/*
 * The compressed space, restated from the instruction listings as the assembler's 32-bit
 * expansion: 0 for everything that is not an access.
 */
static u32 reg_c(u32 three_bits) { return three_bits + 8; }

static u32 expand_load(u32 opcode, u32 funct3, u32 rd, u32 rs1, u32 imm)
{
	return opcode | rd << 7 | funct3 << 12 | rs1 << 15 | imm << 20;
}

static u32 expand_store(u32 opcode, u32 funct3, u32 rs2, u32 rs1, u32 imm)
{
	return opcode | (imm & 31) << 7 | funct3 << 12 | rs1 << 15 | rs2 << 20 | imm >> 5 << 25;
}

static u32 expand_zcb(u32 c)
{
	u32 r = reg_c(c >> 2 & 7), base = reg_c(c >> 7 & 7);
	u32 two = (c >> 5 & 1) << 1, byte = two | (c >> 6 & 1);

	switch (c & 0xfc43) {
	case 0x8000:
	case 0x8040:
		return expand_load(0x03, 4, r, base, byte);
	case 0x8400:
		return expand_load(0x03, 5, r, base, two);
	case 0x8440:
		return expand_load(0x03, 1, r, base, two);
	case 0x8800:
	case 0x8840:
		return expand_store(0x23, 0, r, base, byte);
	case 0x8c00:
		return expand_store(0x23, 1, r, base, two);
	default:
		return 0;
	}
}

static u32 expand_quadrant0(u32 c)
{
	u32 r = reg_c(c >> 2 & 7), base = reg_c(c >> 7 & 7);
	u32 imm_w = (c >> 10 & 7) << 3 | (c & 0x40) >> 4 | (c & 0x20) << 1;
	u32 imm_d = (c >> 10 & 7) << 3 | (c & 0x60) << 1;

	switch (c >> 13) {
	case 1:
		return expand_load(0x07, 3, r, base, imm_d);
	case 2:
		return expand_load(0x03, 2, r, base, imm_w);
	case 3:
		return expand_load(0x03, 3, r, base, imm_d);
	case 4:
		return expand_zcb(c);
	case 5:
		return expand_store(0x27, 3, r, base, imm_d);
	case 6:
		return expand_store(0x23, 2, r, base, imm_w);
	case 7:
		return expand_store(0x23, 3, r, base, imm_d);
	default:
		return 0;
	}
}

static u32 expand_quadrant2(u32 c)
{
	u32 rd = c >> 7 & 31, rs2 = c >> 2 & 31;
	u32 load_w = (c & 0x1000) >> 7 | (c & 0x70) >> 2 | (c & 0x0c) << 4;
	u32 load_d = (c & 0x1000) >> 7 | (c & 0x60) >> 2 | (c & 0x1c) << 4;
	u32 store_w = (c & 0x1e00) >> 7 | (c & 0x180) >> 1;
	u32 store_d = (c & 0x1c00) >> 7 | (c & 0x380) >> 1;

	switch (c >> 13) {
	case 1:
		return expand_load(0x07, 3, rd, 2, load_d);
	case 2:
		return rd ? expand_load(0x03, 2, rd, 2, load_w) : 0;
	case 3:
		return rd ? expand_load(0x03, 3, rd, 2, load_d) : 0;
	case 5:
		return expand_store(0x27, 3, rs2, 2, store_d);
	case 6:
		return expand_store(0x23, 2, rs2, 2, store_w);
	case 7:
		return expand_store(0x23, 3, rs2, 2, store_d);
	default:
		return 0;
	}
}

static u32 expand(u32 c)
{
	switch (c & 3) {
	case 0:
		return expand_quadrant0(c);
	case 2:
		return expand_quadrant2(c);
	default:
		return 0;
	}
}

static void decodes_the_whole_compressed_space(void **state unused)
{
	unsigned accesses = 0;

	for (u32 c = 0; c < 0x10000; c++) {
		struct insn_access got, want;
		struct insn_address got_address, want_address;
		u32 word = expand(c);

		if ((c & 3) == 3)
			continue;
		/* What the next instruction's bytes are must not matter. */
		assert_int_equal(insn_decode_access(c | 0xa5a50000, &got), word != 0);
		assert_int_equal(insn_decode_address(c | 0xa5a50000, &got_address), word != 0);
		if (!word)
			continue;
		accesses++;
		assert_true(insn_decode_access(word, &want));
		want.length = 2;
		assert_access(&got, &want);
		assert_true(insn_decode_address(word, &want_address));
		assert_int_equal(got_address.base, want_address.base);
		assert_int_equal(got_address.offset, want_address.offset);
	}
	/* Six forms of 2 KiB, four Zcb ones; six stack forms less the two with rd = x0. */
	assert_int_equal(accesses, 6 * 2048 + 256 * 2 + 128 * 3 + 6 * 2048 - 2 * 64);
}

/* The transformation that hardware makes, from a word that is an access. */
static u32 transform(u32 word, u32 offset)
{
	bool store = word & 0x20;

	return (word & (store ? 0x01f0707f : 0x00007fff)) | offset << 15;
}

static void decodes_transformed_instructions(void **state unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct insn_access got, want = cases[i].want;
		u32 htinst = transform(cases[i].insn, 3);

		want.offset = 3;
		assert_true(insn_decode_htinst(htinst, &got));
		assert_access(&got, &want);
		want.length = 2;
		assert_true(insn_decode_htinst(htinst & ~2u, &got));
		assert_access(&got, &want);
		assert_false(insn_decode_htinst(htinst & ~1u, &got));
		assert_false(insn_decode_htinst(htinst & ~3u, &got));
		assert_false(insn_decode_htinst(htinst | 1ul << 32, &got));
		assert_false(insn_decode_htinst(htinst | 1ul << 63, &got));
	}
}

static void refuses_other_htinst(void **state unused)
{
	static const u64 others[] = {
		0, 0x2000, 0x2020, 0x3000, 0x3020,
		0x00b0252f, /* amoadd.w */
		0x6000c573, /* hlv.b */
		0x0000000f, 0xffffffff, ~0ul,
	};
	struct insn_access got;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(insn_decode_htinst(others[i], &got));
}

static void knows_the_faults_of_page_walks(void **state unused)
{
	unsigned walks = 0;

	for (u64 v = 0; v < 0x10000; v++)
		walks += insn_htinst_is_walk(v);
	assert_int_equal(walks, 4);
	assert_true(insn_htinst_is_walk(0x2000) && insn_htinst_is_walk(0x2020));
	assert_true(insn_htinst_is_walk(0x3000) && insn_htinst_is_walk(0x3020));
	assert_false(insn_htinst_is_walk(0x3000 | 1ul << 32));
}

static void knows_atomics(void **state unused)
{
	assert_true(insn_is_atomic(0x00b5252f));
	assert_true(insn_is_atomic(0x1005352f));
	assert_true(insn_is_atomic(0x28b5442f)); /* amocas.q */
	assert_true(insn_is_atomic(0x00b5052f)); /* amoadd.b */
	assert_false(insn_is_atomic(0x00b52023));
	assert_false(insn_is_atomic(0x0000000f));
}

static void measures_instructions(void **state unused)
{
	for (u32 parcel = 0; parcel < 0x10000; parcel++) {
		unsigned want = (parcel & 3) != 3 ? 2 : (parcel & 31) != 31 ? 4 : 0;

		assert_int_equal(insn_length((u16)parcel), want);
	}
}

static void decodes_csr_instructions(void **state unused)
{
	struct insn_csr c;

	assert_true(insn_decode_csr(0x10079573, &c)); /* csrrw a0, sstatus, a5 */
	assert_int_equal(c.csr, 0x100);
	assert_int_equal(c.funct3, INSN_CSRRW);
	assert_int_equal(c.rd, 10);
	assert_int_equal(c.rs1, 15);
	assert_true(insn_csr_reads(&c) && insn_csr_writes(&c) && !insn_csr_is_immediate(&c));
	assert_int_equal(insn_csr_result(&c, 5, 6), 6);

	assert_true(insn_decode_csr(0xc0102573, &c)); /* rdtime a0 */
	assert_int_equal(c.csr, 0xc01);
	assert_true(insn_csr_reads(&c) && !insn_csr_writes(&c));

	assert_true(insn_decode_csr(0x14021073, &c)); /* csrw sscratch, tp */
	assert_true(!insn_csr_reads(&c) && insn_csr_writes(&c));

	assert_true(insn_decode_csr(0x10017073, &c)); /* csrci sstatus, 2 */
	assert_int_equal(c.funct3, INSN_CSRRCI);
	assert_int_equal(c.rs1, 2);
	assert_true(insn_csr_reads(&c) && insn_csr_writes(&c) && insn_csr_is_immediate(&c));
	assert_int_equal(insn_csr_result(&c, 7, 2), 5);

	assert_true(insn_decode_csr(0x10016073, &c)); /* csrsi sstatus, 2 */
	assert_int_equal(insn_csr_result(&c, 5, 2), 7);

	assert_false(insn_decode_csr(0x10500073, &c));
	assert_false(insn_decode_csr(0x6000c573, &c)); /* hlv.b */
	assert_false(insn_decode_csr(0x10079513, &c));
}

struct system_case {
	u32 insn;
	enum insn_system kind;
};

static const struct system_case system_cases[] = {
	{ 0x00000073, INSN_ECALL },
	{ 0x00100073, INSN_EBREAK },
	{ 0x9002, INSN_EBREAK },
	{ 0xffff9002, INSN_EBREAK },
	{ 0x10200073, INSN_SRET },
	{ 0x30200073, INSN_MRET },
	{ 0x10500073, INSN_WFI },
	{ 0x00d00073, INSN_WRS_NTO },
	{ 0x01d00073, INSN_WRS_STO },
	{ 0x12000073, INSN_SFENCE_VMA },
	{ 0x12b50073, INSN_SFENCE_VMA },
	{ 0x16b50073, INSN_SINVAL_VMA },
	{ 0x18000073, INSN_SFENCE_W_INVAL },
	{ 0x18100073, INSN_SFENCE_INVAL_IR },
	{ 0x22b50073, INSN_HFENCE_VVMA },
	{ 0x62b50073, INSN_HFENCE_GVMA },
	{ 0x26b50073, INSN_HINVAL_VVMA },
	{ 0x66b50073, INSN_HINVAL_GVMA },
	{ 0x6005c573, INSN_HLV },  /* hlv.b a0, (a1) */
	{ 0x6015c573, INSN_HLV },  /* hlv.bu */
	{ 0x6405c573, INSN_HLV },  /* hlv.h */
	{ 0x6435c573, INSN_HLVX }, /* hlvx.hu */
	{ 0x6835c573, INSN_HLVX }, /* hlvx.wu */
	{ 0x6815c573, INSN_HLV },  /* hlv.wu */
	{ 0x6c05c573, INSN_HLV },  /* hlv.d */
	{ 0x62a5c073, INSN_HSV },  /* hsv.b a0, (a1) */
	{ 0x6ea5c073, INSN_HSV },  /* hsv.d */
	{ 0x10079573, INSN_CSR },
	{ 0xc0102573, INSN_CSR },
	/* near misses */
	{ 0x6035c573, INSN_OTHER }, /* hlvx.bu does not exist */
	{ 0x6c35c573, INSN_OTHER }, /* hlvx.du neither */
	{ 0x6c15c573, INSN_OTHER }, /* hlv.du */
	{ 0x62a5c0f3, INSN_OTHER }, /* hsv with rd */
	{ 0x1005c573, INSN_OTHER },
	{ 0x10500173, INSN_OTHER }, /* wfi with rd */
	{ 0x10300073, INSN_OTHER },
	{ 0x9006, INSN_OTHER },
	{ 0x12000033, INSN_OTHER },
	{ 0, INSN_OTHER },
	{ 0xffffffff, INSN_OTHER },
};

static void knows_system_instructions(void **state unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(system_cases); i++)
		if (insn_system(system_cases[i].insn) != system_cases[i].kind)
			fail_msg("0x%08x is not %d", system_cases[i].insn, system_cases[i].kind);
	assert_true(insn_is_wfi(0x10500073));
	assert_false(insn_is_wfi(0x10500173));
}

static void extends_what_was_loaded(void **state unused)
{
	const struct insn_access lb = { .size = 1, .sign_extend = true };
	const struct insn_access lbu = { .size = 1 };
	const struct insn_access lw = { .size = 4, .sign_extend = true };
	const struct insn_access ld = { .size = 8 };
	const struct insn_access flh = { .size = 2, .fp = true };
	const struct insn_access flw = { .size = 4, .fp = true };
	const struct insn_access fld = { .size = 8, .fp = true };

	assert_true(insn_load_result(&lb, 0x80) == 0xffffffffffffff80);
	assert_true(insn_load_result(&lb, 0x7f) == 0x7f);
	assert_true(insn_load_result(&lbu, 0x80) == 0x80);
	assert_true(insn_load_result(&lw, 0x80000000) == 0xffffffff80000000);
	assert_true(insn_load_result(&ld, ~1ul) == ~1ul);
	assert_true(insn_load_result(&flh, 0x3c00) == 0xffffffffffff3c00);
	assert_true(insn_load_result(&flw, 0x3f800000) == 0xffffffff3f800000);
	assert_true(insn_load_result(&fld, 1) == 1);
}

/* The pieces accept exactly the integer accesses of the whole decoder without an offset. */
static void the_pieces_of_htinst_agree_with_the_whole(void **state unused)
{
	for (u64 insn = 0; insn < 1ul << 32; insn += 4096 / 64) {
		u64 htinst = (insn & ~0x7ful) | ((insn >> 6) % 4 ? 0x03 : 0x23) | (insn & 0x40);
		bool load = insn_htinst_is_load(htinst), store = insn_htinst_is_store(htinst);
		struct insn_access a;
		bool is_integer = insn_decode_htinst(htinst, &a) && !a.fp && !a.offset;

		assert_int_equal(load || store, is_integer);
		if (!is_integer)
			continue;
		assert_int_equal(store, a.store);
		assert_int_equal(insn_access_size((u32)htinst), a.size);
		assert_int_equal(store ? insn_rs2((u32)htinst) : insn_rd((u32)htinst), a.reg);
		assert_int_equal(insn_htinst_length(htinst), a.length);
		if (load)
			assert_int_equal(insn_load_extend((u32)htinst, 0x89), insn_load_result(&a, 0x89));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_loads_and_stores),
		cmocka_unit_test(refuses_other_words),
		cmocka_unit_test(decodes_the_whole_compressed_space),
		cmocka_unit_test(decodes_transformed_instructions),
		cmocka_unit_test(refuses_other_htinst),
		cmocka_unit_test(knows_the_faults_of_page_walks),
		cmocka_unit_test(knows_atomics),
		cmocka_unit_test(measures_instructions),
		cmocka_unit_test(decodes_csr_instructions),
		cmocka_unit_test(knows_system_instructions),
		cmocka_unit_test(extends_what_was_loaded),
		cmocka_unit_test(the_pieces_of_htinst_agree_with_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
