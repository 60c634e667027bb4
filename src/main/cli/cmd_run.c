/* bulkhead run: packs a system and boots it under QEMU. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "main/cli/archive.h"
#include "main/cli/options.h"
#include "main/cli/pack.h"
#include "main/cli/process.h"
#include "main/cli/qemu.h"
#include "main/cli/report.h"
#include "main/cli/temp.h"

enum { PATH_SIZE = 4096, HARTS_MAX = 512, TIMEOUT_MAX = 1000000 };
/* How long QEMU may take to end when the hypervisor has said that it powers off. */
enum { END_SECONDS = 30 };

/* The options as they are on the command line. */
static const char *image, *cpu = "rv64", *firmware, *harts, *memory, *append, *timeout_text;
static const char *output;
static struct option_list disks, forwards;
static bool print, batch, no_h;

static const struct option options[] = {
	{ .name = "batch", .flag = &batch,
	  .help = "run without a terminal until every VM has ended;\n"
		  "each VM's batch-bootargs are appended to its bootargs" },
	{ .name = "timeout", .value = "SECONDS", .text = &timeout_text,
	  .help = "end QEMU after so long; exit code 1" },
	{ .name = "print", .flag = &print,
	  .help = "pack, and print the QEMU command instead of running it" },
	{ .name = "output", .letter = 'o', .value = "FILE", .text = &output,
	  .help = "with --print: where the system image goes\n"
		  "(otherwise NAME.system.img beside the hypervisor)" },
	{ .name = "image", .value = "FILE", .text = &image,
	  .help = "the hypervisor (otherwise bulkhead.img beside this\ncommand)" },
	{ .name = "harts", .value = "N", .text = &harts,
	  .help = "harts of the machine (otherwise what the system needs)" },
	{ .name = "memory", .value = "SIZE", .text = &memory,
	  .help = "memory of the machine, such as 1G (likewise)" },
	{ .name = "cpu", .value = "MODEL", .text = &cpu,
	  .help = "QEMU's CPU model (otherwise rv64)" },
	{ .name = "no-h", .flag = &no_h,
	  .help = "a machine without the H extension" },
	{ .name = "disk", .value = "FILE", .list = &disks,
	  .help = "a disk of the machine: FILE[,serial=NAME][,read-only];\n"
		  "may stand several times" },
	{ .name = "forward", .value = "PORT:VM:PORT", .list = &forwards,
	  .help = "let a TCP port of this machine's 127.0.0.1 lead to one of\n"
		  "a VM's (udp:PORT:VM:PORT: a UDP port); likewise" },
	{ .name = "firmware", .value = "FILE", .text = &firmware,
	  .help = "the firmware (otherwise QEMU's OpenSBI)" },
	{ .name = "bios", .value = "FILE", .text = &firmware,
	  .help = "the same, by QEMU's name for it" },
	{ .name = "append", .value = "ARGS", .text = &append,
	  .help = "boot arguments for the hypervisor, as one word" },
};

struct run {
	struct qemu_options qemu;
	struct attachments attached;
	struct pack_options pack;
	struct qemu_batch batch;
	struct process_run process;
	char image[PATH_SIZE], system[PATH_SIZE];
};

/* The folder of this executable, with its slash. */
static void own_folder(char *folder, size_t size)
{
	ssize_t length = readlink("/proc/self/exe", folder, size - 1);
	char *slash;

	folder[length < 0 ? 0 : length] = '\0';
	slash = strrchr(folder, '/');
	if (slash)
		slash[1] = '\0';
}

static bool image_find(struct run *run)
{
	if (image) {
		snprintf(run->image, sizeof(run->image), "%s", image);
	} else {
		own_folder(run->image, sizeof(run->image) - sizeof("bulkhead.img"));
		strcat(run->image, "bulkhead.img");
	}
	run->qemu.image = run->image;
	if (!access(run->image, R_OK))
		return true;
	report_error("the hypervisor '%s' cannot be read (%s): %s", run->image, strerror(errno),
		     image ? "--image must name it" : "build it with make, or name it with --image");
	return false;
}

