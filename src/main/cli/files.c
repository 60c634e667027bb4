/* The files that a description names: found, looked into, and given names in the archive. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "main/cli/description.h"
#include "main/cli/kernel.h"
#include "main/cli/report.h"
#include "vm/config_text.h"
#include "vm/load.h"

enum { NEIGHBOURS_MAX = 64, NODE_PATH_SIZE = 96 };

/* Where a file is named: the path of the node, and which property of it. */
struct place {
	char node[NODE_PATH_SIZE];
	const char *property;
};

/* Says that something is wrong with what a property names. */
static void file_mistake(struct description *d, const struct place *at, const char *message)
{
	char path[NODE_PATH_SIZE + 32];

	snprintf(path, sizeof(path), "%s/%s", at->node, at->property);
	description_mistake(d, path, message);
}

/* Paths count from the folder of the description. Free the result. */
static char *path_resolve(const struct description *d, const char *path)
{
	const char *slash = strrchr(d->path, '/');
	size_t folder = slash && path[0] != '/' ? (size_t)(slash + 1 - d->path) : 0;
	char *whole = malloc(folder + strlen(path) + 1);

	if (!whole)
		return NULL;
	memcpy(whole, d->path, folder);
	strcpy(whole + folder, path);
	return whole;
}

/* The name in @path's folder that was probably meant; "" when there is none. */
static void neighbour_find(const char *path, char *name, size_t size)
{
	const char *slash = strrchr(path, '/'), *word = slash ? slash + 1 : path, *near;
	char folder[CONFIG_PATH_MAX + 512], *names[NEIGHBOURS_MAX];
	unsigned count = 0;
	struct dirent *entry;
	DIR *dir;

	*name = '\0';
	snprintf(folder, sizeof(folder), "%.*s", (int)(word - path), path);
	dir = opendir(*folder ? folder : ".");
	while (dir && count < NEIGHBOURS_MAX && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.' && (names[count] = strdup(entry->d_name)))
			count++;
	}
	if (dir)
		closedir(dir);
	near = config_nearest(word, (const char *const *)names, count);
	if (near)
		snprintf(name, size, "%s", near);
	while (count)
		free(names[--count]);
}

static void missing_report(struct description *d, const struct place *at, const char *path,
			   int error)
{
	char message[1200], near[256] = "";

	if (error == ENOENT || error == ENOTDIR)
		neighbour_find(path, near, sizeof(near));
	if (*near)
		snprintf(message, sizeof(message), "there is no file '%s': did you mean '%s'?", path,
			 near);
	else if (error == ENOENT || error == ENOTDIR)
		snprintf(message, sizeof(message), "there is no file '%s'", path);
	else
		snprintf(message, sizeof(message), "'%s' cannot be read: %s", path, strerror(error));
	file_mistake(d, at, message);
}

/* True when the file can be packed; @info tells its size. */
static bool file_check(struct description *d, const struct place *at, const char *path,
		       struct stat *info)
{
	const char *wrong = NULL;
	char message[1200];
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || fstat(fd, info) < 0) {
		missing_report(d, at, path, errno);
		if (fd >= 0)
			close(fd);
		return false;
	}
	close(fd);
	if (!S_ISREG(info->st_mode))
		wrong = "is not a file";
	else if (!info->st_size)
		wrong = "is empty";
	else if ((u64)info->st_size > UINT32_MAX)
		wrong = "is 4G or larger: the archive cannot hold it";
	if (!wrong)
		return true;
	snprintf(message, sizeof(message), "'%s' %s", path, wrong);
	file_mistake(d, at, message);
	return false;
}

static bool name_taken(const struct description *d, const char *name)
{
	if (!strcmp(name, "system.dtb") || !strcmp(name, "TRAILER!!!"))
		return true;
	for (unsigned i = 0; i < d->file_count; i++)
		if (!strcmp(d->files[i].name, name))
			return true;
	return false;
}

/* The file's own name where it is free, otherwise with "-2" and so on behind it. */
static void name_choose(const struct description *d, const char *path, char *name)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;

	snprintf(name, CONFIG_PATH_MAX + 1, "%s", base);
	for (unsigned i = 2; name_taken(d, name); i++)
		snprintf(name, CONFIG_PATH_MAX + 1, "%.*s-%u", CONFIG_PATH_MAX - 12, base, i);
}

