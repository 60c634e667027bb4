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
	struct vm_work *next; /* the queue's */
	u32 queued;           /* atomic; the queue's */
};

struct vm_works {
	struct host_task *task; /* NULL: the VM has nothing that would queue */
	bool stop;              /* atomic */
	bool done;              /* atomic; the task has left its loop */
	struct lock lock;       /* guards what follows; a leaf */
	struct vm_work *first, **last;
	const struct vm_work *running;
};

/* Starts the VM's I/O task, before there is anything that queues; -ENOMEM. The VM's keeper, in the
 * VM's space. */
int vm_work_start(struct vm *vm);
/* Ends it, if there is one; nothing is queued any more. The keeper. Sleeps. */
void vm_work_stop(struct vm *vm);

/* Runs @work once, soon; work that waits already runs only once, work that is running runs again.
 * Any context, also with a device's lock held. */
void vm_work_queue(struct vm *vm, struct vm_work *work);
/* Returns when @work neither waits nor runs: its owner may go. The keeper, after nobody queues it
 * any more. Sleeps. */
void vm_work_cancel(struct vm *vm, struct vm_work *work);

#endif
