/* What the disk device must not do, whatever the driver asks for. */
#include "dev/virtio_blk_test.h"

#include "engine/script/script_vm.h"
#include "host/fake/fake.h"

static const struct engine_ops *engine_before;
static struct engine_ops engine;
static u64 told; /* bytes that the engine was told of */

static void count_wrote(struct vm *vm unused, u64 gpa unused, u64 size)
{
	told += size;
}

static int setup(void **state)
{
	fake_reset();
	test_begin(script_vm_open(1, RAM), *(u64 *)*state);
	return 0;
}

static int teardown(void **state unused)
{
	test_end();
	script_vm_close(test_vm);
	assert_int_equal(fake_allocated(), 0);
	return 0;
}

/* As on the engine that keeps copies of guest text, which has work for each byte. */
static void listen(void)
{
	engine_before = test_vm->engine;
	engine = *engine_before;
	engine.wrote = count_wrote;
	test_vm->engine = &engine;
	restart(ALL);
	told = 0;
}

static struct request read_of_all_memory(u64 sector, unsigned buffers, u32 size)
{
	struct request r = request_new(T_IN, sector);
	struct test_buffer b[VIRTQ_SEGMENTS_MAX] = { { r.header, 16, false } };

	for (unsigned i = 1; i <= buffers; i++)
		b[i] = (struct test_buffer){ test_vm->mem.extents[0].gpa, size, true };
	b[buffers + 1] = (struct test_buffer){ r.status, 1, true };
	r.id = ring_add(&ring, b, buffers + 2, true);
	return r;
}

/* A request that is refused has written its status. */
static void the_engine_is_told_of_no_more_than_was_written(void **state unused)
{
	struct request r;
	struct test_used used;

	listen();
	r = read_of_all_memory(0, 60, RAM);
	ring_kick(&ring);
	io_run();
	assert_true(ring_poll(&ring, &used));
	assert_int_equal(status_of(r), IOERR);
	assert_true(told < 4096);
	test_vm->engine = engine_before;
}

#define QUEUES 2

static struct test_ring rings[QUEUES];

static u64 where; /* all of them read the same sector to here */

static void fill(unsigned i, unsigned count)
{
	header_free = guest_take(64ul * count, 64);
	while (count--)
		request_add_to(&rings[i], T_IN, 1, where, 512);
	ring_kick(&rings[i]);
}

/* Keeps both queues full: of 100 requests each queue has about its half. */
static void queues_take_turns(void **state unused)
{
	unsigned ended[QUEUES] = { 0 };
	struct test_used used;

	destroy();
	test_disk_init(&disk, data, DISK);
	disk.later = true;
	create(QUEUES, "");
	assert_true(driver_start(d, ALL | format | TEST_FEATURE(F_MQ)));
	where = guest_take(512, 512);
	for (unsigned i = 0; i < QUEUES; i++)
		driver_queue(&rings[i], d, i, 256);
	driver_ok(d);
	for (unsigned i = 0; i < QUEUES; i++) {
		fill(i, 40);
		io_run();
	}
	for (unsigned n = 0; n < 200; n++) {
		test_disk_end(&disk, 0, 0);
		io_run();
		for (unsigned i = 0; i < QUEUES; i++)
			for (; ring_poll(&rings[i], &used); ended[i] += n >= 100)
				fill(i, 1);
	}
	disk.later = false;
	while (disk.count) {
		test_disk_end(&disk, 0, 0);
		io_run();
	}
	assert_in_range(ended[0], 20, 80);
	assert_in_range(ended[1], 20, 80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLK_TEST(the_engine_is_told_of_no_more_than_was_written),
		BLK_TEST(queues_take_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
