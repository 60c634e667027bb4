/* The registers of virtio over MMIO, as a driver finds them. */
#include "dev/virtio_mmio.h"

#include "dev/virtq_test.h"
#include "engine/script/script_vm.h"
#include "host/fake/fake.h"

#define BASE 0x10002000ul
#define OWN_FEATURES 0x5ul
#define COMMON_FEATURES (TEST_FEATURE(28) | TEST_FEATURE(29) | TEST_FEATURE(32) | TEST_FEATURE(34) | \
			 TEST_FEATURE(40))

static struct virtio_device device;
static struct test_wire wire;
static struct test_ring ring;
static u8 config[24];
static unsigned notified[2], config_writes, destroyed;

static void notify(struct virtio_device *d, unsigned queue)
{
	assert_ptr_equal(d, &device);
	notified[queue]++;
}

static u64 read_config(struct virtio_device *d unused, u64 off, unsigned size)
{
	u64 value = ~0ul; /* what is too much is cut off */

	assert_true(off + size <= sizeof(config));
	memcpy(&value, config + off, size);
	return value;
}

static void write_config(struct virtio_device *d unused, u64 off, unsigned size, u64 value)
{
	assert_true(off + size <= sizeof(config));
	memcpy(config + off, &value, size);
	config_writes++;
}

static void destroy(struct virtio_device *d unused) { destroyed++; }

static const struct virtio_ops ops = {
	.name = "test", .id = VIRTIO_ID_BLOCK, .notify = notify, .config_read = read_config,
	.config_write = write_config, .destroy = destroy,
};
static const struct virtio_ops ops_without_config = {
	.name = "test", .id = VIRTIO_ID_ENTROPY, .notify = notify, .destroy = destroy,
};

static int device_setup(void **state unused)
{
	fake_reset();
	guest_use(script_vm_open(1, 2 * MIB));
	memset(&device, 0, sizeof(device));
	memset(notified, 0, sizeof(notified));
	config_writes = destroyed = 0;
	wire = (struct test_wire){ 0 };
	virtio_init(&device, test_vm, &ops, BASE, test_wire_line(&wire, 2), OWN_FEATURES, 2,
		    sizeof(config));
	for (unsigned i = 0; i < sizeof(config); i++)
		config[i] = (u8)(i + 1);
	return 0;
}

static int device_teardown(void **state unused)
{
	script_vm_close(test_vm);
	return 0;
}

static u32 in(u64 off) { return reg_in(&device, off); }
static void out(u64 off, u32 value) { reg_out(&device, off, value); }

static void says_what_it_is(void **state unused)
{
	assert_int_equal(in(REG_MAGIC), 0x74726976);
	assert_int_equal(in(REG_VERSION), 2);
	assert_int_equal(in(REG_DEVICE_ID), 2);
	assert_int_not_equal(in(REG_VENDOR_ID), 0);
	assert_int_equal(in(REG_STATUS), 0);
	assert_int_equal(in(REG_INTERRUPT_STATUS), 0);
	assert_int_equal(in(REG_CONFIG_GENERATION), 0);
	for (u64 off = 0; off < 16; off += 4) {
		u32 before = in(REG_SHM_LEN);

		out(REG_SHM_SEL, (u32)off);
		assert_int_equal(before, ~0u);
		assert_int_equal(in(REG_SHM_LEN + off), ~0u);
		out(off, 0x12345678);
	}
	assert_int_equal(in(REG_MAGIC), 0x74726976);
	assert_int_equal(in(0x100 - 8), 0);
	assert_int_equal(in(0xffc), 0);
}

/* 4.2.2.2: registers are read and written in 32 bits; others do nothing. */
static void takes_words_only(void **state unused)
{
	static const unsigned sizes[] = { 1, 2, 8 };

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (u64 off = 0; off < REG_CONFIG; off += 8)
			assert_int_equal(test_read(&device.dev, off, sizes[i]), 0);
		for (u64 off = 0; off < REG_CONFIG; off += 8)
			test_write(&device.dev, off, sizes[i], ~0ul);
		test_write(&device.dev, REG_QUEUE_NOTIFY, sizes[i], 0);
	}
	assert_int_equal(in(REG_STATUS), 0);
	assert_int_equal(notified[0], 0);
}

