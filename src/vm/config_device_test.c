/* Devices, switches and shared memory, as descriptions have them, and every mistake in them. */
#include "vm/config_test.h"

/* --- trees in few words ------------------------------------------------------------------- */

/* Makes the node and those above it that are missing; VMs get what they must have. */
static void make_node(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	char parent[128];

	if (fdt_path_offset(tree, path) >= 0)
		return;
	snprintf(parent, sizeof(parent), "%.*s", (int)(name - 1 - path), path);
	if (!strcmp(parent, "/vms")) {
		add_vm(name);
		return;
	}
	if (*parent)
		make_node(parent);
	assert_true(fdt_add_subnode(tree, *parent ? node(parent) : 0, name) >= 0);
}

/* "name=text", "name=<7>" or "name". */
static void add_property(const char *path, char *word)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	if (!value)
		assert_int_equal(fdt_setprop_empty(tree, node(path), word), 0);
	else if (*value == '<')
		set_u32(path, word, (u32)strtoul(value + 1, NULL, 0));
	else
		set_string(path, word, value);
}

static void add_line(char *line)
{
	char *save = NULL, *path = strtok_r(line, " ", &save);

	make_node(path);
	for (char *word = strtok_r(NULL, " ", &save); word; word = strtok_r(NULL, " ", &save))
		add_property(path, word);
}

/* Each line: a path and properties. From the last to the first: libfdt puts what is new first. */
static void add(const char *lines)
{
	char text[8192];

	assert_true(strlen(lines) < sizeof(text));
	strcpy(text, lines);
	for (char *end = strrchr(text, '\n'); end; end = strrchr(text, '\n')) {
		if (end[1])
			add_line(end + 1);
		*end = '\0';
	}
	add_line(text);
}

/* --- what is right ------------------------------------------------------------------------ */

static const struct device_config *device(unsigned vm, unsigned index)
{
	assert_true(vm < sys.vm_count && index < sys.vms[vm].device_count);
	return &sys.vms[vm].devices[index];
}

static void reads_disks(void **state unused)
{
	add("/vms/a/disk file=root.img\n"
	    "/vms/a/disk-tools file=tools.sqfs read-only serial=tools\n"
	    "/vms/a/disk-scratch size=64M queues=<8>\n"
	    "/vms/a/disk-data host-disk=data partition=home\n"
	    "/vms/a/disk-part-with-a-long-name host-disk=1 offset=1M size=2G read-only");
	expect("");
	assert_int_equal(sys.vms[0].device_count, 5);
	assert_int_equal(sys.device_count, 5);
	assert_int_equal(device(0, 0)->kind, DEVICE_DISK);
	assert_string_equal(device(0, 0)->name, "disk");
	assert_string_equal(device(0, 0)->disk.file, "root.img");
	assert_string_equal(device(0, 0)->disk.serial, "disk");
	assert_false(device(0, 0)->disk.read_only);
	assert_int_equal(device(0, 0)->disk.queues, 1);
	assert_true(device(0, 1)->disk.read_only);
	assert_string_equal(device(0, 1)->disk.serial, "tools");
	assert_int_equal(device(0, 2)->disk.size, 64 * MIB);
	assert_int_equal(device(0, 2)->disk.queues, 8);
	assert_string_equal(device(0, 3)->disk.host, "data");
	assert_string_equal(device(0, 3)->disk.partition, "home");
	assert_int_equal(device(0, 4)->disk.offset, MIB);
	assert_int_equal(device(0, 4)->disk.size, 2 * GIB);
	assert_string_equal(device(0, 4)->disk.serial, "disk-part-with-a-lon");
}

