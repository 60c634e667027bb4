/*
 * A switch: where a frame goes. Its own lock guards who is there and what was learned, and is
 * held for that alone; what is copied is copied under the receiving port's.
 */
#include <errno.h>
#include <stdio.h>

#include "host/host.h"
#include "io/net_port.h"
#include "lib/bits.h"

#define AGE_SECONDS 300
/* What one frame to many may cost: bytes copied. */
#define FLOOD_MAX (1 * MIB)
/* Of what a port's rate allows, so much may be sent in one go. */
#define BURST_MS 10

struct net_switch {
	struct host_task *task;
	unsigned second; /* 2 to this are about the ticks of a second */
	bool stop;       /* atomic */
	struct lock lock; /* guards what follows */
	u64 alarm; /* when the task looks next */
	unsigned limit; /* ports[limit..] are empty */
	struct net_port *ports[NET_PORTS_MAX];
	struct net_table table;
};

static u32 switch_now(const struct net_switch *s)
{
	return (u32)(host_time() >> s->second);
}

/* ---- Ports come and go */

int net_switch_add(struct net_switch *s, struct net_port *p)
{
	unsigned i = 0;

	lock_take(&s->lock);
	while (i < NET_PORTS_MAX && s->ports[i])
		i++;
	if (i < NET_PORTS_MAX) {
		p->index = i;
		s->ports[i] = p;
		if (s->limit <= i)
			s->limit = i + 1;
	}
	lock_drop(&s->lock);
	return i < NET_PORTS_MAX ? 0 : -ENOSPC;
}

static void port_use(struct net_port *p)
{
	__atomic_fetch_add(&p->users, 1, __ATOMIC_RELAXED);
}

static void port_leave(struct net_port *p)
{
	__atomic_fetch_sub(&p->users, 1, __ATOMIC_RELEASE);
}

void net_switch_remove(struct net_switch *s, struct net_port *p)
{
	lock_take(&s->lock);
	s->ports[p->index] = NULL;
	net_table_forget(&s->table, p->index);
	while (s->limit && !s->ports[s->limit - 1])
		s->limit--;
	lock_drop(&s->lock);
	while (__atomic_load_n(&p->users, __ATOMIC_ACQUIRE))
		host_yield();
}

/* The port of this number, used; NULL: there is none. */
static struct net_port *switch_use(struct net_switch *s, unsigned index)
{
	struct net_port *p;

	lock_take(&s->lock);
	p = s->ports[index];
	if (p)
		port_use(p);
	lock_drop(&s->lock);
	return p;
}

void net_switch_tell(struct net_switch *s, const struct net_ports *ports)
{
	for (unsigned word = 0; word < ARRAY_SIZE(ports->bits); word++) {
		for (u64 left = ports->bits[word]; left; left &= left - 1) {
			unsigned index = word * 64 + bits_lowest(left);
			struct net_port *p = switch_use(s, index);

			if (!p)
				continue;
			net_port_tell(p);
			port_leave(p);
		}
	}
}

/* ---- Rates: a port that has sent for longer than its rate allows waits until it has not.
 * The switch's lock is held. */

static u64 rate_burst(void)
{
	return host_timebase() * BURST_MS / 1000;
}

static bool rate_allows(struct net_port *p, u64 now, u64 *deadline)
{
	if (p->rate_at <= now + rate_burst())
		return true;
	p->throttled = true;
	*deadline = p->rate_at - rate_burst();
	return false;
}

static void rate_charge(struct net_port *p, u32 bytes, u64 now)
{
	u64 due = bytes * host_timebase() + p->rate_rest;

	if (p->rate_at < now)
		p->rate_at = now;
	p->rate_at += due / p->config.rate;
	p->rate_rest = due % p->config.rate;
}

/* ---- Time */

/* The task looks at @when at the latest. */
static void switch_arm(struct net_switch *s, u64 when)
{
	bool wake;

	lock_take(&s->lock);
	wake = when < s->alarm;
	if (wake)
		s->alarm = when;
	lock_drop(&s->lock);
	if (wake)
		host_wake(s->task);
}

