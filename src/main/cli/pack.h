/* Makes the system image of a description. */
#ifndef MAIN_CLI_PACK_H
#define MAIN_CLI_PACK_H

#include "main/cli/description.h"

/* What is appended to the VMs' bootargs. */
struct pack_options {
	bool batch; /* each VM's batch-bootargs */
	const char *more[CONFIG_VMS_MAX]; /* and then this; NULL: nothing */
};

/*
 * Writes the image of @d, which must be without mistakes, to @path; there is either the old file
 * or the whole new one at any time. Reports what goes wrong. Returns the image's size, 0 on failure.
 */
u64 pack_write(const struct description *d, const struct pack_options *options, const char *path);
/* The same into a temporary file that goes when the command ends; its name is temp_path(). */
u64 pack_write_temp(const struct description *d, const struct pack_options *options);

#endif
