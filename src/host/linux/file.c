/* The files of the system image: host files by path, or pieces of an archive. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/linux/linux.h"
#include "lib/cpio.h"

struct image_file {
	struct image_file *next;
	char *name;
	char *path;     /* of a host file; else */
	const u8 *data; /* where it lies in the archive, which stays mapped */
	u64 size;
};

static struct image_file *files;

static int file_size(int fd, u64 *size)
{
	struct stat info;

	if (fstat(fd, &info) < 0)
		return -errno;
	*size = (u64)info.st_size;
	return S_ISREG(info.st_mode) ? 0 : -EINVAL;
}

/* The caller may close @fd then. Of an empty file there is nothing to map: any address does. */
static const void *file_map(int fd, u64 size)
{
	void *p;

	if (!size)
		return "";
	p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

static struct image_file *file_new(const char *name)
{
	struct image_file *f = calloc(1, sizeof(*f));

	if (f)
		f->name = strdup(name);
	if (!f || !f->name) {
		free(f);
		return NULL;
	}
	f->next = files;
	files = f;
	return f;
}

int linux_file_add(const char *name, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	struct image_file *f;
	u64 size;

	if (fd < 0)
		return -errno;
	err = file_size(fd, &size);
	close(fd);
	if (err)
		return err;
	f = file_new(name);
	if (!f)
		return -ENOMEM;
	f->path = strdup(path);
	f->size = size;
	return f->path ? 0 : -ENOMEM;
}

static int archive_list(const void *archive, u64 size)
{
	struct cpio_entry entry;
	u64 offset = 0;
	int more;

	while ((more = cpio_next(archive, size, &offset, &entry)) == 1) {
		struct image_file *f = file_new(entry.name);

		if (!f)
			return -ENOMEM;
		f->data = entry.data;
		f->size = entry.size;
	}
	return more ? -EINVAL : 0;
}

int linux_file_image(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	const void *archive = NULL;
	u64 size = 0;

	if (fd < 0)
		return -errno;
	err = file_size(fd, &size);
	if (!err)
		archive = file_map(fd, size);
	close(fd);
	if (!archive)
		return err ? err : -ENOMEM;
	return archive_list(archive, size);
}

int host_file_find(const char *name, struct host_file *file)
{
	for (const struct image_file *f = files; f; f = f->next) {
		if (strcmp(f->name, name) != 0)
			continue;
		*file = (struct host_file){ .where = (u64)f, .size = f->size };
		return 0;
	}
	return -ENOENT;
}

static const struct image_file *file_of(const struct host_file *file)
{
	return (const struct image_file *)file->where;
}

const void *host_file_map(const struct host_file *file)
{
	const struct image_file *f = file_of(file);
	const void *p;
	u64 size;
	int fd;

	if (f->data)
		return f->data;
	fd = open(f->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	/* It must be as long as it was when it was found: what lies behind its end cannot be read. */
	p = file_size(fd, &size) || size < file->size ? NULL : file_map(fd, file->size);
	close(fd);
	return p;
}

void host_file_unmap(const struct host_file *file, const void *va)
{
	if (!file_of(file)->data && file->size)
		munmap((void *)(uintptr_t)va, file->size);
}