static void reads_networks(void **state unused)
{
	static const u8 made[6] = { 0x02, 'b', 'u', 'l', 1, 0 };
	static const u8 given[6] = { 0x52, 0x54, 0x00, 0xab, 0xcd, 0xef };

	add("/switches/lan uplink=0 vlan=<7>\n"
	    "/switches/quiet\n"
	    "/switches/dmz uplink=52:54:00:AB:CD:EF\n"
	    "/vms/a/net switch=quiet\n"
	    "/vms/a/net-out switch=lan mac=52:54:00:ab:CD:ef vlan=<4094> isolated rate=100M queues=<4>");
	expect("");
	assert_int_equal(sys.switch_count, 3);
	assert_string_equal(sys.switches[0].name, "lan");
	assert_true(sys.switches[0].uplink);
	assert_string_equal(sys.switches[0].host, "0");
	assert_int_equal(sys.switches[0].vlan, 7);
	assert_false(sys.switches[1].uplink);
	assert_string_equal(sys.switches[2].host, "52:54:00:ab:cd:ef");
	assert_int_equal(device(0, 0)->net.network, 1);
	assert_memory_equal(device(0, 0)->net.mac, made, 6);
	assert_int_equal(device(0, 0)->net.queues, 1);
	assert_int_equal(device(0, 0)->net.rate, 0);
	assert_int_equal(device(0, 1)->net.network, 0);
	assert_memory_equal(device(0, 1)->net.mac, given, 6);
	assert_int_equal(device(0, 1)->net.vlan, 4094);
	assert_true(device(0, 1)->net.isolated);
	assert_int_equal(device(0, 1)->net.rate, 100 * MIB);
	assert_int_equal(device(0, 1)->net.queues, 4);
}

static void reads_the_rest(void **state unused)
{
	static const char paths[] = "/soc/rtc@101000\0/soc/uart@2";

	add("/shared/ring size=1M\n"
	    "/vms/a dma-unconfined\n"
	    "/vms/a/rng\n"
	    "/vms/a/console-ops port=operator\n"
	    "/vms/a/console pipe=log\n"
	    "/vms/b/console pipe=log\n"
	    "/vms/b/shared-frames memory=ring read-only");
	assert_int_equal(fdt_setprop(tree, node("/vms/a"), "passthrough", paths, sizeof(paths)), 0);
	expect("");
	/* "b" was added before "a", its sibling. */
	assert_string_equal(sys.vms[1].name, "a");
	assert_int_equal(sys.vms[1].device_count, 5);
	assert_int_equal(device(1, 0)->kind, DEVICE_RNG);
	assert_true(device(1, 1)->console.operator);
	assert_string_equal(device(1, 2)->console.pipe, "log");
	assert_int_equal(device(1, 3)->kind, DEVICE_HOST);
	assert_string_equal(device(1, 3)->name, "rtc@101000");
	assert_string_equal(device(1, 3)->host.path, "/soc/rtc@101000");
	assert_true(device(1, 3)->host.dma_unconfined);
	assert_string_equal(device(1, 4)->host.path, "/soc/uart@2");
	assert_int_equal(device(0, 1)->kind, DEVICE_SHARED);
	assert_int_equal(device(0, 1)->shared.memory, 0);
	assert_true(device(0, 1)->shared.read_only);
	assert_int_equal(sys.shared_count, 1);
	assert_int_equal(sys.shared[0].size, MIB);
}

/* --- mistakes ----------------------------------------------------------------------------- */

struct mistake {
	const char *lines, *wrong;
};

static void expect_each(const struct mistake *cases, unsigned count)
{
	void *state = NULL;

	for (unsigned i = 0; i < count; i++) {
		teardown(&state);
		setup(&state);
		add(cases[i].lines);
		expect(cases[i].wrong);
	}
}

static void names_kinds(void **state unused)
{
	static const struct mistake cases[] = {
		{ "/vms/a/dsk-data size=1M",
		  "/vms/a/dsk-data: unknown node: did you mean \"disk-data\"?\n" },
		{ "/vms/a/disks size=1M", "/vms/a/disks: unknown node: did you mean \"disk\"?\n" },
		{ "/vms/a/net0", "/vms/a/net0: unknown node: did you mean \"net-0\"?\n" },
		{ "/vms/a/disk@1", "/vms/a/disk@1: unknown node: did you mean \"disk-1\"?\n" },
		{ "/vms/a/flavour", "/vms/a/flavour: unknown node: a device is a disk, net, console, "
		  "rng or shared, with a name of its own behind it where there are several, as in "
		  "disk-data\n" },
		{ "/vms/a/disk-A size=1M", "/vms/a/disk-A: this cannot be a device's name: use a to "
		  "z, 0 to 9 and, but not first, '-'\n" },
		{ "/vms/a/disk-012345678901234567890123456 size=1M",
		  "/vms/a/disk-012345678901234567890123456: the name has 32 characters: at most 31 "
		  "fit\n" },
		{ "/vms/a/rng speed=<1>",
		  "/vms/a/rng/speed: unknown property: an rng has none of this name\n" },
		{ "/vms/a/disk size=1M readonly",
		  "/vms/a/disk/readonly: unknown property: did you mean \"read-only\"?\n" },
		{ "/vms/a/disk size=1M\n/vms/a/disk/part",
		  "/vms/a/disk/part: unknown node: a disk has only properties\n" },
		{ "/switchs/lan", "/switchs: unknown node: did you mean \"switches\"?\n" },
	};

	expect_each(cases, ARRAY_SIZE(cases));
}

