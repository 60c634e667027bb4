/* The registers are the device's own, mapped into the guest; interrupts take the way by its PLIC. */
#include "board/virt_lent.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "board/virt.h"
#include "board/virt_devices.h"
#include "dev/plic.h"
#include "vm/fdt.h"

#define PAGE 4096ul

/* ---- Where the registers go */

/* Where the pages of a piece of registers are in the guest. */
static u64 pages_of(const struct lent_device *d, unsigned i, u64 *size)
{
	u64 first = align_down(d->regs[i].base, PAGE);

	*size = align_up(d->regs[i].base + d->regs[i].size, PAGE) - first;
	return first;
}

/* The end of what was mapped before and lies in the way: the devices before the @n-th, and @regs
 * pieces of that; 0 if nothing does. */
static u64 lent_in_the_way(const struct virt_lent *l, unsigned n, unsigned regs, u64 base, u64 size)
{
	for (unsigned k = 0; k <= n; k++) {
		for (unsigned i = 0; i < (k < n ? l->devices[k].reg_count : regs); i++) {
			u64 other = align_down(l->gpa[k][i], PAGE), other_size;

			pages_of(&l->devices[k], i, &other_size);
			if (range_overlaps(base, size, other, other_size))
				return other + other_size;
		}
	}
	return 0;
}

static bool place_is_free(const struct vm *vm, u64 base, u64 size)
{
	if (base + size < base || base + size > VIRT_SHARED)
		return false;
	for (u64 i = 0; i < vm->bus.count; i++) {
		const struct dev *d = vm->bus.devices[i];

		if (range_overlaps(base, size, d->base, d->size))
			return false;
	}
	return true;
}

/* Where the host has them, so that programs with fixed addresses run; elsewhere when the guest
 * machine has something of its own there. 0: nowhere. */
static u64 place(const struct vm *vm, const struct virt_lent *l, unsigned n, unsigned i)
{
	u64 size, base = pages_of(&l->devices[n], i, &size), end;

	if (place_is_free(vm, base, size) && !lent_in_the_way(l, n, i, base, size))
		return base;
	for (base = VIRT_LENT; (end = lent_in_the_way(l, n, i, base, size)); base = end)
		;
	return place_is_free(vm, base, size) ? base : 0;
}

static int map_registers(struct vm *vm, struct virt_lent *l, unsigned n)
{
	const struct lent_device *d = &l->devices[n];

	for (unsigned i = 0; i < d->reg_count; i++) {
		u64 size, first = pages_of(d, i, &size), gpa = place(vm, l, n, i);
		int err = gpa ? vm->engine->map(vm, gpa, first, size, PROT_R | PROT_W) : -ENOSPC;

		if (err)
			return err;
		l->gpa[n][i] = gpa + (d->regs[i].base - first);
	}
	return 0;
}

/* ---- Interrupts */

static void completed(void *arg, unsigned source)
{
	const struct vm *vm = arg;

	vm->parts.outside->lend_completed(vm->board->lent.irq_of[source - VIRT_IRQ_LENT]);
}

static void join_interrupts(struct vm *vm, struct virt_lent *l, unsigned n, struct dev *plic)
{
	const struct lent_device *d = &l->devices[n];

	l->source[n] = l->source_end;
	for (unsigned i = 0; i < d->irq_count; i++) {
		unsigned source = l->source_end++;
		struct irq_line wire = plic_relay(plic, source, completed, vm);

		l->irq_of[source - VIRT_IRQ_LENT] = d->irqs[i];
		vm->parts.outside->lend_irq(d->irqs[i], &wire);
	}
}

static int lend_one(struct vm *vm, struct virt_lent *l, const struct device_config *c, struct dev *plic)
{
	unsigned n = l->count;
	int err;

	if (n == VIRT_LENT_MAX || !vm->parts.outside->lend(vm, &c->host, &l->devices[n])) {
		snprintf(vm->failure, sizeof(vm->failure), "%.60s cannot be given to it", c->host.path);
		return -ENODEV;
	}
	err = map_registers(vm, l, n);
	if (err == -ENOSPC)
		snprintf(vm->failure, sizeof(vm->failure), "%.50s has more registers than fit", c->host.path);
	if (err)
		return err;
	l->count++;
	join_interrupts(vm, l, n, plic);
	return 0;
}

