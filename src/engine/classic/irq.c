/*
 * What reaches a vCPU from outside: interrupts, its timer (an alarm of the host), and fences that
 * other vCPUs ask for.
 */
#include "engine/classic/classic.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"

/* Beyond it dropping everything is cheaper than page by page. */
#define FENCE_PAGES_MAX 64
#define PAGE 4096ul

static struct classic_shared *shared_of(const struct vcpu *v) { return v->engine; }

void classic_irq(struct vcpu *v, enum engine_irq irq, bool level)
{
	struct classic_shared *s = shared_of(v);
	u32 bit = (u32)BIT(irq);

	if (!level) {
		__atomic_fetch_and(&s->irqs, ~bit, __ATOMIC_ACQ_REL);
		/* The edge may have been taken over already. Only the vCPU's own task withdraws it. */
		if (irq == VIRQ_SOFT)
			classic_of(v)->vs.sip &= ~SIP_SSIP;
		return;
	}
	if (!(__atomic_fetch_or(&s->irqs, bit, __ATOMIC_ACQ_REL) & bit) && v->task &&
	    v->task != host_task_self())
		host_wake(v->task);
}

/* SSIP is the guest's to clear, so it is only ever set here; SEIP follows its wire. */
void classic_take_irqs(struct classic_vcpu *c)
{
	u64 irqs = __atomic_load_n(&c->shared->irqs, __ATOMIC_ACQUIRE);

	if (irqs & SIP_SSIP)
		__atomic_fetch_and(&c->shared->irqs, ~(u32)SIP_SSIP, __ATOMIC_ACQ_REL);
	c->vs.sip = (c->vs.sip & ~SIP_SEIP) | irqs;
}

/* Before every entry into the guest. */
void classic_deliver(struct classic_vcpu *c)
{
	u64 cause;

	classic_take_irqs(c);
	cause = vs_interrupt(&c->vs);
	if (cause)
		classic_inject(c, cause, 0);
}

/* ---- The timer */

/* Guest ticks are the host's. "Sstc": STIP follows the comparison. */
void classic_check_timer(struct classic_vcpu *c)
{
	if (c->vs.stimecmp <= host_time())
		c->vs.sip |= SIP_STIP;
	else
		c->vs.sip &= ~SIP_STIP;
}

void classic_timer_changed(struct classic_vcpu *c)
{
	classic_check_timer(c);
	host_alarm(c->vs.sip & SIP_STIP ? HOST_FOREVER : c->vs.stimecmp);
}

void classic_set_timer(struct vcpu *v, u64 deadline)
{
	struct classic_vcpu *c = classic_of(v);

	c->vs.stimecmp = deadline;
	classic_timer_changed(c);
}

u64 classic_timer_due(struct vcpu *v)
{
	const struct classic_vcpu *c = classic_of(v);

	return c->vs.sie & SIP_STIP ? c->vs.stimecmp : HOST_FOREVER;
}

bool classic_wakeup_pending(struct vcpu *v)
{
	struct classic_vcpu *c = classic_of(v);

	classic_take_irqs(c);
	classic_check_timer(c);
	return vs_wakes(&c->vs);
}

/* ---- Fences */

static void fence_pages(struct classic_vcpu *c, const struct fence *f)
{
	u64 va = align_down(f->start, PAGE);
	/* Counted, as the end of the last page is 0. */
	u64 pages = f->size ? (f->start + f->size - 1 - va) / PAGE + 1 : 0;

	for (; pages; pages--, va += PAGE) {
		if (f->kind == FENCE_VMA_ASID)
			classic_drop_page_asid(c, va, (unsigned)f->asid);
		else
			classic_drop_page(c, va);
	}
}

/* Text may have changed under what was decoded of it. */
static void fence_insns(struct classic_vcpu *c)
{
	classic_forget_insns(c);
	fence_i();
}

static void fence_apply(void *arg, const struct fence *f)
{
	struct classic_vcpu *c = arg;

	if (f->kind == FENCE_I)
		fence_insns(c);
	else if (!fence_is_all(f) && f->size <= FENCE_PAGES_MAX * PAGE)
		fence_pages(c, f);
	else if (f->kind == FENCE_VMA_ASID)
		classic_drop_asid(c, (unsigned)f->asid);
	else
		classic_drop_all(c);
}

void classic_fence(struct vcpu *v, const struct fence *fence)
{
	if (v->task == host_task_self())
		fence_apply(classic_of(v), fence);
	else
		fences_ask(&shared_of(v)->fences, v, fence);
}

void classic_take_fences(struct classic_vcpu *c)
{
	fences_take(&c->shared->fences, c->vcpu, fence_apply, c);
}
