/*
 * The privileged instructions that a kernel executes most, served without C: a few registers are
 * put away, the virtual CSR is read or written, and the hart is back in the guest. An instruction
 * was decoded when it was met first (privileged.c): its entry in the cache says what to do, and where
 * its registers are. What is out of the ordinary goes to classic_slow, which begins anew.
 *
 * In here a0 is the frame (the guest's a0 is in sscratch), t0 to t3 are saved in it, all other
 * registers are the guest's. t1 is its pc, t2 the entry. RISC-V Privileged Architecture,
 * "Supervisor Status Register", "Supervisor Trap Vector Base Address Register" and following.
 */
#include "engine/classic/frame.h"
#include "riscv/csr.h"

	.text
	.globl classic_quick
classic_quick:
	csrr t1, sepc
	addi t2, t0, -CAUSE_ECALL_U
	beqz t2, .Lecall
	/* 32 bytes an entry: classic_insn_of() */
	srli t2, t1, 6
	xor t2, t2, t1
	slli t2, t2, 53
	srli t2, t2, 54
	slli t2, t2, 5
	ld t3, CLASSIC_CACHE(a0)
	add t2, t2, t3
	ld t3, CLASSIC_INSN_PC(t2)
	bne t3, t1, classic_slow
	/* A breakpoint is ours where one of ours was met, as such text is watched; elsewhere look again. */
	addi t0, t0, -CAUSE_ILLEGAL_INSN
	bnez t0, 2f
	csrr t0, stval
	lwu t3, CLASSIC_INSN_WORD(t2)
	bne t3, t0, classic_slow
1:	lw t3, CLASSIC_INSN_DO(t2)
	jr t3
2:	lbu t3, CLASSIC_INSN_PATCHED(t2)
	bnez t3, 1b
	j classic_slow

	/* On with the next instruction, and out. */
.Lnext:
	addi t1, t1, 4
	csrw sepc, t1
.Lback:
	ld t2, CLASSIC_X(7)(a0)
	ld t3, CLASSIC_X(28)(a0)
	ld t1, CLASSIC_GATE_BACK(a0)
	ld t0, CLASSIC_GUEST_SATP(a0)
	ld a0, CLASSIC_GATE_DATA(a0)
	jr t1

	/* ---- The instruction's registers */

	.macro GET
	lw t3, CLASSIC_INSN_GET(t2)
	jalr t3, t3
	.endm

	.macro SET
	lw t3, CLASSIC_INSN_SET(t2)
	jr t3
	.endm

	.balign 8
	.option push
	.option norvc
	.globl classic_get
classic_get:
	.irp n, 0, 1, 2, 3, 4
	mv t0, x\n
	jr t3
	.endr
	.irp n, 5, 6, 7
	ld t0, CLASSIC_X(\n)(a0)
	jr t3
	.endr
	.irp n, 8, 9
	mv t0, x\n
	jr t3
	.endr
	csrr t0, sscratch
	jr t3
	.irp n, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
	mv t0, x\n
	jr t3
	.endr
	ld t0, CLASSIC_X(28)(a0)
	jr t3
	.irp n, 29, 30, 31
	mv t0, x\n
	jr t3
	.endr

	.globl classic_set
	.balign 8
classic_set:
	nop
	j .Lnext
	.irp n, 1, 2, 3, 4
	mv x\n, t0
	j .Lnext
	.endr
	.irp n, 5, 6, 7
	sd t0, CLASSIC_X(\n)(a0)
	j .Lnext
	.endr
	.irp n, 8, 9
	mv x\n, t0
	j .Lnext
	.endr
	csrw sscratch, t0
	j .Lnext
	.irp n, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
	mv x\n, t0
	j .Lnext
	.endr
	sd t0, CLASSIC_X(28)(a0)
	j .Lnext
	.irp n, 29, 30, 31
	mv x\n, t0
	j .Lnext
	.endr
	.option pop

	.globl classic_get_immediate
