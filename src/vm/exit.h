/*
 * Why a vCPU stopped running, and the core's answer to it, in one place (the
 * shape of kvm_run): the engine fills in the question and returns from run();
 * it delivers the answer when it enters the guest again.
 */
#ifndef VM_EXIT_H
#define VM_EXIT_H

#include "lib/types.h"

enum exit_kind {
	EXIT_NONE,      /* served within the engine, or nothing to do: just go on */
	EXIT_INTERRUPT, /* the host wants the hart: interrupt, kick or time slice */
	EXIT_MMIO,      /* a load or store that is not RAM */
	EXIT_SBI,       /* ecall from VS-mode */
	EXIT_WFI,
	EXIT_FATAL, /* the guest did what no answer exists for; why says what */
	EXIT_KINDS,
};

struct vmexit {
	enum exit_kind kind;
	union {
		struct {
			u64 gpa;
			u64 value; /* of a store; the answer to a load, zero-extended */
			u8 size;   /* 1, 2, 4 or 8 */
			bool write;
			bool failed; /* the answer: raise an access fault */
		} mmio;
		struct {
			u64 args[6]; /* a0..a5 */
			u64 fid;     /* a6 */
			u64 ext;     /* a7 */
			u64 error;   /* the answer: a0 */
			u64 value;   /* a1 */
			bool legacy;   /* the answer has no value: a1 stays as it was */
			bool no_return; /* hart_stop, suspend, reset: no answer is delivered */
		} sbi;
		const char *why;
	};
};

/* SBI, "Binary Encoding": a0 to a7 of the integer registers into the question; the error goes
 * to a0 and, but for the legacy extensions, a value to a1. */
static inline void exit_ask_sbi(struct vmexit *e, const u64 x[32])
{
#pragma GCC unroll 6
	for (unsigned i = 0; i < 6; i++)
		e->sbi.args[i] = x[10 + i];
	e->sbi.fid = x[16];
	e->sbi.ext = x[17];
}

static inline void exit_answer_sbi(const struct vmexit *e, u64 x[32])
{
	x[10] = e->sbi.error;
	if (!e->sbi.legacy)
		x[11] = e->sbi.value;
}

/* "mmio", "sbi", ... for the operator. */
const char *exit_name(enum exit_kind kind);

#endif
