/* newc cpio: cpio(5), "New ASCII Format". */
#include "main/cli/archive.h"

#include <errno.h>
#include <string.h>

enum { CPIO_HEADER = 110, CPIO_FILE_MODE = 0100644 };

void archive_start(struct archive *a, FILE *out)
{
	*a = (struct archive){ .out = out };
}

static void archive_write(struct archive *a, const void *data, u64 size)
{
	if (!a->error && size && fwrite(data, (size_t)size, 1, a->out) != 1)
		a->error = errno ? errno : EIO;
	a->offset += size;
}

static void archive_pad(struct archive *a, u64 align)
{
	static const u8 zeros[ARCHIVE_ALIGN];

	archive_write(a, zeros, align_up(a->offset, align) - a->offset);
}

/* Nothing of the workstation goes in (times, owners), so that equal systems make equal archives.
 * The name is filled up with NULs to the @align boundary at which the data begin. */
static void archive_header(struct archive *a, const char *name, u64 size, u32 mode, u64 align)
{
	u64 start = a->offset + CPIO_HEADER, end = align_up(start + strlen(name) + 1, align);
	char header[CPIO_HEADER + 1];

	snprintf(header, sizeof(header), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		 a->files + 1, mode, 0, 0, 1, 0, (unsigned)size, 0, 0, 0, 0,
		 (unsigned)(end - start), 0);
	archive_write(a, header, CPIO_HEADER);
	archive_write(a, name, strlen(name) + 1);
	archive_pad(a, align);
}

void archive_add_data(struct archive *a, const char *name, const void *data, u64 size)
{
	archive_header(a, name, size, CPIO_FILE_MODE, ARCHIVE_ALIGN);
	archive_write(a, data, size);
	archive_pad(a, 4);
	a->files++;
}

static void archive_unread(struct archive *a, const char *path, int error)
{
	if (a->error)
		return;
	a->error = error;
	a->unread = path;
}

static void file_copy(struct archive *a, const char *path, FILE *in, u64 size)
{
	static u8 chunk[64 * 1024];

	while (size && !a->error) {
		size_t want = (size_t)min_u64(size, sizeof(chunk));

		if (fread(chunk, want, 1, in) != 1)
			archive_unread(a, path, ferror(in) && errno ? errno : EIO);
		archive_write(a, chunk, want);
		size -= want;
	}
}

void archive_add_file(struct archive *a, const char *name, const char *path, u64 size)
{
	FILE *in = fopen(path, "re");

	if (!in) {
		archive_unread(a, path, errno);
		return;
	}
	archive_header(a, name, size, CPIO_FILE_MODE, ARCHIVE_ALIGN);
	file_copy(a, path, in, size);
	archive_pad(a, 4);
	a->files++;
	fclose(in);
}

int archive_finish(struct archive *a)
{
	archive_header(a, "TRAILER!!!", 0, 0, 4);
	if (fflush(a->out) && !a->error)
		a->error = errno;
	return a->error;
}

u64 archive_size_bound(u64 files, u64 size)
{
	return size + (files + 1) * 2 * ARCHIVE_ALIGN;
}
