/*
 * Control and status registers as S- and HS-mode see them: numbers, fields,
 * causes and interrupt numbers. RISC-V Privileged Architecture ("CSR Listing",
 * "Supervisor-Level ISA", "Hypervisor Extension", "Sstc", "Smstateen") and the
 * Advanced Interrupt Architecture. For C and for assembly; RV64 only.
 *
 * CSR numbers are bare numbers, so that they can be pasted into instructions.
 * A name in _SHIFT is the position of the field whose mask lacks the suffix.
 */
#ifndef RISCV_CSR_H
#define RISCV_CSR_H

/* A 64-bit constant; the assembler knows no suffixes. */
#ifdef __ASSEMBLER__
#define CSR_UL(x) (x)
#else
#define CSR_UL(x) (x##ul)
#endif

/* Unprivileged */
#define CSR_FFLAGS 0x001
#define CSR_FRM 0x002
#define CSR_FCSR 0x003
#define CSR_VSTART 0x008
#define CSR_VXSAT 0x009
#define CSR_VXRM 0x00a
#define CSR_VCSR 0x00f
#define CSR_SSP 0x011
#define CSR_SEED 0x015
#define CSR_JVT 0x017
#define CSR_CYCLE 0xc00
#define CSR_TIME 0xc01
#define CSR_INSTRET 0xc02
#define CSR_HPMCOUNTER3 0xc03
#define CSR_HPMCOUNTER31 0xc1f
#define CSR_VL 0xc20
#define CSR_VTYPE 0xc21
#define CSR_VLENB 0xc22

/* Supervisor */
#define CSR_SSTATUS 0x100
#define CSR_SIE 0x104
#define CSR_STVEC 0x105
#define CSR_SCOUNTEREN 0x106
#define CSR_SENVCFG 0x10a
#define CSR_SSTATEEN0 0x10c
#define CSR_SSTATEEN1 0x10d
#define CSR_SSTATEEN2 0x10e
#define CSR_SSTATEEN3 0x10f
#define CSR_SCOUNTINHIBIT 0x120
#define CSR_SSCRATCH 0x140
#define CSR_SEPC 0x141
#define CSR_SCAUSE 0x142
#define CSR_STVAL 0x143
#define CSR_SIP 0x144
#define CSR_STIMECMP 0x14d /* Sstc */
#define CSR_SISELECT 0x150 /* AIA, Sscsrind */
#define CSR_SIREG 0x151
#define CSR_SIREG2 0x152
#define CSR_SIREG3 0x153
#define CSR_SIREG4 0x155
#define CSR_SIREG5 0x156
#define CSR_SIREG6 0x157
#define CSR_STOPEI 0x15c
#define CSR_SATP 0x180
#define CSR_SRMCFG 0x181
#define CSR_SCONTEXT 0x5a8
#define CSR_SCOUNTOVF 0xda0
#define CSR_STOPI 0xdb0

/* Hypervisor */
#define CSR_HSTATUS 0x600
#define CSR_HEDELEG 0x602
#define CSR_HIDELEG 0x603
#define CSR_HIE 0x604
#define CSR_HTIMEDELTA 0x605
#define CSR_HCOUNTEREN 0x606
#define CSR_HGEIE 0x607
#define CSR_HVIEN 0x608
#define CSR_HVICTL 0x609
#define CSR_HENVCFG 0x60a
#define CSR_HSTATEEN0 0x60c
#define CSR_HSTATEEN1 0x60d
#define CSR_HSTATEEN2 0x60e
#define CSR_HSTATEEN3 0x60f
#define CSR_HTVAL 0x643
#define CSR_HIP 0x644
#define CSR_HVIP 0x645
#define CSR_HVIPRIO1 0x646
#define CSR_HVIPRIO2 0x647
#define CSR_HTINST 0x64a
#define CSR_HGATP 0x680
#define CSR_HCONTEXT 0x6a8
#define CSR_HGEIP 0xe12

