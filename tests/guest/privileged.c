/* guest: vcpus=1 memory=64M */
/*
 * Compares two machines: random programs of privileged instructions in S- and U-mode, with random
 * registers and CSR values, and a digest of all that they leave behind: registers, S-mode CSRs,
 * every trap with its scause, sepc, stval and sstatus. The transcript of one machine is the
 * expectation for the other: tests/compare runs both and shows the first program that differs.
 *
 * Values that the specification leaves to the machine (WARL and WLRL fields, satp with what is
 * reserved in Bare mode) are not written at all; "domain" below is what every machine agrees on.
 */
#include "lib/sequence.h"

#define S_FIELDS (SSTATUS_SIE | SSTATUS_SPIE | SSTATUS_SPP | SSTATUS_SUM | SSTATUS_MXR)
#define UXL_64 (2ul << 32)
#define CBIE (3ul << 4)

/*
 * Illegal instructions and access faults go through firmware on many machines. OpenSBI (1.5, and
 * others) returns from them to stvec as it stands, mode and all, and QEMU 10 keeps bit 0 of mepc:
 * so with vectored traps they end at an odd address, unless redirects=1 says that it is well.
 */
static bool firmware_ok(const struct sequence *s)
{
	return !s->vectored || s->redirects;
}

/* -- Values for CSRs ------------------------------------------------------------------------ */

/* An address that is canonical in every mode; so are the results of its bits set or cleared. */
static u64 value_address(u64 *rng)
{
	u64 v = random_next(rng) >> random_below(rng, 64);

	return (u64)((s64)(v << 25) >> 25);
}

static u64 sstatus_domain(const struct compare *c)
{
	return S_FIELDS | (compare_has(c, FEATURE_F) ? SSTATUS_FS : 0) |
	       (compare_has(c, FEATURE_V) ? SSTATUS_VS : 0);
}

/* Bits of senvcfg that take every value; CBIE, of which 2 is reserved, is not among them. */
static u64 senvcfg_domain(const struct compare *c)
{
	return BIT(0) | (compare_has(c, FEATURE_ZICBOM) ? BIT(6) : 0) |
	       (compare_has(c, FEATURE_ZICBOZ) ? BIT(7) : 0);
}

/* A mask of bits that may be set or cleared in @csr, whatever it holds. */
static u64 value_mask(const struct compare *c, u32 csr, u64 *rng)
{
	u64 v = random_next(rng);

	switch (csr) {
	case CSR_SSTATUS:
		return v & sstatus_domain(c);
	case CSR_SIE:
	case CSR_SIP:
		return v & (BIT(IRQ_SSI) | BIT(IRQ_STI) | BIT(IRQ_SEI));
	case CSR_SCOUNTEREN:
		return v & 7;
	case CSR_SENVCFG:
		return v & senvcfg_domain(c);
	case CSR_SCAUSE:
		return v & (INTERRUPT | 15);
	case CSR_SEPC: /* QEMU 10 keeps bit 0, which is 0 by section 12.1.7 */
		return value_address(rng) & ~1ul;
	case CSR_STVAL:
		return value_address(rng);
	case CSR_STIMECMP: /* always far in the future: when STIP follows is not exact */
		return v & ~BIT(62);
	}
	return v >> random_below(rng, 64);
}

static u64 value_whole(const struct compare *c, u32 csr, u64 *rng)
{
	u64 v = value_mask(c, csr, rng);

	if (csr == CSR_SSTATUS)
		v |= UXL_64;
	else if (csr == CSR_STIMECMP)
		v |= BIT(62);
	else if (csr == CSR_SENVCFG && compare_has(c, FEATURE_ZICBOM) && random_bool(rng))
		v |= random_bool(rng) ? CBIE : BIT(4);
	return v;
}

/* -- CSR instructions ----------------------------------------------------------------------- */

static const u32 s_csrs[] = { CSR_SSTATUS, CSR_SSTATUS, CSR_SSTATUS, CSR_SIE, CSR_SIE, CSR_SIP,
	CSR_SIP, CSR_SCOUNTEREN, CSR_SSCRATCH, CSR_SSCRATCH, CSR_SEPC, CSR_SCAUSE, CSR_STVAL,
	CSR_SENVCFG, CSR_STIMECMP };

static bool csr_usable(const struct sequence *s, u32 csr)
{
	if (csr == CSR_SENVCFG)
		return compare_has(s->c, FEATURE_SENVCFG);
	return csr != CSR_STIMECMP || (compare_has(s->c, FEATURE_SSTC) && !s->timer);
}

