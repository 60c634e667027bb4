/*
 * Guest text is rewritten where the firmware does not delegate illegal instructions: text.h has
 * what it takes, here is when. The plain path only: what is asked of other vCPUs is waited for.
 */
#include <errno.h>

#include "engine/classic/classic.h"
#include "engine/classic/text.h"
#include "host/bare/bare.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"
#include "riscv/scan.h"

#define PAGE ((u64)PTE_PAGE_SIZE)
/* A page that the guest keeps writing to is not worth its copy. */
#define STORES_MAX 256
#define SCAN_SIZE (128 * KIB)
#define SCANS_PER_SECOND 10000 /* how long one may take */
/* How often a VM's vCPUs may all be made to drop what they have mapped: so many at once, and then
 * one every so many milliseconds. */
#define DROPS 64
#define DROP_MS 10

/* ---- A VM's */

int rewrite_init(struct vm *vm)
{
	struct classic_vm *cv = classic_vm_of(vm);

	if (!classic_machine.rewrite)
		return 0;
	cv->text = text_create(TEXT_PAGES_MAX, &vm->account);
	cv->drops = DROPS;
	return cv->text ? 0 : -ENOMEM;
}

/* Without room for its bitmaps memory is as if it were always written to. */
void rewrite_region(struct vm *vm, struct classic_region *r)
{
	struct classic_vm *cv = classic_vm_of(vm);

	if (!cv->text || !r->ram || text_region_add(cv->text, r->gpa, r->size))
		return;
	r->scanned = host_alloc(r->size / PAGE / 8 + 8, &vm->account);
}

static void copy_free(struct vm *vm, struct text_copy *copy)
{
	host_private_free(vm->space, copy->copy, PAGE);
}

void rewrite_fini(struct vm *vm)
{
	struct classic_vm *cv = classic_vm_of(vm);
	struct text_copy copy;

	if (!cv->text)
		return;
	while (text_remove_any(cv->text, &copy))
		copy_free(vm, &copy);
	text_destroy(cv->text);
	for (unsigned i = 0; i < cv->region_count; i++)
		host_free(cv->regions[i].scanned, cv->regions[i].size / PAGE / 8 + 8, &vm->account);
}

/* ---- All vCPUs of the VM */

static void ask_all(struct vm *vm, enum engine_fence kind)
{
	const struct fence fence = { .kind = kind };

	for (unsigned i = 0; i < vm->vcpu_count; i++)
		classic_fence(vm->vcpus[i], &fence);
}

static bool drop_allowed(struct classic_vm *cv)
{
	u64 now = host_time(), each = DROP_MS * host_timebase() / 1000;

	if (now - cv->dropped > each && cv->drops < DROPS) {
		cv->drops = (u32)min_u64(DROPS, cv->drops + (now - cv->dropped) / each);
		cv->dropped = now;
	}
	if (!cv->drops)
		return false;
	cv->drops--;
	return true;
}

/* Nobody has anything mapped writable any more. */
static bool forget_writers(struct vm *vm)
{
	struct classic_vm *cv = classic_vm_of(vm);

	if (!drop_allowed(cv) || !text_forget_begin(cv->text))
		return false;
	ask_all(vm, FENCE_VMA);
	text_forget_end(cv->text);
	return true;
}

/* ---- Copies */

/* True if the page has a copy now. */
static bool copy_make(struct vm *vm, struct classic_region *r, u64 gpa)
{
	struct text *text = classic_vm_of(vm)->text;
	u16 *original = (u16 *)(void *)(r->ram + (gpa - r->gpa)), *copy;
	u64 pa;
	int err;

	if (text_any(text, gpa, PAGE))
		return true;
	copy = host_private_alloc(vm->space, PAGE);
	pa = copy ? bare_private_pa(copy) : 0;
	err = copy ? text_add(text, gpa, original, copy, pa) : -ENOMEM;
	if (err == -EBUSY && forget_writers(vm))
		err = text_add(text, gpa, original, copy, pa);
	if (err && copy)
		host_private_free(vm->space, copy, PAGE);
	return !err || err == -EEXIST;
}

static const u16 *page_at(const struct classic_region *r, u64 gpa)
{
	return (const u16 *)(const void *)(r->ram + (gpa - r->gpa));
}

/* Makes a copy of a page in which there is something to patch, and then looks what: from then on
 * changes are noticed. */
