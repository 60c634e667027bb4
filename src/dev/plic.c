/*
 * RISC-V Platform-Level Interrupt Controller Specification 1.0.0, with level-triggered
 * gateways. Sources and contexts are bits: whether a context has something to say is a few
 * ANDs, and a source knows the contexts that listen to it, so that no access searches.
 */
#include "dev/plic.h"

#include <string.h>

#include <libfdt.h>

#include "lib/bits.h"
#include "vm/fdt.h"

enum plic_reg { /* "Memory Map" */
	PLIC_PRIORITY = 0x0,
	PLIC_PENDING = 0x1000,
	PLIC_ENABLE = 0x2000,
	PLIC_CONTEXT = 0x200000,
	PLIC_ENABLE_STRIDE = 0x80,
	PLIC_CONTEXT_STRIDE = 0x1000,
	PLIC_THRESHOLD = 0x0, /* within a context */
	PLIC_CLAIM = 0x4,     /* write: complete */
};

#define PLIC_PRIORITIES 8
#define PLIC_CONTEXTS_MAX (2 * PLIC_HARTS_MAX)
#define PLIC_REGS ((PLIC_SOURCES + 31) / 32) /* of a bit per source */

struct plic_set { /* of sources */
	u64 bits[(PLIC_SOURCES + 63) / 64];
};

/* All of it public: levels and choices, nothing of a guest's contents. */
struct plic_state {
	struct plic_set level;   /* of the wires */
	struct plic_set pending; /* the IP bits */
	struct plic_set claimed; /* gateways that wait for a completion */
	struct plic_set above[PLIC_PRIORITIES]; /* sources of more than this priority */
	struct plic_set enable[PLIC_CONTEXTS_MAX];
	u64 listeners[PLIC_SOURCES]; /* the contexts that enabled the source: enable[] turned */
	u64 outputs;                 /* contexts whose interrupt is raised */
	u8 priority[PLIC_SOURCES];
	u8 threshold[PLIC_CONTEXTS_MAX];
};

struct plic {
	struct dev dev;
	unsigned contexts;
	void (*output)(void *arg, unsigned hart, bool level);
	void *arg;
	struct plic_set relayed;
	void (*completed)(void *arg, unsigned source);
	void *completed_arg;
	struct host_account *payer;
	struct plic_state s;
};

static inline bool set_has(const struct plic_set *set, unsigned source)
{
	return set->bits[source / 64] >> (source % 64) & 1;
}

static inline void set_put(struct plic_set *set, unsigned source, bool on)
{
	u64 bit = BIT(source % 64);

	if (on)
		set->bits[source / 64] |= bit;
	else
		set->bits[source / 64] &= ~bit;
}

static inline struct plic_set set_and(const struct plic_set *a, const struct plic_set *b)
{
	return (struct plic_set){ { a->bits[0] & b->bits[0], a->bits[1] & b->bits[1] } };
}

static inline bool set_empty(const struct plic_set *set)
{
	return !(set->bits[0] | set->bits[1]);
}

static inline unsigned set_first(const struct plic_set *set)
{
	return set->bits[0] ? bits_lowest(set->bits[0]) : 64 + bits_lowest(set->bits[1]);
}

/* The interrupt of one context, by "Interrupt Priorities", "Enables" and "Thresholds". */
static void plic_update_context(struct plic *p, unsigned context)
{
	struct plic_state *s = &p->s;
	struct plic_set heard = set_and(&s->pending, &s->enable[context]);
	bool level;

	heard = set_and(&heard, &s->above[s->threshold[context]]);
	level = !set_empty(&heard);
	if (level == (s->outputs >> context & 1))
		return;
	s->outputs ^= BIT(context);
	if (context & 1)
		p->output(p->arg, context / 2, level);
}

/* After @source became pending, or ceased to be, or changed its priority. */
static void plic_update_irq(struct plic *p, unsigned source)
{
	for (u64 left = p->s.listeners[source]; left; left &= left - 1)
		plic_update_context(p, bits_lowest(left));
}

/*
 * A gateway sends one request per interrupt: none while the last one is pending or not yet
 * completed ("Interrupt Gateways"). A request outlives a wire that falls.
 */
static void plic_gateway(struct plic *p, unsigned source)
{
	struct plic_state *s = &p->s;

	if (!set_has(&s->level, source) || set_has(&s->pending, source) ||
	    set_has(&s->claimed, source))
		return;
	set_put(&s->pending, source, true);
	plic_update_irq(p, source);
}

