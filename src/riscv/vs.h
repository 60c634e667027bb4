/*
 * A supervisor mode in software: the CSRs that a hart without the hypervisor extension
 * does not have twice, with their WARL rules, traps into S-mode and the return from them.
 * RISC-V Privileged Architecture, "Supervisor-Level ISA", "Sstc".
 *
 * Pure state: nothing here touches the hart. What a change means for it (translation,
 * interrupts, register files) the functions report by VS_* flags, and the caller acts.
 */
#ifndef RISCV_VS_H
#define RISCV_VS_H

#include "riscv/csr.h"
#include "riscv/insn.h"
#include "lib/types.h"

/* sstatus: what every virtual hart can set. UXL is 64 bits, UBE and XS are 0. */
#define VS_SSTATUS (SSTATUS_SIE | SSTATUS_SPIE | SSTATUS_SPP | SSTATUS_SUM | SSTATUS_MXR)
/* The interrupts there are: all of them in sie, and in sip only SSIP is the guest's to write. */
#define VS_IRQS (SIP_SSIP | SIP_STIP | SIP_SEIP)

/* What the virtual hart has; fixed while it runs. */
struct vs_config {
	u64 sstatus_mask; /* VS_SSTATUS; SSTATUS_FS with F, SSTATUS_VS with V */
	u32 satp_modes;   /* bit n: MODE n can be set; Bare always can */
	u32 counteren;    /* bits of scounteren that can be set */
	u16 asid_mask;    /* the bits of satp.ASID that can be set */
	bool sstc;        /* stimecmp exists */
	bool senvcfg;     /* senvcfg exists */
	u64 senvcfg_mask; /* its bits that can be set: of FIOM, CBIE, CBCFE and CBZE */
};

struct vs {
	u64 sstatus; /* without SD; FS and VS as last written, but see vs_state_dirty() */
	u64 sie;
	u64 sip;     /* SSIP, which is the guest's to write, and what the engine adds: STIP, SEIP */
	u64 stvec, satp;
	u64 sscratch, sepc, scause, stval; /* in the order of their numbers: vs_csr_plain() */
	u64 scounteren, senvcfg, stimecmp;
	bool user;   /* runs in U-mode */
};

/* What changed, for the caller to act upon. */
enum {
	VS_ILLEGAL = 1,     /* nothing was done: an illegal-instruction exception is due */
	VS_INTERRUPTS = 2,  /* sstatus.SIE or a bit of sie or sip was set: see vs_interrupt() */
	VS_VIEW = 4,        /* SUM or MXR: what memory looks like */
	VS_SATP = 8,        /* satp has another value */
	VS_STATE = 16,      /* FS or VS */
	VS_TIMER = 32,      /* stimecmp was written */
	VS_COUNTEREN = 64,  /* scounteren or senvcfg: what U-mode may do */
	VS_HOST = 128,      /* nothing was done: see vs_csr_kind() */
};

/* Unprivileged CSRs, which trap only while the hart makes them: the caller keeps them. */
enum vs_csr_kind {
	VS_CSR_NONE,    /* any other */
	VS_CSR_FP,      /* fflags, frm, fcsr */
	VS_CSR_VECTOR,  /* vstart to vlenb */
	VS_CSR_COUNTER, /* cycle, time, instret, hpmcounter3 to 31 */
};

enum vs_csr_kind vs_csr_kind(unsigned csr);

/* As a hart starts a supervisor: S-mode, interrupts off, Bare, no timer, no counters in U-mode. */
void vs_reset(struct vs *vs);

/*
 * One CSR instruction, from S-mode or (mostly illegal) from U-mode: reads the old value into
 * @old and writes as @insn says, with @operand the value of rs1 or the zero-extended
 * immediate. "Zicsr": CSRRS and CSRRC with rs1 = x0 (or immediate 0) do not write; reading has
 * no side effects, so that CSRRW with rd = x0 reads as well. Returns VS_* flags.
 *
 * *old is set unless VS_ILLEGAL or VS_HOST is returned, which come alone. VS_HOST: an unprivileged
 * CSR that FS, VS or scounteren allow here. The caller executes the instruction for the guest,
 * or finds it illegal because the hart has no such CSR.
 */
