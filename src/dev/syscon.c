/*
 * SiFive's test finisher as QEMU's `virt` has it: one register, written once.
 * Device-tree bindings power/reset/syscon-poweroff and syscon-reboot.
 */
#include "dev/syscon.h"

#include <libfdt.h>

#include "vm/fdt.h"

enum syscon_reg { SYSCON_FINISHER = 0x0 };

enum syscon_value {
	FINISHER_VALUE = 0xffff, /* the guest's exit code is above */
	FINISHER_FAIL = 0x3333,
	FINISHER_PASS = 0x5555,
	FINISHER_RESET = 0x7777,
};

struct syscon {
	struct dev dev;
	void (*event)(void *arg, enum syscon_event e);
	void *arg;
	struct host_account *payer;
};

static u64 syscon_read(struct dev *d unused, u64 off unused, unsigned size unused)
{
	return 0;
}

static void syscon_write(struct dev *d, u64 off, unsigned size unused, u64 value)
{
	struct syscon *s = container_of(d, struct syscon, dev);

	if (off != SYSCON_FINISHER)
		return;
	switch (value & FINISHER_VALUE) {
	case FINISHER_PASS:
		s->event(s->arg, SYSCON_POWEROFF);
		break;
	case FINISHER_RESET:
		s->event(s->arg, SYSCON_REBOOT);
		break;
	case FINISHER_FAIL:
		s->event(s->arg, SYSCON_FAIL);
		break;
	default: /* hardware ignores the rest as well */
		break;
	}
}

/* A node that says which value of the finisher does what. */
static int syscon_describe_use(void *fdt, const char *name, const char *compatible, u32 value)
{
	return fdt_begin_node(fdt, name) ?:
	       fdt_text(fdt, "compatible", compatible) ?:
	       fdt_property_u32(fdt, "regmap", FDT_PHANDLE_SYSCON) ?:
	       fdt_property_u32(fdt, "offset", SYSCON_FINISHER) ?:
	       fdt_property_u32(fdt, "value", value) ?:
	       fdt_end_node(fdt);
}

static int syscon_describe(const struct dev *d, void *fdt)
{
	static const char *const compatible[] = { "sifive,test1", "sifive,test0", "syscon" };

	return fdt_begin_device(fdt, "test", d) ?:
	       fdt_string_list(fdt, "compatible", compatible, ARRAY_SIZE(compatible)) ?:
	       fdt_property_u32(fdt, "phandle", FDT_PHANDLE_SYSCON) ?:
	       fdt_end_node(fdt) ?:
	       syscon_describe_use(fdt, "poweroff", "syscon-poweroff", FINISHER_PASS) ?:
	       syscon_describe_use(fdt, "reboot", "syscon-reboot", FINISHER_RESET);
}

static void syscon_destroy(struct dev *d)
{
	struct syscon *s = container_of(d, struct syscon, dev);

	host_free(s, sizeof(*s), s->payer);
}

static const struct dev_ops syscon_ops = {
	.name = "syscon",
	.sizes = DEV_SIZE_2 | DEV_SIZE_4,
	.read = syscon_read,
	.write = syscon_write,
	.describe = syscon_describe,
	.destroy = syscon_destroy,
};

struct dev *syscon_create(u64 base, void (*event)(void *arg, enum syscon_event e), void *arg,
			  struct host_account *payer)
{
	struct syscon *s = host_alloc(sizeof(*s), payer);

	if (!s)
		return NULL;
	s->dev = (struct dev){ .ops = &syscon_ops, .base = base, .size = SYSCON_SIZE };
	s->event = event;
	s->arg = arg;
	s->payer = payer;
	return &s->dev;
}
