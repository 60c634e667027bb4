#include "manage/facts.h"

#include <stdio.h>
#include <string.h>

enum vm_state facts_state_of(const struct vm *vm)
{
	return __atomic_load_n(&vm->state, __ATOMIC_ACQUIRE);
}

/* It is off for a moment only: its keeper may wait before it starts it again. */
static bool waits_to_restart(const struct vm *vm)
{
	return facts_state_of(vm) == VM_OFF && __atomic_load_n(&vm->restarting, __ATOMIC_RELAXED);
}

const char *facts_state(const struct vm *vm)
{
	return waits_to_restart(vm) ? "waiting" : vm_state_name(vm);
}

bool facts_is_off(const struct vm *vm)
{
	enum vm_state state = facts_state_of(vm);

	return (state == VM_OFF || state == VM_FAILED) && !waits_to_restart(vm);
}

static const char *end_name(u32 end)
{
	static const char *const names[] = {
		[VM_END_NONE] = "-",       [VM_END_POWEROFF] = "power-off",
		[VM_END_REBOOT] = "reboot", [VM_END_CRASH] = "crash",
		[VM_END_OPERATOR] = "stopped", [VM_END_RESTART] = "restarted",
	};

	return end < ARRAY_SIZE(names) ? names[end] : "?";
}

void facts_last_end(const struct vm *vm, char *buf)
{
	u32 end = __atomic_load_n(&vm->end, __ATOMIC_ACQUIRE);
	int len = (int)sizeof(vm->failure) - 1;

	/* The keeper may be writing the text: whatever is there now, but no further than its end. */
	if (end == VM_END_CRASH)
		snprintf(buf, FACTS_END_MAX, "crash: %.*s", len, vm->failure);
	else if (facts_state_of(vm) == VM_FAILED)
		snprintf(buf, FACTS_END_MAX, "did not start: %.*s", len, vm->failure);
	else
		snprintf(buf, FACTS_END_MAX, "%s", end_name(end));
}

u32 facts_restarts(const struct vm *vm)
{
	u32 starts = __atomic_load_n(&vm->starts, __ATOMIC_RELAXED);

	return starts ? starts - 1 : 0;
}

const char *facts_policy(const struct vm *vm)
{
	static const char *const policies[] = { "never", "on failure", "always" };
	u32 restart = vm->config.restart;

	return restart < ARRAY_SIZE(policies) ? policies[restart] : "?";
}

/* ---- start, stop, kill, pause, resume, restart */

struct life {
	const char *name;
	enum vm_request request;
	u32 states; /* a bit for each state in which it makes sense */
	const char *doing;
};

#define IN(state) (1u << (state))
#define IN_NOT_OFF (IN(VM_BUILDING) | IN(VM_RUNNING) | IN(VM_PAUSED) | IN(VM_ENDING))

static const struct life lives[] = {
	{ "start", VM_REQ_START, IN(VM_OFF) | IN(VM_FAILED), "starting" },
	{ "stop", VM_REQ_STOP, IN_NOT_OFF, "stopping" },
	{ "kill", VM_REQ_STOP, IN_NOT_OFF, "stopping" },
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

bool facts_ask(struct vm *vm, const char *what, char *answer)
{
	const struct life *life = life_find(what);
	enum vm_state state = facts_state_of(vm);
	bool possible = life && (life->states & IN(state));

	if (!life) {
		snprintf(answer, FACTS_ANSWER_MAX, "A VM cannot do that.");
		return false;
	}
	if (life->request == VM_REQ_STOP && waits_to_restart(vm))
		possible = true;
	if (possible) {
		vm_request(vm, life->request);
		snprintf(answer, FACTS_ANSWER_MAX, "%s: %s", vm->config.name, life->doing);
	} else {
		snprintf(answer, FACTS_ANSWER_MAX, "%s is %s%s.", vm->config.name,
			 state == VM_FAILED ? "off" : vm_state_name(vm), life_hint(life, state));
	}
	return possible;
}

/* ---- vCPUs */

static int collect(struct vm *vm, void *arg)
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

bool facts_collect(struct vm *vm, struct vm_facts *facts)
{
	facts->count = 0;
	return vm_call(vm, collect, facts) == 0;
}

/* SBI, chapter "Hart State Management": the states by number. */
static const char *hsm_name(u32 state)
{
	static const char *const names[] = {
		"started", "stopped", "starting", "stopping", "suspended", "suspending", "resuming",
	};

	return state < ARRAY_SIZE(names) ? names[state] : "?";
}

const char *facts_vcpu_state(const struct vm_facts *facts, unsigned vcpu)
{
	return facts->vcpus[vcpu].parked ? "paused" : hsm_name(facts->vcpus[vcpu].hsm);
}
