/* bulkhead pack: one file that a boot loader can hand over. */
#include <stdio.h>

#include "main/cli/cli.h"
#include "main/cli/options.h"
#include "main/cli/pack.h"
#include "main/cli/report.h"

static const char *output;
static bool batch;

static const struct option options[] = {
	{ .name = "output", .letter = 'o', .value = "FILE", .text = &output,
	  .help = "where the system image goes; required" },
	{ .name = "batch", .flag = &batch,
	  .help = "append each VM's batch-bootargs to its bootargs" },
};

static const struct command command = {
	.name = "pack",
	.usage = "[options] SYSTEM.dts -o SYSTEM.img",
	.summary = "Packs a system description and the files it names into a system image.",
	.details = "The image is given to the hypervisor as the boot loader's initrd. Equal input "
		   "makes equal\nimages. Nothing is written when the description has a mistake.\n\n"
		   "Exit code: 0 when the image was written, 1 when not, 2 for wrong usage.",
	.options = options,
	.option_count = ARRAY_SIZE(options),
};

static enum cli_result packed(const char *path)
{
	struct description *d = description_open(path);
	u64 size = 0;

	if (!d)
		return CLI_FAILED;
	if (description_right(d))
		size = pack_write(d, batch, output);
	if (size)
		printf("%s: %lu KiB, %u VM%s, %u file%s\n", output, (size + KIB - 1) / KIB,
		       d->config.vm_count, plural(d->config.vm_count), d->file_count,
		       plural(d->file_count));
	description_close(d);
	return size ? CLI_OK : CLI_FAILED;
}

enum cli_result pack_command(int argc, char **argv)
{
	struct operands operands;

	switch (options_parse(&command, argc, argv, &operands)) {
	case OPTIONS_HELP: return CLI_OK;
	case OPTIONS_WRONG: return CLI_USAGE;
	case OPTIONS_OK: break;
	}
	if (!output) {
		report_error("pack: where to? Name the system image: -o SYSTEM.img");
		return CLI_USAGE;
	}
	return packed(operands.system);
}
