/*
 * SBI 3.0, "RFENCE Extension". One remote fence at a time: the request is common, a bit for each
 * hart says who still has to do it, and the caller waits until none is set. Whoever waits for its
 * turn does meanwhile what the one before wants of it, so that no two wait for each other.
 */
#include "fw/fw.h"
#include "fw/mcsr.h"
#include "lib/lock.h"
#include "riscv/csr_access.h"
#include "riscv/sbi.h"

#define PAGE_SIZE 4096ul
#define PAGES_MAX 64 /* more than so many are not fenced one by one */

struct fence {
	u64 kind; /* SBI_RFENCE_* */
	u64 start, pages; /* pages 0: the whole space */
	u64 id;    /* ASID or VMID */
	u64 hgatp; /* the caller's, for guest-virtual fences: its VMID counts */
};

static struct lock turn;
static struct fence request;
static u64 waiting; /* atomic: harts that have not done it */

static inline void sfence_vma_page(u64 va)
{
	__asm__ volatile("sfence.vma %0, zero" ::"r"(va) : "memory");
}

static inline void sfence_vma_asid(u64 asid)
{
	__asm__ volatile("sfence.vma zero, %0" ::"r"(asid) : "memory");
}

static inline void sfence_vma_page_asid(u64 va, u64 asid)
{
	__asm__ volatile("sfence.vma %0, %1" ::"r"(va), "r"(asid) : "memory");
}

/* Guest-physical addresses are given divided by 4. */
static inline void hfence_gvma_page(u64 gpa)
{
	__asm__ volatile(".option push; .option arch, +h; hfence.gvma %0, zero; .option pop"
			 ::"r"(gpa >> 2) : "memory");
}

static inline void hfence_gvma_page_vmid(u64 gpa, u64 vmid)
{
	__asm__ volatile(".option push; .option arch, +h; hfence.gvma %0, %1; .option pop"
			 ::"r"(gpa >> 2), "r"(vmid) : "memory");
}

static void fence_space(const struct fence *f)
{
	switch (f->kind) {
	case SBI_RFENCE_SFENCE_VMA:
		sfence_vma_all();
		break;
	case SBI_RFENCE_SFENCE_VMA_ASID:
		sfence_vma_asid(f->id);
		break;
	case SBI_RFENCE_HFENCE_GVMA_VMID:
		hfence_gvma_vmid(f->id);
		break;
	case SBI_RFENCE_HFENCE_GVMA:
		hfence_gvma_all();
		break;
	case SBI_RFENCE_HFENCE_VVMA_ASID:
		hfence_vvma_asid(f->id);
		break;
	case SBI_RFENCE_HFENCE_VVMA:
		hfence_vvma_all();
		break;
	}
}

static void fence_page(const struct fence *f, u64 address)
{
	switch (f->kind) {
	case SBI_RFENCE_SFENCE_VMA:
		sfence_vma_page(address);
		break;
	case SBI_RFENCE_SFENCE_VMA_ASID:
		sfence_vma_page_asid(address, f->id);
		break;
	case SBI_RFENCE_HFENCE_GVMA_VMID:
		hfence_gvma_page_vmid(address, f->id);
		break;
	case SBI_RFENCE_HFENCE_GVMA:
		hfence_gvma_page(address);
		break;
	case SBI_RFENCE_HFENCE_VVMA_ASID:
		hfence_vvma_page_asid(address, f->id);
		break;
	case SBI_RFENCE_HFENCE_VVMA:
		hfence_vvma_page(address);
		break;
	}
}

static void fence_range(const struct fence *f)
{
	if (!f->pages)
		fence_space(f);
	for (u64 i = 0; i < f->pages; i++)
		fence_page(f, f->start + i * PAGE_SIZE);
}

static void fence_do(const struct fence *f)
{
	u64 hgatp;

	switch (f->kind) {
	case SBI_RFENCE_FENCE_I:
		fence_i();
		return;
	case SBI_RFENCE_HFENCE_VVMA_ASID:
	case SBI_RFENCE_HFENCE_VVMA:
		/* HFENCE.VVMA is for the VMID in hgatp: for a moment the caller's. */
		hgatp = csr_read(CSR_HGATP);
		csr_write(CSR_HGATP, f->hgatp);
		fence_range(f);
		csr_write(CSR_HGATP, hgatp);
		return;
	default:
		fence_range(f);
	}
}

void fw_rfence_serve(void)
{
	u64 mine = fw_hart()->mask;

	if (!(__atomic_load_n(&waiting, __ATOMIC_ACQUIRE) & mine))
		return;
	fence_do(&request);
	__atomic_fetch_and(&waiting, ~mine, __ATOMIC_RELEASE);
}

static void fence_everywhere(const struct fence *f, u64 harts)
{
	u64 others = harts & ~fw_hart()->mask;

	while (!lock_try(&turn))
		fw_rfence_serve();
	request = *f;
	__atomic_store_n(&waiting, others, __ATOMIC_RELEASE);
	fw_hart_request(others, FW_REQUEST_FENCE);
	if (harts != others)
		fence_do(f);
	while (__atomic_load_n(&waiting, __ATOMIC_ACQUIRE))
		;
	lock_drop(&turn);
}

/* Both 0, or a size of -1: the whole space. */
static void range_set(struct fence *f, u64 start, u64 size)
{
	u64 first = align_down(start, PAGE_SIZE), last = align_down(start + size - 1, PAGE_SIZE);

	f->start = first;
	f->pages = (last - first) / PAGE_SIZE + 1;
	if (!size || size == ~0ul || start + size < start || f->pages > PAGES_MAX)
		f->pages = 0;
}

s64 fw_sbi_rfence(const u64 *args, u64 fid)
{
	struct fence f = { .kind = fid, .id = args[4] };
	u64 harts;

	if (fid > SBI_RFENCE_HFENCE_VVMA ||
	    (fid >= SBI_RFENCE_HFENCE_GVMA_VMID && !fw_hart()->has_h))
		return SBI_ERR_NOT_SUPPORTED;
	if (!fw_hart_list(args[0], args[1], &harts))
		return SBI_ERR_INVALID_PARAM;
	range_set(&f, args[2], args[3]);
	if (fid >= SBI_RFENCE_HFENCE_VVMA_ASID)
		f.hgatp = csr_read(CSR_HGATP);
	if (harts == fw_hart()->mask)
		fence_do(&f);
	else if ((harts = fw_hart_running(harts)))
		fence_everywhere(&f, harts);
	return SBI_SUCCESS;
}