static u32 any_register(struct sequence *s)
{
	return (u32)random_below(s->rng, 32);
}

static u32 any_form(struct sequence *s)
{
	static const u32 forms[] = { CSRRW, CSRRS, CSRRC, CSRRWI, CSRRSI, CSRRCI };

	return forms[random_below(s->rng, 6)];
}

/* The instruction itself: @v is what the form may use, in a register or as an immediate. */
static void csr_emit(struct sequence *s, u32 form, u32 csr, u64 v)
{
	u32 rd = random_below(s->rng, 4) ? any_register(s) : 0, rs1 = any_register(s);

	if (form >= CSRRWI)
		rs1 = (u32)v & 31;
	else if (rs1)
		emit_constant(&s->e, rs1, v);
	emit(&s->e, code_csr(form, rd, csr, rs1));
}

static void piece_csr(struct sequence *s)
{
	u32 csr = s_csrs[random_below(s->rng, ARRAY_SIZE(s_csrs))], form = any_form(s);
	bool whole = form == CSRRW || form == CSRRWI;

	if (!csr_usable(s, csr))
		return;
	if (csr == CSR_STIMECMP && form != CSRRW) /* no other form keeps the deadline far */
		csr_emit(s, CSRRS, csr, value_mask(s->c, csr, s->rng));
	else if (csr == CSR_STIMECMP) {
		u32 x = sequence_register(s, false);
		emit_constant(&s->e, x, value_whole(s->c, csr, s->rng));
		emit(&s->e, code_csr(CSRRW, any_register(s), csr, x));
	} else if (whole) {
		csr_emit(s, form, csr, value_whole(s->c, csr, s->rng));
	} else {
		csr_emit(s, form, csr, value_mask(s->c, csr, s->rng));
	}
}

/* stvec in all forms while nothing can trap, then the handler again, direct or vectored. */
static void piece_stvec(struct sequence *s)
{
	u32 x = sequence_register(s, false);

	emit(&s->e, code_csr(CSRRCI, any_register(s), CSR_SSTATUS, SSTATUS_SIE));
	for (u64 n = 1 + random_below(s->rng, 3); n; n--)
		csr_emit(s, any_form(s), CSR_STVEC, value_address(s->rng) & ~2ul);
	s->vectored = random_bool(s->rng);
	emit_constant(&s->e, x, sequence_stvec(s->vectored));
	emit(&s->e, code_csr(CSRRW, any_register(s), CSR_STVEC, x));
}

/* satp: the two address spaces, Bare, modes that are reserved, and bits of the ASID. */
static void piece_satp(struct sequence *s)
{
	u64 to = random_below(s->rng, 8), v = sequence_satp(s->c, to & 1, s->rng);
	u32 x = sequence_register(s, false), form = CSRRW;

	if (to < 4) {
		s->translated = true;
	} else if (to < 6) {
		s->translated = false;
		v = 0;
	} else if (to == 6) { /* no effect (section 12.1.11) */
		form = s->translated ? CSRRS : CSRRW;
		v = s->translated ? 4ul << 60 : (1 + random_below(s->rng, 7)) << 60 | v << 4 >> 4;
	} else if (s->translated) {
		form = random_bool(s->rng) ? CSRRS : CSRRC;
		v &= 0xffffull << 44 & ~BIT(44);
	} else {
		return;
	}
	emit_constant(&s->e, x, v);
	emit(&s->e, code_csr(form, any_register(s), CSR_SATP, x));
	if (!s->c->asid_bits)
		emit(&s->e, 0x12000073);
	if (random_bool(s->rng))
		emit(&s->e, code_csrr(any_register(s), CSR_SATP));
	if (s->translated) {
		emit_constant(&s->e, x, PROBE_VA);
		emit(&s->e, code_ld(any_register(s), 0, x));
	}
}

/* Not there, not for S-mode, or read-only. */
static const u32 bad_csrs[] = { 0x300, 0x301, 0x302, 0x303, 0x304, 0x305, 0x306, 0x30a, 0x320,
	0x340, 0x341, 0x342, 0x343, 0x344, 0x3a0, 0x3b0, 0x7b0, 0x7b1, 0xb00, 0xb02, 0xf11, 0xf12,
	0xf14, 0x102, 0x103, 0x107, 0x145, 0x146, 0x1ff, 0x5c0, 0x7ff, 0x9c0, 0xcc0, 0xdc0, 0xfff };
