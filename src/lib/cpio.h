/* The newc cpio archive that carries a system: reading it from memory. */
#ifndef LIB_CPIO_H
#define LIB_CPIO_H

#include "lib/types.h"

struct cpio_entry {
	const char *name; /* in the archive, NUL-terminated within it */
	u64 name_size;    /* without NULs */
	const u8 *data;
	u64 size;
};

/*
 * Steps through an archive of @size bytes (hostile). *offset starts at 0. Returns 1 with
 * *entry filled in, 0 at the trailer, -1 when the archive is malformed.
 */
int cpio_next(const void *archive, u64 size, u64 *offset, struct cpio_entry *entry);

#endif
