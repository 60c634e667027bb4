/* The shell's commands about VMs. */
#include <stdio.h>
#include <string.h>

#include "manage/command.h"
#include "manage/format.h"
#include "vm/vm.h"

static enum vm_state state_of(const struct vm *vm)
{
	return __atomic_load_n(&vm->state, __ATOMIC_ACQUIRE);
}

#define END_MAX 128 /* of last_end() */

/* It is off for a moment only: its keeper may wait before it starts it again. */
static bool waits_to_restart(const struct vm *vm)
{
	return state_of(vm) == VM_OFF && __atomic_load_n(&vm->restarting, __ATOMIC_RELAXED);
}

static const char *state_shown(const struct vm *vm)
{
	return waits_to_restart(vm) ? "waiting" : vm_state_name(vm);
}

/* ---- list */

static const char *end_name(u32 end)
{
	static const char *const names[] = {
		[VM_END_NONE] = "-",       [VM_END_POWEROFF] = "power-off",
		[VM_END_REBOOT] = "reboot", [VM_END_CRASH] = "crash",
		[VM_END_OPERATOR] = "stopped", [VM_END_RESTART] = "restarted",
	};

	return end < ARRAY_SIZE(names) ? names[end] : "?";
}

static void last_end(const struct vm *vm, char *buf, size_t size)
{
	u32 end = __atomic_load_n(&vm->end, __ATOMIC_ACQUIRE);
	int len = (int)sizeof(vm->failure) - 1;

	/* The keeper may be writing the text: whatever is there now, but no further than its end. */
	if (end == VM_END_CRASH)
		snprintf(buf, size, "crash: %.*s", len, vm->failure);
	else if (state_of(vm) == VM_FAILED)
		snprintf(buf, size, "did not start: %.*s", len, vm->failure);
	else
		snprintf(buf, size, "%s", end_name(end));
}

static u32 restarts(const struct vm *vm)
{
	u32 starts = __atomic_load_n(&vm->starts, __ATOMIC_RELAXED);

	return starts ? starts - 1 : 0;
}

static void list_row(struct term *t, const struct vm *vm)
{
	const struct vm_config *c = &vm->config;
	char size[FORMAT_MAX], harts[FORMAT_MAX + 1], end[END_MAX];

	last_end(vm, end, sizeof(end));
	format_harts(harts, c->harts);
	if (c->dedicated)
		strcat(harts, "!");
	term_printf(t, "%2u  %-15s %-9s %5u  %9s  %-9s %8u  %s\r\n", vm->index + 1, c->name,
		    state_shown(vm), c->vcpus, format_size(size, c->memory), harts,
		    restarts(vm), end);
}

void command_list(struct shell *sh, const struct command *c, struct vm *vm, const char *word)
{
	bool dedicated = false;

	(void)c;
	(void)vm;
	(void)word;
	term_style(sh->term, "\x1b[1m");
	term_printf(sh->term, "%2s  %-15s %-9s %5s  %9s  %-9s %8s  %s\r\n", "#", "name", "state",
		    "vCPUs", "memory", "harts", "restarts", "last end");
	term_style(sh->term, "\x1b[0m");
	for (unsigned i = 0; i < vm_count; i++) {
		list_row(sh->term, vm_table[i]);
		dedicated |= vm_table[i]->config.dedicated;
	}
	if (dedicated)
		term_puts(sh->term, "(! these harts run this VM only)\r\n");
}

/* ---- start, stop, pause, resume, restart */

struct life {
	const char *name;
	enum vm_request request;
	u32 states; /* a bit for each state in which it makes sense */
	const char *doing;
};

#define IN(state) (1u << (state))

static const struct life lives[] = {
	{ "start", VM_REQ_START, IN(VM_OFF) | IN(VM_FAILED), "starting" },
	{ "stop", VM_REQ_STOP,
	  IN(VM_BUILDING) | IN(VM_RUNNING) | IN(VM_PAUSED) | IN(VM_ENDING), "stopping" },
	{ "pause", VM_REQ_PAUSE, IN(VM_RUNNING), "pausing" },
	{ "resume", VM_REQ_RESUME, IN(VM_PAUSED), "resuming" },
	{ "restart", VM_REQ_RESTART, IN(VM_BUILDING) | IN(VM_RUNNING) | IN(VM_PAUSED), "restarting" },
};

static const struct life *life_find(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(lives); i++)
		if (strcmp(lives[i].name, name) == 0)
			return &lives[i];
	return NULL;
}

static const char *life_hint(const struct life *life, enum vm_state state)
{
	bool off = state == VM_OFF || state == VM_FAILED;

	if (life->request == VM_REQ_RESTART && off)
		return "; 'start' starts it";
	if (life->request == VM_REQ_START && state == VM_PAUSED)
		return "; 'resume' lets it go on";
	if (state == VM_ENDING || state == VM_BUILDING)
		return "; try again in a moment";
	return "";
}

