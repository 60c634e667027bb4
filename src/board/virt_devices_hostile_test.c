/* A VM with all kinds of devices is built, ended and built again: nothing is left behind, at whatever
 * step the memory ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "board/virt.h"
#include "dev/shared.h"
#include "engine/script/script_vm.h"
#include "host/fake/fake.h"
#include "io/block_test.h"
#include "io/net.h"
#include "io/pipe.h"
#include "vm/outside.h"

#define STEPS_MAX 400

static struct device_config devices[] = {
	{ DEVICE_DISK, "empty", .disk = { .size = MIB, .queues = 2 } },
	{ DEVICE_DISK, "file", .disk = { .file = "disk", .queues = 1 } },
	{ DEVICE_DISK, "rom", .disk = { .file = "disk", .read_only = true, .queues = 1 } },
	{ DEVICE_DISK, "host", .disk = { .host = "0", .queues = 1 } },
	{ DEVICE_NET, "net", .net = { .mac = { 2, 0, 0, 0, 0, 1 }, .queues = 2 } },
	{ DEVICE_CONSOLE, "pipe", .console = { .pipe = "pipe" } },
	{ DEVICE_RNG, "rng", .console = { 0 } },
	{ DEVICE_SHARED, "shared", .shared = { 0 } },
};

static u8 kernel[4096], disk_file[1000], disk_bytes[MIB];
static struct test_disk disk;
static struct net_switch *network;
static struct pipe *pipe;
static struct shared_region region;
static struct vm *vm;
static u64 allocated;

static struct block *give_disk(struct vm *v unused, const struct disk_config *c unused)
{
	test_disk_init(&disk, disk_bytes, sizeof(disk_bytes));
	return &disk.block;
}

static struct net_switch *give_network(struct vm *v unused, u32 number unused) { return network; }

static struct char_backend *give_console(struct vm *v unused, const struct device_config *c unused)
{
	return pipe_end(pipe, 0);
}

static bool give_shared(struct vm *v unused, const struct device_config *c unused, struct vm_shared *s)
{
	static const struct host_extent extent = { .pa = 0x12345000, .size = 4096 };

	*s = (struct vm_shared){
		.region = &region, .id = 1, .size = 4096, .extents = &extent, .count = 1,
	};
	return true;
}

static const struct vm_outside outside = {
	.disk = give_disk, .network = give_network, .console = give_console, .shared = give_shared,
};

static int setup(void **state unused)
{
	static struct vm_config config = {
		.name = "vm", .vcpus = 2, .memory = 4 * MIB, .kernel = "kernel",
		.restart = RESTART_NEVER, .device_count = ARRAY_SIZE(devices), .devices = devices,
	};
	struct vm_parts parts = script_parts;

	fake_reset();
	fake_alloc_limit(~0u);
	memcpy(kernel + 56, "RSC\x05", 4);
	fake_file_add("kernel", kernel, sizeof(kernel));
	fake_file_add("disk", disk_file, sizeof(disk_file));
	network = net_switch_create("net");
	pipe = pipe_create(NULL);
	memset(&region, 0, sizeof(region));
	parts.build = virt_build;
	parts.unbuild = virt_unbuild;
	parts.outside = &outside;
	vm = vm_create(&config, &parts, 0);
	assert_non_null(vm);
	vm_table[0] = vm;
	vm_count = 1;
	fake_run();
	allocated = fake_allocated();
	return 0;
}

static void wait_while(enum vm_state a, enum vm_state b)
{
	for (unsigned i = 0; i < 1000 && (vm->state == a || vm->state == b); i++)
		host_sleep(host_time() + FAKE_TIMEBASE / 1000);
}

/* The state that a start leads to. */
static enum vm_state start(void)
{
	vm_request(vm, VM_REQ_START);
	host_sleep(host_time() + 1);
	wait_while(VM_BUILDING, VM_ENDING);
	return vm->state;
}

static void stop(void)
{
	vm_request(vm, VM_REQ_STOP);
	host_sleep(host_time() + 1);
	wait_while(VM_RUNNING, VM_ENDING);
	assert_int_equal(vm->state, VM_OFF);
}

static void assert_nothing_left(void)
{
	assert_int_equal(vm->account.used, 0);
	assert_int_equal(fake_allocated(), allocated);
	assert_int_equal(vm->bus.count, 0);
	assert_null(vm->board);
	assert_null(vm->works.task);
	assert_int_equal(region.attached, 0);
}

/* The state of a start with so many allocations, or so much RAM. */
static enum vm_state start_with(unsigned allocations, u64 ram)
{
	enum vm_state s;

	fake_alloc_limit(allocations);
	fake_ram_set(ram, 0);
	s = start();
	fake_alloc_limit(~0u);
	fake_ram_set(GIB, 0);
	if (s != VM_RUNNING) {
		assert_int_equal(s, VM_FAILED);
		assert_true(vm->failure[0]);
		assert_nothing_left();
	}
	return s;
}

static void nothing_is_left_when_memory_ends(void **state unused)
{
	unsigned n = 0;

	while (start_with(n, GIB) != VM_RUNNING)
		assert_true(++n < STEPS_MAX);
	assert_true(n > 20);
	stop();
	assert_nothing_left();
	for (n = 0; start_with(~0u, n * 512 * KIB) != VM_RUNNING; n++)
		assert_true(n < STEPS_MAX);
	stop();
	assert_nothing_left();
}

static void nothing_is_left_after_restarts(void **state unused)
{
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(start(), VM_RUNNING);
		stop();
		assert_nothing_left();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_left_when_memory_ends),
		cmocka_unit_test(nothing_is_left_after_restarts),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