/* True if the port waited for its rate, and need not any more. */
static bool port_unthrottle(struct net_switch *s, struct net_port *p, u64 *deadline)
{
	u64 now = host_time(), when = HOST_FOREVER;
	bool tell = false;

	lock_take(&s->lock);
	if (p->throttled) {
		tell = rate_allows(p, now, &when);
		p->throttled = !tell;
	}
	lock_drop(&s->lock);
	*deadline = min_u64(*deadline, when);
	return tell;
}

static void port_look(struct net_switch *s, struct net_port *p, u64 *deadline)
{
	struct net_ports waiting;

	if (net_port_take_waiting(p, false, &waiting, deadline))
		net_switch_tell(s, &waiting);
	if (p->config.rate && port_unthrottle(s, p, deadline))
		net_port_tell(p);
}

/* Whoever arms while this looks makes it look again. */
static void switch_look(struct net_switch *s)
{
	u64 deadline = HOST_FOREVER;

	lock_take(&s->lock);
	s->alarm = HOST_FOREVER;
	lock_drop(&s->lock);
	for (unsigned i = 0; i < NET_PORTS_MAX; i++) {
		struct net_port *p = switch_use(s, i);

		if (!p)
			continue;
		port_look(s, p, &deadline);
		port_leave(p);
	}
	lock_take(&s->lock);
	s->alarm = deadline = min_u64(deadline, s->alarm);
	lock_drop(&s->lock);
	host_sleep(deadline);
}

static void switch_task(void *arg)
{
	struct net_switch *s = arg;

	while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE))
		switch_look(s);
}

/* ---- Frames; the switch's lock is held where it says so */

/* What VLAN the frame belongs to goes into its tag. False: not for such a port. */
static bool frame_enter(struct net_frame *f, const struct net_port *from)
{
	u16 vlan = from->config.vlan;

	if (!vlan)
		return true;
	/* Tagged for priority only, or as a member of what the port is a member of anyway. */
	if (f->tagged && (f->tag & 0xfff) && (f->tag & 0xfff) != vlan)
		return false;
	net_frame_set_tag(f, false);
	f->tag = (u16)((f->tag & 0xf000) | vlan);
	return true;
}

/* As the receiver's port wants it: with a tag on trunks, without one elsewhere. */
static void frame_leave(struct net_frame *f, const struct net_port *to)
{
	if (f->tag & 0xfff)
		net_frame_set_tag(f, !to->config.vlan);
}

static bool frame_may_pass(const struct net_frame *f, const struct net_port *from,
			   const struct net_port *to)
{
	if (to == from || (to->config.isolated && from->config.isolated))
		return false;
	return !to->config.vlan || to->config.vlan == (f->tag & 0xfff);
}

/* Lock held. Most frames come from the address that the last one came from. */
static void switch_learn(struct net_switch *s, const struct net_frame *f, struct net_port *from, u32 now)
{
	u64 source = net_frame_address(f, true);
	int loser;

	if (source == from->learned && now == from->learned_at)
		return;
	if (net_address_is_group(source) || !source)
		return;
	loser = net_table_learn(&s->table, source, from->index, now);
	if (loser >= 0 && s->ports[loser])
		s->ports[loser]->learned = 0;
	from->learned = source;
	from->learned_at = now;
}

enum where { TO_NOBODY, TO_ONE, TO_MANY };

/* Lock held. TO_ONE: *to is used. */
static enum where switch_find(struct net_switch *s, const struct net_frame *f,
			      const struct net_port *from, u32 now, struct net_port **to)
{
	u64 destination = net_frame_address(f, false);
	int index;

	if (net_address_is_group(destination))
		return TO_MANY;
	index = net_table_find(&s->table, destination, now);
	if (index < 0)
		return TO_MANY;
	*to = s->ports[index];
	if (!*to || !frame_may_pass(f, from, *to))
		return TO_NOBODY;
	port_use(*to);
	return TO_ONE;
}

/* About how many bytes are copied for one who gets it, and may want it in pieces: each has headers. */
static u64 frame_cost(const struct net_frame *f)
{
	u64 pieces = f->offload.gso_type ? f->size / f->offload.gso_size + 1u : 1;

	return f->size + pieces * NET_HEADERS_MAX;
}

/* Lock held. Whom a frame for many goes to; none if that were too much work. */
static void switch_gather(const struct net_switch *s, const struct net_frame *f,
			  struct net_port *from, struct net_ports *ports)
{
	unsigned count = 0;

