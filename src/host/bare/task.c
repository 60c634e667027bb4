/*
 * Tasks: who runs is sched/'s policy, this switches. One lock guards it all; it
 * is held across a switch and dropped by whoever comes. A hart without work
 * waits in the context of the task that ran last, so that a sleep which nobody
 * else makes use of costs no switch.
 */
#include "host/bare/task.h"

#include <string.h>

#include "host/bare/bare.h"
#include "host/bare/cpu.h"
#include "host/bare/percpu.h"
#include "host/bare/space.h"
#include "host/bare/stack.h"
#include "lib/lock.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"
#include "sched/sched.h"

struct host_task {
	u64 sp;
	struct sched_task sched;
	struct list timer; /* in the timers of its hart while it does not run */
	struct list ended;
	u64 until;         /* of its sleep, while blocked */
	u64 alarm;
	u32 woken;         /* atomic; a word, as there are no smaller exchanges */
	bool is_idle;
	bool is_over;      /* run() has returned */
	bool is_gone;      /* and nobody stands on its stack any more */
	struct host_task *reaper;
	struct host_space *space;
	struct host_account *payer;
	u64 stack; /* lowest usable address; 0: not ours */
	void (*run)(void *arg);
	void *arg;
	void (*switch_out)(void *arg);
	char name[32];
};

static struct lock lock;
static struct sched sched;

/* ---- Deadlines */

static u64 task_deadline(const struct host_task *t)
{
	return min_u64(t->alarm, t->sched.state == SCHED_BLOCKED ? t->until : HOST_FOREVER);
}

static void timers_insert(struct percpu *pc, struct host_task *t)
{
	u64 when = task_deadline(t);
	struct list *at;

	if (when == HOST_FOREVER)
		return;
	for (at = pc->timers.next; at != &pc->timers; at = at->next)
		if (task_deadline(container_of(at, struct host_task, timer)) > when)
			break;
	list_add_before(at, &t->timer);
}

/* Sets the timer to what comes first: a deadline of a task, the slice's end, the alarm of
 * the running one. */
static void deadlines_program(struct percpu *pc)
{
	u64 next = sched_slice_end(&sched, pc->index);

	if (!list_empty(&pc->timers)) {
		const struct host_task *t = container_of(pc->timers.next, struct host_task, timer);

		next = min_u64(next, task_deadline(t));
	}
	pc->deadline = next;
	timer_set(min_u64(next, pc->idling ? HOST_FOREVER : pc->task->alarm));
}

static u64 task_make_ready(struct host_task *t)
{
	list_remove(&t->timer);
	return sched_wake(&sched, &t->sched);
}

/* Takes due tasks off this hart's timers and makes them ready. */
static u64 timers_expire(struct percpu *pc, u64 now)
{
	u64 poke = 0;

	while (!list_empty(&pc->timers)) {
		struct host_task *t = container_of(pc->timers.next, struct host_task, timer);

		if (task_deadline(t) > now)
			break;
		if (t->alarm <= now) {
			t->alarm = HOST_FOREVER;
			__atomic_store_n(&t->woken, 1, __ATOMIC_RELAXED);
		}
		poke |= task_make_ready(t);
	}
	return poke;
}

static void alarm_expire(struct host_task *t, u64 now)
{
	if (t->alarm > now)
		return;
	t->alarm = HOST_FOREVER;
	__atomic_store_n(&t->woken, 1, __ATOMIC_RELAXED);
}

/* ---- Switching; the lock is held */

static void poke_others(struct percpu *pc, u64 mask)
{
	harts_poke(mask & ~BIT(pc->index));
}

/* What the new context does first. */
static void switch_finish(void)
{
	struct percpu *pc = percpu();

	pc->retry = 0;
	space_activate(pc->task->space);
	deadlines_program(pc);
}

static void switch_to(struct percpu *pc, struct host_task *next)
{
	struct host_task *former = pc->task;

	list_remove(&next->timer);
	if (next == former) {
		deadlines_program(pc);
		return;
	}
	if (former->switch_out && !former->is_over)
		former->switch_out(former->arg);
	if (former->is_over)
		list_push_back(&pc->ended, &former->ended);
	former->sched.pinned = false;
	next->sched.pinned = !next->is_idle;
	pc->task = next;
	switch_context(&former->sp, next->sp);
	switch_finish();
}

/* The task in whose context the hart waited goes on at once if its time has come and nobody else
 * wants the hart: most sleeps end so. */
static bool task_resume(struct percpu *pc, u64 now)
{
	struct host_task *t = pc->task;

	if (t->is_idle || t->is_over || task_deadline(t) > now ||
	    !sched_resume(&sched, &t->sched, now))
		return false;
	list_remove(&t->timer);
	alarm_expire(t, now);
	deadlines_program(pc);
	return true;
}