static void checks_disks(void **state unused)
{
	static const struct mistake cases[] = {
		{ "/vms/a/disk", "/vms/a/disk: has no file, no size and no host-disk: an empty disk "
		  "has a size, as in size = \"64M\"\n" },
		{ "/vms/a/disk file=x host-disk=0", "/vms/a/disk/host-disk: there is a file too: a "
		  "disk is the one or the other\n" },
		{ "/vms/a/disk file=x size=1M", "/vms/a/disk/size: is that of the file: leave it "
		  "out\n" },
		{ "/vms/a/disk size=1M read-only", "/vms/a/disk/read-only: would keep an empty disk "
		  "empty: leave it out, or name a file\n" },
		{ "/vms/a/disk size=1M partition=1", "/vms/a/disk/partition: is a part of a disk of "
		  "the host: say which, as in host-disk = \"0\"\n" },
		{ "/vms/a/disk size=1M offset=1M", "/vms/a/disk/offset: is a part of a disk of the "
		  "host: say which, as in host-disk = \"0\"\n" },
		{ "/vms/a/disk host-disk=0 partition=1 size=1M", "/vms/a/disk/partition: says which "
		  "part it is: leave out offset and size\n" },
		{ "/vms/a/disk host-disk=<0>", "/vms/a/disk/host-disk: must be one string, as in "
		  "host-disk = \"0\"\n" },
		{ "/vms/a/disk host-disk=", "/vms/a/disk/host-disk: is empty: it must name a disk of "
		  "the host by its serial number or its place, as in host-disk = \"0\"\n" },
		{ "/vms/a/disk size=0K", "/vms/a/disk/size: \"0K\" is too little: a disk has at "
		  "least 4K\n" },
		{ "/vms/a/disk size=5K", "/vms/a/disk/size: \"5K\" is not a multiple of 4K: the next "
		  "one is \"8K\"\n" },
		{ "/vms/a/disk size=64", "/vms/a/disk/size: \"64\" is not a size: write a whole "
		  "number and K, M, G or T, as in \"64M\"\n" },
		{ "/vms/a/disk host-disk=0 offset=99999999T", "/vms/a/disk/offset: \"99999999T\" is "
		  "too much: an offset is at most 16384T\n" },
		{ "/vms/a/disk size=1M queues=<9>", "/vms/a/disk/queues: is 9: a disk has 1 to 8 "
		  "queues\n" },
		{ "/vms/a/disk size=1M serial=012345678901234567890", "/vms/a/disk/serial: has 21 "
		  "characters: at most 20 fit\n" },
		{ "/vms/a/disk file=x read-only=yes", "/vms/a/disk/read-only: takes no value: write "
		  "read-only; or leave it out\n" },
		{ "/vms/a/disk size=2T", "/vms: the VMs have 2097216M of memory together (2T of it "
		  "for disks and what they share): a system has at most 1T\n" },
	};

	expect_each(cases, ARRAY_SIZE(cases));
}

