/*
 * Tasks are threads. A sleep is a wait for a futex, the word `woken`; whoever runs a guest is
 * interrupted by a signal, whose handler tells the kernel to leave the guest at once.
 */
#define _GNU_SOURCE
#include "host/linux/task.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "host/linux/linux.h"
#include "host/linux/time.h"

enum { STACK_SIZE = 256 * KIB };

struct host_task {
	pthread_t thread;
	char name[32];
	struct host_space *space; /* the current one; the thread's own */
	struct host_account *payer;
	u64 harts;
	void (*run)(void *arg);
	void *arg;
	u32 woken;  /* atomic; the futex */
	u32 inside; /* atomic: in the guest, or on the way */
	u8 *leave;
	u64 alarm;
	bool timer_made;
	timer_t timer; /* of the alarm while the task is not asleep */
};

static struct host_task main_task = { .name = "main", .alarm = HOST_FOREVER };
static _Thread_local struct host_task *self;

struct host_task *host_task_self(void) { return self; }
struct host_space *host_space_current(void) { return self->space; }

struct host_space *host_space_enter(struct host_space *space)
{
	struct host_space *former = self->space;

	self->space = space;
	return former;
}

/* ---- Sleeping and waking */

static int kick_signal(void) { return SIGRTMIN; }

/* In the thread that is meant. Between linux_guest_enter() and the system call as well. */
static void kick_taken(int signal unused)
{
	if (self && self->leave)
		__atomic_store_n(self->leave, 1, __ATOMIC_RELAXED);
}

int task_init(void)
{
	struct sigaction action = { .sa_handler = kick_taken };

	main_task.thread = pthread_self();
	self = &main_task;
	return sigaction(kick_signal(), &action, NULL) < 0 ? -errno : 0;
}

static void futex_wait(u32 *word, u32 value, u64 until)
{
	struct timespec when;

	if (until != HOST_FOREVER)
		time_to_timespec(until, &when);
	syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value, until == HOST_FOREVER ? NULL : &when,
		NULL, FUTEX_BITSET_MATCH_ANY);
}

static bool alarm_due(struct host_task *t)
{
	if (t->alarm == HOST_FOREVER || host_time() < t->alarm)
		return false;
	t->alarm = HOST_FOREVER;
	return true;
}

void host_sleep(u64 until)
{
	struct host_task *t = self;

	if (!__atomic_exchange_n(&t->woken, 0, __ATOMIC_ACQUIRE) && !alarm_due(t)) {
		futex_wait(&t->woken, 0, min_u64(until, t->alarm));
		alarm_due(t);
		__atomic_store_n(&t->woken, 0, __ATOMIC_RELAXED);
		/* What made the waker wake us is read after this. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
}

void host_wake(struct host_task *t)
{
	/* The waker's request comes before the look at `inside`, as linux_guest_enter() comes before
	 * the guest's look at requests: one of the two sees the other. */
	if (!__atomic_exchange_n(&t->woken, 1, __ATOMIC_SEQ_CST) && t != self)
		syscall(SYS_futex, &t->woken, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	if (__atomic_load_n(&t->inside, __ATOMIC_SEQ_CST))
		pthread_kill(t->thread, kick_signal());
}

void host_yield(void)
{
	/* The kernel preempts: who waits for a hart gets it without being asked for. */
}

/* ---- Guests */

void linux_guest_enter(u8 *leave)
{
	self->leave = leave;
	/* A wake-up from before is one that the caller looks for now. */
	__atomic_store_n(&self->woken, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&self->inside, 1, __ATOMIC_SEQ_CST);
}

void linux_guest_left(void) { __atomic_store_n(&self->inside, 0, __ATOMIC_RELEASE); }

/* ---- Alarms */

static bool timer_make(struct host_task *t)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = kick_signal() };

	event._sigev_un._tid = gettid();
	t->timer_made = t->timer_made || timer_create(CLOCK_MONOTONIC, &event, &t->timer) == 0;
	return t->timer_made;
}

/* host_sleep() looks at t->alarm itself; the timer is for a task that is in the guest then. */
void host_alarm(u64 when)
{
	struct host_task *t = self;
	struct itimerspec spec = { 0 };

	t->alarm = when;
	if (when == HOST_FOREVER && !t->timer_made)
		return;
	if (!timer_make(t))
		return;
	if (when != HOST_FOREVER)
		time_to_timespec(when, &spec.it_value);
	/* All zero disarms. */
	timer_settime(t->timer, TIMER_ABSTIME, &spec, NULL);
}

/* ---- Starting and ending */

/* The host's harts as the kernel counts them; one that is not there, or not ours, is left out. */
static void task_bind(const struct host_task *t)
{
	cpu_set_t set;

	if (!t->harts)
		return;
	CPU_ZERO(&set);
	for (unsigned i = 0; i < 64; i++)
		if (t->harts >> i & 1)
			CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *task_main(void *arg)
{
	struct host_task *t = arg;
	char name[16]; /* the kernel keeps no more */

	self = t;
	snprintf(name, sizeof(name), "%.15s", t->name);
	pthread_setname_np(pthread_self(), name);
	task_bind(t);
	t->run(t->arg);
	if (t->timer_made)
		timer_delete(t->timer);
	return NULL;
}

/* Signals of the process are for the main thread. */
static int thread_start(struct host_task *t)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int err;

	sigfillset(&all);
	sigdelset(&all, kick_signal());
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&t->thread, &attr, task_main, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return err;
}

struct host_task *host_task_start(const struct host_task_spec *spec, struct host_account *payer)
{
	struct host_task *t = host_alloc(sizeof(*t), payer);

	if (!t)
		return NULL;
	snprintf(t->name, sizeof(t->name), "%s", spec->name);
	t->space = spec->space;
	t->harts = spec->harts;
	t->run = spec->run;
	t->arg = spec->arg;
	t->payer = payer;
	t->alarm = HOST_FOREVER;
	if (!thread_start(t))
		return t;
	host_free(t, sizeof(*t), payer);
	return NULL;
}

void host_task_reap(struct host_task *t)
{
	pthread_join(t->thread, NULL);
	host_free(t, sizeof(*t), t->payer);
}
