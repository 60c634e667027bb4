#include "main/cli/machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct description d;

static int setup(void **state unused)
{
	memset(&d, 0, sizeof(d));
	return 0;
}

static struct vm_config *add_vm(u32 vcpus, u64 memory, u64 harts, bool dedicated)
{
	struct vm_config *vm = &d.config.vms[d.config.vm_count++];

	vm->vcpus = vcpus;
	vm->memory = memory;
	vm->harts = harts;
	vm->dedicated = dedicated;
	return vm;
}

static u32 harts(void)
{
	return machine_choose(&d, 0).harts;
}

static void gives_shared_vms_a_hart_each_vcpu(void **state unused)
{
	add_vm(1, 0, 0, false);
	assert_int_equal(harts(), 1);
	add_vm(2, 0, 0, false);
	assert_int_equal(harts(), 3);
	add_vm(32, 0, 0, false);
	assert_int_equal(harts(), MACHINE_SHARED_MAX);
}

static void gives_named_and_dedicated_harts(void **state unused)
{
	add_vm(2, 0, BIT(0) | BIT(1) | BIT(2), false);
	add_vm(1, 0, BIT(3), true);
	assert_int_equal(harts(), 4);
	add_vm(8, 0, 0, false);
	assert_int_equal(harts(), 5);
	d.config.vm_count = 0;
	add_vm(1, 0, BIT(0), true);
	assert_int_equal(harts(), 2);
	add_vm(1, 0, BIT(63), true);
	assert_int_equal(harts(), 64);
}

static void adds_up_memory(void **state unused)
{
	add_vm(1, 64 * MIB, 0, false);
	assert_int_equal(machine_choose(&d, 0).memory, 128 * MIB);
	assert_int_equal(machine_choose(&d, 1).memory, 256 * MIB);
	add_vm(1, 512 * MIB, 0, false);
	assert_int_equal(machine_choose(&d, 100 * MIB).memory, 768 * MIB);
}

static void adds_disks_in_memory(void **state unused)
{
	static struct system_file file = { .size = 100 * MIB };
	struct device_config *devices = d.config.devices;

	add_vm(1, 64 * MIB, 0, false);
	d.config.device_count = 3;
	devices[0].kind = devices[1].kind = devices[2].kind = DEVICE_DISK;
	devices[0].disk.size = 128 * MIB;
	strcpy(devices[1].disk.host, "0");
	devices[1].disk.size = GIB;
	assert_int_equal(machine_choose(&d, 0).memory, 256 * MIB);
	strcpy(devices[2].disk.file, "root.img");
	d.disk[2] = &file;
	assert_int_equal(machine_choose(&d, 0).memory, 384 * MIB);
	assert_true(machine_check(&d, &(struct machine){ .harts = 2, .memory = 384 * MIB }, 0));
	devices[2].disk.read_only = true;
	assert_int_equal(machine_choose(&d, 0).memory, 256 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(gives_shared_vms_a_hart_each_vcpu, setup),
		cmocka_unit_test_setup(gives_named_and_dedicated_harts, setup),
		cmocka_unit_test_setup(adds_up_memory, setup),
		cmocka_unit_test_setup(adds_disks_in_memory, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