/* Virtual supervisor */
#define CSR_VSSTATUS 0x200
#define CSR_VSIE 0x204
#define CSR_VSTVEC 0x205
#define CSR_VSSCRATCH 0x240
#define CSR_VSEPC 0x241
#define CSR_VSCAUSE 0x242
#define CSR_VSTVAL 0x243
#define CSR_VSIP 0x244
#define CSR_VSTIMECMP 0x24d
#define CSR_VSISELECT 0x250
#define CSR_VSIREG 0x251
#define CSR_VSIREG2 0x252
#define CSR_VSIREG3 0x253
#define CSR_VSIREG4 0x255
#define CSR_VSIREG5 0x256
#define CSR_VSIREG6 0x257
#define CSR_VSTOPEI 0x25c
#define CSR_VSATP 0x280
#define CSR_VSTOPI 0xeb0

/*
 * What the number itself says ("CSR Address Mapping Conventions"): bits 11:10
 * are 3 when it is read-only, bits 9:8 the lowest privilege that may use it.
 */
#define CSR_NUMBER_READ_ONLY 0xc00
#define CSR_NUMBER_PRIVILEGE 0x300
#define CSR_NUMBER_PRIVILEGE_SHIFT 8

/* sstatus, and vsstatus likewise */
#define SSTATUS_SIE CSR_UL(0x2)
#define SSTATUS_SPIE CSR_UL(0x20)
#define SSTATUS_UBE CSR_UL(0x40)
#define SSTATUS_SPP CSR_UL(0x100)
#define SSTATUS_VS CSR_UL(0x600)
#define SSTATUS_VS_SHIFT 9
#define SSTATUS_VS_OFF CSR_UL(0x0)
#define SSTATUS_VS_INITIAL CSR_UL(0x200)
#define SSTATUS_VS_CLEAN CSR_UL(0x400)
#define SSTATUS_VS_DIRTY CSR_UL(0x600)
#define SSTATUS_FS CSR_UL(0x6000)
#define SSTATUS_FS_SHIFT 13
#define SSTATUS_FS_OFF CSR_UL(0x0)
#define SSTATUS_FS_INITIAL CSR_UL(0x2000)
#define SSTATUS_FS_CLEAN CSR_UL(0x4000)
#define SSTATUS_FS_DIRTY CSR_UL(0x6000)
#define SSTATUS_XS CSR_UL(0x18000)
#define SSTATUS_SUM CSR_UL(0x40000)
#define SSTATUS_MXR CSR_UL(0x80000)
#define SSTATUS_SPELP CSR_UL(0x800000)
#define SSTATUS_SDT CSR_UL(0x1000000)
#define SSTATUS_UXL CSR_UL(0x300000000)
#define SSTATUS_UXL_SHIFT 32
#define SSTATUS_UXL_64 CSR_UL(0x200000000)
#define SSTATUS_SD CSR_UL(0x8000000000000000)

/* stvec: the base has the two low bits cleared */
#define STVEC_MODE CSR_UL(0x3)
#define STVEC_MODE_DIRECT CSR_UL(0x0)
#define STVEC_MODE_VECTORED CSR_UL(0x1)

#define HSTATUS_VSBE CSR_UL(0x20)
#define HSTATUS_GVA CSR_UL(0x40)
#define HSTATUS_SPV CSR_UL(0x80)
#define HSTATUS_SPVP CSR_UL(0x100)
#define HSTATUS_HU CSR_UL(0x200)
#define HSTATUS_VGEIN CSR_UL(0x3f000)
#define HSTATUS_VGEIN_SHIFT 12
#define HSTATUS_VTVM CSR_UL(0x100000)
#define HSTATUS_VTW CSR_UL(0x200000)
#define HSTATUS_VTSR CSR_UL(0x400000)
#define HSTATUS_VSXL CSR_UL(0x300000000)
#define HSTATUS_VSXL_SHIFT 32
#define HSTATUS_VSXL_64 CSR_UL(0x200000000)
#define HSTATUS_HUPMM CSR_UL(0x3000000000000)

