/* Virtqueues of either format against a driver that keeps the rules, and against others. */
#include "dev/virtq.h"

#include <errno.h>

#include "dev/virtq_test.h"
#include "engine/script/script_vm.h"
#include "host/fake/fake.h"

#define RAM (4 * MIB)
#define BASE 0x10001000ul

static struct virtio_device device;
static struct test_wire wire;
static struct virtq_chain chain;
static struct test_ring ring;
static struct virtq *const queue = &device.queues[0];
static u64 wrote; /* bytes that the engine was told of */

static void notify(struct virtio_device *d unused, unsigned index unused) {}
static const struct virtio_ops ops = { .name = "test", .id = VIRTIO_ID_ENTROPY, .notify = notify };

#define PACKED TEST_FEATURE(VIRTIO_F_RING_PACKED)
#define EVENT TEST_FEATURE(VIRTIO_F_EVENT_IDX)
#define INDIRECT TEST_FEATURE(VIRTIO_F_INDIRECT_DESC)
#define RING_RESET TEST_FEATURE(VIRTIO_F_RING_RESET)

static struct engine_ops engine;

static void engine_wrote(struct vm *vm, u64 gpa, u64 size)
{
	assert_true(guest_mem_contains(&vm->mem, gpa, size));
	wrote += size;
}

static void open_device(u64 features, u64 largest)
{
	fake_reset();
	fake_ram_set(64 * MIB, largest);
	guest_use(script_vm_open(1, RAM));
	engine = *test_vm->engine;
	engine.wrote = engine_wrote;
	test_vm->engine = &engine;
	memset(&device, 0, sizeof(device));
	wire = (struct test_wire){ 0 };
	virtio_init(&device, test_vm, &ops, BASE, test_wire_line(&wire, 1), 0, 2, 0);
	assert_true(driver_start(&device, features));
}

static void open_ring(u64 features, u16 size)
{
	open_device(features, 0);
	driver_queue(&ring, &device, 0, size);
	driver_ok(&device);
}

static void close_device(void)
{
	test_vm->engine = &script_engine;
	script_vm_close(test_vm);
	assert_int_equal(fake_allocated(), 0);
}

static bool needs_reset(void)
{
	return reg_in(&device, REG_STATUS) & VIRTIO_NEEDS_RESET;
}

static struct test_buffer buffer(u32 size, bool writable)
{
	return (struct test_buffer){ .gpa = guest_take(size, 1), .size = size, .writable = writable };
}

/* ---- Chains */

static void takes_and_gives(u64 features, bool indirect)
{
	struct test_buffer b[3];
	struct test_used used;
	char text[16] = "";
	u16 id;

	open_ring(features, 8);
	for (unsigned turn = 0; turn < 50; turn++) {
		test_vm_next = SCRIPT_RAM + MIB;
		b[0] = buffer(5, false);
		b[1] = buffer(7, false);
		b[2] = buffer(9, true);
		guest_put(b[0].gpa, "Hello", 5);
		guest_put(b[1].gpa, ", guest", 7);
		assert_int_equal(virtq_take(queue, &chain), VIRTQ_EMPTY);
		id = ring_add(&ring, b, 3, indirect);
		assert_int_equal(virtq_take(queue, &chain), VIRTQ_EMPTY);
		ring_show(&ring);
		assert_int_equal(virtq_take(queue, &chain), VIRTQ_TAKEN);
		assert_int_equal(virtq_take(queue, &(struct virtq_chain){ .id = 0 }), VIRTQ_EMPTY);
		assert_int_equal(chain.id, id);
		assert_int_equal(chain.readable, 2);
		assert_int_equal(chain.writable, 1);
		assert_int_equal(chain.readable_size, 12);
		assert_int_equal(chain.writable_size, 9);
		assert_int_equal(virtq_read(&chain, 0, text, sizeof(text)), 12);
		assert_memory_equal(text, "Hello, guest", 12);
		assert_int_equal(virtq_write(queue, &chain, 1, "answers!!", 9), 8);
		virtq_give(queue, &chain, 9);
		assert_false(ring_poll(&ring, &used));
		virtq_publish(queue);
		assert_true(ring_poll(&ring, &used));
		assert_int_equal(used.id, id);
		assert_int_equal(used.written, 9);
		guest_get(b[2].gpa, text, 9);
		assert_memory_equal(text + 1, "answers!", 8);
		assert_false(ring_poll(&ring, &used));
	}
	assert_int_equal(queue->in_flight, 0);
	assert_true(wrote > 50 * (8 + 8));
	close_device();
}

