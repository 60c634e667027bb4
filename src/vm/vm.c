#include "vm/vm.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "riscv/sbi.h"

#define VM_LOG_PER_SECOND 10
/* What a VM may take beside its RAM: tables for 4 KiB pages (1/512), vCPUs, devices. */
#define VM_OVERHEAD(memory) ((memory) / 256 + MIB)
#define VM_DEVICE_OVERHEAD MIB /* and for each device that its description names: queues, buffers */

struct vm *vm_table[CONFIG_VMS_MAX];
unsigned vm_count;

static void vm_set_state(struct vm *vm, enum vm_state state)
{
	lock_take(&vm->lock);
	__atomic_store_n(&vm->state, state, __ATOMIC_RELEASE);
	lock_drop(&vm->lock);
	if (vm->parts.changed)
		vm->parts.changed(vm);
}

static enum vm_state vm_get_state(const struct vm *vm)
{
	return __atomic_load_n(&vm->state, __ATOMIC_ACQUIRE);
}

const char *vm_state_name(const struct vm *vm)
{
	static const char *const names[] = {
		[VM_OFF] = "off",       [VM_BUILDING] = "building", [VM_RUNNING] = "running",
		[VM_PAUSED] = "paused", [VM_ENDING] = "ending",     [VM_FAILED] = "failed",
	};

	return names[vm_get_state(vm)];
}

struct vm *vm_find(const char *name)
{
	for (unsigned i = 0; i < vm_count; i++)
		if (strcmp(vm_table[i]->config.name, name) == 0)
			return vm_table[i];
	return NULL;
}

void vm_request(struct vm *vm, enum vm_request request)
{
	__atomic_fetch_or(&vm->requests, request, __ATOMIC_SEQ_CST);
	host_wake(vm->keeper);
}

static u32 vm_take_requests(struct vm *vm, u32 mask)
{
	return __atomic_fetch_and(&vm->requests, ~mask, __ATOMIC_ACQ_REL) & mask;
}

void vm_end(struct vm *vm, enum vm_end end, const char *why)
{
	u32 none = VM_END_NONE;

	if (!__atomic_compare_exchange_n(&vm->end, &none, end, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return;
	__atomic_store_n(&vm->dead, why, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		vcpu_request(vm->vcpus[i], VCPU_REQ_STOP);
	host_wake(vm->keeper);
}

/* Counts a line against the second's allowance; says how many were swallowed before. */
static bool vm_log_allowed(struct vm *vm)
{
	u64 second = host_time() / host_timebase();

	if (vm->log_window != second) {
		if (vm->log_count > VM_LOG_PER_SECOND)
			log_line("[%s] %lu more lines like these", vm->config.name,
				 vm->log_count - VM_LOG_PER_SECOND);
		vm->log_window = second;
		vm->log_count = 0;
	}
	return vm->log_count++ < VM_LOG_PER_SECOND;
}

void vm_log(struct vm *vm, const char *fmt, ...)
{
	char line[160];
	va_list args;
	bool allowed;

	lock_take(&vm->lock);
	allowed = vm_log_allowed(vm);
	lock_drop(&vm->lock);
	if (!allowed)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	log_line("[%s] %s", vm->config.name, line);
}

/* While somebody is inside, the keeper does not take the VM apart. */
static bool vm_enter(struct vm *vm)
{
	bool usable;

	lock_take(&vm->lock);
	usable = vm->state == VM_RUNNING || vm->state == VM_PAUSED;
	vm->callers += usable;
	lock_drop(&vm->lock);
	return usable;
}

static void vm_leave(struct vm *vm)
{
	lock_take(&vm->lock);
	vm->callers--;
	lock_drop(&vm->lock);
}

int vm_call(struct vm *vm, int (*fn)(struct vm *vm, void *arg), void *arg)
{
	struct host_space *before;
	int result;

	if (!vm_enter(vm))
		return -ENODEV;
	before = host_space_enter(vm->space);
	result = fn(vm, arg);
	host_space_enter(before);
	vm_leave(vm);
	return result;
}

/* ---- One run: build, live, take apart. In the keeper's task. ---- */

/* Dedicated vCPUs get a hart each, in order; the others share the VM's harts. */
static u64 vm_vcpu_harts(const struct vm *vm, u32 id)
{
	u64 harts = vm->config.harts;

	if (!vm->config.dedicated)
		return harts;
	while (id--)
		harts &= harts - 1;
	return harts & -harts;
}

static int vm_start_vcpu(struct vcpu *v)
{
	struct vm *vm = v->vm;
	char name[32];
	struct host_task_spec spec = {
		.name = name,
		.space = vm->space,
		.harts = vm_vcpu_harts(vm, v->id),
		.dedicated = vm->config.dedicated,
		.run = vcpu_loop,
		.arg = v,
		.switch_out = vcpu_switch_out,
	};

	snprintf(name, sizeof(name), "%.24s/%u", vm->config.name, v->id);
	v->task = host_task_start(&spec, &vm->account);
	return v->task ? 0 : -ENOMEM;
}

static int vm_build_vcpus(struct vm *vm)
{
	for (u32 id = 0; id < vm->config.vcpus; id++) {
		int err = vcpu_create(vm, id);

		if (err)
			return err;
		vm->vcpu_count = id + 1;
	}
	return 0;
}

/* In the VM's space from here on. */
static int vm_build_parts(struct vm *vm)
{
	int err;

	vm->space = host_space_create(&vm->account);
	if (!vm->space)
		return -ENOMEM;
	host_space_enter(vm->space);
	vm->mem.space = vm->space;
	err = vm->engine->vm_init(vm);
	if (!err)
		err = vm_build_vcpus(vm);
	return err ? err : vm->parts.build(vm);
}

static int vm_build(struct vm *vm)
{
	int err = vm_build_parts(vm);

	if (err && !vm->failure[0])
		snprintf(vm->failure, sizeof(vm->failure), "%s (error %d)",
			 err == -ENOMEM ? "not enough memory" : "cannot be built", -err);
	return err;
}

static int vm_start_vcpus(struct vm *vm)
{
	vm->time_base = vm->engine->host_time ? 0 : host_time();
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		int err = vm_start_vcpu(vm->vcpus[i]);

		if (err) {
			snprintf(vm->failure, sizeof(vm->failure), "not enough memory for its vCPUs");
			return err;
		}
	}
	return 0;
}

static void vm_stop_vcpus(struct vm *vm)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *v = vm->vcpus[i];

		vcpu_request(v, VCPU_REQ_STOP);
		while (v->task && !__atomic_load_n(&v->done, __ATOMIC_ACQUIRE))
			host_sleep(HOST_FOREVER);
	}
}

