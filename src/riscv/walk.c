#include "riscv/walk.h"

#include "riscv/csr.h"
#include "riscv/pte.h"

static int cause_page_fault(const struct walk_request *req)
{
	switch (req->access) {
	case WALK_WRITE:
		return req->gstage ? CAUSE_STORE_GUEST_PAGE_FAULT : CAUSE_STORE_PAGE_FAULT;
	case WALK_EXECUTE:
		return req->gstage ? CAUSE_INSN_GUEST_PAGE_FAULT : CAUSE_INSN_PAGE_FAULT;
	default:
		return req->gstage ? CAUSE_LOAD_GUEST_PAGE_FAULT : CAUSE_LOAD_PAGE_FAULT;
	}
}

static int cause_access_fault(const struct walk_request *req)
{
	switch (req->access) {
	case WALK_WRITE:
		return CAUSE_STORE_ACCESS;
	case WALK_EXECUTE:
		return CAUSE_INSN_ACCESS;
	default:
		return CAUSE_LOAD_ACCESS;
	}
}

static bool address_is_valid(const struct walk_request *req)
{
	if (req->gstage)
		return pte_gpa_fits(req->mode, req->va);
	return pte_va_is_canonical(req->mode, req->va);
}

/* Step 3: entries that are not valid, or use what the specification reserves. */
static bool pte_is_well_formed(const struct walk_request *req, u64 pte, unsigned level)
{
	u64 reserved = PTE_RESERVED;

	if (!(pte & PTE_V) || (pte & (PTE_R | PTE_W)) == PTE_W)
		return false;
	if (!pte_is_leaf(pte))
		return !(pte & (reserved | PTE_N | PTE_PBMT | PTE_D | PTE_A | PTE_U));
	if (!req->napot || level > 0)
		reserved |= PTE_N;
	if (!req->pbmt)
		reserved |= PTE_PBMT;
	return !(pte & reserved) && (pte & PTE_PBMT) != PTE_PBMT;
}

/* Step 5, and the one NAPOT pattern that is defined. */
static bool leaf_is_aligned(u64 pte, unsigned level)
{
	if (pte & PTE_N)
		return (pte >> PTE_PPN_SHIFT & PTE_NAPOT_PPN_MASK) == PTE_NAPOT_PPN;
	return is_aligned(pte_address(pte), pte_level_size(level));
}

/* Step 10. */
static void leaf_answer(const struct walk_request *req, u64 pte, unsigned level,
			struct walk_result *out)
{
	out->size = pte & PTE_N ? PTE_NAPOT_SIZE : pte_level_size(level);
	out->pa = align_down(pte_address(pte), out->size) | (req->va & (out->size - 1));
	out->pte = pte;
}

/* Steps 5 to 10; WALK_RETRY if the entry changed before A and D could be set. */
static int walk_leaf(const struct walk_ops *ops, void *ctx, const struct walk_request *req,
		     u64 pte, unsigned level, struct walk_result *out)
{
	u64 marked = pte | walk_leaf_mark(req);
	int updated;

	if (!leaf_is_aligned(pte, level) || !walk_leaf_allows(req, pte))
		return cause_page_fault(req);
	if (marked != pte) {
		if (!req->hardware_ad)
			return cause_page_fault(req);
		updated = ops->update(ctx, out->pte_address, pte, marked);
		if (updated < 0)
			return cause_access_fault(req);
		if (!updated)
			return WALK_RETRY;
	}
	leaf_answer(req, marked, level, out);
	return WALK_OK;
}

static int walk_bare(const struct walk_request *req, struct walk_result *out)
{
	*out = (struct walk_result){
		.pa = req->va,
		.size = pte_level_size(2),
		.pte = PTE_V | PTE_R | PTE_W | PTE_X | PTE_U | PTE_A | PTE_D,
	};
	return WALK_OK;
}

static u64 entry_address(const struct walk_request *req, u64 table, unsigned level)
{
	bool is_x4_root = req->gstage && level + 1 == pte_levels(req->mode);

	return table + PTE_SIZE * (u64)(is_x4_root ? pte_index_x4(req->va, level)
						   : pte_index(req->va, level));
}

/* The two low bits of an x4 form's root are always 0 ("hgatp"). */
static u64 root_address(const struct walk_request *req)
{
	u64 root = (req->root_ppn & SATP_PPN) << PTE_PAGE_SHIFT;

	return req->gstage ? align_down(root, PTE_X4_ROOT_SIZE) : root;
}

int walk_page(const struct walk_ops *ops, void *ctx, const struct walk_request *req,
	      struct walk_result *out)
{
	unsigned level = (req->levels ? req->levels : pte_levels(req->mode)) - 1;
	u64 table = root_address(req), pte;

	if (req->mode == SATP_MODE_BARE)
		return walk_bare(req, out);
	if (!pte_levels(req->mode) || !address_is_valid(req))
		return cause_page_fault(req);
	for (unsigned reads = 0; reads < WALK_READS_MAX; reads++) {
		int result;

		out->pte_address = entry_address(req, table, level);
		if (!ops->read(ctx, out->pte_address, &pte))
			return cause_access_fault(req);
		if (!pte_is_well_formed(req, pte, level))
			return cause_page_fault(req);
		if (pte_is_leaf(pte)) {
			result = walk_leaf(ops, ctx, req, pte, level, out);
			if (result != WALK_RETRY)
				return result;
		} else if (level-- > 0) {
			table = pte_address(pte);
		} else {
			return cause_page_fault(req);
		}
	}
	return WALK_RETRY;
}
