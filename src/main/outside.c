#include "main/outside.h"

#include <errno.h>
#include <string.h>

#include "dev/shared.h"
#include "io/net.h"
#include "io/pipe.h"
#include "lib/log.h"
#include "manage/console.h"
#include "vm/vm.h"

#define SHARED_EXTENTS_MAX 16
#define PIPES_MAX (CONFIG_DEVICES_TOTAL / 2)

static struct {
	const struct system_config *config;
	const struct outside_host *host;
	struct net_switch *switches[CONFIG_SWITCHES_MAX];
	struct host_space *shared_space; /* maps what is shared for nobody but the one who zeroes it */
	struct shared {
		struct shared_region region;
		struct host_extent extents[SHARED_EXTENTS_MAX];
		int count;
	} *shared[CONFIG_SHARED_MAX];
	unsigned pipe_count;
	struct {
		const char *name;
		struct pipe *pipe;
	} pipes[PIPES_MAX];
} all;

static bool no_memory(const char *what, const char *name)
{
	log_line("no memory for the %s \"%s\"", what, name);
	return false;
}

/* ---- Switches */

static bool uplink_join(struct net_switch *s, const struct switch_config *c)
{
	int err = all.host->uplink ? all.host->uplink(s, c) : -ENOENT;

	if (!err)
		return true;
	log_line("system.dtb: /switches/%s/uplink: %s", c->name,
		 err == -ENOENT ? "the host has no such network card" :
		 err == -ENOMEM ? "no memory" : "the host's network card does not work");
	return false;
}

static bool switch_open(u32 number)
{
	const struct switch_config *c = &all.config->switches[number];

	all.switches[number] = net_switch_create(c->name);
	if (!all.switches[number])
		return no_memory("switch", c->name);
	return !c->uplink || uplink_join(all.switches[number], c);
}

static struct net_switch *outside_network(struct vm *vm unused, u32 number)
{
	return all.switches[number];
}

/* ---- Shared memory */

static bool shared_open(u32 number)
{
	const struct shared_config *c = &all.config->shared[number];
	struct shared *s = host_alloc(sizeof(*s), NULL);
	struct host_space *before;

	if (!all.shared_space)
		all.shared_space = host_space_create(NULL);
	if (!s || !all.shared_space)
		return no_memory("shared memory", c->name);
	before = host_space_enter(all.shared_space);
	s->count = host_ram_alloc(all.shared_space, c->size, s->extents, SHARED_EXTENTS_MAX);
	host_space_enter(before);
	if (s->count < 0)
		return no_memory("shared memory", c->name);
	s->region.name = c->name;
	all.shared[number] = s;
	return true;
}

/* Members are counted in the order of the description. */
static unsigned shared_member(const struct device_config *d)
{
	unsigned id = 0;

	for (const struct device_config *other = all.config->devices; other < d; other++)
		id += other->kind == DEVICE_SHARED && other->shared.memory == d->shared.memory;
	return id;
}

static bool outside_shared(struct vm *vm unused, const struct device_config *d, struct vm_shared *out)
{
	struct shared *s = all.shared[d->shared.memory];

	*out = (struct vm_shared){
		.region = &s->region,
		.id = shared_member(d),
		.size = all.config->shared[d->shared.memory].size,
		.extents = s->extents,
		.count = (unsigned)s->count,
	};
	return out->id < SHARED_MEMBERS_MAX;
}

/* ---- Consoles */

/* The first end of a pipe is the first console of the description that names it. */
static unsigned pipe_side(const struct device_config *d)
{
	for (const struct device_config *other = all.config->devices; other < d; other++)
		if (other->kind == DEVICE_CONSOLE && !other->console.operator &&
		    strcmp(other->console.pipe, d->console.pipe) == 0)
			return 1;
	return 0;
}

static bool pipes_open(void)
{
	for (u32 i = 0; i < all.config->device_count; i++) {
		const struct device_config *d = &all.config->devices[i];
		struct pipe *pipe;

		if (d->kind != DEVICE_CONSOLE || d->console.operator || pipe_side(d))
			continue;
		pipe = pipe_create(NULL);
		if (!pipe)
			return no_memory("pipe", d->console.pipe);
		all.pipes[all.pipe_count].name = d->console.pipe;
		all.pipes[all.pipe_count++].pipe = pipe;
	}
	return true;
}

static struct char_backend *outside_console(struct vm *vm, const struct device_config *d)
{
	if (d->console.operator)
		return console_backend(vm->index, vm->config.name, NULL);
	for (unsigned i = 0; i < all.pipe_count; i++)
		if (strcmp(all.pipes[i].name, d->console.pipe) == 0)
			return pipe_end(all.pipes[i].pipe, pipe_side(d));
	return NULL;
}

/* ---- All of it */

static struct block *outside_disk(struct vm *vm, const struct disk_config *c)
{
	return all.host->disk ? all.host->disk(vm, c) : NULL;
}

static bool outside_lend(struct vm *vm, const struct host_device_config *c, struct lent_device *d)
{
	return all.host->lend && all.host->lend(vm, c, d);
}

/* These two only of a device that was lent. */
static void outside_lend_irq(u32 irq, const struct irq_line *wire)
{
	all.host->lend_irq(irq, wire);
}

static void outside_lend_completed(u32 irq)
{
	all.host->lend_completed(irq);
}

const struct vm_outside outside = {
	.disk = outside_disk,
	.network = outside_network,
	.console = outside_console,
	.shared = outside_shared,
	.lend = outside_lend,
	.lend_irq = outside_lend_irq,
	.lend_completed = outside_lend_completed,
};

bool outside_init(const struct system_config *config, const struct outside_host *host)
{
	bool ok = true;

	all.config = config;
	all.host = host;
	for (u32 i = 0; i < config->switch_count; i++)
		ok &= switch_open(i);
	for (u32 i = 0; i < config->shared_count; i++)
		ok &= shared_open(i);
	return pipes_open() && ok;
}