static void shows_its_features(void **state unused)
{
	assert_int_equal(driver_offered(&device), OWN_FEATURES | COMMON_FEATURES);
	for (u32 i = 2; i < 40; i++) {
		out(REG_DEVICE_FEATURES_SEL, i);
		assert_int_equal(in(REG_DEVICE_FEATURES), 0);
	}
	out(REG_DEVICE_FEATURES_SEL, ~0u);
	assert_int_equal(in(REG_DEVICE_FEATURES), 0);
}

static void negotiates(void **state unused)
{
	assert_true(driver_start(&device, 1 | TEST_FEATURE(34)));
	assert_int_equal(device.features, 1 | TEST_FEATURE(32) | TEST_FEATURE(34));
	/* Settled: later writes change nothing. */
	out(REG_DRIVER_FEATURES_SEL, 0);
	out(REG_DRIVER_FEATURES, 4);
	out(REG_STATUS, VIRTIO_FEATURES_OK);
	assert_int_equal(device.features, 1 | TEST_FEATURE(32) | TEST_FEATURE(34));
	assert_false(driver_start(&device, 2));
	assert_false(driver_start(&device, TEST_FEATURE(33)));
	assert_false(driver_start(&device, ~0ul));
	assert_int_equal(device.features, 0);
	assert_true(driver_start(&device, driver_offered(&device)));
}

static void wants_version_1(void **state unused)
{
	out(REG_STATUS, 3);
	out(REG_DRIVER_FEATURES, 1);
	out(REG_STATUS, 11);
	assert_int_equal(in(REG_STATUS), 3);
	/* Without features there is no DRIVER_OK, and a queue does not start. */
	out(REG_STATUS, 15);
	assert_int_equal(in(REG_STATUS), 3);
	out(REG_QUEUE_SIZE, 4);
	out(REG_QUEUE_READY, 1);
	assert_int_equal(in(REG_QUEUE_READY), 0);
	out(REG_DRIVER_FEATURES_SEL, 1);
	out(REG_DRIVER_FEATURES, 1);
	out(REG_STATUS, 15);
	assert_int_equal(in(REG_STATUS), 15);
	assert_true(virtio_running(&device));
}

static void refuses_features_beyond_64(void **state unused)
{
	out(REG_STATUS, 3);
	out(REG_DRIVER_FEATURES_SEL, 2);
	out(REG_DRIVER_FEATURES, 1);
	out(REG_DRIVER_FEATURES_SEL, 1);
	out(REG_DRIVER_FEATURES, 1);
	out(REG_STATUS, 11);
	assert_int_equal(in(REG_STATUS), 3);
	out(REG_STATUS, 0);
	out(REG_DRIVER_FEATURES_SEL, 2);
	out(REG_DRIVER_FEATURES, 0);
	out(REG_DRIVER_FEATURES_SEL, 1);
	out(REG_DRIVER_FEATURES, 1);
	out(REG_STATUS, 11);
	assert_int_equal(in(REG_STATUS), 11);
}

/* Bits of the status are only ever set by the driver, but by a reset; one of them not at all. */
static void keeps_its_status(void **state unused)
{
	assert_true(driver_start(&device, 0));
	driver_ok(&device);
	out(REG_STATUS, VIRTIO_ACKNOWLEDGE);
	assert_int_equal(in(REG_STATUS), 15);
	out(REG_STATUS, 15 | VIRTIO_NEEDS_RESET | 0xffffff00u);
	assert_int_equal(in(REG_STATUS), 15);
	out(REG_STATUS, 15 | VIRTIO_FAILED);
	assert_int_equal(in(REG_STATUS), 15 | VIRTIO_FAILED);
	out(REG_STATUS, 0);
	assert_int_equal(in(REG_STATUS), 0);
}

