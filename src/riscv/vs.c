#include "riscv/vs.h"

_Static_assert(offsetof(struct vs, sepc) == offsetof(struct vs, sscratch) + 8 &&
	      offsetof(struct vs, scause) == offsetof(struct vs, sscratch) + 16 &&
	      offsetof(struct vs, stval) == offsetof(struct vs, sscratch) + 24,
	      "vs_csr_plain() counts on it");

enum vs_csr_kind vs_csr_kind(unsigned csr)
{
	switch (csr) {
	case CSR_FFLAGS:
	case CSR_FRM:
	case CSR_FCSR:
		return VS_CSR_FP;
	case CSR_VSTART:
	case CSR_VXSAT:
	case CSR_VXRM:
	case CSR_VCSR:
	case CSR_VL:
	case CSR_VTYPE:
	case CSR_VLENB:
		return VS_CSR_VECTOR;
	default:
		return csr >= CSR_CYCLE && csr <= CSR_HPMCOUNTER31 ? VS_CSR_COUNTER : VS_CSR_NONE;
	}
}

/* "Extension Context Status": Off makes the CSRs of F and V illegal, in S-mode as well. */
static bool csr_allowed(const struct vs *vs, unsigned csr)
{
	switch (vs_csr_kind(csr)) {
	case VS_CSR_FP:
		return vs->sstatus & SSTATUS_FS;
	case VS_CSR_VECTOR:
		return vs->sstatus & SSTATUS_VS;
	case VS_CSR_COUNTER:
		return !vs->user || vs->scounteren >> (csr - CSR_CYCLE) & 1;
	default:
		return false;
	}
}

/* For all that are not kept here. */
static unsigned csr_other(const struct vs *vs, unsigned csr, bool write)
{
	if (write && (csr & CSR_NUMBER_READ_ONLY) == CSR_NUMBER_READ_ONLY)
		return VS_ILLEGAL;
	return csr_allowed(vs, csr) ? VS_HOST : VS_ILLEGAL;
}

void vs_reset(struct vs *vs)
{
	*vs = (struct vs){ .sstatus = SSTATUS_UXL_64, .stimecmp = ~0ul };
}

/* Where a CSR is kept, which is what it reads as but for sstatus; NULL if there is none. */
static const u64 *csr_field(const struct vs *vs, const struct vs_config *config, unsigned csr)
{
	switch (csr) {
	case CSR_SSTATUS:
		return &vs->sstatus;
	case CSR_SIE:
		return &vs->sie;
	case CSR_STVEC:
		return &vs->stvec;
	case CSR_SCOUNTEREN:
		return &vs->scounteren;
	case CSR_SENVCFG:
		return config->senvcfg ? &vs->senvcfg : NULL;
	case CSR_SSCRATCH:
		return &vs->sscratch;
	case CSR_SEPC:
		return &vs->sepc;
	case CSR_SCAUSE:
		return &vs->scause;
	case CSR_STVAL:
		return &vs->stval;
	case CSR_SIP:
		return &vs->sip;
	case CSR_STIMECMP:
		return config->sstc ? &vs->stimecmp : NULL;
	case CSR_SATP:
		return &vs->satp;
	default:
		return NULL;
	}
}

unsigned vs_csr_read(const struct vs *vs, const struct vs_config *config, unsigned csr,
		     u64 *value)
{
	const u64 *field = vs->user ? NULL : csr_field(vs, config, csr);

	if (!field)
		return csr_other(vs, csr, false);
	*value = csr == CSR_SSTATUS ? vs_sstatus_read(vs) : *field;
	return 0;
}

/* sie and sip: the bits of @mask are written. */
static unsigned irqs_write(u64 *field, u64 mask, u64 value)
{
	u64 changed = (*field ^ value) & mask;

	*field ^= changed;
	return changed & value ? VS_INTERRUPTS : 0;
}

/* WARL: a reserved MODE leaves the whole register as it is. */
static unsigned stvec_write(struct vs *vs, u64 value)
{
	if ((value & STVEC_MODE) <= STVEC_MODE_VECTORED)
		vs->stvec = value;
	return 0;
}

/* "If satp is written with an unsupported MODE, the entire write has no effect." */
static unsigned satp_write(struct vs *vs, const struct vs_config *config, u64 value)
{
	u64 asid = (u64)config->asid_mask << SATP_ASID_SHIFT;
	u64 old = vs->satp;

	if (!((config->satp_modes | BIT(SATP_MODE_BARE)) >> (value >> SATP_MODE_SHIFT) & 1))
		return 0;
	vs->satp = value & (SATP_MODE | SATP_PPN | asid);
	return vs->satp != old ? VS_SATP : 0;
}

static unsigned scounteren_write(struct vs *vs, const struct vs_config *config, u64 value)
{
	u64 changed = (vs->scounteren ^ value) & config->counteren;

	vs->scounteren ^= changed;
	return changed ? VS_COUNTEREN : 0;
}

