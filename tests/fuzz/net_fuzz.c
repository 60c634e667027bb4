/*
 * The network card against a hostile driver and a hostile network: chains of any shape in all
 * queues, rings written at random, commands, resets at any point; frames of any kind from a peer
 * that receives now and then. In the end nothing is left.
 */
#include <string.h>

#include "dev/virtio_net.h"
#include "engine/script/script_vm.h"
#include "host/fake/fake.h"
#include "io/net_copy.h"
#include "vm/vm.h"

#define BASE 0x10001000ul
#define RAM MIB

enum { PAIRS = 2, QUEUES = 2 * PAIRS + 1, ENTRIES = 16, QUEUE_BYTES = 4096 };
enum { DESC = 0, DRIVER = 1024, DEVICE = 2048, TABLES = 64 * KIB, FRAMES = 128 * KIB };
enum { STATUS = 0x70, SEL = 0x30, SIZE = 0x38, READY = 0x44, NOTIFY = 0x50, ACK = 0x64,
       QUEUE_DESC = 0x80, QUEUE_DRIVER = 0x90, QUEUE_DEVICE = 0xa0, QUEUE_RESET = 0xc0 };

struct input {
	const u8 *data;
	size_t left;
};

static struct vm *vm;
static struct net_switch *sw;
static struct net_port *port, *peer;
static struct virtio_device *d;
static u16 added[QUEUES]; /* chains made available since the driver started */
static u8 memory[NET_FRAME_MAX];

static u64 take(struct input *in, size_t size)
{
	u64 v = 0;

	size = min_u64(size, in->left);
	memcpy(&v, in->data, size);
	in->data += size;
	in->left -= size;
	return v;
}

static void put(u64 gpa, u64 v, u64 size) { guest_write(&vm->mem, gpa, &v, size); }

static u64 reg_access(u64 off, unsigned size, bool write, u64 value)
{
	struct bus bus = { 0 };

	host_assert(bus_add(&bus, &d->dev) == 0);
	bus_access(&bus, BASE + off, size, write, &value);
	return value;
}

static void reg(u64 off, u64 value) { reg_access(off, 4, true, value); }

static u64 queue_page(unsigned q) { return SCRIPT_RAM + q * QUEUE_BYTES; }

/* As a good driver does it; the format and the features are the input's. */
static void driver_start(u64 features)
{
	reg(STATUS, 0);
	reg(STATUS, 3);
	for (unsigned half = 0; half < 2; half++) {
		reg(0x14, half);
		reg(0x24, half);
		reg(0x20, (reg_access(0x10, 4, false, 0) & (features >> 32 * half)) | half);
	}
	reg(STATUS, 11);
	for (unsigned q = 0; q < QUEUES; q++) {
		for (u64 i = 0; i < QUEUE_BYTES; i += 8)
			put(queue_page(q) + i, 0, 8);
		reg(SEL, q);
		reg(SIZE, ENTRIES);
		reg(QUEUE_DESC, queue_page(q) + DESC);
		reg(QUEUE_DRIVER, queue_page(q) + DRIVER);
		reg(QUEUE_DEVICE, queue_page(q) + DEVICE);
		reg(READY, 1);
		added[q] = 0;
	}
	reg(STATUS, 15);
}

static void desc_put(u64 gpa, u64 addr, u64 len, unsigned flags, unsigned i, bool packed)
{
	put(gpa, addr, 8);
	put(gpa + 8, len, 4);
	put(gpa + 12, packed ? i : flags, 2);
	put(gpa + 14, packed ? flags : i + 1, 2);
}

/* Up to eight buffers in an indirect table; all writable, or the last, or none. */
static u64 table_put(struct input *in, unsigned q, unsigned slot, bool packed, unsigned *count)
{
	u64 table = SCRIPT_RAM + TABLES + (q * ENTRIES + slot) * 256, shape = take(in, 1);
	unsigned n;

	*count = 1 + (shape & 7);
	for (n = 0; n < *count; n++) {
		u64 where = take(in, 2);
		unsigned last = n + 1 == *count;
		bool writable = shape & 8 ? last : !(q & 1) && q + 1 < QUEUES;

		desc_put(table + 16 * n, SCRIPT_RAM + FRAMES + (where & 0xff) * 1021,
			 shape & 0x10 ? where >> 8 : (where >> 8) * 257,
			 (packed || last ? 0 : 1) | (writable ? 2 : 0), n, packed);
	}
	return table;
}

static void step_chain(struct input *in, unsigned q)
{
	unsigned slot = added[q] % ENTRIES, n;
	bool packed = virtio_has(d, VIRTIO_F_RING_PACKED);
	u64 table = table_put(in, q, slot, packed, &n), at = queue_page(q) + DESC + slot * 16;

	if (packed) {
		bool wrap = !(added[q] / ENTRIES & 1);

		desc_put(at, table, n * 16, 4 | (wrap ? 1u << 7 : 1u << 15), slot, true);
	} else {
		desc_put(at, table, n * 16, 4, slot, false);
		put(queue_page(q) + DRIVER + 4 + slot * 2, slot, 2);
		put(queue_page(q) + DRIVER + 2, added[q] + 1ul, 2);
	}
	added[q]++;
	reg(NOTIFY, q);
}

