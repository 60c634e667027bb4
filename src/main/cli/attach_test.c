#include "main/cli/attach.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct description d;
static struct attachments a;
static char path[] = "/tmp/bulkhead-attach-XXXXXX";

static int setup(void **state unused)
{
	memset(&d, 0, sizeof(d));
	memset(&a, 0, sizeof(a));
	d.path = "s.dts";
	return 0;
}

static struct option_list list_of(const char *text)
{
	return (struct option_list){ .texts = { text }, .count = 1 };
}

static void add_switch(const char *name, const char *host)
{
	struct switch_config *network = &d.config.switches[d.config.switch_count++];

	strcpy(network->name, name);
	network->uplink = *host;
	strcpy(network->host, host);
}

static struct vm_config *add_vm(const char *name)
{
	struct vm_config *vm = &d.config.vms[d.config.vm_count++];

	strcpy(vm->name, name);
	vm->devices = &d.config.devices[d.config.device_count];
	return vm;
}

static struct device_config *add_device(struct vm_config *vm, enum device_kind kind)
{
	struct device_config *device = &d.config.devices[d.config.device_count++];

	vm->device_count++;
	device->kind = kind;
	return device;
}

static bool forward(const char *text)
{
	const struct option_list list = list_of(text);

	return attach_forwards(&a, &d, &list);
}

static void reads_disks(void **state unused)
{
	static const char *const bad[] = {
		"", ",read-only", "/nonexistent/disk", "FILE,readonly", "FILE,serial=",
		"FILE,serial=012345678901234567890",
	};
	struct option_list list;
	char text[128];

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		list = list_of(bad[i]);
		assert_false(attach_disks(&a, &list));
		a.disk_count = 0;
	}
	snprintf(text, sizeof(text), "%s,serial=data,read-only", path);
	list = list_of(text);
	assert_true(attach_disks(&a, &list));
	assert_string_equal(a.disks[0].path, path);
	assert_string_equal(a.disks[0].serial, "data");
	assert_true(a.disks[0].read_only);
	assert_true(a.disks[0].qcow2);
	list = list_of(path);
	while (a.disk_count < ATTACH_MAX)
		assert_true(attach_disks(&a, &list));
	assert_false(attach_disks(&a, &list));
}

static void finds_described_disks(void **state unused)
{
	struct vm_config *vm = add_vm("a");
	struct device_config *device = add_device(vm, DEVICE_DISK);

	assert_true(attach_check_disks(&a, &d));
	strcpy(device->disk.host, "data");
	assert_false(attach_check_disks(&a, &d));
	a.disk_count = 1;
	strcpy(a.disks[0].serial, "data");
	assert_true(attach_check_disks(&a, &d));
	strcpy(device->disk.host, "0");
	assert_true(attach_check_disks(&a, &d));
	strcpy(device->disk.host, "1");
	assert_false(attach_check_disks(&a, &d));
	assert_int_equal(d.mistakes, 2);
}

static void gives_uplinks_nics(void **state unused)
{
	struct vm_config *vm = add_vm("a");

	add_switch("quiet", "");
	assert_true(attach_devices(&a, &d));
	assert_int_equal(a.nic_count, 0);
	assert_false(a.rng);
	add_switch("lan", "52:54:00:00:00:01");
	add_switch("dmz", "0");
	add_switch("out", "52:54:00:00:00:02");
	add_device(vm, DEVICE_RNG);
	assert_true(attach_devices(&a, &d));
	assert_int_equal(a.nic_count, 3);
	assert_string_equal(a.nics[0].mac, "");
	assert_string_equal(a.nics[1].mac, "52:54:00:00:00:01");
	assert_string_equal(a.nics[2].mac, "52:54:00:00:00:02");
	assert_true(a.rng);
	a.disk_count = 5;
	assert_false(attach_devices(&a, &d));
	a.disk_count = 0;
	add_switch("far", "8");
	assert_false(attach_devices(&a, &d));
}

static void forwards_ports(void **state unused)
{
	struct vm_config *first = add_vm("linux1"), *second = NULL;

	add_switch("quiet", "");
	add_switch("lan", "0");
	add_switch("dmz", "52:54:00:00:00:01");
	add_device(first, DEVICE_NET)->net.network = 0;
	second = add_vm("linux2");
	add_device(second, DEVICE_NET)->net.network = 0;
	add_device(second, DEVICE_NET)->net.network = 2;
	assert_true(attach_devices(&a, &d));
	assert_false(forward("2222:linux1:22"));
	assert_false(forward("2222:linux3:22"));
	assert_true(forward("2222:linux2:22"));
	assert_false(a.forwards[0].udp);
	assert_int_equal(a.forwards[0].nic, 1);
	assert_string_equal(a.forwards[0].address, "10.0.3.102");
	assert_string_equal(a.forwards[0].bootargs, "bulkhead.ip=10.0.3.102/24");
	assert_false(forward("tcp:2222:linux2:23"));
	assert_true(forward("udp:2222:linux2:23"));
	assert_true(a.forwards[1].udp);
}

static void takes_the_address_that_is_told(void **state unused)
{
	struct vm_config *vm = add_vm("a");

	add_switch("lan", "0");
	add_device(vm, DEVICE_NET);
	assert_true(attach_devices(&a, &d));
	strcpy(vm->bootargs, "bulkhead.ip=10.0.2.8 xbulkhead.ip=1.2.3.4 bulkhead.ip=10.0.2.9/24 quiet");
	assert_true(forward("tcp:1:a:2"));
	assert_string_equal(a.forwards[0].address, "10.0.2.9");
	assert_string_equal(a.forwards[0].bootargs, "");
	strcpy(vm->bootargs, "bulkhead.ip=dhcp quiet");
	assert_false(forward("tcp:2:a:2"));
	strcpy(vm->bootargs, "bulkhead.ip=10.0.2.256");
	assert_false(forward("tcp:2:a:2"));
}

static void refuses_wrong_forwards(void **state unused)
{
	static const char *const bad[] = {
		"", "22", "2222:a", "2222:a:22:3", "udp:2222:a", "sctp:2222:a:22", "0:a:22",
		"2222:a:65536", "x:a:22", "2222::22", "tcp:udp:1:a:2",
	};

	add_switch("lan", "0");
	add_device(add_vm("a"), DEVICE_NET);
	assert_true(attach_devices(&a, &d));
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(forward(bad[i]));
	assert_int_equal(a.forward_count, 0);
}

static int disk_make(void **state unused)
{
	int fd = mkstemp(path);

	if (fd < 0 || write(fd, "QFI\xfb", 4) != 4)
		return -1;
	return close(fd);
}

static int disk_remove(void **state unused)
{
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(reads_disks, setup),
		cmocka_unit_test_setup(finds_described_disks, setup),
		cmocka_unit_test_setup(gives_uplinks_nics, setup),
		cmocka_unit_test_setup(forwards_ports, setup),
		cmocka_unit_test_setup(takes_the_address_that_is_told, setup),
		cmocka_unit_test_setup(refuses_wrong_forwards, setup),
	};

	return cmocka_run_group_tests(tests, disk_make, disk_remove);
}
