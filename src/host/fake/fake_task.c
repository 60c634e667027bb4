/* Cooperative tasks and the clock of the fake host. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "host/fake/fake.h"
#include "host/fake/fake_task.h"
#include "lib/list.h"

#define STACK_SIZE (256 * KIB) /* sanitizers need much */

/* AddressSanitizer wants to know about stacks; absent without it. */
__attribute__((weak)) void __sanitizer_start_switch_fiber(void **save, const void *low, size_t size);
__attribute__((weak)) void __sanitizer_finish_switch_fiber(void *save, const void **low,
							   size_t *size);

struct host_task {
	struct list all;
	char name[32];
	struct host_space *space;
	void (*run)(void *arg);
	void *arg;
	void (*switch_out)(void *arg);
	struct host_account *payer;
	ucontext_t context;
	void *stack;
	size_t stack_size;
	void *fiber;
	u64 until; /* of its sleep; 0 when runnable */
	u64 alarm;
	unsigned wakes;
	bool woken, ended;
	struct host_task *reaper;
};

static struct host_task main_task = { .name = "main", .alarm = HOST_FOREVER };
static struct host_task *current = &main_task, *previous;
static struct list tasks = { &tasks, &tasks };
static u64 now;

void fake_task_reset(void)
{
	main_task = (struct host_task){ .name = "main", .alarm = HOST_FOREVER,
		.stack = main_task.stack, .stack_size = main_task.stack_size };
	now = 0;
}

void fake_time_set(u64 ticks) { now = ticks; }
void fake_time_advance(u64 ticks) { now += ticks; }
u64 host_time(void) { return now; }
u64 fake_alarm(const struct host_task *task) { return task->alarm; }
unsigned fake_wakes(const struct host_task *task) { return task->wakes; }
struct host_task *host_task_self(void) { return current; }
struct host_space *host_space_current(void) { return current->space; }

struct host_space *host_space_enter(struct host_space *space)
{
	struct host_space *former = current->space;

	current->space = space;
	return former;
}

unsigned fake_tasks(void)
{
	unsigned n = 0;

	list_for_each(it, &tasks)
		n++;
	return n;
}

/* ---- Switching */

/* First thing on the new stack; the main stack's place is learnt here. */
static void switch_done(void)
{
	const void *low = NULL;
	size_t size = 0;

	if (!__sanitizer_finish_switch_fiber)
		return;
	__sanitizer_finish_switch_fiber(current->fiber, &low, &size);
	if (previous == &main_task) {
		main_task.stack = (void *)(uintptr_t)low;
		main_task.stack_size = size;
	}
}

static void switch_to(struct host_task *to)
{
	previous = current;
	if (previous->switch_out && !previous->ended)
		previous->switch_out(previous->arg);
	current = to;
	if (__sanitizer_start_switch_fiber)
		__sanitizer_start_switch_fiber(previous->ended ? NULL : &previous->fiber,
					       to->stack, to->stack_size);
	swapcontext(&previous->context, &to->context);
	switch_done();
}

static void task_main(void)
{
	switch_done();
	current->run(current->arg);
	current->ended = true;
	list_remove(&current->all);
	if (current->reaper)
		host_wake(current->reaper);
	switch_to(&main_task);
}

struct host_task *host_task_start(const struct host_task_spec *spec, struct host_account *payer)
{
	struct host_task *t = host_alloc(sizeof(*t), payer);

	if (!t)
		return NULL;
	snprintf(t->name, sizeof(t->name), "%s", spec->name);
	t->space = spec->space;
	t->run = spec->run;
	t->arg = spec->arg;
	t->switch_out = spec->switch_out;
	t->payer = payer;
	t->alarm = HOST_FOREVER;
	t->stack_size = STACK_SIZE;
	t->stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	host_assert(t->stack != MAP_FAILED);
	getcontext(&t->context);
	t->context.uc_stack.ss_sp = t->stack;
	t->context.uc_stack.ss_size = STACK_SIZE;
	makecontext(&t->context, task_main, 0);
	list_push_back(&tasks, &t->all);
	return t;
}

void host_task_reap(struct host_task *t)
{
	t->reaper = current;
	while (!t->ended)
		host_sleep(HOST_FOREVER);
	munmap(t->stack, STACK_SIZE);
	host_free(t, sizeof(*t), t->payer);
}

/* ---- Sleeping */

static bool is_due(struct host_task *t)
{
	if (t->alarm <= now) {
		t->alarm = HOST_FOREVER;
		t->woken = true;
	}
	return t->woken || t->until <= now;
}

/* Gives every task that is due one turn; true if one was. Only in the main task. */
static bool run_round(void)
{
	static struct list round;
	bool ran = false;

	/* A task may end, or be reaped by another: the round's end is marked, and each task goes
	 * behind it before its turn. */
	list_push_back(&tasks, &round);
	while (tasks.next != &round) {
		struct host_task *t = container_of(tasks.next, struct host_task, all);

		list_remove(&t->all);
		list_push_back(&tasks, &t->all);
		if (is_due(t)) {
			ran = true;
			switch_to(t);
		}
	}
	list_remove(&round);
	return ran;
}

void fake_run(void)
{
	host_assert(current == &main_task);
	while (run_round())
		;
}

static u64 next_deadline(u64 until)
{
	u64 next = min_u64(until, main_task.alarm);

	list_for_each(it, &tasks) {
		struct host_task *t = container_of(it, struct host_task, all);

		next = min_u64(next, min_u64(t->until, t->alarm));
	}
	return next;
}

/* The test itself sleeps: others run, and when all sleep the clock jumps to whatever comes
 * next. Returns even unwoken when nothing can ever happen. */
static void main_sleep(u64 until)
{
	main_task.until = until;
	while (!is_due(&main_task)) {
		if (run_round())
			continue;
		if (next_deadline(until) == HOST_FOREVER)
			break;
		now = max_u64(now, next_deadline(until));
	}
	main_task.until = 0;
	main_task.woken = false;
}

void host_sleep(u64 until)
{
	if (current == &main_task) {
		main_sleep(until);
		return;
	}
	current->until = until;
	if (!is_due(current))
		switch_to(&main_task);
	current->until = 0;
	current->woken = false;
}

void host_wake(struct host_task *task)
{
	task->wakes++;
	task->woken = true;
}

void host_alarm(u64 when)
{
	current->alarm = when;
}

void host_yield(void)
{
	if (current != &main_task)
		switch_to(&main_task);
	else
		run_round();
}