/* senvcfg; henvcfg has the same fields and more */
#define SENVCFG_FIOM CSR_UL(0x1)
#define SENVCFG_LPE CSR_UL(0x4)
#define SENVCFG_SSE CSR_UL(0x8)
#define SENVCFG_CBIE CSR_UL(0x30)
#define SENVCFG_CBIE_FLUSH CSR_UL(0x10)
#define SENVCFG_CBIE_INVAL CSR_UL(0x30)
#define SENVCFG_CBCFE CSR_UL(0x40)
#define SENVCFG_CBZE CSR_UL(0x80)
#define SENVCFG_PMM CSR_UL(0x300000000)

#define HENVCFG_FIOM SENVCFG_FIOM
#define HENVCFG_LPE SENVCFG_LPE
#define HENVCFG_SSE SENVCFG_SSE
#define HENVCFG_CBIE SENVCFG_CBIE
#define HENVCFG_CBIE_FLUSH SENVCFG_CBIE_FLUSH
#define HENVCFG_CBIE_INVAL SENVCFG_CBIE_INVAL
#define HENVCFG_CBCFE SENVCFG_CBCFE
#define HENVCFG_CBZE SENVCFG_CBZE
#define HENVCFG_PMM SENVCFG_PMM
#define HENVCFG_DTE CSR_UL(0x800000000000000)
#define HENVCFG_ADUE CSR_UL(0x2000000000000000)
#define HENVCFG_PBMTE CSR_UL(0x4000000000000000)
#define HENVCFG_STCE CSR_UL(0x8000000000000000)

/* hstateen0; sstateen0 has the first three and nothing above bit 31 */
#define STATEEN_C CSR_UL(0x1)
#define STATEEN_FCSR CSR_UL(0x2)
#define STATEEN_JVT CSR_UL(0x4)
#define STATEEN_CTR CSR_UL(0x40000000000000)
#define STATEEN_CONTEXT CSR_UL(0x200000000000000)
#define STATEEN_IMSIC CSR_UL(0x400000000000000)
#define STATEEN_AIA CSR_UL(0x800000000000000)
#define STATEEN_CSRIND CSR_UL(0x1000000000000000)
#define STATEEN_ENVCFG CSR_UL(0x4000000000000000)
#define STATEEN_SE CSR_UL(0x8000000000000000)

/* scounteren and hcounteren; bits 3 to 31 are the hpmcounters */
#define COUNTEREN_CY CSR_UL(0x1)
#define COUNTEREN_TM CSR_UL(0x2)
#define COUNTEREN_IR CSR_UL(0x4)

/* satp and vsatp ("Supervisor Address Translation and Protection") */
#define SATP_PPN CSR_UL(0xfffffffffff)
#define SATP_ASID CSR_UL(0xffff00000000000)
#define SATP_ASID_SHIFT 44
#define SATP_MODE CSR_UL(0xf000000000000000)
#define SATP_MODE_SHIFT 60
#define SATP_MODE_BARE 0
#define SATP_MODE_SV39 8
#define SATP_MODE_SV48 9
#define SATP_MODE_SV57 10

#define HGATP_PPN CSR_UL(0xfffffffffff)
#define HGATP_VMID CSR_UL(0x3fff00000000000)
#define HGATP_VMID_SHIFT 44
#define HGATP_MODE CSR_UL(0xf000000000000000)
#define HGATP_MODE_SHIFT 60
#define HGATP_MODE_BARE 0
#define HGATP_MODE_SV39X4 8
#define HGATP_MODE_SV48X4 9
#define HGATP_MODE_SV57X4 10

