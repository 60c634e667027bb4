/*
 * The disk device against a hostile driver and a slow disk: requests of any shape, rings
 * written at random, resets at any point; a disk that answers at once, late, in any order,
 * with errors, or has no room. Whatever comes, the disk sees only requests that lie within
 * it, and in the end nothing is left.
 */
#include <string.h>

#include "dev/virtio_blk.h"
#include "engine/script/script_vm.h"
#include "host/fake/fake.h"
#include "io/block_test.h"
#include "vm/work.h"

#define BASE 0x10001000ul
#define RAM (256 * KIB)
#define DISK MIB

enum { QUEUES = 2, ENTRIES = 16, QUEUE_BYTES = 4096 };
enum { DESC = 0, DRIVER = 1024, DEVICE = 2048, HEADERS = 3072 }; /* of a queue's page */
enum { STATUS = 0x70, SEL = 0x30, SIZE = 0x38, READY = 0x44, NOTIFY = 0x50, ACK = 0x64,
       QUEUE_DESC = 0x80, QUEUE_DRIVER = 0x90, QUEUE_DEVICE = 0xa0, QUEUE_RESET = 0xc0 };

struct input {
	const u8 *data;
	size_t left;
};

static u8 data[DISK];
static struct test_disk disk;
static struct vm *vm;
static struct virtio_device *d;
static u16 added[QUEUES]; /* chains made available since the driver started */

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

/* As a good driver does it; the format is the input's. */
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

/* A request in an indirect table: a header, up to 15 buffers, a status. */
static u64 table_put(struct input *in, unsigned q, unsigned slot, bool packed, unsigned *count)
{
	static const u8 types[] = { 11, 13, 8, 4, 1, 0 };
	u64 table = SCRIPT_RAM + 16 * KIB + (q * ENTRIES + slot) * 1024;
	u64 header = queue_page(q) + HEADERS + slot * 32, shape = take(in, 1), type = take(in, 1);
	unsigned n = 0, buffers = shape & 15, next = packed ? 0 : 1;

	put(header, type < ARRAY_SIZE(types) ? types[type] : type / 16, 4);
	put(header + 8, shape & 0x10 ? take(in, 8) : take(in, 2), 8);
	desc_put(table, header, shape & 0x20 ? take(in, 1) : 16, next, n, packed);
	for (n = 1; n <= buffers; n++) {
		u64 kind = take(in, 2) ^ 0x1880; /* 0: a range's 16 bytes */

		desc_put(table + 16 * n, SCRIPT_RAM + (kind & 0xff) * 512,
			 kind & 0x800 ? kind >> 12 << 4 : (kind >> 8 & 7) * 32 * KIB + (kind >> 12) * 512,
			 next | (shape & 0x40 ? 2 : 0), n, packed);
	}
	/* Its first bytes are a range's sector, sectors and flags, too. */
	put(SCRIPT_RAM + 64 * KIB, type * 8, 8);
	put(SCRIPT_RAM + 64 * KIB + 8, shape * 8, 4);
	put(SCRIPT_RAM + 64 * KIB + 12, type >> 5, 4);
	desc_put(table + 16 * n, header + 24, 1, shape & 0x80 ? 0 : 2, n, packed);
	*count = n + 1;
	return table;
}

static void step_request(struct input *in)
{
	unsigned q = (unsigned)take(in, 1) % QUEUES, slot = added[q] % ENTRIES, n;
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

static void step_disk(struct input *in)
{
	u64 kind = take(in, 1);

	if (kind & 0x80 && disk.count) {
		test_disk_end(&disk, (unsigned)kind % disk.count, kind & 0x40 ? -EIO : 0);
		return;
	}
	disk.later = kind & 1;
	disk.at_once = (kind & 6) == 6;
	disk.fails = kind & 0x40 ? -EIO : 0;
	test_disk_ready(&disk, kind >> 3 & 7);
}

static void step(struct input *in)
{
	u64 kind = take(in, 1), where;

	switch (kind % 16) {
	case 0:
		where = take(in, 2);
		reg_access(where & 0x1ff, 1u << (where >> 12 & 3), where & 0x200, take(in, 4));
		break;
	case 1:
		where = take(in, 2);
		put(SCRIPT_RAM + where, take(in, 2), 2);
		break;
	case 2:
		driver_start(take(in, 8));
		break;
	case 3:
		reg(SEL, kind >> 4);
		reg(QUEUE_RESET, 1);
		break;
	case 4:
	case 5:
		fake_run();
		break;
	case 6:
	case 7:
	case 8:
		step_disk(in);
		break;
	case 9:
		reg(ACK, 3);
		break;
	case 10:
		reg(STATUS, 0);
		break;
	default:
		step_request(in);
		break;
	}
}

static void open(u64 kind)
{
	const struct virtio_blk_config config = { .queues = QUEUES };

	fake_reset();
	vm = script_vm_open(1, RAM);
	host_assert(vm && vm_work_start(vm) == 0);
	test_disk_init(&disk, data, DISK);
	disk.block.volatile_cache = kind & 1;
	disk.block.read_only = (kind & 6) == 6;
	disk.block.clear_max = kind & 8 ? 64 * KIB : 0;
	d = virtio_blk_create(vm, BASE, (struct irq_line){ 0 }, &config, &disk.block);
	host_assert(d);
	driver_start(kind & 16 ? ~0ul & ~BIT(VIRTIO_F_RING_PACKED) : ~0ul);
}

static void close(void)
{
	disk.later = false;
	disk.fails = 0;
	test_disk_ready(&disk, ~0u);
	while (disk.count)
		test_disk_end(&disk, 0, 0);
	virtio_quiesce(d);
	host_assert(!d->status);
	d->dev.ops->destroy(&d->dev);
	vm_work_stop(vm);
	script_vm_close(vm);
	host_assert(disk.destroyed && fake_allocated() == 0);
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
