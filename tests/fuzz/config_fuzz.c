/*
 * The system image as the boot loader hands it over: an archive, and in it a compiled
 * description. An input that begins as no archive is taken as a description.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/cpio.h"
#include "vm/config_read.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct system_config sys;

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void report_check(void *arg, const char *path, const char *message)
{
	unsigned *count = arg;

	require(strlen(message) > 0);
	for (; *path; path++)
		require(*path >= ' ' && *path <= '~');
	for (; *message; message++)
		require(*message >= ' ' && *message <= '~');
	(*count)++;
}

/* What the rest of the hypervisor relies on. */
static void vm_check(const struct vm_config *vm)
{
	require(vm->name[0] && strlen(vm->name) <= CONFIG_NAME_MAX);
	require(vm->vcpus >= 1 && vm->vcpus <= CONFIG_VCPUS_MAX);
	require(vm->memory >= 2 * MIB && is_aligned(vm->memory, 2 * MIB));
	require(vm->kernel[0] && strlen(vm->kernel) <= CONFIG_PATH_MAX);
	require(strlen(vm->initrd) <= CONFIG_PATH_MAX);
	require(strlen(vm->bootargs) <= CONFIG_BOOTARGS_MAX);
	require(!vm->dedicated || (unsigned)__builtin_popcountll(vm->harts) == vm->vcpus);
	require(vm->start <= START_MANUAL && vm->restart <= RESTART_ALWAYS);
	require(vm->engine < CONFIG_ENGINES);
}

/* The copy is aligned as libfdt wants it, and ends where the sanitizer sees it. */
static void description_read(const u8 *data, size_t size)
{
	const struct config_host host = {
		.harts = 2, .memory = GIB, .engines = BIT(CONFIG_ENGINE_CLASSIC),
	};
	u8 *copy = malloc(size ? size : 1);
	unsigned reported = 0, mistakes;

	memcpy(copy, data, size);
	mistakes = config_read(copy, size, &sys, report_check, &reported);
	require(mistakes == reported && mistakes <= CONFIG_MISTAKES_MAX + 1);
	require(sys.vm_count <= CONFIG_VMS_MAX);
	if (!mistakes) {
		require(sys.vm_count > 0);
		for (u32 i = 0; i < sys.vm_count; i++)
			vm_check(&sys.vms[i]);
		config_check_host(&sys, &host, report_check, &reported);
	}
	free(copy);
}

static void archive_read(const u8 *data, size_t size)
{
	struct cpio_entry entry;
	u64 offset = 0, last = 0;

	while (cpio_next(data, size, &offset, &entry) > 0) {
		require(offset > last);
		last = offset;
		require(range_within((u64)(entry.data - data), entry.size, 0, size));
		require(strlen(entry.name) == entry.name_size);
		if (!strcmp(entry.name, "system.dtb"))
			description_read(entry.data, entry.size);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (size >= 6 && !memcmp(data, "070701", 6))
		archive_read(data, size);
	else
		description_read(data, size);
	return 0;
}
