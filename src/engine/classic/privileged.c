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

/* "Supervisor Memory-Management Fence Instruction": x0 means every address, or every space. */
void classic_fence_insn(struct classic_vcpu *c, u32 insn, u64 va, u64 asid)
{
	unsigned space = (u16)asid;

	if (!insn_rs1(insn) && !insn_rs2(insn))
		classic_drop_all(c);
	else if (!insn_rs1(insn))
		classic_drop_asid(c, space);
	else if (!insn_rs2(insn))
		classic_drop_page(c, va);
	else
		classic_drop_page_asid(c, va, space);
}

/* ---- The cache of instructions met, for quick.S ---- */

#define IS(name) ((s32)(u64)(name))

/* What serves a CSR instruction: by the CSR, and by whether it reads, writes, or both; those in
 * between and all other CSRs take a call. */
static s32 serve_plain(u16 csr, bool reads, bool writes)
{
	switch (csr) {
	case CSR_SSCRATCH:
		if (reads && writes)
			return IS(classic_quick_swap_sscratch);
		return reads ? IS(classic_quick_read_sscratch) : IS(classic_quick_write_sscratch);
	case CSR_SEPC:
		return reads ? IS(classic_quick_read_sepc) : IS(classic_quick_write_sepc);
	case CSR_SCAUSE:
		return reads ? IS(classic_quick_read_scause) : IS(classic_quick_write_scause);
	case CSR_STVAL:
		return reads ? IS(classic_quick_read_stval) : IS(classic_quick_write_stval);
	default:
		return IS(classic_quick_insn);
	}
}

static s32 serve_sstatus(const struct insn_csr *i)
{
	if ((i->funct3 & 3) == INSN_CSRRW)
		return IS(classic_quick_write_sstatus);
	if (!i->rs1)
		return IS(classic_quick_read_sstatus);
	return (i->funct3 & 3) == INSN_CSRRS ? IS(classic_quick_set_sstatus) :
					       IS(classic_quick_clear_sstatus);
}

static s32 serve_csr(const struct insn_csr *i)
{
	bool swap = (i->funct3 & 3) == INSN_CSRRW;
	bool reads = !swap || i->rd, writes = swap || i->rs1;

	if (i->csr == CSR_SSTATUS)
		return serve_sstatus(i);
	/* A bit of one of these, or a swap that is not of sscratch. */
	if ((!swap && writes) || (reads && writes && i->csr != CSR_SSCRATCH))
		return IS(classic_quick_insn);
	return serve_plain(i->csr, reads, writes);
}

/* Of what the cache holds breakpoints are not looked at again: see view.c, "Fences". */
static void remember_page(struct classic_vcpu *c, u64 pc)
{
	struct walk_result w;
	bool found = !classic_walk(c, pc, WALK_EXECUTE, &w);

	covers_add(&c->insns_at, pc, found ? w.size : PTE_PAGE_SIZE);
	covers_add(&c->insns_at, pc + 2, PTE_PAGE_SIZE);
	/* Of one that goes on in another page that may be. */
	if (!found || !(w.pte & PTE_G) || w.pte & PTE_U || (pc + 2) % PTE_PAGE_SIZE == 0)
		c->insns_local = true;
}

static void remember(struct classic_vcpu *c, u32 insn, s32 serve)
{
	u64 pc = c->frame.pc;

	c->insns = true;
	if (vm_of(c)->text)
		remember_page(c, pc);
	*classic_insn_of(&c->frame, pc) = (struct classic_insn){
		.pc = pc,
		.word = insn,
		.serve = serve,
		.get = IS(classic_get + 8 * insn_rs1(insn)),
		.get2 = IS(classic_get + 8 * insn_rs2(insn)),
		.set = IS(classic_set),
		.patched = c->frame.scause == CAUSE_BREAKPOINT,
	};
}

static void remember_csr(struct classic_vcpu *c, u32 insn, const struct insn_csr *i)
{
	struct classic_insn *entry = classic_insn_of(&c->frame, c->frame.pc);

	/* sip shows the timer, which has to be looked at. */
	if (c->vs.user || i->csr == CSR_SIP)
		return;
	remember(c, insn, serve_csr(i));
	entry->set = IS(classic_set + 8 * i->rd);
	if (i->funct3 & 4) {
		entry->get = IS(classic_get_immediate);
		entry->immediate = i->rs1;
	}
}

void classic_forget_insns(struct classic_vcpu *c)
{
	for (unsigned i = 0; i < CLASSIC_INSNS && c->insns; i++)
		c->frame.cache[i].pc = ~0ul;
	c->insns = false;
	c->insns_at = COVERS_NOTHING;
	c->insns_local = false;
}

/* ---- One instruction ---- */

/* Cache-block operations: MISC-MEM with funct3 2. */
static bool is_cbo(u32 insn) { return (insn & 0x707f) == 0x200f; }

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
	/* VS_HOST: the guest may use it, but the hart has none, or is set for U-mode. */
	if (changes & VS_HOST && !c->vs.user && classic_free_kernel(c))
		return false;
	if (changes & (VS_ILLEGAL | VS_HOST))
		return illegal(c, insn);
	remember_csr(c, insn, &i);
	if (i.rd)
		c->frame.x[i.rd] = old;
	c->frame.pc += 4;
	if (changes)
		classic_changed(c, changes);
	return false;
}

/* Not what may be left to the hart after all: counters, cache-block operations. */
static bool is_rewritten(enum insn_system what, u32 insn)
{
	struct insn_csr i;

	if (what == INSN_CSR)
		return insn_decode_csr(insn, &i) && i.csr & CSR_NUMBER_PRIVILEGE;
	return what == INSN_SRET || what == INSN_WFI || what == INSN_SFENCE_VMA;
}

bool classic_privileged(struct classic_vcpu *c, u32 insn)
{
	enum insn_system what = insn_system(insn);

	if (c->frame.scause == CAUSE_ILLEGAL_INSN && !c->vs.user && is_rewritten(what, insn))
		rewrite_insn(c, insn);

	if (what == INSN_WFI)
		return wait_for_interrupt(c, insn);
	if (what == INSN_CSR)
		return csr(c, insn);
	if (c->vs.user)
		return illegal(c, insn);
	switch (what) {
	case INSN_SRET:
		remember(c, insn, IS(classic_quick_sret));
		classic_sret(c);
		return false;
	case INSN_SFENCE_VMA:
		remember(c, insn, IS(classic_quick_insn));
		classic_fence_insn(c, insn, c->frame.x[insn_rs1(insn)], c->frame.x[insn_rs2(insn)]);
		c->frame.pc += 4;
		return false;
	default:
		return is_cbo(insn) && classic_free_kernel(c) ? false : illegal(c, insn);
	}
}
