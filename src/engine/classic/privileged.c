/*
 * The privileged instructions of the guest, carried out on its virtual CSRs. RISC-V Privileged
 * Architecture, "Supervisor Instructions".
 */
#include "engine/classic/classic.h"
#include "riscv/csr.h"

/* "Illegal-Instruction Exception": stval has the instruction; of a compressed one 16 bits. */
static bool illegal(struct classic_vcpu *c, u32 insn)
{
	classic_inject(c, CAUSE_ILLEGAL_INSN, insn_length((u16)insn) == 2 ? (u16)insn : insn);
	return false;
}

/*
 * QEMU reports sepc 0x1000 too high for a trapping WFI that is the last instruction of its page.
 * Where a page begins with something else, it is that.
 */
static void correct_wfi_pc(struct classic_vcpu *c)
{
	u32 insn;

	if ((c->frame.pc & 0xfff) < 0xffc)
		return;
	if (classic_fetch(c, c->frame.pc, &insn) && insn_is_wfi(insn))
		return;
	if (classic_fetch(c, c->frame.pc - 0x1000, &insn) && insn_is_wfi(insn))
		c->frame.pc -= 0x1000;
}

static bool wait_for_interrupt(struct classic_vcpu *c, u32 insn)
{
	correct_wfi_pc(c);
	if (c->vs.user)
		return illegal(c, insn);
	c->frame.pc += 4;
	c->priv->exit.kind = EXIT_WFI;
	return true;
}

/* sfence.vma rs1, rs2: registers by number, x0 meaning every address or every space. */
static void fence(struct classic_vcpu *c, u32 insn)
{
	unsigned rs1 = insn_rs1(insn), rs2 = insn_rs2(insn);
	u64 va = c->frame.x[rs1];
	unsigned asid = (u16)c->frame.x[rs2];

	if (rs1 && rs2)
		shadow_drop_page_asid(c->shadow, va, asid);
	else if (rs1)
		shadow_drop_page(c->shadow, va);
	else if (rs2)
		shadow_drop_asid(c->shadow, asid);
	else
		shadow_drop_all(c->shadow);
}

static bool csr(struct classic_vcpu *c, u32 insn)
{
	struct insn_csr i;
	u64 operand, old;
	unsigned changes;

	if (!insn_decode_csr(insn, &i))
		return illegal(c, insn);
	operand = i.funct3 & 4 ? i.rs1 : c->frame.x[i.rs1];
	if (i.csr == CSR_SIP)
		classic_check_timer(c);
	changes = vs_csr(&c->vs, &vm_of(c)->config, &i, operand, &old);
	/* VS_HOST: the guest may use it, but the hart has none. */
	if (changes & (VS_ILLEGAL | VS_HOST))
		return illegal(c, insn);
	if (i.rd)
		c->frame.x[i.rd] = old;
	c->frame.pc += 4;
	if (changes)
		classic_changed(c, changes);
	return false;
}

bool classic_privileged(struct classic_vcpu *c, u32 insn)
{
	enum insn_system what = insn_system(insn);

	if (what == INSN_WFI)
		return wait_for_interrupt(c, insn);
	if (what == INSN_CSR)
		return csr(c, insn);
	if (c->vs.user)
		return illegal(c, insn);
	switch (what) {
	case INSN_SRET:
		classic_sret(c);
		return false;
	case INSN_SFENCE_VMA:
		fence(c, insn);
		c->frame.pc += 4;
		return false;
	default:
		return illegal(c, insn);
	}
}
