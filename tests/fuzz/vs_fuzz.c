/*
 * A virtual supervisor under any sequence of CSR instructions, traps and returns: no bit is ever
 * where it cannot be, and the flags say exactly what changed.
 */
#include <string.h>

#include "riscv/vs.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define require(condition) ((condition) ? (void)0 : __builtin_trap())

struct machine {
	struct vs vs;
	struct vs_config config;
};

/* One step of the input. */
struct step {
	u8 what;
	u8 funct3;
	u8 rd_rs1;
	u8 pick;
	u16 csr;
	u16 padding;
	u64 operand;
};

static const u16 csrs[] = {
	CSR_SSTATUS, CSR_SIE, CSR_STVEC, CSR_SCOUNTEREN, CSR_SENVCFG, CSR_SSCRATCH, CSR_SEPC,
	CSR_SCAUSE, CSR_STVAL, CSR_SIP, CSR_STIMECMP, CSR_SATP, CSR_FCSR, CSR_VSTART, CSR_VL,
	CSR_TIME,
};

static bool vs_same(const struct vs *a, const struct vs *b)
{
	return a->sstatus == b->sstatus && a->sie == b->sie && a->sip == b->sip &&
	       a->stvec == b->stvec && a->satp == b->satp && a->sscratch == b->sscratch &&
	       a->sepc == b->sepc && a->scause == b->scause && a->stval == b->stval &&
	       a->scounteren == b->scounteren && a->senvcfg == b->senvcfg &&
	       a->stimecmp == b->stimecmp && a->user == b->user;
}

static void check_fields(const struct machine *m)
{
	const struct vs *vs = &m->vs;
	u64 mode = vs->satp >> SATP_MODE_SHIFT;
	u64 asid = (vs->satp & SATP_ASID) >> SATP_ASID_SHIFT;

	require((vs->sstatus & ~m->config.sstatus_mask) == SSTATUS_UXL_64);
	require(!(vs->sie & ~VS_IRQS) && !(vs->sip & ~VS_IRQS));
	require((vs->stvec & STVEC_MODE) <= STVEC_MODE_VECTORED);
	require(!(vs->sepc & 1));
	require(mode == SATP_MODE_BARE || m->config.satp_modes >> mode & 1);
	require(!(asid & ~(u64)m->config.asid_mask));
	require(!(vs->scounteren & ~(u64)m->config.counteren));
	require(!(vs->senvcfg & ~m->config.senvcfg_mask));
	require((vs->senvcfg & SENVCFG_CBIE) != (SENVCFG_CBIE & ~SENVCFG_CBIE_FLUSH));
	require(m->config.senvcfg || !vs->senvcfg);
	require(m->config.sstc || vs->stimecmp == ~0ul);
}

static u64 read_csr(struct machine *m, u16 csr)
{
	struct insn_csr insn = { .csr = csr, .funct3 = INSN_CSRRS, .rd = 1 };
	struct vs before = m->vs;
	u64 first = 1, second = 2;

	require(vs_csr(&m->vs, &m->config, &insn, ~0ul, &first) == 0);
	require(vs_csr_read(&m->vs, &m->config, csr, &second) == 0);
	require(first == second && vs_same(&before, &m->vs));
	return first;
}

/* What is read in S-mode, the state's summary bit above all. */
static void check_reads(struct machine *m)
{
	u64 s, fs, v;

	if (m->vs.user)
		return;
	s = read_csr(m, CSR_SSTATUS);
	fs = s & SSTATUS_FS;
	v = s & SSTATUS_VS;
	require((s & ~SSTATUS_SD) == m->vs.sstatus);
	require(!!(s & SSTATUS_SD) == (fs == SSTATUS_FS_DIRTY || v == SSTATUS_VS_DIRTY));
	require(read_csr(m, CSR_SATP) == m->vs.satp);
	require(read_csr(m, CSR_SEPC) == m->vs.sepc);
	require(read_csr(m, CSR_SIP) == m->vs.sip);
}

static unsigned flags_of_change(const struct vs *old, const struct vs *new)
{
	u64 s = old->sstatus ^ new->sstatus;
	u64 set = (s & new->sstatus & SSTATUS_SIE) | (new->sie & ~old->sie) |
		  (new->sip & ~old->sip);
	unsigned flags = 0;

	flags |= set ? VS_INTERRUPTS : 0;
	flags |= s & (SSTATUS_SUM | SSTATUS_MXR) ? VS_VIEW : 0;
	flags |= s & (SSTATUS_FS | SSTATUS_VS) ? VS_STATE : 0;
	flags |= old->satp != new->satp ? VS_SATP : 0;
	flags |= old->scounteren != new->scounteren ? VS_COUNTEREN : 0;
	flags |= old->senvcfg != new->senvcfg ? VS_COUNTEREN : 0;
	flags |= old->stimecmp != new->stimecmp ? VS_TIMER : 0;
	return flags;
}