static void vm_wait_callers(struct vm *vm)
{
	while (__atomic_load_n(&vm->callers, __ATOMIC_ACQUIRE))
		host_sleep(host_time() + host_timebase() / 1000);
}

/* Undoes vm_build, in reverse order and also when that failed half-way. The devices go before
 * the vCPUs, whom they might still interrupt. */
static void vm_unbuild(struct vm *vm)
{
	vm_wait_callers(vm);
	if (!vm->space)
		return;
	vm->parts.unbuild(vm);
	vm_work_stop(vm);
	while (vm->vcpu_count)
		vcpu_destroy(vm->vcpus[--vm->vcpu_count]);
	guest_mem_free(&vm->mem);
	vm->engine->vm_fini(vm);
	host_space_enter(NULL);
	host_space_destroy(vm->space);
	vm->space = NULL;
}

static bool vm_all_parked(const struct vm *vm)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		if (!__atomic_load_n(&vm->vcpus[i]->parked, __ATOMIC_ACQUIRE))
			return false;
	return true;
}

static void vm_pause(struct vm *vm)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		vcpu_request(vm->vcpus[i], VCPU_REQ_PAUSE);
	while (!vm_all_parked(vm) && !__atomic_load_n(&vm->dead, __ATOMIC_ACQUIRE))
		host_sleep(HOST_FOREVER);
	vm_set_state(vm, VM_PAUSED);
}

static void vm_resume(struct vm *vm)
{
	vm_set_state(vm, VM_RUNNING);
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		__atomic_fetch_and(&vm->vcpus[i]->requests, ~(u32)VCPU_REQ_PAUSE, __ATOMIC_ACQ_REL);
		host_wake(vm->vcpus[i]->task);
	}
}

/* Serves the operator while the VM lives. */
static void vm_live(struct vm *vm)
{
	while (!__atomic_load_n(&vm->dead, __ATOMIC_ACQUIRE)) {
		u32 asked = vm_take_requests(vm, ~(u32)VM_REQ_START);

		vm_take_requests(vm, VM_REQ_START);
		if (asked & VM_REQ_STOP)
			vm_end(vm, VM_END_OPERATOR, "stopped by the operator");
		else if (asked & VM_REQ_RESTART)
			vm_end(vm, VM_END_RESTART, "restarted by the operator");
		else if ((asked & VM_REQ_PAUSE) && vm->state == VM_RUNNING)
			vm_pause(vm);
		else if ((asked & VM_REQ_RESUME) && vm->state == VM_PAUSED)
			vm_resume(vm);
		else if (!asked)
			host_sleep(HOST_FOREVER);
	}
}

static void vm_report_end(struct vm *vm)
{
	bool crashed = vm->end == VM_END_CRASH;

	vm->crashes += crashed;
	if (crashed)
		snprintf(vm->failure, sizeof(vm->failure), "%s", vm->dead);
	/* A guest may do this again and again. */
	vm_log(vm, "%s%s", crashed ? "crashed: " : "", vm->dead);
}

