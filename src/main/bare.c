/*
 * The bare-metal hypervisor put together: console, engine, the system image's
 * VMs. Called by host/bare in its first task, on the boot hart, with all harts up.
 */
#include <stdio.h>
#include <string.h>

#include "board/virt.h"
#include "engine/classic/classic.h"
#include "engine/hext/hext.h"
#include "host/bare/bare.h"
#include "host/bare/console.h"
#include "host/bare/count.h"
#include "host/bare/cpu.h"
#include "host/bare/devices.h"
#include "io/net.h"
#include "io/net_copy.h"
#include "lib/log.h"
#include "main/bare_lend.h"
#include "manage/console.h"
#include "vm/config.h"
#include "vm/vm.h"

#define VERSION "Bulkhead 0.1"
#define BATCH_LINE "batch: " /* the log's sink puts "bulkhead: " before it */

static struct system_config *config;
static struct host_task *watcher;

/* Those that this machine can run; CONFIG_ENGINE_ANY is what a VM gets that asks for none. */
static const struct engine_ops *engines[CONFIG_ENGINES];

/* ---- Engines ---- */

/* engine=NAME in the boot arguments, for the VMs that ask for none. */
static void prefer_engine(const char *name)
{
	for (unsigned i = CONFIG_ENGINE_HEXT; i < CONFIG_ENGINES; i++) {
		if (engines[i] && strcmp(engines[i]->name, name) == 0) {
			engines[CONFIG_ENGINE_ANY] = engines[i];
			return;
		}
	}
	log_line("engine: this machine has none that is called \"%s\"", name);
}

static bool find_engines(void)
{
	char name[16];

	if (classic_probe())
		engines[CONFIG_ENGINE_ANY] = engines[CONFIG_ENGINE_CLASSIC] = &classic_engine;
	if (hext_probe())
		engines[CONFIG_ENGINE_ANY] = engines[CONFIG_ENGINE_HEXT] = &hext_engine;
	if (bare_bootarg("engine", name, sizeof(name)))
		prefer_engine(name);
	if (!engines[CONFIG_ENGINE_ANY])
		log_line("no engine fits this machine");
	return engines[CONFIG_ENGINE_ANY];
}

/* ---- The system description ---- */

static void report_mistake(void *arg unused, const char *path, const char *message)
{
	log_line("system.dtb: %s: %s", path, message);
}

static u64 file_size(void *arg unused, const char *name)
{
	struct host_file file;

	return host_file_find(name, &file) == 0 ? file.size : 0;
}

static bool read_config(void)
{
	struct host_file file;
	const void *dtb;
	unsigned mistakes;

	if (host_file_find("system.dtb", &file)) {
		log_line("there is no system image: hand one over as initrd (`bulkhead pack` makes it)");
		return false;
	}
	config = host_alloc(sizeof(*config), NULL);
	dtb = host_file_map(&file);
	if (!config || !dtb) {
		log_line("no memory to read the system description");
		return false;
	}
	mistakes = config_read(dtb, file.size, config, report_mistake, NULL);
	host_file_unmap(&file, dtb);
	if (!mistakes) {
		struct config_host host = {
			.harts = host_harts(),
			.memory = host_ram_free_bytes(),
			.file_size = file_size,
		};

		for (unsigned i = 0; i < CONFIG_ENGINES; i++)
			host.engines |= engines[i] ? (u32)BIT(i) : 0;
		mistakes = config_check_host(config, &host, report_mistake, NULL);
	}
	if (mistakes)
		log_line("%u mistake%s in the system description: nothing is started", mistakes,
			 mistakes == 1 ? "" : "s");
	return !mistakes;
}

/* ---- What is the host's and lent to VMs ---- */

static struct block *lend_disk(struct vm *vm unused, const struct disk_config *c)
{
	return bare_disk_open(c->host);
}

static int lend_uplink(struct net_switch *s, const struct switch_config *c)
{
	const struct net_port_config port = { .vlan = c->vlan };

	return bare_nic_attach(c->host, s, &port);
}

static const struct outside_host lend = {
	.disk = lend_disk,
	.uplink = lend_uplink,
	.lend = lend_device,
	.lend_irq = lend_irq,
	.lend_completed = lend_completed,
};

/* ---- VMs ---- */

static void vm_changed(struct vm *vm)
{
	if (vm->state == VM_RUNNING)
		count_begin(vm->index, vm->config.name);
	else if (vm->state == VM_ENDING)
		count_end(vm->index, vm->config.name);
	if (watcher)
		host_wake(watcher);
}

