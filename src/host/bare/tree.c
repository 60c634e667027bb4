/* Reading the host's device tree: see host/bare/tree.h. */
#include "host/bare/tree.h"

#include <libfdt.h>
#include <string.h>

#include "riscv/csr.h"

/* The tree comes from the firmware, which is trusted; it may still be odd. */
static u64 cells_read(const fdt32_t *cell, int count)
{
	u64 v = 0;

	while (count-- > 0)
		v = v << 32 | fdt32_to_cpu(*cell++);
	return v;
}

static u32 prop_u32(const void *fdt, int node, const char *name, u32 otherwise)
{
	int len;
	const fdt32_t *p = fdt_getprop(fdt, node, name, &len);

	return p && len >= 4 ? fdt32_to_cpu(*p) : otherwise;
}

/* A number of one or two cells. */
static bool prop_number(const void *fdt, int node, const char *name, u64 *value)
{
	int len;
	const fdt32_t *p = fdt_getprop(fdt, node, name, &len);

	if (!p || (len != 4 && len != 8))
		return false;
	*value = cells_read(p, len / 4);
	return true;
}

/* The @index-th pair of the node's reg. */
static bool node_reg(const void *fdt, int node, int index, u64 *base, u64 *size)
{
	int parent = fdt_parent_offset(fdt, node), len;
	int ac = fdt_address_cells(fdt, parent), sc = fdt_size_cells(fdt, parent);
	const fdt32_t *p = fdt_getprop(fdt, node, "reg", &len);

	if (!p || ac < 1 || sc < 0 || ac > 2 || sc > 2 || (index + 1) * (ac + sc) * 4 > len)
		return false;
	p += index * (ac + sc);
	*base = cells_read(p, ac);
	*size = cells_read(p + ac, sc);
	return true;
}

static bool node_is_usable(const void *fdt, int node)
{
	const char *status = fdt_getprop(fdt, node, "status", NULL);

	return !status || strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0;
}

static bool node_has_type(const void *fdt, int node, const char *type)
{
	const char *p = fdt_getprop(fdt, node, "device_type", NULL);

	return p && strcmp(p, type) == 0;
}

/* ---- Harts */

static bool hart_isa(const void *fdt, int node, struct isa *isa)
{
	int len;
	const char *p = fdt_getprop(fdt, node, "riscv,isa-extensions", &len);

	if (p && isa_parse_list(isa, p, (size_t)len))
		return true;
	p = fdt_getprop(fdt, node, "riscv,isa", &len);
	return p && isa_parse_string(isa, p, (size_t)len);
}

/* Guests are told of blocks of 64 bytes, as nearly every machine has them; where they differ, the
 * instructions are left out rather than described wrongly. */
static void hart_check_block(const void *fdt, int node, const char *property, struct isa *isa,
			     enum isa_ext ext)
{
	int len;
	const fdt32_t *p = fdt_getprop(fdt, node, property, &len);

	if (!p || len != 4 || fdt32_to_cpu(*p) != 64)
		isa_clear(isa, ext);
}

static void hart_add(struct tree *t, int node)
{
	struct tree_hart *hart = &t->hart[t->harts];
	u64 size;

	if (!node_has_type(t->fdt, node, "cpu") || !node_is_usable(t->fdt, node))
		return;
	if (t->harts == HARTS_MAX || !node_reg(t->fdt, node, 0, &hart->id, &size))
		return;
	/* Cores for other work (a monitor core without an MMU) say so. */
	if (!hart_isa(t->fdt, node, &hart->isa) || !fdt_getprop(t->fdt, node, "mmu-type", NULL))
		return;
	hart_check_block(t->fdt, node, "riscv,cbom-block-size", &hart->isa, ISA_ZICBOM);
	hart_check_block(t->fdt, node, "riscv,cboz-block-size", &hart->isa, ISA_ZICBOZ);
	t->harts++;
}

