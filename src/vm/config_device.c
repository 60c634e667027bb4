/* The devices of a VM: a node's name says the kind, its properties the rest. */
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "vm/config_read.h"

/* More than any disk has; sums of two cannot wrap around. */
#define DISK_MAX (16 * 1024 * 1024 * GIB)

/* Makes addresses that no vendor has: locally administered, unicast (IEEE 802, 8.4). */
static const u8 mac_prefix[4] = { 0x02, 'b', 'u', 'l' };

static struct disk_config *disk_of(struct config_reader *r)
{
	return &((struct device_config *)r->out)->disk;
}

static struct net_config *net_of(struct config_reader *r)
{
	return &((struct device_config *)r->out)->net;
}

/* --- disk --------------------------------------------------------------------------- */

static bool read_file(struct config_reader *r, const struct config_value *v)
{
	return config_value_text(r, v, CONFIG_PATH_MAX, "a file", "path/to/disk.img",
				 disk_of(r)->file);
}

static bool read_host_disk(struct config_reader *r, const struct config_value *v)
{
	return config_value_text(r, v, CONFIG_HOST_NAME_MAX, "a disk of the host by its serial "
				 "number or its place", "0", disk_of(r)->host);
}

static bool read_partition(struct config_reader *r, const struct config_value *v)
{
	return config_value_text(r, v, CONFIG_HOST_NAME_MAX, "a partition by its name or its "
				 "number", "1", disk_of(r)->partition);
}

static bool read_offset(struct config_reader *r, const struct config_value *v)
{
	static const struct config_sizes sizes = { 0, DISK_MAX, CONFIG_PAGE, "1M", "an offset is" };

	return config_value_size(r, v, &sizes, &disk_of(r)->offset);
}

static bool read_disk_size(struct config_reader *r, const struct config_value *v)
{
	static const struct config_sizes sizes = {
		CONFIG_PAGE, DISK_MAX, CONFIG_PAGE, "64M", "a disk has",
	};

	return config_value_size(r, v, &sizes, &disk_of(r)->size);
}

static bool read_disk_read_only(struct config_reader *r, const struct config_value *v)
{
	disk_of(r)->read_only = config_value_flag(r, v);
	return disk_of(r)->read_only;
}

static bool read_serial(struct config_reader *r, const struct config_value *v)
{
	return config_value_text(r, v, CONFIG_SERIAL_MAX, "the disk", "data", disk_of(r)->serial);
}

static bool read_disk_queues(struct config_reader *r, const struct config_value *v)
{
	static const struct config_range range = {
		1, CONFIG_DISK_QUEUES_MAX, "queues = <2>", "a disk has 1 to 8 queues",
	};

	return config_value_number(r, v, &range, &disk_of(r)->queues);
}

enum {
	DISK_FILE, DISK_SIZE, DISK_HOST, DISK_PARTITION, DISK_OFFSET, DISK_READ_ONLY, DISK_SERIAL,
	DISK_QUEUES,
};

static const struct config_property disk_properties[] = {
	[DISK_FILE] = { "file", read_file, NULL },
	[DISK_SIZE] = { "size", read_disk_size, NULL },
	[DISK_HOST] = { "host-disk", read_host_disk, NULL },
	[DISK_PARTITION] = { "partition", read_partition, NULL },
	[DISK_OFFSET] = { "offset", read_offset, NULL },
	[DISK_READ_ONLY] = { "read-only", read_disk_read_only, NULL },
	[DISK_SERIAL] = { "serial", read_serial, NULL },
	[DISK_QUEUES] = { "queues", read_disk_queues, NULL },
};

static void disk_start(struct device_config *device, unsigned vm unused, unsigned index unused)
{
	device->disk.queues = 1;
}

static void host_disk_check(struct config_reader *r, bool partition, bool range)
{
	if (r->seen & BIT(DISK_FILE))
		config_report(r->report, r->path, "host-disk", "there is a file too: a disk is "
			      "the one or the other");
	else if (partition && range)
		config_report(r->report, r->path, "partition", "says which part it is: leave out "
			      "offset and size");
}

static void memory_disk_check(struct config_reader *r, bool partition, bool offset)
{
	bool file = r->seen & BIT(DISK_FILE), size = r->seen & BIT(DISK_SIZE);

	if (partition || offset)
		config_report(r->report, r->path, partition ? "partition" : "offset",
			      "is a part of a disk of the host: say which, as in host-disk = \"0\"");
	else if (file && size)
		config_report(r->report, r->path, "size", "is that of the file: leave it out");
	else if (!file && !size)
		config_report(r->report, r->path, NULL, "has no file, no size and no host-disk: "
			      "an empty disk has a size, as in size = \"64M\"");
	else if (!file && r->seen & BIT(DISK_READ_ONLY))
		config_report(r->report, r->path, "read-only", "would keep an empty disk empty: "
			      "leave it out, or name a file");
}

