/*
 * Into the guest and out again. The hart comes out by the gate: a page of code that is mapped at
 * the same address in the guest's shadow tables and in the hypervisor's own, so that satp can be
 * changed in the middle of it. What it needs to know comes from the frame, or is a constant in
 * the page itself: it runs at addresses that it was not linked for.
 */
#include "engine/classic/frame.h"
#include "host/bare/percpu.h"
#include "riscv/csr.h"

	/* What a C function may destroy, but a0 (the frame) and t0 to t3, which come apart. */
	.macro EACH_CALLER_SAVED op
	\op ra, CLASSIC_X(1)(a0)
	\op a1, CLASSIC_X(11)(a0)
	\op a2, CLASSIC_X(12)(a0)
	\op a3, CLASSIC_X(13)(a0)
	\op a4, CLASSIC_X(14)(a0)
	\op a5, CLASSIC_X(15)(a0)
	\op a6, CLASSIC_X(16)(a0)
	\op a7, CLASSIC_X(17)(a0)
	\op t4, CLASSIC_X(29)(a0)
	\op t5, CLASSIC_X(30)(a0)
	\op t6, CLASSIC_X(31)(a0)
	.endm

	.macro EACH_TEMPORARY op
	\op t1, CLASSIC_X(6)(a0)
	\op t2, CLASSIC_X(7)(a0)
	\op t3, CLASSIC_X(28)(a0)
	.endm

	/* The hypervisor has its own; gp it does not use, so that goes with the callee-saved. */
	.macro EACH_POINTER op
	\op sp, CLASSIC_X(2)(a0)
	\op tp, CLASSIC_X(4)(a0)
	.endm

	.macro EACH_CALLEE_SAVED op
	\op gp, CLASSIC_X(3)(a0)
	\op s0, CLASSIC_X(8)(a0)
	\op s1, CLASSIC_X(9)(a0)
	\op s2, CLASSIC_X(18)(a0)
	\op s3, CLASSIC_X(19)(a0)
	\op s4, CLASSIC_X(20)(a0)
	\op s5, CLASSIC_X(21)(a0)
	\op s6, CLASSIC_X(22)(a0)
	\op s7, CLASSIC_X(23)(a0)
	\op s8, CLASSIC_X(24)(a0)
	\op s9, CLASSIC_X(25)(a0)
	\op s10, CLASSIC_X(26)(a0)
	\op s11, CLASSIC_X(27)(a0)
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
#define HOST_FRAME 104(sp) /* a0 of classic_enter() */
#define HOST_SAVED_SIZE 112

	.text
	.globl classic_enter
	.type classic_enter, @function
classic_enter:
	addi sp, sp, -HOST_SAVED_SIZE
	EACH_HOST_SAVED sd
	sd a0, HOST_FRAME
	sd sp, CLASSIC_HOST_SP(a0)
	sd tp, CLASSIC_HOST_TP(a0)
	EACH_CALLEE_SAVED ld
	ld t0, CLASSIC_PC(a0)
	ld t1, CLASSIC_SSTATUS(a0)
	csrw sepc, t0
	csrw sstatus, t1
.Lresume:
	/* a0, t0 and ra follow in the gate. */
	EACH_POINTER ld
	EACH_TEMPORARY ld
	EACH_CALLER_SAVED ld
	ld ra, CLASSIC_GATE_EXIT(a0)
	ld t0, CLASSIC_GUEST_SATP(a0)
	ld a0, CLASSIC_GATE_DATA(a0)
	csrw sscratch, a0
	jr ra

	/* From the gate, in the hypervisor's space: a0 is the frame, the guest's a0 in sscratch, its
	 * t0 saved. */
	.type classic_left, @function
classic_left:
	csrr t0, scause
	EACH_TEMPORARY sd
	/* A bit per cause; those of interrupts are never set. */
	ld t1, CLASSIC_QUICK(a0)
	srl t1, t1, t0
	andi t1, t1, 1
	bnez t1, classic_quick

	/* Not served quickly: t0 to t3 are saved, the others as they were. */
	.globl classic_slow
