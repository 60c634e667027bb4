/* Makes the system image of a description. */
#ifndef MAIN_CLI_PACK_H
#define MAIN_CLI_PACK_H

#include "main/cli/description.h"

/*
 * Writes the image of @d, which must be without mistakes, to @path; there is either the old file
 * or the whole new one at any time. @batch appends each VM's batch-bootargs to its bootargs.
 * Reports what goes wrong. Returns the image's size, 0 on failure.
 */
u64 pack_write(const struct description *d, bool batch, const char *path);
/* The same into a temporary file that goes when the command ends; its name is temp_path(). */
u64 pack_write_temp(const struct description *d, bool batch);

#endif
