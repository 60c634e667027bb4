/*
 * Consoles at both ends of a pipe and at a line, an entropy device and doorbells, against a hostile
 * driver: rings whose every word comes from the bytes, input, resets, and the I/O task at any
 * point. Whatever comes, work ends, locks are free, and nothing is touched or left that should
 * not be (the sanitizers see to it).
 */
#include <string.h>

#include "dev/shared.h"
#include "dev/virtio_console.h"
#include "dev/virtio_rng.h"
#include "engine/script/script_vm.h"
#include "host/fake/fake.h"
#include "io/pipe.h"
#include "vm/vm.h"

enum {
	CONSOLES = 3, VIRTIOS = 4, BELLS = 2, DEVICES = VIRTIOS + BELLS, QUEUES = 4, SIZE = 8,
	RINGS = 0x1000, DRIVER_AREA = 0x100, DEVICE_AREA = 0x200, RING_STRIDE = 0x400,
	DATA = 0x10000, RAM = 0x80000,
};

enum {
	REG_DRIVER_FEATURES = 0x20, REG_DRIVER_FEATURES_SEL = 0x24, REG_QUEUE_SEL = 0x30,
	REG_QUEUE_SIZE = 0x38, REG_QUEUE_READY = 0x44, REG_QUEUE_NOTIFY = 0x50, REG_STATUS = 0x70,
	REG_QUEUE_DESC = 0x80, REG_QUEUE_DRIVER = 0x90, REG_QUEUE_DEVICE = 0xa0, REG_QUEUE_RESET = 0xc0,
};

struct input {
	const u8 *data;
	size_t left;
};

static struct {
	struct vm *vm;
	struct dev *devices[DEVICES];
	struct virtio_device *virtios[VIRTIOS];
	struct pipe *pipe;
	struct char_backend line;
	u8 line_left; /* bytes that get() has to give */
	struct shared_region region;
	bool levels[DEVICES];
	u16 avail[VIRTIOS][QUEUES];
} m;

static u64 input_take(struct input *in, size_t size)
{
	u64 v = 0;

	size = min_u64(size, in->left);
	memcpy(&v, in->data, size);
	in->data += size;
	in->left -= size;
	return v;
}

static void line_put(struct char_backend *b unused, u8 byte unused) {}
static int line_get(struct char_backend *b unused) { return m.line_left ? m.line_left-- : -1; }
static const struct char_ops line_ops = { .put = line_put, .get = line_get };

static void fill(void *arg unused, void *buf, u64 size)
{
	host_assert(size && size <= 64 * KIB);
	memset(buf, 0x5a, size);
}

static void wire_set(void *chip unused, unsigned input, bool level)
{
	m.levels[input] = level;
}

static void device_add(unsigned n, struct dev *d)
{
	host_assert(d && bus_add(&m.vm->bus, d) == 0);
	m.devices[n] = d;
}

static void machine_build(void)
{
	memset(&m, 0, sizeof(m));
	m.vm = script_vm_open(1, RAM);
	host_assert(m.vm && vm_work_start(m.vm) == 0);
	m.pipe = pipe_create(NULL);
	m.line.ops = &line_ops;
	for (unsigned i = 0; i < VIRTIOS; i++) {
		struct irq_line irq = { wire_set, NULL, i };
		u64 base = 0x10001000 + i * VIRTIO_MMIO_SIZE;

		m.virtios[i] = i == CONSOLES ? virtio_rng_create(m.vm, base, irq, fill, NULL) :
			virtio_console_create(m.vm, base, irq, "fuzz",
					      i < 2 ? pipe_end(m.pipe, i) : &m.line);
		device_add(i, &m.virtios[i]->dev);
	}
	for (unsigned i = 0; i < BELLS; i++) {
		const struct shared_view view = { .id = 9 * i, .base = 1 << 30, .size = 4096 };
		struct irq_line irq = { wire_set, NULL, VIRTIOS + i };

		device_add(VIRTIOS + i, shared_create(0x20000000 + i * SHARED_DOORBELL_SIZE, irq,
						      &m.region, &view, &m.vm->account));
	}
}

static void machine_destroy(void)
{
	for (unsigned i = DEVICES; i-- > 0;) {
		host_assert(lock_try(&m.devices[i]->lock));
		lock_drop(&m.devices[i]->lock);
		m.devices[i]->ops->destroy(m.devices[i]);
	}
	vm_work_stop(m.vm);
	script_vm_close(m.vm);
	pipe_destroy(m.pipe, NULL);
	host_assert(!m.line.input_ready && !m.region.attached);
	host_assert(!fake_tasks() && fake_allocated() == 0);
}

static void out(unsigned device, u64 off, u32 value)
{
	u64 v = value;

	host_assert(bus_access(&m.vm->bus, m.virtios[device]->dev.base + off, 4, true, &v));
}

/* Where the rings of a queue lie, by default. */
static u64 ring_base(unsigned device, unsigned queue)
{
	return SCRIPT_RAM + RINGS + (device * QUEUES + queue) * RING_STRIDE;
}

static void ram_put(u64 gpa, const void *from, u64 size)
{
	guest_write(&m.vm->mem, gpa, from, size);
}

/* ---- What the driver does */

