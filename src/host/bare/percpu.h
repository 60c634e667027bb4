/*
 * What each hart knows of itself; tp points to it while the hypervisor runs.
 * Common memory: visible in every space.
 */
#ifndef HOST_BARE_PERCPU_H
#define HOST_BARE_PERCPU_H

#include "host/bare/layout.h"

/* For assembly. */
#define PERCPU_FIXUP 32
#define PERCPU_RETRY 40
#define PERCPU_SAVED_T0 48
#define PERCPU_SAVED_T1 56
#define PERCPU_BOOT_SP 64

#ifndef __ASSEMBLER__
#include "lib/list.h"

struct host_task;

struct percpu {
	u64 tls[4];   /* stray writes of libc's thread-local errno end here */
	u64 fixup;    /* where an exception continues (then 0 again); 0: it is our bug */
	u64 retry;    /* the last page fault that was tried again, pc + address */
	u64 saved_t0; /* the trap vector's */
	u64 saved_t1;
	u64 boot_sp;

	u32 index;   /* host_hart() */
	u64 hart_id; /* the firmware's */
	struct host_task *task; /* the running one: host_task_self() */
	const char *serving; /* which VM, for the panic message; the engine's, NULL: none */
	void *engine;        /* the vCPU, as its engine keeps it, whose state the hart holds; NULL at first */

	u64 satp; /* as in the CSR */
	u32 ipi;  /* atomic: an interrupt was sent and not yet seen */

	/* The scheduler's, under its lock but for what only this hart uses. */
	struct host_task *idle;
	struct list timers;  /* tasks that do not run here but have a deadline, earliest first */
	struct list ended;   /* tasks that ended and were left for good, to be reported */
	u64 deadline;        /* earliest of the timers and of the time slice */
	u64 armed;           /* what the timer is set to */
	bool idling;         /* waits in the context of .task, which is blocked */
};

_Static_assert(offsetof(struct percpu, fixup) == PERCPU_FIXUP, "assembly's offsets");
_Static_assert(offsetof(struct percpu, retry) == PERCPU_RETRY, "assembly's offsets");
_Static_assert(offsetof(struct percpu, saved_t0) == PERCPU_SAVED_T0, "assembly's offsets");
_Static_assert(offsetof(struct percpu, saved_t1) == PERCPU_SAVED_T1, "assembly's offsets");
_Static_assert(offsetof(struct percpu, boot_sp) == PERCPU_BOOT_SP, "assembly's offsets");

/* Of the running hart. Not to be kept across host_sleep() or host_yield(). */
static inline struct percpu *percpu(void)
{
	struct percpu *p;

	__asm__ volatile("mv %0, tp" : "=r"(p));
	return p;
}

/* Of any hart, by host_hart() number; NULL for one that did not start. */
struct percpu *percpu_of(unsigned index);

#endif
#endif
