#include "main/cli/machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct system_config sys;

static int setup(void **state unused)
{
	memset(&sys, 0, sizeof(sys));
	return 0;
}

static struct vm_config *add_vm(u32 vcpus, u64 memory, u64 harts, bool dedicated)
{
	struct vm_config *vm = &sys.vms[sys.vm_count++];

	vm->vcpus = vcpus;
	vm->memory = memory;
	vm->harts = harts;
	vm->dedicated = dedicated;
	return vm;
}

static u32 harts(void)
{
	return machine_choose(&sys, 0).harts;
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
	sys.vm_count = 0;
	add_vm(1, 0, BIT(0), true);
	assert_int_equal(harts(), 2);
	add_vm(1, 0, BIT(63), true);
	assert_int_equal(harts(), 64);
}

static void adds_up_memory(void **state unused)
{
	add_vm(1, 64 * MIB, 0, false);
	assert_int_equal(machine_choose(&sys, 0).memory, 128 * MIB);
	assert_int_equal(machine_choose(&sys, 1).memory, 256 * MIB);
	add_vm(1, 512 * MIB, 0, false);
	assert_int_equal(machine_choose(&sys, 100 * MIB).memory, 768 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(gives_shared_vms_a_hart_each_vcpu, setup),
		cmocka_unit_test_setup(gives_named_and_dedicated_harts, setup),
		cmocka_unit_test_setup(adds_up_memory, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
