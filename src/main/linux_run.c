/* bulkhead run, where the machine itself is RISC-V Linux: the VMs run in this process, over KVM. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "main/cli/options.h"
#include "main/cli/report.h"
#include "main/linux.h"
#include "vm/config.h"

enum { TIMEOUT_MAX = 1000000 };

static struct linux_options vm;
static struct linux_run run;
static const char *timeout_text;

static const struct option options[] = {
	{ .name = "kernel", .value = "FILE", .text = &vm.kernel,
	  .help = "one VM without a description: its kernel" },
	{ .name = "initrd", .value = "FILE", .text = &vm.initrd,
	  .help = "its initrd" },
	{ .name = "memory", .value = "SIZE", .text = &vm.memory,
	  .help = "its memory (otherwise 512M)" },
	{ .name = "cpus", .value = "N", .text = &vm.cpus,
	  .help = "its vCPUs (otherwise 1)" },
	{ .name = "append", .value = "ARGS", .text = &vm.append,
	  .help = "its boot arguments, as one word" },
	{ .name = "batch", .flag = &run.batch,
	  .help = "run without a terminal until every VM has ended;\n"
		  "each VM's batch-bootargs are appended to its bootargs" },
	{ .name = "timeout", .value = "SECONDS", .text = &timeout_text,
	  .help = "end all VMs after so long; exit code 1" },
};

/* An empty operand stands for the VM that the options describe: see main(). */
static const struct system_config *system_find(const char *operand, enum cli_result *result)
{
	u32 cpus;

	*result = CLI_FAILED;
	if (*operand)
		return linux_system_open(operand, run.batch);
	*result = CLI_USAGE;
	if (vm.cpus && !options_number("run", "--cpus", vm.cpus, 1, CONFIG_VCPUS_MAX, &cpus))
		return NULL;
	*result = CLI_FAILED;
	return linux_system_make(&vm);
}

static enum cli_result run_system(const struct operands *operands)
{
	const struct system_config *config;
	enum cli_result result;

	if (timeout_text &&
	    !options_number("run", "--timeout", timeout_text, 1, TIMEOUT_MAX, &run.timeout))
		return CLI_USAGE;
	if (*operands->system && (vm.kernel || vm.initrd || vm.memory || vm.cpus || vm.append)) {
		report_error("run: either a system or the options of a single VM");
		return CLI_USAGE;
	}
	run.file = operands->system;
	config = system_find(operands->system, &result);
	return config ? (enum cli_result)linux_run(config, &run) : result;
}

const struct command run_command = {
	.name = "run",
	.usage = "[options] SYSTEM.dts|SYSTEM.img\n       bulkhead run [options] --kernel FILE",
	.brief = "run the VMs of a system on this machine, by KVM",
	.summary = "Runs the VMs of a system, or one VM, on this machine by KVM until they have ended.",
	.details = "On a terminal Ctrl-] ? tells the keys. One VM without a terminal has its console on "
		   "stdin and\nstdout as they are.\n\n"
		   "Exit code: 0 when every VM ended well, 1 when not, 2 for wrong usage, 128 and the "
		   "signal's number\nafter a signal.",
	.options = options,
	.option_count = ARRAY_SIZE(options),
	.run = run_system,
};

static bool names_kernel(const char *arg)
{
	return !strcmp(arg, "--kernel") || !strncmp(arg, "--kernel=", 9);
}

/* The options of `run` want an operand; where they describe the VM themselves it is empty. */
int main(int argc, char **argv)
{
	bool single = false;
	char **args;

	for (int i = 2; i < argc && strcmp(argv[1], "run") == 0; i++)
		single = single || names_kernel(argv[i]);
	if (!single)
		return (int)cli_command(argc, argv);
	args = calloc((size_t)argc + 2, sizeof(*args));
	if (!args)
		return CLI_FAILED;
	memcpy(args, argv, (size_t)argc * sizeof(*args));
	args[argc] = (char[]){ "" };
	return (int)cli_command(argc + 1, args);
}