static void takes_and_gives_chains(void **state unused)
{
	takes_and_gives(0, false);
	takes_and_gives(PACKED, false);
	takes_and_gives(INDIRECT, true);
	takes_and_gives(INDIRECT | PACKED, true);
}

/* A chain of @n buffers, of which the device has taken it. */
static void take_one(const struct test_buffer *b, unsigned n, bool indirect)
{
	ring_add(&ring, b, n, indirect);
	ring_show(&ring);
	assert_int_equal(virtq_take(queue, &chain), VIRTQ_TAKEN);
}

static void finds_the_bytes_of_a_chain(u64 features)
{
	struct io_segment segments[3];
	struct test_buffer b[6];
	char text[32];

	open_ring(features, 16);
	for (unsigned i = 0; i < 6; i++)
		b[i] = buffer(i == 1 || i == 4 ? 0 : 4, i >= 3);
	guest_put(b[0].gpa, "abcd", 4);
	guest_put(b[2].gpa, "efgh", 4);
	take_one(b, 6, features & INDIRECT);
	assert_int_equal(chain.readable, 2);
	assert_int_equal(chain.writable, 2);
	assert_int_equal(virtq_read(&chain, 3, text, 2), 2);
	assert_memory_equal(text, "de", 2);
	assert_int_equal(virtq_read(&chain, 4, text, 32), 4);
	assert_memory_equal(text, "efgh", 4);
	assert_int_equal(virtq_read(&chain, 8, text, 1), 0);
	assert_int_equal(virtq_read(&chain, ~0ul, text, ~0ul), 0);
	assert_int_equal(virtq_write(queue, &chain, 2, "1234567890", 10), 6);
	guest_get(b[3].gpa, text, 4);
	assert_memory_equal(text + 2, "12", 2);
	guest_get(b[5].gpa, text, 4);
	assert_memory_equal(text, "3456", 4);
	assert_int_equal(virtq_map(&chain, true, 0, 8, segments, 3), 2);
	assert_int_equal(virtq_map(&chain, true, 0, 8, segments, 1), -EINVAL);
	assert_int_equal(virtq_map(&chain, true, 1, 8, segments, 3), -EINVAL);
	assert_int_equal(virtq_map(&chain, true, 8, 0, segments, 3), 0);
	assert_int_equal(virtq_map(&chain, false, 5, 2, segments, 3), 1);
	assert_int_equal(segments[0].size, 2);
	assert_memory_equal(segments[0].va, "fg", 2);
	assert_int_equal(segments[0].pa - test_vm->mem.extents[0].host.pa,
			 b[2].gpa + 1 - test_vm->mem.extents[0].gpa);
	wrote = 0;
	virtq_wrote(queue, &chain, 3, 100);
	assert_int_equal(wrote, 5);
	virtq_give(queue, &chain, 8);
	close_device();
}

static void finds_bytes(void **state unused)
{
	finds_the_bytes_of_a_chain(0);
	finds_the_bytes_of_a_chain(PACKED);
	finds_the_bytes_of_a_chain(INDIRECT);
	finds_the_bytes_of_a_chain(INDIRECT | PACKED);
}

