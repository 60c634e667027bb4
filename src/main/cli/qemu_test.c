#include "main/cli/qemu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_command(const struct qemu_options *options, const char *line)
{
	struct qemu_command command;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_true(qemu_command_make(&command, options));
	qemu_command_print(&command, out);
	fclose(out);
	assert_string_equal(text, line);
	qemu_command_free(&command);
	free(text);
}

static void makes_the_command(void **state unused)
{
	struct qemu_options options = {
		.machine = { .harts = 4, .memory = 640 * MIB },
		.cpu = "rv64",
		.image = "build/bulkhead.img",
		.system = "/tmp/system.img",
	};

	expect_command(&options, "qemu-system-riscv64 -M virt -cpu rv64 -smp 4 -m 640M -nographic "
		       "-kernel build/bulkhead.img -initrd /tmp/system.img\n");
	options.batch = true;
	expect_command(&options, "qemu-system-riscv64 -M virt -cpu rv64 -smp 4 -m 640M -nographic "
		       "-kernel build/bulkhead.img -initrd /tmp/system.img "
		       "-append bulkhead.batch\n");
}

static void takes_h_away(void **state unused)
{
	struct qemu_options options = {
		.machine = { .harts = 1, .memory = 128 * MIB, .no_h = true },
		.cpu = "rv64,sstc=off",
		.image = "i",
		.system = "s",
	};

	expect_command(&options, "qemu-system-riscv64 -M virt -cpu rv64,sstc=off,h=false -smp 1 "
		       "-m 128M -nographic -kernel i -initrd s\n");
}

static void tells_of_colours(void **state unused)
{
	struct qemu_options options = {
		.machine = { .harts = 1, .memory = 128 * MIB },
		.cpu = "rv64",
		.image = "i",
		.system = "s",
		.colour = true,
	};

	expect_command(&options, "qemu-system-riscv64 -M virt -cpu rv64 -smp 1 -m 128M -nographic "
		       "-kernel i -initrd s -append colour\n");
	options.append = "hide=sstc";
	expect_command(&options, "qemu-system-riscv64 -M virt -cpu rv64 -smp 1 -m 128M -nographic "
		       "-kernel i -initrd s -append 'colour hide=sstc'\n");
	options.batch = true;
	expect_command(&options, "qemu-system-riscv64 -M virt -cpu rv64 -smp 1 -m 128M -nographic "
		       "-kernel i -initrd s -append 'bulkhead.batch hide=sstc'\n");
}

static void attaches_devices(void **state unused)
{
	static struct attachments a = {
		.disks = { { .path = "root.img" },
			   { .path = "data.qcow2", .serial = "data", .read_only = true,
			     .qcow2 = true } },
		.disk_count = 2,
		.nics = { { .mac = "" }, { .mac = "52:54:00:12:34:56" } },
		.nic_count = 2,
		.forwards = { { .host_port = 2222, .guest_port = 22, .address = "10.0.2.101" },
			      { .host_port = 80, .guest_port = 8080, .address = "10.0.3.102",
				.nic = 1 },
			      { .udp = true, .host_port = 53, .guest_port = 53,
				.address = "10.0.2.101" } },
		.forward_count = 3,
		.rng = true,
	};
	const struct qemu_options options = {
		.machine = { .harts = 1, .memory = 128 * MIB },
		.cpu = "rv64",
		.image = "i",
		.system = "s",
		.attached = &a,
	};

	expect_command(&options, "qemu-system-riscv64 -M virt -cpu rv64 -smp 1 -m 128M -nographic "
		       "-kernel i -initrd s -global virtio-mmio.force-legacy=false "
		       "-drive file=root.img,if=none,id=disk0,format=raw "
		       "-device virtio-blk-device,drive=disk0,bus=virtio-mmio-bus.0 "
		       "-drive file=data.qcow2,if=none,id=disk1,format=qcow2,readonly=on "
		       "-device virtio-blk-device,drive=disk1,serial=data,bus=virtio-mmio-bus.1 "
		       "-netdev user,id=net0,net=10.0.2.0/24,"
		       "hostfwd=tcp:127.0.0.1:2222-10.0.2.101:22,"
		       "hostfwd=udp:127.0.0.1:53-10.0.2.101:53 "
		       "-device virtio-net-device,netdev=net0,bus=virtio-mmio-bus.2 "
		       "-netdev user,id=net1,net=10.0.3.0/24,"
		       "hostfwd=tcp:127.0.0.1:80-10.0.3.102:8080 "
		       "-device virtio-net-device,netdev=net1,mac=52:54:00:12:34:56,"
		       "bus=virtio-mmio-bus.3 "
		       "-device virtio-rng-device,bus=virtio-mmio-bus.4\n");
}

static void quotes_for_a_shell(void **state unused)
{
	char icount[] = "-icount", shift[] = "shift=0,sleep=off", odd[] = "it's $HOME", none[] = "";
	char *rest[] = { icount, shift, odd, none };
	const struct qemu_options options = {
		.machine = { .harts = 1, .memory = 128 * MIB },
		.cpu = "rv64,sstc=off",
		.bios = "my fw.bin",
		.image = "i",
		.system = "s",
		.append = "hide=sstc loud",
		.batch = true,
		.rest = rest,
		.rest_count = 4,
	};

	expect_command(&options, "qemu-system-riscv64 -M virt -cpu rv64,sstc=off -smp 1 -m 128M "
		       "-nographic -kernel i -initrd s -append 'bulkhead.batch hide=sstc loud' "
		       "-bios 'my fw.bin' -icount shift=0,sleep=off 'it'\\''s $HOME' ''\n");
}

static void refuses_long_arguments(void **state unused)
{
	struct qemu_options options = { .cpu = "rv64", .image = "i", .system = "s", .batch = true };
	struct qemu_command command;
	char text[2000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	options.append = text;
	assert_false(qemu_command_make(&command, &options));
	qemu_command_free(&command);
	options.append = NULL;
	options.cpu = text;
	assert_false(qemu_command_make(&command, &options));
	qemu_command_free(&command);
}

static void reads_the_last_word(void **state unused)
{
	struct qemu_batch batch = { 0 };

	qemu_batch_line(&batch, "[linux1] bulkhead: batch: all VMs powered off");
	qemu_batch_line(&batch, "bulkhead: batch: all VMs powered off, or so it says");
	qemu_batch_line(&batch, " bulkhead: batch: FAILED: x");
	assert_false(batch.ended);
	qemu_batch_line(&batch, "bulkhead: batch: all VMs powered off");
	assert_true(batch.ended);
	assert_false(batch.failed);
	qemu_batch_line(&batch, "bulkhead: batch: FAILED: linux2 crashed");
	assert_true(batch.failed);
	assert_string_equal(batch.why, "linux2 crashed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_the_command),
		cmocka_unit_test(takes_h_away),
		cmocka_unit_test(tells_of_colours),
		cmocka_unit_test(attaches_devices),
		cmocka_unit_test(quotes_for_a_shell),
		cmocka_unit_test(refuses_long_arguments),
		cmocka_unit_test(reads_the_last_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
