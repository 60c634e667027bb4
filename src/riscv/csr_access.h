/*
 * CSR and fence instructions as C sees them. Bare metal only; numbers are
 * those of riscv/csr.h, which old assemblers need not know by name.
 */
#ifndef RISCV_CSR_ACCESS_H
#define RISCV_CSR_ACCESS_H

#include "lib/types.h"

#define CSR_TEXT_(csr) #csr
#define CSR_TEXT(csr) CSR_TEXT_(csr)

#define csr_read(csr)                                                                             \
	({                                                                                        \
		u64 csr_v_;                                                                       \
		__asm__ volatile("csrr %0, " CSR_TEXT(csr) : "=r"(csr_v_)::"memory");             \
		csr_v_;                                                                           \
	})
#define csr_write(csr, value) \
	__asm__ volatile("csrw " CSR_TEXT(csr) ", %0" ::"rK"((u64)(value)) : "memory")
#define csr_set(csr, bits) \
	__asm__ volatile("csrs " CSR_TEXT(csr) ", %0" ::"rK"((u64)(bits)) : "memory")
#define csr_clear(csr, bits) \
	__asm__ volatile("csrc " CSR_TEXT(csr) ", %0" ::"rK"((u64)(bits)) : "memory")

static inline void sfence_vma_all(void)
{
	__asm__ volatile("sfence.vma" ::: "memory");
}

/* "Hypervisor Memory-Management Fence Instructions"; the VMID is that of hgatp. */
static inline void hfence_vvma_all(void)
{
	__asm__ volatile(".option push; .option arch, +h; hfence.vvma; .option pop" ::: "memory");
}

static inline void hfence_vvma_page(u64 va)
{
	__asm__ volatile(".option push; .option arch, +h; hfence.vvma %0, zero; .option pop" ::"r"(va)
			 : "memory");
}

static inline void hfence_vvma_asid(u64 asid)
{
	__asm__ volatile(".option push; .option arch, +h; hfence.vvma zero, %0; .option pop" ::"r"(asid)
			 : "memory");
}

static inline void hfence_vvma_page_asid(u64 va, u64 asid)
{
	__asm__ volatile(".option push; .option arch, +h; hfence.vvma %0, %1; .option pop" ::"r"(va),
			 "r"(asid)
			 : "memory");
}

/* Of every VM, first and second stage. */
static inline void hfence_gvma_all(void)
{
	__asm__ volatile(".option push; .option arch, +h; hfence.gvma; .option pop" ::: "memory");
}

static inline void hfence_gvma_vmid(u64 vmid)
{
	__asm__ volatile(".option push; .option arch, +h; hfence.gvma zero, %0; .option pop" ::"r"(vmid)
			 : "memory");
}

/* "Svinval": a batch of these stands between sfence.w.inval and sfence.inval.ir. */
static inline void svinval_begin(void)
{
	__asm__ volatile(".option push; .option arch, +svinval; sfence.w.inval; .option pop" ::: "memory");
}

static inline void svinval_end(void)
{
	__asm__ volatile(".option push; .option arch, +svinval; sfence.inval.ir; .option pop" ::: "memory");
}

static inline void hinval_vvma_page(u64 va)
{
	__asm__ volatile(".option push; .option arch, +svinval; .option arch, +h; "
			 "hinval.vvma %0, zero; .option pop" ::"r"(va)
			 : "memory");
}

static inline void hinval_vvma_page_asid(u64 va, u64 asid)
{
	__asm__ volatile(".option push; .option arch, +svinval; .option arch, +h; "
			 "hinval.vvma %0, %1; .option pop" ::"r"(va), "r"(asid)
			 : "memory");
}

static inline void fence_i(void)
{
	__asm__ volatile(".option push; .option arch, +zifencei; fence.i; .option pop" ::: "memory");
}

#endif
