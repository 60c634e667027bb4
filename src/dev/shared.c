/*
 * The doorbell of shared memory, of our own design. Registers of 64 bits, little-endian; a half
 * may be accessed alone. A member has a bit for each of its peers, so that one who rings for ever
 * causes no more than one who rang once: nothing is counted or queued.
 */
#include "dev/shared.h"

#include <libfdt.h>
#include <stdio.h>

#include "vm/fdt.h"

enum shared_reg {
	SHARED_ID = 0x00,      /* which member this VM is */
	SHARED_PEERS = 0x08,   /* bit n: member n is there; with this VM's own bit */
	SHARED_RING = 0x10,    /* write n: interrupt member n, if it is there; ~0: all others */
	SHARED_PENDING = 0x18, /* bit n: member n has rung; what is read is cleared */
	SHARED_MASK = 0x20,    /* bit n: member n does not interrupt; its ring pends */
};

/* Guarded by the member's lock. */
struct shared_state {
	u64 pending, mask;
	bool level; /* of the interrupt wire */
};

struct shared_doorbell {
	struct dev dev;
	struct shared_region *region;
	struct shared_member *member;
	struct shared_view view;
	struct host_account *payer;
	struct shared_state s;
};

/* With the member's lock, so that the wire follows the last change. */
static void shared_update_irq(struct shared_doorbell *b)
{
	bool level = b->s.pending & ~b->s.mask;

	if (level == b->s.level)
		return;
	b->s.level = level;
	irq_set(&b->dev.irq, level);
}

/* In the ringing VM's task; of the other one only common memory is touched. */
static void shared_ring_member(struct shared_doorbell *from, u64 n)
{
	struct shared_member *m = &from->region->members[n];

	lock_take(&m->lock);
	if (m->doorbell) {
		m->doorbell->s.pending |= BIT(from->view.id);
		shared_update_irq(m->doorbell);
	}
	lock_drop(&m->lock);
}

static u64 shared_peers(const struct shared_doorbell *b)
{
	return __atomic_load_n(&b->region->attached, __ATOMIC_ACQUIRE);
}

static void shared_ring(struct shared_doorbell *b, u64 who)
{
	u64 others = shared_peers(b) & ~BIT(b->view.id);

	if (who < SHARED_MEMBERS_MAX) {
		shared_ring_member(b, who);
		return;
	}
	if (who != ~0ul)
		return;
	for (; others; others &= others - 1)
		shared_ring_member(b, (u64)__builtin_ctzl(others));
}

static u64 shared_take_pending(struct shared_doorbell *b, u64 bits)
{
	u64 pending;

	lock_take(&b->member->lock);
	pending = b->s.pending;
	b->s.pending &= ~bits;
	shared_update_irq(b);
	lock_drop(&b->member->lock);
	return pending;
}

static void shared_set_mask(struct shared_doorbell *b, u64 bits, u64 value)
{
	lock_take(&b->member->lock);
	b->s.mask = (b->s.mask & ~bits) | (value & bits);
	shared_update_irq(b);
	lock_drop(&b->member->lock);
}

/* The bits of a register that an access means, where they stand in it. */
static u64 shared_bits(u64 off, unsigned size)
{
	return size == 8 ? ~0ul : MASK(31, 0) << (off % 8 * 8);
}

static u64 shared_read(struct dev *d, u64 off, unsigned size)
{
	struct shared_doorbell *b = container_of(d, struct shared_doorbell, dev);
	u64 bits = shared_bits(off, size), value = 0;

	switch (align_down(off, 8)) {
	case SHARED_ID:
		value = b->view.id;
		break;
	case SHARED_PEERS:
		value = shared_peers(b);
		break;
	case SHARED_PENDING:
		value = shared_take_pending(b, bits);
		break;
	case SHARED_MASK:
		value = b->s.mask;
		break;
	default:
		break;
	}
	return (value & bits) >> (off % 8 * 8);
}

/* A number of 32 bits rings as one of 64 does; the high half alone means nothing. */
static void shared_write_ring(struct shared_doorbell *b, u64 off, unsigned size, u64 value)
{
	if (size == 4 && (u32)value == ~0u)
		value = ~0ul;
	if (off == SHARED_RING)
		shared_ring(b, value);
}

