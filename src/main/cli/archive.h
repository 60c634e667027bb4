/* Writes a newc cpio archive whose files begin at page boundaries. */
#ifndef MAIN_CLI_ARCHIVE_H
#define MAIN_CLI_ARCHIVE_H

#include <stdio.h>

#include "lib/types.h"

#define ARCHIVE_ALIGN 4096

struct archive {
	FILE *out;
	u64 offset; /* what has been written so far */
	u32 files;
	int error; /* the first errno; nothing is written from then on */
	const char *unread; /* the file whose reading failed, NULL when it was the writing */
};

/* @out stays the caller's; it must be empty and is written from its start. */
void archive_start(struct archive *a, FILE *out);
/* @size below 4 GiB. */
void archive_add_data(struct archive *a, const char *name, const void *data, u64 size);
/* Exactly @size bytes of the file at @path, which must stay; a file that has become shorter is
 * EIO. */
void archive_add_file(struct archive *a, const char *name, const char *path, u64 size);
/* Ends the archive: 0, or the errno of whatever went wrong since the start. */
int archive_finish(struct archive *a);
/* How large an archive with @files files of @size bytes together can become. */
u64 archive_size_bound(u64 files, u64 size);

#endif
