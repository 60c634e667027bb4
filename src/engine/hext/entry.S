/*
 * Into the guest and out again. hext_enter() is called like a function; the
 * next trap "returns" from it, unless hext_light() can answer it with only the
 * caller-saved registers put away: C preserves the others, so the guest's may
 * stay where they are.
 */
#include "engine/hext/frame.h"
#include "riscv/csr.h"

	/* What a C function may destroy, but a0 (the frame) and t0 (in use at both places). */
	.macro EACH_CALLER_SAVED op
	\op ra, FRAME_X(1)(a0)
	\op t1, FRAME_X(6)(a0)
	\op t2, FRAME_X(7)(a0)
	\op a1, FRAME_X(11)(a0)
	\op a2, FRAME_X(12)(a0)
	\op a3, FRAME_X(13)(a0)
	\op a4, FRAME_X(14)(a0)
	\op a5, FRAME_X(15)(a0)
	\op a6, FRAME_X(16)(a0)
	\op a7, FRAME_X(17)(a0)
	\op t3, FRAME_X(28)(a0)
	\op t4, FRAME_X(29)(a0)
	\op t5, FRAME_X(30)(a0)
	\op t6, FRAME_X(31)(a0)
	.endm

	/* The hypervisor has its own; gp it does not use, so that goes with the callee-saved. */
	.macro EACH_POINTER op
	\op sp, FRAME_X(2)(a0)
	\op tp, FRAME_X(4)(a0)
	.endm

	.macro EACH_CALLEE_SAVED op
	\op gp, FRAME_X(3)(a0)
	\op s0, FRAME_X(8)(a0)
	\op s1, FRAME_X(9)(a0)
	\op s2, FRAME_X(18)(a0)
	\op s3, FRAME_X(19)(a0)
	\op s4, FRAME_X(20)(a0)
	\op s5, FRAME_X(21)(a0)
	\op s6, FRAME_X(22)(a0)
	\op s7, FRAME_X(23)(a0)
	\op s8, FRAME_X(24)(a0)
	\op s9, FRAME_X(25)(a0)
	\op s10, FRAME_X(26)(a0)
	\op s11, FRAME_X(27)(a0)
	.endm

	/* The hypervisor's callee-saved registers, on its stack. */
	.macro EACH_HOST_SAVED op
	\op ra, 0(sp)
	\op s0, 8(sp)
	\op s1, 16(sp)
	\op s2, 24(sp)
	\op s3, 32(sp)
	\op s4, 40(sp)
	\op s5, 48(sp)
	\op s6, 56(sp)
	\op s7, 64(sp)
	\op s8, 72(sp)
	\op s9, 80(sp)
	\op s10, 88(sp)
	\op s11, 96(sp)
	.endm
#define HOST_FRAME 104(sp) /* a0 of hext_enter() */
#define HOST_SAVED_SIZE 112

	.text
	.globl hext_enter
	.type hext_enter, @function
hext_enter:
	addi sp, sp, -HOST_SAVED_SIZE
	EACH_HOST_SAVED sd
	sd a0, HOST_FRAME
	sd sp, FRAME_HOST_SP(a0)
	sd tp, FRAME_HOST_TP(a0)
	ld t0, FRAME_PC(a0)
	ld t1, FRAME_SSTATUS(a0)
	ld t2, FRAME_HSTATUS(a0)
	csrw sepc, t0
	csrw sstatus, t1
	csrw CSR_HSTATUS, t2
	EACH_CALLEE_SAVED ld
.Lresume:
	csrw sscratch, a0
	EACH_POINTER ld
	EACH_CALLER_SAVED ld
	ld t0, FRAME_X(5)(a0)
	ld a0, FRAME_X(10)(a0)
	sret

	.balign 4
	.globl hext_vector
	.type hext_vector, @function
hext_vector:
	csrrw a0, sscratch, a0
	beqz a0, .Lhost
	sd t0, FRAME_X(5)(a0)
	csrrw t0, sscratch, zero
	EACH_CALLER_SAVED sd
	EACH_POINTER sd
	sd t0, FRAME_X(10)(a0)
	csrr a1, scause
	ld sp, FRAME_HOST_SP(a0)
	ld tp, FRAME_HOST_TP(a0)
	/* A bit per cause; those of interrupts are never set. */
	ld t0, FRAME_LIGHT(a0)
	srl t0, t0, a1
	andi t0, t0, 1
	beqz t0, .Lreturn
	call hext_light
	mv a1, a0
	ld a0, HOST_FRAME
	beqz a1, .Lresume

.Lreturn:
	EACH_CALLEE_SAVED sd
	csrr t1, sepc
	csrr t2, sstatus
	csrr t3, CSR_HSTATUS
	sd a1, FRAME_SCAUSE(a0)
	sd t1, FRAME_PC(a0)
	sd t2, FRAME_SSTATUS(a0)
	sd t3, FRAME_HSTATUS(a0)
	EACH_HOST_SAVED ld
	addi sp, sp, HOST_SAVED_SIZE
	ret

	/* The hypervisor's own trap: registers as they were. */
.Lhost:
	csrrw a0, sscratch, a0
	j bare_trap_vector