/* Not htimedelta, which OpenSBI emulates for a machine without H. */
static const u32 h_csrs[] = { 0x200, 0x204, 0x205, 0x240, 0x241, 0x242, 0x243, 0x244, 0x24d, 0x280,
	0x600, 0x602, 0x603, 0x604, 0x606, 0x607, 0x60a, 0x643, 0x644, 0x645, 0x64a, 0x680,
	0xe12 };

static void piece_bad_csr(struct sequence *s)
{
	u32 form = any_form(s), csr = bad_csrs[random_below(s->rng, ARRAY_SIZE(bad_csrs))];
	u32 rs1 = any_register(s);

	if (random_below(s->rng, 3) == 0 && compare_has(s->c, FEATURE_NO_H)) {
		csr = h_csrs[random_below(s->rng, ARRAY_SIZE(h_csrs))];
	} else if (random_below(s->rng, 3) == 0) {
		csr = CSR_CYCLE + (u32)random_below(s->rng, 3);
		rs1 |= 1; /* else csrrs only reads */
	}
	emit(&s->e, code_csr(form, any_register(s), csr, rs1));
}

/* Counters, by scounteren in U-mode: whether they trap is compared, not what they say. */
static void piece_counter(struct sequence *s)
{
	u32 rd = sequence_register(s, false);

	if (!compare_has(s->c, FEATURE_COUNTERS))
		return;
	emit(&s->e, code_csr(random_bool(s->rng) ? CSRRS : CSRRCI, rd,
			     random_bool(s->rng) ? CSR_CYCLE : CSR_INSTRET, 0));
	emit(&s->e, code_addi(rd, 0, 0));
}

static void piece_time(struct sequence *s)
{
	u32 rd = any_register(s);

	emit(&s->e, code_csrr(rd, CSR_TIME));
	emit(&s->e, code_addi(rd, 0, 0));
}

/* -- Other instructions --------------------------------------------------------------------- */

static void piece_arithmetic(struct sequence *s)
{
	static const u32 f7s[8] = { 0x20, 0, 0, 0, 0, 0x20, 0, 0 };

	for (u64 n = 1 + random_below(s->rng, 3); n; n--) {
		u32 f3 = (u32)random_below(s->rng, 8), f7 = random_bool(s->rng) ? f7s[f3] : 0;

		if (random_below(s->rng, 4) == 0)
			emit(&s->e, code_i(OP_IMM, 4, any_register(s), any_register(s),
					   (s64)random_below(s->rng, 4096)));
		else
			emit(&s->e, code_r(OP_REG, f3, f7, any_register(s), any_register(s),
					   any_register(s)));
	}
}

/*
 * Illegal in S and in U: also forms of legal ones with bits in fields that must be 0. Not mret:
 * QEMU 10 leaves the instruction of an earlier trap in mtval, and OpenSBI emulates that one.
 */
static void piece_illegal(struct sequence *s)
{
	static const u32 words[] = { 0x00000000, 0xffffffff, 0x0000007b, 0x7b200073,
		0x00200073, 0x30102573, 0x00008073, 0x00108073, 0x10200173, 0x10208073, 0x10500173,
		0x10508073, 0x10300073, 0x00300073, 0x120000f3 };
	static const u32 h_words[] = { 0x22000073, 0x62000073, 0x6c054573, 0x68354573, 0x6ea54073,
		0x60054573, 0x62054073 };
	static const u32 f_words[] = { 0x00000053, 0x00053007, 0x00053027, 0xe2000553, 0x00302573 };
	static const u32 v_words[] = { 0x02000057, 0xc2202573, 0x0c0072d7 };
	u32 word = words[random_below(s->rng, ARRAY_SIZE(words))];
	u64 kind = random_below(s->rng, 6);

	if (kind == 0 && compare_has(s->c, FEATURE_NO_H))
		word = h_words[random_below(s->rng, ARRAY_SIZE(h_words))];
	else if (kind == 1 && compare_has(s->c, FEATURE_NO_F))
		word = f_words[random_below(s->rng, ARRAY_SIZE(f_words))];
	else if (kind == 2 && compare_has(s->c, FEATURE_NO_V))
		word = v_words[random_below(s->rng, ARRAY_SIZE(v_words))];
	emit(&s->e, word);
}

static void piece_breakpoint(struct sequence *s)
{
	/* Two of c.ebreak, which the handler steps over one by one. */
	emit(&s->e, random_bool(s->rng) ? WORD_EBREAK : 0x90029002);
}

