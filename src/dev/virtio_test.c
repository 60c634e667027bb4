/* A device's life: start, faults of the guest, resets while it works, its end. */
#include "dev/virtio.h"

#include "dev/virtq_test.h"
#include "engine/script/script_vm.h"
#include "host/fake/fake.h"
#include "lib/log.h"

#define BASE 0x10003000ul

/* A device that keeps up to 4 chains of queue 0, and gives those that it has not begun back when it
 * is reset. */
static struct model {
	struct virtio_device virtio;
	struct virtq_chain held[4];
	unsigned count, begun;
	unsigned starts, resets;
	int last_reset;
} model;
static struct virtio_device *const device = &model.virtio;
static struct test_wire wire;
static struct test_ring ring;
static unsigned lines;

static void log_sink(const char *line unused, size_t len unused) { lines++; }

static void start(struct virtio_device *d)
{
	assert_true(virtio_running(d));
	model.starts++;
}

static void notify(struct virtio_device *d, unsigned queue)
{
	while (model.count < ARRAY_SIZE(model.held) &&
	       virtq_take(&d->queues[queue], &model.held[model.count]) == VIRTQ_TAKEN)
		model.count++;
}

static void reset(struct virtio_device *d, int queue)
{
	assert_false(queue < 0 && virtio_running(d));
	model.resets++;
	model.last_reset = queue;
	while (queue <= 0 && model.count > model.begun)
		virtq_give(&d->queues[0], &model.held[--model.count], 0);
}

/* What was begun is over. */
static void finish(void)
{
	while (model.count) {
		virtq_give(&device->queues[0], &model.held[--model.count], 1);
		virtq_publish(&device->queues[0]);
	}
	model.begun = 0;
}

static const struct virtio_ops ops = {
	.name = "test", .id = VIRTIO_ID_ENTROPY, .start = start, .notify = notify, .reset = reset,
};

static int model_setup(void **state unused)
{
	fake_reset();
	lines = 0;
	log_set_sink(log_sink);
	guest_use(script_vm_open(1, 2 * MIB));
	memset(&model, 0, sizeof(model));
	wire = (struct test_wire){ 0 };
	virtio_init(device, test_vm, &ops, BASE, test_wire_line(&wire, 3), 0, 2, 0);
	return 0;
}

static int model_teardown(void **state unused)
{
	log_set_sink(NULL);
	script_vm_close(test_vm);
	return 0;
}

static u32 status(void) { return reg_in(device, REG_STATUS); }

static void bring_up(void)
{
	assert_true(driver_start(device, TEST_FEATURE(VIRTIO_F_RING_RESET)));
	driver_queue(&ring, device, 0, 8);
	driver_ok(device);
}

/* @begun of the model's @count chains cannot be given back at once. */
static void make_busy(unsigned count, unsigned begun)
{
	struct test_buffer b = { guest_take(4, 4), 4, true };

	for (unsigned i = 0; i < count; i++)
		ring_add(&ring, &b, 1, false);
	ring_kick(&ring);
	assert_int_equal(model.count, count);
	model.begun = begun;
}

static void starts_once(void **state unused)
{
	bring_up();
	assert_int_equal(model.starts, 1);
	reg_out(device, REG_STATUS, 15);
	assert_int_equal(model.starts, 1);
	bring_up();
	assert_int_equal(model.starts, 2);
}

static void needs_a_reset_once(void **state unused)
{
	bring_up();
	lines = 0;
	virtio_broken(device, "a test");
	assert_int_equal(status(), 15 | VIRTIO_NEEDS_RESET);
	assert_false(virtio_running(device));
	assert_int_equal(driver_interrupt(device), VIRTIO_INT_CONFIG);
	virtio_broken(device, "a test");
	assert_false(wire.level);
	assert_int_equal(lines, 1);
	/* Nothing but a reset helps. */
	reg_out(device, REG_STATUS, 15);
	assert_int_equal(status(), 15 | VIRTIO_NEEDS_RESET);
	bring_up();
	assert_int_equal(status(), 15);
}

/* Before DRIVER_OK there is nobody to be told. */
static void breaks_before_it_runs(void **state unused)
{
	assert_true(driver_start(device, 0));
	reg_out(device, REG_QUEUE_SIZE, 3);
	reg_out(device, REG_QUEUE_READY, 1);
	assert_true(status() & VIRTIO_NEEDS_RESET);
	assert_false(wire.level);
	reg_out(device, REG_STATUS, 15);
	assert_int_equal(model.starts, 0);
	bring_up();
}

static void logs_within_bounds(void **state unused)
{
	lines = 0;
	for (unsigned i = 0; i < 1000; i++) {
		bring_up();
		test_vm_next = SCRIPT_RAM;
		virtio_broken(device, "a test");
	}
	assert_true(lines > 0 && lines <= 20);
}

