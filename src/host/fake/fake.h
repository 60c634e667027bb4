/*
 * A host for unit tests: memory from malloc, a clock that moves only when told
 * or when everybody sleeps, tasks that take turns in one thread. Nothing here
 * is random: a test gives the same result each time.
 *
 * The test's own thread counts as a task ("main"). Tasks run when it sleeps,
 * yields or calls fake_run().
 */
#ifndef HOST_FAKE_FAKE_H
#define HOST_FAKE_FAKE_H

#include "host/host.h"

#define FAKE_TIMEBASE 10000000ul /* ticks per second */

/* Forgets files and limits and restarts clock and random numbers. No task but the caller's
 * may be left (they are ended by returning). For a test's setup function. */
void fake_reset(void);

void fake_time_set(u64 ticks);
void fake_time_advance(u64 ticks);

/* Runs tasks until each of them sleeps or has ended; the clock stands still. */
void fake_run(void);
/* The number of tasks that have not ended, the test's own not counted. */
unsigned fake_tasks(void);
/* How often host_wake() was called for @task, self included. */
unsigned fake_wakes(const struct host_task *task);
/* When the task's alarm is due, HOST_FOREVER when none is set. */
u64 fake_alarm(const struct host_task *task);

/* Makes @data (not copied) a file of the system image. @name is not copied. */
void fake_file_add(const char *name, const void *data, u64 size);

/* What is free, and the largest piece that host_ram_alloc() gives out at once (0: no limit). */
void fake_ram_set(u64 free_bytes, u64 largest);
/* Lets the next @count allocations of host_alloc() and host_private_alloc() succeed and all
 * later ones fail; ~0 for no limit. */
void fake_alloc_limit(unsigned count);
/* Bytes allocated at the moment by host_alloc, host_private_alloc and host_ram_alloc. */
u64 fake_allocated(void);

/* What host_harts() says (1 to begin with), and host_hart() (0). */
void fake_harts_set(unsigned harts, unsigned current);

#endif