classic_get_immediate:
	lbu t0, CLASSIC_INSN_IMMEDIATE(t2)
	jr t3

	/* ---- CSRs that only hold a value */

	.macro READ name, field
	.globl \name
\name:
	ld t0, \field(a0)
	SET
	.endm

	.macro WRITE name, field
	.globl \name
\name:
	GET
	sd t0, \field(a0)
	j .Lnext
	.endm

	READ classic_quick_read_sscratch, CLASSIC_VS_SSCRATCH
	READ classic_quick_read_sepc, CLASSIC_VS_SEPC
	READ classic_quick_read_scause, CLASSIC_VS_SCAUSE
	READ classic_quick_read_stval, CLASSIC_VS_STVAL
	WRITE classic_quick_write_sscratch, CLASSIC_VS_SSCRATCH
	WRITE classic_quick_write_scause, CLASSIC_VS_SCAUSE
	WRITE classic_quick_write_stval, CLASSIC_VS_STVAL

	.globl classic_quick_write_sepc
classic_quick_write_sepc:
	GET
	andi t0, t0, -2
	sd t0, CLASSIC_VS_SEPC(a0)
	j .Lnext

	.globl classic_quick_swap_sscratch
classic_quick_swap_sscratch:
	GET
	ld t3, CLASSIC_VS_SSCRATCH(a0)
	sd t0, CLASSIC_VS_SSCRATCH(a0)
	mv t0, t3
	SET

	/* ---- sstatus: FS and VS become dirty in the hart's, and with them SD */

	.macro OLD_SSTATUS reg, scratch
	csrr \reg, sstatus
	ld \scratch, CLASSIC_STATE_MASK(a0)
	and \reg, \reg, \scratch
	ld \scratch, CLASSIC_VS_SSTATUS(a0)
	or \reg, \reg, \scratch
	.endm

	.globl classic_quick_read_sstatus
classic_quick_read_sstatus:
	OLD_SSTATUS t0, t3
	SET

	.globl classic_quick_clear_sstatus
classic_quick_clear_sstatus:
	GET
	sd t4, CLASSIC_X(29)(a0)
	OLD_SSTATUS t4, t3
	and t3, t0, t4
	j .Lchange

	.globl classic_quick_set_sstatus
classic_quick_set_sstatus:
	GET
	sd t4, CLASSIC_X(29)(a0)
	OLD_SSTATUS t4, t3
	not t3, t4
	and t3, t3, t0
	j .Lchange

	.globl classic_quick_write_sstatus
classic_quick_write_sstatus:
	GET
	sd t4, CLASSIC_X(29)(a0)
	OLD_SSTATUS t4, t3
	xor t3, t0, t4
	/* t4: the old value, t3: the bits to change */
.Lchange:
	ld t0, CLASSIC_WRITABLE(a0)
	and t3, t3, t0
	li t0, SSTATUS_MXR
	and t0, t0, t3
	bnez t0, .Lchange_slow
	/* SIE set with something pending: the trap is taken there. */
	andi t0, t3, SSTATUS_SIE
	beqz t0, 1f
	and t0, t0, t4
	bnez t0, 1f
	ld t0, CLASSIC_VS_SIP(a0)
	sd t3, CLASSIC_RESULT(a0)
	ld t3, CLASSIC_VS_SIE(a0)
	and t0, t0, t3
	bnez t0, .Lchange_slow
	ld t3, CLASSIC_RESULT(a0)
1:	li t0, SSTATUS_FS | SSTATUS_VS
	and t0, t0, t3
	bnez t0, .Lstate
.Lstore:
	xor t0, t4, t3
	slli t0, t0, 1
	srli t0, t0, 1
	sd t0, CLASSIC_VS_SSTATUS(a0)
	li t0, SSTATUS_SUM
	and t3, t3, t0
	bnez t3, .Lsum
.Lchanged:
	mv t0, t4
	ld t4, CLASSIC_X(29)(a0)
	SET

	/* FS and VS: the hart's follow, where its registers are the guest's. What they were is noted, as they
	 * tell that memory is older than the registers. */
