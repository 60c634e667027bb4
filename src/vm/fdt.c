#include "vm/fdt.h"

#include <stdio.h>
#include <string.h>

#include <libfdt.h>

#include "host/host.h"

#define NODE_NAME_MAX 48
#define CELLS_MAX 256

int fdt_reg(void *fdt, u64 base, u64 size)
{
	const u32 cells[] = { (u32)(base >> 32), (u32)base, (u32)(size >> 32), (u32)size };

	return fdt_cells(fdt, "reg", cells, ARRAY_SIZE(cells));
}

int fdt_text(void *fdt, const char *name, const char *string)
{
	return fdt_string_list(fdt, name, &string, 1);
}

int fdt_string_list(void *fdt, const char *name, const char *const *strings, unsigned count)
{
	size_t size = 0;
	void *where;
	char *p;
	int err;

	for (unsigned i = 0; i < count; i++)
		size += strlen(strings[i]) + 1;
	err = fdt_property_placeholder(fdt, name, (int)size, &where);
	if (err)
		return err;
	p = where;
	for (unsigned i = 0; i < count; i++) {
		size = strlen(strings[i]) + 1;
		memcpy(p, strings[i], size);
		p += size;
	}
	return 0;
}

int fdt_cells(void *fdt, const char *name, const u32 *cells, unsigned count)
{
	void *where;
	fdt32_t *p;
	int err;

	host_assert(count <= CELLS_MAX);
	err = fdt_property_placeholder(fdt, name, (int)(count * sizeof(*p)), &where);
	if (err)
		return err;
	p = where;
	for (unsigned i = 0; i < count; i++)
		p[i] = cpu_to_fdt32(cells[i]);
	return 0;
}

int fdt_begin_device(void *fdt, const char *name, const struct dev *d)
{
	char node[NODE_NAME_MAX];

	snprintf(node, sizeof(node), "%s@%lx", name, d->base);
	return fdt_begin_node(fdt, node) ?: fdt_reg(fdt, d->base, d->size);
}

int fdt_interrupt(void *fdt, const struct dev *d)
{
	if (!d->irq.set)
		return 0;
	return fdt_property_u32(fdt, "interrupts", d->irq.input) ?:
	       fdt_property_u32(fdt, "interrupt-parent", FDT_PHANDLE_PLIC);
}