static void check_refusal(const struct machine *m, const struct vs *before,
			  const struct insn_csr *insn, unsigned flags)
{
	require(flags == VS_ILLEGAL || flags == VS_HOST);
	require(vs_same(before, &m->vs));
	if (flags == VS_ILLEGAL)
		return;
	require(vs_csr_kind(insn->csr) != VS_CSR_NONE);
	require(!insn_csr_writes(insn) || insn->csr < CSR_NUMBER_READ_ONLY);
	if (vs_csr_kind(insn->csr) == VS_CSR_FP)
		require(before->sstatus & SSTATUS_FS);
	if (vs_csr_kind(insn->csr) == VS_CSR_VECTOR)
		require(before->sstatus & SSTATUS_VS);
	if (vs_csr_kind(insn->csr) == VS_CSR_COUNTER && before->user)
		require(before->scounteren >> (insn->csr - CSR_CYCLE) & 1);
}

static void step_csr(struct machine *m, const struct step *step)
{
	struct insn_csr insn = {
		.csr = step->pick & 0x80 ? step->csr & 0xfff : csrs[step->pick % ARRAY_SIZE(csrs)],
		.funct3 = (u8)(1 + step->funct3 % 3) | (step->funct3 & 0x80 ? 4 : 0),
		.rd = step->rd_rs1 & 1,
		.rs1 = step->rd_rs1 >> 1 & 1,
	};
	struct vs before = m->vs;
	u64 old = 0x5a5a;
	unsigned flags = vs_csr(&m->vs, &m->config, &insn, step->operand, &old);

	if (flags & (VS_ILLEGAL | VS_HOST)) {
		require(old == 0x5a5a);
		check_refusal(m, &before, &insn, flags);
		return;
	}
	require(!before.user && (insn.csr & CSR_NUMBER_PRIVILEGE) >> 8 == 1);
	require(insn_csr_writes(&insn) || vs_same(&before, &m->vs));
	/* A timer may be set to what it was. */
	if (insn.csr == CSR_STIMECMP && insn_csr_writes(&insn))
		require(flags == VS_TIMER);
	else
		require(flags == flags_of_change(&before, &m->vs));
	if (!vs_interrupt(&before) && vs_interrupt(&m->vs))
		require(flags & VS_INTERRUPTS);
}

static void step_trap(struct machine *m, const struct step *step)
{
	struct vs before = m->vs;
	u64 cause = (step->funct3 & 63) | (step->funct3 & 0x80 ? CAUSE_INTERRUPT : 0);
	u64 pc = vs_trap(&m->vs, step->operand, cause, step->csr);
	struct vs back = m->vs;

	require(pc - (before.stvec & ~STVEC_MODE) <= 4 * 63 && !(pc & 3));
	require(!m->vs.user && !(m->vs.sstatus & SSTATUS_SIE) && m->vs.scause == cause);
	require(vs_interrupt(&m->vs) == 0);
	require(vs_sret(&back) == (step->operand & ~1ul));
	require(back.user == before.user && !((back.sstatus ^ before.sstatus) & SSTATUS_SIE));
}

static void step_sret(struct machine *m)
{
	if (m->vs.user)
		return;
	require(vs_sret(&m->vs) == m->vs.sepc);
	require((m->vs.sstatus & (SSTATUS_SPIE | SSTATUS_SPP)) == SSTATUS_SPIE);
}

static void check_interrupt(const struct vs *vs)
{
	u64 cause = vs_interrupt(vs);

	if (!cause)
		return;
	require(cause & CAUSE_INTERRUPT && vs_wakes(vs));
	require(vs->sip & vs->sie & BIT(cause & 63));
	require(vs->user || vs->sstatus & SSTATUS_SIE);
}

static void step_run(struct machine *m, const struct step *step)
{
	switch (step->what % 8) {
	case 0:
		step_trap(m, step);
		break;
	case 1:
		step_sret(m);
		break;
	case 2:
		m->vs.sip = (m->vs.sip & SIP_SSIP) | (step->operand & VS_IRQS);
		break;
	case 3:
		vs_state_dirty(&m->vs, step->operand & m->config.sstatus_mask);
		break;
	default:
		step_csr(m, step);
		break;
	}
}

static void machine_init(struct machine *m, const struct step *step)
{
	m->config = (struct vs_config){
		.sstatus_mask = VS_SSTATUS | (step->operand & (SSTATUS_FS | SSTATUS_VS)),
		.satp_modes = (u32)step->csr,
		.asid_mask = (u16)step->operand,
		.counteren = (u32)(step->operand >> 32),
		.sstc = step->what & 1,
		.senvcfg = step->what & 2,
		.senvcfg_mask = step->pick & (SENVCFG_FIOM | SENVCFG_CBIE | SENVCFG_CBCFE |
					      SENVCFG_CBZE),
	};
	/* The state's fields are there whole or not at all. */
	if (m->config.sstatus_mask & SSTATUS_FS)
		m->config.sstatus_mask |= SSTATUS_FS;
	if (m->config.sstatus_mask & SSTATUS_VS)
		m->config.sstatus_mask |= SSTATUS_VS;
	vs_reset(&m->vs);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct machine m;
	struct step step;
	bool first = true;

	for (; size >= sizeof(step); data += sizeof(step), size -= sizeof(step)) {
		memcpy(&step, data, sizeof(step));
		if (first)
			machine_init(&m, &step);
		else
			step_run(&m, &step);
		first = false;
		check_fields(&m);
		check_reads(&m);
		check_interrupt(&m.vs);
	}
	return 0;
}
