/* What the devices of a system are to each other: no two may claim the same thing. */
#include <stdio.h>
#include <string.h>

#include "vm/config_read.h"

static const struct vm_config *device_vm(const struct system_config *sys,
					 const struct device_config *device)
{
	const struct vm_config *vm = sys->vms;

	while (device >= vm->devices + vm->device_count)
		vm++;
	return vm;
}

/* The device's path, which is also its VM's "passthrough" where it is the host's. */
static const char *device_path(char path[CONFIG_NODE_PATH], const struct system_config *sys,
			       const struct device_config *device)
{
	const struct vm_config *vm = device_vm(sys, device);

	if (device->kind == DEVICE_HOST)
		snprintf(path, CONFIG_NODE_PATH, "/vms/%.31s", vm->name);
	else
		snprintf(path, CONFIG_NODE_PATH, "/vms/%.31s/%.31s", vm->name, device->name);
	return path;
}

/* --- two devices, of which the later one is told ----------------------------------------- */

static void mac_check(const struct system_config *sys, const struct device_config *first,
		      const struct device_config *second, struct config_report *report)
{
	const struct net_config *a = &first->net, *b = &second->net;
	char path[CONFIG_NODE_PATH], mac[CONFIG_MAC_TEXT];

	if (a->network != b->network || a->network >= sys->switch_count ||
	    memcmp(a->mac, b->mac, sizeof(a->mac)))
		return;
	config_report(report, device_path(path, sys, second), "mac", "%s is that of \"%s\" of the "
		      "VM \"%s\", on the same switch: choose another one",
		      config_mac_text(mac, a->mac), first->name, device_vm(sys, first)->name);
}

/* True if both disks have bytes of the host's disk in common, as far as the description says. */
static bool disks_overlap(const struct disk_config *a, const struct disk_config *b)
{
	if (a->partition[0] && b->partition[0])
		return !strcmp(a->partition, b->partition);
	/* Where a partition lies is not known here, but it lies on the whole disk. */
	if (a->partition[0] || b->partition[0])
		return a->partition[0] ? !b->offset && !b->size : !a->offset && !a->size;
	return range_overlaps(a->offset, a->size ? a->size : UINT64_MAX - a->offset,
			      b->offset, b->size ? b->size : UINT64_MAX - b->offset);
}

static void disk_check(const struct system_config *sys, const struct device_config *first,
		       const struct device_config *second, struct config_report *report)
{
	const struct disk_config *a = &first->disk, *b = &second->disk;
	char path[CONFIG_NODE_PATH];

	if (!a->host[0] || strcmp(a->host, b->host) || (a->read_only && b->read_only) ||
	    !disks_overlap(a, b))
		return;
	config_report(report, device_path(path, sys, second), "host-disk", "\"%s\" of the VM \"%s\" "
		      "has the same part of this disk: only disks that are all read-only may",
		      first->name, device_vm(sys, first)->name);
}

static void host_check(const struct system_config *sys, const struct device_config *first,
		       const struct device_config *second, struct config_report *report)
{
	char path[CONFIG_NODE_PATH];

	if (!strcmp(first->host.path, second->host.path))
		config_report(report, device_path(path, sys, second), "passthrough", "\"%.80s\" is "
			      "given to the VM \"%s\" already", first->host.path,
			      device_vm(sys, first)->name);
}

static void console_check(const struct system_config *sys, const struct device_config *first,
			  const struct device_config *second, struct config_report *report)
{
	char path[CONFIG_NODE_PATH];

	if (first->console.operator && second->console.operator &&
	    device_vm(sys, first) == device_vm(sys, second))
		config_report(report, device_path(path, sys, second), "port", "\"%s\" is the "
			      "operator's already: a VM has one such console", first->name);
}

static void pair_check(const struct system_config *sys, const struct device_config *first,
		       const struct device_config *second, struct config_report *report)
{
	if (first->kind != second->kind)
		return;
	switch (first->kind) {
	case DEVICE_DISK: disk_check(sys, first, second, report); break;
	case DEVICE_NET: mac_check(sys, first, second, report); break;
	case DEVICE_CONSOLE: console_check(sys, first, second, report); break;
	case DEVICE_HOST: host_check(sys, first, second, report); break;
	case DEVICE_RNG: case DEVICE_SHARED: break;
	}
}

/* --- pipes and uplinks --------------------------------------------------------------------- */

/* How many of the first @count devices are ends of @pipe. */
static unsigned pipe_ends(const struct system_config *sys, u32 count, const char *pipe)
{
	unsigned ends = 0;

	for (u32 i = 0; i < count; i++)
		ends += sys->devices[i].kind == DEVICE_CONSOLE &&
			!strcmp(sys->devices[i].console.pipe, pipe);
	return ends;
}

static void pipe_check(const struct system_config *sys, u32 index, struct config_report *report)
{
	const struct device_config *device = &sys->devices[index];
	const char *pipe = device->console.pipe;
	char path[CONFIG_NODE_PATH];

	if (device->kind != DEVICE_CONSOLE || !pipe[0])
		return;
	if (pipe_ends(sys, index, pipe) >= 2)
		config_report(report, device_path(path, sys, device), "pipe", "two other consoles "
			      "have the pipe \"%s\": it has no more ends", pipe);
	else if (pipe_ends(sys, sys->device_count, pipe) == 1)
		config_report(report, device_path(path, sys, device), "pipe", "no other console has "
			      "the pipe \"%s\": exactly two are its ends", pipe);
}

static void uplinks_check(const struct system_config *sys, u32 index, struct config_report *report)
{
	const struct switch_config *network = &sys->switches[index];
	char path[CONFIG_NODE_PATH];

	for (u32 i = 0; i < index; i++) {
		if (!network->host[0] || strcmp(network->host, sys->switches[i].host))
			continue;
		snprintf(path, sizeof(path), "/switches/%.31s", network->name);
		config_report(report, path, "uplink", "the NIC \"%s\" is the uplink of the switch "
			      "\"%s\": it can be that of one only", network->host,
			      sys->switches[i].name);
		return;
	}
}

void config_check_devices(const struct system_config *sys, struct config_report *report)
{
	for (u32 i = 0; i < sys->switch_count; i++)
		uplinks_check(sys, i, report);
	for (u32 j = 0; j < sys->device_count; j++) {
		for (u32 i = 0; i < j; i++)
			pair_check(sys, &sys->devices[i], &sys->devices[j], report);
		pipe_check(sys, j, report);
	}
}