static void disk_check(struct config_reader *r)
{
	struct disk_config *disk = disk_of(r);
	bool partition = r->seen & BIT(DISK_PARTITION), offset = r->seen & BIT(DISK_OFFSET);

	if (r->seen & BIT(DISK_HOST))
		host_disk_check(r, partition, offset || r->seen & BIT(DISK_SIZE));
	else
		memory_disk_check(r, partition, offset);
	if (!disk->serial[0])
		snprintf(disk->serial, sizeof(disk->serial), "%.20s",
			 ((struct device_config *)r->out)->name);
}

/* --- net ------------------------------------------------------------------------------ */

static bool read_switch(struct config_reader *r, const struct config_value *v)
{
	const char *names[CONFIG_SWITCHES_MAX];
	int index;

	for (u32 i = 0; i < r->sys->switch_count; i++)
		names[i] = r->sys->switches[i].name;
	index = config_value_name(r, v, names, r->sys->switch_count, "switch", "/switches");
	net_of(r)->network = index < 0 ? CONFIG_SWITCHES_MAX : (u32)index;
	return index >= 0;
}

static bool read_mac(struct config_reader *r, const struct config_value *v)
{
	static const char example[] = "mac = \"52:54:00:12:34:56\"";
	const char *text = config_value_string(r, v, CONFIG_BOOTARGS_MAX, example);
	u8 mac[6];

	if (!text)
		return false;
	if (!config_mac_parse(text, mac)) {
		config_report(r->report, r->path, v->name, "\"%.40s\" is not a MAC address: six "
			      "bytes, as in %s", text, example);
		return false;
	}
	/* IEEE 802, 8.2.2: the first bit on the wire says "group". */
	if (mac[0] & 1 || !memcmp(mac, (const u8[6]){ 0 }, 6)) {
		config_report(r->report, r->path, v->name, "\"%.40s\" is not the address of one "
			      "station: its first byte must be even, and not all may be zero", text);
		return false;
	}
	memcpy(net_of(r)->mac, mac, sizeof(mac));
	return true;
}

static bool read_net_vlan(struct config_reader *r, const struct config_value *v)
{
	return config_value_vlan(r, v, &net_of(r)->vlan);
}

static bool read_isolated(struct config_reader *r, const struct config_value *v)
{
	net_of(r)->isolated = config_value_flag(r, v);
	return net_of(r)->isolated;
}

static bool read_rate(struct config_reader *r, const struct config_value *v)
{
	static const struct config_sizes sizes = {
		CONFIG_RATE_MIN, CONFIG_RATE_MAX, 1, "100M", "a rate, in bytes a second, is",
	};

	return config_value_size(r, v, &sizes, &net_of(r)->rate);
}

static bool read_net_queues(struct config_reader *r, const struct config_value *v)
{
	static const struct config_range range = {
		1, CONFIG_NET_QUEUES_MAX, "queues = <2>", "a network device has 1 to 4 pairs of queues",
	};

	return config_value_number(r, v, &range, &net_of(r)->queues);
}

static const struct config_property net_properties[] = {
	{ "switch", read_switch, "switch = \"lan\"" },
	{ "mac", read_mac, NULL },
	{ "vlan", read_net_vlan, NULL },
	{ "isolated", read_isolated, NULL },
	{ "rate", read_rate, NULL },
	{ "queues", read_net_queues, NULL },
};

static void net_start(struct device_config *device, unsigned vm, unsigned index)
{
	struct net_config *net = &device->net;

	memcpy(net->mac, mac_prefix, sizeof(mac_prefix));
	net->mac[4] = (u8)(vm + 1);
	net->mac[5] = (u8)index;
	net->network = CONFIG_SWITCHES_MAX;
	net->queues = 1;
}

/* --- console, shared -------------------------------------------------------------------- */

static bool read_port(struct config_reader *r, const struct config_value *v)
{
	static const char *const words[] = { "operator" };
	struct device_config *device = r->out;

	device->console.operator = config_value_word(r, v, words, ARRAY_SIZE(words)) >= 0;
	return device->console.operator;
}

static bool read_pipe(struct config_reader *r, const struct config_value *v)
{
	return config_value_text(r, v, CONFIG_NAME_MAX, "a pipe", "frames",
				 ((struct device_config *)r->out)->console.pipe);
}

enum { CONSOLE_PORT, CONSOLE_PIPE };

static const struct config_property console_properties[] = {
	[CONSOLE_PORT] = { "port", read_port, NULL },
	[CONSOLE_PIPE] = { "pipe", read_pipe, NULL },
};

static void console_check(struct config_reader *r)
{
	u64 both = BIT(CONSOLE_PORT) | BIT(CONSOLE_PIPE);

	if (!(r->seen & both))
		config_report(r->report, r->path, NULL, "leads nowhere: add port = \"operator\", or "
			      "a pipe to another VM, as in pipe = \"frames\"");
	else if ((r->seen & both) == both)
		config_report(r->report, r->path, "pipe", "there is a port too: a console is the "
			      "one or the other");
}

