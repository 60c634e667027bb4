/* The system to run: a description, a system image, or one VM from the command line. */
#include <errno.h>
#include <fcntl.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/linux/linux.h"
#include "main/cli/description.h"
#include "main/cli/report.h"
#include "main/linux.h"
#include "vm/fdt.h"

/* Lives as long as the process. */
static struct system_config *config;

/* ---- A system image */

static const char *image_path;

static void image_mistake(void *arg unused, const char *path, const char *message)
{
	report_mistake(image_path, path, "%s", message);
}

static const struct system_config *image_config(void)
{
	struct host_file file;
	const void *dtb;

	if (host_file_find("system.dtb", &file)) {
		report_error("%s: is an archive, but no system image: it holds no system.dtb", image_path);
		return NULL;
	}
	dtb = host_file_map(&file);
	config = calloc(1, sizeof(*config));
	if (!dtb || !config) {
		report_error("memory is short");
		return NULL;
	}
	return config_read(dtb, file.size, config, image_mistake, NULL) ? NULL : config;
}

static const struct system_config *image_open(const char *path)
{
	int err = linux_file_image(path);

	image_path = path;
	if (!err)
		return image_config();
	report_error("%s: %s", path, err == -EINVAL ? "is a broken system image" : strerror(-err));
	return NULL;
}

static bool is_archive(const char *path)
{
	char magic[6] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool is = fd >= 0 && read(fd, magic, sizeof(magic)) == sizeof(magic) && !memcmp(magic, "070701", 6);

	if (fd >= 0)
		close(fd);
	return is;
}

/* ---- A description */

static bool file_give(const char *name, const struct system_file *file)
{
	int err = file ? linux_file_add(name, file->path) : 0;

	if (err)
		report_error("%s: %s", file->path, strerror(-err));
	return !err;
}

static bool files_give(const struct description *d)
{
	bool ok = true;

	for (u32 i = 0; i < d->config.vm_count; i++) {
		ok = ok && file_give(d->config.vms[i].kernel, d->kernel[i]);
		ok = ok && file_give(d->config.vms[i].initrd, d->initrd[i]);
	}
	for (u32 i = 0; i < d->config.device_count; i++)
		if (d->disk[i])
			ok = ok && file_give(d->config.devices[i].disk.file, d->disk[i]);
	return ok;
}

/* config_read() has seen to it that both together are short enough. */
static void batch_bootargs_add(struct description *d)
{
	const void *fdt = d->dtb.data;
	int vms = fdt_path_offset(fdt, "/vms");

	for (u32 i = 0; i < d->config.vm_count; i++) {
		struct vm_config *vm = &d->config.vms[i];
		const char *more = fdt_getprop(fdt, fdt_subnode_offset(fdt, vms, vm->name),
					       "batch-bootargs", NULL);
		size_t used = strlen(vm->bootargs);

		if (more)
			snprintf(vm->bootargs + used, sizeof(vm->bootargs) - used, "%s%s",
				 used ? " " : "", more);
	}
}

const struct system_config *linux_system_open(const char *path, bool batch)
{
	struct description *d;

	if (is_archive(path))
		return image_open(path);
	d = description_open(path);
	if (!d || !description_right(d) || !files_give(d))
		return NULL;
	if (batch)
		batch_bootargs_add(d);
	return &d->config;
}

/* ---- One VM */

static void option_mistake(void *arg unused, const char *path, const char *message)
{
	const char *name = strrchr(path, '/');

	report_error("run: --%s %s", name ? name + 1 : path, message);
}

static int text(void *fdt, const char *name, const char *value)
{
	return value ? fdt_text(fdt, name, value) : 0;
}

/* The description that the options stand for. */
static int tree_write(void *fdt, int size, const struct linux_options *o, u32 cpus)
{
	int err = fdt_create(fdt, size) ?: fdt_finish_reservemap(fdt) ?: fdt_begin_node(fdt, "") ?:
		  text(fdt, "compatible", "bulkhead,system") ?: fdt_begin_node(fdt, "vms") ?:
		  fdt_begin_node(fdt, "vm") ?: fdt_property_u32(fdt, "vcpus", cpus);

	err = err ?: text(fdt, "memory", o->memory ? o->memory : "512M") ?: text(fdt, "kernel", o->kernel) ?:
	      text(fdt, "initrd", o->initrd) ?: text(fdt, "bootargs", o->append);
	return err ?: fdt_end_node(fdt) ?: fdt_end_node(fdt) ?: fdt_end_node(fdt) ?: fdt_finish(fdt);
}

static bool option_file(const char *path)
{
	int err = path ? linux_file_add(path, path) : 0;

	if (err)
		report_error("run: %s: %s", path, strerror(-err));
	return !err;
}

const struct system_config *linux_system_make(const struct linux_options *o)
{
	enum { TREE_SIZE = 8192 };
	char *fdt = calloc(1, TREE_SIZE);
	u32 cpus = o->cpus ? (u32)strtoul(o->cpus, NULL, 10) : 1;

	config = calloc(1, sizeof(*config));
	if (!fdt || !config) {
		report_error("memory is short");
		return NULL;
	}
	if (!option_file(o->kernel) || !option_file(o->initrd))
		return NULL;
	if (tree_write(fdt, TREE_SIZE, o, cpus)) {
		report_error("run: the options are too long");
		return NULL;
	}
	return config_read(fdt, TREE_SIZE, config, option_mistake, NULL) ? NULL : config;
}