static void describes_each_queue(void **state unused)
{
	assert_true(driver_start(&device, 0));
	out(REG_QUEUE_SEL, 2);
	assert_int_equal(in(REG_QUEUE_SIZE_MAX), 0);
	out(REG_QUEUE_SIZE, 8);
	out(REG_QUEUE_READY, 1);
	assert_int_equal(in(REG_QUEUE_READY), 0);
	assert_int_equal(in(REG_STATUS) & VIRTIO_NEEDS_RESET, 0);
	out(REG_QUEUE_SEL, ~0u);
	assert_int_equal(in(REG_QUEUE_SIZE_MAX), 0);
	for (u32 i = 0; i < 2; i++) {
		out(REG_QUEUE_SEL, i);
		assert_int_equal(in(REG_QUEUE_SIZE_MAX), VIRTQ_SIZE_MAX);
		assert_int_equal(in(REG_QUEUE_READY), 0);
	}
	out(REG_QUEUE_SEL, 1);
	reg_out64(&device, REG_QUEUE_DESC, 0x1122334455667788);
	reg_out64(&device, REG_QUEUE_DRIVER, 0x99aabbccddeeff00);
	reg_out64(&device, REG_QUEUE_DEVICE, 0x123456789abcdef0);
	assert_int_equal(device.queues[1].desc, 0x1122334455667788);
	assert_int_equal(device.queues[1].driver, 0x99aabbccddeeff00);
	assert_int_equal(device.queues[1].device_area, 0x123456789abcdef0);
	assert_int_equal(device.queues[0].desc, 0);
	/* They cannot be read. */
	assert_int_equal(in(REG_QUEUE_DESC), 0);
}

static void keeps_queues_that_are_in_use(void **state unused)
{
	struct virtq *q = &device.queues[1];
	struct virtq before;

	assert_true(driver_start(&device, 0));
	driver_queue(&ring, &device, 1, 8);
	before = *q;
	out(REG_QUEUE_SIZE, 4);
	reg_out64(&device, REG_QUEUE_DESC, 0);
	reg_out64(&device, REG_QUEUE_DRIVER, 0);
	reg_out64(&device, REG_QUEUE_DEVICE, 0);
	out(REG_QUEUE_READY, 1);
	/* Not negotiated. */
	out(REG_QUEUE_RESET, 1);
	assert_memory_equal(q, &before, sizeof(before));
	out(REG_QUEUE_READY, 0);
	assert_int_equal(in(REG_QUEUE_READY), 0);
	out(REG_QUEUE_SIZE, 4);
	assert_int_equal(q->size, 4);
}

static void passes_notifications_on(void **state unused)
{
	assert_true(driver_start(&device, 0));
	driver_queue(&ring, &device, 1, 8);
	out(REG_QUEUE_NOTIFY, 1);
	assert_int_equal(notified[1], 0);
	driver_ok(&device);
	out(REG_QUEUE_NOTIFY, 1);
	assert_int_equal(notified[1], 1);
	out(REG_QUEUE_NOTIFY, 0); /* not ready */
	out(REG_QUEUE_NOTIFY, 2);
	out(REG_QUEUE_NOTIFY, ~0u);
	assert_int_equal(notified[0] + notified[1], 1);
	out(REG_QUEUE_READY, 0);
	out(REG_QUEUE_NOTIFY, 1);
	virtio_broken(&device, "a test");
	out(REG_QUEUE_NOTIFY, 1);
	assert_int_equal(notified[1], 1);
	assert_int_equal(in(REG_QUEUE_NOTIFY), 0);
}

static void acknowledges_interrupts(void **state unused)
{
	assert_true(driver_start(&device, 0));
	driver_ok(&device);
	virtio_interrupt(&device);
	assert_true(wire.level);
	assert_int_equal(in(REG_INTERRUPT_STATUS), 1);
	virtio_interrupt(&device);
	virtio_config_changed(&device);
	assert_int_equal(in(REG_INTERRUPT_STATUS), 3);
	assert_int_equal(wire.changes, 1);
	out(REG_INTERRUPT_ACK, 1);
	assert_true(wire.level);
	assert_int_equal(in(REG_INTERRUPT_STATUS), 2);
	out(REG_INTERRUPT_ACK, ~0u);
	assert_false(wire.level);
	assert_int_equal(in(REG_INTERRUPT_STATUS), 0);
	out(REG_INTERRUPT_ACK, 3);
	assert_int_equal(wire.changes, 2);
}

