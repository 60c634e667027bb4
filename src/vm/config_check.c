/* What the VMs of a system are to each other, and to a host. */
#include <stdio.h>
#include <string.h>

#include "vm/config_read.h"

enum { VM_PATH_SIZE = 48 };

static const char *vm_path(char path[VM_PATH_SIZE], const struct vm_config *vm)
{
	memcpy(path, "/vms/", 5);
	memcpy(path + 5, vm->name, sizeof(vm->name));
	return path;
}

/* @set must not be empty. */
static int hart_lowest(u64 set)
{
	return __builtin_ctzll(set);
}

static int hart_highest(u64 set)
{
	return 63 - __builtin_clzll(set);
}

/* What a disk takes of the host's memory: a file that may be written is copied. */
static u64 disk_memory(const struct disk_config *disk, config_file_size_fn *file_size, void *arg)
{
	if (disk->host[0])
		return 0;
	if (!disk->file[0])
		return disk->size;
	return disk->read_only || !file_size ? 0 : align_up(file_size(arg, disk->file), CONFIG_PAGE);
}

/* The VMs' own memory. */
static u64 memory_own(const struct system_config *sys)
{
	u64 total = 0;

	for (u32 i = 0; i < sys->vm_count; i++)
		total += sys->vms[i].memory;
	return total;
}

u64 config_memory(const struct system_config *sys, config_file_size_fn *file_size, void *arg)
{
	u64 total = memory_own(sys);

	for (u32 i = 0; i < sys->device_count; i++)
		if (sys->devices[i].kind == DEVICE_DISK)
			total += disk_memory(&sys->devices[i].disk, file_size, arg);
	for (u32 i = 0; i < sys->shared_count; i++)
		total += sys->shared[i].size;
	return total;
}

/* What of @total the VMs' own memory is not, as a part of a sentence; "" when it is all. */
static const char *memory_rest(char text[64], const struct system_config *sys, u64 total)
{
	char size[CONFIG_SIZE_TEXT];

	text[0] = '\0';
	if (total > memory_own(sys))
		snprintf(text, 64, " (%s of it for disks and what they share)",
			 config_size_text(size, total - memory_own(sys)));
	return text;
}

/* The later VM of the two is told, whichever of them is dedicated. */
static void pair_check(const struct vm_config *first, const struct vm_config *second,
		       struct config_report *report)
{
	const struct vm_config *owner = first->dedicated ? first : second;
	u64 both = first->harts & second->harts;
	char path[VM_PATH_SIZE];

	if (!both || !owner->dedicated)
		return;
	vm_path(path, second);
	if (owner == first)
		config_report(report, path, "harts", "hart %d is dedicated to the VM \"%s\" and "
			      "can serve no other: choose another one",
			      hart_lowest(both), first->name);
	else
		config_report(report, path, "harts", "hart %d cannot be dedicated: the VM \"%s\" "
			      "uses it too; choose another one", hart_lowest(both), first->name);
}

void config_check_system(const struct system_config *sys, struct config_report *report)
{
	u64 memory = config_memory(sys, NULL, NULL);
	char size[CONFIG_SIZE_TEXT], rest[64];

	for (u32 j = 0; j < sys->vm_count; j++)
		for (u32 i = 0; i < j; i++)
			pair_check(&sys->vms[i], &sys->vms[j], report);
	if (memory > CONFIG_MEMORY_MAX)
		config_report(report, "/vms", NULL, "the VMs have %s of memory together%s: "
			      "a system has at most 1T", config_size_text(size, memory),
			      memory_rest(rest, sys, memory));
	config_check_devices(sys, report);
}

static void vm_check_host(const struct vm_config *vm, u32 harts, u64 shared,
			  struct config_report *report)
{
	u64 present = harts < 64 ? BIT(harts) - 1 : ~0ul;
	char path[VM_PATH_SIZE];

	vm_path(path, vm);
	if (vm->harts & ~present)
		config_report(report, path, "harts", "there is no hart %d: the host has %u, "
			      "counted from 0", hart_highest(vm->harts), (unsigned)harts);
	else if (!vm->harts && !(present & shared))
		config_report(report, path, NULL, "no hart is left for it: the host has %u, and "
			      "all are dedicated to other VMs", (unsigned)harts);
}

static void engine_check_host(const struct vm_config *vm, u32 engines,
			      struct config_report *report)
{
	static const char *const reasons[CONFIG_ENGINES] = {
		[CONFIG_ENGINE_HEXT] = ": its harts have no H extension",
		[CONFIG_ENGINE_CLASSIC] = "",
	};
	char path[VM_PATH_SIZE];

	if (vm->engine != CONFIG_ENGINE_ANY && !(engines & BIT(vm->engine)))
		config_report(report, vm_path(path, vm), "engine", "the host cannot run \"%s\"%s; "
			      "without this property the VM runs on what there is",
			      config_engine_words[vm->engine], reasons[vm->engine]);
}

unsigned config_check_host(const struct system_config *sys, const struct config_host *host,
			   config_error_fn *error, void *arg)
{
	struct config_report report = { .error = error, .arg = arg };
	u64 memory = config_memory(sys, host->file_size, host->file_arg);
	char need[CONFIG_SIZE_TEXT], have[CONFIG_SIZE_TEXT], rest[64];
	u64 shared = ~0ul;

	for (u32 i = 0; i < sys->vm_count; i++)
		if (sys->vms[i].dedicated)
			shared &= ~sys->vms[i].harts;
	for (u32 i = 0; i < sys->vm_count; i++) {
		vm_check_host(&sys->vms[i], host->harts, shared, &report);
		engine_check_host(&sys->vms[i], host->engines, &report);
	}
	if (memory > host->memory)
		config_report(&report, "/vms", NULL, "the VMs need %s of memory together%s, the "
			      "host has %s for them", config_size_text(need, memory),
			      memory_rest(rest, sys, memory),
			      config_size_text(have, align_down(host->memory, MIB)));
	return report.count;
}
