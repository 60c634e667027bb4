/*
 * The floating-point and vector register files between the hart and memory.
 * Each routine first makes them accessible in sstatus; the hypervisor itself
 * uses neither, so nothing need be put back.
 */
#include "riscv/csr.h"

	.option arch, +d
	.option arch, +v

	.macro EACH_F op
	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	\op f\n, (\n * 8)(a0)
	.endr
	.endm

	.text
	/* u64 registers_save_f(u64 f[32]): returns fcsr */
	.globl registers_save_f
registers_save_f:
	li t0, SSTATUS_FS
	csrs sstatus, t0
	EACH_F fsd
	csrr a0, fcsr
	ret

	/* void registers_load_f(const u64 f[32], u64 fcsr) */
	.globl registers_load_f
registers_load_f:
	li t0, SSTATUS_FS
	csrs sstatus, t0
	EACH_F fld
	csrw fcsr, a1
	ret

	/* void registers_save_v(u8 *regs): 32 * vlenb bytes; the CSRs must have been saved before */
	.globl registers_save_v
registers_save_v:
	li t0, SSTATUS_VS
	csrs sstatus, t0
	csrw vstart, zero
	csrr t2, vlenb
	slli t2, t2, 3
	vs8r.v v0, (a0)
	add a0, a0, t2
	vs8r.v v8, (a0)
	add a0, a0, t2
	vs8r.v v16, (a0)
	add a0, a0, t2
	vs8r.v v24, (a0)
	ret

	/* void registers_load_v(const u8 *regs, u64 vl, u64 vtype): vl and vtype as they were read; an
	 * illegal vtype becomes vill again. The caller then sets vstart and vcsr. */
	.globl registers_load_v
registers_load_v:
	li t0, SSTATUS_VS
	csrs sstatus, t0
	csrw vstart, zero
	csrr t2, vlenb
	slli t2, t2, 3
	vl8re8.v v0, (a0)
	add a0, a0, t2
	vl8re8.v v8, (a0)
	add a0, a0, t2
	vl8re8.v v16, (a0)
	add a0, a0, t2
	vl8re8.v v24, (a0)
	vsetvl zero, a1, a2
	ret
