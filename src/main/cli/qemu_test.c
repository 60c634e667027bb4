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
		cmocka_unit_test(quotes_for_a_shell),
		cmocka_unit_test(refuses_long_arguments),
		cmocka_unit_test(reads_the_last_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
