/*
 * A device's registers and wired interrupts can be lent; whatever does DMA by itself reaches all
 * memory, as nothing confines it. So a device is taken for one that does unless its kind is
 * known not to.
 */
#include "main/bare_lend.h"

#include <libfdt.h>
#include <string.h>

#include "host/bare/bare.h"
#include "host/bare/console.h"
#include "host/bare/interrupt.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "vm/irq.h"
#include "vm/vm.h"

#define PAGE 4096ul
#define LENT_MAX 32 /* interrupts, in all */

static const char *const without_dma[] = {
	"google,goldfish-rtc", "ns16550a", "ns16550", "sifive,uart0", "sifive,gpio0", "sifive,pwm0",
	"cfi-flash", "snps,dw-apb-gpio", "snps,dw-wdt", "xlnx,xps-gpio-1.00.a",
};

/* The hypervisor's own. */
static const char *const own[] = {
	"riscv,plic0", "sifive,plic-1.0.0", "riscv,clint0", "sifive,clint0", "riscv,aplic",
	"riscv,imsics", "virtio,mmio", "riscv,cpu-intc",
};

static struct lent_irq {
	u32 irq;
	u32 waits; /* atomic; for lend_completed() or for a wire */
	struct lock lock; /* guards the wire; before the lock of the guest's PLIC */
	struct irq_line wire;
} irqs[LENT_MAX];
static unsigned irq_count; /* fixed when VMs run */

static bool is_one_of(int node, const char *const *names, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (fdt_node_check_compatible(bare_fdt(), node, names[i]) == 0)
			return true;
	return false;
}

/* ---- Registers */

static u64 cells_value(const fdt32_t *cell, int count)
{
	u64 value = 0;

	while (count-- > 0)
		value = value << 32 | fdt32_to_cpu(*cell++);
	return value;
}

static unsigned regs_read(int node, struct lent_device *d)
{
	const void *fdt = bare_fdt();
	int parent = fdt_parent_offset(fdt, node), size = 0;
	int a = fdt_address_cells(fdt, parent), s = fdt_size_cells(fdt, parent);
	const fdt32_t *reg = fdt_getprop(fdt, node, "reg", &size);

	d->reg_count = 0;
	if (!reg || a < 1 || a > 2 || s < 1 || s > 2)
		return 0;
	for (; size >= 4 * (a + s) && d->reg_count < LENT_REGS_MAX; size -= 4 * (a + s)) {
		d->regs[d->reg_count].base = cells_value(reg, a);
		d->regs[d->reg_count].size = cells_value(reg + a, s);
		d->reg_count++;
		reg += a + s;
	}
	return d->reg_count;
}

/* True if the pages of the device's registers hold registers of @other as well. */
static bool pages_meet(const struct lent_device *d, const struct lent_device *other)
{
	for (unsigned i = 0; i < d->reg_count; i++) {
		u64 first = align_down(d->regs[i].base, PAGE);
		u64 size = align_up(d->regs[i].base + d->regs[i].size, PAGE) - first;

		for (unsigned j = 0; j < other->reg_count; j++)
			if (range_overlaps(first, size, other->regs[j].base, other->regs[j].size))
				return true;
	}
	return false;
}

static bool shares_pages(int node, const struct lent_device *d)
{
	const void *fdt = bare_fdt();
	int parent = fdt_parent_offset(fdt, node), other;
	struct lent_device o;

	fdt_for_each_subnode(other, fdt, parent)
		if (other != node && regs_read(other, &o) && pages_meet(d, &o))
			return true;
	return false;
}

/* Devicetree Specification 0.4, 3.4 and 3.5. */
static bool is_memory(int node)
{
	const void *fdt = bare_fdt();
	const char *type = fdt_getprop(fdt, node, "device_type", NULL);
	const char *parent = fdt_get_name(fdt, fdt_parent_offset(fdt, node), NULL);

	return (type && strcmp(type, "memory") == 0) || (parent && strcmp(parent, "reserved-memory") == 0);
}

static bool regs_are_sane(const struct lent_device *d)
{
	for (unsigned i = 0; i < d->reg_count; i++)
		if (!d->regs[i].size || d->regs[i].base + d->regs[i].size < d->regs[i].base)
			return false;
	return d->reg_count;
}

/* ---- Interrupts */

