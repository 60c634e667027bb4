/*
 * Finds the privileged instructions of S-mode in a page of text before they are executed: sret, wfi
 * and sfence.vma, and accesses to S-mode's CSRs. Instructions of 4 bytes only, which are all
 * of these.
 *
 * A place is reported only if replacing its first parcel cannot change another instruction: it must
 * not be the high parcel of the one before. RISC-V text tells where instructions begin, as
 * only a parcel that begins one of 4 bytes can swallow the next ("Base Instruction-Length
 * Encoding"). Data between the instructions may be reported; who executes it executes that.
 *
 * Pure. The text may change meanwhile: then the answer is of no use, but nothing else is wrong.
 */
#ifndef RISCV_SCAN_H
#define RISCV_SCAN_H

#include "lib/types.h"

#define SCAN_PARCELS 2048 /* of 2 bytes, in a page */

/* What is looked for beside sret, wfi and sfence.vma. */
enum {
	SCAN_CSR = 1, /* CSR instructions, of CSRs 0x100 to 0x1ff */
};

/* Parcels of a page, a bit each. */
struct scan {
	u64 found[SCAN_PARCELS / 64];
	unsigned count;
};

/* What is found in a page (8-byte aligned); true if that is anything. Not all: where many need a
 * closer look, the last ones get none. Some two of the hart's instructions for each parcel where
 * there is nothing that looks like it. */
bool scan_page(const u16 *page, unsigned what, struct scan *out);

/* True if the instruction of 4 bytes at @parcel of a page is no other one's high parcel. False also
 * if that cannot be seen from this page, as in its first parcel. */
bool scan_is_boundary(const u16 *page, unsigned parcel);

#endif
