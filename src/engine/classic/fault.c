/*
 * Page faults: the guest's tables are walked as the hart would have, and what they say goes to the
 * guest as its own fault, into the shadow tables, or is no memory.
 */
#include "engine/classic/classic.h"
#include "riscv/csr.h"

/* ---- The guest's own tables */

static u8 *table_entry(struct vm *vm, u64 address)
{
	u64 size = PTE_SIZE;
	u8 *p = guest_ptr(&vm->mem, address, &size);

	return size == PTE_SIZE ? p : NULL;
}

static bool table_read(void *ctx, u64 address, u64 *pte)
{
	const u64 *p = (const u64 *)(const void *)table_entry(ctx, address);

	if (p)
		*pte = __atomic_load_n(p, __ATOMIC_RELAXED);
	return p;
}

static int table_update(void *ctx, u64 address, u64 old, u64 new)
{
	u64 *p = (u64 *)(void *)table_entry(ctx, address);

	if (!p)
		return -1;
	return __atomic_compare_exchange_n(p, &old, new, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

int classic_walk(struct classic_vcpu *c, u64 va, enum walk_access access, struct walk_result *out)
{
	static const struct walk_ops ops = { .read = table_read, .update = table_update };
	struct walk_request req = {
		.va = va,
		.root_ppn = c->vs.satp & SATP_PPN,
		.mode = (u8)(c->vs.satp >> SATP_MODE_SHIFT),
		.access = (u8)access,
		.user = c->vs.user,
		.sum = c->vs.sstatus & SSTATUS_SUM,
		.mxr = c->vs.sstatus & SSTATUS_MXR,
		.hardware_ad = true,
	};

	return walk_page(&ops, c->vcpu->vm, &req, out);
}

static bool fetch_parcel(struct classic_vcpu *c, u64 pc, u16 *parcel)
{
	struct walk_result w;

	return classic_walk(c, pc, WALK_EXECUTE, &w) == WALK_OK &&
	       guest_read(&c->vcpu->vm->mem, w.pa, parcel, sizeof(*parcel));
}

bool classic_fetch(struct classic_vcpu *c, u64 pc, u32 *insn)
{
	u16 low, high = 0;

	if (!fetch_parcel(c, pc, &low))
		return false;
	if (insn_length(low) == 4 && !fetch_parcel(c, pc + 2, &high))
		return false;
	*insn = (u32)high << 16 | low;
	return true;
}

/* ---- Into the shadow tables */

static const struct classic_region *region_of(const struct classic_vm *vm, u64 gpa)
{
	for (unsigned i = 0; i < vm->region_count; i++)
		if (gpa - vm->regions[i].gpa < vm->regions[i].size)
			return &vm->regions[i];
	return NULL;
}

/* The largest page that the guest's mapping and the host's memory both have around gpa. */
static u64 page_size(const struct classic_region *r, u64 gpa, u64 size)
{
	u64 page = PTE_PAGE_SIZE;

	for (unsigned level = 1; level < 3; level++) {
		u64 larger = pte_level_size(level), first = align_down(gpa, larger);

		if (larger > size || !is_aligned(r->gpa ^ r->pa, larger) ||
		    !range_within(first, larger, r->gpa, r->size))
			break;
		page = larger;
	}
	return page;
}

/* "Virtual Address Translation Process": what the leaf allows in the view of the guest's mode. A
 * page is not writable before its D is set, so that the walk sees the first store. */
static u64 page_flags(const struct classic_vcpu *c, u64 pte, unsigned prot)
{
	u64 flags = pte & (PTE_R | PTE_W | PTE_X);

	if (!(pte & PTE_D) || !(prot & PROT_W))
		flags &= ~PTE_W;
	if (c->mxr && flags & PTE_X)
		flags |= PTE_R;
	if (!c->vs.user && pte & PTE_U && c->vs.satp >> SATP_MODE_SHIFT)
		flags &= ~PTE_X;
	return flags;
}

static void fill(struct classic_vcpu *c, u64 cause, u64 va, const struct walk_result *w,
		 const struct classic_region *r)
{
	u64 size = page_size(r, w->pa, w->size);
	struct shadow_page page = {
		.va = va,
		.pa = align_down(w->pa, size) - r->gpa + r->pa,
		.size = size,
		.span = w->pte_address ? w->size : 0,
		.flags = page_flags(c, w->pte, r->prot),
		.global = (w->pte & (PTE_G | PTE_U)) == PTE_G,
	};

	/* What one instruction touches is on fewer pages than the gate has places. */
	if (shadow_is_gate(c->shadow, va)) {
		shadow_move_gate(c->shadow);
		classic_sync_gate(c);
	}
	if (!page.flags || !shadow_fill(c->shadow, classic_view(c), &page))
		classic_inject(c, classic_access_fault(cause), va);
	classic_sync_view(c);
}

static enum walk_access access_of(u64 cause)
{
	if (cause == CAUSE_INSN_PAGE_FAULT)
		return WALK_EXECUTE;
	return cause == CAUSE_STORE_PAGE_FAULT ? WALK_WRITE : WALK_READ;
}

bool classic_page_fault(struct classic_vcpu *c, u64 cause, u64 va)
{
	const struct classic_region *r;
	struct walk_result w;
	int err = classic_walk(c, va, access_of(cause), &w);

	if (err > 0)
		classic_inject(c, (u64)err, va);
	if (err)
		return false;
	r = region_of(vm_of(c), w.pa);
	if (!r || (cause == CAUSE_STORE_PAGE_FAULT && !(r->prot & PROT_W)))
		return classic_mmio(c, cause, va, w.pa);
	fill(c, cause, va, &w, r);
	return false;
}
