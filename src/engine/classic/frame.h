/*
 * The guest's registers while it does not run, and what the assembly needs to know of its vCPU. The
 * page that begins with it is the gate's data page: mapped in the guest's shadow tables as well,
 * where the guest cannot touch it. sscratch points to it, at the gate's address, while the guest
 * runs.
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
#define CLASSIC_GATE_BACK (41 * 8)
#define CLASSIC_GATE_DATA (42 * 8)
#define CLASSIC_LIGHT (43 * 8)
#define CLASSIC_QUICK (44 * 8)
#define CLASSIC_QUICK_USER (45 * 8)
#define CLASSIC_QUICK_KERNEL (46 * 8)
#define CLASSIC_CACHE (47 * 8)
#define CLASSIC_VIEW_U (48 * 8)
#define CLASSIC_VIEW_S (49 * 8)
#define CLASSIC_VIEW_SUM (50 * 8)
#define CLASSIC_STATE_MASK (51 * 8)
#define CLASSIC_WRITABLE (52 * 8)
#define CLASSIC_USER_DIFFERS (53 * 8)
#define CLASSIC_ENTRY (54 * 8)
#define CLASSIC_OPERAND (55 * 8)
#define CLASSIC_OPERAND2 (56 * 8)
#define CLASSIC_RESULT (57 * 8)
#define CLASSIC_LOADED (58 * 8)
#define CLASSIC_DIRTIED (59 * 8)
/* struct vs follows. */
#define CLASSIC_VS (60 * 8)
#define CLASSIC_VS_SSTATUS (CLASSIC_VS + 0)
#define CLASSIC_VS_SIE (CLASSIC_VS + 8)
#define CLASSIC_VS_SIP (CLASSIC_VS + 16)
#define CLASSIC_VS_STVEC (CLASSIC_VS + 24)
#define CLASSIC_VS_SSCRATCH (CLASSIC_VS + 40)
#define CLASSIC_VS_SEPC (CLASSIC_VS + 48)
#define CLASSIC_VS_SCAUSE (CLASSIC_VS + 56)
#define CLASSIC_VS_STVAL (CLASSIC_VS + 64)
#define CLASSIC_VS_USER (CLASSIC_VS + 96)

/* struct classic_insn */
#define CLASSIC_INSN_PC 0
#define CLASSIC_INSN_WORD 8
#define CLASSIC_INSN_DO 12
#define CLASSIC_INSN_GET 16
#define CLASSIC_INSN_GET2 20
#define CLASSIC_INSN_SET 24
#define CLASSIC_INSN_IMMEDIATE 28
#define CLASSIC_INSN_PATCHED 29

/* Offsets in the gate's page. */
#define GATE_VECTOR 0
#define GATE_EXIT 2048
#define GATE_BACK 3072

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
	u64 gate_exit;  /* addresses in the gate: two ways out of the hypervisor, and this page */
	u64 gate_back;
	u64 gate_data;
	u64 light;      /* the exceptions that classic_light() gets to see, a bit each */
	u64 quick;      /* those that quick.S serves in the guest's present mode */
	u64 quick_user; /* and what that is in its U-mode and in its S-mode */
	u64 quick_kernel;
	struct classic_insn *cache; /* CLASSIC_INSNS of them */
	u64 views[3];     /* the shadow roots of the present context, 0 for those not made yet */
	u64 state_mask;   /* of the hart's sstatus: what the guest's instructions change there */
	u64 writable;     /* of sstatus: the bits that can be set */
	u64 user_differs; /* counters and cache blocks are not U-mode's as S-mode's */
	struct classic_insn *entry; /* classic_light_insn(): the instruction, rs1 and rs2, and for rd */
	u64 operand, operand2, result;
	u64 loaded;  /* FS and VS where the hart has the guest's registers: there they follow sstatus's */
	u64 dirtied; /* what quick.S found of FS and VS in the hart's sstatus when it changed them */
};

/*
 * An instruction of the guest's S-mode that was met before, decoded: at the place in the cache that
 * classic_insn_of() says. Code is given by the low half of its address: the image is in the
 * highest 2 GiB.
 */
struct classic_insn {
	u64 pc;    /* ~0: none */
	u32 word;  /* the instruction */
	s32 serve; /* one of classic_quick_*() */
	s32 get;   /* puts rs1 (or the immediate) into t0 */
	s32 get2;  /* the same for rs2 */
	s32 set;   /* takes rd from t0 */
	u8 immediate;
	u8 patched; /* met as a breakpoint of ours: one there now is that again */
};

#define CLASSIC_INSNS 1024

/* The place of pc: what is regular in a kernel's text is spread. */
static inline struct classic_insn *classic_insn_of(struct classic_frame *frame, u64 pc)
{
	return &frame->cache[(pc ^ pc >> 6) >> 1 & (CLASSIC_INSNS - 1)];
}

/* Enters the guest; returns at its next trap that is not served on the way. */
void classic_enter(struct classic_frame *frame);
/*
 * Serves a trap with the guest's callee-saved registers still loaded: those of the frame are old.
 * 0: served, on into the guest; else what run() is told as scause: the trap's own cause if it was
 * not served, CAUSE_INTERRUPT if it was but somebody wants the vCPU.
 */
u64 classic_light(struct classic_frame *frame, u64 scause);
/* Carries out frame->entry. False if it was not done: the plain path is to. */
bool classic_light_insn(struct classic_frame *frame);

/* quick.S: never called from C. */
extern const char classic_quick_read_sscratch[], classic_quick_write_sscratch[],
	classic_quick_swap_sscratch[], classic_quick_read_sepc[], classic_quick_write_sepc[],
	classic_quick_read_scause[], classic_quick_write_scause[], classic_quick_read_stval[],
	classic_quick_write_stval[], classic_quick_read_sstatus[], classic_quick_write_sstatus[],
	classic_quick_set_sstatus[], classic_quick_clear_sstatus[], classic_quick_sret[],
	classic_quick_insn[];
/* For each register by its number, 8 bytes of code each; and one for immediates. */
extern const char classic_get[32 * 8], classic_set[32 * 8], classic_get_immediate[];

/* The two forms of the gate's code, a page each: with ASIDs, and without, where each change of
 * satp flushes. */
extern const char classic_gate_asid[4096], classic_gate_flush[4096];

#endif
#endif