/* 64 extents of 64 KiB each: buffers, tables and rings lie across their ends. */
static void copes_with_pieces(u64 features)
{
	struct test_buffer b[2];
	struct test_used used;
	char text[16];

	open_device(features, 64 * KIB);
	assert_int_equal(test_vm->mem.count, 64);
	test_vm_next = SCRIPT_RAM + 64 * KIB - 32;
	driver_queue(&ring, &device, 0, 4);
	assert_false(queue->whole);
	driver_ok(&device);
	for (unsigned turn = 0; turn < 10; turn++) {
		test_vm_next = SCRIPT_RAM + (2 + turn) * 64 * KIB - 3;
		b[0] = buffer(6, false);
		test_vm_next = SCRIPT_RAM + (3 + turn) * 64 * KIB - 3;
		b[1] = buffer(64 * KIB + 6, true);
		guest_put(b[0].gpa, "pieces", 6);
		test_vm_next = SCRIPT_RAM + (1 + turn) * 64 * KIB - 16;
		take_one(b, 2, features & INDIRECT);
		assert_int_equal(chain.readable, 2);
		assert_int_equal(chain.writable, 3);
		virtq_read(&chain, 0, text, 6);
		assert_memory_equal(text, "pieces", 6);
		assert_int_equal(virtq_write(queue, &chain, 1, "whole", 5), 5);
		guest_get(b[1].gpa + 1, text, 5);
		assert_memory_equal(text, "whole", 5);
		virtq_give(queue, &chain, 6);
		virtq_publish(queue);
		assert_true(ring_poll(&ring, &used));
		assert_int_equal(driver_interrupt(&device), VIRTIO_INT_USED);
	}
	close_device();
}

static void copes_with_memory_in_pieces(void **state unused)
{
	copes_with_pieces(0);
	copes_with_pieces(PACKED);
	copes_with_pieces(INDIRECT);
	copes_with_pieces(INDIRECT | PACKED);
}

/* A table need not be aligned. */
static void reads_a_table_anywhere(void **state unused)
{
	for (unsigned i = 0; i < 2; i++) {
		struct test_buffer b[2];
		u64 at;

		open_ring(INDIRECT | (i ? PACKED : 0), 4);
		b[0] = buffer(3, false);
		b[1] = buffer(4, true);
		at = align_up(test_vm_next, 16);
		ring_add(&ring, b, 2, true);
		for (unsigned n = 32; n-- > 0;) {
			u8 byte = guest_get8(at + n);

			guest_put(at + n + 3, &byte, 1);
		}
		guest_put(ring.desc, &(u64){ at + 3 }, 8);
		ring_show(&ring);
		assert_int_equal(virtq_take(queue, &chain), VIRTQ_TAKEN);
		assert_int_equal(chain.readable_size, 3);
		assert_int_equal(chain.writable_size, 4);
		virtq_give(queue, &chain, 0);
		close_device();
	}
}

/* Up to VIRTQ_SEGMENTS_MAX buffers; one more is too many. */
static void takes_long_chains(void **state unused)
{
	static struct test_buffer b[VIRTQ_SEGMENTS_MAX + 1];

	for (unsigned i = 0; i < 8; i++) {
		unsigned n = VIRTQ_SEGMENTS_MAX + (i & 1);
		u64 features = (i & 2 ? PACKED : 0) | (i & 4 ? INDIRECT : 0);

		open_ring(features, 128);
		for (unsigned j = 0; j < n; j++)
			b[j] = buffer(1, j >= 3);
		ring_add(&ring, b, n, features & INDIRECT);
		ring_show(&ring);
		assert_int_equal(virtq_take(queue, &chain), i & 1 ? VIRTQ_BROKEN : VIRTQ_TAKEN);
		assert_int_equal(needs_reset(), i & 1);
		if (!(i & 1)) {
			assert_int_equal(chain.writable, n - 3);
			virtq_give(queue, &chain, 0);
		}
		close_device();
	}
}

static void takes_back_what_it_took(void **state unused)
{
	for (unsigned i = 0; i < 2; i++) {
		struct test_used used;

		open_ring(i ? PACKED : 0, 4);
		for (unsigned turn = 0; turn < 20; turn++) {
			struct test_buffer b[3] = { buffer(1, false), buffer(1, false), buffer(1, true) };

			take_one(b, 3, false);
			virtq_untake(queue, &chain);
			assert_int_equal(queue->in_flight, 0);
			chain.id = 0xffff;
			assert_int_equal(virtq_take(queue, &chain), VIRTQ_TAKEN);
			assert_int_equal(chain.readable_size, 2);
			virtq_give(queue, &chain, turn);
			virtq_publish(queue);
			assert_true(ring_poll(&ring, &used));
			assert_int_equal(used.written, turn);
			assert_int_equal(virtq_take(queue, &chain), VIRTQ_EMPTY);
		}
		close_device();
	}
}