classic_slow:
	EACH_CALLER_SAVED sd
	EACH_POINTER sd
	csrrw t0, sscratch, zero
	sd t0, CLASSIC_X(10)(a0)
	csrr a1, scause
	ld sp, CLASSIC_HOST_SP(a0)
	ld tp, CLASSIC_HOST_TP(a0)
	ld t0, CLASSIC_LIGHT(a0)
	srl t0, t0, a1
	andi t0, t0, 1
	beqz t0, .Lreturn
	call classic_light
	mv a1, a0
	ld a0, HOST_FRAME
	beqz a1, .Lresume

.Lreturn:
	EACH_CALLEE_SAVED sd
	csrr t1, sepc
	csrr t2, sstatus
	sd a1, CLASSIC_SCAUSE(a0)
	sd t1, CLASSIC_PC(a0)
	sd t2, CLASSIC_SSTATUS(a0)
	EACH_HOST_SAVED ld
	addi sp, sp, HOST_SAVED_SIZE
	ret

	/* An instruction of the guest that takes more than a few of ours: t2 is its entry in the cache,
	 * t0 to t3 are saved. */
	.globl classic_quick_insn
classic_quick_insn:
	lw t3, CLASSIC_INSN_GET(t2)
	jalr t3, t3
	sd t0, CLASSIC_OPERAND(a0)
	lw t3, CLASSIC_INSN_GET2(t2)
	jalr t3, t3
	sd t0, CLASSIC_OPERAND2(a0)
	sd t2, CLASSIC_ENTRY(a0)
	EACH_CALLER_SAVED sd
	EACH_POINTER sd
	csrrw t0, sscratch, zero
	sd t0, CLASSIC_X(10)(a0)
	ld sp, CLASSIC_HOST_SP(a0)
	ld tp, CLASSIC_HOST_TP(a0)
	call classic_light_insn
	mv t1, a0
	csrr a1, scause
	ld a0, HOST_FRAME
	beqz t1, .Lreturn
	EACH_POINTER ld
	EACH_CALLER_SAVED ld
	ld t0, CLASSIC_X(10)(a0)
	csrw sscratch, t0
	csrr t1, sepc
	ld t2, CLASSIC_ENTRY(a0)
	ld t0, CLASSIC_RESULT(a0)
	lw t3, CLASSIC_INSN_SET(t2)
	jr t3

	/* One form of the gate. @flush: the fence after each change of satp, if it takes one. */
	.macro GATE name, flush
	.balign 4096
	.globl \name
\name:
	csrrw a0, sscratch, a0
	beqz a0, 1f
	sd t0, CLASSIC_X(5)(a0)
	ld t0, CLASSIC_HOST_SATP(a0)
	ld a0, CLASSIC_SELF(a0)
	csrw satp, t0
	\flush
	ld t0, 2f
	jr t0
	/* The hypervisor's own trap. */
1:	csrrw a0, sscratch, a0
	sd t0, PERCPU_SAVED_T0(tp)
	ld t0, 3f
	jr t0
	.balign 8
2:	.dword classic_left
3:	.dword bare_trap_entered
	/* With all but ra, t0 and a0 as the guest's. */
	.org \name + GATE_EXIT
	csrw satp, t0
	\flush
	ld ra, CLASSIC_X(1)(a0)
	ld t0, CLASSIC_X(5)(a0)
	ld a0, CLASSIC_X(10)(a0)
	sret
	/* With all but t0 and t1, and a0 in sscratch. */
	.org \name + GATE_BACK
	csrw satp, t0
	\flush
	ld t1, CLASSIC_X(6)(a0)
	ld t0, CLASSIC_X(5)(a0)
	csrrw a0, sscratch, a0
	sret
	.org \name + 4096
	.endm

	.section .text.gate, "ax"
	GATE classic_gate_asid,
	GATE classic_gate_flush, sfence.vma
