/* Stacks: see host/bare/stack.h. */
#include "host/bare/stack.h"

#include <string.h>

#include "host/bare/memory.h"
#include "host/bare/table.h"
#include "host/host.h"
#include "lib/lock.h"

#define STACKS_MAX 2048

static struct lock lock;
static u64 used[STACKS_MAX / 64];

static u64 slot_address(unsigned slot)
{
	return STACKS_BASE + (u64)slot * STACK_SLOT + (STACK_SLOT - STACK_SIZE);
}

/* The lowest free one, so that few tables are needed. */
static int slot_take(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(used); i++) {
		unsigned bit;

		if (used[i] == ~0ul)
			continue;
		bit = (unsigned)__builtin_ctzl(~used[i]);
		used[i] |= BIT(bit);
		return (int)(i * 64 + bit);
	}
	return -1;
}

/* Pages that are mapped here only; the lock is held. */
static bool stack_map(u64 va)
{
	u64 pa = memory_take(STACK_SIZE, 4096);

	if (pa == MEMORY_NONE)
		return false;
	if (table_map(boot_root, va, pa, STACK_SIZE, TABLE_RW, NULL)) {
		memory_count_own(STACK_SIZE);
		return true;
	}
	memory_give(pa, STACK_SIZE);
	return false;
}

u64 stack_alloc(struct host_account *payer)
{
	u64 va = 0;
	int slot;

	if (!account_charge(payer, STACK_SIZE))
		return 0;
	lock_take(&lock);
	slot = slot_take();
	if (slot >= 0 && stack_map(slot_address((unsigned)slot)))
		va = slot_address((unsigned)slot);
	else if (slot >= 0)
		used[slot / 64] &= ~BIT(slot % 64);
	lock_drop(&lock);
	if (va)
		memset((void *)(uintptr_t)va, 0, STACK_SIZE);
	else
		account_refund(payer, STACK_SIZE);
	return va;
}

void stack_free(u64 stack, struct host_account *payer)
{
	unsigned slot = (unsigned)((stack - STACKS_BASE) / STACK_SLOT);
	u64 pa;

	memset((void *)(uintptr_t)stack, 0, STACK_SIZE);
	lock_take(&lock);
	pa = table_lookup(boot_root, stack);
	table_unmap(boot_root, stack, STACK_SIZE);
	fence_common(stack, STACK_SIZE);
	used[slot / 64] &= ~BIT(slot % 64);
	lock_drop(&lock);
	memory_give(pa, STACK_SIZE);
	memory_count_own(-STACK_SIZE);
	account_refund(payer, STACK_SIZE);
}
