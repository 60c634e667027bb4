#include "riscv/vs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define FULL_MASK (VS_SSTATUS | SSTATUS_FS | SSTATUS_VS)
#define ALL (~0ul)

static const struct vs_config full = {
	.sstatus_mask = FULL_MASK,
	.satp_modes = BIT(SATP_MODE_SV39) | BIT(SATP_MODE_SV48),
	.asid_mask = 0x1ff,
	.counteren = 0x7ffff,
	.sstc = true,
	.senvcfg = true,
	.senvcfg_mask = SENVCFG_FIOM | SENVCFG_CBIE | SENVCFG_CBCFE | SENVCFG_CBZE,
};

static const struct vs_config bare = { .sstatus_mask = VS_SSTATUS };

static struct vs vs;
static u64 old;

static int setup(void **state unused)
{
	vs_reset(&vs);
	old = 0x5a5a;
	return 0;
}

/* One instruction; rs1 other than x0 where it matters. */
static unsigned csr_insn(u8 funct3, unsigned csr, u64 operand)
{
	struct insn_csr insn = { .csr = (u16)csr, .funct3 = funct3, .rd = 10, .rs1 = 11 };

	return vs_csr(&vs, &full, &insn, operand, &old);
}

static unsigned csr_set(unsigned csr, u64 value)
{
	return csr_insn(INSN_CSRRW, csr, value);
}

static u64 csr_get(unsigned csr)
{
	struct insn_csr insn = { .csr = (u16)csr, .funct3 = INSN_CSRRS, .rd = 10 };

	assert_int_equal(vs_csr(&vs, &full, &insn, ALL, &old), 0);
	return old;
}

/* What a CSR holds after a value is written, with no flags but these. */
static void assert_written(unsigned csr, u64 value, u64 want, unsigned flags)
{
	assert_int_equal(csr_set(csr, value), flags);
	assert_int_equal(csr_get(csr), want);
}

static void assert_illegal(const struct vs_config *config, unsigned csr)
{
	struct vs before = vs;

	for (u8 funct3 = INSN_CSRRW; funct3 <= INSN_CSRRCI; funct3++) {
		struct insn_csr insn = { .csr = (u16)csr, .funct3 = funct3, .rd = 1, .rs1 = 1 };

		if (!(funct3 & 3))
			continue;
		old = 0x5a5a;
		assert_int_equal(vs_csr(&vs, config, &insn, ALL, &old), VS_ILLEGAL);
		assert_int_equal(old, 0x5a5a);
	}
	assert_memory_equal(&before, &vs, sizeof(vs));
}

static void resets(void **state unused)
{
	memset(&vs, 0xff, sizeof(vs));
	vs_reset(&vs);
	assert_int_equal(csr_get(CSR_SSTATUS), SSTATUS_UXL_64);
	assert_int_equal(csr_get(CSR_SIE), 0);
	assert_int_equal(csr_get(CSR_SATP), 0);
	assert_int_equal(csr_get(CSR_STIMECMP), ALL);
	assert_int_equal(csr_get(CSR_SCOUNTEREN), 0);
	assert_false(vs.user);
}

/* --- the six instructions ------------------------------------------------------- */

static void writes_by_instruction(void **state unused)
{
	csr_set(CSR_SSCRATCH, 0xf0);
	assert_int_equal(csr_insn(INSN_CSRRS, CSR_SSCRATCH, 0x0f), 0);
	assert_int_equal(old, 0xf0);
	assert_int_equal(csr_insn(INSN_CSRRC, CSR_SSCRATCH, 0x81), 0);
	assert_int_equal(old, 0xff);
	assert_int_equal(csr_insn(INSN_CSRRWI, CSR_SSCRATCH, 21), 0);
	assert_int_equal(old, 0x7e);
	assert_int_equal(csr_insn(INSN_CSRRSI, CSR_SSCRATCH, 10), 0);
	assert_int_equal(old, 21);
	assert_int_equal(csr_insn(INSN_CSRRCI, CSR_SSCRATCH, 1), 0);
	assert_int_equal(old, 31);
	assert_int_equal(csr_get(CSR_SSCRATCH), 30);
}

