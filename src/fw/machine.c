/* What M-mode needs of the device tree: see fw/machine.h. */
#include "fw/machine.h"

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "fw/mcsr.h"

/* Offsets within a CLINT; an ACLINT has its parts at addresses of their own. */
enum { CLINT_MTIMECMP = 0x4000, CLINT_MTIME = 0xbff8 };

static u64 cells_read(const fdt32_t *cell, int count)
{
	u64 v = 0;

	while (count-- > 0)
		v = v << 32 | fdt32_to_cpu(*cell++);
	return v;
}

/* The address in the @index-th pair of the node's reg. */
static bool reg_address(const void *fdt, int node, int index, u64 *base)
{
	int parent = fdt_parent_offset(fdt, node), len;
	int ac = fdt_address_cells(fdt, parent), sc = fdt_size_cells(fdt, parent);
	const fdt32_t *p = fdt_getprop(fdt, node, "reg", &len);

	if (!p || ac < 1 || sc < 0 || ac > 2 || sc > 2 || (index + 1) * (ac + sc) * 4 > len)
		return false;
	*base = cells_read(p + index * (ac + sc), ac);
	return true;
}

/* The hart whose own interrupt controller has that phandle. */
static u64 hart_of_intc(const void *fdt, u32 phandle)
{
	int node = fdt_node_offset_by_phandle(fdt, phandle);
	u64 id;

	if (node < 0 || !reg_address(fdt, fdt_parent_offset(fdt, node), 0, &id))
		return FW_HARTS_MAX;
	return id;
}

/*
 * interrupts-extended has pairs of a hart's controller and its interrupt. The n-th that names @irq
 * belongs to the n-th register, whichever other pairs stand in between.
 */
static void registers_read(const void *fdt, int node, u32 irq, u64 base, u64 step, u64 *to)
{
	int len;
	const fdt32_t *p = fdt_getprop(fdt, node, "interrupts-extended", &len);

	for (int i = 0; p && (i + 1) * 8 <= len; i++) {
		u64 hart = hart_of_intc(fdt, fdt32_to_cpu(p[2 * i]));

		if (fdt32_to_cpu(p[2 * i + 1]) != irq)
			continue;
		if (hart < FW_HARTS_MAX)
			to[hart] = base;
		base += step;
	}
}

static void clint_read(struct machine *m, const void *fdt, int node)
{
	u64 base;

	if (!reg_address(fdt, node, 0, &base))
		return;
	registers_read(fdt, node, IRQ_M_SOFT, base, 4, m->msip);
	registers_read(fdt, node, IRQ_M_TIMER, base + CLINT_MTIMECMP, 8, m->mtimecmp);
	m->mtime = base + CLINT_MTIME;
}

static void mswi_read(struct machine *m, const void *fdt, int node)
{
	u64 base;

	if (reg_address(fdt, node, 0, &base))
		registers_read(fdt, node, IRQ_M_SOFT, base, 4, m->msip);
}

/* reg: mtime, then the mtimecmp registers. */
static void mtimer_read(struct machine *m, const void *fdt, int node)
{
	u64 base;

	if (!reg_address(fdt, node, 1, &base) || !reg_address(fdt, node, 0, &m->mtime))
		return;
	registers_read(fdt, node, IRQ_M_TIMER, base, 8, m->mtimecmp);
}

static const struct {
	const char *name;
	void (*read)(struct machine *m, const void *fdt, int node);
} devices[] = {
	{ "riscv,clint0", clint_read },
	{ "sifive,clint0", clint_read },
	{ "riscv,aclint-mswi", mswi_read },
	{ "riscv,aclint-mtimer", mtimer_read },
};

/* "syscon-poweroff" and "syscon-reboot": a register of another node and a value for it. */
static void poke_read(struct machine_poke *poke, const void *fdt, const char *name)
{
	int node = fdt_node_offset_by_compatible(fdt, -1, name), len;
	const fdt32_t *map = fdt_getprop(fdt, node, "regmap", &len);
	const fdt32_t *offset = fdt_getprop(fdt, node, "offset", NULL);
	const fdt32_t *value = fdt_getprop(fdt, node, "value", NULL);
	u64 base;

	if (node < 0 || !map || len != 4 || !value)
		return;
	if (!reg_address(fdt, fdt_node_offset_by_phandle(fdt, fdt32_to_cpu(*map)), 0, &base))
		return;
	poke->address = base + (offset ? fdt32_to_cpu(*offset) : 0);
	poke->value = fdt32_to_cpu(*value);
}

void machine_read(struct machine *m, const void *fdt)
{
	memset(m, 0, sizeof(*m));
	/* Machines of several sockets have one of each for every socket. */
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		int node = fdt_node_offset_by_compatible(fdt, -1, devices[i].name);

		for (; node >= 0; node = fdt_node_offset_by_compatible(fdt, node, devices[i].name))
			devices[i].read(m, fdt, node);
	}
	poke_read(&m->power_off, fdt, "syscon-poweroff");
	poke_read(&m->reboot, fdt, "syscon-reboot");
}

/* With "ranges", as the binding wants it. */
static int reserved_memory(void *fdt)
{
	int node = fdt_path_offset(fdt, "/reserved-memory"), err = 0;

	if (node != -FDT_ERR_NOTFOUND)
		return node;
	node = fdt_add_subnode(fdt, 0, "reserved-memory");
	if (node < 0)
		return node;
	err = err ? err : fdt_setprop_u32(fdt, node, "#address-cells", 2);
	err = err ? err : fdt_setprop_u32(fdt, node, "#size-cells", 2);
	err = err ? err : fdt_setprop_empty(fdt, node, "ranges");
	return err ? err : node;
}

/* Devicetree Specification, "/reserved-memory Node": no-map also forbids speculative access. */
int machine_reserve(void *fdt, u64 base, u64 size)
{
	int parent = reserved_memory(fdt), node, err;
	char name[40];

	if (parent < 0)
		return parent;
	snprintf(name, sizeof(name), "firmware@%lx", (unsigned long)base);
	node = fdt_add_subnode(fdt, parent, name);
	if (node < 0)
		return node;
	err = fdt_appendprop_addrrange(fdt, parent, node, "reg", base, size);
	return err ? err : fdt_setprop_empty(fdt, node, "no-map");
}