static bool vm_restarts(const struct vm *vm)
{
	switch (vm->end) {
	case VM_END_REBOOT:
	case VM_END_RESTART:
		return true;
	case VM_END_CRASH:
		return vm->config.restart != RESTART_NEVER;
	case VM_END_POWEROFF:
		return vm->config.restart == RESTART_ALWAYS;
	default:
		return false;
	}
}

/* From OFF to OFF (or FAILED). */
static void vm_run_once(struct vm *vm)
{
	vm->end = VM_END_NONE;
	vm->dead = NULL;
	vm->failure[0] = '\0';
	vm_set_state(vm, VM_BUILDING);
	vm->starts++; /* not before: OFF after a start means over */
	if (vm_build(vm) == 0) {
		vm_set_state(vm, VM_RUNNING);
		if (vm_start_vcpus(vm) == 0)
			vm_live(vm);
	}
	vm_set_state(vm, VM_ENDING);
	vm_stop_vcpus(vm);
	if (vm->dead)
		vm_report_end(vm);
	else
		log_line("[%s] does not start: %s", vm->config.name, vm->failure);
	vm_unbuild(vm);
	vm->restarting = vm->dead && vm_restarts(vm);
	vm_set_state(vm, vm->dead ? VM_OFF : VM_FAILED);
}

static void vm_wait_start(struct vm *vm, u64 until)
{
	while (host_time() < until &&
	       !(__atomic_load_n(&vm->requests, __ATOMIC_ACQUIRE) & (VM_REQ_STOP | VM_REQ_START)))
		host_sleep(until);
}

/*
 * A VM that keeps ending waits before its next start, so that it cannot keep the machine busy with
 * building it. After a crash: 0, then 1/8 s doubling up to 8 s while runs stay shorter than 10 s.
 * By itself: until 20 ms after its last start. The operator does not wait.
 */
static void vm_back_off(struct vm *vm, u64 started)
{
	if (vm->end != VM_END_CRASH || host_time() - started > 10 * host_timebase()) {
		vm->quick_crashes = 0;
		if (vm->end != VM_END_RESTART)
			vm_wait_start(vm, started + host_timebase() / 50);
		return;
	}
	if (vm->quick_crashes) {
		unsigned doubled = vm->quick_crashes < 7 ? vm->quick_crashes - 1 : 6;

		vm_wait_start(vm, host_time() + (host_timebase() / 8 << doubled));
	}
	vm->quick_crashes++;
}

static void vm_keeper(void *arg)
{
	struct vm *vm = arg;

	for (;;) {
		u64 started;

		/* Whatever else is asked of a VM that is off is forgotten. */
		while (!(vm_take_requests(vm, ~0u) & (VM_REQ_START | VM_REQ_RESTART)))
			host_sleep(HOST_FOREVER);
		do {
			started = host_time();
			vm_run_once(vm);
			if (vm->restarting)
				vm_back_off(vm, started);
		} while (vm->restarting && !vm_take_requests(vm, VM_REQ_STOP));
		vm->restarting = false;
		vm_set_state(vm, vm->state);
	}
}

/* Of a disk in RAM, what it holds. */
static u64 vm_disk_memory(const struct disk_config *d)
{
	struct host_file file;

	if (d->host[0])
		return 0;
	if (!d->file[0])
		return d->size;
	return host_file_find(d->file, &file) == 0 && !d->read_only ? file.size : 0;
}

static u64 vm_memory_limit(const struct vm_config *c, const struct engine_ops *engine)
{
	u64 limit = c->memory + VM_OVERHEAD(c->memory) + engine->vm_memory +
		    c->vcpus * engine->vcpu_memory;

	for (u32 i = 0; i < c->device_count; i++) {
		limit += VM_DEVICE_OVERHEAD;
		if (c->devices[i].kind == DEVICE_DISK)
			limit += vm_disk_memory(&c->devices[i].disk);
	}
	return limit;
}

struct vm *vm_create(const struct vm_config *config, const struct vm_parts *parts, unsigned index)
{
	struct vm *vm = host_alloc(sizeof(*vm), NULL);
	char name[32];
	struct host_task_spec spec = { .name = name, .run = vm_keeper, .arg = vm };

	if (!vm)
		return NULL;
	vm->config = *config;
	vm->parts = *parts;
	vm->engine = parts->engine;
	vm->index = index;
	vm->account.limit = vm_memory_limit(config, parts->engine);
	snprintf(name, sizeof(name), "%.31s", config->name);
	vm->keeper = host_task_start(&spec, NULL);
	if (!vm->keeper) {
		host_free(vm, sizeof(*vm), NULL);
		return NULL;
	}
	return vm;
}