void command_life(struct shell *sh, const struct command *c, struct vm *vm, const char *word)
{
	const struct life *life = life_find(c->name);
	enum vm_state state = state_of(vm);
	bool possible = life->states & IN(state);

	(void)word;
	if (life->request == VM_REQ_STOP && waits_to_restart(vm))
		possible = true;
	if (possible) {
		vm_request(vm, life->request);
		term_printf(sh->term, "%s: %s\r\n", vm->config.name, life->doing);
		return;
	}
	term_printf(sh->term, "%s is %s%s.\r\n", vm->config.name,
		    state == VM_FAILED ? "off" : vm_state_name(vm), life_hint(life, state));
}

/* ---- info */

/* What is copied out of the VM's space: counts, nothing of the guest's contents. */
struct vm_facts {
	unsigned count;
	struct {
		u32 hsm;
		bool parked;
		u64 exits[EXIT_KINDS];
	} vcpus[CONFIG_VCPUS_MAX];
};

static int facts_collect(struct vm *vm, void *arg)
{
	struct vm_facts *facts = arg;

	for (unsigned i = 0; i < vm->vcpu_count && i < CONFIG_VCPUS_MAX; i++) {
		const struct vcpu *v = vm->vcpus[i];
		const u64 *exits = v->priv->exits;

		facts->vcpus[i].hsm = __atomic_load_n(&v->hsm, __ATOMIC_RELAXED);
		facts->vcpus[i].parked = __atomic_load_n(&v->parked, __ATOMIC_RELAXED);
		for (unsigned k = 0; k < EXIT_KINDS; k++)
			facts->vcpus[i].exits[k] = __atomic_load_n(&exits[k], __ATOMIC_RELAXED);
		facts->count = i + 1;
	}
	return 0;
}

/* SBI, chapter "Hart State Management": the states by number. */
static const char *hsm_name(u32 state)
{
	static const char *const names[] = {
		"started", "stopped", "starting", "stopping", "suspended", "suspending", "resuming",
	};

	return state < ARRAY_SIZE(names) ? names[state] : "?";
}

static void info_vcpus(struct term *t, const struct vm_facts *facts)
{
	term_puts(t, "vCPU state      ");
	for (unsigned k = EXIT_INTERRUPT; k < EXIT_KINDS; k++)
		term_printf(t, " %12s", exit_name(k));
	term_puts(t, "\r\n");
	for (unsigned i = 0; i < facts->count; i++) {
		bool parked = facts->vcpus[i].parked;

		term_printf(t, "%4u %-11s", i, parked ? "paused" : hsm_name(facts->vcpus[i].hsm));
		for (unsigned k = EXIT_INTERRUPT; k < EXIT_KINDS; k++)
			term_printf(t, " %12lu", (unsigned long)facts->vcpus[i].exits[k]);
		term_puts(t, "\r\n");
	}
}

static void info_config(struct term *t, const struct vm *vm)
{
	static const char *const policies[] = { "never", "on failure", "always" };
	const struct vm_config *c = &vm->config;
	char buf[FORMAT_MAX];

	term_printf(t, "kernel    %s\r\n", c->kernel);
	if (c->initrd[0])
		term_printf(t, "initrd    %s\r\n", c->initrd);
	term_printf(t, "harts     %s%s\r\n", format_harts(buf, c->harts),
		    c->dedicated ? ", dedicated" : "");
	term_printf(t, "restart   %s; restarted %u times, %u crashes\r\n",
		    c->restart <= RESTART_ALWAYS ? policies[c->restart] : "?", restarts(vm),
		    vm->crashes);
}

static void info_memory(struct term *t, const struct vm *vm)
{
	char guest[FORMAT_MAX], used[FORMAT_MAX], limit[FORMAT_MAX];
	u64 most = vm->account.limit;

	format_size(used, __atomic_load_n(&vm->account.used, __ATOMIC_RELAXED));
	term_printf(t, "memory    %s for the guest; %s in use of %s\r\n",
		    format_size(guest, vm->config.memory), used,
		    most ? format_size(limit, most) : "any amount");
}

void command_info(struct shell *sh, const struct command *c, struct vm *vm, const char *word)
{
	static struct vm_facts facts; /* large for a stack; only the console's task comes here */
	char end[END_MAX];

	(void)c;
	(void)word;
	last_end(vm, end, sizeof(end));
	term_printf(sh->term, "name      %s (number %u)\r\n", vm->config.name, vm->index + 1);
	term_printf(sh->term, "state     %s; last end: %s\r\n", state_shown(vm), end);
	term_printf(sh->term, "engine    %s\r\n", vm->engine ? vm->engine->name : "none");
	info_config(sh->term, vm);
	info_memory(sh->term, vm);
	facts.count = 0;
	if (vm_call(vm, facts_collect, &facts) == 0)
		info_vcpus(sh->term, &facts);
	else
		term_printf(sh->term, "vCPUs     %u, none running\r\n", vm->config.vcpus);
}
