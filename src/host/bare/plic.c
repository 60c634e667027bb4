/* RISC-V Platform-Level Interrupt Controller Specification 1.0.0, the host's. */
#include "host/bare/interrupt.h"

#include "host/bare/bare.h"
#include "host/bare/percpu.h"
#include "host/bare/table.h"
#include "host/bare/tree.h"
#include "host/host.h"
#include "lib/lock.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"

enum {
	PLIC_PRIORITY = 0,
	PLIC_ENABLE = 0x2000,
	PLIC_ENABLE_STRIDE = 0x80,
	PLIC_CONTEXT = 0x200000,
	PLIC_CONTEXT_STRIDE = 0x1000,
	PLIC_THRESHOLD = 0,
	PLIC_CLAIM = 4,
};

#define HANDLERS_MAX 8
#define CLAIMS_MAX 16 /* at once: a device that cannot be quieted must not hold the hart */

static struct {
	u8 *base;
	struct tree_plic tree;
	const struct tree *host;
	s32 context[HARTS_MAX]; /* of S-mode; -1: none */
	struct {
		u32 source;
		void (*fn)(void);
	} handlers[HANDLERS_MAX];
	unsigned count;
	unsigned hart; /* that devices interrupt */
} plic;

static u32 plic_read(u64 offset)
{
	return *(volatile u32 *)(void *)(plic.base + offset);
}

static void plic_write(u64 offset, u32 value)
{
	*(volatile u32 *)(void *)(plic.base + offset) = value;
}

static u64 context_offset(u32 context, u32 reg)
{
	return PLIC_CONTEXT + (u64)context * PLIC_CONTEXT_STRIDE + reg;
}

static u64 enable_offset(u32 context, u32 source)
{
	return PLIC_ENABLE + (u64)context * PLIC_ENABLE_STRIDE + source / 32 * 4;
}

void irqchip_init(const struct tree *t)
{
	plic.host = t;
	if (!tree_plic(t, &plic.tree))
		return;
	plic.base = table_map_device(plic.tree.base, plic.tree.size);
	for (u32 h = 0; plic.base && h < t->harts; h++)
		plic.context[h] = tree_plic_context(t, &plic.tree, t->hart[h].id);
	for (u32 s = 1; plic.base && s <= plic.tree.sources; s++)
		plic_write(PLIC_PRIORITY + 4 * (u64)s, 0);
}

void irqchip_hart_init(void)
{
	s32 context = plic.base ? plic.context[percpu()->index] : -1;

	if (context < 0)
		return;
	for (u32 s = 0; s <= plic.tree.sources; s += 32)
		plic_write(enable_offset((u32)context, s), 0);
	plic_write(context_offset((u32)context, PLIC_THRESHOLD), 0);
	csr_set(CSR_SIE, SIP_SEIP);
}

const char *irqchip_name(void)
{
	return plic.base ? "PLIC" : "no PLIC: devices are polled";
}

static void source_enable(s32 context, u32 source, bool on)
{
	u64 enable = enable_offset((u32)context, source);
	u32 bit = (u32)BIT(source % 32), others = plic_read(enable) & ~bit;

	plic_write(enable, on ? others | bit : others);
}

bool irq_register(u32 source, void (*fn)(void))
{
	s32 context = plic.base ? plic.context[percpu()->index] : -1;

	if (context < 0 || !source || source > plic.tree.sources || plic.count == HANDLERS_MAX)
		return false;
	plic.handlers[plic.count].source = source;
	plic.handlers[plic.count++].fn = fn;
	plic.hart = percpu()->index;
	plic_write(PLIC_PRIORITY + 4 * (u64)source, 1);
	source_enable(context, source, true);
	return true;
}

/* For a moment both harts may be told: the second finds nothing to claim. */
void bare_interrupts_to(unsigned hart)
{
	s32 from = plic.base ? plic.context[plic.hart] : -1, to = plic.base ? plic.context[hart] : -1;

	if (from < 0 || to < 0 || from == to)
		return;
	for (unsigned i = 0; i < plic.count; i++) {
		source_enable(to, plic.handlers[i].source, true);
		source_enable(from, plic.handlers[i].source, false);
	}
	plic.hart = hart;
}

static void source_serve(u32 source)
{
	for (unsigned i = 0; i < plic.count; i++)
		if (plic.handlers[i].source == source)
			plic.handlers[i].fn();
}

void irqchip_serve(void)
{
	s32 context = plic.base ? plic.context[percpu()->index] : -1;
	u64 claim;

	if (context < 0)
		return;
	claim = context_offset((u32)context, PLIC_CLAIM);
	for (unsigned n = 0; n < CLAIMS_MAX; n++) {
		u32 source = plic_read(claim);

		if (!source)
			return;
		source_serve(source);
		plic_write(claim, source);
	}
}
