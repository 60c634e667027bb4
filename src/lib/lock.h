/*
 * A spin lock. Holders never sleep and are never preempted on bare metal (the
 * hypervisor runs with interrupts off), so a waiter waits for a few hundred
 * instructions at most. As a process on Linux they may be: a waiter then lets
 * others run. The lock order is in docs/architecture.md.
 */
#ifndef LIB_LOCK_H
#define LIB_LOCK_H

#include "lib/types.h"

struct lock {
	u32 held;
};

#ifdef __linux__
#include <sched.h>

static inline void lock_wait(void) { sched_yield(); }
#else
static inline void lock_wait(void) { __asm__ volatile("" ::: "memory"); }
#endif

static inline void lock_take(struct lock *l)
{
	while (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&l->held, __ATOMIC_RELAXED))
			lock_wait();
}

static inline bool lock_try(struct lock *l)
{
	return !__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE);
}

static inline void lock_drop(struct lock *l)
{
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}

#endif