static void reads_the_configuration_in_every_size(void **state unused)
{
	for (unsigned size = 1; size <= 8; size *= 2) {
		for (u64 off = 0; off < sizeof(config); off += size) {
			u64 value = 0;

			memcpy(&value, config + off, size);
			assert_int_equal(config_in(&device, off, size), value);
		}
		assert_int_equal(config_in(&device, sizeof(config), size), 0);
		assert_int_equal(config_in(&device, 0xef8, size), 0);
	}
	test_write(&device.dev, REG_CONFIG + 2, 2, 0xabcd);
	assert_int_equal(config_in(&device, 2, 2), 0xabcd);
	assert_int_equal(config_writes, 1);
	test_write(&device.dev, REG_CONFIG + sizeof(config), 1, 1);
	test_write(&device.dev, REG_CONFIG + 0xef8, 8, 1);
	assert_int_equal(config_writes, 1);
	device.config_size = 6; /* the last field is half there */
	assert_int_equal(config_in(&device, 4, 4), 0);
	assert_int_equal(config_in(&device, 4, 2), 0x0605);
	device.ops = &ops_without_config;
	assert_int_equal(config_in(&device, 4, 2), 0);
	test_write(&device.dev, REG_CONFIG, 4, 1);
}

static void tells_of_a_new_configuration(void **state unused)
{
	u32 generation = in(REG_CONFIG_GENERATION);

	virtio_config_changed(&device);
	assert_false(wire.level); /* there is no driver */
	assert_int_not_equal(in(REG_CONFIG_GENERATION), generation);
	assert_true(driver_start(&device, 0));
	driver_ok(&device);
	generation = in(REG_CONFIG_GENERATION);
	virtio_config_changed(&device);
	assert_int_not_equal(in(REG_CONFIG_GENERATION), generation);
	assert_int_equal(driver_interrupt(&device), VIRTIO_INT_CONFIG);
}

static void describes_itself(void **state unused)
{
	const char *path = "/virtio_mmio@10002000";
	const void *fdt = test_describe(&device.dev);
	int len;

	test_compatible(fdt, path, "virtio,mmio");
	assert_int_equal(test_cell(fdt, path, "reg", 1), BASE);
	assert_int_equal(test_cell(fdt, path, "reg", 3), VIRTIO_MMIO_SIZE);
	assert_int_equal(test_cell(fdt, path, "interrupts", 0), 2);
	assert_non_null(fdt_getprop(fdt, fdt_path_offset(fdt, path), "dma-coherent", &len));
	assert_int_equal(len, 0);
	test_describe_short(&device.dev);
}

static void is_destroyed_by_its_model(void **state unused)
{
	device.dev.ops->destroy(&device.dev);
	assert_int_equal(destroyed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(says_what_it_is, device_setup, device_teardown),
		cmocka_unit_test_setup_teardown(takes_words_only, device_setup, device_teardown),
		cmocka_unit_test_setup_teardown(shows_its_features, device_setup, device_teardown),
		cmocka_unit_test_setup_teardown(negotiates, device_setup, device_teardown),
		cmocka_unit_test_setup_teardown(wants_version_1, device_setup, device_teardown),
		cmocka_unit_test_setup_teardown(refuses_features_beyond_64, device_setup,
						device_teardown),
		cmocka_unit_test_setup_teardown(keeps_its_status, device_setup, device_teardown),
		cmocka_unit_test_setup_teardown(describes_each_queue, device_setup, device_teardown),
		cmocka_unit_test_setup_teardown(keeps_queues_that_are_in_use, device_setup,
						device_teardown),
		cmocka_unit_test_setup_teardown(passes_notifications_on, device_setup, device_teardown),
		cmocka_unit_test_setup_teardown(acknowledges_interrupts, device_setup, device_teardown),
		cmocka_unit_test_setup_teardown(reads_the_configuration_in_every_size, device_setup,
						device_teardown),
		cmocka_unit_test_setup_teardown(tells_of_a_new_configuration, device_setup,
						device_teardown),
		cmocka_unit_test_setup_teardown(describes_itself, device_setup, device_teardown),
		cmocka_unit_test_setup_teardown(is_destroyed_by_its_model, device_setup,
						device_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
