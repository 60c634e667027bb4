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

static void disk_check(const struct disk_config *disk)
{
	require(strlen(disk->file) <= CONFIG_PATH_MAX && strlen(disk->host) <= CONFIG_HOST_NAME_MAX);
	require(!disk->file[0] + !disk->host[0] >= 1);
	require(disk->file[0] || disk->host[0] || disk->size);
	require(disk->host[0] || (!disk->partition[0] && !disk->offset));
	require(is_aligned(disk->offset | disk->size, 4096));
	require(disk->offset + disk->size >= disk->offset);
	require(disk->serial[0] && strlen(disk->serial) <= CONFIG_SERIAL_MAX);
	require(disk->queues >= 1 && disk->queues <= CONFIG_DISK_QUEUES_MAX);
}

static void net_check(const struct net_config *net)
{
	require(net->network < sys.switch_count && net->vlan <= 4094 && !(net->mac[0] & 1));
	require(net->queues >= 1 && net->queues <= CONFIG_NET_QUEUES_MAX);
	require(!net->rate || (net->rate >= CONFIG_RATE_MIN && net->rate <= CONFIG_RATE_MAX));
}

static void device_check(const struct device_config *device)
{
	require(strlen(device->name) <= CONFIG_NAME_MAX);
	switch (device->kind) {
	case DEVICE_DISK: disk_check(&device->disk); break;
	case DEVICE_NET: net_check(&device->net); break;
	case DEVICE_CONSOLE: require(device->console.operator != !!device->console.pipe[0]); break;
	case DEVICE_RNG: break;
	case DEVICE_SHARED: require(device->shared.memory < sys.shared_count); break;
	case DEVICE_HOST: require(device->host.path[0] == '/'); break;
	default: abort();
	}
}

/* The lists that VMs refer to, and that each device belongs to one VM. */
static void lists_check(void)
{
	u32 devices = 0;

	for (u32 i = 0; i < sys.vm_count; i++) {
		const struct vm_config *vm = &sys.vms[i];

		vm_check(vm);
		require(vm->devices == &sys.devices[devices]);
		require(vm->device_count <= CONFIG_DEVICES_MAX);
		devices += vm->device_count;
		for (u32 n = 0; n < vm->device_count; n++)
			device_check(&vm->devices[n]);
	}
	require(devices == sys.device_count && devices <= CONFIG_DEVICES_TOTAL);
	require(sys.switch_count <= CONFIG_SWITCHES_MAX && sys.shared_count <= CONFIG_SHARED_MAX);
	for (u32 i = 0; i < sys.switch_count; i++)
		require(sys.switches[i].name[0] && sys.switches[i].uplink == !!sys.switches[i].host[0]);
	for (u32 i = 0; i < sys.shared_count; i++)
		require(sys.shared[i].size && is_aligned(sys.shared[i].size, 4096));
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
		lists_check();
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