/* Several chains of one packet: the driver sees none before it sees all. */
static void publishes_together(void **state unused)
{
	for (unsigned i = 0; i < 2; i++) {
		struct test_used used;

		open_ring(i ? PACKED : 0, 4);
		for (unsigned turn = 0; turn < 9; turn++) {
			struct test_buffer b = buffer(1, true);
			u16 ids[3];

			for (unsigned n = 0; n < 3; n++)
				ids[n] = ring_add(&ring, &b, 1, false);
			ring_show(&ring);
			for (unsigned n = 0; n < 3; n++) {
				assert_int_equal(virtq_take(queue, &chain), VIRTQ_TAKEN);
				virtq_give(queue, &chain, n + 1);
				assert_false(ring_poll(&ring, &used));
			}
			assert_false(wire.level);
			virtq_publish(queue);
			for (unsigned n = 0; n < 3; n++) {
				assert_true(ring_poll(&ring, &used));
				assert_int_equal(used.id, ids[n]);
				assert_int_equal(used.written, n + 1);
			}
			assert_false(ring_poll(&ring, &used));
			assert_int_equal(driver_interrupt(&device), VIRTIO_INT_USED);
			virtq_publish(queue);
			assert_int_equal(driver_interrupt(&device), 0);
		}
		close_device();
	}
}

/* A chain that comes while the device says that it wants to hear of chains is not lost. */
static void tells_when_to_notify(void **state unused)
{
	for (unsigned i = 0; i < 4; i++) {
		u64 features = (i & 1 ? PACKED : 0) | (i & 2 ? EVENT : 0);
		struct test_buffer b;

		open_ring(features, 4);
		b = buffer(1, true);
		assert_false(virtq_notifications(queue, false));
		assert_false(virtq_notifications(queue, true));
		ring_add(&ring, &b, 1, false);
		assert_true(ring_show(&ring));
		virtq_notifications(queue, false);
		assert_int_equal(virtq_take(queue, &chain), VIRTQ_TAKEN);
		ring_add(&ring, &b, 1, false);
		assert_false(ring_show(&ring));
		assert_true(virtq_notifications(queue, true));
		assert_int_equal(virtq_take(queue, &chain), VIRTQ_TAKEN);
		assert_false(virtq_notifications(queue, true));
		ring_add(&ring, &b, 1, false);
		assert_true(ring_show(&ring));
		close_device();
	}
}

/* ---- Hostile rings */

enum place { RING, TABLE, DRIVER };

/* What is overwritten in a chain of 5 and 7 readable and 9 writable bytes, in a ring of 8. */
struct patch {
	const char *what;
	u64 features;
	enum place place;
	u64 offset, size, value;
};

#define END (SCRIPT_RAM + RAM)

static const struct patch split_patches[] = {
	{ "index jumps", 0, DRIVER, 2, 2, 9 },
	{ "index goes back", 0, DRIVER, 2, 2, 0xffff },
	{ "head out of range", 0, DRIVER, 4, 2, 8 },
	{ "next out of range", 0, RING, 14, 2, 8 },
	{ "next far out of range", 0, RING, 14, 2, 0xffff },
	{ "loop", 0, RING, 16 + 14, 2, 0 },
	{ "loop to itself", 0, RING, 14, 2, 0 },
	{ "not negotiated", 0, RING, 12, 2, RING_INDIRECT },
	{ "indirect and next", INDIRECT, RING, 12, 2, RING_INDIRECT | RING_NEXT },
	{ "nested", INDIRECT, TABLE, 12, 2, RING_INDIRECT },
	{ "nested, later", INDIRECT, TABLE, 32 + 12, 2, RING_INDIRECT },
	{ "table's next out of range", INDIRECT, TABLE, 14, 2, 3 },
	{ "table loops", INDIRECT, TABLE, 16 + 14, 2, 0 },
	{ "writable before readable", 0, RING, 12, 2, RING_WRITE | RING_NEXT },
	{ "the same in a table", INDIRECT, TABLE, 12, 2, RING_WRITE | RING_NEXT },
};