static void resets_at_once_when_idle(void **state unused)
{
	bring_up();
	virtio_interrupt(device);
	make_busy(3, 0);
	reg_out(device, REG_STATUS, 0);
	assert_int_equal(status(), 0);
	assert_false(wire.level);
	assert_int_equal(model.last_reset, -1);
	assert_int_equal(device->features, 0);
	reg_out(device, REG_QUEUE_SEL, 0);
	assert_int_equal(reg_in(device, REG_QUEUE_READY), 0);
	assert_int_equal(device->queues[0].size, 0);
}

static void waits_for_what_was_begun(void **state unused)
{
	bring_up();
	make_busy(4, 2);
	reg_out(device, REG_STATUS, 0);
	assert_int_equal(model.count, 2);
	assert_int_not_equal(status(), 0);
	reg_out(device, REG_STATUS, 0);
	reg_out(device, REG_STATUS, 1);
	finish();
	assert_int_equal(status(), 0);
	assert_false(wire.level);
	bring_up();
	make_busy(1, 1);
	finish();
	assert_int_equal(driver_interrupt(device), VIRTIO_INT_USED);
}

static void resets_a_queue(void **state unused)
{
	bring_up();
	make_busy(4, 1);
	reg_out(device, REG_QUEUE_RESET, 1);
	assert_int_equal(model.last_reset, 0);
	assert_int_equal(reg_in(device, REG_QUEUE_RESET), 1);
	assert_int_equal(status(), 15);
	reg_out(device, REG_QUEUE_RESET, 1);
	assert_int_equal(model.resets, 2); /* one of them at the start */
	finish();
	assert_int_equal(reg_in(device, REG_QUEUE_RESET), 0);
	driver_queue(&ring, device, 0, 4);
	make_busy(2, 2);
	finish();
	assert_int_equal(driver_interrupt(device), VIRTIO_INT_USED);
}

/* A queue that waits, and then the whole device. */
static void resets_during_a_reset(void **state unused)
{
	bring_up();
	make_busy(4, 2);
	reg_out(device, REG_QUEUE_RESET, 1);
	reg_out(device, REG_STATUS, 0);
	assert_int_not_equal(status(), 0);
	assert_int_equal(reg_in(device, REG_QUEUE_RESET), 0);
	finish();
	assert_int_equal(status(), 0);
	bring_up();
}

static void is_reset_by_the_bus(void **state unused)
{
	bring_up();
	test_reset(&device->dev);
	assert_int_equal(status(), 0);
}

static void finish_later(void *arg unused)
{
	host_sleep(host_time() + FAKE_TIMEBASE);
	lock_take(&device->dev.lock);
	finish();
	lock_drop(&device->dev.lock);
}

static void quiesces(void **state unused)
{
	const struct host_task_spec spec = { .name = "work", .run = finish_later };
	struct host_task *task;

	bring_up();
	virtio_quiesce(device);
	assert_int_equal(host_time(), 0);
	bring_up();
	make_busy(3, 2);
	task = host_task_start(&spec, NULL);
	virtio_quiesce(device);
	assert_true(host_time() >= FAKE_TIMEBASE);
	assert_int_equal(model.count, 0);
	assert_int_equal(status(), 0);
	assert_true(lock_try(&device->dev.lock));
	host_task_reap(task);
}

/* The keeper comes while the driver's reset waits. */
static void quiesces_during_a_reset(void **state unused)
{
	const struct host_task_spec spec = { .name = "work", .run = finish_later };
	struct host_task *task;

	bring_up();
	make_busy(3, 3);
	reg_out(device, REG_STATUS, 0);
	task = host_task_start(&spec, NULL);
	virtio_quiesce(device);
	assert_int_equal(model.count, 0);
	host_task_reap(task);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(starts_once, model_setup, model_teardown),
		cmocka_unit_test_setup_teardown(needs_a_reset_once, model_setup, model_teardown),
		cmocka_unit_test_setup_teardown(breaks_before_it_runs, model_setup, model_teardown),
		cmocka_unit_test_setup_teardown(logs_within_bounds, model_setup, model_teardown),
		cmocka_unit_test_setup_teardown(resets_at_once_when_idle, model_setup, model_teardown),
		cmocka_unit_test_setup_teardown(waits_for_what_was_begun, model_setup, model_teardown),
		cmocka_unit_test_setup_teardown(resets_a_queue, model_setup, model_teardown),
		cmocka_unit_test_setup_teardown(resets_during_a_reset, model_setup, model_teardown),
		cmocka_unit_test_setup_teardown(is_reset_by_the_bus, model_setup, model_teardown),
		cmocka_unit_test_setup_teardown(quiesces, model_setup, model_teardown),
		cmocka_unit_test_setup_teardown(quiesces_during_a_reset, model_setup, model_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
