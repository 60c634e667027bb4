/*
 * Machine-level CSRs: numbers and fields that riscv/csr.h, which is S-mode's view, does not have.
 * RISC-V Privileged Architecture ("CSR Listing", "Machine-Level ISA", "Smstateen", "Smdbltrp").
 * For C and for assembly.
 */
#ifndef FW_MCSR_H
#define FW_MCSR_H

#include "riscv/csr.h"

#define CSR_MVENDORID 0xf11
#define CSR_MARCHID 0xf12
#define CSR_MIMPID 0xf13
#define CSR_MHARTID 0xf14
#define CSR_MSTATUS 0x300
#define CSR_MISA 0x301
#define CSR_MEDELEG 0x302
#define CSR_MIDELEG 0x303
#define CSR_MIE 0x304
#define CSR_MTVEC 0x305
#define CSR_MCOUNTEREN 0x306
#define CSR_MENVCFG 0x30a
#define CSR_MSTATEEN0 0x30c
#define CSR_MSTATEEN1 0x30d
#define CSR_MSTATEEN2 0x30e
#define CSR_MSTATEEN3 0x30f
#define CSR_MSCRATCH 0x340
#define CSR_MEPC 0x341
#define CSR_MCAUSE 0x342
#define CSR_MTVAL 0x343
#define CSR_MIP 0x344
#define CSR_MTINST 0x34a
#define CSR_MTVAL2 0x34b
#define CSR_PMPCFG0 0x3a0
#define CSR_PMPADDR0 0x3b0
#define CSR_PMPADDR1 0x3b1
#define CSR_MSECCFG 0x747

#define MSTATUS_SIE CSR_UL(0x2)
#define MSTATUS_SPIE CSR_UL(0x20)
#define MSTATUS_SPIE_SHIFT 5
#define MSTATUS_SPP CSR_UL(0x100)
#define MSTATUS_MPP CSR_UL(0x1800)
#define MSTATUS_MPP_S CSR_UL(0x800)
#define MSTATUS_MPRV CSR_UL(0x20000)
#define MSTATUS_TVM CSR_UL(0x100000)
#define MSTATUS_TW CSR_UL(0x200000)
#define MSTATUS_TSR CSR_UL(0x400000)
#define MSTATUS_GVA CSR_UL(0x4000000000)
#define MSTATUS_MPV CSR_UL(0x8000000000)
#define MSTATUS_MDT CSR_UL(0x40000000000)

/* Interrupt numbers, and their bits in mip and mie */
#define IRQ_M_SOFT 3
#define IRQ_M_TIMER 7
#define IRQ_M_EXT 11
#define MIP_MSIP CSR_UL(0x8)
#define MIP_MTIP CSR_UL(0x80)
#define MIP_MEIP CSR_UL(0x800)

#define MISA_H CSR_UL(0x80)
#define MISA_S CSR_UL(0x40000)

/* "Zkr": S-mode may read the seed */
#define MSECCFG_SSEED CSR_UL(0x200)

/* An entry of pmpcfg: a naturally aligned power of two ("Physical Memory Protection CSRs") */
#define PMP_NAPOT CSR_UL(0x18)
#define PMP_RWX CSR_UL(0x7)
#define PMP_ENTRY1_SHIFT 8

#endif