static const struct patch packed_patches[] = {
	{ "not negotiated", PACKED, RING, 14, 2, RING_AVAIL | RING_INDIRECT },
	{ "indirect and next", PACKED | INDIRECT, RING, 14, 2, RING_AVAIL | RING_INDIRECT | RING_NEXT },
	{ "writable before readable", PACKED, RING, 14, 2, RING_AVAIL | RING_WRITE | RING_NEXT },
	{ "the same in a table", PACKED | INDIRECT, TABLE, 14, 2, RING_WRITE },
	{ "table ends behind RAM", PACKED | INDIRECT, RING, 0, 8, END - 16 },
};

/* The same in both formats. */
static const struct patch common_patches[] = {
	{ "no table", INDIRECT, RING, 8, 4, 0 },
	{ "table of a half", INDIRECT, RING, 8, 4, 8 },
	{ "table of two and a half", INDIRECT, RING, 8, 4, 40 },
	{ "long table", INDIRECT, RING, 8, 4, (VIRTQ_SIZE_MAX + 1) * 16 },
	{ "endless table", INDIRECT, RING, 8, 4, 0xfffffff0 },
	{ "table below RAM", INDIRECT, RING, 0, 8, SCRIPT_RAM - 16 },
	{ "table wraps", INDIRECT, RING, 0, 8, -16ul },
	{ "table wraps, not aligned", INDIRECT, RING, 0, 8, -1ul },
	{ "address 0", 0, RING, 0, 8, 0 },
	{ "address in a device", 0, RING, 0, 8, BASE },
	{ "last byte", 0, RING, 0, 8, END - 4 },
	{ "behind RAM", 0, RING, 0, 8, END },
	{ "wraps", 0, RING, 0, 8, -1ul },
	{ "length", 0, RING, 8, 4, 0xffffffff },
	{ "table's address", INDIRECT, TABLE, 16, 8, END - 6 },
	{ "table's length", INDIRECT, TABLE, 16 + 8, 4, 0xffffffff },
};

static void expect_broken(const struct patch *p, u64 features)
{
	struct test_buffer b[3];
	u64 table;

	features |= p->features;
	open_ring(features, 8);
	b[0] = buffer(5, false);
	b[1] = buffer(7, false);
	b[2] = buffer(9, true);
	table = align_up(test_vm_next, 16);
	ring_add(&ring, b, 3, features & INDIRECT);
	ring_show(&ring);
	guest_put((p->place == RING ? ring.desc : p->place == TABLE ? table : ring.driver) + p->offset,
		  &p->value, p->size);
	if (virtq_take(queue, &chain) != VIRTQ_BROKEN)
		fail_msg("%s", p->what);
	assert_int_equal(queue->in_flight, 0);
	assert_true(needs_reset());
	assert_true(wire.level);
	assert_int_equal(driver_interrupt(&device), VIRTIO_INT_CONFIG);
	assert_int_equal(virtq_take(queue, &chain), VIRTQ_EMPTY);
	assert_false(virtq_notifications(queue, true));
	assert_null(test_vm->dead);
	/* It works again after a reset. */
	assert_true(driver_start(&device, features));
	driver_queue(&ring, &device, 0, 8);
	driver_ok(&device);
	take_one(b, 3, features & INDIRECT);
	virtq_give(queue, &chain, 0);
	close_device();
}

static void refuses_hostile_rings(void **state unused)
{
	for (unsigned i = 0; i < ARRAY_SIZE(split_patches); i++)
		expect_broken(&split_patches[i], 0);
	for (unsigned i = 0; i < ARRAY_SIZE(packed_patches); i++)
		expect_broken(&packed_patches[i], 0);
	for (unsigned i = 0; i < ARRAY_SIZE(common_patches); i++) {
		expect_broken(&common_patches[i], 0);
		expect_broken(&common_patches[i], PACKED);
	}
}

static void refuses_a_packed_chain_without_end(void **state unused)
{
	struct test_buffer b;

	open_ring(PACKED, 8);
	b = buffer(1, true);
	for (unsigned i = 0; i < 8; i++)
		ring_put_desc(ring.desc, i, (struct ring_desc){ b.gpa, 1, 0,
			      RING_NEXT | RING_WRITE | RING_AVAIL });
	assert_int_equal(virtq_take(queue, &chain), VIRTQ_BROKEN);
	assert_true(needs_reset());
	close_device();
}

