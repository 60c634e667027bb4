#include "engine/script/script_vm.h"

#include <errno.h>

#include "riscv/sbi.h"

static struct {
	const struct script_step *steps;
	unsigned count;
} guests[SCRIPT_VMS][CONFIG_VCPUS_MAX];

void script_guest(unsigned index, u32 vcpu, const struct script_step *steps, unsigned count)
{
	guests[index][vcpu].steps = steps;
	guests[index][vcpu].count = count;
}

static int script_map_ram(struct vm *vm)
{
	int err = guest_mem_add(&vm->mem, SCRIPT_RAM, vm->config.memory);

	for (unsigned i = 0; !err && i < vm->mem.count; i++) {
		const struct guest_extent *e = &vm->mem.extents[i];

		err = vm->engine->map(vm, e->gpa, e->host.pa, e->host.size,
				      PROT_R | PROT_W | PROT_X);
	}
	return err;
}

static int script_build(struct vm *vm)
{
	struct vcpu *boot = vm->vcpus[0];
	int err = script_map_ram(vm);

	if (err)
		return err;
	for (u32 i = 0; i < vm->vcpu_count; i++)
		script_set(vm->vcpus[i], guests[vm->index][i].steps, guests[vm->index][i].count);
	boot->hsm = SBI_HSM_START_PENDING;
	boot->start_pc = SCRIPT_RAM;
	boot->start_arg = SCRIPT_BOOT_ARG;
	vcpu_request(boot, VCPU_REQ_START);
	return 0;
}

static void script_unbuild(struct vm *vm)
{
	vm->bus.count = 0;
}

const struct vm_parts script_parts = {
	.engine = &script_engine,
	.build = script_build,
	.unbuild = script_unbuild,
};

static int vm_fill(struct vm *vm, unsigned vcpus)
{
	int err = vm->engine->vm_init(vm);

	for (u32 i = 0; !err && i < vcpus; i++) {
		err = vcpu_create(vm, i);
		vm->vcpu_count += !err;
	}
	return err ? err : script_map_ram(vm);
}

struct vm *script_vm_open(unsigned vcpus, u64 memory)
{
	struct vm *vm = host_alloc(sizeof(*vm), NULL);

	if (!vm)
		return NULL;
	vm->engine = &script_engine;
	vm->config.memory = memory;
	vm->space = host_space_create(&vm->account);
	if (!vm->space) {
		host_free(vm, sizeof(*vm), NULL);
		return NULL;
	}
	host_space_enter(vm->space);
	vm->mem.space = vm->space;
	if (vm_fill(vm, vcpus)) {
		script_vm_close(vm);
		return NULL;
	}
	vm->vcpus[0]->hsm = SBI_HSM_STARTED;
	return vm;
}

void script_vm_close(struct vm *vm)
{
	while (vm->vcpu_count)
		vcpu_destroy(vm->vcpus[--vm->vcpu_count]);
	guest_mem_free(&vm->mem);
	vm->engine->vm_fini(vm);
	host_space_enter(NULL);
	host_space_destroy(vm->space);
	host_free(vm, sizeof(*vm), NULL);
}
