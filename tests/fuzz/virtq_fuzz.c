/*
 * Virtqueues of both formats against a hostile guest, whose whole memory is the input: a small RAM
 * that holds rings, tables and buffers, and is written to between any two words that the device
 * loads. The device takes, reads, writes, gives back late or twice around a reset, as the bytes say.
 * Whatever comes, nothing outside of RAM is touched (RAM is allocated apart, the sanitizers see to
 * it), each call ends, and no chain is lost.
 */
#include <string.h>

#include "dev/virtq_word.h"

static void guest_races(void);

/* The guest is faster than the device: it writes before each word that is loaded. */
#define word_load16(p) (guest_races(), word_load16(p))
#define word_load32(p) (guest_races(), word_load32(p))
#define word_load64(p) (guest_races(), word_load64(p))

/* Here for these words, not from the library. */
#include "dev/virtq.c"
#include "dev/virtq_packed.c"
#include "dev/virtq_split.c"

#include "dev/virtio_mmio.h"
#include "engine/script/script_vm.h"
#include "host/fake/fake.h"

#define BASE 0x10001000ul
#define PIECE 4096ul /* of RAM in the host */

enum { PIECES = 4, HELD = 12, SEGMENTS = 80 };

static struct {
	const u8 *data;
	size_t left;
	struct virtio_device device;
	struct engine_ops engine; /* one that hears of what is written */
	struct virtq_chain held[HELD];
	struct virtq *from[HELD];
	unsigned count;
	bool racing;
	bool level;
} m;

static u64 take(size_t size)
{
	u64 v = 0;

	size = min_u64(size, m.left);
	memcpy(&v, m.data, size);
	m.data += size;
	m.left -= size;
	return v;
}

/* A few bytes of RAM become others. */
static void guest_scribbles(void)
{
	u64 at = take(2) % (PIECES * PIECE), size = 1 + take(1) % 32;
	u8 bytes[32];

	for (unsigned i = 0; i < size; i++)
		bytes[i] = (u8)take(1);
	guest_write(&m.device.vm->mem, SCRIPT_RAM + at, bytes, size);
}

static void guest_races(void)
{
	if (!m.racing || !m.left || take(1) >= 0x20)
		return;
	guest_scribbles();
}

static void engine_wrote(struct vm *vm, u64 gpa, u64 size)
{
	host_assert(guest_mem_contains(&vm->mem, gpa, size));
}

static void device_notify(struct virtio_device *d unused, unsigned queue unused) {}
static void wire_set(void *chip unused, unsigned input unused, bool level) { m.level = level; }
static const struct virtio_ops ops = { .name = "fuzz", .id = VIRTIO_ID_NET, .notify = device_notify };

static void reg_out(u64 off, u64 value)
{
	m.device.dev.ops->write(&m.device.dev, off, 4, (u32)value);
}

static u32 reg_in(u64 off)
{
	return (u32)m.device.dev.ops->read(&m.device.dev, off, 4);
}

/* ---- The driver's side */

static void driver_start(u64 features)
{
	reg_out(0x70, 0);
	reg_out(0x70, 3);
	reg_out(0x24, 1);
	/* Packed or not, with VERSION_1 and RING_RESET. */
	reg_out(0x20, 0x101 | (features & 1 ? 4 : 0));
	reg_out(0x24, 0);
	reg_out(0x20, (features & 2 ? 1u << 28 : 0) | (features & 4 ? 1u << 29 : 0));
	reg_out(0x70, 11);
}

/* Somewhere in RAM, or near it; aligned most of the time. */
static u64 address_take(void)
{
	u64 v = take(2);

	return SCRIPT_RAM + (v & 1 ? v : align_down(v, 16)) % (PIECES * PIECE + 64);
}

static void driver_queue(unsigned index)
{
	static const u8 regs[] = { 0x80, 0x90, 0xa0 };

	reg_out(0x30, index);
	reg_out(0x38, take(1) & 1 ? take(2) : 1ul << take(1) % 9);
	for (unsigned i = 0; i < ARRAY_SIZE(regs); i++) {
		u64 gpa = address_take();

		reg_out(regs[i], gpa);
		reg_out(regs[i] + 4ul, gpa >> 32);
	}
	reg_out(0x44, 1);
	reg_out(0x70, 15);
}

