/* host_alloc(): the heap of common memory. */
#include "host/bare/common.h"

#include "host/bare/heap.h"
#include "host/bare/memory.h"
#include "host/bare/table.h"
#include "host/host.h"

static struct heap heap;

static void *common_take(void *owner unused, u64 size)
{
	return common_pages_alloc(size);
}

static void common_give(void *owner unused, void *pages, u64 size)
{
	common_pages_free(pages, size);
}

void common_init(void)
{
	heap_init(&heap, common_take, common_give, NULL);
}

void *host_alloc(u64 size, struct host_account *payer)
{
	u64 charge = heap_round(size);
	void *p;

	if (!charge || !account_charge(payer, charge))
		return NULL;
	p = heap_alloc(&heap, size);
	if (!p)
		account_refund(payer, charge);
	return p;
}

void host_free(void *p, u64 size, struct host_account *payer)
{
	if (!p)
		return;
	heap_free(&heap, p, size);
	account_refund(payer, heap_round(size));
}

u64 host_pa(const void *common)
{
	return common_pa(common);
}

void *host_va(u64 pa)
{
	return common_va(pa);
}