/* "Interrupt Claim Process": the highest priority, then the lowest number; the threshold
 * does not matter. */
static u32 plic_claim(struct plic *p, unsigned context)
{
	struct plic_state *s = &p->s;
	struct plic_set heard = set_and(&s->pending, &s->enable[context]);
	struct plic_set best = set_and(&heard, &s->above[0]);
	unsigned source;

	if (set_empty(&best))
		return 0;
	for (unsigned i = 1; i < PLIC_PRIORITIES; i++) {
		struct plic_set better = set_and(&best, &s->above[i]);

		if (set_empty(&better))
			break;
		best = better;
	}
	source = set_first(&best);
	set_put(&s->pending, source, false);
	set_put(&s->claimed, source, true);
	plic_update_irq(p, source);
	return source;
}

/* "Interrupt Completion": of a source that the context does not enable it is ignored. */
static void plic_complete(struct plic *p, unsigned context, u32 source)
{
	if (source >= PLIC_SOURCES || !set_has(&p->s.enable[context], source))
		return;
	set_put(&p->s.claimed, source, false);
	if (set_has(&p->relayed, source)) {
		set_put(&p->s.level, source, false);
		p->completed(p->completed_arg, source);
	}
	plic_gateway(p, source);
}

static u32 set_read(const struct plic_set *set, u64 reg)
{
	return (u32)(set->bits[reg / 2] >> (reg % 2 * 32));
}

static u32 plic_read_enable(struct plic *p, u64 off)
{
	u64 context = off / PLIC_ENABLE_STRIDE;
	u64 reg = off % PLIC_ENABLE_STRIDE / 4;

	if (context >= p->contexts || reg >= PLIC_REGS)
		return 0;
	return set_read(&p->s.enable[context], reg);
}

static u32 plic_read_context(struct plic *p, u64 off)
{
	u64 context = off / PLIC_CONTEXT_STRIDE;

	if (context >= p->contexts)
		return 0;
	switch (off % PLIC_CONTEXT_STRIDE) {
	case PLIC_CLAIM:
		return plic_claim(p, (unsigned)context);
	case PLIC_THRESHOLD:
		return p->s.threshold[context];
	default:
		return 0;
	}
}

static u64 plic_read(struct dev *d, u64 off, unsigned size unused)
{
	struct plic *p = container_of(d, struct plic, dev);

	if (off >= PLIC_CONTEXT)
		return plic_read_context(p, off - PLIC_CONTEXT);
	if (off < PLIC_PRIORITY + 4 * PLIC_SOURCES)
		return p->s.priority[off / 4];
	if (off >= PLIC_ENABLE)
		return plic_read_enable(p, off - PLIC_ENABLE);
	if (off >= PLIC_PENDING && off < PLIC_PENDING + 4 * PLIC_REGS)
		return set_read(&p->s.pending, (off - PLIC_PENDING) / 4);
	return 0;
}

static void plic_write_priority(struct plic *p, unsigned source, u8 priority)
{
	if (source == 0)
		return;
	p->s.priority[source] = priority;
	for (unsigned i = 0; i < PLIC_PRIORITIES; i++)
		set_put(&p->s.above[i], source, priority > i);
	if (set_has(&p->s.pending, source))
		plic_update_irq(p, source);
}

static void plic_write_enable(struct plic *p, u64 off, u32 value)
{
	u64 context = off / PLIC_ENABLE_STRIDE;
	u64 reg = off % PLIC_ENABLE_STRIDE / 4;
	u64 changed;

	if (context >= p->contexts || reg >= PLIC_REGS)
		return;
	if (reg == 0)
		value &= ~1u; /* source 0 does not exist */
	changed = value ^ set_read(&p->s.enable[context], reg);
	p->s.enable[context].bits[reg / 2] ^= changed << (reg % 2 * 32);
	for (; changed; changed &= changed - 1)
		p->s.listeners[reg * 32 + bits_lowest(changed)] ^= BIT(context);
	plic_update_context(p, (unsigned)context);
}

static void plic_write_context(struct plic *p, u64 off, u32 value)
{
	u64 context = off / PLIC_CONTEXT_STRIDE;

	if (context >= p->contexts)
		return;
	switch (off % PLIC_CONTEXT_STRIDE) {
	case PLIC_CLAIM:
		plic_complete(p, (unsigned)context, value);
		break;
	case PLIC_THRESHOLD:
		p->s.threshold[context] = value % PLIC_PRIORITIES;
		plic_update_context(p, (unsigned)context);
		break;
	default:
		break;
	}
}

