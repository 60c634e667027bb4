/*
 * The guest's registers while it does not run: what entry.S saves and restores.
 * sscratch points to it while the guest runs, and is 0 while the hypervisor does.
 */
#ifndef ENGINE_HEXT_FRAME_H
#define ENGINE_HEXT_FRAME_H

#define FRAME_X(n) ((n) * 8)
#define FRAME_PC (32 * 8)
#define FRAME_SSTATUS (33 * 8)
#define FRAME_HSTATUS (34 * 8)
#define FRAME_HOST_SP (35 * 8)
#define FRAME_HOST_TP (36 * 8)
#define FRAME_SCAUSE (37 * 8)
#define FRAME_LIGHT (38 * 8)

#ifndef __ASSEMBLER__
#include "lib/types.h"

struct hext_frame {
	u64 x[32]; /* x[0] stays 0 */
	u64 pc;
	u64 sstatus; /* SPP is the guest's privilege; FS and VS: whether its registers are loaded */
	u64 hstatus;
	u64 host_sp;
	u64 host_tp;
	u64 scause; /* of the last exit */
	u64 light;  /* the exceptions that hext_light() gets to see, a bit each */
};

/* Enters the guest; returns at its next trap that hext_light() does not serve. */
void hext_enter(struct hext_frame *frame);
/* stvec while this engine runs guests; traps of the hypervisor itself go on to bare_trap. */
void hext_vector(void);
/*
 * Serves a trap with the guest's callee-saved registers still loaded: those of the frame are old.
 * 0: served, on into the guest; else what run() is told as scause: the trap's own cause if it was
 * not served, CAUSE_INTERRUPT if it was but somebody wants the vCPU.
 */
u64 hext_light(struct hext_frame *frame, u64 scause);

#endif
#endif