static bool irqs_read(int node, struct lent_device *d)
{
	int size = 0;
	const fdt32_t *cell = fdt_getprop(bare_fdt(), node, "interrupts", &size);

	d->irq_count = 0;
	if (!cell)
		return true;
	if (size % 4 || size / 4 > LENT_IRQS_MAX)
		return false;
	for (; size > 0; size -= 4)
		d->irqs[d->irq_count++] = fdt32_to_cpu(*cell++);
	return true;
}

/* It stays silent until the guest has completed it. */
static bool irq_arrives(void *arg)
{
	struct lent_irq *l = arg;

	lock_take(&l->lock);
	__atomic_store_n(&l->waits, 1, __ATOMIC_RELEASE);
	irq_set(&l->wire, true);
	lock_drop(&l->lock);
	return false;
}

static bool irqs_take(const struct lent_device *d)
{
	for (unsigned i = 0; i < d->irq_count; i++) {
		/* While the guest is at it, all devices of the source would be silent. */
		if (irq_count == LENT_MAX || irq_is_taken(d->irqs[i]))
			return false;
		irqs[irq_count].irq = d->irqs[i];
		if (!irq_register(d->irqs[i], irq_arrives, &irqs[irq_count++]))
			return false;
	}
	return true;
}

static struct lent_irq *irq_find(u32 irq)
{
	for (unsigned i = 0; i < irq_count; i++)
		if (irqs[i].irq == irq)
			return &irqs[i];
	return NULL;
}

/* An interrupt that came while nobody was there to hear of it waits until somebody is. */
void lend_irq(u32 irq, const struct irq_line *wire)
{
	struct lent_irq *l = irq_find(irq);

	lock_take(&l->lock);
	l->wire = wire ? *wire : (struct irq_line){ 0 };
	lock_drop(&l->lock);
	if (wire)
		lend_completed(irq);
}

void lend_completed(u32 irq)
{
	struct lent_irq *l = irq_find(irq);

	if (__atomic_exchange_n(&l->waits, 0, __ATOMIC_ACQ_REL))
		irq_complete(irq);
}

/* ---- What may be lent */

/* NULL: it may, and *d is filled in; else what is wrong. */
static const char *refusal(const struct host_device_config *c, struct lent_device *d)
{
	const void *fdt = bare_fdt();
	int node = fdt_path_offset(fdt, c->path);

	if (node < 0)
		return "the host's device tree has no such node";
	*d = (struct lent_device){ .tree = fdt, .node = node };
	if (is_memory(node))
		return "it is memory, and no device";
	if (is_one_of(node, own, ARRAY_SIZE(own)))
		return "the hypervisor needs this device itself";
	if (!regs_read(node, d) || !regs_are_sane(d))
		return "it has no registers that could be mapped";
	if (!irqs_read(node, d))
		return "it has more interrupts than can be lent";
	if (shares_pages(node, d))
		return "its page of registers holds those of another device";
	if (d->regs[0].base == bare_console_base())
		return "the hypervisor's console is there; console=sbi in its boot arguments frees it";
	if (!c->dma_unconfined && !is_one_of(node, without_dma, ARRAY_SIZE(without_dma)))
		return "it may do DMA, which nothing confines on this machine: add dma-unconfined; to "
		       "let it reach all memory";
	return NULL;
}

/* A node has more than one path: its unit address may be left out, an alias may stand for it. */
static bool taken_before(const struct system_config *config, const struct device_config *d)
{
	int node = fdt_path_offset(bare_fdt(), d->host.path);

	for (const struct device_config *o = config->devices; o < d; o++)
		if (o->kind == DEVICE_HOST && fdt_path_offset(bare_fdt(), o->host.path) == node)
			return node >= 0;
	return false;
}

static bool device_check(const struct system_config *config, const struct vm_config *vm,
			 const struct device_config *d)
{
	struct lent_device lent;
	const char *why;

	if (d->kind != DEVICE_HOST)
		return true;
	why = taken_before(config, d) ? "it is given away already" : refusal(&d->host, &lent);
	if (!why && !irqs_take(&lent))
		why = "its interrupts cannot be had";
	if (why)
		log_line("system.dtb: /vms/%s/passthrough: %s: %s", vm->name, d->host.path, why);
	return !why;
}

bool lend_check(const struct system_config *config)
{
	bool ok = true;

	for (u32 v = 0; v < config->vm_count; v++)
		for (u32 i = 0; i < config->vms[v].device_count; i++)
			ok &= device_check(config, &config->vms[v], &config->vms[v].devices[i]);
	return ok;
}

bool lend_device(struct vm *vm unused, const struct host_device_config *c, struct lent_device *d)
{
	return refusal(c, d) == NULL;
}
