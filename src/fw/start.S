/*
 * Entry in M-mode: a0 = hart id, a1 = device tree, a2 = where the next stage's address is; and the
 * trap vector, which answers timers, IPIs to oneself and interrupts from elsewhere by itself.
 */
#include "fw/hart.h"
#include "fw/mcsr.h"
#include "riscv/sbi.h"

	.section .text.head, "ax"
	.globl fw_start
fw_start:
	csrw CSR_MIE, zero
	li t0, MSTATUS_MDT	/* set by reset where there is Smdbltrp: probes trap */
	csrc CSR_MSTATUS, t0
	lla t0, hang
	csrw CSR_MTVEC, t0
	csrr a0, CSR_MHARTID
	li t0, FW_HARTS_MAX
	bgeu a0, t0, hang
	lla tp, fw_harts
	slli t0, a0, FW_HART_SHIFT
	add tp, tp, t0
	lla t0, fw_lottery
	li t1, 1
	amoswap.w.aqrl t1, t1, (t0)
	bnez t1, wait

	lla t0, fw_bss
	lla t1, fw_bss_end
1:	sd zero, 0(t0)
	addi t0, t0, 8
	bltu t0, t1, 1b
	lla t0, fw_trap
	csrw CSR_MTVEC, t0
	csrw CSR_MSCRATCH, tp
	lla sp, boot_stack_end
	call fw_boot
	j fw_hart_restart

	/* The others sleep until the boot is over. */
wait:
	li t0, MIP_MSIP
	csrw CSR_MIE, t0
1:	wfi
	lw t0, fw_ready
	beqz t0, 1b
	fence r, rw
	lla t0, fw_trap
	csrw CSR_MTVEC, t0
	csrw CSR_MSCRATCH, tp
	ld sp, FW_HART_STACK(tp)
	call fw_hart_init
	.globl fw_hart_restart
fw_hart_restart:
	ld sp, FW_HART_STACK(tp)
	call fw_hart_park	/* does not return */

	.balign 4
hang:
	wfi
	j hang

	.text
	/* void fw_hart_enter(pc, a0, a1): nothing of the firmware's stays in a register. */
	.globl fw_hart_enter
fw_hart_enter:
	csrw CSR_MEPC, a0
	mv a0, a1
	mv a1, a2
	.irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, \
		26, 27, 28, 29, 30, 31
	li x\n, 0
	.endr
	mret

/* Ends a trap that needed no more than t0 and t1. */
.macro trap_return
	ld t0, FW_HART_T0(tp)
	ld t1, FW_HART_T1(tp)
	csrrw tp, CSR_MSCRATCH, tp
	mret
.endm

	/*
	 * From S-mode or below mscratch is this hart's struct; in M-mode it is the same as tp, so
	 * that exchanging the two changes nothing.
	 */
	.balign 4
fw_trap:
	csrrw tp, CSR_MSCRATCH, tp
	sd t0, FW_HART_T0(tp)
	sd t1, FW_HART_T1(tp)
	csrr t0, CSR_MCAUSE
	bltz t0, trap_interrupt
	addi t0, t0, -CAUSE_ECALL_S
	bnez t0, trap_slow
	li t0, SBI_EXT_TIME
	beq a7, t0, trap_set_timer
	li t0, SBI_EXT_IPI
	bne a7, t0, trap_slow

	/* send_ipi to oneself: "IPI Extension" */
	bnez a6, trap_slow
	li t0, FW_HARTS_MAX
	bgeu a1, t0, trap_slow
	sll t0, a0, a1
	ld t1, FW_HART_MASK(tp)
	bne t0, t1, trap_slow
	srl t0, t0, a1
	bne t0, a0, trap_slow
	csrsi CSR_MIP, SIP_SSIP
	j trap_success

	/* set_timer: "Timer Extension" */
trap_set_timer:
	bnez a6, trap_slow
	lw t0, FW_HART_SSTC(tp)
	bnez t0, 1f
	ld t0, FW_HART_MTIMECMP(tp)
	beqz t0, trap_slow
	sd a0, 0(t0)
	li t0, SIP_STIP
	csrc CSR_MIP, t0
	li t0, MIP_MTIP
	csrs CSR_MIE, t0
	j trap_success
1:	csrw CSR_STIMECMP, a0
trap_success:
	csrr t0, CSR_MEPC
	addi t0, t0, 4
	csrw CSR_MEPC, t0
	li a0, SBI_SUCCESS
	li a1, 0
	trap_return

trap_interrupt:
	slli t0, t0, 1
	addi t1, t0, -(IRQ_M_TIMER << 1)
	beqz t1, trap_timer
	addi t1, t0, -(IRQ_M_SOFT << 1)
	bnez t1, trap_slow

	/* Another hart's request: the interrupt is cleared before the word is read, and the sender
	 * writes them in the other order. */
	ld t0, FW_HART_MSIP(tp)
	sw zero, 0(t0)
	fence ow, rw
	addi t0, tp, FW_HART_REQUESTS
	li t1, ~FW_REQUEST_IPI
	amoand.w.aqrl t1, t1, (t0)
	andi t0, t1, FW_REQUEST_IPI
	beqz t0, 1f
	csrsi CSR_MIP, SIP_SSIP
1:	andi t0, t1, FW_REQUEST_FENCE
	bnez t0, trap_slow
	trap_return

	/* The deadline of set_timer: it is S-mode's now, and M-mode's sleeps until the next. */
trap_timer:
	li t0, MIP_MTIP
	csrc CSR_MIE, t0
	li t0, SIP_STIP
	csrs CSR_MIP, t0
	trap_return

	/* All else in C, with every register saved at the stack's end. */
trap_slow:
	csrr t0, CSR_MSTATUS
	li t1, MSTATUS_MPP
	and t0, t0, t1
	beq t0, t1, trap_own
	ld t0, FW_HART_STACK(tp)
	addi t0, t0, -FW_FRAME_SIZE
	sd sp, 16(t0)
	mv sp, t0
	csrrw t1, CSR_MSCRATCH, tp
	sd t1, 32(sp)
	ld t0, FW_HART_T0(tp)
	sd t0, 40(sp)
	ld t1, FW_HART_T1(tp)
	sd t1, 48(sp)
	.irp n, 1, 3, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, \
		27, 28, 29, 30, 31
	sd x\n, \n * 8(sp)
	.endr
	li t0, MSTATUS_MDT	/* where there is Smdbltrp, a trap sets it */
	csrc CSR_MSTATUS, t0
	mv a0, sp
	call fw_trap_handle
	.irp n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, \
		24, 25, 26, 27, 28, 29, 30, 31
	ld x\n, \n * 8(sp)
	.endr
	ld sp, 16(sp)
	mret

	/* M-mode's own: foreseen, or a bug. */
trap_own:
	ld t0, FW_HART_FIXUP(tp)
	beqz t0, 1f
	csrw CSR_MEPC, t0
	sd zero, FW_HART_FIXUP(tp)
	li t0, MSTATUS_MPRV	/* as mret leaves MPP at U */
	csrc CSR_MSTATUS, t0
	trap_return
1:	ld sp, FW_HART_STACK(tp)
	call fw_panic		/* does not return */

	.bss
	.balign 16
boot_stack:
	.skip 8192
boot_stack_end:

	/* Not in the BSS, which the winner clears while others look at these. */
	.data
	.balign 4
fw_lottery:
	.4byte 0
	.globl fw_ready
fw_ready:
	.4byte 0