/* The machine: chosen, then changed where the user has said so. */
static bool machine_make(struct run *run, struct description *d, u64 system_size)
{
	struct machine *machine = &run->qemu.machine;

	*machine = machine_choose(d, system_size);
	machine->no_h = no_h;
	if (harts && !options_number("run", "--harts", harts, 1, HARTS_MAX, &machine->harts))
		return false;
	if (memory && !options_size("run", "--memory", memory, &machine->memory))
		return false;
	return true;
}

/* The user may have given QEMU disks behind "--". */
static bool own_disks(const struct run *run)
{
	for (int i = 0; i < run->qemu.rest_count; i++)
		if (!strncmp(run->qemu.rest[i], "virtio-blk", 10))
			return true;
	return false;
}

/* What is attached to the machine, and what the VMs are told about it. */
static enum cli_result attach(struct run *run, struct description *d)
{
	struct attachments *a = &run->attached;

	if (!attach_disks(a, &disks) || !attach_devices(a, d) || !attach_forwards(a, d, &forwards))
		return CLI_USAGE;
	if (!own_disks(run) && !attach_check_disks(a, d)) {
		description_right(d);
		return CLI_FAILED;
	}
	for (u32 i = 0; i < a->forward_count; i++) {
		const struct forward *f = &a->forwards[i];

		if (f->bootargs[0])
			run->pack.more[f->vm] = f->bootargs;
		report_progress("bulkhead: %s port %u of 127.0.0.1 leads to port %u of %s, %s%s%s",
				f->udp ? "UDP" : "TCP", f->host_port, f->guest_port,
				d->config.vms[f->vm].name, f->address,
				f->bootargs[0] ? "; it is told by " : "", f->bootargs);
	}
	run->qemu.attached = a;
	return CLI_OK;
}

/* NAME.system.img beside the hypervisor: the same for each run, so that the printed command
 * stays good. */
static const char *print_target(struct run *run, const char *dts)
{
	const char *slash = strrchr(run->image, '/'), *name = strrchr(dts, '/');
	const char *dot;

	if (output)
		return output;
	name = name ? name + 1 : dts;
	dot = strrchr(name, '.');
	snprintf(run->system, sizeof(run->system), "%.*s%.*s.system.img",
		 slash ? (int)(slash + 1 - run->image) : 0, run->image,
		 dot && dot > name ? (int)(dot - name) : (int)strlen(name), name);
	return run->system;
}

/* Packs, and returns the image's size; 0 on failure. */
static u64 system_pack(struct run *run, const struct description *d)
{
	u64 size;

	if (print) {
		run->qemu.system = print_target(run, d->path);
		return pack_write(d, &run->pack, run->qemu.system);
	}
	report_progress("bulkhead: packing %s: %u VM%s, %lu MiB of files", d->path,
			d->config.vm_count, plural(d->config.vm_count),
			(description_files_size(d) + MIB - 1) / MIB);
	size = pack_write_temp(d, &run->pack);
	run->qemu.system = temp_path();
	return size;
}

/* --- running ----------------------------------------------------------------------------- */

/* A line of a batch run. Once the hypervisor has said its last word, QEMU must end soon. */
static void line_take(void *arg, const char *line, bool whole)
{
	struct run *run = arg;
	bool ended = run->batch.ended;

	puts(line);
	fflush(stdout);
	if (whole)
		qemu_batch_line(&run->batch, line);
	if (run->batch.ended && !ended) {
		u32 limit = run->process.seconds + END_SECONDS;

		if (!run->process.timeout || limit < run->process.timeout)
			run->process.timeout = limit;
	}
}