.Lstate:
	sd t3, CLASSIC_RESULT(a0)
	sd t4, CLASSIC_OPERAND(a0)
	xor t0, t4, t3
	li t3, SSTATUS_FS | SSTATUS_VS
	and t0, t0, t3
	ld t4, CLASSIC_LOADED(a0)
	not t4, t4
	and t4, t4, t0
	bnez t4, .Lchange_slow
	csrr t4, sstatus
	and t4, t4, t3
	csrc sstatus, t3
	csrs sstatus, t0
	ld t0, CLASSIC_DIRTIED(a0)
	or t0, t0, t4
	sd t0, CLASSIC_DIRTIED(a0)
	ld t3, CLASSIC_RESULT(a0)
	ld t4, CLASSIC_OPERAND(a0)
	j .Lstore

	/* SUM selects between two views of the same memory. */
.Lsum:
	and t3, t4, t0
	addi t0, a0, CLASSIC_VIEW_SUM
	beqz t3, 1f
	addi t0, a0, CLASSIC_VIEW_S
1:	ld t0, 0(t0)
	sd t0, CLASSIC_GUEST_SATP(a0)
	j .Lchanged

.Lchange_slow:
	ld t4, CLASSIC_X(29)(a0)
	j classic_slow

	/* ---- Between the guest's modes */

	.globl classic_quick_sret
classic_quick_sret:
	ld t0, CLASSIC_VS_SIP(a0)
	ld t3, CLASSIC_VS_SIE(a0)
	and t0, t0, t3
	bnez t0, classic_slow
	ld t3, CLASSIC_VS_SSTATUS(a0)
	andi t0, t3, SSTATUS_SPP
	bnez t0, .Lsret
	ld t0, CLASSIC_USER_DIFFERS(a0)
	bnez t0, classic_slow
	li t0, 1
	sb t0, CLASSIC_VS_USER(a0)
	ld t0, CLASSIC_VIEW_U(a0)
	sd t0, CLASSIC_GUEST_SATP(a0)
	ld t0, CLASSIC_QUICK_USER(a0)
	sd t0, CLASSIC_QUICK(a0)
	/* SIE = SPIE, SPIE = 1, SPP = 0 */
.Lsret:
	andi t0, t3, SSTATUS_SPIE
	srli t0, t0, 4
	andi t3, t3, ~(SSTATUS_SPP | SSTATUS_SIE)
	or t3, t3, t0
	ori t3, t3, SSTATUS_SPIE
	sd t3, CLASSIC_VS_SSTATUS(a0)
	ld t1, CLASSIC_VS_SEPC(a0)
	csrw sepc, t1
	j .Lback

	/* From the guest's U-mode into its S-mode. */
.Lecall:
	ld t0, CLASSIC_USER_DIFFERS(a0)
	bnez t0, classic_slow
	sd t1, CLASSIC_VS_SEPC(a0)
	li t0, CAUSE_ECALL_U
	sd t0, CLASSIC_VS_SCAUSE(a0)
	sd zero, CLASSIC_VS_STVAL(a0)
	sb zero, CLASSIC_VS_USER(a0)
	/* SPIE = SIE, SIE = 0, SPP = 0 */
	ld t3, CLASSIC_VS_SSTATUS(a0)
	andi t0, t3, SSTATUS_SIE
	slli t0, t0, 4
	andi t3, t3, ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE)
	or t3, t3, t0
	sd t3, CLASSIC_VS_SSTATUS(a0)
	ld t0, CLASSIC_QUICK_KERNEL(a0)
	sd t0, CLASSIC_QUICK(a0)
	ld t1, CLASSIC_VS_STVEC(a0)
	andi t1, t1, ~STVEC_MODE
	csrw sepc, t1
	ld t0, CLASSIC_VIEW_S(a0)
	slli t3, t3, 63 - 18 /* SUM */
	bgez t3, 1f
	ld t0, CLASSIC_VIEW_SUM(a0)
1:	sd t0, CLASSIC_GUEST_SATP(a0)
	j .Lback