static void checks_networks(void **state unused)
{
	static const struct mistake cases[] = {
		{ "/vms/a/net", "/vms/a/net: has no switch, as in switch = \"lan\"\n" },
		{ "/vms/a/net switch=lan", "/vms/a/net/switch: there is no switch \"lan\": describe "
		  "it in /switches\n" },
		{ "/switches/lan\n/vms/a/net switch=lna", "/vms/a/net/switch: there is no switch "
		  "\"lna\": did you mean \"lan\"?\n" },
		{ "/switches/lan\n/vms/a/net switch=lan mac=52:54:00:12:34",
		  "/vms/a/net/mac: \"52:54:00:12:34\" is not a MAC address: six bytes, as in "
		  "mac = \"52:54:00:12:34:56\"\n" },
		{ "/switches/lan\n/vms/a/net switch=lan mac=53:54:00:12:34:56",
		  "/vms/a/net/mac: \"53:54:00:12:34:56\" is not the address of one station: its "
		  "first byte must be even, and not all may be zero\n" },
		{ "/switches/lan\n/vms/a/net switch=lan mac=00:00:00:00:00:00",
		  "/vms/a/net/mac: \"00:00:00:00:00:00\" is not the address of one station: its "
		  "first byte must be even, and not all may be zero\n" },
		{ "/switches/lan\n/vms/a/net switch=lan vlan=<4095>", "/vms/a/net/vlan: is 4095: a "
		  "VLAN has a number from 1 to 4094\n" },
		{ "/switches/lan\n/vms/a/net switch=lan vlan=<0>", "/vms/a/net/vlan: is 0: a VLAN "
		  "has a number from 1 to 4094\n" },
		{ "/switches/lan\n/vms/a/net switch=lan rate=0M", "/vms/a/net/rate: \"0M\" is too "
		  "little: a rate, in bytes a second, is at least 1K\n" },
		{ "/switches/lan\n/vms/a/net switch=lan queues=<5>", "/vms/a/net/queues: is 5: a "
		  "network device has 1 to 4 pairs of queues\n" },
		{ "/switches/lan\n/vms/a/net-1 switch=lan mac=52:00:00:00:00:01\n"
		  "/vms/a/net-2 switch=lan mac=52:00:00:00:00:01",
		  "/vms/a/net-2/mac: 52:00:00:00:00:01 is that of \"net-1\" of the VM \"a\", on the "
		  "same switch: choose another one\n" },
		{ "/switches/lan\n/switches/dmz\n/vms/a/net-1 switch=lan mac=52:00:00:00:00:01\n"
		  "/vms/a/net-2 switch=dmz mac=52:00:00:00:00:01", "" },
		{ "/switches/lan\n/vms/a/net-1 switch=lan\n"
		  "/vms/a/net-2 switch=lan mac=02:62:75:6c:01:00",
		  "/vms/a/net-2/mac: 02:62:75:6c:01:00 is that of \"net-1\" of the VM \"a\", on the "
		  "same switch: choose another one\n" },
	};

	expect_each(cases, ARRAY_SIZE(cases));
}

static void checks_switches(void **state unused)
{
	static const struct mistake cases[] = {
		{ "/switches speed=<1>", "/switches/speed: unknown property: /switches has only "
		  "nodes, one for each switch\n" },
		{ "/switches/Lan", "/switches/Lan: this cannot be a switch's name: use a to z, 0 to 9 "
		  "and, but not first, '-'\n" },
		{ "/switches/lan uplink=eth0", "/switches/lan/uplink: \"eth0\" is no NIC of the host: "
		  "write its place as a number, as in uplink = \"0\", or its MAC address\n" },
		{ "/switches/lan uplink=", "/switches/lan/uplink: \"\" is no NIC of the host: "
		  "write its place as a number, as in uplink = \"0\", or its MAC address\n" },
		{ "/switches/lan uplink=<0>", "/switches/lan/uplink: must be one string, as in "
		  "uplink = \"0\"\n" },
		{ "/switches/lan vlan=<3>", "/switches/lan/vlan: is the uplink's, and there is none: "
		  "a VM's network device has a vlan of its own\n" },
		{ "/switches/lan uplink=1\n/switches/dmz uplink=1", "/switches/dmz/uplink: the NIC "
		  "\"1\" is the uplink of the switch \"lan\": it can be that of one only\n" },
		{ "/switches/lan\n/switches/lan/port", "/switches/lan/port: unknown node: a switch "
		  "has only properties\n" },
		{ "/shared/ring", "/shared/ring: has no size, as in size = \"1M\"\n" },
		{ "/shared/ring size=1K", "/shared/ring/size: \"1K\" is too little: shared memory "
		  "has at least 4K\n" },
		{ "/shared/ring size=6K", "/shared/ring/size: \"6K\" is not a multiple of 4K: the "
		  "next one is \"8K\"\n" },
		{ "/shared/-x size=4K", "/shared/-x: this cannot be a shared memory's name: use a to "
		  "z, 0 to 9 and, but not first, '-'\n" },
		{ "/shared/ring size=4K\n/vms/a/shared memory=rng",
		  "/vms/a/shared/memory: there is no memory \"rng\": did you mean \"ring\"?\n" },
		{ "/vms/a/shared", "/vms/a/shared: has no memory, as in memory = \"ring\"\n" },
	};

	expect_each(cases, ARRAY_SIZE(cases));
}