/* htinst and htval hold pseudoinstructions and guest-physical addresses >> 2 */
#define HTVAL_SHIFT 2
#define HTINST_PSEUDO_LOAD_32 0x2000
#define HTINST_PSEUDO_STORE_32 0x2020
#define HTINST_PSEUDO_LOAD_64 0x3000
#define HTINST_PSEUDO_STORE_64 0x3020

#define HVICTL_IPRIO CSR_UL(0xff)
#define HVICTL_IPRIOM CSR_UL(0x100)
#define HVICTL_DPR CSR_UL(0x200)
#define HVICTL_IID CSR_UL(0xfff0000)
#define HVICTL_IID_SHIFT 16
#define HVICTL_VTI CSR_UL(0x40000000)

/* stopi, vstopi: identity and priority; stopei, vstopei: the same layout */
#define TOPI_IPRIO CSR_UL(0xff)
#define TOPI_IID_SHIFT 16
#define TOPEI_PRIORITY CSR_UL(0x7ff)
#define TOPEI_IDENTITY_SHIFT 16

/* What siselect and vsiselect select: IMSIC registers and interrupt priorities */
#define ISELECT_IPRIO0 0x30
#define ISELECT_IPRIO15 0x3f
#define ISELECT_EIDELIVERY 0x70
#define ISELECT_EITHRESHOLD 0x72
#define ISELECT_EIP0 0x80
#define ISELECT_EIP63 0xbf
#define ISELECT_EIE0 0xc0
#define ISELECT_EIE63 0xff

/* scause: the interrupt flag, or one of the exceptions below */
#define CAUSE_INTERRUPT CSR_UL(0x8000000000000000)

#define CAUSE_INSN_MISALIGNED 0
#define CAUSE_INSN_ACCESS 1
#define CAUSE_ILLEGAL_INSN 2
#define CAUSE_BREAKPOINT 3
#define CAUSE_LOAD_MISALIGNED 4
#define CAUSE_LOAD_ACCESS 5
#define CAUSE_STORE_MISALIGNED 6
#define CAUSE_STORE_ACCESS 7
#define CAUSE_ECALL_U 8 /* from U or VU */
#define CAUSE_ECALL_S 9 /* from HS */
#define CAUSE_ECALL_VS 10
#define CAUSE_ECALL_M 11
#define CAUSE_INSN_PAGE_FAULT 12
#define CAUSE_LOAD_PAGE_FAULT 13
#define CAUSE_STORE_PAGE_FAULT 15
#define CAUSE_DOUBLE_TRAP 16
#define CAUSE_SOFTWARE_CHECK 18
#define CAUSE_HARDWARE_ERROR 19
#define CAUSE_INSN_GUEST_PAGE_FAULT 20
#define CAUSE_LOAD_GUEST_PAGE_FAULT 21
#define CAUSE_VIRTUAL_INSN 22
#define CAUSE_STORE_GUEST_PAGE_FAULT 23

/* Interrupt numbers: bits of sie, sip, hie, hip, hvip, hideleg; codes in scause */
#define IRQ_S_SOFT 1
#define IRQ_VS_SOFT 2
#define IRQ_S_TIMER 5
#define IRQ_VS_TIMER 6
#define IRQ_S_EXT 9
#define IRQ_VS_EXT 10
#define IRQ_S_GEXT 12
#define IRQ_LCOF 13 /* Sscofpmf */

#define SIP_SSIP CSR_UL(0x2)
#define SIP_STIP CSR_UL(0x20)
#define SIP_SEIP CSR_UL(0x200)
#define SIP_LCOFIP CSR_UL(0x2000)
#define HIP_VSSIP CSR_UL(0x4)
#define HIP_VSTIP CSR_UL(0x40)
#define HIP_VSEIP CSR_UL(0x400)
#define HIP_SGEIP CSR_UL(0x1000)

/* fcsr */
#define FCSR_FFLAGS CSR_UL(0x1f)
#define FCSR_FRM CSR_UL(0xe0)

#endif