static u64 data_address(struct sequence *s, bool user)
{
	u64 a = (u64)&sequence_data[random_below(s->rng, DATA_SIZE)];

	return user && s->translated ? a | USER_ALIAS : a;
}

/* A load, a store or an atomic at an address in x, of any size. */
static void access_emit(struct sequence *s, u32 x)
{
	switch (random_below(s->rng, 4)) {
	case 0:
		emit(&s->e, code_r(OP_AMO, 2 + (u32)random_below(s->rng, 2),
				   random_bool(s->rng) ? 4 : 0, any_register(s), x,
				   any_register(s)));
		break;
	case 1:
		emit(&s->e, code_s((u32)random_below(s->rng, 4), any_register(s), x, 0));
		break;
	default:
		emit(&s->e, code_i(OP_LOAD, (u32)random_below(s->rng, 7), any_register(s), x, 0));
	}
}

static void piece_data(struct sequence *s, bool user)
{
	u32 x = sequence_register(s, false);

	emit_constant(&s->e, x, data_address(s, user));
	access_emit(s, x);
}

/* Where an access may fault; by SUM and MXR, by mode, or always. */
static u64 doubtful_address(struct sequence *s, bool user)
{
	const u64 code = (u64)s->exit;

	if (!s->translated)
		return user ? data_address(s, true) : HOLE_BASE + random_below(s->rng, 64) * 8;
	switch (random_below(s->rng, 4)) {
	case 0:
		return UNMAPPED_VA + random_below(s->rng, 512) * 8;
	case 1:
		return code | USER_ALIAS;
	case 2:
		return user ? (u64)sequence_data : (u64)sequence_data | USER_ALIAS;
	}
	return user ? PROBE_VA : 1ul << 50;
}

static void piece_doubtful(struct sequence *s, bool user)
{
	u32 x = sequence_register(s, false);
	u64 at = doubtful_address(s, user);

	if (!user && !s->translated && !firmware_ok(s))
		return;
	emit_constant(&s->e, x, at);
	if (at == ((u64)s->exit | USER_ALIAS)) /* never a store into the code */
		emit(&s->e, code_i(OP_LOAD, 2, any_register(s), x, 0));
	else
		access_emit(s, x);
}

static void piece_fence(struct sequence *s)
{
	static const u32 words[] = { 0x0000100f, 0x0ff0000f, 0x0100000f, 0x8330000f };
	static const u32 inval[] = { 0x16000073, 0x18000073, 0x18100073 };
	u32 regs = any_register(s) << 15 | any_register(s) << 20;
	u64 kind = random_below(s->rng, 6);

	if (kind == 0)
		emit(&s->e, words[random_below(s->rng, ARRAY_SIZE(words))]);
	else if (kind == 1 && compare_has(s->c, FEATURE_SVINVAL))
		emit(&s->e, inval[random_below(s->rng, ARRAY_SIZE(inval))]);
	else if (kind == 2)
		emit(&s->e, 0x12000073);
	else
		emit(&s->e, 0x12000073 | regs);
}

/* FS: writes, then a read of what was written; a read alone may or may not leave FS as it is. */
static void piece_float(struct sequence *s)
{
	u32 f = any_register(s), x = any_register(s);

	if (compare_has(s->c, FEATURE_D) && random_bool(s->rng)) {
		emit(&s->e, code_r(OP_FP, 0, 0x79, f, x, 0));
		emit(&s->e, code_r(OP_FP, 0, 0x71, any_register(s), f, 0));
		return;
	}
	if (!compare_has(s->c, FEATURE_F))
		return;
	x = sequence_register(s, false);
	emit_constant(&s->e, x, random_next(s->rng) & 0x7f);
	emit(&s->e, code_csr(CSRRW, any_register(s), CSR_FCSR, x));
}

static void piece_vector(struct sequence *s)
{
	u32 v = any_register(s), imm = any_register(s) & 15;

	if (!compare_has(s->c, FEATURE_V))
		return;
	emit(&s->e, 0xc0000000 | 0xc0 << 20 | 4 << 15 | 7 << 12 | any_register(s) << 7 | OP_VECTOR);
	emit(&s->e, 0x5e000000 | imm << 15 | 3 << 12 | v << 7 | OP_VECTOR); /* vmv.v.i */
	emit(&s->e, 0x42002000 | v << 20 | any_register(s) << 7 | OP_VECTOR); /* vmv.x.s */
	emit(&s->e, code_csr(CSRRWI, any_register(s), CSR_VXRM, any_register(s) & 3));
}