/* Priorities and thresholds are WARL: the bits that exist are kept. */
static void plic_write(struct dev *d, u64 off, unsigned size unused, u64 value)
{
	struct plic *p = container_of(d, struct plic, dev);

	if (off >= PLIC_CONTEXT)
		plic_write_context(p, off - PLIC_CONTEXT, (u32)value);
	else if (off >= PLIC_ENABLE)
		plic_write_enable(p, off - PLIC_ENABLE, (u32)value);
	else if (off < PLIC_PRIORITY + 4 * PLIC_SOURCES)
		plic_write_priority(p, (unsigned)(off / 4), value % PLIC_PRIORITIES);
}

/* Wires count as low until their device moves them: its own reset does. */
static void plic_reset(struct dev *d)
{
	struct plic *p = container_of(d, struct plic, dev);
	u64 raised = p->s.outputs;

	memset(&p->s, 0, sizeof(p->s));
	for (unsigned context = 1; context < p->contexts; context += 2)
		if (raised >> context & 1)
			p->output(p->arg, context / 2, false);
}

static int plic_describe(const struct dev *d, void *fdt)
{
	static const char *const compatible[] = { "sifive,plic-1.0.0", "riscv,plic0" };
	const u32 no_irq = ~0u, s_external = 9;
	const struct plic *p = container_of(d, const struct plic, dev);
	u32 contexts[2 * PLIC_CONTEXTS_MAX];

	for (unsigned i = 0; i < p->contexts; i++) {
		contexts[2 * i] = FDT_PHANDLE_CPU_INTC + i / 2;
		contexts[2 * i + 1] = i & 1 ? s_external : no_irq;
	}
	return fdt_begin_device(fdt, "plic", d) ?:
	       fdt_string_list(fdt, "compatible", compatible, ARRAY_SIZE(compatible)) ?:
	       fdt_property_u32(fdt, "phandle", FDT_PHANDLE_PLIC) ?:
	       fdt_property_u32(fdt, "#interrupt-cells", 1) ?:
	       fdt_property_u32(fdt, "#address-cells", 0) ?:
	       fdt_property(fdt, "interrupt-controller", NULL, 0) ?:
	       fdt_property_u32(fdt, "riscv,ndev", PLIC_SOURCES - 1) ?:
	       fdt_cells(fdt, "interrupts-extended", contexts, 2 * p->contexts) ?:
	       fdt_end_node(fdt);
}

static void plic_destroy(struct dev *d)
{
	struct plic *p = container_of(d, struct plic, dev);

	host_free(p, sizeof(*p), p->payer);
}

static const struct dev_ops plic_ops = {
	.name = "plic",
	.sizes = DEV_SIZE_4,
	.read = plic_read,
	.write = plic_write,
	.reset = plic_reset,
	.describe = plic_describe,
	.destroy = plic_destroy,
};

struct dev *plic_create(u64 base, unsigned harts,
			void (*output)(void *arg, unsigned hart, bool level), void *arg,
			struct host_account *payer)
{
	struct plic *p;

	host_assert(harts >= 1 && harts <= PLIC_HARTS_MAX);
	p = host_alloc(sizeof(*p), payer);
	if (!p)
		return NULL;
	p->dev = (struct dev){
		.ops = &plic_ops,
		.base = base,
		.size = PLIC_SIZE,
		.state = &p->s,
		.state_size = sizeof(p->s),
	};
	p->contexts = 2 * harts;
	p->output = output;
	p->arg = arg;
	p->payer = payer;
	return &p->dev;
}

static void plic_set_level(void *chip, unsigned source, bool level)
{
	struct plic *p = chip;

	lock_take(&p->dev.lock);
	set_put(&p->s.level, source, level);
	if (level)
		plic_gateway(p, source);
	lock_drop(&p->dev.lock);
}

struct irq_line plic_line(struct dev *d, unsigned source)
{
	host_assert(source > 0 && source < PLIC_SOURCES);
	return (struct irq_line){ .set = plic_set_level,
				  .chip = container_of(d, struct plic, dev),
				  .input = source };
}

struct irq_line plic_relay(struct dev *d, unsigned source,
			   void (*completed)(void *arg, unsigned source), void *arg)
{
	struct plic *p = container_of(d, struct plic, dev);

	p->completed = completed;
	p->completed_arg = arg;
	set_put(&p->relayed, source, true);
	return plic_line(d, source);
}
