/* Sv39 tables (privileged specification, section 12.4) in pages of a fixed pool. */
#include <string.h>

#include "lib/guest.h"

enum { POOL_PAGES = 256, SATP_SV39 = 8 };

static u8 pool[POOL_PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static u64 pool_used;

void *page_get(void)
{
	if (pool_used == POOL_PAGES) {
		print("FAIL page pool: empty\n");
		power_off();
	}
	return memset(pool[pool_used++], 0, PAGE_SIZE);
}

u64 *table_new(void)
{
	u64 *root = page_get();

	for (u64 i = 0; i < 4; i++)
		root[i] = i << 28 | PTE_RWX | PTE_G;
	return root;
}

u64 *table_pte(u64 *root, u64 va)
{
	u64 *table = root;

	for (int shift = 30; shift > 12; shift -= 9) {
		u64 *pte = &table[va >> shift & 511];
		if (!(*pte & PTE_V))
			*pte = (u64)page_get() >> 2 | PTE_V;
		table = (u64 *)(*pte >> 10 << 12);
	}
	return &table[va >> 12 & 511];
}

void table_map(u64 *root, u64 va, u64 pa, u64 flags)
{
	*table_pte(root, va) = pa >> 12 << 10 | flags;
}

u64 table_satp(u64 *root)
{
	return root ? (u64)SATP_SV39 << 60 | (u64)root >> 12 : 0;
}

void table_use(u64 *root)
{
	sfence_vma();
	csr_write(satp, table_satp(root));
	sfence_vma();
}