/* The operand is not looked at: rs1 = x0 is what says that nothing is written. */
static void x0_does_not_write(void **state unused)
{
	static const u8 forms[] = { INSN_CSRRS, INSN_CSRRC, INSN_CSRRSI, INSN_CSRRCI };
	static const u16 csrs[] = { CSR_SSTATUS, CSR_SSCRATCH, CSR_STIMECMP, CSR_SATP, CSR_SIE };

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(csrs); j++) {
			struct insn_csr insn = { .csr = csrs[j], .funct3 = forms[i], .rd = 1 };
			struct vs before = vs;

			assert_int_equal(vs_csr(&vs, &full, &insn, 0xf, &old), 0);
			assert_memory_equal(&before, &vs, sizeof(vs));
		}
	}
}

/* A register that holds 0 is not x0: stimecmp is written, if with what it was. */
static void zero_operand_writes(void **state unused)
{
	assert_int_equal(csr_insn(INSN_CSRRS, CSR_STIMECMP, 0), VS_TIMER);
	assert_int_equal(csr_insn(INSN_CSRRS, CSR_TIME, 0), VS_ILLEGAL);
}

static void csrrw_with_x0(void **state unused)
{
	struct insn_csr insn = { .csr = CSR_SSCRATCH, .funct3 = INSN_CSRRW, .rs1 = 11 };

	assert_int_equal(vs_csr(&vs, &full, &insn, 7, &old), 0);
	assert_int_equal(vs.sscratch, 7);
	insn = (struct insn_csr){ .csr = CSR_SSCRATCH, .funct3 = INSN_CSRRW, .rd = 1 };
	assert_int_equal(vs_csr(&vs, &full, &insn, 0, &old), 0);
	assert_int_equal(old, 7);
	assert_int_equal(vs.sscratch, 0);
	insn.funct3 = INSN_CSRRWI;
	insn.csr = CSR_STIMECMP;
	assert_int_equal(vs_csr(&vs, &full, &insn, 0, &old), VS_TIMER);
	assert_int_equal(vs.stimecmp, 0);
}

/* The caller may want the old value where the operand or the CSR number was. */
static void old_may_be_set_in_place(void **state unused)
{
	struct insn_csr insn = { .csr = CSR_SSCRATCH, .funct3 = INSN_CSRRW, .rd = 1, .rs1 = 1 };
	u64 reg = 3;

	vs.sscratch = 4;
	assert_int_equal(vs_csr(&vs, &full, &insn, reg, &reg), 0);
	assert_int_equal(reg, 4);
	assert_int_equal(vs.sscratch, 3);
}

/* --- the rules of each CSR -------------------------------------------------------- */

static void sstatus_bits(void **state unused)
{
	const u64 fixed = SSTATUS_UXL_64;
	struct insn_csr insn = { .csr = CSR_SSTATUS, .funct3 = INSN_CSRRW, .rd = 1, .rs1 = 1 };

	assert_written(CSR_SSTATUS, ALL, fixed | FULL_MASK | SSTATUS_SD,
		       VS_INTERRUPTS | VS_VIEW | VS_STATE);
	assert_written(CSR_SSTATUS, ~FULL_MASK, fixed, VS_VIEW | VS_STATE);
	assert_int_equal(FULL_MASK, 0xc6722);

	vs_reset(&vs);
	assert_int_equal(vs_csr(&vs, &bare, &insn, ALL, &old), VS_INTERRUPTS | VS_VIEW);
	assert_int_equal(csr_get(CSR_SSTATUS), fixed | VS_SSTATUS);
}

static void sstatus_sd(void **state unused)
{
	for (u64 state_bits = 0; state_bits < 16; state_bits++) {
		u64 fs = (state_bits & 3) << SSTATUS_FS_SHIFT;
		u64 v = state_bits >> 2 << SSTATUS_VS_SHIFT;
		bool dirty = fs == SSTATUS_FS_DIRTY || v == SSTATUS_VS_DIRTY;

		csr_set(CSR_SSTATUS, fs | v | (dirty ? 0 : SSTATUS_SD));
		assert_int_equal(csr_get(CSR_SSTATUS),
				 fs | v | SSTATUS_UXL_64 | (dirty ? SSTATUS_SD : 0));
	}
}

