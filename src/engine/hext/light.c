/*
 * The light path: SBI calls that a guest's kernel makes so often that saving
 * all its registers would be most of their cost. Everything here has the same
 * answer on the plain path, from the same functions of vm/sbi.h.
 */
#include "engine/hext/hext.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"
#include "riscv/sbi.h"
#include "vm/sbi.h"

enum { A0 = 10, A1, A2, A3, A4, A5, A6, A7 };

/* Fences that others asked for while this hart counted as outside are due before the guest goes
 * on; every other request comes with an interrupt, which is taken right behind the sret. */
static void light_inside(struct hext_vcpu *h)
{
	for (;;) {
		__atomic_store_n(&h->shared->mode, HEXT_IN_GUEST, __ATOMIC_SEQ_CST);
		if (!(__atomic_load_n(&h->vcpu->requests, __ATOMIC_SEQ_CST) & VCPU_REQ_ENGINE))
			return;
		__atomic_store_n(&h->shared->mode, HEXT_OUTSIDE, __ATOMIC_SEQ_CST);
		hext_take_fences(h);
	}
}

static bool light_done(struct hext_vcpu *h, s64 error, u64 value)
{
	h->frame.x[A0] = (u64)error;
	h->frame.x[A1] = value;
	csr_write(CSR_SEPC, csr_read(CSR_SEPC) + 4);
	h->vcpu->priv->exits[EXIT_SBI]++;
	return true;
}

static bool light_time(struct hext_vcpu *h)
{
	if (h->frame.x[A6] != SBI_TIME_SET_TIMER)
		return false;
	hext_set_timer(h->vcpu, h->frame.x[A0]);
	if (!hext_machine.sstc)
		hext_sync_irqs(h);
	return light_done(h, SBI_SUCCESS, 0);
}

static bool light_ipi(struct hext_vcpu *h)
{
	s64 error;

	if (h->frame.x[A6] != SBI_IPI_SEND)
		return false;
	error = sbi_send_ipi(h->vcpu->vm, h->frame.x[A0], h->frame.x[A1]);
	hext_sync_irqs(h);
	return light_done(h, error, 0);
}

static s64 light_fence_others(struct hext_vcpu *h, const struct fence *fence, bool *self)
{
	const u64 *x = h->frame.x;
	s64 error;

	/* Outside, so that nobody waits for us while we wait for others: hext_fence(). */
	__atomic_store_n(&h->shared->mode, HEXT_OUTSIDE, __ATOMIC_SEQ_CST);
	error = sbi_remote_fence(h->vcpu, x[A0], x[A1], fence, self);
	light_inside(h);
	return error;
}

static bool light_fence(struct hext_vcpu *h)
{
	const u64 *x = h->frame.x;
	struct fence fence;
	bool self = false;
	s64 error;

	if (x[A6] > SBI_RFENCE_SFENCE_VMA_ASID)
		return false;
	fence = sbi_fence((enum engine_fence)x[A6], x[A2], x[A3], x[A4]);
	error = light_fence_others(h, &fence, &self);
	if (self)
		hext_fence_here(&fence);
	return light_done(h, error, 0);
}

bool hext_light(struct hext_frame *frame)
{
	struct hext_vcpu *h = (struct hext_vcpu *)frame;

	switch (frame->x[A7]) {
	case SBI_EXT_TIME:
		return light_time(h);
	case SBI_EXT_IPI:
		return light_ipi(h);
	case SBI_EXT_RFENCE:
		return light_fence(h);
	default:
		return false;
	}
}
