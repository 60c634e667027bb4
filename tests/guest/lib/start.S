/*
 * Entry points and the trap vector of the guest programs.
 *
 * tp always points to this hart's struct hart while in S-mode, and sscratch holds the same pointer,
 * so that the vector finds it whatever a U-mode program or a test did to the registers. There is no
 * global pointer: the link script does not define it.
 */
#include "lib/asm.h"

.macro each_register op
	.irp n, 1, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, \
		24, 25, 26, 27, 28, 29, 30, 31
	\op x\n, (\n * 8)(sp)
	.endr
.endm

.macro each_saved op
	\op ra, 0(sp)
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	\op s\n, (8 + \n * 8)(sp)
	.endr
.endm

/* tp and sp of the hart whose id is in a0; sscratch and stvec. */
.macro hart_set_up
	li t0, HART_SIZE
	mul t0, t0, a0
	la tp, harts
	add tp, tp, t0
	la sp, stacks
	li t0, STACK_SIZE
	addi t1, a0, 1
	mul t0, t0, t1
	add sp, sp, t0
	csrw sscratch, tp
	la t0, trap_vector
	csrw stvec, t0
	csrw sie, zero
.endm

	.section .text.start, "ax"
	.globl _start
_start:
	csrw satp, zero
	la t0, __bss_start
	la t1, __bss_end
1:	bgeu t0, t1, 2f
	sd zero, 0(t0)
	addi t0, t0, 8
	j 1b
2:	hart_set_up
	call guest_boot
1:	wfi
	j 1b

	.text
	.globl start_secondary
	/* a0: hart id, a1: the opaque value given to hart_start or hart_suspend. */
start_secondary:
	csrr t3, sstatus
	csrr t4, satp
	hart_set_up
	sd a0, HART_START(tp)
	sd a1, HART_START+8(tp)
	sd t3, HART_START+16(tp)
	sd t4, HART_START+24(tp)
	call hart_enter
1:	wfi
	j 1b

	.globl trap_vector
	.balign 4
trap_vector:
	csrrw tp, sscratch, tp
	sd sp, HART_SAVED_SP(tp)
	csrr sp, sstatus
	andi sp, sp, 0x100		/* SPP */
	bnez sp, 1f
	ld sp, HART_USER_SP(tp)
	j 2f
1:	ld sp, HART_SAVED_SP(tp)
2:	addi sp, sp, -FRAME_SIZE
	each_register sd
	ld t0, HART_SAVED_SP(tp)
	sd t0, 16(sp)
	csrrw t0, sscratch, tp
	sd t0, 32(sp)
	csrr t0, sstatus
	sd t0, FRAME_SSTATUS(sp)
	csrr t0, sepc
	sd t0, FRAME_SEPC(sp)
	csrr t0, scause
	sd t0, FRAME_SCAUSE(sp)
	csrr t0, stval
	sd t0, FRAME_STVAL(sp)
	mv a0, sp
	call trap_handle
	ld t0, FRAME_SSTATUS(sp)
	csrw sstatus, t0
	ld t0, FRAME_SEPC(sp)
	csrw sepc, t0
	ld tp, 32(sp)
	each_register ld
	ld sp, 16(sp)
	sret

	/* void user_enter(pc, sp, a0, sstatus bits to set): comes back through user_leave. */
	.globl user_enter
user_enter:
	addi sp, sp, -112
	each_saved sd
	csrr t0, sstatus
	sd t0, 104(sp)
	sd sp, HART_USER_SP(tp)
	csrci sstatus, 2		/* an interrupt here would overwrite sepc */
	csrw sepc, a0
	li t0, 0x120			/* SPP, SPIE */
	csrc sstatus, t0
	csrs sstatus, a3
	mv sp, a1
	mv a0, a2
	sret

	/* void user_leave(void): abandons the trap and returns from user_enter, SIE as it was. */
	.globl user_leave
user_leave:
	ld sp, HART_USER_SP(tp)
	each_saved ld
	ld t0, 104(sp)
	addi sp, sp, 112
	andi t0, t0, 2
	csrs sstatus, t0
	ret