/* Brings a device up as a driver would, with these features. */
static void step_start(unsigned device, u32 features)
{
	static const u8 zero[RING_STRIDE];
	const u32 rings = features >> 3 & 3, packed = features >> 5 & 1, ring_reset = features >> 6 & 1;
	const u32 status = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK;

	out(device, REG_STATUS, 0);
	out(device, REG_DRIVER_FEATURES_SEL, 0);
	out(device, REG_DRIVER_FEATURES, (features & 7) | rings << VIRTIO_F_INDIRECT_DESC);
	out(device, REG_DRIVER_FEATURES_SEL, 1);
	out(device, REG_DRIVER_FEATURES, 1 | packed << 2 | ring_reset << 8);
	out(device, REG_STATUS, status);
	for (unsigned q = 0; q < QUEUES; q++) {
		u64 base = ring_base(device, q);

		ram_put(base, zero, sizeof(zero));
		m.avail[device][q] = 0;
		out(device, REG_QUEUE_SEL, q);
		out(device, REG_QUEUE_SIZE, SIZE);
		out(device, REG_QUEUE_DESC, (u32)base);
		out(device, REG_QUEUE_DRIVER, (u32)base + DRIVER_AREA);
		out(device, REG_QUEUE_DEVICE, (u32)base + DEVICE_AREA);
		out(device, REG_QUEUE_READY, 1);
	}
	out(device, REG_STATUS, status | VIRTIO_DRIVER_OK);
}

/* A descriptor of either format: their flags and ids come from the same bytes. */
static void step_descriptor(struct input *in, unsigned device, unsigned queue)
{
	u64 where = input_take(in, 1);
	struct {
		u64 addr;
		u32 len;
		u16 flags, next;
	} d = {
		.addr = SCRIPT_RAM + DATA + input_take(in, 2) * (where & 0x80 ? 64 : 1),
		.len = (u32)input_take(in, where & 0x40 ? 3 : 1),
		.flags = (u16)input_take(in, where & 0x20 ? 2 : 1),
		.next = (u16)input_take(in, where & 0x10 ? 2 : 1),
	};

	if (m.virtios[device]->features >> VIRTIO_F_RING_PACKED & 1) {
		u16 swap = d.flags;

		d.flags = d.next % SIZE;
		d.next = swap;
	}
	ram_put(ring_base(device, queue) + where % SIZE * 16, &d, sizeof(d));
}

static void step_avail(struct input *in, unsigned device, unsigned queue)
{
	u16 head = (u16)input_take(in, 1);
	u64 ring = ring_base(device, queue) + DRIVER_AREA;
	u16 *avail = &m.avail[device][queue];

	ram_put(ring + 4 + 2ul * (*avail % SIZE), &head, sizeof(head));
	*avail = (u16)(*avail + 1 + (head & 0x80 ? head : 0));
	ram_put(ring + 2, avail, sizeof(*avail));
	out(device, REG_QUEUE_NOTIFY, queue);
}

/* Control messages, tables, and whatever else is in the way. */
static void step_ram(struct input *in)
{
	u64 where = input_take(in, 2), value = input_take(in, 8);

	where = where & 0x8000 ? RINGS + where % 0x4000 : DATA + where;
	ram_put(SCRIPT_RAM + where, &value, sizeof(value));
}

static void step_access(struct input *in, bool write)
{
	u64 where = input_take(in, 1);
	u64 off = input_take(in, where & 0x80 ? 2 : 1);
	unsigned size = 1u << (where >> 5 & 3);
	u64 value = write ? input_take(in, size) : 0;

	bus_access(&m.vm->bus, m.devices[where % DEVICES]->base + off * (where & 0x10 ? size : 1), size,
		   write, &value);
}

static void step_other(struct input *in, u64 kind)
{
	unsigned device = (unsigned)(kind % VIRTIOS);

	switch (kind / VIRTIOS % 8) {
	case 0:
		m.line_left = (u8)input_take(in, 1);
		char_notify(&m.line);
		break;
	case 1:
		if (device < CONSOLES)
			virtio_console_resize(m.virtios[device], (u16)input_take(in, 1), 25);
		break;
	case 2:
		out(device, REG_STATUS, 0);
		break;
	case 3:
		out(device, REG_QUEUE_SEL, (u32)input_take(in, 1) % QUEUES);
		out(device, REG_QUEUE_RESET, 1);
		break;
	case 4:
		bus_reset(&m.vm->bus);
		break;
	default:
		fake_run();
		break;
	}
}

static void step(struct input *in)
{
	u64 kind = input_take(in, 1);
	unsigned device = (unsigned)(kind % VIRTIOS), queue = (unsigned)(kind / VIRTIOS % QUEUES);

	if (kind < 0x40)
		step_descriptor(in, device, queue);
	else if (kind < 0x90)
		step_avail(in, device, queue);
	else if (kind < 0xa8)
		step_ram(in);
	else if (kind < 0xc0)
		step_access(in, kind & 4);
	else if (kind < 0xd0)
		step_start(device, (u32)input_take(in, 1));
	else
		step_other(in, kind - 0xd0);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };

	fake_reset();
	machine_build();
	for (unsigned i = 0; i < VIRTIOS; i++)
		step_start(i, (u32)input_take(&in, 1));
	while (in.left)
		step(&in);
	fake_run();
	machine_destroy();
	return 0;
}
