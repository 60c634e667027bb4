/* bulkhead check: every mistake, before anything starts. */
#include <stdio.h>
#include <string.h>

#include "main/cli/archive.h"
#include "main/cli/machine.h"
#include "main/cli/options.h"
#include "main/cli/report.h"
#include "vm/config_text.h"

static const char *host_text;

static const struct option options[] = {
	{ .name = "host", .value = "LIST", .text = &host_text,
	  .help = "check against a host as well: harts=N,memory=SIZE,no-h\n"
		  "or some of these; SIZE is all its memory, as in 2G;\n"
		  "no-h: its harts have no H extension" },
};

/* Reads "harts=4,memory=1G,no-h"; what is not mentioned stays as it is. */
static bool host_read(const char *text, struct machine *host)
{
	char list[128], *save = NULL;

	if (strlen(text) >= sizeof(list)) {
		report_error("check: --host is too long");
		return false;
	}
	strcpy(list, text);
	for (char *item = strtok_r(list, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		bool right = false;

		if (!strncmp(item, "harts=", 6))
			right = options_number("check", "--host harts", item + 6, 1, 4096,
					       &host->harts);
		else if (!strncmp(item, "memory=", 7))
			right = options_size("check", "--host memory", item + 7, &host->memory);
		else if (!strcmp(item, "no-h"))
			right = host->no_h = true;
		else
			report_error("check: --host takes harts=N, memory=SIZE and no-h, not '%s'",
				     item);
		if (!right)
			return false;
	}
	return true;
}

/* The VM's line: what it has, and the names of its devices. */
static void vm_print(const struct vm_config *vm)
{
	char size[CONFIG_SIZE_TEXT];

	printf("  %-12s %2u vCPU%s  %6s  %s%s", vm->name, vm->vcpus, vm->vcpus == 1 ? " " : "s",
	       config_size_text(size, vm->memory), vm->kernel,
	       vm->dedicated ? "  (dedicated harts)" : "");
	for (u32 i = 0; i < vm->device_count; i++)
		printf("%s%s", i ? " " : "  with ", vm->devices[i].name);
	putchar('\n');
}

static void summary_print(struct description *d)
{
	const struct machine least = machine_choose(d, description_files_size(d));
	char size[CONFIG_SIZE_TEXT], files[CONFIG_SIZE_TEXT];
	u32 vcpus = 0;
	const u64 memory = config_memory(&d->config, description_disk_size, d);

	for (u32 i = 0; i < d->config.vm_count; i++) {
		vm_print(&d->config.vms[i]);
		vcpus += d->config.vms[i].vcpus;
	}
	config_size_text(size, memory);
	config_size_text(files, align_up(description_files_size(d), MIB));
	printf("%s: right: %u VM%s, %u vCPU%s, %s of memory, %s of files; `bulkhead run` gives it "
	       "%u hart%s\n", d->path, d->config.vm_count, plural(d->config.vm_count), vcpus,
	       plural(vcpus), size, files, least.harts, plural(least.harts));
}

static enum cli_result checked(const char *path, const struct machine *host)
{
	struct description *d = description_open(path);
	bool right;

	if (!d)
		return CLI_FAILED;
	/* A description that is wrong by itself need not be measured against a host. */
	if (!d->mistakes)
		machine_check(d, host, archive_size_bound(d->file_count, description_files_size(d)));
	right = description_right(d);
	if (right)
		summary_print(d);
	description_close(d);
	return right ? CLI_OK : CLI_FAILED;
}

static enum cli_result check_system(const struct operands *operands)
{
	struct machine host = { .harts = 4096, .memory = MACHINE_MEMORY_MAX };

	if (host_text && !host_read(host_text, &host))
		return CLI_USAGE;
	return checked(operands->system, &host);
}

const struct command check_command = {
	.name = "check",
	.usage = "[options] SYSTEM.dts",
	.brief = "report every mistake in a system description",
	.summary = "Reports every mistake in a system description and in the files it names.",
	.details = "Exit code: 0 when there is no mistake, 1 when there is one, 2 for wrong usage.",
	.options = options,
	.option_count = ARRAY_SIZE(options),
	.run = check_system,
};
