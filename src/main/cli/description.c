#include "main/cli/description.h"

#include <stdlib.h>
#include <string.h>

#include "main/cli/report.h"

void description_mistake(void *arg, const char *path, const char *message)
{
	struct description *d = arg;

	report_mistake(d->path, path, "%s", message);
	d->mistakes++;
}

bool description_right(const struct description *d)
{
	if (d->mistakes)
		report_mistake(d->path, "", "%u mistake%s", d->mistakes,
			       plural(d->mistakes));
	return !d->mistakes;
}

u64 description_files_size(const struct description *d)
{
	u64 size = 0;

	for (unsigned i = 0; i < d->file_count; i++)
		size += d->files[i].size;
	return size;
}

u64 description_disk_size(void *arg, const char *file)
{
	const struct description *d = arg;

	for (u32 i = 0; i < d->config.device_count; i++)
		if (d->disk[i] && !strcmp(d->config.devices[i].disk.file, file))
			return d->disk[i]->size;
	return 0;
}

struct description *description_open(const char *path)
{
	struct description *d = calloc(1, sizeof(*d));

	if (!d) {
		report_error("memory is short");
		return NULL;
	}
	d->path = path;
	description_compile(d);
	if (d->mistakes)
		return d;
	config_read(d->dtb.data, d->dtb.size, &d->config, description_mistake, d);
	description_find_files(d);
	return d;
}

void description_close(struct description *d)
{
	if (!d)
		return;
	for (unsigned i = 0; i < d->file_count; i++)
		free(d->files[i].path);
	free(d->dtb.data);
	free(d);
}