/* A descriptor that makes sense more often than random bytes. */
static void driver_desc(const struct virtq *q)
{
	u64 kind = take(1), flags = take(1) & 7, gpa;
	struct { u64 addr; u32 len; u16 third, fourth; } d;

	d.addr = address_take();
	d.len = (u32)take(kind & 8 ? 4 : 1) * (kind & 16 ? 16 : 1);
	if (q->packed)
		flags |= kind & 2 ? DESC_AVAIL : DESC_USED;
	d.third = (u16)(q->packed ? take(1) : flags);
	d.fourth = (u16)(q->packed ? flags : take(1) & 15);
	gpa = kind & 1 ? address_take() : q->desc + (kind >> 4) * DESC_SIZE;
	guest_write(&m.device.vm->mem, gpa, &d, sizeof(d));
}

/* Descriptor @i in a ring or a table, as the rules have it. */
static void put_desc(const struct virtq *q, u64 table, u64 i, u64 flags, bool last)
{
	struct { u64 addr; u32 len; u16 third, fourth; } d = { .addr = address_take() };

	if (!last)
		flags |= DESC_NEXT;
	d.len = (u32)take(1);
	d.third = (u16)(q->packed ? take(1) & 7 : flags);
	d.fourth = (u16)(q->packed ? flags : i + 1);
	guest_write(&m.device.vm->mem, table + i * DESC_SIZE, &d, sizeof(d));
}

/* A chain that keeps the rules, but for where things are. */
static void driver_chain(struct virtq *q)
{
	u64 kind = take(1), n = 1 + kind % 6, readable = take(1) % 8, gpa, head = 0;
	bool table = kind & 0x80;
	u64 avail = !q->packed ? 0 : q->wrap_avail ? DESC_AVAIL : DESC_USED;
	struct { u64 addr; u32 len; u16 third, fourth; } d = { .len = (u32)(n * DESC_SIZE) };
	u16 index = (u16)(q->next_avail + 1);

	if (!q->size)
		return;
	if (q->packed)
		head = q->next_avail;
	gpa = table ? address_take() : q->desc + head * DESC_SIZE;
	for (u64 i = 0; i < n; i++)
		put_desc(q, gpa, i, (i >= readable ? DESC_WRITE : 0) | (table ? 0 : avail), i + 1 == n);
	d.addr = gpa;
	d.third = (u16)(q->packed ? 0 : DESC_INDIRECT);
	d.fourth = (u16)(q->packed ? DESC_INDIRECT | avail : 0);
	if (table)
		guest_write(&m.device.vm->mem, q->desc + head * DESC_SIZE, &d, sizeof(d));
	if (q->packed)
		return;
	head = 0;
	guest_write(&m.device.vm->mem, q->driver + 4 + 2 * (q->next_avail & (q->size - 1u)), &head, 2);
	guest_write(&m.device.vm->mem, q->driver + 2, &index, 2);
}

/* A split ring's index moves on. */
static void driver_show(const struct virtq *q)
{
	u16 index = (u16)(q->next_avail + take(1) % 8);

	guest_write(&m.device.vm->mem, q->driver + 2, &index, sizeof(index));
}

/* ---- The device's */

static void device_take(struct virtq *q)
{
	u64 in_flight = q->in_flight;
	struct virtq_chain *chain = &m.held[m.count];
	enum virtq_taken taken;
	u64 total[2] = { 0 };

	if (m.count == HELD)
		return;
	taken = virtq_take(q, chain);
	host_assert(q->in_flight == in_flight + (taken == VIRTQ_TAKEN));
	host_assert(taken != VIRTQ_BROKEN || reg_in(0x70) & VIRTIO_NEEDS_RESET);
	if (taken != VIRTQ_TAKEN)
		return;
	host_assert(q->in_flight <= q->size);
	host_assert(chain->readable + chain->writable <= VIRTQ_SEGMENTS_MAX);
	for (unsigned i = 0; i < chain->readable + chain->writable; i++) {
		const struct virtq_segment *s = &chain->segments[i];

		host_assert(guest_mem_contains(&m.device.vm->mem, s->gpa, s->host.size));
		total[i >= chain->readable] += s->host.size;
	}
	host_assert(total[0] == chain->readable_size && total[1] == chain->writable_size);
	m.from[m.count++] = q;
}