/* A driver that does not wait for its chains to come back. */
static void refuses_more_chains_than_entries(void **state unused)
{
	for (unsigned packed = 0; packed < 2; packed++) {
		struct test_buffer b;
		unsigned taken = 0;

		open_ring(packed ? PACKED : 0, 4);
		b = buffer(1, true);
		for (unsigned i = 0; i < 5; i++) {
			bool wrap = i >= 4;

			if (packed)
				ring_put_desc(ring.desc, i % 4, (struct ring_desc){ b.gpa, 1, 0,
					      wrap ? RING_USED : RING_AVAIL });
			guest_put16(ring.driver + 2, packed ? 0 : (u16)(i + 1));
			taken += virtq_take(queue, &chain) == VIRTQ_TAKEN;
		}
		assert_int_equal(taken, 4);
		assert_true(needs_reset());
		assert_int_equal(queue->in_flight, 4);
		for (unsigned i = 0; i < 4; i++)
			virtq_give(queue, &chain, 0);
		close_device();
	}
}

/* A table that is the ring, whose first descriptor leads to that table. */
static void refuses_a_ring_as_its_own_table(void **state unused)
{
	for (unsigned packed = 0; packed < 2; packed++) {
		struct test_buffer b;

		open_ring(INDIRECT | (packed ? PACKED : 0), 8);
		b = buffer(1, true);
		ring_add(&ring, &b, 1, true);
		guest_put(ring.desc, &ring.desc, sizeof(ring.desc));
		ring_show(&ring);
		/* A packed ring's tables have no flag that says so: a buffer at the ring's place. */
		assert_int_equal(virtq_take(queue, &chain), packed ? VIRTQ_TAKEN : VIRTQ_BROKEN);
		if (packed)
			virtq_give(queue, &chain, 0);
		close_device();
	}
}

/* Its first table entry may say what it wants of the next: only WRITE counts (2.8.7). */
static void ignores_the_rest_of_packed_tables(void **state unused)
{
	struct test_buffer b[2];
	u64 table;

	open_ring(PACKED | INDIRECT, 4);
	b[0] = buffer(3, false);
	b[1] = buffer(4, true);
	table = align_up(test_vm_next, 16);
	ring_add(&ring, b, 2, true);
	guest_put16(table + 14, (u16)~RING_WRITE);
	ring_show(&ring);
	assert_int_equal(virtq_take(queue, &chain), VIRTQ_TAKEN);
	assert_int_equal(chain.readable_size, 3);
	assert_int_equal(chain.writable_size, 4);
	virtq_give(queue, &chain, 0);
	close_device();
}

/* 2.7.5.3.2: descriptors of the ring, then a table. */
static void takes_a_table_at_the_end(void **state unused)
{
	struct test_buffer b[3];
	u64 table;

	open_ring(INDIRECT, 4);
	for (unsigned i = 0; i < 3; i++)
		b[i] = buffer(2, i == 2);
	table = ring_table(&ring, &b[1], 2);
	b[1] = (struct test_buffer){ table, 32, false };
	ring_add(&ring, b, 2, false);
	guest_put16(ring.desc + 16 + 12, RING_INDIRECT);
	ring_show(&ring);
	assert_int_equal(virtq_take(queue, &chain), VIRTQ_TAKEN);
	assert_int_equal(chain.readable_size, 4);
	assert_int_equal(chain.writable_size, 2);
	virtq_give(queue, &chain, 0);
	close_device();
}

/* ---- Areas that cannot be */

struct areas {
	u64 features;
	u32 size;
	u64 desc, driver, device;
	bool good;
};

#define AT (SCRIPT_RAM + 0x1000)