/* A header of virtio's and one of TCP where a chain may begin. */
static void step_frame(struct input *in)
{
	u64 kind = take(in, 1), gpa = SCRIPT_RAM + FRAMES + (kind >> 4) * 1021;
	u8 head[12 + 14 + 40] = { 1, (u8)(kind & 1), 54, 0, 0xa8, 5, 34, 0, 16, 0, 0, 0,
				  2, 0, 0, 0, 0, kind & 2 ? 1 : 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45 };

	head[12 + 23] = 6;
	head[12 + 46] = 0x50;
	for (u64 n = kind >> 2 & 3; n; n--)
		head[take(in, 1) % sizeof(head)] = (u8)take(in, 1);
	guest_write(&vm->mem, gpa, head, sizeof(head));
}

static void step_peer(struct input *in)
{
	u64 kind = take(in, 2);
	struct net_offload o = { 0 };
	struct io_segment segment = { .va = memory, .size = 14 + (kind >> 8) * (kind & 1 ? 256 : 8) };
	const u8 head[] = { 2, 0, 0, 0, 0, (u8)(kind >> 1 & 3), 2, 0, 0, 0, 0, 2, 8, 0, 0x45 };

	memcpy(memory, head, sizeof(head));
	memory[23] = 6;
	memory[35] = (u8)(kind >> 3);
	memory[46] = 0x50;
	if (kind & 0x80)
		o = (struct net_offload){ 1, kind & 0x40 ? 1 : 0, 54, 1000, 34, 16 };
	net_send(peer, &o, &segment, 1);
}

/* Classes, commands and data where the control queue's chains may begin. */
static void step_command(struct input *in)
{
	put(SCRIPT_RAM + FRAMES + take(in, 1) % 4 * 1021, take(in, 8), 8);
}

static void step_any(struct input *in, unsigned kind)
{
	struct net_offload offload;
	u64 where = take(in, 2);

	switch (kind % 6) {
	case 0:
		reg_access(where & 0x1ff, 1u << (where >> 12 & 3), where & 0x200, take(in, 4));
		break;
	case 1:
		put(SCRIPT_RAM + where, take(in, 2), 2);
		break;
	case 2:
		driver_start(~take(in, 8));
		break;
	case 3:
		reg(SEL, where % QUEUES);
		reg(QUEUE_RESET, 1);
		break;
	case 4:
		virtio_net_set_link(d, where & 1);
		break;
	default:
		reg(ACK, 3);
		for (u64 n = where & 63; n && net_peek(peer, &offload); n--)
			net_drop(peer);
		break;
	}
}

static void step(struct input *in)
{
	unsigned kind = (unsigned)take(in, 1);

	switch (kind % 16) {
	case 0:
	case 1:
		step_any(in, kind / 16);
		break;
	case 2:
		fake_run();
		break;
	case 3:
		host_sleep(host_time() + 20000ul * (kind / 16));
		break;
	case 4:
		step_command(in);
		break;
	case 5:
	case 6:
		step_frame(in);
		break;
	case 7:
	case 8:
	case 9:
		step_peer(in);
		break;
	default:
		step_chain(in, kind / 16 % QUEUES);
		break;
	}
}

static void nothing(void *owner unused) {}
static const struct net_port_ops ops = { .received = nothing, .may_send = nothing };

static struct net_port *port_open(void)
{
	struct net_port *p = net_port_create(sw, &(struct net_port_config){ 0 }, NET_BUFFER_MIN, NULL);

	host_assert(p);
	return p;
}

static void open(u64 kind)
{
	const struct virtio_net_config config = { .mac = { 2, 0, 0, 0, 0, 1 }, .pairs = PAIRS, .packed = true };

	fake_reset();
	net_copy_host.misaligned = kind & 2;
	vm = script_vm_open(1, RAM);
	host_assert(vm && vm_work_start(vm) == 0);
	sw = net_switch_create("fuzz");
	port = port_open();
	peer = port_open();
	net_port_attach(peer, &ops, NULL);
	net_port_set(peer, true, kind & 1 ? 15 : 0);
	d = virtio_net_create(vm, BASE, (struct irq_line){ 0 }, &config, port);
	host_assert(d);
	driver_start(kind & 16 ? ~0ul & ~BIT(VIRTIO_F_RING_PACKED) : ~0ul);
}

static void close(void)
{
	virtio_quiesce(d);
	host_assert(!d->status);
	d->dev.ops->destroy(&d->dev);
	vm_work_stop(vm);
	script_vm_close(vm);
	net_port_destroy(port, NULL);
	net_port_destroy(peer, NULL);
	net_switch_destroy(sw);
	host_assert(fake_allocated() == 0);
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size);
int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	struct input in = { bytes, min_u64(size, 4096) };

	open(take(&in, 1));
	while (in.left)
		step(&in);
	close();
	return 0;
}