/*
 * hie shares its bits with the vsie of the guest that was here last ("Virtual Supervisor
 * Interrupt Registers"): what pends for that one, say its timer, would end every wfi at once.
 */
static void hart_wait(void)
{
	u64 hie = cpu_features.h ? csr_read(CSR_HIE) : 0;

	if (hie)
		csr_write(CSR_HIE, 0);
	__asm__ volatile("wfi" ::: "memory");
	if (hie)
		csr_write(CSR_HIE, hie);
}

/* Waits for an interrupt without the lock, and looks what it brought. True: the task itself goes
 * on. */
static bool idle_wait(struct percpu *pc)
{
	u64 now;

	pc->idling = true;
	deadlines_program(pc);
	lock_drop(&lock);
	if (!(csr_read(CSR_SIP) & csr_read(CSR_SIE)))
		hart_wait();
	interrupts_serve();
	lock_take(&lock);
	pc->idling = false;
	now = host_time();
	if (task_resume(pc, now))
		return true;
	poke_others(pc, timers_expire(pc, now));
	return false;
}

/* The calling task is blocked, queued again, or over: goes on with what is due, maybe itself. */
static void schedule(struct percpu *pc)
{
	struct sched_task *next;

	while (!(next = sched_pick(&sched, pc->index, host_time()))) {
		if (pc->task->is_idle || pc->task->is_over) {
			if (!pc->task->is_idle)
				switch_to(pc, pc->idle);
			return;
		}
		if (idle_wait(pc))
			return;
	}
	switch_to(pc, container_of(next, struct host_task, sched));
}

static struct host_task *ended_pop(struct percpu *pc)
{
	struct list *it = list_pop_front(&pc->ended);

	return it ? container_of(it, struct host_task, ended) : NULL;
}

static void wake_locked(struct percpu *pc, struct host_task *task);

/* Nobody stands on the stacks of tasks that ended here: another one runs. From the moment that
 * one is gone, its reaper may free it (and end itself: so it is woken under the same lock). */
static void ended_report(struct percpu *pc)
{
	struct host_task *t;

	lock_take(&lock);
	while ((t = ended_pop(pc))) {
		t->is_gone = true;
		if (t->reaper)
			wake_locked(pc, t->reaper);
	}
	lock_drop(&lock);
}

/* After a switch, maybe on another hart than before. */
static void lock_drop_clean(void)
{
	lock_drop(&lock);
	if (!list_empty(&percpu()->ended))
		ended_report(percpu());
}

/* Time slices and timers, after an interrupt said that there may be something. */
static void task_look(struct percpu *pc)
{
	u64 now = host_time();

	lock_take(&lock);
	poke_others(pc, timers_expire(pc, now));
	alarm_expire(pc->task, now);
	if (sched_slice_end(&sched, pc->index) <= now) {
		poke_others(pc, sched_requeue(&sched, &pc->task->sched));
		timers_insert(pc, pc->task);
		schedule(pc);
	} else {
		deadlines_program(pc);
	}
	lock_drop_clean();
}

void bare_poll(void)
{
	if (!(csr_read(CSR_SIP) & csr_read(CSR_SIE)))
		return;
	if (interrupts_serve())
		task_look(percpu());
}

void host_yield(void)
{
	bare_poll();
}

/* ---- Sleeping and waking */

static bool take_wakeup(struct host_task *t)
{
	return __atomic_load_n(&t->woken, __ATOMIC_RELAXED) &&
	       __atomic_exchange_n(&t->woken, 0, __ATOMIC_ACQ_REL);
}

void host_sleep(u64 until)
{
	struct percpu *pc = percpu();
	struct host_task *t = pc->task;

	alarm_expire(t, host_time());
	if (!take_wakeup(t) && until > host_time()) {
		lock_take(&lock);
		t->until = until;
		/* Wakers set .woken under the lock. */
		if (!__atomic_load_n(&t->woken, __ATOMIC_ACQUIRE)) {
			sched_block(&sched, &t->sched);
			timers_insert(pc, t);
			schedule(pc);
		}
		t->until = HOST_FOREVER;
		lock_drop_clean();
		take_wakeup(t);
	}
	/* Nobody may keep a hart by sleeping for no time. */
	bare_poll();
}

/* Where a running task must be interrupted, or a hart has got new work. */
static void poke_or_program(struct percpu *pc, u64 poke)
{
	if (poke & BIT(pc->index))
		deadlines_program(pc);
	poke_others(pc, poke);
}