/* CBIE = 2 is reserved: the field stays as it is. */
static unsigned senvcfg_write(struct vs *vs, const struct vs_config *config, u64 value)
{
	u64 changed = (vs->senvcfg ^ value) & config->senvcfg_mask;
	u64 reserved = SENVCFG_CBIE & ~SENVCFG_CBIE_FLUSH;

	if (((vs->senvcfg ^ changed) & SENVCFG_CBIE) == reserved)
		changed &= ~SENVCFG_CBIE;
	vs->senvcfg ^= changed;
	return changed ? VS_COUNTEREN : 0;
}

static unsigned plain_write(u64 *field, unsigned csr, u64 value)
{
	*field = vs_plain_value(csr, value);
	return 0;
}

static unsigned stimecmp_write(struct vs *vs, u64 value)
{
	vs->stimecmp = value;
	return VS_TIMER;
}

unsigned vs_csr_write(struct vs *vs, const struct vs_config *config, unsigned csr, u64 value)
{
	if (vs->user || !csr_field(vs, config, csr))
		return csr_other(vs, csr, true);
	switch (csr) {
	case CSR_SSTATUS:
		return vs_sstatus_write(vs, config, value);
	case CSR_SIE:
		return irqs_write(&vs->sie, VS_IRQS, value);
	case CSR_STVEC:
		return stvec_write(vs, value);
	case CSR_SCOUNTEREN:
		return scounteren_write(vs, config, value);
	case CSR_SENVCFG:
		return senvcfg_write(vs, config, value);
	case CSR_SIP:
		return irqs_write(&vs->sip, SIP_SSIP, value);
	case CSR_STIMECMP:
		return stimecmp_write(vs, value);
	case CSR_SATP:
		return satp_write(vs, config, value);
	default:
		return plain_write(vs_csr_plain(vs, csr), csr, value);
	}
}

/* Not for vs_csr() to take in: as a tail call it costs the hot ones no registers. */
static unsigned __attribute__((noinline))
csr_rare(struct vs *vs, const struct vs_config *config, const struct insn_csr *insn, u64 operand,
	 u64 *old)
{
	bool writes = insn_csr_writes(insn);
	u64 value;
	unsigned flags = vs_csr_read(vs, config, insn->csr, &value);

	if (flags)
		return csr_other(vs, insn->csr, writes);
	*old = value;
	if (!writes)
		return 0;
	return vs_csr_write(vs, config, insn->csr, insn_csr_result(insn, value, operand));
}

static inline unsigned csr_sstatus(struct vs *vs, const struct vs_config *config,
				   const struct insn_csr *insn, u64 operand, u64 *old)
{
	u64 value = vs_sstatus_read(vs);
	unsigned flags = 0;

	if (insn_csr_writes(insn))
		flags = vs_sstatus_write(vs, config, insn_csr_result(insn, value, operand));
	*old = value;
	return flags;
}

unsigned vs_csr(struct vs *vs, const struct vs_config *config, const struct insn_csr *insn,
		u64 operand, u64 *old)
{
	u64 *plain = vs_csr_plain(vs, insn->csr);
	u64 value;

	if (vs->user)
		return csr_rare(vs, config, insn, operand, old);
	if (insn->csr == CSR_SSTATUS)
		return csr_sstatus(vs, config, insn, operand, old);
	if (!plain)
		return csr_rare(vs, config, insn, operand, old);
	value = *plain;
	if (insn_csr_writes(insn))
		*plain = vs_plain_value(insn->csr, insn_csr_result(insn, value, operand));
	*old = value;
	return 0;
}

u64 vs_trap(struct vs *vs, u64 pc, u64 cause, u64 tval)
{
	u64 s = vs->sstatus & ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE);
	u64 base = vs->stvec & ~STVEC_MODE;

	s |= vs->user ? 0 : SSTATUS_SPP;
	s |= vs->sstatus & SSTATUS_SIE ? SSTATUS_SPIE : 0;
	vs->sstatus = s;
	vs->user = false;
	vs->sepc = vs_plain_value(CSR_SEPC, pc);
	vs->scause = cause;
	vs->stval = tval;
	/* "Supervisor Trap Vector Base Address Register": only interrupts are vectored. */
	if ((cause & CAUSE_INTERRUPT) && (vs->stvec & STVEC_MODE) == STVEC_MODE_VECTORED)
		return base + 4 * (cause & ~CAUSE_INTERRUPT);
	return base;
}

u64 vs_sret(struct vs *vs)
{
	u64 s = vs->sstatus & ~(SSTATUS_SPP | SSTATUS_SIE);

	vs->user = !(vs->sstatus & SSTATUS_SPP);
	s |= vs->sstatus & SSTATUS_SPIE ? SSTATUS_SIE : 0;
	vs->sstatus = s | SSTATUS_SPIE;
	return vs->sepc;
}

u64 vs_interrupt(const struct vs *vs)
{
	u64 pending = vs->sip & vs->sie;

	if (!pending || !(vs->user || vs->sstatus & SSTATUS_SIE))
		return 0;
	if (pending & SIP_SEIP)
		return CAUSE_INTERRUPT | IRQ_S_EXT;
	if (pending & SIP_SSIP)
		return CAUSE_INTERRUPT | IRQ_S_SOFT;
	return pending & SIP_STIP ? CAUSE_INTERRUPT | IRQ_S_TIMER : 0;
}