static void checks_consoles(void **state unused)
{
	static const struct mistake cases[] = {
		{ "/vms/a/console", "/vms/a/console: leads nowhere: add port = \"operator\", or a "
		  "pipe to another VM, as in pipe = \"frames\"\n" },
		{ "/vms/a/console port=operater", "/vms/a/console/port: \"operater\" is unknown: did "
		  "you mean \"operator\"?\n" },
		{ "/vms/a/console port=operator pipe=x\n/vms/a/console-2 pipe=x",
		  "/vms/a/console/pipe: there is a port too: a console is the one or the other\n" },
		{ "/vms/a/console pipe=x", "/vms/a/console/pipe: no other console has the pipe "
		  "\"x\": exactly two are its ends\n" },
		{ "/vms/a/console-1 pipe=x\n/vms/a/console-2 pipe=x", "" },
		{ "/vms/a/console-1 pipe=x\n/vms/a/console-2 pipe=x\n/vms/a/console-3 pipe=x",
		  "/vms/a/console-3/pipe: two other consoles have the pipe \"x\": it has no more "
		  "ends\n" },
		{ "/vms/a/console-1 port=operator\n/vms/a/console-2 port=operator",
		  "/vms/a/console-2/port: \"console-1\" is the operator's already: a VM has one such "
		  "console\n" },
		{ "/vms/a/console-1 port=operator\n/vms/b/console-2 port=operator", "" },
	};

	expect_each(cases, ARRAY_SIZE(cases));
}

static void keeps_host_disks_apart(void **state unused)
{
	static const char clash[] = "/vms/a/disk-2/host-disk: \"disk-1\" of the VM \"a\" has the "
		"same part of this disk: only disks that are all read-only may\n";
	static const struct mistake cases[] = {
		{ "/vms/a/disk-1 host-disk=0\n/vms/a/disk-2 host-disk=0", clash },
		{ "/vms/a/disk-1 host-disk=0 read-only\n/vms/a/disk-2 host-disk=0", clash },
		{ "/vms/a/disk-1 host-disk=0 read-only\n/vms/a/disk-2 host-disk=0 read-only", "" },
		{ "/vms/a/disk-1 host-disk=0\n/vms/a/disk-2 host-disk=1", "" },
		{ "/vms/a/disk-1 host-disk=0 partition=1\n/vms/a/disk-2 host-disk=0", clash },
		{ "/vms/a/disk-1 host-disk=0 partition=1\n/vms/a/disk-2 host-disk=0 partition=1",
		  clash },
		{ "/vms/a/disk-1 host-disk=0 partition=1\n/vms/a/disk-2 host-disk=0 partition=2",
		  "" },
		{ "/vms/a/disk-1 host-disk=0 size=1M\n/vms/a/disk-2 host-disk=0 offset=1M", "" },
		{ "/vms/a/disk-1 host-disk=0 size=1028K\n/vms/a/disk-2 host-disk=0 offset=1M", clash },
		{ "/vms/a/disk-1 size=1M\n/vms/a/disk-2 size=1M", "" },
	};

	expect_each(cases, ARRAY_SIZE(cases));
}

static void checks_passthrough(void **state unused)
{
	static const struct mistake cases[] = {
		{ "/vms/a passthrough=rtc", "/vms/a/passthrough: \"rtc\" is no path in the host's "
		  "device tree, as in passthrough = \"/soc/rtc@101000\"\n" },
		{ "/vms/a passthrough=/soc/", "/vms/a/passthrough: \"/soc/\" is no path in the host's "
		  "device tree, as in passthrough = \"/soc/rtc@101000\"\n" },
		{ "/vms/a passthrough", "/vms/a/passthrough: must be a list of strings, as in "
		  "passthrough = \"/soc/rtc@101000\"\n" },
		{ "/vms/a passthrough=<1>", "/vms/a/passthrough: must be a list of strings, as in "
		  "passthrough = \"/soc/rtc@101000\"\n" },
		{ "/vms/a passthrough=/soc/rtc dma-unconfined=<1>", "/vms/a/dma-unconfined: takes no "
		  "value: write dma-unconfined; or leave it out\n" },
		{ "/vms/a dma-unconfined", "/vms/a/dma-unconfined: goes with passthrough, which "
		  "names the host's devices that the VM gets\n" },
		{ "/vms/b passthrough=/soc/rtc\n/vms/c passthrough=/soc/rtc",
		  "/vms/c/passthrough: \"/soc/rtc\" is given to the VM \"b\" already\n" },
	};

	expect_each(cases, ARRAY_SIZE(cases));
}