unsigned vs_csr(struct vs *vs, const struct vs_config *config, const struct insn_csr *insn,
		u64 operand, u64 *old);

/* The two halves, each for itself: VS_ILLEGAL and VS_HOST as above, otherwise reading returns 0. */
unsigned vs_csr_read(const struct vs *vs, const struct vs_config *config, unsigned csr,
		     u64 *value);
unsigned vs_csr_write(struct vs *vs, const struct vs_config *config, unsigned csr, u64 value);

/* A trap into S-mode, as the hart would take it ("Supervisor Cause Register" and following):
 * changes vs and returns the new pc. @cause has CAUSE_INTERRUPT for interrupts. */
u64 vs_trap(struct vs *vs, u64 pc, u64 cause, u64 tval);

/* SRET in S-mode: changes vs and returns the new pc. An interrupt may be due afterwards. */
u64 vs_sret(struct vs *vs);

/* The cause of the interrupt that the hart would take now, with CAUSE_INTERRUPT, else 0.
 * "Supervisor Interrupt Registers": SEI before SSI before STI; in U-mode whatever SIE says. */
u64 vs_interrupt(const struct vs *vs);

/* What ends a WFI, whatever SIE says ("Wait for Interrupt"). */
static inline bool vs_wakes(const struct vs *vs) { return vs->sip & vs->sie; }

/* The higher bit of FS and of VS, where the field is Dirty, which is both its bits. */
static inline u64 vs_dirty_fields(u64 sstatus)
{
	return sstatus & sstatus << 1 & ((SSTATUS_FS & SSTATUS_FS << 1) |
					 (SSTATUS_VS & SSTATUS_VS << 1));
}

/*
 * After the guest ran: makes FS and VS Dirty where they are Dirty in the hart's sstatus. There
 * each must be Off while it is Off in vs, and Dirty only because the guest made it so.
 */
static inline void vs_state_dirty(struct vs *vs, u64 hart_sstatus)
{
	u64 dirty = vs_dirty_fields(hart_sstatus);

	vs->sstatus |= dirty | dirty >> 1;
}

/* For the hot path, in S-mode: what vs_csr_read() and vs_csr_write() do for sstatus. */
static inline u64 vs_sstatus_read(const struct vs *vs)
{
	return vs->sstatus | (vs_dirty_fields(vs->sstatus) ? SSTATUS_SD : 0);
}

static inline unsigned vs_sstatus_write(struct vs *vs, const struct vs_config *config, u64 value)
{
	u64 changed = (vs->sstatus ^ value) & config->sstatus_mask;
	unsigned flags = changed & value & SSTATUS_SIE ? VS_INTERRUPTS : 0;

	vs->sstatus ^= changed;
	if (!(changed & ~(SSTATUS_SIE | SSTATUS_SPIE | SSTATUS_SPP)))
		return flags;
	if (changed & (SSTATUS_SUM | SSTATUS_MXR))
		flags |= VS_VIEW;
	if (changed & (SSTATUS_FS | SSTATUS_VS))
		flags |= VS_STATE;
	return flags;
}

/*
 * Likewise, where sscratch, sepc, scause and stval are kept; NULL for all others. They are read as
 * they are and written without flags, through vs_plain_value().
 */
static inline u64 *vs_csr_plain(struct vs *vs, unsigned csr)
{
	u64 n = (u64)csr - CSR_SSCRATCH;

	if (n > CSR_STVAL - CSR_SSCRATCH)
		return NULL;
	return (u64 *)(void *)((char *)vs + offsetof(struct vs, sscratch)) + n;
}

/* sepc: bit 0 is always 0; bit 1 is not, as IALIGN is 16. The others hold any value. */
static inline u64 vs_plain_value(unsigned csr, u64 value)
{
	return csr == CSR_SEPC ? value & ~1ul : value;
}

#endif
