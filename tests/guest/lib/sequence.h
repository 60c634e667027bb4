/*
 * A random program in S- and U-mode: code made on the spot, every register and S-mode CSR its own,
 * its own trap handler, which logs each trap and goes on behind the instruction.
 *
 * One register of each program belongs to the handler and to the exit, which reach their memory
 * through it; what it holds otherwise is lost at every trap, and is not compared. With translation,
 * S-mode runs one to one, and U-mode sees code, constants and data at USER_ALIAS above.
 */
#ifndef GUEST_SEQUENCE_H
#define GUEST_SEQUENCE_H

#include "lib/compare.h"
#include "lib/emit.h"

#define USER_ALIAS BIT(37)
#define PROBE_VA BIT(36) /* a page of S that differs between the two address spaces */
#define UNMAPPED_VA (BIT(35) + 0x3000)

enum csr {
	CSR_FCSR = 0x003,
	CSR_VXRM = 0x00a,
	CSR_SSTATUS = 0x100,
	CSR_SIE = 0x104,
	CSR_STVEC = 0x105,
	CSR_SCOUNTEREN = 0x106,
	CSR_SENVCFG = 0x10a,
	CSR_SSCRATCH = 0x140,
	CSR_SEPC = 0x141,
	CSR_SCAUSE = 0x142,
	CSR_STVAL = 0x143,
	CSR_SIP = 0x144,
	CSR_SATP = 0x180,
	CSR_CYCLE = 0xc00,
	CSR_TIME = 0xc01,
	CSR_INSTRET = 0xc02,
};

enum { SEQUENCE_CSRS = 16, LOG_SIZE = 256, TEXT_SIZE = 4096, POOL_SIZE = 1024, DATA_SIZE = 512 };

struct trap_log {
	u64 slot, scause, sepc, stval, sstatus, sip;
};

struct sequence {
	const struct compare *c;
	u64 *rng;
	struct emit e;
	u32 own;	 /* the register that belongs to the handler */
	u32 *exit;
	bool translated; /* satp at this point of the program */
	bool vectored;	 /* so is stvec, likewise */
	bool redirects;	 /* firmware passes traps on to a vectored stvec as well */
	bool timer;	 /* the timer's interrupt pends */
	u64 csr[SEQUENCE_CSRS]; /* at the start, in the order of sequence_csrs */
	u64 x[32];
};

extern const u32 sequence_csrs[SEQUENCE_CSRS];
extern u64 sequence_data[DATA_SIZE];

/* Builds the two address spaces. */
void sequence_init(void);
/* The satp of address space 0 or 1; ASIDs of 0 are even, those of 1 odd. */
u64 sequence_satp(const struct compare *c, u64 space, u64 *rng);

/* Makes the handler and the exit; the caller then emits its instructions, which may be so many. */
void sequence_begin(struct sequence *s, const struct compare *c, u64 *rng);
bool sequence_full(const struct sequence *s);
/* Emits the end and runs it all, from s->x and s->csr; everything found goes to compare_note(). */
void sequence_end(struct sequence *s, struct compare *c);

/* Base of the handler's vectors; any mode will do. */
u64 sequence_stvec(u64 mode);
/*
 * Emits: the next ecall from U-mode or fetch fault goes on in S-mode at the address that the caller
 * writes to what is returned; by sret, or (@plain) as if still in the handler.
 */
u64 *sequence_resume(struct sequence *s, bool plain);

/* A random register that is not x0, and not the handler's where @not_own. */
u32 sequence_register(const struct sequence *s, bool not_own);

#endif