/* The file at @path, which it takes over: the one that is known already, or a new one. */
static struct system_file *file_enter(struct description *d, char *path, const struct stat *info)
{
	struct system_file *file;

	for (file = d->files; file < d->files + d->file_count; file++)
		if (file->device == info->st_dev && file->inode == info->st_ino) {
			free(path);
			return file;
		}
	name_choose(d, path, file->name);
	file->path = path;
	file->device = info->st_dev;
	file->inode = info->st_ino;
	file->size = (u64)info->st_size;
	d->file_count++;
	return file;
}

static struct system_file *file_find(struct description *d, const struct place *at,
				     const char *name)
{
	struct stat info;
	char *path;

	if (!*name)
		return NULL;
	path = path_resolve(d, name);
	if (!path) {
		file_mistake(d, at, "memory is short");
		return NULL;
	}
	if (file_check(d, at, path, &info))
		return file_enter(d, path, &info);
	free(path);
	return NULL;
}

/* --- kernels ------------------------------------------------------------------------ */

static struct place vm_place(const struct vm_config *vm, const char *property)
{
	struct place at = { .property = property };

	snprintf(at.node, sizeof(at.node), "/vms/%s", vm->name);
	return at;
}

/* The initrd and the device tree go behind the kernel, as vm/load.c places them. */
static void memory_check(struct description *d, const struct vm_config *vm, u64 kernel, u64 initrd)
{
	u64 need = kernel + align_up(initrd, 4096) + LOAD_FDT_MAX;
	char message[200], size[CONFIG_SIZE_TEXT];
	struct place at = vm_place(vm, "memory");

	if (!vm->memory || need <= vm->memory)
		return;
	snprintf(message, sizeof(message), "%s is too little: the kernel%s %lu KiB",
		 config_size_text(size, vm->memory),
		 initrd ? " and the initrd need" : " needs", (need + KIB - 1) / KIB);
	file_mistake(d, &at, message);
}

static void vm_find_files(struct description *d, u32 index)
{
	const struct vm_config *vm = &d->config.vms[index];
	struct place at = vm_place(vm, "kernel"), initrd_at = vm_place(vm, "initrd");
	struct system_file *kernel, *initrd;
	char message[1200];
	const char *why = NULL;
	u64 need = 0;

	kernel = d->kernel[index] = file_find(d, &at, vm->kernel);
	initrd = d->initrd[index] = file_find(d, &initrd_at, vm->initrd);
	if (!kernel)
		return;
	if (!kernel_measure(kernel->path, kernel->size, &need, &why)) {
		snprintf(message, sizeof(message), "'%s' %s", kernel->path, why);
		file_mistake(d, &at, message);
		return;
	}
	memory_check(d, vm, need, initrd ? initrd->size : 0);
}

/* --- disks ---------------------------------------------------------------------------- */

/* A copy is filled up with zeros to a whole sector; what is not copied must have whole ones. */
static void disk_check(struct description *d, const struct place *at, const struct disk_config *disk,
		       const struct system_file *file)
{
	char message[1400];

	if (!disk->read_only || is_aligned(file->size, 512))
		return;
	snprintf(message, sizeof(message), "'%s' has %lu bytes: a read-only disk has whole sectors of "
		 "512, as `truncate -s %%512 '%s'` makes them", file->path, file->size, file->path);
	file_mistake(d, at, message);
}

static void vm_find_disks(struct description *d, const struct vm_config *vm)
{
	for (u32 i = 0; i < vm->device_count; i++) {
		const struct device_config *device = &vm->devices[i];
		struct place at = { .property = "file" };
		struct system_file *file;

		if (device->kind != DEVICE_DISK || !device->disk.file[0])
			continue;
		snprintf(at.node, sizeof(at.node), "/vms/%.31s/%.31s", vm->name, device->name);
		file = d->disk[device - d->config.devices] = file_find(d, &at, device->disk.file);
		if (file)
			disk_check(d, &at, &device->disk, file);
	}
}

void description_find_files(struct description *d)
{
	for (u32 i = 0; i < d->config.vm_count; i++) {
		vm_find_files(d, i);
		vm_find_disks(d, &d->config.vms[i]);
	}
}
