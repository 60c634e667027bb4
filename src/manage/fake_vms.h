/*
 * A few VMs in various states, without engine, keeper or tasks: for tests of the
 * console. Defines what the core defines for the console, so it is included once per program.
 */
#ifndef MANAGE_FAKE_VMS_H
#define MANAGE_FAKE_VMS_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "manage/channel.h"
#include "vm/vm.h"

#define FAKE_VMS 4

struct vm *vm_table[CONFIG_VMS_MAX];
unsigned vm_count;

static struct vm fake_vms[FAKE_VMS];
static struct vcpu fake_vcpus[FAKE_VMS][2];
static struct vcpu_private fake_privates[FAKE_VMS][2];
static const struct engine_ops fake_engine = { .name = "fake" };

void vm_request(struct vm *vm, enum vm_request request)
{
	vm->requests |= request;
}

struct vm *vm_find(const char *name)
{
	for (unsigned i = 0; i < vm_count; i++)
		if (strcmp(vm_table[i]->config.name, name) == 0)
			return vm_table[i];
	return NULL;
}

int vm_call(struct vm *vm, int (*fn)(struct vm *vm, void *arg), void *arg)
{
	if (vm->state != VM_RUNNING && vm->state != VM_PAUSED)
		return -ENODEV;
	return fn(vm, arg);
}

const char *vm_state_name(const struct vm *vm)
{
	static const char *const names[] = {
		[VM_OFF] = "off",       [VM_BUILDING] = "building", [VM_RUNNING] = "running",
		[VM_PAUSED] = "paused", [VM_ENDING] = "ending",     [VM_FAILED] = "failed",
	};

	return names[vm->state];
}

const char *exit_name(enum exit_kind kind)
{
	static const char *const names[EXIT_KINDS] = {
		"none", "interrupt", "mmio", "sbi", "wfi", "fatal",
	};

	return names[kind];
}

static void fake_vm_fill(unsigned i, const char *name, enum vm_state state)
{
	struct vm *vm = &fake_vms[i];

	*vm = (struct vm){ .index = i, .state = state, .engine = &fake_engine, .vcpu_count = 2 };
	snprintf(vm->config.name, sizeof(vm->config.name), "%s", name);
	snprintf(vm->config.kernel, sizeof(vm->config.kernel), "Image");
	vm->config.vcpus = 2;
	vm->config.memory = 256 * MIB;
	vm->account.used = 257 * MIB;
	vm->account.limit = 258 * MIB;
	vm->starts = 1;
	for (unsigned c = 0; c < 2; c++) {
		fake_privates[i][c] = (struct vcpu_private){ .exits = { [EXIT_SBI] = 10 * i + c } };
		fake_vcpus[i][c] = (struct vcpu){ .vm = vm, .id = c, .priv = &fake_privates[i][c] };
		vm->vcpus[c] = &fake_vcpus[i][c];
	}
	vm_table[i] = vm;
}

/* linux1 runs, linux2 is paused, rt has crashed, spare could not be built. */
static inline void fake_vms_set_up(void)
{
	fake_vm_fill(0, "linux1", VM_RUNNING);
	fake_vm_fill(1, "linux2", VM_PAUSED);
	fake_vm_fill(2, "rt", VM_OFF);
	fake_vm_fill(3, "spare", VM_FAILED);
	fake_vms[1].config.harts = 0xd;
	fake_vms[2].config.harts = 2;
	fake_vms[2].config.dedicated = true;
	fake_vms[2].end = VM_END_CRASH;
	snprintf(fake_vms[2].failure, sizeof(fake_vms[2].failure), "double fault");
	snprintf(fake_vms[3].failure, sizeof(fake_vms[3].failure), "no kernel");
	vm_count = FAKE_VMS;
}

/* Frees what console_backend() made, when nobody needs it any more. */
static inline void fake_console_free(struct char_backend *backend)
{
	struct channel *ch = container_of(backend, struct channel, backend);

	host_free(ch->output.ring.data, CHANNEL_OUTPUT, NULL);
	host_free(ch, sizeof(*ch), NULL);
}

#endif
