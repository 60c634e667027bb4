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

#define SOURCES_MAX 1024
#define HANDLERS_MAX 64
#define CLAIMS_MAX 16 /* at once: a device that cannot be quieted must not hold the hart */

static struct {
	u8 *base;
	struct tree_plic tree;
	const struct tree *host;
	s32 context[HARTS_MAX]; /* of S-mode; -1: none */
	struct lock lock; /* guards what follows; serving takes it not */
	struct {
		u32 source;
		bool (*fn)(void *arg);
		void *arg;
		u8 next; /* of the same source */
	} handlers[HANDLERS_MAX];
	unsigned count; /* with number 0, which is nobody */
	u8 first[SOURCES_MAX]; /* handler of each source; 0: none */
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

/* Whole before it can be found. */
static void handler_add(u32 source, bool (*fn)(void *arg), void *arg)
{
	unsigned n = ++plic.count;

	plic.handlers[n].source = source;
	plic.handlers[n].fn = fn;
	plic.handlers[n].arg = arg;
	plic.handlers[n].next = plic.first[source];
	__atomic_store_n(&plic.first[source], (u8)n, __ATOMIC_RELEASE);
}

bool irq_register(u32 source, bool (*fn)(void *arg), void *arg)
{
	s32 context = -1;

	lock_take(&plic.lock);
	if (!plic.count)
		plic.hart = percpu()->index;
	if (plic.base && source && source <= plic.tree.sources && plic.count + 1 < HANDLERS_MAX)
		context = plic.context[plic.hart];
	if (context >= 0) {
		handler_add(source, fn, arg);
		plic_write(PLIC_PRIORITY + 4 * (u64)source, 1);
		source_enable(context, source, true);
	}
	lock_drop(&plic.lock);
	return context >= 0;
}

bool irq_is_taken(u32 source)
{
	return source < SOURCES_MAX && __atomic_load_n(&plic.first[source], __ATOMIC_ACQUIRE);
}

/*
 * For a moment both harts may be told: the second finds nothing to claim. The former one may be
 * between claim and completion, and completes in vain once its context has the source no more
 * ("Interrupt Completion"): that is done here for it.
 */
static void sources_move(s32 from, s32 to)
{
	for (unsigned i = 1; i <= plic.count; i++) {
		u32 source = plic.handlers[i].source;

		source_enable(to, source, true);
		source_enable(from, source, false);
		plic_write(context_offset((u32)to, PLIC_CLAIM), source);
	}
}

void bare_interrupts_to(unsigned hart)
{
	s32 from, to;

	lock_take(&plic.lock);
	from = plic.base ? plic.context[plic.hart] : -1;
	to = plic.base ? plic.context[hart] : -1;
	if (from >= 0 && to >= 0 && from != to) {
		sources_move(from, to);
		plic.hart = hart;
	}
	lock_drop(&plic.lock);
}

void irq_complete(u32 source)
{
	lock_take(&plic.lock);
	plic_write(context_offset((u32)plic.context[plic.hart], PLIC_CLAIM), source);
	lock_drop(&plic.lock);
}

static bool source_serve(u32 source)
{
	u8 n = source < SOURCES_MAX ? __atomic_load_n(&plic.first[source], __ATOMIC_ACQUIRE) : 0;
	bool over = true;

	for (; n; n = plic.handlers[n].next)
		over &= plic.handlers[n].fn(plic.handlers[n].arg);
	return over;
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
		if (source_serve(source))
			plic_write(claim, source);
	}
}