static void page_patch(struct vm *vm, struct classic_region *r, u64 gpa)
{
	struct text *text = classic_vm_of(vm)->text;
	struct scan found;
	u32 changes;

	if (!scan_page(page_at(r, gpa), 0, &found) || !copy_make(vm, r, gpa))
		return;
	changes = text_changes(text);
	scan_page(page_at(r, gpa), 0, &found);
	for (unsigned i = 0; i < SCAN_PARCELS; i++)
		if (found.found[i / 64] & BIT(i % 64))
			text_patch(text, gpa + 2 * i, changes);
}

static bool page_is_scanned(struct classic_region *r, u64 gpa)
{
	u64 n = (gpa - r->gpa) / PAGE, bit = BIT(n % 64);

	return __atomic_fetch_or(&r->scanned[n / 64], bit, __ATOMIC_RELAXED) & bit;
}

/* Before text is executed the first time, as much of it as one entry may map: those instructions
 * that cost most when they are met. In slices, as hostile text takes long: the page itself comes last,
 * so that the guest faults until all is done, and what pends for the hart comes between. */
static void scan_around(struct vm *vm, struct classic_region *r, u64 gpa)
{
	u64 from = max_u64(r->gpa, align_down(gpa, SCAN_SIZE));
	u64 to = min_u64(r->gpa + r->size, align_down(gpa, SCAN_SIZE) + SCAN_SIZE);
	u64 page = align_down(gpa, PAGE), until = host_time() + host_timebase() / SCANS_PER_SECOND;

	for (u64 at = from; at < to; at += PAGE) {
		if (at == page || page_is_scanned(r, at))
			continue;
		page_patch(vm, r, at);
		if (host_time() >= until)
			return;
	}
	if (!page_is_scanned(r, page))
		page_patch(vm, r, page);
}

static bool needs_scan(struct classic_vm *cv, u64 gpa)
{
	const struct classic_region *r = classic_region_of(cv, gpa);
	u64 n = (gpa - r->gpa) / PAGE;

	return r->scanned && !(__atomic_load_n(&r->scanned[n / 64], __ATOMIC_RELAXED) & BIT(n % 64));
}

/* The copy goes: what is done with the page is not worth it. */
static void copy_leave(struct vm *vm, u64 gpa)
{
	struct text *text = classic_vm_of(vm)->text;
	struct text_copy copy;

	if (!text_leave(text, gpa))
		return;
	ask_all(vm, FENCE_VMA);
	if (text_remove(text, gpa, &copy))
		copy_free(vm, &copy);
}

/* ---- What the guest does */

static bool executes_copy(const struct classic_vcpu *c, u64 gpa)
{
	struct text_page_info info;
	u64 size, pte = shadow_lookup(c->shadow, classic_view(c), c->frame.pc, &size);

	return text_find(vm_of(c)->text, gpa, &info) && pte_address(pte) == info.copy_pa;
}

/* The instruction at pc, of S-mode, trapped as illegal: next time it shall be a breakpoint. If it is
 * still there: it may have changed, and QEMU's sepc may be wrong (privileged.c, correct_wfi_pc()). */
void rewrite_insn(struct classic_vcpu *c, u32 insn)
{
	struct classic_vm *cv = vm_of(c);
	struct walk_result w;
	struct classic_region *r;
	u32 changes, found;

	if (!cv->text)
		return;
	changes = text_changes(cv->text);
	if (classic_walk(c, c->frame.pc, WALK_EXECUTE, &w) || !classic_fetch(c, c->frame.pc, &found) ||
	    found != insn)
		return;
	r = classic_region_of(cv, w.pa);
	if (!r || !r->scanned || insn_length((u16)insn) != 4 ||
	    !copy_make(c->vcpu->vm, r, align_down(w.pa, PAGE)))
		return;
	if (!text_patch(cv->text, w.pa, changes))
		return;
	/* What the instructions are does not change, so the cache may stay. */
	if (!executes_copy(c, w.pa))
		shadow_drop_page(c->shadow, c->frame.pc);
	fence_i();
}

