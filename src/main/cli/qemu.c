#include "main/cli/qemu.h"

#include <stdlib.h>
#include <string.h>

#include "main/cli/report.h"

enum { ARGS_MAX = 24 };

#define BATCH_ARGUMENT "bulkhead.batch"
#define COLOUR_ARGUMENT "colour"
#define BATCH_DONE "bulkhead: batch: all VMs powered off"
#define BATCH_FAILED "bulkhead: batch: FAILED: "

static bool append_make(struct qemu_command *command, const struct qemu_options *options)
{
	const char *more = options->append ? options->append : "";
	const char *own = options->batch ? BATCH_ARGUMENT : options->colour ? COLOUR_ARGUMENT : "";
	int length = snprintf(command->append, sizeof(command->append), "%s%s%s", own,
			      *own && *more ? " " : "", more);

	if (length < (int)sizeof(command->append))
		return true;
	report_error("run: --append has more than %zu characters",
		     sizeof(command->append) - sizeof(BATCH_ARGUMENT) - 1);
	return false;
}

static bool cpu_make(struct qemu_command *command, const struct qemu_options *options)
{
	int length = snprintf(command->cpu, sizeof(command->cpu), "%s%s", options->cpu,
			      options->machine.no_h ? ",h=false" : "");

	if (length < (int)sizeof(command->cpu))
		return true;
	report_error("run: --cpu has more than %zu characters", sizeof(command->cpu) - 10);
	return false;
}

bool qemu_command_make(struct qemu_command *command, const struct qemu_options *options)
{
	char **arg = calloc(ARGS_MAX + (size_t)options->rest_count, sizeof(*arg));

	command->argv = arg;
	if (!arg)
		report_error("memory is short");
	if (!arg || !append_make(command, options) || !cpu_make(command, options))
		return false;
	snprintf(command->harts, sizeof(command->harts), "%u", options->machine.harts);
	snprintf(command->memory, sizeof(command->memory), "%luM", options->machine.memory / MIB);
	const char *const fixed[] = {
		"qemu-system-riscv64", "-M", "virt", "-cpu", command->cpu, "-smp", command->harts,
		"-m", command->memory, "-nographic", "-kernel", options->image,
		"-initrd", options->system,
	};
	for (unsigned i = 0; i < ARRAY_SIZE(fixed); i++)
		*arg++ = (char *)fixed[i];
	if (*command->append) {
		*arg++ = "-append";
		*arg++ = command->append;
	}
	if (options->bios) {
		*arg++ = "-bios";
		*arg++ = (char *)options->bios;
	}
	for (int i = 0; i < options->rest_count; i++)
		*arg++ = options->rest[i];
	return true;
}

void qemu_command_free(struct qemu_command *command)
{
	free(command->argv);
}

static void shell_print(const char *word, FILE *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_-./,:=+@%";

	if (*word && !word[strspn(word, plain)]) {
		fputs(word, out);
		return;
	}
	fputc('\'', out);
	for (; *word; word++)
		if (*word == '\'')
			fputs("'\\''", out);
		else
			fputc(*word, out);
	fputc('\'', out);
}

void qemu_command_print(const struct qemu_command *command, FILE *out)
{
	for (char **arg = command->argv; *arg; arg++) {
		shell_print(*arg, out);
		fputc(arg[1] ? ' ' : '\n', out);
	}
}

void qemu_batch_line(struct qemu_batch *batch, const char *line)
{
	if (!strcmp(line, BATCH_DONE)) {
		batch->ended = true;
	} else if (!strncmp(line, BATCH_FAILED, strlen(BATCH_FAILED))) {
		batch->ended = batch->failed = true;
		snprintf(batch->why, sizeof(batch->why), "%s", line + strlen(BATCH_FAILED));
	}
}
