/*
 * What reaches a vCPU from outside: interrupts by hvip, its timer, and fences
 * that other vCPUs ask for.
 */
#include "engine/hext/hext.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"

#define HVIP_LEVELS (BIT(IRQ_VS_TIMER) | BIT(IRQ_VS_EXT))
#define PAGE 4096ul
/* From here on dropping everything is cheaper than page by page. */
#define FENCE_PAGES_MAX 64

static struct hext_shared *shared_of(const struct vcpu *v) { return v->engine; }

/* hvip has the interrupts of VS-mode at their VS-level numbers, one above the S-level ones. */
static u32 hvip_bit(enum engine_irq irq)
{
	return (u32)BIT(irq + 1);
}

/* The edge may have been taken over already. Only the vCPU's own task withdraws it. */
static void clear_soft(struct hext_vcpu *h)
{
	h->vsip_soft = 0;
	if (h->live)
		csr_clear(CSR_HVIP, BIT(IRQ_VS_SOFT));
}

void hext_irq(struct vcpu *v, enum engine_irq irq, bool level)
{
	struct hext_shared *s = shared_of(v);
	u32 bit = hvip_bit(irq);

	if (!level) {
		__atomic_fetch_and(&s->irqs, ~bit, __ATOMIC_ACQ_REL);
		if (irq == VIRQ_SOFT)
			clear_soft(hext_of(v));
		return;
	}
	if (!(__atomic_fetch_or(&s->irqs, bit, __ATOMIC_ACQ_REL) & bit) && v->task &&
	    v->task != host_task_self())
		host_wake(v->task);
}

/* VSSIP is the guest's to clear (sip.SSIP is an alias of hvip.VSSIP), so it is only ever set
 * here; the other two follow their wires. */
void hext_take_irqs(struct hext_vcpu *h, u64 irqs)
{
	if (irqs & BIT(IRQ_VS_SOFT)) {
		__atomic_fetch_and(&h->shared->irqs, ~(u32)BIT(IRQ_VS_SOFT), __ATOMIC_ACQ_REL);
		csr_set(CSR_HVIP, BIT(IRQ_VS_SOFT));
	}
	csr_set(CSR_HVIP, irqs & HVIP_LEVELS);
	csr_clear(CSR_HVIP, ~irqs & HVIP_LEVELS);
	h->hvip = irqs & HVIP_LEVELS;
}

/* ---- The timer: vstimecmp with Sstc, else an alarm of the host. ---- */

/* Guest ticks to host ticks; what lies beyond the end of time never comes. */
static u64 host_deadline(const struct vcpu *v, u64 deadline)
{
	u64 base = v->vm->time_base;

	return deadline > ~0ul - base ? HOST_FOREVER : deadline + base;
}

void hext_check_timer(struct hext_vcpu *h)
{
	if (hext_machine.sstc || h->deadline > vm_time(h->vcpu->vm))
		return;
	h->deadline = ~0ul;
	hext_irq(h->vcpu, VIRQ_TIMER, true);
}

void hext_set_timer(struct vcpu *v, u64 deadline)
{
	struct hext_vcpu *h = hext_of(v);

	if (hext_machine.sstc) {
		h->vstimecmp = deadline;
		if (h->live)
			csr_write(CSR_VSTIMECMP, deadline);
		return;
	}
	h->deadline = deadline;
	hext_irq(v, VIRQ_TIMER, false);
	hext_check_timer(h);
	host_alarm(host_deadline(v, h->deadline));
}

static u64 current_vsie(const struct hext_vcpu *h)
{
	return h->live ? csr_read(CSR_VSIE) : h->vsie;
}

static u64 current_deadline(const struct hext_vcpu *h)
{
	if (!hext_machine.sstc)
		return h->deadline;
	return h->live ? csr_read(CSR_VSTIMECMP) : h->vstimecmp;
}

u64 hext_timer_due(struct vcpu *v)
{
	const struct hext_vcpu *h = hext_of(v);

	if (!(current_vsie(h) & BIT(IRQ_S_TIMER)))
		return HOST_FOREVER;
	return host_deadline(v, current_deadline(h));
}

/* What the hart itself says is pending, its timer included. */
static u64 live_pending(const struct hext_vcpu *h)
{
	u64 pending = csr_read(CSR_VSIP) << 1;

	if (!hext_machine.sstc && h->deadline <= vm_time(h->vcpu->vm))
		pending |= BIT(IRQ_VS_TIMER);
	return pending;
}

static u64 saved_pending(const struct hext_vcpu *h)
{
	u64 pending = h->vsip_soft;

	if (current_deadline(h) <= vm_time(h->vcpu->vm))
		pending |= BIT(IRQ_VS_TIMER);
	return pending;
}

bool hext_wakeup_pending(struct vcpu *v)
{
	struct hext_vcpu *h = hext_of(v);
	u64 pending = __atomic_load_n(&h->shared->irqs, __ATOMIC_ACQUIRE);

	pending |= h->live ? live_pending(h) : saved_pending(h);
	return pending >> 1 & current_vsie(h);
}

/* ---- Fences. ---- */

static bool fence_is_large(const struct fence *f)
{
	return fence_is_all(f) || f->size > FENCE_PAGES_MAX * PAGE;
}

static void fence_pages(const struct fence *f)
{
	u64 va = align_down(f->start, PAGE);
	/* Counted, as the end of the last page is 0. */
	u64 pages = f->size ? (f->start + f->size - 1 - va) / PAGE + 1 : 0;

	for (; pages; pages--, va += PAGE) {
		if (f->kind == FENCE_VMA_ASID && hext_machine.svinval)
			hinval_vvma_page_asid(va, f->asid);
		else if (f->kind == FENCE_VMA_ASID)
			hfence_vvma_page_asid(va, f->asid);
		else if (hext_machine.svinval)
			hinval_vvma_page(va);
		else
			hfence_vvma_page(va);
	}
}

void hext_fence_here(const struct fence *f)
{
	if (f->kind == FENCE_I) {
		fence_i();
	} else if (!fence_is_large(f)) {
		if (hext_machine.svinval)
			svinval_begin();
		fence_pages(f);
		if (hext_machine.svinval)
			svinval_end();
	} else if (f->kind == FENCE_VMA_ASID) {
		hfence_vvma_asid(f->asid);
	} else {
		hfence_vvma_all();
	}
}

void hext_fence(struct vcpu *v, const struct fence *fence)
{
	if (v->task == host_task_self())
		hext_fence_here(fence);
	else
		fences_ask(&shared_of(v)->fences, v, fence);
}

static void fence_apply(void *arg unused, const struct fence *fence)
{
	hext_fence_here(fence);
}

void hext_take_fences(struct hext_vcpu *h)
{
	fences_take(&h->shared->fences, h->vcpu, fence_apply, NULL);
}
