/*
 * A guest-physical address space: second-stage tables in one of the Sv*x4 modes
 * (Privileged Architecture, "Two-Stage Address Translation"). An object of its own,
 * so that a VM may have several.
 */
#ifndef ENGINE_HEXT_GSTAGE_H
#define ENGINE_HEXT_GSTAGE_H

#include "host/host.h"

struct gstage {
	struct host_account *payer;
	u64 *root;       /* 16 KiB: four pages of entries */
	unsigned levels; /* 3 = Sv39x4, 4 = Sv48x4, 5 = Sv57x4 */
	u64 mode;        /* HGATP_MODE_* */
};

/* @mode: HGATP_MODE_*. -ENOMEM. */
int gstage_init(struct gstage *g, u64 mode, struct host_account *payer);
/* Frees all tables; nothing may translate through them any more. */
void gstage_fini(struct gstage *g);
/* Maps [gpa, gpa+size) to pa with the largest pages that fit. prot: enum engine_prot. All
 * multiples of 4096 and not mapped yet. -ENOMEM (what was mapped stays), -ERANGE. */
int gstage_map(struct gstage *g, u64 gpa, u64 pa, u64 size, unsigned prot);
/* Splits large pages where needed; the caller fences. -ENOMEM leaves the rest mapped. */
int gstage_unmap(struct gstage *g, u64 gpa, u64 size);
/* The leaf entry for gpa and its page size, 0 if there is none. */
u64 gstage_lookup(const struct gstage *g, u64 gpa, u64 *page_size);

#endif