static void device_give(bool untake)
{
	unsigned which = untake ? m.count - 1 : (unsigned)take(1);
	u32 written = (u32)take(2);

	if (!m.count)
		return;
	which %= m.count;
	if (untake && m.from[which]->given == 0 && m.held[which].epoch == m.from[which]->epoch)
		virtq_untake(m.from[which], &m.held[which]);
	else
		virtq_give(m.from[which], &m.held[which], written);
	m.count--;
	m.held[which] = m.held[m.count];
	m.from[which] = m.from[m.count];
}

static void device_copy(void)
{
	struct io_segment segments[SEGMENTS];
	u8 bytes[300];
	u64 offset = take(2), size = take(1);
	unsigned which = (unsigned)take(1);
	bool writable = size & 1;
	int n;

	if (!m.count)
		return;
	which %= m.count;
	if (writable) {
		memset(bytes, (int)offset, sizeof(bytes));
		host_assert(virtq_write(m.from[which], &m.held[which], offset, bytes, size) <= size);
	} else {
		host_assert(virtq_read(&m.held[which], offset, bytes, size) <= size);
	}
	n = virtq_map(&m.held[which], writable, offset, size, segments, (unsigned)take(1) % SEGMENTS);
	for (int i = 0; i < n; i++) {
		host_assert(segments[i].size <= size);
		size -= segments[i].size;
	}
	host_assert(n < 0 || size == 0);
	virtq_wrote(m.from[which], &m.held[which], offset, size);
}

/* ---- One after the other */

static void step_driver(u64 kind, struct virtq *q)
{
	switch (kind) {
	case 0:
		driver_start(take(1));
		break;
	case 1:
	case 2:
		driver_queue(q->index);
		break;
	case 3:
		reg_out(0x30, q->index);
		reg_out(take(1) & 1 ? 0xc0 : 0x44, take(1) & 1);
		break;
	case 4:
		guest_scribbles();
		break;
	case 5:
		if (take(1) < 0x10)
			reg_out(take(1) * 4, take(4));
		else
			driver_chain(q);
		break;
	case 6:
		driver_show(q);
		break;
	default:
		driver_desc(q);
		break;
	}
}

static void step(void)
{
	u64 kind = take(1);
	struct virtq *q = &m.device.queues[kind >> 7];

	switch (kind & 15) {
	case 8:
	case 9:
	case 10:
		device_take(q);
		break;
	case 11:
		device_give(kind & 16);
		break;
	case 12:
		virtq_publish(q);
		break;
	case 13:
		virtq_notifications(q, kind & 16);
		break;
	case 14:
		device_copy();
		break;
	case 15:
		m.racing = kind & 16;
		break;
	default:
		step_driver(kind & 15, q);
		break;
	}
	host_assert(m.level == !!reg_in(0x60));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct vm *vm;
	u64 options;

	memset(&m, 0, sizeof(m));
	m.engine = script_engine;
	m.engine.wrote = engine_wrote;
	m.data = data;
	m.left = size;
	fake_reset();
	options = take(1);
	fake_ram_set(MIB, options & 1 ? PIECE : 0);
	vm = script_vm_open(1, PIECES * PIECE);
	if (options & 2)
		vm->engine = &m.engine;
	virtio_init(&m.device, vm, &ops, BASE, (struct irq_line){ wire_set, NULL, 1 }, 0, 2, 0);
	driver_start(take(1));
	driver_queue(0);
	while (m.left)
		step();
	/* Whatever happened: when all have come back, a reset is complete. */
	m.racing = false;
	reg_out(0x70, 0);
	while (m.count)
		device_give(false);
	host_assert(reg_in(0x70) == 0 && !m.level);
	host_assert(!m.device.queues[0].in_flight && !m.device.queues[1].in_flight);
	virtio_quiesce(&m.device);
	vm->engine = &script_engine;
	script_vm_close(vm);
	host_assert(fake_allocated() == 0);
	return 0;
}
