/* The hypervisor's own traps, and the switch between tasks. */
#include "host/bare/percpu.h"
#include "riscv/csr.h"

	.text
	.balign 4
	.globl bare_trap_vector
/*
 * Exceptions only: interrupts are never enabled in S-mode. One that was
 * foreseen continues at percpu->fixup. A page fault is tried once more behind
 * a fence: another hart may have mapped the page just now ("sfence.vma": an
 * implementation may remember that an entry was invalid). Else it is our bug.
 */
bare_trap_vector:
	sd t0, PERCPU_SAVED_T0(tp)
	/* For a vector that needed t0 to come here, and has saved it. */
	.globl bare_trap_entered
bare_trap_entered:
	sd t1, PERCPU_SAVED_T1(tp)
	ld t0, PERCPU_FIXUP(tp)
	bnez t0, .Lfixup
	csrr t0, scause
	addi t1, t0, -CAUSE_LOAD_PAGE_FAULT
	beqz t1, .Lretry
	addi t1, t0, -CAUSE_STORE_PAGE_FAULT
	bnez t1, .Lpanic
.Lretry:
	csrr t0, sepc
	csrr t1, stval
	add t0, t0, t1
	ld t1, PERCPU_RETRY(tp)
	beq t0, t1, .Lpanic
	sd t0, PERCPU_RETRY(tp)
	sfence.vma
	j .Lreturn
.Lfixup:
	csrw sepc, t0
	sd zero, PERCPU_FIXUP(tp)
.Lreturn:
	ld t0, PERCPU_SAVED_T0(tp)
	ld t1, PERCPU_SAVED_T1(tp)
	sret

	/* On a stack of its own: the task's may be what ran over. */
.Lpanic:
	la t0, bare_panic_hart
	addi t1, tp, 0
	amoswap.d.aqrl t1, t1, (t0)
	bnez t1, .Lagain
	la t0, bare_panic_regs
	sd ra, 8(t0)
	sd sp, 16(t0)
	sd gp, 24(t0)
	sd tp, 32(t0)
	ld t1, PERCPU_SAVED_T0(tp)
	sd t1, 40(t0)
	ld t1, PERCPU_SAVED_T1(tp)
	sd t1, 48(t0)
	.irp n, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	sd x\n, \n * 8(t0)
	.endr
	la sp, panic_stack_end
	mv a0, t0
	call bare_panic_trap	/* does not return */
	/* A second trap while one is reported, or on another hart meanwhile. */
.Lagain:
	sd t1, 0(t0)
	bne t1, tp, .Lhalt
	la sp, panic_stack_end
	call bare_panic_again	/* does not return */
.Lhalt:
	wfi
	j .Lhalt

/* void switch_context(u64 *save_sp, u64 load_sp): callee-saved registers stay on the stack. */
	.balign 4
	.globl switch_context
switch_context:
	addi sp, sp, -112
	sd ra, 0(sp)
	sd s0, 8(sp)
	sd s1, 16(sp)
	sd s2, 24(sp)
	sd s3, 32(sp)
	sd s4, 40(sp)
	sd s5, 48(sp)
	sd s6, 56(sp)
	sd s7, 64(sp)
	sd s8, 72(sp)
	sd s9, 80(sp)
	sd s10, 88(sp)
	sd s11, 96(sp)
	sd sp, 0(a0)
	mv sp, a1
	ld ra, 0(sp)
	ld s0, 8(sp)
	ld s1, 16(sp)
	ld s2, 24(sp)
	ld s3, 32(sp)
	ld s4, 40(sp)
	ld s5, 48(sp)
	ld s6, 56(sp)
	ld s7, 64(sp)
	ld s8, 72(sp)
	ld s9, 80(sp)
	ld s10, 88(sp)
	ld s11, 96(sp)
	addi sp, sp, 112
	ret

	.bss
	.balign 16
panic_stack:
	.skip 8192
panic_stack_end:
