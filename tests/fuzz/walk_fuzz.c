/*
 * Page walks over hostile tables: every read of an entry answers something new, as if other
 * harts changed the tables all the time, and every update may fail.
 */
#include <string.h>

#include "riscv/csr.h"
#include "riscv/pte.h"
#include "riscv/walk.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define require(condition) ((condition) ? (void)0 : __builtin_trap())

/* The input: the request, then for each read an entry, for each update a byte. */
struct input {
	const u8 *data;
	size_t size;
	unsigned reads, updates;
	u64 last, last_address;
};

static bool input_take(struct input *in, void *out, size_t len)
{
	memset(out, 0, len);
	if (in->size < len)
		return false;
	memcpy(out, in->data, len);
	in->data += len;
	in->size -= len;
	return true;
}

static void check_address(u64 address)
{
	require(is_aligned(address, PTE_SIZE) && address >> 56 == 0);
}

static bool read_entry(void *ctx, u64 address, u64 *pte)
{
	struct input *in = ctx;

	check_address(address);
	require(++in->reads <= WALK_READS_MAX);
	in->last_address = address;
	if (!input_take(in, pte, sizeof(*pte)))
		return false;
	in->last = *pte;
	return true;
}

static int update_entry(void *ctx, u64 address, u64 old, u64 new)
{
	struct input *in = ctx;
	u8 answer;

	require(++in->updates <= in->reads);
	require(address == in->last_address && old == in->last);
	require(new != old && (new & ~(PTE_A | PTE_D)) == (old & ~(PTE_A | PTE_D)));
	require((new & old) == old);
	if (!input_take(in, &answer, 1))
		return -1;
	if (answer & 1)
		in->last = new;
	return answer & 1;
}

static void check_fault(const struct walk_request *req, int cause)
{
	static const int causes[4][3] = {
		{ CAUSE_LOAD_ACCESS, CAUSE_LOAD_PAGE_FAULT, CAUSE_LOAD_GUEST_PAGE_FAULT },
		{ CAUSE_STORE_ACCESS, CAUSE_STORE_PAGE_FAULT, CAUSE_STORE_GUEST_PAGE_FAULT },
		{ CAUSE_INSN_ACCESS, CAUSE_INSN_PAGE_FAULT, CAUSE_INSN_GUEST_PAGE_FAULT },
		{ CAUSE_LOAD_ACCESS, CAUSE_LOAD_PAGE_FAULT, CAUSE_LOAD_GUEST_PAGE_FAULT },
	};
	const int *c = causes[req->access];

	require(cause == c[0] || cause == c[1 + req->gstage]);
}

static void check_permissions(const struct walk_request *req, u64 pte)
{
	static const u64 needs[] = { PTE_R, PTE_W | PTE_D, PTE_X };
	u64 need = needs[req->access] | PTE_A;

	if (req->access == WALK_READ && req->mxr && (pte & PTE_X))
		need &= ~PTE_R;
	require((pte & need) == need);
	if (req->gstage || req->user)
		require(pte & PTE_U);
	else if (pte & PTE_U)
		require(req->sum && req->access != WALK_EXECUTE);
}

static void check_success(const struct walk_request *req, const struct walk_result *res,
			  const struct input *in)
{
	require(res->pte == in->last && res->pte_address == in->last_address);
	require((res->pte & PTE_V) && pte_is_leaf(res->pte) && !(res->pte & PTE_RESERVED));
	require((res->pte & (PTE_R | PTE_W)) != PTE_W);
	require(res->size >= PTE_PAGE_SIZE && !(res->size & (res->size - 1)));
	require((res->pa ^ req->va) % res->size == 0 && res->pa >> 56 == 0);
	if (!(res->pte & PTE_N))
		require((res->pa ^ pte_address(res->pte)) < res->size);
	else
		require(req->napot && res->size == PTE_NAPOT_SIZE);
	if (req->access != WALK_PROBE)
		check_permissions(req, res->pte);
}

static bool take_request(struct input *in, struct walk_request *req)
{
	u8 head[4];

	if (!input_take(in, head, sizeof(head)) || !input_take(in, &req->va, sizeof(req->va)) ||
	    !input_take(in, &req->root_ppn, sizeof(req->root_ppn)))
		return false;
	req->mode = head[0];
	req->levels = 0;
	/* Mostly modes that exist. */
	if (head[0] & 0x80)
		req->mode = (u8)(SATP_MODE_SV39 + (head[0] & 0x7f) % 3);
	req->access = head[1] % 4;
	req->gstage = head[2] & 1;
	req->user = head[2] & 2;
	req->sum = head[2] & 4;
	req->mxr = head[2] & 8;
	req->hardware_ad = head[3] & 1;
	req->napot = head[3] & 2;
	req->pbmt = head[3] & 4;
	/* Mostly addresses that can be translated. */
	if (head[3] & 8)
		req->va &= MASK(37, 0);
	return true;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct walk_ops ops = { .read = read_entry, .update = update_entry };
	struct input in = { .data = data, .size = size };
	struct walk_request req;
	struct walk_result res;
	int result;

	if (!take_request(&in, &req))
		return 0;
	result = walk_page(&ops, &in, &req, &res);
	if (result > 0)
		check_fault(&req, result);
	else if (result == WALK_RETRY)
		require(in.reads == WALK_READS_MAX && in.updates);
	else if (req.mode == SATP_MODE_BARE)
		require(res.pa == req.va && !in.reads);
	else
		check_success(&req, &res, &in);
	require(req.hardware_ad || !in.updates);
	return 0;
}
