/*
 * Fences that other harts ask of a vCPU (SBI, "RFENCE"): kept until it next enters the guest, and
 * a promise to the one who asks. In common memory; any task may ask, the vCPU's own takes.
 */
#ifndef VM_FENCES_H
#define VM_FENCES_H

#include "lib/lock.h"
#include "vm/vcpu.h"

#define FENCES_MAX 8

struct fences {
	u32 inside; /* atomic: the vCPU is in the guest, with what it had cached */
	struct lock lock; /* guards what follows */
	bool all;   /* too many for the queue: drop everything */
	bool fence_i;
	unsigned count;
	struct fence queue[FENCES_MAX];
};

/*
 * Returns when @vcpu holds no translation any more that it should not. One that is outside need
 * not be waited for: it takes its fences before it enters. One that is inside is interrupted and
 * leaves within microseconds; two that ask each other are both outside.
 */
void fences_ask(struct fences *f, struct vcpu *vcpu, const struct fence *fence);

/* Carries out by @apply what was asked, and takes back VCPU_REQ_ENGINE. After the vCPU became
 * inside and before it executes an instruction of the guest. */
void fences_take(struct fences *f, struct vcpu *vcpu,
		 void (*apply)(void *arg, const struct fence *fence), void *arg);

/* True if everything is meant, not a range of pages. */
static inline bool fence_is_all(const struct fence *f)
{
	return (!f->size && !f->start) || f->start + f->size < f->start;
}

#endif
