/*
 * A walk of page tables in software: what the hardware would answer to one access.
 * RISC-V Privileged Architecture, "Virtual Address Translation Process"; with two-stage
 * translation either stage ("Guest Physical Address Translation").
 *
 * The tables belong to a guest, which may change them meanwhile: each entry is read once
 * and the copy is judged. A walk makes at most WALK_READS_MAX reads and as many updates.
 */
#ifndef RISCV_WALK_H
#define RISCV_WALK_H

#include "riscv/pte.h"

enum walk_access {
	WALK_READ,
	WALK_WRITE, /* stores and AMOs */
	WALK_EXECUTE,
	/* For a debugger: neither permissions nor A and D are looked at, nothing is written. */
	WALK_PROBE,
};

/*
 * WALK_RETRY is not an exception: the entry was being changed all the time. Let the guest
 * execute the instruction again.
 */
enum { WALK_OK = 0, WALK_RETRY = -1 };

enum { WALK_READS_MAX = 16 };

/* How the walk reaches the tables. Addresses are 8-byte aligned and below 2^56. */
struct walk_ops {
	/* False if there is no memory: an access fault. */
	bool (*read)(void *ctx, u64 address, u64 *pte);
	/*
	 * Replaces @old by @new in one atomic step: 1, or 0 if the entry is not @old any more,
	 * or -1 if it cannot be written: an access fault. Used with hardware_ad only.
	 */
	int (*update)(void *ctx, u64 address, u64 old, u64 new);
};

struct walk_request {
	u64 va;       /* or, in the second stage, the guest-physical address */
	u64 root_ppn; /* the PPN field of satp or hgatp */
	u8 mode;      /* their MODE field; Bare answers the address itself */
	u8 levels;    /* that are left where root_ppn is a table further down; 0: it is the root */
	u8 access;    /* enum walk_access */
	bool gstage;  /* an x4 form, every access as if from U-mode */
	bool user;    /* from U-mode; otherwise from S-mode. Not for gstage */
	bool sum;     /* sstatus.SUM. Not for gstage */
	bool mxr;     /* sstatus.MXR */
	bool hardware_ad; /* Svadu: set A and D; otherwise Svade: fault if they are clear */
	bool napot;       /* Svnapot is there */
	bool pbmt;        /* Svpbmt is there and enabled */
};

struct walk_result {
	u64 pa;
	u64 size;        /* of the page: 4 KiB to 256 TiB, 64 KiB under Svnapot */
	u64 pte;         /* the leaf, with A and D as they now are; for Bare one that allows all */
	u64 pte_address; /* where it lies; 0 for Bare */
};

/* Steps 6 to 8 of the process: whether a leaf allows the access; the second stage sees every one
 * as from U-mode. */
static inline bool walk_leaf_allows(const struct walk_request *req, u64 pte)
{
	if (req->access == WALK_PROBE)
		return true;
	if (req->gstage || req->user) {
		if (!(pte & PTE_U))
			return false;
	} else if (pte & PTE_U && (!req->sum || req->access == WALK_EXECUTE)) {
		return false;
	}
	switch (req->access) {
	case WALK_WRITE:
		return pte & PTE_W;
	case WALK_EXECUTE:
		return pte & PTE_X;
	default:
		return pte & (req->mxr ? PTE_R | PTE_X : PTE_R);
	}
}

/* The accessed and dirty bits that the access needs. */
static inline u64 walk_leaf_mark(const struct walk_request *req)
{
	switch (req->access) {
	case WALK_PROBE:
		return 0;
	case WALK_WRITE:
		return PTE_A | PTE_D;
	default:
		return PTE_A;
	}
}

/*
 * WALK_OK with @out filled in, WALK_RETRY, or a positive exception code (CAUSE_*): a page
 * fault or an access fault of the kind of access (a probe's are those of a read). In the second
 * stage page faults are guest-page faults. @out is of no use unless WALK_OK.
 */
int walk_page(const struct walk_ops *ops, void *ctx, const struct walk_request *req,
	      struct walk_result *out);

#endif