static void wake_locked(struct percpu *pc, struct host_task *task)
{
	__atomic_store_n(&task->woken, 1, __ATOMIC_RELEASE);
	if (task->sched.state == SCHED_BLOCKED && !task->is_over)
		poke_or_program(pc, task_make_ready(task));
	else if (task->sched.state == SCHED_RUNNING)
		poke_others(pc, BIT(task->sched.hart));
}

void host_wake(struct host_task *task)
{
	struct percpu *pc = percpu();

	if (task == pc->task && !pc->idling) {
		__atomic_store_n(&task->woken, 1, __ATOMIC_RELEASE);
		return;
	}
	lock_take(&lock);
	wake_locked(pc, task);
	lock_drop(&lock);
}

void host_alarm(u64 when)
{
	struct percpu *pc = percpu();

	pc->task->alarm = when;
	timer_set(min_u64(pc->deadline, when));
}

/* ---- Beginning and end */

struct host_task *host_task_self(void)
{
	return percpu()->task;
}

const char *task_name(const struct host_task *task)
{
	return task->name;
}

u64 task_stack(const struct host_task *task)
{
	return task->stack;
}

struct host_space *host_space_current(void)
{
	return percpu()->task->space;
}

struct host_space *host_space_enter(struct host_space *space)
{
	struct host_task *t = percpu()->task;
	struct host_space *former = t->space;

	t->space = space;
	space_activate(space);
	return former;
}

/* A new task comes here from switch_context(). */
static void task_begin(void)
{
	struct host_task *t = percpu()->task;

	switch_finish();
	lock_drop_clean();
	t->run(t->arg);
	lock_take(&lock);
	t->is_over = true;
	t->alarm = HOST_FOREVER;
	sched_block(&sched, &t->sched);
	sched_remove(&sched, &t->sched);
	schedule(percpu());
	host_panic("task %s runs on after its end", t->name);
}

/* As switch_context() leaves it: 14 words, the return address first. */
static u64 stack_prepare(u64 stack)
{
	u64 *sp = (u64 *)(uintptr_t)(stack + STACK_SIZE) - 14;

	sp[0] = (u64)(uintptr_t)task_begin;
	return (u64)(uintptr_t)sp;
}

static void task_fill(struct host_task *t, const struct host_task_spec *spec)
{
	size_t n = strlen(spec->name);

	if (n >= sizeof(t->name))
		n = sizeof(t->name) - 1;
	memcpy(t->name, spec->name, n);
	t->space = spec->space;
	t->run = spec->run;
	t->arg = spec->arg;
	t->switch_out = spec->switch_out;
	t->until = HOST_FOREVER;
	t->alarm = HOST_FOREVER;
	list_init(&t->timer);
	list_init(&t->ended);
}

struct host_task *host_task_start(const struct host_task_spec *spec, struct host_account *payer)
{
	struct host_task *t = host_alloc(sizeof(*t), payer);
	struct percpu *pc = percpu();
	u64 poke;

	if (!t)
		return NULL;
	t->stack = stack_alloc(payer);
	if (!t->stack) {
		host_free(t, sizeof(*t), payer);
		return NULL;
	}
	t->payer = payer;
	task_fill(t, spec);
	t->sp = stack_prepare(t->stack);
	lock_take(&lock);
	poke = sched_add(&sched, &t->sched, spec->harts, spec->dedicated);
	poke |= sched_wake(&sched, &t->sched);
	poke_or_program(pc, poke);
	lock_drop(&lock);
	return t;
}

static bool task_is_gone(struct host_task *t)
{
	bool gone;

	lock_take(&lock);
	t->reaper = percpu()->task;
	gone = t->is_gone;
	lock_drop(&lock);
	return gone;
}

void host_task_reap(struct host_task *t)
{
	while (!task_is_gone(t))
		host_sleep(HOST_FOREVER);
	stack_free(t->stack, t->payer);
	host_free(t, sizeof(*t), t->payer);
}

void task_init(unsigned harts, u64 slice)
{
	sched_init(&sched, harts, slice);
}

void task_hart_init(void)
{
	static const struct host_task_spec spec = { .name = "idle" };
	struct percpu *pc = percpu();
	struct host_task *t = host_alloc(sizeof(*t), NULL);

	host_assert(t);
	task_fill(t, &spec);
	t->is_idle = true;
	list_init(&pc->timers);
	list_init(&pc->ended);
	pc->idle = t;
	pc->task = t;
	pc->deadline = HOST_FOREVER;
	lock_take(&lock);
	sched_hart_online(&sched, pc->index);
	lock_drop(&lock);
}

void task_idle(void)
{
	struct percpu *pc = percpu();

	for (;;) {
		lock_take(&lock);
		schedule(pc);
		if (list_empty(&pc->ended))
			idle_wait(pc);
		lock_drop_clean();
	}
}
