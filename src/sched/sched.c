/* Placement, queues and time slices: see sched/sched.h. */
#include "sched/sched.h"

#include "lib/bits.h"

void sched_init(struct sched *s, u32 harts, u64 slice)
{
	*s = (struct sched){ .harts = harts, .slice = slice };
	for (u32 h = 0; h < harts; h++)
		list_init(&s->hart[h].queue);
}

void sched_hart_online(struct sched *s, u32 h)
{
	s->online |= BIT(h);
	s->idle |= BIT(h);
}

/* Where @t may be now. Never empty while a hart is online: rather share a dedicated hart, or
 * run where it was not asked for, than never run. */
static u64 task_harts(const struct sched *s, const struct sched_task *t)
{
	u64 asked = t->allowed & s->online;

	if (!asked)
		asked = s->online;
	if (!t->dedicated && (asked & ~s->owned))
		asked &= ~s->owned;
	return asked;
}

static u32 hart_load(const struct sched *s, u32 h)
{
	return s->hart[h].waiting + (s->hart[h].running ? 1 : 0);
}

static u32 least_loaded(const struct sched *s, u64 harts, u32 best)
{
	if (!(harts & BIT(best)))
		best = bits_lowest(harts);
	for (; harts; harts &= harts - 1) {
		u32 h = bits_lowest(harts);

		if (hart_load(s, h) < hart_load(s, best))
			best = h;
	}
	return best;
}

/* The hart it ran on last while that idles (its caches), any idle one, the least loaded one.
 * Idle harts that tasks were queued for already count as loaded. */
static u32 task_place(const struct sched *s, const struct sched_task *t)
{
	u64 harts = task_harts(s, t);
	u64 idle = harts & s->idle & ~s->queued;

	if (t->pinned || (idle & BIT(t->hart)))
		return t->hart;
	if (idle)
		return bits_lowest(idle);
	return least_loaded(s, harts, t->hart);
}

static u64 task_queue(struct sched *s, struct sched_task *t)
{
	u32 h = task_place(s, t);

	t->hart = h;
	t->state = SCHED_WAITING;
	list_push_back(&s->hart[h].queue, &t->link);
	s->hart[h].waiting++;
	s->queued |= BIT(h);
	return BIT(h);
}

static void task_unqueue(struct sched *s, struct sched_task *t)
{
	list_remove(&t->link);
	if (--s->hart[t->hart].waiting == 0)
		s->queued &= ~BIT(t->hart);
}

/* Sends away who waits on @h but should no longer. */
static u64 hart_clear(struct sched *s, u32 h)
{
	struct list *next;
	u64 poke = 0;

	for (struct list *it = s->hart[h].queue.next; it != &s->hart[h].queue; it = next) {
		struct sched_task *t = container_of(it, struct sched_task, link);

		next = it->next;
		if (t->pinned || (task_harts(s, t) & BIT(h)))
			continue;
		task_unqueue(s, t);
		poke |= task_queue(s, t);
	}
	return poke;
}

u64 sched_add(struct sched *s, struct sched_task *t, u64 allowed, bool dedicated)
{
	u64 poke = 0;

	*t = (struct sched_task){ .allowed = allowed ? allowed : ~0ul, .dedicated = dedicated };
	list_init(&t->link);
	t->hart = bits_lowest(task_harts(s, t));
	if (!dedicated)
		return 0;
	for (u32 h = 0; h < s->harts; h++) {
		if (!(t->allowed & BIT(h)))
			continue;
		s->hart[h].owners++;
		s->owned |= BIT(h);
	}
	for (u32 h = 0; h < s->harts; h++)
		if (t->allowed & BIT(h))
			poke |= hart_clear(s, h) | BIT(h);
	return poke & s->online;
}

void sched_remove(struct sched *s, struct sched_task *t)
{
	if (!t->dedicated)
		return;
	for (u32 h = 0; h < s->harts; h++)
		if ((t->allowed & BIT(h)) && --s->hart[h].owners == 0)
			s->owned &= ~BIT(h);
}

u64 sched_wake(struct sched *s, struct sched_task *t)
{
	return t->state == SCHED_BLOCKED ? task_queue(s, t) : 0;
}

void sched_block(struct sched *s, struct sched_task *t)
{
	s->hart[t->hart].running = NULL;
	t->state = SCHED_BLOCKED;
}

bool sched_resume(struct sched *s, struct sched_task *t, u64 now)
{
	struct sched_hart *hart = &s->hart[t->hart];

	if (t->state != SCHED_BLOCKED || hart->waiting || (!t->dedicated && s->owned & BIT(t->hart)))
		return false;
	s->idle &= ~BIT(t->hart);
	t->state = SCHED_RUNNING;
	t->since = now;
	hart->running = t;
	return true;
}

u64 sched_requeue(struct sched *s, struct sched_task *t)
{
	s->hart[t->hart].running = NULL;
	return task_queue(s, t);
}

/* A task for idle hart @h from another hart's queue. */
static struct sched_task *task_steal(struct sched *s, u32 h)
{
	for (u64 from = s->queued; from; from &= from - 1) {
		struct sched_hart *other = &s->hart[bits_lowest(from)];

		list_for_each(it, &other->queue) {
			struct sched_task *t = container_of(it, struct sched_task, link);

			if (!t->pinned && (task_harts(s, t) & BIT(h)))
				return t;
		}
	}
	return NULL;
}

struct sched_task *sched_pick(struct sched *s, u32 h, u64 now)
{
	struct sched_hart *hart = &s->hart[h];
	struct sched_task *t;

	if (hart->waiting)
		t = container_of(hart->queue.next, struct sched_task, link);
	else
		t = task_steal(s, h);
	if (!t) {
		s->idle |= BIT(h);
		return NULL;
	}
	task_unqueue(s, t);
	s->idle &= ~BIT(h);
	t->hart = h;
	t->state = SCHED_RUNNING;
	t->since = now;
	hart->running = t;
	return t;
}

u64 sched_slice_end(const struct sched *s, u32 h)
{
	const struct sched_hart *hart = &s->hart[h];

	if (!hart->running)
		return SCHED_NEVER;
	if (hart->waiting)
		return hart->running->since + s->slice;
	/* One that was here before the hart was given to others leaves when its time is up. */
	if (!(task_harts(s, hart->running) & BIT(h)))
		return hart->running->since + s->slice;
	return SCHED_NEVER;
}
