/*
 * Entry from the firmware in S-mode, MMU off, a0 = hart id, a1 = device tree:
 * Linux's Documentation/arch/riscv/boot-image-header.rst. Everything before
 * the jump to virtual addresses is relative to the pc.
 */
#include "host/bare/percpu.h"
#include "riscv/csr.h"

	.section .text.head, "ax"
	.globl image_start_code
image_start_code:
	j boot_entry
	.balign 8
	.8byte 0x200000		/* text_offset: any multiple of 4 KiB would do */
	.8byte image_size	/* with the BSS */
	.8byte 0		/* flags: little-endian */
	.4byte 2		/* header version 0.2 */
	.4byte 0
	.8byte 0
	.ascii "RISCV\0\0\0"
	.ascii "RSC\x05"
	.4byte 0

boot_entry:
	csrw sie, zero
	csrw sscratch, zero
	mv s0, a0
	mv s1, a1

	lla t0, image_bss
	lla t1, image_end
1:	sd zero, 0(t0)
	addi t0, t0, 8
	bltu t0, t1, 1b

	lla sp, boot_stack_end
	lla tp, boot_percpu
	lla a0, image_start_code
	mv s2, a0		/* physical */
	call boot_tables	/* a0: satp */

	lla t0, boot_satp
	sd a0, 0(t0)
	call boot_go_virtual
	ld tp, .Lboot_percpu
	ld sp, .Lboot_stack
	mv a0, s0
	mv a1, s1
	mv a2, s2
	call bare_boot		/* does not return */

	/* A hart that the boot hart started: a1 = its struct percpu, virtual. */
	.globl boot_secondary
boot_secondary:
	csrw sie, zero
	csrw sscratch, zero
	mv s1, a1
	lla t0, boot_satp
	ld a0, 0(t0)
	call boot_go_virtual
	mv tp, s1
	ld sp, PERCPU_BOOT_SP(tp)
	call bare_boot_secondary	/* does not return */

/*
 * Turns the MMU on with satp a0 and returns to ra's virtual twin. The next
 * fetch from the physical address faults, as nothing is mapped there, and so
 * goes to stvec. Should something be mapped there, it is this same page's
 * code: no, the lower half is empty at this time.
 */
boot_go_virtual:
	ld t0, .Limage
	lla t1, image_start_code
	sub t0, t0, t1		/* virtual minus physical */
	add ra, ra, t0
	lla t1, 1f
	add t1, t1, t0
	csrw stvec, t1
	sfence.vma
	csrw satp, a0
	sfence.vma
	.balign 4
1:	ld t0, .Lvector
	csrw stvec, t0
	ret

	.balign 8
.Limage:
	.8byte image_start_code
.Lvector:
	.8byte bare_trap_vector
.Lboot_percpu:
	.8byte boot_percpu
.Lboot_stack:
	.8byte boot_stack_end

	.bss
	.balign 16
boot_stack:
	.skip STACK_SIZE
boot_stack_end:
	.balign 8
boot_satp:
	.skip 8
