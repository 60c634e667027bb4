#include "main/cli/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "main/cli/archive.h"
#include "main/cli/report.h"
#include "main/cli/temp.h"

/* What a VM's node and a device's can grow by: names and the longest boot arguments, with their
 * headers. */
#define GROWTH_PER_VM (2 * (CONFIG_PATH_MAX + 1) + CONFIG_BOOTARGS_MAX + 1 + 128)
#define GROWTH_PER_DEVICE (CONFIG_PATH_MAX + 1 + 32)

/* --- the description as the hypervisor sees it ------------------------------------ */

static int string_set(void *fdt, int node, const char *name, const char *text)
{
	return fdt_setprop(fdt, node, name, text, (int)strlen(text) + 1);
}

/* batch-bootargs are the command's affair: they never go into the image. 1 after a report. */
static int bootargs_set(void *fdt, int node, const struct vm_config *vm, bool batch,
			const char *more)
{
	const char *batched = fdt_getprop(fdt, node, "batch-bootargs", NULL);
	const char *parts[] = { vm->bootargs, batch && batched ? batched : "", more ? more : "" };
	char text[CONFIG_BOOTARGS_MAX + 1] = "";
	size_t used = 0;
	int error = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++) {
		if (*parts[i] && used < sizeof(text))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
						 used ? " " : "", parts[i]);
	}
	if (used >= sizeof(text)) {
		report_error("the bootargs of the VM \"%s\" have no room for '%s'", vm->name,
			     parts[2]);
		return 1;
	}
	if (strcmp(text, vm->bootargs))
		error = string_set(fdt, node, "bootargs", text);
	return error || !batched ? error : fdt_delprop(fdt, node, "batch-bootargs");
}

/* The files' paths give way to their names in the archive. */
static int disks_rewrite(void *fdt, int vm_node, const struct description *d,
			 const struct vm_config *vm)
{
	int error = 0;

	for (u32 i = 0; i < vm->device_count && !error; i++) {
		const struct device_config *device = &vm->devices[i];
		const struct system_file *file = d->disk[device - d->config.devices];
		int node;

		if (!file)
			continue;
		node = fdt_subnode_offset(fdt, vm_node, device->name);
		error = node < 0 ? node : string_set(fdt, node, "file", file->name);
	}
	return error;
}

static int vm_rewrite(void *fdt, const struct description *d, u32 index,
		      const struct pack_options *options)
{
	const struct vm_config *vm = &d->config.vms[index];
	int node = fdt_subnode_offset(fdt, fdt_path_offset(fdt, "/vms"), vm->name);
	int error;

	if (node < 0)
		return node;
	error = string_set(fdt, node, "kernel", d->kernel[index]->name);
	if (!error && d->initrd[index])
		error = string_set(fdt, node, "initrd", d->initrd[index]->name);
	if (!error)
		error = bootargs_set(fdt, node, vm, options->batch, options->more[index]);
	return error ? error : disks_rewrite(fdt, node, d, vm);
}

/* Returns the description for the archive; free() it. NULL after a report. */
static void *tree_make(const struct description *d, const struct pack_options *options)
{
	size_t size = d->dtb.size + d->config.vm_count * (size_t)GROWTH_PER_VM +
		      d->config.device_count * (size_t)GROWTH_PER_DEVICE;
	void *fdt = malloc(size);
	int error = fdt ? fdt_open_into(d->dtb.data, fdt, (int)size) : -FDT_ERR_NOSPACE;

	for (u32 i = 0; i < d->config.vm_count && !error; i++)
		error = vm_rewrite(fdt, d, i, options);
	if (!error)
		error = fdt_pack(fdt);
	if (!error)
		return fdt;
	if (error < 0)
		report_error("the description cannot be packed: %s", fdt_strerror(error));
	free(fdt);
	return NULL;
}

/* --- the archive --------------------------------------------------------------------- */

/* 0, or -1 after a report. */
static int archive_fill(struct archive *a, const struct description *d,
			const struct pack_options *options)
{
	void *fdt = tree_make(d, options);
	int error;

	if (!fdt)
		return -1;
	archive_add_data(a, "system.dtb", fdt, fdt_totalsize(fdt));
	free(fdt);
	for (unsigned i = 0; i < d->file_count && !a->error; i++)
		archive_add_file(a, d->files[i].name, d->files[i].path, d->files[i].size);
	error = archive_finish(a);
	if (!error)
		return 0;
	if (a->unread)
		report_error("'%s' cannot be packed: %s", a->unread, strerror(error));
	else
		report_error("the system image cannot be written: %s", strerror(error));
	return -1;
}

/* The image into the temporary file behind @fd, which it closes. 0 after a report. */
static u64 image_write(const struct description *d, const struct pack_options *options, int fd)
{
	FILE *out = fdopen(fd, "w");
	struct archive a;
	int failed;

	if (!out) {
		close(fd);
		report_error("memory is short");
		return 0;
	}
	archive_start(&a, out);
	failed = archive_fill(&a, d, options);
	if (fclose(out) && !failed) {
		report_error("the system image cannot be written: %s", strerror(errno));
		return 0;
	}
	return failed ? 0 : a.offset;
}

u64 pack_write_temp(const struct description *d, const struct pack_options *options)
{
	const char *folder = getenv("TMPDIR");
	char prefix[1024];
	u64 size;
	int fd;

	snprintf(prefix, sizeof(prefix), "%s/bulkhead-system",
		 folder && *folder ? folder : "/tmp");
	fd = temp_create(prefix);
	if (fd < 0) {
		report_error("no temporary file can be made in %s: %s",
			     folder && *folder ? folder : "/tmp", strerror(errno));
		return 0;
	}
	size = image_write(d, options, fd);
	if (!size)
		temp_remove();
	return size;
}

/* True when the image may take the place of what is at @path. */
static bool target_check(const struct description *d, const char *path)
{
	struct stat info, dts;

	if (stat(path, &info) < 0)
		return true;
	if (!S_ISREG(info.st_mode)) {
		report_error("'%s' is not a file: choose another name", path);
		return false;
	}
	for (unsigned i = 0; i < d->file_count; i++)
		if (d->files[i].device == info.st_dev && d->files[i].inode == info.st_ino) {
			report_error("'%s' is part of the system: choose another name", path);
			return false;
		}
	if (!stat(d->path, &dts) && dts.st_dev == info.st_dev && dts.st_ino == info.st_ino) {
		report_error("'%s' is the description itself: choose another name", path);
		return false;
	}
	return true;
}

/* Temporary files are made private; the image gets the mode that any new file gets. */
static int mode_open_up(int fd)
{
	mode_t mask = umask(0);

	umask(mask);
	return fchmod(fd, 0666 & ~mask);
}

u64 pack_write(const struct description *d, const struct pack_options *options, const char *path)
{
	u64 size;
	int fd;

	if (!target_check(d, path))
		return 0;
	fd = temp_create(path);
	if (fd < 0 || mode_open_up(fd) < 0) {
		report_error("'%s' cannot be written: %s", path, strerror(errno));
		return 0;
	}
	size = image_write(d, options, fd);
	if (size && temp_rename(path) < 0) {
		report_error("'%s' cannot be written: %s", path, strerror(errno));
		size = 0;
	}
	temp_remove();
	return size;
}