static const struct areas areas[] = {
	{ 0, 8, AT, AT + 0x1002, AT + 0x2004, true },
	{ 0, 1, AT, AT + 0x1002, AT + 0x2004, true },
	{ 0, VIRTQ_SIZE_MAX, AT, AT + 0x1002, AT + 0x2004, true },
	{ 0, 0, AT, AT, AT, false },
	{ 0, 6, AT, AT, AT, false },
	{ 0, VIRTQ_SIZE_MAX * 2, AT, AT, AT, false },
	{ 0, 0x10008, AT, AT, AT, false },
	{ 0, 8, AT + 8, AT, AT, false },
	{ 0, 8, AT, AT + 1, AT, false },
	{ 0, 8, AT, AT, AT + 2, false },
	{ 0, 8, 0, AT, AT, false },
	{ 0, 8, END - 8 * 16, AT, AT, true },
	{ 0, 8, END - 7 * 16, AT, AT, false },
	{ 0, 8, AT, END - 20, AT, true },
	{ 0, 8, AT, END - 18, AT, false },
	{ EVENT, 8, AT, END - 20, AT, false },
	{ EVENT, 8, AT, END - 22, AT, true },
	{ 0, 8, AT, AT, END - 68, true },
	{ 0, 8, AT, AT, END - 64, false },
	{ EVENT, 8, AT, AT, END - 68, false },
	{ 0, 8, -16ul, AT, AT, false },
	{ 0, 8, AT, AT, -4ul, false },
	{ PACKED, 6, AT, AT, AT, true },
	{ PACKED, 8, END - 8 * 16, END - 4, END - 4, true },
	{ PACKED, 8, AT, AT + 2, AT, false },
	{ PACKED, 8, AT, END, AT, false },
	{ PACKED, VIRTQ_SIZE_MAX + 1, AT, AT, AT, false },
};

static void checks_the_areas(void **state unused)
{
	for (unsigned i = 0; i < ARRAY_SIZE(areas); i++) {
		const struct areas *a = &areas[i];

		open_device(a->features, 0);
		reg_out(&device, REG_QUEUE_SEL, 0);
		reg_out(&device, REG_QUEUE_SIZE, a->size);
		reg_out64(&device, REG_QUEUE_DESC, a->desc);
		reg_out64(&device, REG_QUEUE_DRIVER, a->driver);
		reg_out64(&device, REG_QUEUE_DEVICE, a->device);
		reg_out(&device, REG_QUEUE_READY, 1);
		assert_int_equal(reg_in(&device, REG_QUEUE_READY), a->good);
		assert_int_equal(needs_reset(), !a->good);
		assert_false(wire.level); /* there is no driver yet */
		close_device();
	}
}

/* ---- Resets while the device has chains */

static void hold(struct virtq_chain *held, unsigned n)
{
	struct test_buffer b = buffer(4, true);

	guest_put(b.gpa, "same", 4);
	for (unsigned i = 0; i < n; i++)
		ring_add(&ring, &b, 1, false);
	ring_show(&ring);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(virtq_take(queue, &held[i]), VIRTQ_TAKEN);
}

/* What comes back late neither reaches the guest's memory nor the driver. */
static void come_late(struct virtq_chain *held, unsigned n)
{
	static u8 before[RAM], after[RAM];

	guest_get(SCRIPT_RAM, before, RAM);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(virtq_write(queue, &held[i], 1, "late", 4), 3);
		if (i & 1)
			virtq_give(queue, &held[i], 4);
		else
			virtq_untake(queue, &held[i]);
		virtq_publish(queue);
	}
	guest_get(SCRIPT_RAM, after, RAM);
	assert_memory_equal(before, after, RAM);
	assert_false(wire.level);
}

static void waits_for_chains_in_a_reset(void **state unused)
{
	struct virtq_chain held[3];

	for (unsigned i = 0; i < 4; i++) {
		u64 features = (i & 1 ? PACKED : 0) | (i & 2 ? EVENT : 0);

		open_ring(features, 8);
		hold(held, 3);
		reg_out(&device, REG_STATUS, 0);
		assert_int_not_equal(reg_in(&device, REG_STATUS), 0);
		assert_false(virtio_running(&device));
		reg_out(&device, REG_STATUS, 0xff);
		reg_out(&device, REG_QUEUE_READY, 1);
		assert_int_equal(reg_in(&device, REG_QUEUE_READY), 0);
		come_late(held, 2);
		assert_int_not_equal(reg_in(&device, REG_STATUS), 0);
		come_late(held + 2, 1);
		assert_int_equal(reg_in(&device, REG_STATUS), 0);
		assert_true(driver_start(&device, features));
		driver_queue(&ring, &device, 0, 8);
		driver_ok(&device);
		hold(held, 3);
		for (unsigned n = 0; n < 3; n++)
			virtq_give(queue, &held[n], 0);
		close_device();
	}
}

