#include "dev/virtio_rng.h"

#include "dev/virtq_test.h"
#include "engine/script/script_vm.h"
#include "host/fake/fake.h"

#define BASE 0x10001000ul

static struct test_wire wire;
static struct virtio_device *rng;
static struct test_ring ring;
static struct {
	u64 bytes, largest;
} made;

/* Never a zero: what was filled shows. */
static void fill(void *arg, void *buf, u64 size)
{
	u8 *to = buf;

	assert_ptr_equal(arg, &made);
	assert_ptr_equal(host_space_current(), test_vm->space);
	for (u64 i = 0; i < size; i++)
		to[i] = (u8)(1 + made.bytes++ % 255);
	made.largest = max_u64(made.largest, size);
}

static int setup_ring(u64 features)
{
	fake_reset();
	guest_use(script_vm_open(1, 4 * MIB));
	assert_int_equal(vm_work_start(test_vm), 0);
	wire = (struct test_wire){ 0 };
	memset(&made, 0, sizeof(made));
	rng = virtio_rng_create(test_vm, BASE, test_wire_line(&wire, 1), fill, &made);
	assert_non_null(rng);
	assert_true(driver_start(rng, features));
	driver_queue(&ring, rng, 0, 16);
	driver_ok(rng);
	return 0;
}

static int setup_split(void **state unused) { return setup_ring(0); }
static int setup_packed(void **state unused) { return setup_ring(TEST_FEATURE(VIRTIO_F_RING_PACKED)); }

static int teardown(void **state unused)
{
	rng->dev.ops->destroy(&rng->dev);
	vm_work_stop(test_vm);
	script_vm_close(test_vm);
	assert_int_equal(fake_allocated(), 0);
	return 0;
}

static bool filled(u64 gpa, u64 size)
{
	for (u64 i = 0; i < size; i++)
		if (!guest_get8(gpa + i))
			return false;
	return true;
}

static void is_an_entropy_device(void **state unused)
{
	assert_int_equal(reg_in(rng, REG_DEVICE_ID), 4);
	assert_int_equal(config_in(rng, 0, 4), 0);
}

static void fills_a_buffer_at_once(void **state unused)
{
	struct test_buffer b = { guest_take(64, 1), 64, true };
	struct test_used used;

	ring_add(&ring, &b, 1, false);
	ring_kick(&ring);
	assert_true(ring_poll(&ring, &used));
	assert_int_equal(used.written, 64);
	assert_true(filled(b.gpa, 64));
	assert_int_equal(guest_get8(b.gpa + 64), 0);
	assert_true(wire.level);
	assert_int_equal(driver_interrupt(rng), 1);
	assert_int_equal(made.bytes, 64);
}

static void fills_several_buffers_of_a_chain(void **state unused)
{
	struct test_buffer b[3];
	struct test_used used;

	for (unsigned i = 0; i < 3; i++)
		b[i] = (struct test_buffer){ guest_take(50, 64), 50, true };
	ring_add(&ring, b, 3, false);
	ring_kick(&ring);
	assert_true(ring_poll(&ring, &used));
	assert_int_equal(used.written, 150);
	for (unsigned i = 0; i < 3; i++)
		assert_true(filled(b[i].gpa, 50));
}

/* The vCPU that asks for much is not kept: the rest comes in slices. */
static void fills_large_buffers_in_slices(void **state unused)
{
	struct test_buffer b[2] = {
		{ guest_take(3000, 1), 3000, true },
		{ guest_take(7001, 1), 7001, true },
	};
	struct test_used used;

	ring_add(&ring, b, 2, false);
	ring_kick(&ring);
	assert_false(ring_poll(&ring, &used));
	assert_int_equal(made.bytes, 512);
	fake_run();
	assert_true(ring_poll(&ring, &used));
	assert_int_equal(used.written, 10001);
	assert_int_equal(made.bytes, 10001);
	assert_int_equal(made.largest, 512);
	assert_true(filled(b[0].gpa, 3000) && filled(b[1].gpa, 7001));
}

static void gives_no_more_than_it_likes(void **state unused)
{
	struct test_buffer b = { guest_take(MIB, 1), MIB, true };
	struct test_used used;

	ring_add(&ring, &b, 1, false);
	ring_kick(&ring);
	fake_run();
	assert_true(ring_poll(&ring, &used));
	assert_int_equal(used.written, 64 * KIB);
	assert_int_equal(made.bytes, 64 * KIB);
	assert_int_equal(guest_get8(b.gpa + 64 * KIB), 0);
}

static void serves_all_that_wait(void **state unused)
{
	struct test_buffer b = { guest_take(600, 1), 600, true };
	struct test_used used;

	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < 16; i++)
			ring_add(&ring, &b, 1, false);
		ring_kick(&ring);
		fake_run();
		for (unsigned i = 0; i < 16; i++) {
			assert_true(ring_poll(&ring, &used));
			assert_int_equal(used.written, 600);
		}
	}
}

static void gives_back_what_cannot_be_filled(void **state unused)
{
	struct test_buffer readable = { guest_take(16, 1), 16, false };
	struct test_buffer empty = { guest_take(16, 1), 0, true };
	struct test_used used;

	ring_add(&ring, &readable, 1, false);
	ring_add(&ring, &empty, 1, false);
	ring_kick(&ring);
	fake_run();
	for (unsigned i = 0; i < 2; i++) {
		assert_true(ring_poll(&ring, &used));
		assert_int_equal(used.written, 0);
	}
	assert_int_equal(made.bytes, 0);
}

static void a_reset_in_the_middle_leaves_nothing(void **state unused)
{
	struct test_buffer b = { guest_take(2000, 1), 2000, true };
	struct test_used used;

	ring_add(&ring, &b, 1, false);
	ring_kick(&ring);
	reg_out(rng, REG_STATUS, 0);
	assert_int_equal(reg_in(rng, REG_STATUS), 0);
	fake_run();
	assert_int_equal(made.bytes, 512);
	assert_true(driver_start(rng, 0));
	driver_queue(&ring, rng, 0, 4);
	driver_ok(rng);
	ring_add(&ring, &b, 1, false);
	ring_kick(&ring);
	fake_run();
	assert_true(ring_poll(&ring, &used));
	assert_int_equal(used.written, 2000);
	assert_int_equal(made.bytes, 2512);
}

static void may_go_in_the_middle(void **state unused)
{
	struct test_buffer b = { guest_take(5000, 1), 5000, true };

	ring_add(&ring, &b, 1, false);
	ring_kick(&ring);
}

static void is_not_made_without_memory(void **state unused)
{
	fake_alloc_limit(0);
	assert_null(virtio_rng_create(test_vm, BASE, (struct irq_line){ 0 }, fill, &made));
	fake_alloc_limit(~0u);
}

#define T(f) \
	{ #f ", split", f, setup_split, teardown, NULL }, \
	{ #f ", packed", f, setup_packed, teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(is_an_entropy_device),
		T(fills_a_buffer_at_once),
		T(fills_several_buffers_of_a_chain),
		T(fills_large_buffers_in_slices),
		T(gives_no_more_than_it_likes),
		T(serves_all_that_wait),
		T(gives_back_what_cannot_be_filled),
		T(a_reset_in_the_middle_leaves_nothing),
		T(may_go_in_the_middle),
		T(is_not_made_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