/* SD is read, but a read, modify and write does not keep it. */
static void sstatus_sd_is_not_kept(void **state unused)
{
	csr_set(CSR_SSTATUS, SSTATUS_FS_DIRTY);
	assert_int_equal(csr_insn(INSN_CSRRC, CSR_SSTATUS, SSTATUS_FS), VS_STATE);
	assert_int_equal(old, SSTATUS_SD | SSTATUS_UXL_64 | SSTATUS_FS_DIRTY);
	assert_int_equal(csr_get(CSR_SSTATUS), SSTATUS_UXL_64);
}

static void sstatus_flags(void **state unused)
{
	static const struct {
		u64 bit;
		unsigned set, clear;
	} cases[] = {
		{ SSTATUS_SIE, VS_INTERRUPTS, 0 },
		{ SSTATUS_SPIE, 0, 0 },
		{ SSTATUS_SPP, 0, 0 },
		{ SSTATUS_SUM, VS_VIEW, VS_VIEW },
		{ SSTATUS_MXR, VS_VIEW, VS_VIEW },
		{ SSTATUS_FS_INITIAL, VS_STATE, VS_STATE },
		{ SSTATUS_VS_CLEAN, VS_STATE, VS_STATE },
		{ SSTATUS_UBE | SSTATUS_XS | SSTATUS_SD | SSTATUS_SPELP | SSTATUS_SDT, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(csr_insn(INSN_CSRRS, CSR_SSTATUS, cases[i].bit), cases[i].set);
		assert_int_equal(csr_insn(INSN_CSRRS, CSR_SSTATUS, cases[i].bit), 0);
		assert_int_equal(csr_insn(INSN_CSRRC, CSR_SSTATUS, cases[i].bit), cases[i].clear);
	}
	assert_int_equal(csr_get(CSR_SSTATUS), SSTATUS_UXL_64);
}

static void dirty_comes_from_the_hart(void **state unused)
{
	csr_set(CSR_SSTATUS, SSTATUS_FS_INITIAL | SSTATUS_VS_CLEAN);
	vs_state_dirty(&vs, SSTATUS_FS_CLEAN | SSTATUS_VS_INITIAL);
	assert_int_equal(vs.sstatus, SSTATUS_UXL_64 | SSTATUS_FS_INITIAL | SSTATUS_VS_CLEAN);
	vs_state_dirty(&vs, SSTATUS_FS_DIRTY | SSTATUS_SIE);
	assert_int_equal(csr_get(CSR_SSTATUS), SSTATUS_SD | SSTATUS_UXL_64 | SSTATUS_FS_DIRTY |
							SSTATUS_VS_CLEAN);
	vs_state_dirty(&vs, SSTATUS_VS_DIRTY);
	assert_int_equal(vs.sstatus, SSTATUS_UXL_64 | SSTATUS_FS_DIRTY | SSTATUS_VS_DIRTY);
}

static void sie_and_sip(void **state unused)
{
	assert_written(CSR_SIE, ALL, 0x222, VS_INTERRUPTS);
	assert_int_equal(csr_insn(INSN_CSRRS, CSR_SIE, ALL), 0);
	assert_written(CSR_SIE, SIP_STIP, SIP_STIP, 0);

	assert_written(CSR_SIP, ALL, SIP_SSIP, VS_INTERRUPTS);
	vs.sip |= SIP_STIP | SIP_SEIP;
	assert_int_equal(csr_get(CSR_SIP), SIP_SSIP | SIP_STIP | SIP_SEIP);
	assert_written(CSR_SIP, 0, SIP_STIP | SIP_SEIP, 0);
	assert_int_equal(csr_insn(INSN_CSRRSI, CSR_SIP, 2), VS_INTERRUPTS);
	assert_int_equal(csr_insn(INSN_CSRRCI, CSR_SIP, 2), 0);
	assert_int_equal(csr_get(CSR_SIP), SIP_STIP | SIP_SEIP);
}

static void stvec_mode(void **state unused)
{
	assert_written(CSR_STVEC, 0xffffffc000001001, 0xffffffc000001001, 0);
	assert_written(CSR_STVEC, 0x2002, 0xffffffc000001001, 0);
	assert_written(CSR_STVEC, 0x2003, 0xffffffc000001001, 0);
	assert_written(CSR_STVEC, 0x2004, 0x2004, 0);
}

static void trap_registers(void **state unused)
{
	assert_written(CSR_SSCRATCH, ALL, ALL, 0);
	assert_written(CSR_SEPC, ALL, ALL - 1, 0);
	assert_written(CSR_SEPC, 0x1002, 0x1002, 0);
	assert_int_equal(csr_insn(INSN_CSRRSI, CSR_SEPC, 1), 0);
	assert_int_equal(csr_get(CSR_SEPC), 0x1002);
	assert_written(CSR_SCAUSE, ALL, ALL, 0);
	assert_written(CSR_SCAUSE, 0x123456789abcdef0, 0x123456789abcdef0, 0);
	assert_written(CSR_STVAL, ALL, ALL, 0);
}

static void plain_registers_are_apart(void **state unused)
{
	for (unsigned csr = CSR_SSCRATCH; csr <= CSR_STVAL; csr++)
		csr_set(csr, csr * 2);
	assert_int_equal(vs.sscratch, CSR_SSCRATCH * 2);
	assert_int_equal(vs.sepc, CSR_SEPC * 2);
	assert_int_equal(vs.scause, CSR_SCAUSE * 2);
	assert_int_equal(vs.stval, CSR_STVAL * 2);
	assert_null(vs_csr_plain(&vs, CSR_SIP));
	assert_null(vs_csr_plain(&vs, CSR_SSCRATCH - 1));
	assert_null(vs_csr_plain(&vs, 0));
}

static void satp_fields(void **state unused)
{
	const u64 sv39 = (u64)SATP_MODE_SV39 << SATP_MODE_SHIFT;
	const u64 sv57 = (u64)SATP_MODE_SV57 << SATP_MODE_SHIFT;
	const u64 asid = 0x1fful << SATP_ASID_SHIFT;

	assert_written(CSR_SATP, sv39 | ~SATP_MODE, sv39 | asid | SATP_PPN, VS_SATP);
	assert_int_equal(csr_set(CSR_SATP, sv39 | ~SATP_MODE), 0);
	assert_written(CSR_SATP, sv57 | 1, sv39 | asid | SATP_PPN, 0);
	assert_written(CSR_SATP, ALL, sv39 | asid | SATP_PPN, 0);
	assert_written(CSR_SATP, BIT(SATP_MODE_SHIFT), sv39 | asid | SATP_PPN, 0);
	assert_written(CSR_SATP, 5, 5, VS_SATP);
	assert_written(CSR_SATP, sv39 | 5, sv39 | 5, VS_SATP);
}

static void bare_can_always_be_set(void **state unused)
{
	struct vs_config none = { .satp_modes = 0 };

	assert_int_equal(vs_csr_write(&vs, &none, CSR_SATP, ALL), 0);
	assert_int_equal(vs.satp, 0);
	assert_int_equal(vs_csr_write(&vs, &none, CSR_SATP, ~SATP_MODE), VS_SATP);
	assert_int_equal(vs.satp, SATP_PPN);
}

static void scounteren_bits(void **state unused)
{
	assert_written(CSR_SCOUNTEREN, ALL, 0x7ffff, VS_COUNTEREN);
	assert_int_equal(csr_insn(INSN_CSRRS, CSR_SCOUNTEREN, ALL), 0);
	assert_written(CSR_SCOUNTEREN, ALL << 32, 0, VS_COUNTEREN);
}

static void senvcfg_bits(void **state unused)
{
	assert_written(CSR_SENVCFG, ALL, 0xf1, VS_COUNTEREN);
	assert_written(CSR_SENVCFG, SENVCFG_CBIE_FLUSH, SENVCFG_CBIE_FLUSH, VS_COUNTEREN);
	/* The reserved CBIE leaves the field, not the register, as it is. */
	assert_written(CSR_SENVCFG, 0x20, SENVCFG_CBIE_FLUSH, 0);
	assert_written(CSR_SENVCFG, 0xa0, SENVCFG_CBIE_FLUSH | SENVCFG_CBZE, VS_COUNTEREN);
	assert_written(CSR_SENVCFG, 0, 0, VS_COUNTEREN);
	assert_written(CSR_SENVCFG, 0x20, 0, 0);
}

static void stimecmp_is_whole(void **state unused)
{
	assert_written(CSR_STIMECMP, 0x123456789abcdef0, 0x123456789abcdef0, VS_TIMER);
	assert_int_equal(csr_set(CSR_STIMECMP, 0x123456789abcdef0), VS_TIMER);
}

/* --- what does not exist ------------------------------------------------------------ */

static void absent_csrs_are_illegal(void **state unused)
{
	static const u16 csrs[] = {
		CSR_SSP, CSR_SEED, CSR_JVT, 0x0, 0x4, CSR_SSTATEEN0, CSR_SCOUNTINHIBIT,
		CSR_SISELECT, CSR_SIREG, CSR_STOPEI, CSR_STOPI, CSR_SCOUNTOVF, CSR_SRMCFG,
		CSR_SCONTEXT, CSR_HSTATUS, CSR_HGATP, CSR_VSSTATUS, CSR_VSATP, 0x300, 0x341,
		0xb00, 0xf14, 0xc23, 0xc80, 0x101, 0x13f, 0x145, 0xfff,
	};

	for (size_t i = 0; i < ARRAY_SIZE(csrs); i++)
		assert_illegal(&full, csrs[i]);
	assert_illegal(&bare, CSR_STIMECMP);
	assert_illegal(&bare, CSR_SENVCFG);
}

static void user_mode_has_none(void **state unused)
{
	csr_set(CSR_SSTATUS, ALL);
	csr_set(CSR_SCOUNTEREN, ALL);
	vs.user = true;
	for (unsigned csr = 0; csr < 4096; csr++)
		if (vs_csr_kind(csr) == VS_CSR_NONE)
			assert_illegal(&full, csr);
}

/* --- what the hart keeps -------------------------------------------------------------- */

static unsigned csr_read_flags(unsigned csr)
{
	struct insn_csr insn = { .csr = (u16)csr, .funct3 = INSN_CSRRS, .rd = 1 };

	return vs_csr(&vs, &full, &insn, 0, &old);
}

static void kinds(void **state unused)
{
	unsigned counts[4] = { 0 };

	for (unsigned csr = 0; csr < 4096; csr++)
		counts[vs_csr_kind(csr)]++;
	assert_int_equal(counts[VS_CSR_FP], 3);
	assert_int_equal(counts[VS_CSR_VECTOR], 7);
	assert_int_equal(counts[VS_CSR_COUNTER], 32);
	assert_int_equal(vs_csr_kind(CSR_FCSR), VS_CSR_FP);
	assert_int_equal(vs_csr_kind(CSR_VLENB), VS_CSR_VECTOR);
	assert_int_equal(vs_csr_kind(CSR_TIME), VS_CSR_COUNTER);
	assert_int_equal(vs_csr_kind(CSR_HPMCOUNTER31), VS_CSR_COUNTER);
	assert_int_equal(vs_csr_kind(1u << 16 | CSR_TIME), VS_CSR_NONE);
}

static void fp_and_vector_follow_their_state(void **state unused)
{
	for (int user = 0; user < 2; user++) {
		vs_reset(&vs);
		assert_illegal(&full, CSR_FCSR);
		assert_illegal(&full, CSR_VSTART);
		csr_set(CSR_SSTATUS, SSTATUS_FS_INITIAL);
		vs.user = user;
		assert_int_equal(csr_set(CSR_FCSR, 0), VS_HOST);
		assert_int_equal(csr_read_flags(CSR_FFLAGS), VS_HOST);
		assert_int_equal(csr_read_flags(CSR_VL), VS_ILLEGAL);
		vs.user = false;
		csr_set(CSR_SSTATUS, SSTATUS_VS_CLEAN);
		vs.user = user;
		assert_int_equal(csr_read_flags(CSR_FCSR), VS_ILLEGAL);
		assert_int_equal(csr_read_flags(CSR_VLENB), VS_HOST);
		assert_int_equal(csr_set(CSR_VXRM, 0), VS_HOST);
	}
}

/* "CSR Address Mapping Conventions": the number says that it is read-only. */
static void read_only_ones_are_not_written(void **state unused)
{
	csr_set(CSR_SSTATUS, ALL);
	for (int user = 0; user < 2; user++) {
		vs.scounteren = 0xffffffff;
		vs.user = user;
		assert_illegal(&full, CSR_TIME);
		assert_illegal(&full, CSR_VL);
		assert_int_equal(csr_read_flags(CSR_TIME), VS_HOST);
		assert_int_equal(csr_read_flags(CSR_VL), VS_HOST);
		assert_int_equal(vs_csr_write(&vs, &full, CSR_TIME, 0), VS_ILLEGAL);
		assert_int_equal(vs_csr_write(&vs, &full, CSR_VCSR, 0), VS_HOST);
	}
}

static void counters_in_user_mode(void **state unused)
{
	assert_int_equal(csr_read_flags(CSR_HPMCOUNTER31), VS_HOST);
	vs.user = true;
	assert_int_equal(csr_read_flags(CSR_CYCLE), VS_ILLEGAL);
	assert_int_equal(csr_read_flags(CSR_HPMCOUNTER31), VS_ILLEGAL);
	vs.scounteren = COUNTEREN_TM | BIT(31);
	assert_int_equal(csr_read_flags(CSR_CYCLE), VS_ILLEGAL);
	assert_int_equal(csr_read_flags(CSR_TIME), VS_HOST);
	assert_int_equal(csr_read_flags(CSR_INSTRET), VS_ILLEGAL);
	assert_int_equal(csr_read_flags(CSR_HPMCOUNTER31), VS_HOST);
}

/* --- the two halves ------------------------------------------------------------------- */

static void halves_agree_with_the_whole(void **state unused)
{
	for (unsigned csr = 0; csr < 4096; csr++) {
		struct vs other;
		u64 value = 0x5a5a;
		unsigned flags, write_flags;

		vs_reset(&vs);
		old = 0x5a5a;
		flags = vs_csr_read(&vs, &full, csr, &value);
		assert_int_equal(csr_read_flags(csr), flags);
		assert_int_equal(old, value);
		other = vs;
		write_flags = vs_csr_write(&other, &full, csr, 0x600a5a5fa5a5a5a);
		assert_int_equal(csr_set(csr, 0x600a5a5fa5a5a5a), write_flags);
		assert_memory_equal(&vs, &other, sizeof(vs));
	}
}

/* --- traps ------------------------------------------------------------------------------ */

static void trap_from_user(void **state unused)
{
	csr_set(CSR_STVEC, 0x4001);
	csr_set(CSR_SSTATUS, SSTATUS_SIE | SSTATUS_SPP | SSTATUS_FS_DIRTY | SSTATUS_SUM);
	vs.user = true;
	assert_int_equal(vs_trap(&vs, 0x12346, CAUSE_ECALL_U, 0), 0x4000);
	assert_false(vs.user);
	assert_int_equal(vs.sstatus,
			 SSTATUS_UXL_64 | SSTATUS_SPIE | SSTATUS_FS_DIRTY | SSTATUS_SUM);
	assert_int_equal(vs.sepc, 0x12346);
	assert_int_equal(vs.scause, CAUSE_ECALL_U);
	assert_int_equal(vs.stval, 0);
}

static void trap_from_supervisor(void **state unused)
{
	csr_set(CSR_STVEC, 0xffffffff80004000);
	csr_set(CSR_SSTATUS, SSTATUS_SPIE | SSTATUS_MXR);
	assert_int_equal(vs_trap(&vs, 0x10001, CAUSE_STORE_PAGE_FAULT, 0xdead),
			 0xffffffff80004000);
	assert_int_equal(vs.sstatus, SSTATUS_UXL_64 | SSTATUS_SPP | SSTATUS_MXR);
	assert_int_equal(vs.sepc, 0x10000);
	assert_int_equal(vs.scause, CAUSE_STORE_PAGE_FAULT);
	assert_int_equal(vs.stval, 0xdead);
}

static void interrupts_are_vectored(void **state unused)
{
	csr_set(CSR_STVEC, 0x4001);
	assert_int_equal(vs_trap(&vs, 0, CAUSE_INTERRUPT | IRQ_S_EXT, 0), 0x4024);
	assert_int_equal(vs.scause, CAUSE_INTERRUPT | IRQ_S_EXT);
	csr_set(CSR_STVEC, 0x4000);
	assert_int_equal(vs_trap(&vs, 0, CAUSE_INTERRUPT | IRQ_S_TIMER, 0), 0x4000);
	csr_set(CSR_STVEC, ALL - 2);
	assert_int_equal(vs_trap(&vs, 0, CAUSE_INTERRUPT | IRQ_S_SOFT, 0), 0);
}

static void sret_returns(void **state unused)
{
	csr_set(CSR_SEPC, 0x8000);
	csr_set(CSR_SSTATUS, SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_VS_DIRTY);
	assert_int_equal(vs_sret(&vs), 0x8000);
	assert_false(vs.user);
	assert_int_equal(vs.sstatus,
			 SSTATUS_UXL_64 | SSTATUS_SIE | SSTATUS_SPIE | SSTATUS_VS_DIRTY);
	csr_set(CSR_SSTATUS, SSTATUS_SIE | SSTATUS_SUM);
	vs_sret(&vs);
	assert_true(vs.user);
	assert_int_equal(vs.sstatus, SSTATUS_UXL_64 | SSTATUS_SPIE | SSTATUS_SUM);
}

static void sret_undoes_a_trap(void **state unused)
{
	for (u64 bits = 0; bits < 4; bits++) {
		vs_reset(&vs);
		csr_set(CSR_SSTATUS, bits & 1 ? SSTATUS_SIE : 0);
		vs.user = bits & 2;
		vs_trap(&vs, 0x1234, CAUSE_BREAKPOINT, 0);
		assert_int_equal(vs_sret(&vs), 0x1234);
		assert_int_equal(vs.user, !!(bits & 2));
		assert_int_equal(vs.sstatus & SSTATUS_SIE, bits & 1 ? SSTATUS_SIE : 0);
	}
}

static void interrupt_order(void **state unused)
{
	csr_set(CSR_SSTATUS, SSTATUS_SIE);
	assert_int_equal(vs_interrupt(&vs), 0);
	vs.sip = VS_IRQS;
	assert_int_equal(vs_interrupt(&vs), 0);
	csr_set(CSR_SIE, SIP_STIP);
	assert_int_equal(vs_interrupt(&vs), CAUSE_INTERRUPT | IRQ_S_TIMER);
	csr_set(CSR_SIE, SIP_STIP | SIP_SSIP);
	assert_int_equal(vs_interrupt(&vs), CAUSE_INTERRUPT | IRQ_S_SOFT);
	csr_set(CSR_SIE, ALL);
	assert_int_equal(vs_interrupt(&vs), CAUSE_INTERRUPT | IRQ_S_EXT);
	vs.sip = SIP_STIP;
	assert_int_equal(vs_interrupt(&vs), CAUSE_INTERRUPT | IRQ_S_TIMER);
}

static void interrupts_and_modes(void **state unused)
{
	vs.sip = SIP_SSIP;
	assert_false(vs_wakes(&vs));
	csr_set(CSR_SIE, SIP_SSIP);
	assert_true(vs_wakes(&vs));
	assert_int_equal(vs_interrupt(&vs), 0);
	vs.user = true;
	assert_int_equal(vs_interrupt(&vs), CAUSE_INTERRUPT | IRQ_S_SOFT);
	vs.sip = 0;
	assert_int_equal(vs_interrupt(&vs), 0);
}

#define test(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(resets),
		test(writes_by_instruction),
		test(x0_does_not_write),
		test(zero_operand_writes),
		test(csrrw_with_x0),
		test(old_may_be_set_in_place),
		test(sstatus_bits),
		test(sstatus_sd),
		test(sstatus_sd_is_not_kept),
		test(sstatus_flags),
		test(dirty_comes_from_the_hart),
		test(sie_and_sip),
		test(stvec_mode),
		test(trap_registers),
		test(plain_registers_are_apart),
		test(satp_fields),
		test(bare_can_always_be_set),
		test(scounteren_bits),
		test(senvcfg_bits),
		test(stimecmp_is_whole),
		test(absent_csrs_are_illegal),
		test(user_mode_has_none),
		test(kinds),
		test(fp_and_vector_follow_their_state),
		test(read_only_ones_are_not_written),
		test(counters_in_user_mode),
		test(halves_agree_with_the_whole),
		test(trap_from_user),
		test(trap_from_supervisor),
		test(interrupts_are_vectored),
		test(sret_returns),
		test(sret_undoes_a_trap),
		test(interrupt_order),
		test(interrupts_and_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
