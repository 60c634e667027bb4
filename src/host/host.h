/*
 * What the core asks of the machine below: one implementation per binary
 * (host/bare, host/linux; host/fake for tests). Errors are negative errno
 * values. Nothing here may be called from a guest's fault path but host_time,
 * host_wake and host_alarm.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "lib/types.h"

#define HOST_FOREVER (~0ul)

/* ---- Time: ticks of the timebase since an arbitrary start, the same on every hart. */
u64 host_time(void);
u64 host_timebase(void); /* ticks per second */

/* ---- Memory. Every page has a payer; NULL pays from the hypervisor's own account. */
struct host_account {
	u64 used;  /* bytes */
	u64 limit; /* bytes; an allocation beyond it fails with -ENOMEM. 0 = no limit */
};

/* Zeroed common memory, visible from every space: nothing of a guest's contents goes
 * here. 16-byte aligned; page-aligned from 4096 bytes on, 16 KiB (the root of a second stage) to
 * its size. NULL when there is none. */
void *host_alloc(u64 size, struct host_account *payer);
void host_free(void *p, u64 size, struct host_account *payer);

/* Physical address of common memory and back: for page tables only. */
u64 host_pa(const void *common);
void *host_va(u64 pa);

/* ---- Spaces: a VM's private address space; common memory is visible in each. */
struct host_space;
struct host_space *host_space_create(struct host_account *payer);
/* All private memory and RAM of the space must have been freed. */
void host_space_destroy(struct host_space *space);
/* Makes @space (NULL: the common one) current for the calling task; returns the former. */
struct host_space *host_space_enter(struct host_space *space);
/* The space the calling task runs in, NULL for the common one. */
struct host_space *host_space_current(void);
/* Zeroed private memory of @space; usable only while the space is current. Freeing wipes it. */
void *host_private_alloc(struct host_space *space, u64 size);
void host_private_free(struct host_space *space, void *p, u64 size);

/* Guest RAM: a physically contiguous piece, mapped in its space at va. */
struct host_extent {
	u64 pa;
	u8 *va;
	u64 size;
};
/* Zeroed RAM of @size bytes (a multiple of 4096) in at most @max extents, in as large and as
 * aligned pieces as there are. Long: yields. Returns the number of extents or -ENOMEM. */
int host_ram_alloc(struct host_space *space, u64 size, struct host_extent *ext, unsigned max);
/* Scrubs in slices (yields), unmaps, returns the memory. */
void host_ram_free(struct host_space *space, const struct host_extent *ext, unsigned count);
/* Bytes of RAM still free, for the operator and for admission. */
u64 host_ram_free_bytes(void);

/* ---- Files of the system image. */
struct host_file {
	u64 where; /* the host's own: physical address, or a descriptor */
	u64 size;  /* bytes */
};
/* -ENOENT when the image has no file of that name. */
int host_file_find(const char *name, struct host_file *file);
/* Maps the file read-only into the current (private) space; NULL when that fails. */
const void *host_file_map(const struct host_file *file);
void host_file_unmap(const struct host_file *file, const void *va);

/* ---- Tasks: threads of control with their own stacks, switched at named points only. */
struct host_task;
struct host_task_spec {
	const char *name;         /* copied; at most 31 characters are kept */
	struct host_space *space; /* the space it starts in; NULL: common */
	u64 harts;                /* bit n: may run on the host's n-th hart (in the order of its device tree); 0 = any */
	bool dedicated;           /* these harts run this task only: no time slices */
	void (*run)(void *arg);   /* the task ends when it returns; see host_task_reap() */
	void *arg;
	/* Called on the hart when it leaves the task for another, but not after run returned. May
	 * be NULL. */
	void (*switch_out)(void *arg);
};
/* NULL when memory is short. The task starts at once. */
struct host_task *host_task_start(const struct host_task_spec *spec, struct host_account *payer);
/* Waits (sleeps) until the task has ended, and frees it; until then its handle stays valid. */
void host_task_reap(struct host_task *task);
struct host_task *host_task_self(void);
/* Sleeps until host_wake() was called for this task since its last return from host_sleep
 * (a wake-up is never lost), or until host_time() >= @until. May return early. */
void host_sleep(u64 until);
/* Ends the task's sleep; if it is running a guest on another hart, makes it leave the guest. */
void host_wake(struct host_task *task);
/* As host_wake at time @when, once; replaces the task's former alarm. HOST_FOREVER: none.
 * Only the task itself sets its alarm. */
void host_alarm(u64 when);
/* Lets others run if they are due; serves what interrupts are pending. Long work calls it. */
void host_yield(void);
/* Index of the hart this runs on (0..), and how many there are. */
unsigned host_hart(void);
unsigned host_harts(void);

/* ---- The rest. */
/* 64 bits that a guest cannot guess, as good as the machine can give. */
u64 host_random(void);
/* Our bug: prints registers and a backtrace, stops everything. */
_Noreturn void host_panic(const char *fmt, ...) printf_like(1, 2);

#define host_assert(cond) \
	((cond) ? (void)0 : host_panic("%s:%d: %s", __FILE__, __LINE__, #cond))

#endif
