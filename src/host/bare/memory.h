/*
 * Physical memory, and the common pages mapped of it. The books are kept
 * outside of free memory, which is never mapped.
 */
#ifndef HOST_BARE_MEMORY_H
#define HOST_BARE_MEMORY_H

#include "lib/types.h"

struct tree;
struct host_account;

#define MEMORY_NONE (~0ul)

/* Takes over what the tree calls memory, less what is in use: @fdt and the image. */
void memory_init(const struct tree *t, u64 image, u64 fdt);

/* Pages at the lowest place, unmapped; MEMORY_NONE when there are none. */
u64 memory_take(u64 size, u64 align);
/* At most @want bytes in one piece of multiples of @align; the size, 0: none. */
u64 memory_take_most(u64 want, u64 align, u64 *pa);
void memory_give(u64 pa, u64 size);
/* Pages taken (or, negative, given back) that are the hypervisor's own and not a space's. */
void memory_count_own(s64 bytes);

/* Zeroed pages in common memory; multiples of 4096. No payer: host_alloc() cares for that. */
void *common_pages_alloc(u64 size);
void common_pages_free(void *va, u64 size);

/* False when the account cannot bear it; NULL is the hypervisor's own. */
bool account_charge(struct host_account *a, u64 size);
void account_refund(struct host_account *a, u64 size);

#endif
