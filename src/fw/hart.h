/*
 * What the firmware knows of each hart. tp points to it in M-mode; mscratch holds the same pointer
 * while S-mode runs. For C and for assembly.
 *
 * A hart's number is its hart id: ids from 64 on are never started, so that the harts of a call
 * are the bits of one word.
 */
#ifndef FW_HART_H
#define FW_HART_H

#define FW_HARTS_MAX 64
#define FW_STACK_SIZE 2048
#define FW_HART_SHIFT 7 /* log2 of a struct's size */

/* For assembly. */
#define FW_HART_T0 0
#define FW_HART_T1 8
#define FW_HART_FIXUP 16
#define FW_HART_STACK 24
#define FW_HART_MASK 32
#define FW_HART_MSIP 40
#define FW_HART_MTIMECMP 48
#define FW_HART_SSTC 56
#define FW_HART_REQUESTS 60

/* Why a hart is interrupted. */
#define FW_REQUEST_IPI 1
#define FW_REQUEST_FENCE 2

/* Bytes of a struct fw_frame */
#define FW_FRAME_SIZE 256

#ifndef __ASSEMBLER__
#include "lib/types.h"

/* The general registers of whoever trapped, by number; the first is not used. */
struct fw_frame {
	u64 x[32];
};

enum fw_reg { FW_A0 = 10, FW_A1, FW_A2, FW_A3, FW_A4, FW_A5, FW_A6, FW_A7 };

struct fw_hart {
	/* The trap vector's. */
	u64 saved_t0, saved_t1;
	u64 fixup; /* where an exception in M-mode continues (then 0 again); 0: it is a bug */
	u64 stack; /* the end of it */
	u64 mask;  /* 1 << id */
	volatile u32 *msip;
	volatile u64 *mtimecmp; /* NULL: there is none */
	u32 sstc;     /* stimecmp is S-mode's own */
	u32 requests; /* atomic: FW_REQUEST_* */

	/* Hart State Management: state is atomic. Who moves it from STOPPED to START_PENDING owns
	 * the others until the hart runs. */
	u32 state;
	bool has_time; /* the time CSR exists; else rdtime is emulated */
	bool has_h;
	bool has_pmp;
	u64 start_pc, start_arg;
} __attribute__((aligned(1 << FW_HART_SHIFT)));

_Static_assert(sizeof(struct fw_hart) == 1 << FW_HART_SHIFT, "assembly's size");
_Static_assert(offsetof(struct fw_hart, fixup) == FW_HART_FIXUP, "assembly's offsets");
_Static_assert(offsetof(struct fw_hart, stack) == FW_HART_STACK, "assembly's offsets");
_Static_assert(offsetof(struct fw_hart, mask) == FW_HART_MASK, "assembly's offsets");
_Static_assert(offsetof(struct fw_hart, msip) == FW_HART_MSIP, "assembly's offsets");
_Static_assert(offsetof(struct fw_hart, mtimecmp) == FW_HART_MTIMECMP, "assembly's offsets");
_Static_assert(offsetof(struct fw_hart, sstc) == FW_HART_SSTC, "assembly's offsets");
_Static_assert(offsetof(struct fw_hart, requests) == FW_HART_REQUESTS, "assembly's offsets");
_Static_assert(sizeof(struct fw_frame) == FW_FRAME_SIZE, "assembly's size");

extern struct fw_hart fw_harts[FW_HARTS_MAX];

/* Bit n: the hart with id n has an S-mode, by the tree and by its own misa, and may be started. */
extern u64 fw_hart_mask;

static inline struct fw_hart *fw_hart(void)
{
	struct fw_hart *hart;

	__asm__ volatile("mv %0, tp" : "=r"(hart));
	return hart;
}

static inline u64 fw_hart_id(const struct fw_hart *hart)
{
	return (u64)(hart - fw_harts);
}

/* Sets up the calling hart's machine-level CSRs, whatever it has of them. */
void fw_hart_init(void);

/* Waits, stopped, until the hart is to be started, and leaves for S-mode. On its own stack. */
_Noreturn void fw_hart_park(void);

/* Leaves for S-mode at start_pc with start_arg in a1: state is STARTED from here on. */
_Noreturn void fw_hart_launch(void);

/*
 * The harts that @mask, shifted by @base, means ("Hart list parameter"; base -1: all).
 * False if there is one that does not exist.
 */
bool fw_hart_list(u64 mask, u64 base, u64 *harts);

/* Those of @harts that are not stopped. */
u64 fw_hart_running(u64 harts);

/* Has each of @harts look at a request. Memory written before is visible to them then. */
void fw_hart_request(u64 harts, u32 request);

/* Does what was requested of the calling hart. */
void fw_hart_serve(void);

/* "Hart Suspend": waits until S-mode has an interrupt to take. */
void fw_hart_suspend(void);

/* In start.S. Start again on the calling hart's empty stack, in fw_hart_park(). */
_Noreturn void fw_hart_restart(void);
/* In start.S. Into S-mode. */
_Noreturn void fw_hart_enter(u64 pc, u64 a0, u64 a1);

#endif
#endif
