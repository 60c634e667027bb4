/* bulkhead pack: one file that a boot loader can hand over. */
#include <stdio.h>

#include "main/cli/options.h"
#include "main/cli/pack.h"
#include "main/cli/report.h"

static const char *output;
static struct pack_options pack;

static const struct option options[] = {
	{ .name = "output", .letter = 'o', .value = "FILE", .text = &output,
	  .help = "where the system image goes; required" },
	{ .name = "batch", .flag = &pack.batch,
	  .help = "append each VM's batch-bootargs to its bootargs" },
};

static enum cli_result pack_system(const struct operands *operands)
{
	struct description *d;
	u64 size = 0;

	if (!output) {
		report_error("pack: where to? Name the system image: -o SYSTEM.img");
		return CLI_USAGE;
	}
	d = description_open(operands->system);
	if (!d)
		return CLI_FAILED;
	if (description_right(d))
		size = pack_write(d, &pack, output);
	if (size)
		printf("%s: %lu KiB, %u VM%s, %u file%s\n", output, (size + KIB - 1) / KIB,
		       d->config.vm_count, plural(d->config.vm_count), d->file_count,
		       plural(d->file_count));
	description_close(d);
	return size ? CLI_OK : CLI_FAILED;
}

const struct command pack_command = {
	.name = "pack",
	.usage = "[options] SYSTEM.dts -o SYSTEM.img",
	.brief = "pack a system into an image that a boot loader hands over",
	.summary = "Packs a system description and the files it names into a system image.",
	.details = "The image is given to the hypervisor as the boot loader's initrd. Equal input "
		   "makes equal\nimages. Nothing is written when the description has a mistake.\n\n"
		   "Exit code: 0 when the image was written, 1 when not, 2 for wrong usage.",
	.options = options,
	.option_count = ARRAY_SIZE(options),
	.run = pack_system,
};
