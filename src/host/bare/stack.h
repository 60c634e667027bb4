/* Stacks of tasks, each above a page that nobody can touch. */
#ifndef HOST_BARE_STACK_H
#define HOST_BARE_STACK_H

#include "host/bare/layout.h"
#include "lib/types.h"

struct host_account;

/* The lowest address of STACK_SIZE zeroed bytes; 0 when there is no memory. */
u64 stack_alloc(struct host_account *payer);
void stack_free(u64 stack, struct host_account *payer);

#endif
