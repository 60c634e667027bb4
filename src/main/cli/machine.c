#include "main/cli/machine.h"

#include "vm/config_read.h"

/*
 * Harts that are named must be there; each dedicated one is for its VM only; the VMs that share
 * harts get one for each of their vCPUs, within reason, and the hypervisor's own tasks have at
 * least one that is not dedicated.
 */
static u32 harts_choose(const struct system_config *sys)
{
	u32 dedicated = 0, shared = 0, named = 0;

	for (u32 i = 0; i < sys->vm_count; i++) {
		const struct vm_config *vm = &sys->vms[i];

		if (vm->harts)
			named = (u32)max_u64(named, 64 - (u32)__builtin_clzll(vm->harts));
		if (vm->dedicated)
			dedicated += (u32)__builtin_popcountll(vm->harts);
		else if (!vm->harts)
			shared += vm->vcpus;
	}
	shared = (u32)max_u64(1, min_u64(shared, MACHINE_SHARED_MAX));
	return (u32)min_u64(max_u64(named, dedicated + shared), CONFIG_HARTS_MAX);
}

struct machine machine_choose(struct description *d, u64 image)
{
	u64 memory = MACHINE_RESERVE + image + config_memory(&d->config, description_disk_size, d);

	return (struct machine){
		.harts = harts_choose(&d->config),
		.memory = align_up(memory, MACHINE_MEMORY_UNIT),
	};
}

bool machine_check(struct description *d, const struct machine *machine, u64 image)
{
	u64 own = MACHINE_RESERVE + image;
	const struct config_host host = {
		.harts = machine->harts,
		.memory = machine->memory > own ? machine->memory - own : 0,
		.engines = BIT(CONFIG_ENGINE_CLASSIC) |
			   (machine->no_h ? 0 : BIT(CONFIG_ENGINE_HEXT)),
		.file_size = description_disk_size,
		.file_arg = d,
	};

	return !config_check_host(&d->config, &host, description_mistake, d);
}