int virt_lent(struct vm *vm, struct virt_lent *l, struct dev *plic)
{
	int err = 0;

	l->source_end = VIRT_IRQ_LENT;
	for (u32 i = 0; !err && i < vm->config.device_count; i++)
		if (vm->config.devices[i].kind == DEVICE_HOST)
			err = lend_one(vm, l, &vm->config.devices[i], plic);
	return err;
}

void virt_lent_gone(struct vm *vm, struct virt_lent *l)
{
	while (l->count) {
		const struct lent_device *d = &l->devices[--l->count];

		for (unsigned i = 0; i < d->irq_count; i++)
			vm->parts.outside->lend_irq(d->irqs[i], NULL);
	}
}

/* ---- The guest's tree */

/* What speaks of other nodes, or of the host's addresses and interrupts, is left out. */
static bool property_is_copied(const char *name)
{
	static const char *const left_out[] = {
		"reg", "ranges", "interrupts", "interrupts-extended", "interrupt-parent", "phandle",
		"linux,phandle", "clocks", "assigned-clocks", "resets", "power-domains", "dmas", "iommus",
		"msi-parent", "pinctrl-0", "dma-coherent", "status", "dma-ranges", "interrupt-map",
		"interrupt-map-mask", "iommu-map", "msi-map", "memory-region",
	};
	size_t len = strlen(name);

	for (unsigned i = 0; i < ARRAY_SIZE(left_out); i++)
		if (strcmp(name, left_out[i]) == 0)
			return false;
	return len < 7 || strcmp(name + len - 7, "-supply") != 0;
}

static int copy_properties(const struct lent_device *d, void *fdt)
{
	int prop, err = 0;

	fdt_for_each_property_offset(prop, d->tree, d->node) {
		const char *name = NULL;
		int size = 0;
		const void *value = fdt_getprop_by_offset(d->tree, prop, &name, &size);

		if (value && name && property_is_copied(name))
			err = err ?: fdt_property(fdt, name, value, size);
	}
	return err;
}

static int describe_reg(const struct virt_lent *l, unsigned n, void *fdt)
{
	const struct lent_device *d = &l->devices[n];
	u32 cells[4 * LENT_REGS_MAX];

	for (unsigned i = 0; i < d->reg_count; i++) {
		cells[4 * i] = (u32)(l->gpa[n][i] >> 32);
		cells[4 * i + 1] = (u32)l->gpa[n][i];
		cells[4 * i + 2] = (u32)(d->regs[i].size >> 32);
		cells[4 * i + 3] = (u32)d->regs[i].size;
	}
	return fdt_cells(fdt, "reg", cells, 4 * d->reg_count);
}

static int describe_interrupts(const struct virt_lent *l, unsigned n, void *fdt)
{
	const struct lent_device *d = &l->devices[n];
	u32 cells[LENT_IRQS_MAX];

	if (!d->irq_count)
		return 0;
	for (unsigned i = 0; i < d->irq_count; i++)
		cells[i] = l->source[n] + i;
	return fdt_cells(fdt, "interrupts", cells, d->irq_count) ?:
	       fdt_property_u32(fdt, "interrupt-parent", FDT_PHANDLE_PLIC);
}

static int describe_one(const struct virt_lent *l, unsigned n, void *fdt)
{
	const struct lent_device *d = &l->devices[n];
	const char *name = fdt_get_name(d->tree, d->node, NULL);
	int length = name ? (int)strcspn(name, "@") : 0;
	char text[64];

	snprintf(text, sizeof(text), "%.*s@%lx", length < 40 ? length : 40, name ? name : "",
		 l->gpa[n][0]);
	return fdt_begin_node(fdt, text) ?: describe_reg(l, n, fdt) ?: copy_properties(d, fdt) ?:
	       describe_interrupts(l, n, fdt) ?: fdt_end_node(fdt);
}

int virt_lent_describe(const struct virt_lent *l, void *fdt)
{
	int err = 0;

	for (unsigned n = 0; n < l->count; n++)
		err = err ?: describe_one(l, n, fdt);
	return err;
}