/* Says why a run failed; NULL when it did not. @code is QEMU's. */
static const char *failure(const struct run *run, int code, char *text, size_t size)
{
	const struct process_run *process = &run->process;

	if (process->interrupted)
		return "interrupted";
	if (run->batch.failed)
		return run->batch.why;
	if (process->timed_out && run->batch.ended)
		return "the VMs have powered off, but the machine did not";
	if (process->timed_out) {
		snprintf(text, size, "ended after %u second%s (--timeout)", process->timeout,
			 plural(process->timeout));
		return text;
	}
	if (code) {
		snprintf(text, size, "QEMU ended with exit code %d", code);
		return text;
	}
	if (batch && !run->batch.ended)
		return "QEMU ended before the VMs had powered off";
	return NULL;
}

static enum cli_result qemu_run(struct run *run, const struct qemu_command *qemu)
{
	const char *why;
	char text[64];
	int code;

	report_progress("bulkhead: starting QEMU: %u hart%s%s, %s%s", run->qemu.machine.harts,
			plural(run->qemu.machine.harts), no_h ? " without H" : "", qemu->memory,
			batch ? "" : "; Ctrl-A x leaves it");
	run->process.line = batch ? line_take : NULL;
	run->process.arg = run;
	code = process_supervise(qemu->argv, &run->process);
	if (code < 0) {
		report_error("qemu-system-riscv64 cannot be started (%s): install the package "
			     "qemu-system-misc or qemu-system-riscv, version 10 or newer",
			     strerror(errno));
		return CLI_FAILED;
	}
	why = failure(run, code, text, sizeof(text));
	if (why)
		report_error("run: %s", why);
	return why ? CLI_FAILED : CLI_OK;
}

static enum cli_result qemu_start(struct run *run)
{
	enum cli_result result = CLI_FAILED;
	struct qemu_command qemu;

	if (qemu_command_make(&qemu, &run->qemu)) {
		if (print) {
			qemu_command_print(&qemu, stdout);
			result = CLI_OK;
		} else {
			result = qemu_run(run, &qemu);
		}
	}
	qemu_command_free(&qemu);
	return result;
}

static enum cli_result described(struct run *run, struct description *d)
{
	u64 bound = archive_size_bound(d->file_count, description_files_size(d));
	enum cli_result result;

	if (!description_right(d))
		return CLI_FAILED;
	if (!machine_make(run, d, bound))
		return CLI_USAGE;
	result = attach(run, d);
	if (result != CLI_OK)
		return result;
	if (!machine_check(d, &run->qemu.machine, bound)) {
		description_right(d);
		return CLI_FAILED;
	}
	if (!image_find(run) || !system_pack(run, d))
		return CLI_FAILED;
	return qemu_start(run);
}

static enum cli_result run_system(const struct operands *operands)
{
	struct description *d;
	enum cli_result result;
	static struct run run;

	if (output && !print) {
		report_error("run: --output goes with --print; `bulkhead pack` writes images too");
		return CLI_USAGE;
	}
	if (timeout_text && !options_number("run", "--timeout", timeout_text, 1, TIMEOUT_MAX,
					    &run.process.timeout))
		return CLI_USAGE;
	run.qemu.cpu = cpu;
	run.qemu.bios = firmware;
	run.qemu.append = append;
	run.qemu.batch = run.pack.batch = batch;
	run.qemu.colour = !batch && report_colours(STDOUT_FILENO);
	run.qemu.rest = operands->rest;
	run.qemu.rest_count = operands->rest_count;
	d = description_open(operands->system);
	result = d ? described(&run, d) : CLI_FAILED;
	description_close(d);
	return result;
}

const struct command run_command = {
	.name = "run",
	.usage = "[options] SYSTEM.dts [-- QEMU-ARGUMENT...]",
	.brief = "pack a system and boot it under QEMU",
	.summary = "Packs a system and boots it under QEMU, on this terminal.",
	.details = "QEMU is left with Ctrl-A x; Ctrl-A h shows its other keys. A Ctrl-A for the "
		   "system itself is\ntyped twice. What follows -- goes to QEMU.\n\n"
		   "Exit code: 0 when QEMU ended well and, with --batch, every VM powered off; "
		   "1 otherwise;\n2 for wrong usage.",
	.options = options,
	.option_count = ARRAY_SIZE(options),
	.run = run_system,
};