bool tree_read(struct tree *t, const void *fdt)
{
	int cpus, node;

	*t = (struct tree){ .fdt = fdt };
	if (fdt_check_header(fdt))
		return false;
	cpus = fdt_path_offset(fdt, "/cpus");
	if (cpus < 0)
		return false;
	fdt_for_each_subnode(node, fdt, cpus) {
		hart_add(t, node);
		/* Old trees have it in each cpu node. */
		if (!t->timebase)
			prop_number(fdt, node, "timebase-frequency", &t->timebase);
	}
	prop_number(fdt, cpus, "timebase-frequency", &t->timebase);
	return t->harts && t->timebase;
}

/* ---- Memory */

static void each_reg(const void *fdt, int node, void (*fn)(u64 base, u64 size))
{
	u64 base, size;

	for (int i = 0; node_reg(fdt, node, i, &base, &size); i++)
		if (size && base + size > base)
			fn(base, size);
}

void tree_memory(const struct tree *t, void (*fn)(u64 base, u64 size))
{
	int node;

	fdt_for_each_subnode(node, t->fdt, 0)
		if (node_has_type(t->fdt, node, "memory") && node_is_usable(t->fdt, node))
			each_reg(t->fdt, node, fn);
}

void tree_reserved(const struct tree *t, void (*fn)(u64 base, u64 size))
{
	int parent = fdt_path_offset(t->fdt, "/reserved-memory"), node;

	for (int i = 0; i < fdt_num_mem_rsv(t->fdt); i++) {
		u64 base, size;

		if (!fdt_get_mem_rsv(t->fdt, i, &base, &size) && size)
			fn(base, size);
	}
	if (parent < 0)
		return;
	fdt_for_each_subnode(node, t->fdt, parent)
		if (node_is_usable(t->fdt, node))
			each_reg(t->fdt, node, fn);
}

/* ---- /chosen */

static int chosen_node(const struct tree *t)
{
	return fdt_path_offset(t->fdt, "/chosen");
}

const char *tree_bootargs(const struct tree *t)
{
	int len;
	const char *args = fdt_getprop(t->fdt, chosen_node(t), "bootargs", &len);

	return args && len > 0 && !args[len - 1] ? args : "";
}

static void arg_copy(const char *from, size_t len, char *value, size_t size)
{
	if (!size)
		return;
	len = len < size ? len : size - 1;
	memcpy(value, from, len);
	value[len] = 0;
}

bool tree_arg(const char *args, const char *name, char *value, size_t size)
{
	size_t n = strlen(name);

	for (;;) {
		size_t len;

		args += strspn(args, " \t\n");
		len = strcspn(args, " \t\n");
		if (!len)
			return false;
		if (len >= n && memcmp(args, name, n) == 0 && (len == n || args[n] == '=')) {
			n += len > n;
			arg_copy(args + n, len - n, value, size);
			return true;
		}
		args += len;
	}
}

bool tree_initrd(const struct tree *t, u64 *start, u64 *end)
{
	int node = chosen_node(t);

	return prop_number(t->fdt, node, "linux,initrd-start", start) &&
	       prop_number(t->fdt, node, "linux,initrd-end", end) && *start < *end;
}

size_t tree_seed(const struct tree *t, u8 *seed, size_t max)
{
	int len;
	const void *p = fdt_getprop(t->fdt, chosen_node(t), "rng-seed", &len);
	size_t n = p && len > 0 ? (size_t)len : 0;

	if (n > max)
		n = max;
	if (n)
		memcpy(seed, p, n);
	return n;
}

/* ---- Devices */

static const char *const uart_names[] = { "ns16550a", "ns16550", "snps,dw-apb-uart" };

static bool node_is_uart(const void *fdt, int node)
{
	for (size_t i = 0; i < ARRAY_SIZE(uart_names); i++)
		if (fdt_node_check_compatible(fdt, node, uart_names[i]) == 0)
			return node_is_usable(fdt, node);
	return false;
}

