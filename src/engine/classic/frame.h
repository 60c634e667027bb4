/*
 * The guest's registers while it does not run: what the gate and entry.S save and restore. The
 * page that begins with it is the gate's data page: mapped in the guest's shadow tables as well,
 * where the guest cannot touch it. sscratch points to it, at the gate's address, while the guest
 * runs, and is 0 while the hypervisor does.
 */
#ifndef ENGINE_CLASSIC_FRAME_H
#define ENGINE_CLASSIC_FRAME_H

#define CLASSIC_X(n) ((n) * 8)
#define CLASSIC_PC (32 * 8)
#define CLASSIC_SSTATUS (33 * 8)
#define CLASSIC_SCAUSE (34 * 8)
#define CLASSIC_SELF (35 * 8)
#define CLASSIC_HOST_SATP (36 * 8)
#define CLASSIC_HOST_SP (37 * 8)
#define CLASSIC_HOST_TP (38 * 8)
#define CLASSIC_GUEST_SATP (39 * 8)
#define CLASSIC_GATE_EXIT (40 * 8)
#define CLASSIC_GATE_DATA (41 * 8)
#define CLASSIC_LIGHT (42 * 8)

/* Offsets in the gate's page. */
#define GATE_VECTOR 0
#define GATE_EXIT 2048

#ifndef __ASSEMBLER__
#include "lib/types.h"

struct classic_frame {
	u64 x[32]; /* x[0] stays 0 */
	u64 pc;
	u64 sstatus; /* the hart's: SPP 0; FS and VS say whether the guest's registers are loaded */
	u64 scause;  /* of the last exit */
	u64 self;    /* this frame's address in the hypervisor's space */
	u64 host_satp;
	u64 host_sp;
	u64 host_tp;
	u64 guest_satp; /* the shadow root in use */
	u64 gate_exit;  /* addresses in the gate: the way out of the hypervisor, and this page */
	u64 gate_data;
	u64 light;      /* the exceptions that classic_light() gets to see, a bit each */
};

/* Enters the guest; returns at its next trap that classic_light() does not serve. */
void classic_enter(struct classic_frame *frame);
/*
 * Serves a trap with the guest's callee-saved registers still loaded: those of the frame are old.
 * 0: served, on into the guest; else what run() is told as scause: the trap's own cause if it was
 * not served, CAUSE_INTERRUPT if it was but somebody wants the vCPU.
 */
u64 classic_light(struct classic_frame *frame, u64 scause);

/* The two forms of the gate's code, a page each: with ASIDs, and without, where each change of
 * satp flushes. */
extern const char classic_gate_asid[4096], classic_gate_flush[4096];

#endif
#endif
