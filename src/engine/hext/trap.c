/*
 * Why the guest came out, and what is answered right here: exceptions that are
 * the guest's own go back to it, register files are loaded, the rest becomes
 * a question for the core.
 */
#include "engine/hext/hext.h"
#include "host/bare/percpu.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"
#include "riscv/insn.h"

/* A trap into VS-mode, as the hart itself would have taken it. */
void hext_inject(struct hext_vcpu *h, u64 cause, u64 tval)
{
	u64 vsstatus = csr_read(CSR_VSSTATUS) & ~(SSTATUS_SPP | SSTATUS_SPIE);

	if (h->frame.sstatus & SSTATUS_SPP)
		vsstatus |= SSTATUS_SPP;
	if (vsstatus & SSTATUS_SIE)
		vsstatus |= SSTATUS_SPIE;
	csr_write(CSR_VSSTATUS, vsstatus & ~SSTATUS_SIE);
	csr_write(CSR_VSEPC, h->frame.pc);
	csr_write(CSR_VSCAUSE, cause);
	csr_write(CSR_VSTVAL, tval);
	h->frame.pc = csr_read(CSR_VSTVEC) & ~STVEC_MODE;
	h->frame.sstatus |= SSTATUS_SPP;
}

/*
 * HLVX reads as the guest would fetch: with its privilege (hstatus.SPVP) and its tables. A trap of
 * this one load ends behind it, with @missing read. It has overwritten the CSRs of the guest's trap, sepc
 * included: whoever needs those reads them before.
 */
#define fetch(width, pc, missing)                                                                 \
	({                                                                                        \
		u64 fetch_tmp_, fetch_value_;                                                     \
		__asm__ volatile("la %0, 1f\n\t"                                                  \
				 "sd %0, " CSR_TEXT(PERCPU_FIXUP) "(tp)\n\t"                      \
				 "li %1, " #missing "\n\t"                                         \
				 ".option push\n\t"                                               \
				 ".option arch, +h\n\t"                                           \
				 "hlvx." width " %1, (%2)\n\t"                                    \
				 ".option pop\n"                                                  \
				 "1:\tsd zero, " CSR_TEXT(PERCPU_FIXUP) "(tp)"                    \
				 : "=&r"(fetch_tmp_), "=&r"(fetch_value_)                         \
				 : "r"(pc)                                                        \
				 : "memory");                                                     \
		(u32)fetch_value_;                                                                \
	})

/* A 4-byte instruction may cross into a page that is not there; only an aligned one is read at
 * once. */
static u32 fetch_in_parcels(u64 pc)
{
	u32 low = fetch("hu", pc, 0), high;

	if (!low || insn_length((u16)low) == 2)
		return low;
	high = fetch("hu", pc + 2, -1);
	return high == ~0u ? 0 : high << 16 | low;
}

u32 hext_fetch(u64 pc)
{
	return pc & 2 ? fetch_in_parcels(pc) : fetch("wu", pc, 0);
}

/* The trapped instruction: stval has it, or 0 where the hart does not say. */
static bool trapped_insn(struct hext_vcpu *h, u32 *insn)
{
	*insn = (u32)csr_read(CSR_STVAL);
	if (!*insn)
		*insn = hext_fetch(h->frame.pc);
	return *insn;
}

/*
 * QEMU reports sepc 0x1000 too high for a trapping WFI that is the last instruction of its
 * page. Where a page begins with something else, it is that.
 */
static void correct_wfi_pc(struct hext_vcpu *h)
{
	if ((h->frame.pc & 0xfff) >= 0xffc && !insn_is_wfi(hext_fetch(h->frame.pc)) &&
	    insn_is_wfi(hext_fetch(h->frame.pc - 0x1000)))
		h->frame.pc -= 0x1000;
}

/* "Virtual-Instruction Exception": a guest without H sees an illegal instruction, but for WFI
 * of its kernel. */
static bool virtual_instruction(struct hext_vcpu *h)
{
	struct vmexit *e = &h->vcpu->priv->exit;
	u32 insn;

	if (!trapped_insn(h, &insn)) {
		/* Unmapped since: the guest refaults. */
		return false;
	}
	if (insn_is_wfi(insn)) {
		correct_wfi_pc(h);
		if (h->frame.sstatus & SSTATUS_SPP) {
			h->frame.pc += 4;
			e->kind = EXIT_WFI;
			return true;
		}
	}
	hext_inject(h, CAUSE_ILLEGAL_INSN, insn);
	return false;
}

static void illegal_instruction(struct hext_vcpu *h)
{
	u64 stval = csr_read(CSR_STVAL);

	if (!hext_enable_fp_or_vector(h))
		hext_inject(h, CAUSE_ILLEGAL_INSN, stval);
}

static void fatal(struct hext_vcpu *h, const char *why)
{
	struct vmexit *e = &h->vcpu->priv->exit;

	vm_log(h->vcpu->vm, "vCPU %u: scause %lu, sepc %#lx, stval %#lx, htval %#lx", h->vcpu->id,
	       h->frame.scause, h->frame.pc, csr_read(CSR_STVAL), csr_read(CSR_HTVAL));
	e->kind = EXIT_FATAL;
	e->why = why;
}

bool hext_trap(struct hext_vcpu *h)
{
	u64 cause = h->frame.scause;

	if (cause & CAUSE_INTERRUPT) {
		h->vcpu->priv->exit.kind = EXIT_INTERRUPT;
		return true;
	}
	switch (cause) {
	case CAUSE_LOAD_GUEST_PAGE_FAULT:
	case CAUSE_STORE_GUEST_PAGE_FAULT:
		return hext_guest_page_fault(h);
	case CAUSE_ECALL_VS:
		exit_ask_sbi(&h->priv->exit, h->frame.x);
		h->priv->exit.kind = EXIT_SBI;
		return true;
	case CAUSE_VIRTUAL_INSN:
		return virtual_instruction(h);
	case CAUSE_ILLEGAL_INSN:
		illegal_instruction(h);
		return false;
	case CAUSE_INSN_GUEST_PAGE_FAULT:
		hext_inject(h, CAUSE_INSN_ACCESS, csr_read(CSR_STVAL));
		return false;
	default:
		fatal(h, "a trap that no answer exists for");
		return true;
	}
}
