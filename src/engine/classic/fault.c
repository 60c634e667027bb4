/*
 * Page faults: the guest's tables are walked as the hart would have, and what they say goes to the
 * guest as its own fault, into the shadow tables, or is no memory.
 */
#include "engine/classic/classic.h"
#include "engine/classic/text.h"
#include "riscv/csr.h"

/* ---- The guest's own tables */

#define AROUND (32ul * PTE_PAGE_SIZE)
#define WALKED_SHIFT (PTE_PAGE_SHIFT + PTE_LEVEL_BITS)

/* Naturally aligned: it lies in one region or in none. */
static void *guest_word(struct classic_vm *vm, u64 gpa)
{
	const struct classic_region *r = classic_region_of(vm, gpa);

	return r && r->ram ? r->ram + (gpa - r->gpa) : NULL;
}

static bool table_read(void *ctx, u64 address, u64 *pte)
{
	const u64 *p = guest_word(ctx, address);

	if (p)
		*pte = __atomic_load_n(p, __ATOMIC_RELAXED);
	return p;
}

static int table_update(void *ctx, u64 address, u64 old, u64 new)
{
	u64 *p = guest_word(ctx, address);

	if (!p)
		return -1;
	return __atomic_compare_exchange_n(p, &old, new, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static struct walk_request request_of(const struct classic_vcpu *c, u64 va, enum walk_access access)
{
	return (struct walk_request){
		.va = va,
		.root_ppn = c->vs.satp & SATP_PPN,
		.mode = (u8)(c->vs.satp >> SATP_MODE_SHIFT),
		.access = (u8)access,
		.user = c->vs.user,
		.sum = c->vs.sstatus & SSTATUS_SUM,
		.mxr = c->vs.sstatus & SSTATUS_MXR,
		.hardware_ad = true,
	};
}

int classic_walk(struct classic_vcpu *c, u64 va, enum walk_access access, struct walk_result *out)
{
	static const struct walk_ops ops = { .read = table_read, .update = table_update };
	struct walk_request req = request_of(c, va, access);
	int err;

	if (va >> WALKED_SHIFT == c->walked_part) {
		req.root_ppn = c->walked_ppn;
		req.levels = 1;
	}
	err = walk_page(&ops, vm_of(c), &req, out);
	if (!err && !req.levels && req.mode && out->size < pte_level_size(1)) {
		c->walked_part = va >> WALKED_SHIFT;
		c->walked_ppn = out->pte_address >> PTE_PAGE_SHIFT;
		c->walked = guest_word(vm_of(c), align_down(out->pte_address, PTE_PAGE_SIZE));
	}
	return err;
}

const u16 *classic_text(struct classic_vcpu *c, u64 pc)
{
	struct walk_result w;

	return classic_walk(c, pc, WALK_EXECUTE, &w) ? NULL : guest_word(vm_of(c), w.pa);
}

static bool fetch_parcel(struct classic_vcpu *c, u64 pc, u16 *parcel)
{
	const u16 *p = classic_text(c, pc);

	if (p)
		*parcel = __atomic_load_n(p, __ATOMIC_RELAXED);
	return p;
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
	if (!(prot & PROT_X) || (!c->vs.user && pte & PTE_U && c->vs.satp >> SATP_MODE_SHIFT))
		flags &= ~PTE_X;
	return flags;
}

/*
 * Text of a large page of the guest that has to be entered piece by piece, as a page of it has a
 * copy: its neighbours at once, since to fault on each costs most.
 */
static void fill_around(struct classic_vcpu *c, const struct shadow_page *faulted,
			const struct walk_result *w, const struct classic_region *r)
{
	u64 first = align_down(faulted->va, AROUND), gpa = align_down(w->pa, AROUND);
	struct shadow_page page = *faulted;
	bool copies = text_any(vm_of(c)->text, gpa, AROUND);

	if (w->size < AROUND || !range_within(gpa, AROUND, r->gpa, r->size))
		return;
	for (u64 at = 0; at < AROUND; at += PTE_PAGE_SIZE) {
		page.va = first + at;
		page.pa = gpa + at - r->gpa + r->pa;
		page.flags = page_flags(c, w->pte, r->prot) & ~PTE_W;
		if (page.va == align_down(faulted->va, PTE_PAGE_SIZE) ||
		    shadow_is_gate(c->shadow, page.va))
			continue;
		if (copies && (!rewrite_fill(c, CAUSE_INSN_PAGE_FAULT, &page, gpa + at, page.pa) ||
			       !page.flags))
			continue;
		if (!shadow_fill_hot(c->shadow, classic_view(c), page.va,
				     shadow_leaf(page.pa, page.flags), page.global, true))
			return;
	}
}

/* False if the access is to be carried out for the guest. */
static bool fill(struct classic_vcpu *c, u64 cause, u64 va, const struct walk_result *w,
		 struct classic_region *r)
{
	u64 size = page_size(r, w->pa, vm_of(c)->text ? min_u64(w->size, 2 * MIB) : w->size);
	struct shadow_page page = {
		.va = va,
		.pa = align_down(w->pa, size) - r->gpa + r->pa,
		.size = size,
		.span = w->pte_address ? w->size : 0,
		.flags = page_flags(c, w->pte, r->prot),
		.global = (w->pte & (PTE_G | PTE_U)) == PTE_G,
	};

	if (vm_of(c)->text && !rewrite_fill(c, cause, &page, w->pa, w->pa - r->gpa + r->pa))
		return false;
	/* It was changed meanwhile: the guest refaults. */
	if (!page.flags)
		return true;
	/* What one instruction touches is on fewer pages than the gate has places. */
	if (shadow_is_gate(c->shadow, va)) {
		shadow_move_gate(c->shadow);
		classic_sync_gate(c);
	}
	if (!shadow_fill(c->shadow, classic_view(c), &page))
		classic_inject(c, classic_access_fault(cause), va);
	else if (vm_of(c)->text && cause == CAUSE_INSN_PAGE_FAULT && page.size == PTE_PAGE_SIZE)
		fill_around(c, &page, w, r);
	classic_sync_view(c);
	return true;
}

static enum walk_access access_of(u64 cause)
{
	if (cause == CAUSE_INSN_PAGE_FAULT)
		return WALK_EXECUTE;
	return cause == CAUSE_STORE_PAGE_FAULT ? WALK_WRITE : WALK_READ;
}

/*
 * What most faults of a kernel are: a page of 4 KiB, close to the last one, that only has to be entered.
 * False, with nothing done, for everything else.
 */
static bool fill_quickly(struct classic_vcpu *c, u64 cause, u64 va)
{
	const struct walk_request req = request_of(c, va, access_of(cause));
	u64 marks = walk_leaf_mark(&req) | PTE_V, pte, flags;
	const struct classic_region *r;

	if (va >> WALKED_SHIFT != c->walked_part || cause == CAUSE_INSN_PAGE_FAULT)
		return false;
	pte = __atomic_load_n(&c->walked[pte_index(va, 0)], __ATOMIC_RELAXED);
	if ((pte & (marks | PTE_N | PTE_PBMT | PTE_RESERVED)) != marks ||
	    (pte & (PTE_R | PTE_W)) == PTE_W || !walk_leaf_allows(&req, pte))
		return false;
	r = classic_region_of(vm_of(c), pte_address(pte));
	flags = page_flags(c, pte, PROT_R | PROT_W | PROT_X);
	if (!r || r->prot != (PROT_R | PROT_W | PROT_X) || shadow_is_gate(c->shadow, va))
		return false;
	if (vm_of(c)->text && (flags & PTE_X || !(flags & PTE_W) ||
			       !text_note_writable(vm_of(c)->text, pte_address(pte), PTE_PAGE_SIZE)))
		return false;
	return shadow_fill_hot(c->shadow, classic_view(c), va,
			       shadow_leaf(pte_address(pte) - r->gpa + r->pa, flags),
			       (pte & (PTE_G | PTE_U)) == PTE_G, false);
}

/* @r may be NULL: nothing is there. */
static bool region_allows(const struct classic_region *r, u64 cause)
{
	static const unsigned needs[] = {
		[WALK_READ] = PROT_R, [WALK_WRITE] = PROT_W, [WALK_EXECUTE] = PROT_X,
	};

	return r && r->prot & needs[access_of(cause)];
}

bool classic_fill(struct classic_vcpu *c, u64 cause, u64 va, u64 *gpa)
{
	struct classic_region *r;
	struct walk_result w;
	int err;

	if (fill_quickly(c, cause, va))
		return true;
	err = classic_walk(c, va, access_of(cause), &w);
	if (err > 0)
		classic_inject(c, (u64)err, va);
	if (err)
		return true;
	r = classic_region_of(vm_of(c), w.pa);
	*gpa = w.pa;
	return region_allows(r, cause) && fill(c, cause, va, &w, r);
}

bool classic_page_fault(struct classic_vcpu *c, u64 cause, u64 va)
{
	u64 gpa;

	if (classic_fill(c, cause, va, &gpa))
		return false;
	if (!vm_of(c)->text || !region_allows(classic_region_of(vm_of(c), gpa), cause))
		return classic_mmio(c, cause, va, gpa);
	rewrite_access(c, cause, va, gpa);
	return false;
}
