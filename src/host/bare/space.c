/* Spaces and their private heaps: host/host.h. */
#include "host/bare/space.h"

#include <string.h>

#include "host/bare/bare.h"
#include "host/bare/cpu.h"
#include "host/bare/memory.h"
#include "host/bare/percpu.h"
#include "host/bare/table.h"
#include "host/host.h"
#include "riscv/csr_access.h"

#define PAGE 4096ul
#define ASIDS_MAX 256

static struct lock asid_lock;
static u64 asid_used[ASIDS_MAX / 64] = { 1 }; /* 0 is the common space's, and of those without */
static u64 common_satp;

/* "satp": ASIDLEN is what of the field can be set. */
void space_init(void)
{
	u64 satp = csr_read(CSR_SATP), asids;

	if (!common_satp) {
		csr_write(CSR_SATP, satp | SATP_ASID);
		asids = (csr_read(CSR_SATP) & SATP_ASID) >> SATP_ASID_SHIFT;
		csr_write(CSR_SATP, satp);
		fence_local();
		cpu_features.asids = (unsigned)asids + 1;
		common_satp = satp;
	}
	percpu()->satp = common_satp;
}

void space_activate(struct host_space *space)
{
	u64 satp = space ? space->satp : common_satp;
	struct percpu *pc = percpu();

	if (pc->satp == satp)
		return;
	csr_write(CSR_SATP, satp);
	__atomic_store_n(&pc->satp, satp, __ATOMIC_RELEASE);
	/* The common upper half is the same; only the lower one may be another's. */
	if (!(satp & SATP_ASID))
		__asm__ volatile("sfence.vma zero, %0" ::"r"(0ul) : "memory");
}

static u64 asid_take(void)
{
	u64 max = min_u64(cpu_features.asids, ASIDS_MAX), asid = 0;

	lock_take(&asid_lock);
	for (u64 a = 1; a < max && !asid; a++)
		if (!(asid_used[a / 64] & BIT(a % 64)))
			asid = a;
	asid_used[asid / 64] |= BIT(asid % 64);
	lock_drop(&asid_lock);
	return asid;
}

static void asid_give(u64 asid)
{
	if (!asid)
		return;
	lock_take(&asid_lock);
	asid_used[asid / 64] &= ~BIT(asid % 64);
	lock_drop(&asid_lock);
}

/* ---- Private pages */

void *window_va(u64 pa)
{
	return (void *)(uintptr_t)(WINDOW_BASE + (pa - ram_base));
}

u64 window_pa(const void *va)
{
	return (u64)(uintptr_t)va - WINDOW_BASE + ram_base;
}

/* The heap's callbacks run in the space. */
static void *private_take(void *owner, u64 size)
{
	struct host_space *s = owner;
	u64 pa = memory_take(size, PAGE);
	void *va = window_va(pa);
	bool ok;

	if (pa == MEMORY_NONE)
		return NULL;
	lock_take(&s->lock);
	ok = table_map(s->root, (u64)(uintptr_t)va, pa, size, TABLE_RW, s->payer);
	s->held += ok ? size : 0;
	lock_drop(&s->lock);
	if (!ok) {
		memory_give(pa, size);
		return NULL;
	}
	memset(va, 0, size);
	return va;
}

static void private_give(void *owner, void *pages, u64 size)
{
	struct host_space *s = owner;

	lock_take(&s->lock);
	table_unmap(s->root, (u64)(uintptr_t)pages, size);
	s->held -= size;
	lock_drop(&s->lock);
	fence_space(s->asid, (u64)(uintptr_t)pages, size);
	memory_give(window_pa(pages), size);
}

void *host_private_alloc(struct host_space *space, u64 size)
{
	u64 charge = heap_round(size);
	struct host_space *former;
	void *p;

	if (!charge || !account_charge(space->payer, charge))
		return NULL;
	former = host_space_enter(space);
	p = heap_alloc(&space->heap, size);
	host_space_enter(former);
	if (!p)
		account_refund(space->payer, charge);
	return p;
}

void host_private_free(struct host_space *space, void *p, u64 size)
{
	struct host_space *former;

	if (!p)
		return;
	former = host_space_enter(space);
	heap_free(&space->heap, p, size);
	host_space_enter(former);
	account_refund(space->payer, heap_round(size));
}

/* ---- For an engine with translation modes of its own */

bool bare_map_code(u64 va, const void *code)
{
	return table_map(boot_root, va, common_pa(code), PAGE, TABLE_RX, NULL);
}

u64 bare_private_pa(const void *private)
{
	return window_pa(private);
}

/* "satp": with a MODE that is not there the write has no effect. A deeper mode's table whose last
 * entry leads to the root of the one before has everything of the upper half where it was. */
static bool satp_try(unsigned mode, u64 *root, const u64 *lower)
{
	u64 satp = (u64)mode << SATP_MODE_SHIFT | common_pa(root) / PAGE;
	bool there;

	root[PTE_TABLE_ENTRIES - 1] = pte_make(common_pa(lower), PTE_V);
	csr_write(CSR_SATP, satp);
	there = csr_read(CSR_SATP) == satp;
	csr_write(CSR_SATP, common_satp);
	fence_local();
	return there;
}

u32 bare_satp_modes(void)
{
	u64 *sv48 = host_alloc(PAGE, NULL), *sv57 = host_alloc(PAGE, NULL);
	u32 modes = 1u << SATP_MODE_SV39;

	if (sv48 && sv57 && satp_try(SATP_MODE_SV48, sv48, boot_root)) {
		modes |= 1u << SATP_MODE_SV48;
		if (satp_try(SATP_MODE_SV57, sv57, sv48))
			modes |= 1u << SATP_MODE_SV57;
	}
	host_free(sv48, PAGE, NULL);
	host_free(sv57, PAGE, NULL);
	return modes;
}

/* ---- Spaces */

struct host_space *host_space_create(struct host_account *payer)
{
	struct host_space *s = host_alloc(sizeof(*s), payer);
	u64 *root = host_alloc(PAGE, payer);

	if (!s || !root) {
		host_free(s, sizeof(*s), payer);
		host_free(root, PAGE, payer);
		return NULL;
	}
	memcpy(&root[PTE_TABLE_ENTRIES / 2], &boot_root[PTE_TABLE_ENTRIES / 2], PAGE / 2);
	s->root = root;
	s->payer = payer;
	s->asid = asid_take();
	s->satp = (u64)SATP_MODE_SV39 << SATP_MODE_SHIFT | s->asid << SATP_ASID_SHIFT |
		  common_pa(root) / PAGE;
	heap_init(&s->heap, private_take, private_give, s);
	return s;
}

/* A task of the space that just ended may take a moment to leave its hart. */
static void space_wait_unused(const struct host_space *space)
{
	for (unsigned h = 0; h < host_harts(); h++) {
		const struct percpu *pc = percpu_of(h);

		while (pc && __atomic_load_n(&pc->satp, __ATOMIC_ACQUIRE) == space->satp)
			host_yield();
	}
}

void host_space_destroy(struct host_space *space)
{
	struct host_space *former = host_space_enter(space);
	bool whole = heap_fini(&space->heap);

	host_assert(former != space && whole && !space->held);
	host_space_enter(former);
	space_wait_unused(space);
	fence_space(space->asid, 0, ~0ul);
	table_free_lower(space->root, space->payer);
	asid_give(space->asid);
	host_free(space->root, PAGE, space->payer);
	host_free(space, sizeof(*space), space->payer);
}
