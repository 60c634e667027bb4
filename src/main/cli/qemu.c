#include "main/cli/qemu.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "main/cli/report.h"

/* Behind the fixed ones, each device takes four. */
enum { ARGS_MAX = 32 + 4 * ATTACH_MAX };

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

/* --- arguments -------------------------------------------------------------------------- */

static void arg_add(struct qemu_command *command, const char *arg)
{
	command->argv[command->argc++] = (char *)arg;
}

/* Adds an option and its value, which is made here. */
static bool printf_like(3, 4) arg_make(struct qemu_command *command, const char *option,
				       const char *fmt, ...)
{
	char text[ATTACH_PATH_SIZE + 1024], *copy;
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	copy = strdup(text);
	if (!copy) {
		report_error("memory is short");
		return false;
	}
	command->texts[command->text_count++] = copy;
	arg_add(command, option);
	arg_add(command, copy);
	return true;
}

/* The ports that lead through the NIC, each a part of its network's options. */
static void forwards_text(char *text, size_t size, const struct attachments *a, u32 nic)
{
	size_t used = 0;

	*text = '\0';
	for (u32 i = 0; i < a->forward_count && used < size; i++) {
		const struct forward *f = &a->forwards[i];

		if (f->nic == nic)
			used += (size_t)snprintf(text + used, size - used,
						 ",hostfwd=%s:127.0.0.1:%u-%s:%u",
						 f->udp ? "udp" : "tcp", f->host_port, f->address,
						 f->guest_port);
	}
}

static bool disk_add(struct qemu_command *command, const struct attached_disk *disk, u32 index,
		     u32 place)
{
	return arg_make(command, "-drive", "file=%s,if=none,id=disk%u,format=%s%s", disk->path, index,
			disk->qcow2 ? "qcow2" : "raw", disk->read_only ? ",readonly=on" : "") &&
	       arg_make(command, "-device", "virtio-blk-device,drive=disk%u%s%s"
			",bus=virtio-mmio-bus.%u", index, *disk->serial ? ",serial=" : "",
			disk->serial, place);
}

static bool nic_add(struct qemu_command *command, const struct attachments *a, u32 index, u32 place)
{
	const struct attached_nic *nic = &a->nics[index];
	char forwards[64 * ATTACH_FORWARDS_MAX];

	forwards_text(forwards, sizeof(forwards), a, index);
	return arg_make(command, "-netdev", "user,id=net%u,net=10.0.%u.0/24%s", index, 2 + index,
			forwards) &&
	       arg_make(command, "-device", "virtio-net-device,netdev=net%u%s%s"
			",bus=virtio-mmio-bus.%u", index, *nic->mac ? ",mac=" : "", nic->mac, place);
}

/* The places are named, so that devices of a kind have rising addresses: QEMU would give the
 * highest one first. */
static bool attached_add(struct qemu_command *command, const struct attachments *a)
{
	u32 place = 0;

	if (!a->disk_count && !a->nic_count && !a->rng)
		return true;
	arg_add(command, "-global");
	arg_add(command, "virtio-mmio.force-legacy=false");
	for (u32 i = 0; i < a->disk_count; i++)
		if (!disk_add(command, &a->disks[i], i, place++))
			return false;
	for (u32 i = 0; i < a->nic_count; i++)
		if (!nic_add(command, a, i, place++))
			return false;
	return !a->rng || arg_make(command, "-device", "virtio-rng-device,bus=virtio-mmio-bus.%u",
				   place);
}

bool qemu_command_make(struct qemu_command *command, const struct qemu_options *options)
{
	*command = (struct qemu_command){
		.argv = calloc(ARGS_MAX + (size_t)options->rest_count, sizeof(char *)),
	};
	if (!command->argv)
		report_error("memory is short");
	if (!command->argv || !append_make(command, options) || !cpu_make(command, options))
		return false;
	snprintf(command->harts, sizeof(command->harts), "%u", options->machine.harts);
	snprintf(command->memory, sizeof(command->memory), "%luM", options->machine.memory / MIB);
	const char *const fixed[] = {
		"qemu-system-riscv64", "-M", "virt", "-cpu", command->cpu, "-smp", command->harts,
		"-m", command->memory, "-nographic", "-kernel", options->image,
		"-initrd", options->system,
	};
	for (unsigned i = 0; i < ARRAY_SIZE(fixed); i++)
		arg_add(command, fixed[i]);
	if (*command->append) {
		arg_add(command, "-append");
		arg_add(command, command->append);
	}
	if (options->bios) {
		arg_add(command, "-bios");
		arg_add(command, options->bios);
	}
	if (options->attached && !attached_add(command, options->attached))
		return false;
	for (int i = 0; i < options->rest_count; i++)
		arg_add(command, options->rest[i]);
	return true;
}

void qemu_command_free(struct qemu_command *command)
{
	while (command->text_count)
		free(command->texts[--command->text_count]);
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