/* libfdt makes no two nodes of one name: they differ first, then their bytes are made equal. */
static void finds_equal_names(void **state unused)
{
	static const char *const paths[] = { "/vms/a/disk-y", "/switches/y", "/shared/y" };

	add("/switches/x\n/switches/y\n/shared/x size=4K\n/shared/y size=4K\n"
	    "/vms/a/disk-x size=4K\n/vms/a/disk-y size=4K");
	expect("");
	for (unsigned i = 0; i < ARRAY_SIZE(paths); i++) {
		char *name = (char *)(uintptr_t)fdt_get_name(tree, node(paths[i]), NULL);

		name[strlen(name) - 1] = 'x';
	}
	expect("/switches/x: there are two switches of this name\n"
	       "/shared/x: there are two nodes of this name\n"
	       "/vms/a/disk-x: there are two devices of this name\n");
}

static void bounds_numbers(void **state unused)
{
	char line[64];

	for (unsigned i = 0; i <= CONFIG_SWITCHES_MAX; i++) {
		snprintf(line, sizeof(line), "/switches/s%u", i);
		add(line);
		snprintf(line, sizeof(line), "/shared/m%u size=4K", i);
		add(line);
	}
	expect("/switches: has more than 32 switches\n/shared: has more than 32 nodes\n");
	fdt_del_node(tree, node("/switches"));
	fdt_del_node(tree, node("/shared"));
	for (unsigned i = 0; i <= CONFIG_DEVICES_MAX; i++) {
		snprintf(line, sizeof(line), "/vms/a/rng-%u", i);
		add(line);
	}
	expect("/vms/a: has more than 32 devices\n");
	fdt_del_node(tree, node("/vms/a/rng-32"));
	expect("");
	for (unsigned i = 0; i < CONFIG_DEVICES_TOTAL - CONFIG_DEVICES_MAX; i++) {
		snprintf(line, sizeof(line), "/vms/b%u/rng-%u", i / 30, i);
		add(line);
	}
	expect("");
	assert_int_equal(sys.device_count, CONFIG_DEVICES_TOTAL);
	add("/vms/c/rng");
	/* "c" is the first VM now, and "a" the last one. */
	expect("/vms/a: has no room for its devices: all VMs together have at most 256\n");
}

/* --- on a host ------------------------------------------------------------------------------ */

static u64 file_size(void *arg, const char *file)
{
	assert_ptr_equal(arg, &sys);
	return strcmp(file, "root.img") ? 7 * MIB : 2 * MIB - 1;
}

static void counts_memory(void **state unused)
{
	struct config_host host = { .harts = 1, .file_size = file_size, .file_arg = &sys };

	add("/shared/ring size=1M\n"
	    "/vms/a/disk file=root.img\n"
	    "/vms/a/disk-tools file=tools.img read-only\n"
	    "/vms/a/disk-scratch size=16M\n"
	    "/vms/a/disk-data host-disk=0 size=32M");
	expect("");
	assert_int_equal(config_memory(&sys, NULL, NULL), 81 * MIB);
	assert_int_equal(config_memory(&sys, file_size, &sys), 83 * MIB);
	host.memory = 83 * MIB;
	assert_int_equal(check_on(&host), 0);
	host.memory--;
	assert_int_equal(check_on(&host), 1);
	assert_string_equal(reports, "/vms: the VMs need 83M of memory together (19M of it for "
			    "disks and what they share), the host has 82M for them\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(reads_disks),
		CASE(reads_networks),
		CASE(reads_the_rest),
		CASE(names_kinds),
		CASE(checks_disks),
		CASE(checks_networks),
		CASE(checks_switches),
		CASE(checks_consoles),
		CASE(keeps_host_disks_apart),
		CASE(checks_passthrough),
		CASE(finds_equal_names),
		CASE(bounds_numbers),
		CASE(counts_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