/* True if a breakpoint was one of ours, with the instruction it stands for. */
bool rewrite_breakpoint(struct classic_vcpu *c, u32 *insn)
{
	struct classic_vm *cv = vm_of(c);
	struct walk_result w;

	if (!cv->text || c->vs.user || classic_walk(c, c->frame.pc, WALK_EXECUTE, &w) ||
	    !text_breakpoint(cv->text, w.pa, insn))
		return false;
	/* It goes on in the next page. */
	if ((w.pa & (PAGE - 1)) == PAGE - 2 && !classic_fetch(c, c->frame.pc, insn))
		return false;
	if (insn_system(*insn) != INSN_OTHER)
		return true;
	/* Its other half is not what it was. */
	text_unpatch(cv->text, w.pa);
	return false;
}

/* Page by page in front of the shadow tables. False: the access is to be carried out for the guest. */
static bool copied_page(struct classic_vcpu *c, u64 cause, struct shadow_page *page, u64 copy_pa)
{
	u64 size;

	page->flags &= ~PTE_W;
	if (cause == CAUSE_STORE_PAGE_FAULT)
		return false;
	if (!(page->flags & PTE_X) || c->vs.user || c->mxr || !copy_pa)
		return true;
	if (cause == CAUSE_LOAD_PAGE_FAULT) {
		if (shadow_lookup(c->shadow, classic_view(c), page->va, &size) & PTE_X)
			return false;
		page->flags &= ~PTE_X;
		return page->flags;
	}
	page->pa = copy_pa;
	page->flags = PTE_X;
	fence_i();
	return true;
}

bool rewrite_fill(struct classic_vcpu *c, u64 cause, struct shadow_page *page, u64 gpa, u64 pa)
{
	struct text *text = vm_of(c)->text;
	struct text_page_info info;

	if (cause == CAUSE_INSN_PAGE_FAULT && !c->vs.user && needs_scan(vm_of(c), gpa))
		return false;
	if (page->size > PAGE && text_any(text, align_down(gpa, page->size), page->size)) {
		page->pa = align_down(pa, PAGE);
		page->size = PAGE;
	}
	if (page->size == PAGE && text_find(text, gpa, &info))
		return copied_page(c, cause, page, info.copy_pa);
	if (page->flags & PTE_W && !text_note_writable(text, align_down(gpa, page->size), page->size)) {
		/* A copy was made meanwhile: once more. */
		page->flags = 0;
	}
	return true;
}

/*
 * The core or a device wrote there: copies follow. Whoever executes what a device wrote fences
 * first, as on any machine (fence.i); a breakpoint that is still cached is found to be an old one.
 * Nobody is waited for: it may be a device's lock that a vCPU is waiting for.
 */
void rewrite_wrote(struct vm *vm, u64 gpa, u64 size)
{
	struct text *text = classic_vm_of(vm)->text;

	if (text && size && text_any(text, gpa, size))
		text_refresh(text, gpa, size);
}

/* A load or store of the guest's in a page with a copy. */
static void carry_out(struct classic_vcpu *c, const struct insn_access *a, u64 gpa)
{
	struct classic_vm *cv = vm_of(c);
	struct text_stats before, after;
	u64 value = 0;

	if (!a->store) {
		guest_read(&c->vcpu->vm->mem, gpa, &value, a->size);
		classic_finish_access(c, a, value);
		return;
	}
	text_stats(cv->text, &before);
	if (text_store(cv->text, gpa, classic_store_value(c, a), a->size) != MASK(a->size - 1, 0))
		copy_leave(c->vcpu->vm, gpa);
	else
		classic_finish_access(c, a, 0);
	/* An instruction was overwritten that may be in somebody's cache. */
	text_stats(cv->text, &after);
	if (after.taken_back != before.taken_back)
		ask_all(c->vcpu->vm, FENCE_I);
}

void rewrite_access(struct classic_vcpu *c, u64 cause, u64 va, u64 gpa)
{
	struct text *text = vm_of(c)->text;
	struct text_page_info info;
	struct insn_access a;

	if (cause == CAUSE_INSN_PAGE_FAULT)
		scan_around(c->vcpu->vm, classic_region_of(vm_of(c), gpa), gpa);
	else if (!text_find(text, gpa, &info))
		return;
	else if (info.stores < STORES_MAX && classic_decode(c, va, &a) &&
		 a.store == (cause == CAUSE_STORE_PAGE_FAULT) && (gpa & (PAGE - 1)) + a.size <= PAGE)
		carry_out(c, &a, gpa);
	else
		copy_leave(c->vcpu->vm, align_down(gpa, PAGE));
}