/* senvcfg decides over these in U-mode. */
static void piece_cache(struct sequence *s, bool user)
{
	u32 x = sequence_register(s, false);

	emit_constant(&s->e, x, data_address(s, user));
	if (compare_has(s->c, FEATURE_ZICBOZ) && random_bool(s->rng))
		emit(&s->e, 0x0040200f | x << 15);
	else if (compare_has(s->c, FEATURE_ZICBOM))
		emit(&s->e, 0x0000200f | x << 15 | (u32)random_below(s->rng, 3) << 20);
}

/* -- Interrupts ----------------------------------------------------------------------------- */

/*
 * A WFI that trapped must not be the last of its page: QEMU 10 then reports a sepc that is a page
 * too far.
 */
static void wfi_emit(struct sequence *s)
{
	if (((u64)s->e.at & (PAGE_SIZE - 1)) == PAGE_SIZE - 4)
		emit(&s->e, WORD_NOP);
	emit(&s->e, WORD_WFI);
}

/* wfi goes on for an interrupt that pends and is enabled in sie, whatever sstatus.SIE says. */
static void piece_wfi(struct sequence *s)
{
	emit(&s->e, code_csr(CSRRCI, any_register(s), CSR_SSTATUS, SSTATUS_SIE));
	emit(&s->e, code_csr(CSRRSI, any_register(s), CSR_SIE, BIT(IRQ_SSI)));
	emit(&s->e, code_csr(CSRRSI, any_register(s), CSR_SIP, BIT(IRQ_SSI)));
	wfi_emit(s);
}

/* An IPI to oneself, which is a call to firmware that may take a moment. */
static void piece_ipi(struct sequence *s)
{
	emit(&s->e, code_csr(CSRRCI, any_register(s), CSR_SSTATUS, SSTATUS_SIE));
	emit_constant(&s->e, 17, SBI_IPI);
	emit(&s->e, code_addi(16, 0, 0));
	emit_constant(&s->e, 10, BIT(boot_hart));
	emit(&s->e, code_addi(11, 0, 0));
	emit(&s->e, WORD_ECALL);
	emit(&s->e, code_csrr(11, CSR_SIP));
	emit(&s->e, code_i(OP_IMM, 7, 11, 11, BIT(IRQ_SSI)));
	emit_branch(&s->e, 0, 11, 0, s->e.at - 2);
}

/* -- sret and U-mode ------------------------------------------------------------------------ */

static u64 *sret_emit(struct sequence *s, u64 spp)
{
	u32 x = sequence_register(s, false), y = sequence_register(s, false);
	u64 *target;

	emit(&s->e, code_csr(CSRRCI, any_register(s), CSR_SSTATUS, SSTATUS_SIE));
	target = emit_constant(&s->e, x, 0);
	emit(&s->e, code_csrw(CSR_SEPC, x));
	emit_constant(&s->e, y, SSTATUS_SPP | SSTATUS_SPIE);
	emit(&s->e, code_csr(CSRRC, any_register(s), CSR_SSTATUS, y));
	emit_constant(&s->e, y, spp | (random_bool(s->rng) ? SSTATUS_SPIE : 0));
	emit(&s->e, code_csr(CSRRS, 0, CSR_SSTATUS, y));
	emit(&s->e, WORD_SRET);
	*target = (u64)s->e.at;
	return target;
}

static void piece_sret(struct sequence *s)
{
	sret_emit(s, SSTATUS_SPP);
}

/* An S-mode CSR in U-mode, in any form; sfence.vma, sret and wfi: all illegal there. */
static void piece_user_privileged(struct sequence *s)
{
	static const u32 words[] = { WORD_SRET, 0x12000073, 0x12a50073 };
	u64 kind = random_below(s->rng, 10);

	if (kind < 3)
		emit(&s->e, words[kind]);
	else if (kind == 3)
		wfi_emit(s);
	else if (kind == 4)
		emit(&s->e, code_csr(any_form(s), any_register(s), CSR_SATP, any_register(s)));
	else
		emit(&s->e, code_csr(any_form(s), any_register(s),
				     s_csrs[random_below(s->rng, ARRAY_SIZE(s_csrs))],
				     any_register(s)));
}

static void piece_risky_in_user(struct sequence *s)
{
	if (!firmware_ok(s))
		return;
	switch (random_below(s->rng, 10)) {
	case 0: return piece_bad_csr(s);
	case 1: return piece_illegal(s);
	case 2: return piece_counter(s);
	case 3: return piece_float(s);
	case 4: return piece_vector(s);
	case 5: return piece_cache(s, true);
	}
	piece_user_privileged(s);
}

