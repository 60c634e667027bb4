/*
 * The hypervisor put together as a process: the engine over KVM, the VMs of a system, their end.
 */
#include "main/linux.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "board/virt.h"
#include "engine/kvm/kvm.h"
#include "host/linux/linux.h"
#include "lib/log.h"
#include "main/cli/report.h"
#include "main/linux_control.h"
#include "main/outside.h"
#include "vm/vm.h"

enum { STOP_SECONDS = 5 };

static struct host_task *main_task;
static volatile sig_atomic_t signalled; /* the first one */
static bool shut_down;                  /* atomic; by the operator */

/* ---- Signals */

/* In the main thread only: the others block them. */
static void signal_taken(int number)
{
	/* Who asks twice means it. */
	if (signalled) {
		terminal_restore();
		_exit(128 + number);
	}
	signalled = number;
	host_wake(main_task);
}

static void signals_take(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action = { .sa_handler = signal_taken };

	for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaction(numbers[i], &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
}

static void operator_shutdown(void)
{
	__atomic_store_n(&shut_down, true, __ATOMIC_RELEASE);
	host_wake(main_task);
}

/* ---- VMs */

static const struct outside_host lend;

static void vm_changed(struct vm *vm unused) { host_wake(main_task); }

static bool create_vms(const struct system_config *config)
{
	for (u32 i = 0; i < config->vm_count; i++) {
		const struct vm_config *vc = &config->vms[i];
		struct vm_parts parts = {
			.engine = &kvm_engine,
			.build = virt_build,
			.unbuild = virt_unbuild,
			.changed = vm_changed,
			.outside = &outside,
		};

		if (vc->console)
			parts.console = linux_console_backend(i, vc->name);
		vm_table[i] = vm_create(vc, &parts, i);
		if (!vm_table[i]) {
			log_line("[%s] no memory to create it", vc->name);
			return false;
		}
		vm_count = i + 1;
	}
	return true;
}

static void start_vms(void)
{
	for (unsigned i = 0; i < vm_count; i++)
		if (vm_table[i]->config.start == START_AUTO)
			vm_request(vm_table[i], VM_REQ_START);
	/* So that nobody reads that they are off. */
	for (unsigned i = 0; i < vm_count; i++)
		while (vm_table[i]->config.start == START_AUTO &&
		       !__atomic_load_n(&vm_table[i]->starts, __ATOMIC_ACQUIRE))
			host_sleep(host_time() + host_timebase() / 1000);
}

static enum vm_state state_of(const struct vm *vm)
{
	return __atomic_load_n(&vm->state, __ATOMIC_ACQUIRE);
}

static bool vm_is_off(const struct vm *vm)
{
	enum vm_state state = state_of(vm);

	return (state == VM_OFF || state == VM_FAILED) && !__atomic_load_n(&vm->restarting, __ATOMIC_ACQUIRE);
}

/* With a person there, what that person stopped may be started again. */
static bool vm_is_over(const struct vm *vm)
{
	if (vm->config.start == START_MANUAL && !vm->starts)
		return !linux_console_attended();
	return vm->starts && vm_is_off(vm) &&
	       !(linux_console_attended() && vm->end == VM_END_OPERATOR);
}

static bool all_over(bool (*over)(const struct vm *vm))
{
	for (unsigned i = 0; i < vm_count; i++)
		if (!over(vm_table[i]))
			return false;
	return true;
}

static bool any_failed(void)
{
	for (unsigned i = 0; i < vm_count; i++)
		if (state_of(vm_table[i]) == VM_FAILED || vm_table[i]->crashes)
			return true;
	return false;
}

/* ---- Until the end */

/* Takes all VMs down; one that does not end in time is left to the kernel. */
static void stop_vms(void)
{
	u64 until = host_time() + STOP_SECONDS * host_timebase();

	while (!all_over(vm_is_off) && host_time() < until) {
		for (unsigned i = 0; i < vm_count; i++)
			if (!vm_is_off(vm_table[i]))
				vm_request(vm_table[i], VM_REQ_STOP);
		host_sleep(min_u64(until, host_time() + host_timebase() / 10));
	}
}

static bool ends_early(void)
{
	return signalled || __atomic_load_n(&shut_down, __ATOMIC_ACQUIRE);
}

/* False after @seconds, if that is not 0. */
static bool wait_for_end(u32 seconds)
{
	u64 until = seconds ? host_time() + seconds * host_timebase() : HOST_FOREVER;

	while (!all_over(vm_is_over) && !ends_early()) {
		if (host_time() >= until)
			return false;
		host_sleep(until);
	}
	return true;
}

static int run_vms(const struct linux_run *run)
{
	bool in_time;

	start_vms();
	linux_console_start(operator_shutdown);
	in_time = wait_for_end(run->timeout);
	stop_vms();
	linux_console_end();
	if (!in_time)
		report_error("run: ended after %u second%s (--timeout)", run->timeout,
			     run->timeout == 1 ? "" : "s");
	if (signalled)
		return 128 + signalled;
	return in_time && !any_failed() ? 0 : 1;
}

/* ---- Before the start */

static const char *kvm_advice(int err)
{
	switch (err) {
	case -ENOENT:
	case -ENXIO:
	case -ENODEV:
		return "this kernel has no KVM, or its module is not loaded (modprobe kvm), or the "
		       "machine has no H extension";
	case -EACCES:
	case -EPERM:
		return "you may not use it: become a member of its group (kvm, mostly), or run as root";
	default:
		return "KVM cannot be used";
	}
}

static bool find_kvm(struct kvm_probe *probe)
{
	int err = kvm_probe(probe);

	if (err)
		report_error("/dev/kvm: %s (%s): %s", probe->why, strerror(-err), kvm_advice(err));
	return !err;
}

static void report_host(void *arg, const char *path, const char *message)
{
	report_mistake("this machine", path, "%s", message);
	(*(unsigned *)arg)++;
}

static u64 file_size(void *arg unused, const char *name)
{
	struct host_file file;

	return host_file_find(name, &file) == 0 ? file.size : 0;
}

/* A description that asks for `hext` asks for the H extension: KVM is on it. */
static bool host_suits(const struct system_config *config)
{
	struct config_host host = {
		.harts = host_harts(),
		.memory = host_ram_free_bytes(),
		.engines = (u32)(BIT(CONFIG_ENGINE_ANY) | BIT(CONFIG_ENGINE_HEXT)),
		.file_size = file_size,
	};
	unsigned mistakes = 0;

	return !config_check_host(config, &host, report_host, &mistakes);
}

int linux_run(const struct system_config *config, const struct linux_run *run)
{
	struct kvm_probe probe;
	int err;

	if (!find_kvm(&probe))
		return 1;
	err = linux_init(probe.timebase);
	if (err) {
		report_error("run: %s", strerror(-err));
		return 1;
	}
	main_task = host_task_self();
	if (!host_suits(config))
		return 1;
	signals_take();
	linux_console_init(config->vm_count, run->batch);
	if (!outside_init(config, &lend) || !create_vms(config))
		return 1;
	control_start(run->file);
	return run_vms(run);
}
