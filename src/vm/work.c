#include "vm/work.h"

#include <errno.h>
#include <stdio.h>

#include "vm/vm.h"

#define WORK_POLL_HZ 2000   /* looks of the keeper that waits for somebody's end */
#define WORK_LINGER_HZ 5000

/* The lock is held. */
static void work_put(struct vm_works *ws, struct vm_work *w)
{
	w->next = NULL;
	*ws->last = w;
	ws->last = &w->next;
}

void vm_work_queue(struct vm *vm, struct vm_work *w)
{
	struct vm_works *ws = &vm->works;

	if (__atomic_exchange_n(&w->queued, 1, __ATOMIC_ACQ_REL))
		return;
	lock_take(&ws->lock);
	work_put(ws, w);
	lock_drop(&ws->lock);
	host_wake(ws->task);
}

void vm_work_at(struct vm *vm, struct vm_work *w, u64 when)
{
	struct vm_works *ws = &vm->works;
	bool wake;

	lock_take(&ws->lock);
	if (!w->listed) {
		w->listed = true;
		w->due = HOST_FOREVER;
		w->next_later = ws->later;
		ws->later = w;
	}
	w->due = min_u64(w->due, when);
	wake = when < ws->armed;
	ws->armed = min_u64(ws->armed, when);
	ws->put_off = true;
	lock_drop(&ws->lock);
	if (wake)
		host_wake(ws->task);
}

void vm_work_not_at(struct vm_work *w)
{
	__atomic_store_n(&w->due, HOST_FOREVER, __ATOMIC_RELAXED);
}

/*
 * Queues what is due, and returns until when to sleep. While work is put off again and again, and
 * called off in time, the task stays armed: so it need not be woken for each.
 */
static u64 work_due(struct vm *vm)
{
	struct vm_works *ws = &vm->works;
	u64 now = host_time(), next = HOST_FOREVER;

	lock_take(&ws->lock);
	for (struct vm_work *w = ws->later; w; w = w->next_later) {
		if (w->due > now) {
			next = min_u64(next, w->due);
			continue;
		}
		w->due = HOST_FOREVER;
		if (!__atomic_exchange_n(&w->queued, 1, __ATOMIC_ACQ_REL))
			work_put(ws, w);
	}
	if (next == HOST_FOREVER && ws->armed > now) {
		next = ws->armed;
	} else if (next == HOST_FOREVER && ws->put_off) {
		next = now + host_timebase() / WORK_LINGER_HZ;
		ws->put_off = false;
	}
	ws->armed = next;
	lock_drop(&ws->lock);
	return next;
}

static struct vm_work *work_pop(struct vm_works *ws)
{
	struct vm_work *w;

	lock_take(&ws->lock);
	w = ws->first;
	ws->running = w;
	if (w) {
		ws->first = w->next;
		if (!w->next)
			ws->last = &ws->first;
	}
	lock_drop(&ws->lock);
	return w;
}

static void work_task(void *arg)
{
	struct vm *vm = arg;
	struct vm_works *ws = &vm->works;

	while (!__atomic_load_n(&ws->stop, __ATOMIC_ACQUIRE)) {
		/* Also while there is always something else to do. */
		u64 until = ws->later ? work_due(vm) : HOST_FOREVER;
		struct vm_work *w = work_pop(ws);

		if (!w) {
			host_sleep(until);
			continue;
		}
		/* What is queued from here on may be news to it. */
		__atomic_store_n(&w->queued, 0, __ATOMIC_SEQ_CST);
		w->run(w);
		host_yield();
	}
	/* Once it says done, the space may be gone. */
	host_space_enter(NULL);
	__atomic_store_n(&ws->done, true, __ATOMIC_RELEASE);
}

/* Beside vCPUs that have their harts for themselves: on the others. */
int vm_work_start(struct vm *vm)
{
	char name[32];
	struct host_task_spec spec = {
		.name = name,
		.space = vm->space,
		.harts = vm->config.dedicated ? 0 : vm->config.harts,
		.run = work_task,
		.arg = vm,
	};

	vm->works = (struct vm_works){ .last = &vm->works.first, .armed = HOST_FOREVER };
	snprintf(name, sizeof(name), "%.24s/io", vm->config.name);
	vm->works.task = host_task_start(&spec, &vm->account);
	return vm->works.task ? 0 : -ENOMEM;
}

static void work_wait(void)
{
	host_sleep(host_time() + host_timebase() / WORK_POLL_HZ);
}

void vm_work_stop(struct vm *vm)
{
	struct vm_works *ws = &vm->works;

	if (!ws->task)
		return;
	__atomic_store_n(&ws->stop, true, __ATOMIC_RELEASE);
	host_wake(ws->task);
	while (!__atomic_load_n(&ws->done, __ATOMIC_ACQUIRE))
		work_wait();
	host_task_reap(ws->task);
	ws->task = NULL;
}

/* It is running before it counts as queued no more. */
static bool work_is_busy(struct vm_works *ws, const struct vm_work *w)
{
	bool busy = __atomic_load_n(&w->queued, __ATOMIC_SEQ_CST);

	lock_take(&ws->lock);
	busy |= ws->running == w;
	lock_drop(&ws->lock);
	return busy;
}

static void work_unlist(struct vm_works *ws, struct vm_work *w)
{
	lock_take(&ws->lock);
	for (struct vm_work **at = &ws->later; *at; at = &(*at)->next_later) {
		if (*at == w) {
			*at = w->next_later;
			break;
		}
	}
	w->listed = false;
	lock_drop(&ws->lock);
}

void vm_work_cancel(struct vm *vm, struct vm_work *w)
{
	work_unlist(&vm->works, w);
	while (work_is_busy(&vm->works, w))
		work_wait();
}
