/* Traps that start.S does not finish: calls, what could not be delegated, and bugs. */
#include "fw/fw.h"
#include "fw/mcsr.h"
#include "fw/probe.h"

/* rdtime rd: csrrs rd, time, x0 */
enum { INSN_RDTIME = 0xc0102073, INSN_RDTIME_MASK = 0xfffff07f, INSN_RD_SHIFT = 7 };

u64 fw_mtime;

void fw_panic(void)
{
	static bool again;

	if (!again) {
		again = true;
		fw_print("bulkhead-fw: hart ");
		fw_print_number(fw_hart_id(fw_hart()));
		fw_print(": trap in M-mode: cause ");
		fw_print_hex(csr_read(CSR_MCAUSE));
		fw_print(", pc ");
		fw_print_hex(csr_read(CSR_MEPC));
		fw_print(", value ");
		fw_print_hex(csr_read(CSR_MTVAL));
		fw_print("\n");
	}
	fw_reset(false, true);
}

/* With H, the trap's privilege goes to hstatus, and what the second stage says to htval. */
static void redirect_hypervisor(u64 mstatus)
{
	u64 spvp = (mstatus & MSTATUS_MPP) ? HSTATUS_SPVP : 0;

	csr_clear(CSR_HSTATUS, HSTATUS_SPV | HSTATUS_GVA);
	if (mstatus & MSTATUS_MPV) {
		csr_clear(CSR_HSTATUS, HSTATUS_SPVP);
		csr_set(CSR_HSTATUS, HSTATUS_SPV | spvp);
	}
	if (mstatus & MSTATUS_GVA)
		csr_set(CSR_HSTATUS, HSTATUS_GVA);
	csr_write(CSR_HTVAL, csr_read(CSR_MTVAL2));
	csr_write(CSR_HTINST, csr_read(CSR_MTINST));
	csr_clear(CSR_MSTATUS, MSTATUS_MPV);
}

/* "Trap entry into S-mode": what hardware does for a trap that is delegated. */
static void redirect(void)
{
	u64 mstatus = csr_read(CSR_MSTATUS);

	csr_write(CSR_SCAUSE, csr_read(CSR_MCAUSE));
	csr_write(CSR_STVAL, csr_read(CSR_MTVAL));
	csr_write(CSR_SEPC, csr_read(CSR_MEPC));
	if (fw_hart()->has_h)
		redirect_hypervisor(mstatus);
	csr_clear(CSR_MSTATUS, MSTATUS_SPP | MSTATUS_SPIE | MSTATUS_SIE | MSTATUS_MPP);
	csr_set(CSR_MSTATUS, MSTATUS_MPP_S | (mstatus & MSTATUS_MPP ? MSTATUS_SPP : 0) |
			     (mstatus & MSTATUS_SIE ? MSTATUS_SPIE : 0));
	csr_write(CSR_MEPC, csr_read(CSR_STVEC) & ~STVEC_MODE);
}

/* As whoever trapped would fetch: "Memory Privilege in mstatus Register". */
static bool half_fetch(u64 *value)
{
	return fw_probe("csrs " CSR_TEXT(CSR_MSTATUS) ", %2\n\t"
			"lhu %1, 0(%1)\n\t"
			"csrc " CSR_TEXT(CSR_MSTATUS) ", %2",
			*value, "r"(MSTATUS_MPRV | SSTATUS_MXR));
}

/* Two halves, as the second may lie on another page. mepc and mstatus are the trap's: kept. */
static bool insn_fetch(u64 pc, u32 *insn)
{
	u64 mstatus = csr_read(CSR_MSTATUS), mepc = csr_read(CSR_MEPC), low = pc, high = pc + 2;
	bool ok = half_fetch(&low) && half_fetch(&high);

	csr_write(CSR_MSTATUS, mstatus);
	csr_write(CSR_MEPC, mepc);
	*insn = (u32)(high << 16 | low);
	return ok;
}

/* "Counter-Enable": S-mode may always read the time here, U-mode if S-mode lets it. */
static bool emulate_time(struct fw_frame *f)
{
	u64 mstatus = csr_read(CSR_MSTATUS), pc = csr_read(CSR_MEPC);
	u32 insn, rd;

	if (fw_hart()->has_time || !fw_mtime || (mstatus & MSTATUS_MPV))
		return false;
	if (!(mstatus & MSTATUS_MPP) && !(csr_read(CSR_SCOUNTEREN) & COUNTEREN_TM))
		return false;
	if (!insn_fetch(pc, &insn) || (insn & INSN_RDTIME_MASK) != INSN_RDTIME)
		return false;
	rd = insn >> INSN_RD_SHIFT & 31;
	if (rd)
		f->x[rd] = *(volatile u64 *)fw_mtime;
	csr_write(CSR_MEPC, pc + 4);
	return true;
}

void fw_trap_handle(struct fw_frame *f)
{
	u64 cause = csr_read(CSR_MCAUSE);

	if (cause == CAUSE_ECALL_S) {
		csr_write(CSR_MEPC, csr_read(CSR_MEPC) + 4);
		fw_sbi_call(f);
	} else if (cause == (CAUSE_INTERRUPT | IRQ_M_SOFT)) {
		fw_hart_serve();
	} else if (cause & CAUSE_INTERRUPT) {
		fw_panic(); /* one that is not enabled */
	} else if (cause != CAUSE_ILLEGAL_INSN || !emulate_time(f)) {
		redirect();
	}
}