static bool create_vms(void)
{
	for (u32 i = 0; i < config->vm_count; i++) {
		const struct vm_config *vc = &config->vms[i];
		struct vm_parts parts = {
			.engine = engines[vc->engine],
			.build = virt_build,
			.unbuild = virt_unbuild,
			.changed = vm_changed,
			.outside = &outside,
		};

		if (vc->console)
			parts.console = console_backend(i, vc->name, NULL);
		vm_table[i] = vm_create(vc, &parts, i);
		if (!vm_table[i]) {
			log_line("[%s] no memory to create it", vc->name);
			return false;
		}
		vm_count = i + 1;
	}
	return true;
}

/* Devices interrupt a hart that no VM has for itself, if there is one. */
static void spare_dedicated_harts(void)
{
	u64 dedicated = 0;

	for (u32 i = 0; i < config->vm_count; i++)
		if (config->vms[i].dedicated)
			dedicated |= config->vms[i].harts;
	for (unsigned hart = 0; hart < host_harts(); hart++) {
		if (dedicated >> hart & 1)
			continue;
		bare_interrupts_to(hart);
		return;
	}
}

static void start_vms(void)
{
	spare_dedicated_harts();
	for (unsigned i = 0; i < vm_count; i++)
		if (vm_table[i]->config.start == START_AUTO)
			vm_request(vm_table[i], VM_REQ_START);
}

/* ---- Batch: ends the machine when the VMs have ended ---- */

static bool vm_counts(const struct vm *vm)
{
	return vm->config.start == START_AUTO && vm->config.restart != RESTART_ALWAYS;
}

static bool vm_is_over(const struct vm *vm)
{
	return vm->starts && (vm->state == VM_OFF || vm->state == VM_FAILED) && !vm->restarting;
}

static bool all_over(void)
{
	for (unsigned i = 0; i < vm_count; i++)
		if (vm_counts(vm_table[i]) && !vm_is_over(vm_table[i]))
			return false;
	return true;
}

/* The name of a VM that crashed or did not start, NULL if all went well. */
static const char *first_failure(void)
{
	for (unsigned i = 0; i < vm_count; i++) {
		const struct vm *vm = vm_table[i];

		if (vm_counts(vm) && (vm->state == VM_FAILED || vm->crashes))
			return vm->config.name;
	}
	return NULL;
}

static _Noreturn void batch_end(const char *failed)
{
	if (failed)
		log_line(BATCH_LINE "FAILED: %s", failed);
	else
		log_line(BATCH_LINE "all VMs powered off");
	console_sync();
	bare_shutdown(failed != NULL);
}

static void batch_watch(void)
{
	watcher = host_task_self();
	while (!all_over())
		host_sleep(HOST_FOREVER);
	batch_end(first_failure());
}

/* ---- Start ---- */

static void prepare_console(void)
{
	struct console_port port = { .write = bare_console_write, .getc = bare_console_getc };

	port.poll_ms = bare_console_has_interrupt() ? 0 : 50;
	console_init(&port);
	console_set_colour(bare_bootarg("colour", NULL, 0));
	log_set_sink(console_log_sink);
	bare_console_set_input(console_input_ready);
}

/* Its greeting invites the operator to choose a VM: the VMs are there by then. */
static void start_console(void)
{
	static const struct host_task_spec task = { .name = "console", .run = console_run };

	host_task_start(&task, NULL);
}

static void power_off(void)
{
	console_sync();
	bare_shutdown(false);
}

static void describe_host(void)
{
	static char features[256];
	static const struct console_host host = {
		.version = VERSION, .features = features, .shutdown = power_off
	};

	cpu_describe(features, sizeof(features));
	console_set_host(&host);
}

void bare_main(void)
{
	bool batch = bare_bootarg("bulkhead.batch", NULL, 0);
	bool ok;

	prepare_console();
	net_copy_host.misaligned = cpu_features.misaligned;
	net_copy_host.zero_line = cpu_features.cbo_zero;
	count_init();
	log_line(VERSION " on %u hart%s, %lu MiB free", host_harts(), host_harts() == 1 ? "" : "s",
		 host_ram_free_bytes() / MIB);
	describe_host();
	ok = find_engines() && read_config() && lend_check(config) && outside_init(config, &lend) &&
	     create_vms();
	start_console();
	if (ok)
		start_vms();
	if (batch && !ok)
		batch_end("the system did not start");
	if (batch)
		batch_watch();
}
