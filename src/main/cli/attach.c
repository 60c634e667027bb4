#include "main/cli/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "main/cli/report.h"

/* --- disks that the user names ----------------------------------------------------------- */

/* What follows a disk's file: one of its options. */
static bool disk_option(struct attached_disk *disk, const char *option)
{
	if (!strcmp(option, "read-only")) {
		disk->read_only = true;
		return true;
	}
	if (strncmp(option, "serial=", 7) || !option[7]) {
		report_error("run: --disk takes FILE, serial=NAME and read-only, not '%s'", option);
		return false;
	}
	if (strlen(option + 7) > CONFIG_SERIAL_MAX) {
		report_error("run: --disk: the serial '%s' has more than %d characters", option + 7,
			     CONFIG_SERIAL_MAX);
		return false;
	}
	strcpy(disk->serial, option + 7);
	return true;
}

/* Looks into the file: can it be used as it is asked for, and what format has it? */
static bool disk_probe(struct attached_disk *disk)
{
	int fd = open(disk->path, (disk->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	char magic[4] = "";
	ssize_t got;

	if (fd < 0) {
		report_error("run: the disk '%s' cannot be %s: %s", disk->path,
			     disk->read_only ? "read" : "written", strerror(errno));
		return false;
	}
	got = read(fd, magic, sizeof(magic));
	close(fd);
	disk->qcow2 = got == 4 && !memcmp(magic, "QFI\xfb", 4);
	return true;
}

static bool disk_read(struct attachments *a, const char *text)
{
	struct attached_disk *disk = &a->disks[a->disk_count];
	char options[256];
	const char *comma = strchr(text, ',');
	size_t length = comma ? (size_t)(comma - text) : strlen(text);
	char *save = NULL;

	if (a->disk_count == ATTACH_MAX) {
		report_error("run: the machine has places for %d disks", ATTACH_MAX);
		return false;
	}
	if (!length || length >= sizeof(disk->path)) {
		report_error("run: --disk must name a file: FILE[,serial=NAME][,read-only]");
		return false;
	}
	memcpy(disk->path, text, length);
	snprintf(options, sizeof(options), "%s", comma ? comma + 1 : "");
	for (char *option = strtok_r(options, ",", &save); option;
	     option = strtok_r(NULL, ",", &save))
		if (!disk_option(disk, option))
			return false;
	a->disk_count++;
	return disk_probe(disk);
}

bool attach_disks(struct attachments *a, const struct option_list *list)
{
	for (unsigned i = 0; i < list->count; i++)
		if (!disk_read(a, list->texts[i]))
			return false;
	return true;
}

/* The place of a disk or NIC, if @name is a number and no name; -1 if not. */
static int place_of(const char *name)
{
	return name[0] && !name[strspn(name, "0123456789")] && strlen(name) <= 3 ? atoi(name) : -1;
}

static bool disk_attached(const struct attachments *a, const char *name)
{
	for (u32 i = 0; i < a->disk_count; i++)
		if (!strcmp(a->disks[i].serial, name))
			return true;
	return place_of(name) >= 0 && place_of(name) < (int)a->disk_count;
}

static void disk_missing(const struct attachments *a, struct description *d,
			 const struct vm_config *vm, const struct device_config *device)
{
	const char *host = device->disk.host;
	char path[96], message[200];

	snprintf(path, sizeof(path), "/vms/%.31s/%.31s/host-disk", vm->name, device->name);
	if (place_of(host) >= 0)
		snprintf(message, sizeof(message), "there is no disk %s: the machine has %u, counted "
			 "from 0; add --disk FILE", host, a->disk_count);
	else
		snprintf(message, sizeof(message), "there is no disk \"%s\": add --disk "
			 "FILE,serial=%s", host, host);
	description_mistake(d, path, message);
}

bool attach_check_disks(const struct attachments *a, struct description *d)
{
	unsigned before = d->mistakes;

	for (u32 i = 0; i < d->config.vm_count; i++) {
		const struct vm_config *vm = &d->config.vms[i];

		for (u32 n = 0; n < vm->device_count; n++) {
			const struct device_config *device = &vm->devices[n];

			if (device->kind == DEVICE_DISK && device->disk.host[0] &&
			    !disk_attached(a, device->disk.host))
				disk_missing(a, d, vm, device);
		}
	}
	return d->mistakes == before;
}

/* --- what the description needs -------------------------------------------------------------- */

/* The NIC of a switch; -1 if it has none. Numbers are places; addresses come in the first places
 * that no number asks for. */
static int nic_of(const struct system_config *sys, const struct switch_config *network)
{
	bool numbered[ATTACH_MAX] = { false };
	int place = place_of(network->host);
	int index = 0;

	if (!network->uplink || place >= 0)
		return place;
	for (u32 i = 0; i < sys->switch_count; i++) {
		place = place_of(sys->switches[i].host);
		if (place >= 0 && place < ATTACH_MAX)
			numbered[place] = true;
	}
	for (const struct switch_config *s = sys->switches; ; s++) {
		bool addressed = s->uplink && place_of(s->host) < 0;

		while (addressed && index < ATTACH_MAX && numbered[index])
			index++;
		if (s == network)
			return index;
		index += addressed;
	}
}

static bool nics_choose(struct attachments *a, const struct system_config *sys)
{
	for (u32 i = 0; i < sys->switch_count; i++) {
		const struct switch_config *network = &sys->switches[i];
		int nic = nic_of(sys, network);

		if (nic < 0)
			continue;
		if (nic >= ATTACH_MAX) {
			report_error("run: the switch \"%s\" wants NIC %d: the machine has places "
				     "for %d", network->name, nic, ATTACH_MAX);
			return false;
		}
		a->nic_count = (u32)max_u64(a->nic_count, (u64)nic + 1);
		if (place_of(network->host) < 0)
			snprintf(a->nics[nic].mac, sizeof(a->nics[nic].mac), "%.17s", network->host);
	}
	return true;
}

bool attach_devices(struct attachments *a, const struct description *d)
{
	u32 count;

	for (u32 i = 0; i < d->config.device_count; i++)
		a->rng |= d->config.devices[i].kind == DEVICE_RNG;
	if (!nics_choose(a, &d->config))
		return false;
	count = a->disk_count + a->nic_count + a->rng;
	if (count <= ATTACH_MAX)
		return true;
	report_error("run: %u disks, %u NICs and %u source%s of random numbers are more than the %d "
		     "virtio devices for which QEMU's virt machine has places", a->disk_count,
		     a->nic_count, a->rng, a->rng ? "" : "s", ATTACH_MAX);
	return false;
}

/* --- ports that lead into VMs -------------------------------------------------------------- */

static bool forward_vm(struct forward *f, const struct system_config *sys, const char *name)
{
	const char *names[CONFIG_VMS_MAX], *near;

	for (f->vm = 0; f->vm < sys->vm_count; f->vm++) {
		names[f->vm] = sys->vms[f->vm].name;
		if (!strcmp(names[f->vm], name))
			return true;
	}
	near = config_nearest(name, names, sys->vm_count);
	if (near)
		report_error("run: --forward: there is no VM '%s': did you mean '%s'?", name, near);
	else
		report_error("run: --forward: there is no VM '%s'", name);
	return false;
}

/* By which NIC the VM is reached: that of the first of its switches that has one. */
static bool forward_nic(struct forward *f, const struct system_config *sys)
{
	const struct vm_config *vm = &sys->vms[f->vm];

	for (u32 i = 0; i < vm->device_count; i++) {
		int nic = -1;

		if (vm->devices[i].kind == DEVICE_NET)
			nic = nic_of(sys, &sys->switches[vm->devices[i].net.network]);
		if (nic >= 0) {
			f->nic = (u32)nic;
			return true;
		}
	}
	report_error("run: --forward: the VM '%s' is on no switch with an uplink: it needs a net { "
		     "switch = \"lan\"; }; and the switch an uplink = \"0\"", vm->name);
	return false;
}

/* The value of the last bulkhead.ip= among the boot arguments; NULL when there is none. */
static const char *address_argument(const char *bootargs)
{
	static const char name[] = "bulkhead.ip=";
	const char *found = NULL;

	for (const char *at = strstr(bootargs, name); at; at = strstr(at + 1, name))
		if (at == bootargs || at[-1] == ' ')
			found = at + strlen(name);
	return found;
}

/* The VM has the address that its boot arguments say, or gets one, and is told so there. */
static bool forward_address(struct forward *f, const struct vm_config *vm)
{
	const char *told = address_argument(vm->bootargs);
	unsigned byte[4];

	if (!told) {
		snprintf(f->address, sizeof(f->address), "10.0.%u.%u", 2 + f->nic, 101 + f->vm);
		snprintf(f->bootargs, sizeof(f->bootargs), "bulkhead.ip=10.0.%u.%u/24", 2 + f->nic,
			 101 + f->vm);
		return true;
	}
	if (sscanf(told, "%3u.%3u.%3u.%3u", &byte[0], &byte[1], &byte[2], &byte[3]) == 4 &&
	    byte[0] < 256 && byte[1] < 256 && byte[2] < 256 && byte[3] < 256) {
		snprintf(f->address, sizeof(f->address), "%u.%u.%u.%u", byte[0], byte[1], byte[2],
			 byte[3]);
		return true;
	}
	report_error("run: --forward needs a fixed address of the VM '%s', but its bootargs say "
		     "'bulkhead.ip=%.*s': leave it out, or write one such as 10.0.%u.%u/24",
		     vm->name, (int)strcspn(told, " "), told, 2 + f->nic, 101 + f->vm);
	return false;
}

/* Splits "[tcp:]PORT:VM:PORT"; the VM's name points into @text, which is changed. */
static bool forward_split(struct forward *f, char *text, const char **vm)
{
	char *words[4] = { NULL }, *save = NULL, *word = strtok_r(text, ":", &save);
	unsigned count = 0, first;

	for (; word && count < 4; word = strtok_r(NULL, ":", &save))
		words[count++] = word;
	f->udp = count && !strcmp(words[0], "udp");
	first = f->udp || (count && !strcmp(words[0], "tcp"));
	if (count != first + 3 || word) {
		report_error("run: --forward must be [tcp:|udp:]PORT:VM:PORT, as in 2222:linux1:22");
		return false;
	}
	*vm = words[first + 1];
	return options_number("run", "--forward PORT", words[first], 1, 65535, &f->host_port) &&
	       options_number("run", "--forward PORT", words[first + 2], 1, 65535, &f->guest_port);
}

static bool forward_read(struct attachments *a, const struct system_config *sys, const char *text)
{
	struct forward *f = &a->forwards[a->forward_count];
	char copy[128];
	const char *vm;

	snprintf(copy, sizeof(copy), "%s", text);
	if (!forward_split(f, copy, &vm) || !forward_vm(f, sys, vm) || !forward_nic(f, sys) ||
	    !forward_address(f, &sys->vms[f->vm]))
		return false;
	for (u32 i = 0; i < a->forward_count; i++)
		if (a->forwards[i].udp == f->udp && a->forwards[i].host_port == f->host_port) {
			report_error("run: --forward: port %u is forwarded twice", f->host_port);
			return false;
		}
	a->forward_count++;
	return true;
}

bool attach_forwards(struct attachments *a, const struct description *d,
		     const struct option_list *list)
{
	for (unsigned i = 0; i < list->count; i++)
		if (!forward_read(a, &d->config, list->texts[i]))
			return false;
	return true;
}
