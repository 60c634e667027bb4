#include "vm/fences.h"

static void fences_add(struct fences *f, const struct fence *fence)
{
	lock_take(&f->lock);
	if (fence->kind == FENCE_I)
		f->fence_i = true;
	else if (f->count < FENCES_MAX)
		f->queue[f->count++] = *fence;
	else
		f->all = true;
	lock_drop(&f->lock);
}

void fences_ask(struct fences *f, struct vcpu *vcpu, const struct fence *fence)
{
	fences_add(f, fence);
	vcpu_request(vcpu, VCPU_REQ_ENGINE);
	while (__atomic_load_n(&f->inside, __ATOMIC_SEQ_CST) &&
	       __atomic_load_n(&vcpu->requests, __ATOMIC_SEQ_CST) & VCPU_REQ_ENGINE)
		;
}

void fences_take(struct fences *f, struct vcpu *vcpu,
		 void (*apply)(void *arg, const struct fence *fence), void *arg)
{
	static const struct fence everything = { .kind = FENCE_VMA, .size = ~0ul };
	static const struct fence instructions = { .kind = FENCE_I };

	lock_take(&f->lock);
	__atomic_fetch_and(&vcpu->requests, ~(u32)VCPU_REQ_ENGINE, __ATOMIC_SEQ_CST);
	if (f->fence_i)
		apply(arg, &instructions);
	if (f->all)
		apply(arg, &everything);
	for (unsigned i = 0; !f->all && i < f->count; i++)
		apply(arg, &f->queue[i]);
	f->count = 0;
	f->all = f->fence_i = false;
	lock_drop(&f->lock);
}