static int uart_node(const struct tree *t)
{
	const char *path = fdt_getprop(t->fdt, chosen_node(t), "stdout-path", NULL);
	int node = -1;

	/* A path or an alias, then perhaps ":" and the line's settings. */
	if (path)
		node = fdt_path_offset_namelen(t->fdt, path, (int)strcspn(path, ":"));
	if (path && node >= 0)
		return node_is_uart(t->fdt, node) ? node : -1;
	for (size_t i = 0; i < ARRAY_SIZE(uart_names); i++) {
		node = fdt_node_offset_by_compatible(t->fdt, -1, uart_names[i]);
		if (node >= 0 && node_is_usable(t->fdt, node))
			return node;
	}
	return -1;
}

bool tree_uart(const struct tree *t, struct tree_uart *uart)
{
	int node = uart_node(t);
	u64 size;

	if (node < 0 || !node_reg(t->fdt, node, 0, &uart->base, &size))
		return false;
	uart->shift = prop_u32(t->fdt, node, "reg-shift", 0);
	uart->width = prop_u32(t->fdt, node, "reg-io-width", 1);
	uart->irq = prop_u32(t->fdt, node, "interrupts", 0);
	return uart->shift <= 4 && (uart->width == 1 || uart->width == 2 || uart->width == 4);
}

bool tree_plic(const struct tree *t, struct tree_plic *plic)
{
	int node = fdt_node_offset_by_compatible(t->fdt, -1, "sifive,plic-1.0.0");

	if (node < 0)
		node = fdt_node_offset_by_compatible(t->fdt, -1, "riscv,plic0");
	if (node < 0 || !node_reg(t->fdt, node, 0, &plic->base, &plic->size))
		return false;
	plic->node = node;
	plic->sources = prop_u32(t->fdt, node, "riscv,ndev", 1023);
	return plic->sources <= 1023;
}

static void virtio_insert(struct tree_virtio *windows, unsigned count, const struct tree_virtio *v)
{
	unsigned at = count;

	for (; at && windows[at - 1].base > v->base; at--)
		windows[at] = windows[at - 1];
	windows[at] = *v;
}

unsigned tree_virtio(const struct tree *t, struct tree_virtio *windows, unsigned max)
{
	unsigned count = 0;
	int node = -1;

	while (count < max && (node = fdt_node_offset_by_compatible(t->fdt, node, "virtio,mmio")) >= 0) {
		struct tree_virtio v;

		if (!node_is_usable(t->fdt, node) || !node_reg(t->fdt, node, 0, &v.base, &v.size))
			continue;
		v.irq = prop_u32(t->fdt, node, "interrupts", 0);
		v.coherent = !fdt_getprop(t->fdt, node, "dma-noncoherent", NULL);
		virtio_insert(windows, count++, &v);
	}
	return count;
}

bool tree_finisher(const struct tree *t, u64 *base)
{
	int node = fdt_node_offset_by_compatible(t->fdt, -1, "sifive,test0");
	u64 size;

	return node >= 0 && node_is_usable(t->fdt, node) && node_reg(t->fdt, node, 0, base, &size);
}

/* True if the interrupt controller with that phandle is the one within the hart's node. */
static bool intc_is_hart(const void *fdt, u32 phandle, u64 hart_id)
{
	int node = fdt_node_offset_by_phandle(fdt, phandle);
	u64 id, size;

	return node >= 0 && node_reg(fdt, fdt_parent_offset(fdt, node), 0, &id, &size) &&
	       id == hart_id;
}

int tree_plic_context(const struct tree *t, const struct tree_plic *plic, u64 hart_id)
{
	int len;
	const fdt32_t *p = fdt_getprop(t->fdt, plic->node, "interrupts-extended", &len);

	/* Pairs: the hart's controller and its interrupt; the pair's number is the context. */
	for (int i = 0; p && (i + 1) * 8 <= len; i++)
		if (fdt32_to_cpu(p[2 * i + 1]) == IRQ_S_EXT &&
		    intc_is_hart(t->fdt, fdt32_to_cpu(p[2 * i]), hart_id))
			return i;
	return -1;
}