static void shared_write(struct dev *d, u64 off, unsigned size, u64 value)
{
	struct shared_doorbell *b = container_of(d, struct shared_doorbell, dev);

	switch (align_down(off, 8)) {
	case SHARED_RING:
		shared_write_ring(b, off, size, value);
		break;
	case SHARED_MASK:
		shared_set_mask(b, shared_bits(off, size), value << (off % 8 * 8));
		break;
	default:
		break;
	}
}

static void shared_reset(struct dev *d)
{
	struct shared_doorbell *b = container_of(d, struct shared_doorbell, dev);

	lock_take(&b->member->lock);
	b->s = (struct shared_state){ 0 };
	irq_set(&d->irq, false);
	lock_drop(&b->member->lock);
}

static int shared_regs(const struct shared_doorbell *b, void *fdt)
{
	const u64 pairs[] = { b->dev.base, b->dev.size, b->view.base, b->view.size };
	u32 cells[2 * ARRAY_SIZE(pairs)];

	for (unsigned i = 0; i < ARRAY_SIZE(pairs); i++) {
		cells[2 * i] = (u32)(pairs[i] >> 32);
		cells[2 * i + 1] = (u32)pairs[i];
	}
	return fdt_cells(fdt, "reg", cells, ARRAY_SIZE(cells));
}

/* Linux' UIO driver takes the node where it is loaded with of_id=generic-uio. */
static int shared_describe(const struct dev *d, void *fdt)
{
	static const char *const compatible[] = { "bulkhead,shared", "generic-uio" };
	const struct shared_doorbell *b = container_of(d, const struct shared_doorbell, dev);
	char node[32];
	int err;

	snprintf(node, sizeof(node), "shared@%lx", d->base);
	err = fdt_begin_node(fdt, node) ?: shared_regs(b, fdt) ?:
	      fdt_string_list(fdt, "compatible", compatible, ARRAY_SIZE(compatible));
	if (b->region->name)
		err = err ?: fdt_text(fdt, "linux,uio-name", b->region->name);
	if (b->view.read_only)
		err = err ?: fdt_property(fdt, "read-only", NULL, 0);
	return err ?: fdt_interrupt(fdt, d) ?: fdt_end_node(fdt);
}

/* From here on nobody else rings at it. */
static void shared_detach(struct shared_doorbell *b)
{
	__atomic_fetch_and(&b->region->attached, ~BIT(b->view.id), __ATOMIC_ACQ_REL);
	lock_take(&b->member->lock);
	b->member->doorbell = NULL;
	lock_drop(&b->member->lock);
}

/* False when the member is there already. */
static bool shared_attach(struct shared_doorbell *b)
{
	bool free;

	lock_take(&b->member->lock);
	free = !b->member->doorbell;
	if (free)
		b->member->doorbell = b;
	lock_drop(&b->member->lock);
	if (free)
		__atomic_fetch_or(&b->region->attached, BIT(b->view.id), __ATOMIC_ACQ_REL);
	return free;
}

static void shared_destroy(struct dev *d)
{
	struct shared_doorbell *b = container_of(d, struct shared_doorbell, dev);

	shared_detach(b);
	host_free(b, sizeof(*b), b->payer);
}

static const struct dev_ops shared_ops = {
	.name = "shared",
	.sizes = DEV_SIZE_4 | DEV_SIZE_8,
	.read = shared_read,
	.write = shared_write,
	.reset = shared_reset,
	.describe = shared_describe,
	.destroy = shared_destroy,
};

struct dev *shared_create(u64 base, struct irq_line irq, struct shared_region *region,
			  const struct shared_view *view, struct host_account *payer)
{
	struct shared_doorbell *b = host_alloc(sizeof(*b), payer);

	host_assert(view->id < SHARED_MEMBERS_MAX);
	if (!b)
		return NULL;
	b->dev = (struct dev){
		.ops = &shared_ops,
		.base = base,
		.size = SHARED_DOORBELL_SIZE,
		.irq = irq,
		.state = &b->s,
		.state_size = sizeof(b->s),
	};
	b->region = region;
	b->member = &region->members[view->id];
	b->view = *view;
	b->payer = payer;
	if (shared_attach(b))
		return &b->dev;
	host_free(b, sizeof(*b), payer);
	return NULL;
}
