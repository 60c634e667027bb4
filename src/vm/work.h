/*
 * Work that a VM's devices leave for later: it runs in the VM's I/O task, in the VM's
 * space. Whoever has something for a guest while another one's memory is mapped (a host
 * driver's interrupt, a switch) queues the device's work.
 */
#ifndef VM_WORK_H
#define VM_WORK_H

#include "lib/lock.h"
#include "lib/types.h"

struct vm;
struct host_task;

struct vm_work {
	void (*run)(struct vm_work *work);
	/* The queue's. */
	struct vm_work *next;
	u32 queued;           /* atomic */
	bool listed;          /* among those for later */
	u64 due;              /* atomic; of those: when, host ticks; HOST_FOREVER: not now */
	struct vm_work *next_later;
};

struct vm_works {
	struct host_task *task; /* NULL: the VM has nothing that would queue */
	bool stop;              /* atomic */
	bool done;              /* atomic; the task has left its loop */
	struct lock lock;       /* guards what follows; a leaf */
	struct vm_work *first, **last;
	const struct vm_work *running;
	struct vm_work *later; /* all that were ever put off */
	u64 armed;             /* until when the task sleeps */
	bool put_off;          /* some were, since it last stayed armed for nothing */
};

/* Starts the VM's I/O task, before there is anything that queues; -ENOMEM. The VM's keeper, in the
 * VM's space. */
int vm_work_start(struct vm *vm);
/* Ends it, if there is one; nothing is queued any more. The keeper. Sleeps. */
void vm_work_stop(struct vm *vm);

/* Runs @work once, soon; work that waits already runs only once, work that is running runs again.
 * Any context, also with a device's lock held. */
void vm_work_queue(struct vm *vm, struct vm_work *work);
/*
 * Runs @work at host time @when, or at an earlier one that was asked for before; vm_work_not_at()
 * forgets both. Cheap: the task is woken only if it would sleep for longer. For what the guest can
 * wait for, and most often need not. Any context, as vm_work_queue().
 */
void vm_work_at(struct vm *vm, struct vm_work *work, u64 when);
void vm_work_not_at(struct vm_work *work);
/* Returns when @work neither waits nor runs: its owner may go. The keeper, after nobody queues it
 * any more. Sleeps. */
void vm_work_cancel(struct vm *vm, struct vm_work *work);

#endif