	*ports = (struct net_ports){ 0 };
	for (unsigned i = 0; i < s->limit; i++) {
		if (!s->ports[i] || !frame_may_pass(f, from, s->ports[i]))
			continue;
		ports->bits[i / 64] |= BIT(i % 64);
		count++;
	}
	/* One address that nobody answered from, and TCP that was sent to it in large: it will try
	 * again with less. */
	if (count > 1 && count * frame_cost(f) > FLOOD_MAX)
		*ports = (struct net_ports){ 0 };
	else
		from->cost = count * frame_cost(f);
}

static void switch_flood(struct net_switch *s, struct net_frame *f, const struct net_ports *ports)
{
	for (unsigned i = 0; i < NET_PORTS_MAX; i++) {
		struct net_port *to;

		if (!(ports->bits[i / 64] >> (i % 64) & 1))
			continue;
		to = switch_use(s, i);
		if (!to)
			continue;
		frame_leave(f, to);
		net_port_put(to, f, NULL, NULL);
		port_leave(to);
	}
}

/* To one or to all; *deadline with -EAGAIN: when to look again. */
static int switch_forward(struct net_switch *s, struct net_frame *f, struct net_port *from,
			  u64 *deadline)
{
	struct net_ports ports;
	struct net_port *to = NULL;
	u32 now = switch_now(s);
	enum where where;
	int result;

	lock_take(&s->lock);
	if (from->config.rate && !rate_allows(from, host_time(), deadline)) {
		lock_drop(&s->lock);
		return -EAGAIN;
	}
	switch_learn(s, f, from, now);
	where = switch_find(s, f, from, now, &to);
	if (where == TO_MANY)
		switch_gather(s, f, from, &ports);
	lock_drop(&s->lock);
	if (where == TO_NOBODY)
		return 0;
	if (where == TO_MANY) {
		switch_flood(s, f, &ports);
		return 0;
	}
	from->cost = frame_cost(f);
	frame_leave(f, to);
	result = net_port_put(to, f, from, deadline);
	port_leave(to);
	return result;
}

static void port_sent(struct net_switch *s, struct net_port *p, u32 bytes)
{
	__atomic_fetch_add(&p->stats.tx_frames, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&p->stats.tx_bytes, bytes, __ATOMIC_RELAXED);
	if (!p->config.rate)
		return;
	lock_take(&s->lock);
	rate_charge(p, bytes, host_time());
	lock_drop(&s->lock);
}

static void port_refused(struct net_port *p)
{
	__atomic_fetch_add(&p->stats.tx_dropped, 1, __ATOMIC_RELAXED);
}

int net_send(struct net_port *p, const struct net_offload *offload, const struct io_segment *segments,
	     unsigned count)
{
	struct net_switch *s = p->sw;
	struct net_frame f;
	u64 deadline = HOST_FOREVER;

	p->cost = 0;
	if (net_frame_read(&f, offload, segments, count) < 0) {
		port_refused(p);
		return -EINVAL;
	}
	if (!__atomic_load_n(&p->up, __ATOMIC_RELAXED) || !frame_enter(&f, p)) {
		port_refused(p);
		return 0;
	}
	if (switch_forward(s, &f, p, &deadline) == -EAGAIN) {
		switch_arm(s, deadline);
		return -EAGAIN;
	}
	port_sent(s, p, f.sent);
	return 0;
}

u64 net_send_cost(const struct net_port *p)
{
	return p->cost;
}

/* ---- Life */

struct net_switch *net_switch_create(const char *name)
{
	struct net_switch *s = host_alloc(sizeof(*s), NULL);
	char task_name[32];
	const struct host_task_spec spec = { .name = task_name, .run = switch_task, .arg = s };

	if (!s)
		return NULL;
	snprintf(task_name, sizeof(task_name), "switch/%.24s", name);
	net_table_init(&s->table, host_random(), AGE_SECONDS);
	while (host_timebase() >> s->second > 1)
		s->second++;
	s->task = host_task_start(&spec, NULL);
	if (s->task)
		return s;
	host_free(s, sizeof(*s), NULL);
	return NULL;
}

void net_switch_destroy(struct net_switch *s)
{
	host_assert(!s->limit);
	__atomic_store_n(&s->stop, true, __ATOMIC_RELEASE);
	host_wake(s->task);
	host_task_reap(s->task);
	host_free(s, sizeof(*s), NULL);
}