static void piece_in_user(struct sequence *s)
{
	switch (random_below(s->rng, 12)) {
	case 0: return piece_breakpoint(s);
	case 1: return piece_data(s, true);
	case 2: return piece_doubtful(s, true);
	case 3: return piece_arithmetic(s);
	}
	piece_risky_in_user(s);
}

/* A jump to where nothing can be fetched from; the handler goes on at the place set for it. */
static void bad_jump_emit(struct sequence *s, bool user)
{
	u32 x = sequence_register(s, false);
	u64 to = HOLE_BASE;

	if (s->translated && random_bool(s->rng))
		to = UNMAPPED_VA;
	else if (s->translated) /* not executable there, or a page of the other mode */
		to = user ? (u64)sequence_data | USER_ALIAS : (u64)s->exit | USER_ALIAS;
	emit_constant(&s->e, x, to);
	emit(&s->e, code_i(OP_JALR, 0, any_register(s), x, 0));
}

static void piece_user(struct sequence *s)
{
	u64 *resume = sequence_resume(s, random_bool(s->rng));
	u64 *target = sret_emit(s, 0);

	if (s->translated)
		*target |= USER_ALIAS;
	for (u64 n = random_below(s->rng, 6); n; n--)
		piece_in_user(s);
	if (random_below(s->rng, 4) || !(s->translated || firmware_ok(s)))
		emit(&s->e, WORD_ECALL);
	else
		bad_jump_emit(s, true);
	*resume = (u64)s->e.at;
}

static void piece_bad_jump(struct sequence *s)
{
	u64 *resume;

	if (!s->translated && !firmware_ok(s))
		return;
	resume = sequence_resume(s, random_bool(s->rng));
	bad_jump_emit(s, false);
	*resume = (u64)s->e.at;
}

/* -- Whole programs ------------------------------------------------------------------------- */

/* What may be illegal, which may have to go through firmware. */
static void piece_risky(struct sequence *s)
{
	if (!firmware_ok(s))
		return;
	switch (random_below(s->rng, 6)) {
	case 0: case 1: case 2: return piece_bad_csr(s);
	case 3: return piece_float(s);
	case 4: return piece_vector(s);
	}
	piece_illegal(s);
}

static void piece_any(struct sequence *s)
{
	switch (random_below(s->rng, 32)) {
	case 0: return piece_arithmetic(s);
	case 1: case 2: case 3: case 4: return piece_risky(s);
	case 5: return piece_breakpoint(s);
	case 6: case 7: return piece_stvec(s);
	case 8: case 9: case 10: return piece_satp(s);
	case 11: return piece_data(s, false);
	case 12: case 13: return piece_doubtful(s, false);
	case 14: return piece_bad_jump(s);
	case 15: case 16: return piece_sret(s);
	case 17: case 18: case 19: case 20: return piece_user(s);
	case 21: return piece_fence(s);
	case 22: return piece_wfi(s);
	case 23: return piece_ipi(s);
	case 24: return piece_cache(s, false);
	case 25: return random_bool(s->rng) ? piece_counter(s) : piece_time(s);
	}
	piece_csr(s);
}

static void start_values(struct sequence *s)
{
	for (u32 i = 0; i < SEQUENCE_CSRS; i++)
		s->csr[i] = value_whole(s->c, sequence_csrs[i], s->rng);
	s->csr[0] &= ~SSTATUS_SIE;
	s->vectored = random_bool(s->rng);
	s->csr[3] = sequence_stvec(s->vectored);
}

/* What a program finds in the floating-point and vector units shall not depend on the last one. */
static void units_clear(const struct compare *c)
{
	csr_set(sstatus, SSTATUS_FS | SSTATUS_VS);
	if (compare_has(c, FEATURE_F))
		csr_write(0x003, 0);
	if (compare_has(c, FEATURE_V))
		csr_write(0x00a, 0);
}

static void program_run(struct compare *c, u64 *rng)
{
	struct sequence s;

	sequence_begin(&s, c, rng);
	s.redirects = bootarg_number("redirects", 0);
	s.timer = random_below(rng, 8) == 0;
	start_values(&s);
	for (u64 n = 4 + random_below(rng, 28); n && !sequence_full(&s); n--)
		piece_any(&s);
	units_clear(c);
	sequence_end(&s, c);
}

void guest_main(void)
{
	struct compare c = { .name = "privileged", .step = program_run };

	sequence_init();
	compare_run(&c, 1000);
}