static bool read_shared_memory(struct config_reader *r, const struct config_value *v)
{
	const char *names[CONFIG_SHARED_MAX];
	struct device_config *device = r->out;
	int index;

	for (u32 i = 0; i < r->sys->shared_count; i++)
		names[i] = r->sys->shared[i].name;
	index = config_value_name(r, v, names, r->sys->shared_count, "memory", "/shared");
	device->shared.memory = index < 0 ? CONFIG_SHARED_MAX : (u32)index;
	return index >= 0;
}

static bool read_shared_read_only(struct config_reader *r, const struct config_value *v)
{
	struct device_config *device = r->out;

	device->shared.read_only = config_value_flag(r, v);
	return device->shared.read_only;
}

static const struct config_property shared_properties[] = {
	{ "memory", read_shared_memory, "memory = \"ring\"" },
	{ "read-only", read_shared_read_only, NULL },
};

/* --- the kinds -------------------------------------------------------------------------- */

struct kind {
	const char *name;
	struct config_node node;
	/* What it is when nothing is said; @vm and @index count from 0. */
	void (*start)(struct device_config *device, unsigned vm, unsigned index);
	void (*check)(struct config_reader *r);
};

static const struct kind kinds[] = {
	[DEVICE_DISK] = { "disk", { "a disk", disk_properties, ARRAY_SIZE(disk_properties) },
			  disk_start, disk_check },
	[DEVICE_NET] = { "net", { "a network device", net_properties, ARRAY_SIZE(net_properties) },
			 net_start, NULL },
	[DEVICE_CONSOLE] = { "console", { "a console", console_properties,
					  ARRAY_SIZE(console_properties) }, NULL, console_check },
	[DEVICE_RNG] = { "rng", { "an rng", NULL, 0 }, NULL, NULL },
	[DEVICE_SHARED] = { "shared", { "shared memory", shared_properties,
					ARRAY_SIZE(shared_properties) }, NULL, NULL },
};

/* The kind that @name begins with, alone or before a '-'; -1 if it is none. */
static int kind_find(const char *name)
{
	size_t length = strcspn(name, "-");

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strlen(kinds[i].name) == length && !memcmp(kinds[i].name, name, length))
			return (int)i;
	return -1;
}

/* For "net0" and "disk@1": the kind is right, and only the '-' is missing. NULL if it is not so. */
static const char *kind_before_number(const char *name, const char **number)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t length = strlen(kinds[i].name);
		const char *rest = name + length;

		if (strncmp(name, kinds[i].name, length))
			continue;
		rest += strspn(rest, "@_");
		if (*rest && !rest[strspn(rest, "0123456789abcdef")]) {
			*number = rest;
			return kinds[i].name;
		}
	}
	return NULL;
}

static void kind_unknown(struct config_reader *r, const char *vm, const char *name)
{
	const char *known[ARRAY_SIZE(kinds)], *near, *rest = strchr(name, '-');
	char word[CONFIG_NAME_MAX + 1];

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		known[i] = kinds[i].name;
	near = kind_before_number(name, &rest);
	if (near) {
		config_report(r->report, vm, name, "unknown node: did you mean \"%s-%.20s\"?", near,
			      rest);
		return;
	}
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(name, "-"), name);
	near = config_nearest(word, known, ARRAY_SIZE(known));
	if (near)
		config_report(r->report, vm, name, "unknown node: did you mean \"%s%.20s\"?", near,
			      rest ? rest : "");
	else
		config_report(r->report, vm, name, "unknown node: a device is a disk, net, "
			      "console, rng or shared, with a name of its own behind it where there "
			      "are several, as in disk-data");
}

static bool name_taken(const struct vm_config *vm, const struct device_config *device)
{
	for (const struct device_config *d = vm->devices; d < device; d++)
		if (!strcmp(d->name, device->name))
			return true;
	return false;
}

void config_read_device(const void *fdt, int node, const char *name, struct system_config *sys,
			const struct vm_config *vm, struct config_report *report)
{
	struct device_config *device = &sys->devices[sys->device_count - 1];
	struct config_reader r = { .report = report, .out = device, .sys = sys };
	int kind = kind_find(name);
	char vm_path[CONFIG_NODE_PATH];

	snprintf(vm_path, sizeof(vm_path), "/vms/%s", vm->name);
	snprintf(r.path, sizeof(r.path), "%.60s/%.60s", vm_path, name);
	if (kind < 0) {
		kind_unknown(&r, vm_path, name);
		return;
	}
	config_read_name(&r, name, "a device's", device->name);
	if (name_taken(vm, device))
		config_report(report, r.path, NULL, "there are two devices of this name");
	device->kind = (enum device_kind)kind;
	r.node = &kinds[kind].node;
	if (kinds[kind].start)
		kinds[kind].start(device, (unsigned)(vm - sys->vms), vm->device_count - 1);
	config_read_properties(&r, fdt, node);
	config_read_no_nodes(&r, fdt, node);
	if (kinds[kind].check)
		kinds[kind].check(&r);
}
