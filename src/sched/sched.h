/*
 * Who runs where: policy only. Runnable tasks wait in one queue per hart and
 * take turns there; a hart with nothing to do takes over a task that waits
 * elsewhere. The caller holds its own lock, switches, programs timers, and
 * sends an interrupt to each hart whose bit is in a returned "poke" mask: that
 * hart must look at its queue (its time slice may be over now, or it may idle).
 */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include "lib/list.h"

#define SCHED_HARTS_MAX 64
#define SCHED_NEVER (~0ul)

enum sched_state { SCHED_BLOCKED, SCHED_WAITING, SCHED_RUNNING };

struct sched_task {
	struct list link; /* in its hart's queue while waiting */
	u64 allowed;      /* harts it asked for */
	u64 since;        /* when it began to run, in the caller's ticks */
	u32 hart;         /* where it runs or waits, or ran last */
	enum sched_state state;
	bool dedicated;
	bool pinned; /* the caller's: it cannot leave .hart now (its stack is in use there) */
};

struct sched_hart {
	struct list queue; /* waiting tasks, the next one first */
	u32 waiting;
	u32 owners; /* dedicated tasks that may run here */
	struct sched_task *running;
};

struct sched {
	u32 harts;
	u64 slice;  /* ticks */
	u64 online; /* harts that take part */
	u64 idle;   /* online ones that run nothing */
	u64 owned;  /* those with owners */
	u64 queued; /* those with waiting tasks */
	struct sched_hart hart[SCHED_HARTS_MAX];
};

void sched_init(struct sched *s, u32 harts, u64 slice);
/* Hart @h takes part from now on; it is idle. */
void sched_hart_online(struct sched *s, u32 h);

/* Takes up a new task, blocked. @allowed as in host_task_spec (0: any hart). A dedicated task
 * drives others from its harts. Returns harts to poke. */
u64 sched_add(struct sched *s, struct sched_task *t, u64 allowed, bool dedicated);
/* @t must be blocked. */
void sched_remove(struct sched *s, struct sched_task *t);

/* A blocked task may run again; nothing happens to one that is not blocked. Returns poke. */
u64 sched_wake(struct sched *s, struct sched_task *t);
/* The running task of its hart waits for something. */
void sched_block(struct sched *s, struct sched_task *t);
/* Takes back sched_block() for the task that blocked last on its hart, at @now, as if it had been
 * woken and picked. False, and nothing done, when somebody else wants the hart. */
bool sched_resume(struct sched *s, struct sched_task *t, u64 now);
/* The running task goes to the end of its queue. Returns poke. */
u64 sched_requeue(struct sched *s, struct sched_task *t);
/* What hart @h, which runs nothing, runs next from @now on; NULL: nothing, it idles. */
struct sched_task *sched_pick(struct sched *s, u32 h, u64 now);
/* When the running task of @h must yield: SCHED_NEVER while nobody waits for the hart. */
u64 sched_slice_end(const struct sched *s, u32 h);

#endif