static void waits_for_chains_of_one_queue(void **state unused)
{
	struct virtq_chain held[3];
	struct test_used used;

	for (unsigned i = 0; i < 4; i++) {
		bool reset = i & 2;
		u64 features = (i & 1 ? PACKED : 0) | (reset ? RING_RESET : 0);
		u64 reg = reset ? REG_QUEUE_RESET : REG_QUEUE_READY;

		open_ring(features, 8);
		hold(held, 3);
		reg_out(&device, reg, reset);
		assert_int_equal(reg_in(&device, reg), 1);
		assert_int_equal(virtq_take(queue, &chain), VIRTQ_EMPTY);
		reg_out(&device, REG_QUEUE_READY, 1);
		assert_false(queue->ready);
		come_late(held, 3);
		assert_int_equal(reg_in(&device, REG_QUEUE_RESET), 0);
		assert_int_equal(reg_in(&device, REG_QUEUE_READY), 0);
		assert_true(virtio_running(&device));
		driver_queue(&ring, &device, 0, 4);
		hold(held, 1);
		virtq_give(queue, &held[0], 1);
		virtq_publish(queue);
		assert_true(ring_poll(&ring, &used));
		close_device();
	}
}

/* Half done in every way, then reset: never more than a driver would see. */
static void resets_at_every_point(void **state unused)
{
	struct virtq_chain held[4];
	struct test_used used;

	for (unsigned i = 0; i < 2 * 5 * 5; i++) {
		unsigned gives = i / 2 % 5, published = i / 10;

		open_ring(i & 1 ? PACKED : 0, 4);
		hold(held, 4);
		for (unsigned n = 0; n < gives; n++) {
			virtq_give(queue, &held[n], 1);
			if (n < published)
				virtq_publish(queue);
		}
		driver_interrupt(&device);
		reg_out(&device, REG_STATUS, 0);
		assert_int_equal(reg_in(&device, REG_STATUS) == 0, gives == 4);
		virtq_publish(queue);
		come_late(held + gives, 4 - gives);
		assert_int_equal(reg_in(&device, REG_STATUS), 0);
		for (unsigned n = 0; n < min_u64(gives, published); n++)
			assert_true(ring_poll(&ring, &used));
		assert_false(ring_poll(&ring, &used));
		close_device();
	}
}

/* A fault of the guest while chains are out: they come back as after a reset. */
static void breaks_with_chains_out(void **state unused)
{
	struct virtq_chain held[3];

	open_ring(0, 8);
	hold(held, 3);
	guest_put16(ring.driver + 2, 1000);
	assert_int_equal(virtq_take(queue, &chain), VIRTQ_BROKEN);
	assert_int_equal(driver_interrupt(&device), VIRTIO_INT_CONFIG);
	come_late(held, 2);
	assert_true(needs_reset());
	reg_out(&device, REG_STATUS, 0);
	assert_true(needs_reset());
	come_late(held + 2, 1);
	assert_int_equal(reg_in(&device, REG_STATUS), 0);
	close_device();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_and_gives_chains),
		cmocka_unit_test(finds_bytes),
		cmocka_unit_test(copes_with_memory_in_pieces),
		cmocka_unit_test(reads_a_table_anywhere),
		cmocka_unit_test(takes_long_chains),
		cmocka_unit_test(takes_back_what_it_took),
		cmocka_unit_test(publishes_together),
		cmocka_unit_test(tells_when_to_notify),
		cmocka_unit_test(refuses_hostile_rings),
		cmocka_unit_test(refuses_a_packed_chain_without_end),
		cmocka_unit_test(refuses_more_chains_than_entries),
		cmocka_unit_test(refuses_a_ring_as_its_own_table),
		cmocka_unit_test(ignores_the_rest_of_packed_tables),
		cmocka_unit_test(takes_a_table_at_the_end),
		cmocka_unit_test(checks_the_areas),
		cmocka_unit_test(waits_for_chains_in_a_reset),
		cmocka_unit_test(waits_for_chains_of_one_queue),
		cmocka_unit_test(resets_at_every_point),
		cmocka_unit_test(breaks_with_chains_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
