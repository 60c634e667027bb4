/* Virtio 1.3, 4.2.2 "MMIO Device Register Layout". */
#include "dev/virtio_mmio.h"

#include <libfdt.h>

#include "dev/virtio.h"
#include "vm/fdt.h"

enum mmio_reg {
	MMIO_MAGIC = 0x000,
	MMIO_VERSION = 0x004,
	MMIO_DEVICE_ID = 0x008,
	MMIO_VENDOR_ID = 0x00c,
	MMIO_DEVICE_FEATURES = 0x010,
	MMIO_DEVICE_FEATURES_SEL = 0x014,
	MMIO_DRIVER_FEATURES = 0x020,
	MMIO_DRIVER_FEATURES_SEL = 0x024,
	MMIO_QUEUE_SEL = 0x030,
	MMIO_QUEUE_SIZE_MAX = 0x034,
	MMIO_QUEUE_SIZE = 0x038,
	MMIO_QUEUE_READY = 0x044,
	MMIO_QUEUE_NOTIFY = 0x050,
	MMIO_INTERRUPT_STATUS = 0x060,
	MMIO_INTERRUPT_ACK = 0x064,
	MMIO_STATUS = 0x070,
	MMIO_QUEUE_DESC_LOW = 0x080,
	MMIO_QUEUE_DESC_HIGH = 0x084,
	MMIO_QUEUE_DRIVER_LOW = 0x090,
	MMIO_QUEUE_DRIVER_HIGH = 0x094,
	MMIO_QUEUE_DEVICE_LOW = 0x0a0,
	MMIO_QUEUE_DEVICE_HIGH = 0x0a4,
	MMIO_SHM_LEN_LOW = 0x0b0,
	MMIO_SHM_LEN_HIGH = 0x0b4,
	MMIO_SHM_BASE_LOW = 0x0b8,
	MMIO_SHM_BASE_HIGH = 0x0bc,
	MMIO_QUEUE_RESET = 0x0c0,
	MMIO_CONFIG_GENERATION = 0x0fc,
	MMIO_CONFIG = 0x100,
};

#define MAGIC 0x74726976u  /* "virt" */
#define VERSION 2
#define VENDOR 0x4b4c5542u /* "BULK" */

/* ---- The device-specific configuration: any size, as its fields have */

static bool config_has(const struct virtio_device *d, u64 off, unsigned size)
{
	return range_within(off, size, MMIO_CONFIG, d->config_size);
}

static u64 config_read(struct virtio_device *d, u64 off, unsigned size)
{
	u64 value;

	if (!d->ops->config_read || !config_has(d, off, size))
		return 0;
	value = d->ops->config_read(d, off - MMIO_CONFIG, size);
	return value & MASK(8 * size - 1, 0);
}

static void config_write(struct virtio_device *d, u64 off, unsigned size, u64 value)
{
	if (d->ops->config_write && config_has(d, off, size))
		d->ops->config_write(d, off - MMIO_CONFIG, size, value);
}

/* ---- The registers */

/* The queue that QueueSel selects, or NULL. */
static struct virtq *queue_selected(struct virtio_device *d)
{
	return d->queue_sel < d->queue_count ? &d->queues[d->queue_sel] : NULL;
}

static u32 features_read(u64 features, u32 select)
{
	return select < 2 ? (u32)(features >> 32 * select) : 0;
}

static u32 queue_read(struct virtio_device *d, u64 off)
{
	const struct virtq *q = queue_selected(d);

	if (!q)
		return 0;
	switch (off) {
	case MMIO_QUEUE_SIZE_MAX:
		return VIRTQ_SIZE_MAX;
	case MMIO_QUEUE_READY: /* until its chains are back, the queue is still being used */
		return q->ready || q->stopping;
	default:
		return q->stopping;
	}
}

static u32 register_read(struct virtio_device *d, u64 off)
{
	switch (off) {
	case MMIO_MAGIC:
		return MAGIC;
	case MMIO_VERSION:
		return VERSION;
	case MMIO_DEVICE_ID:
		return d->ops->id;
	case MMIO_VENDOR_ID:
		return VENDOR;
	case MMIO_DEVICE_FEATURES:
		return features_read(d->offered, d->device_features_sel);
	case MMIO_QUEUE_SIZE_MAX:
	case MMIO_QUEUE_READY:
	case MMIO_QUEUE_RESET:
		return queue_read(d, off);
	case MMIO_INTERRUPT_STATUS:
		return d->interrupt_status;
	case MMIO_STATUS:
		return d->status;
	case MMIO_SHM_LEN_LOW: /* 4.2.2.1: there is no shared memory region */
	case MMIO_SHM_LEN_HIGH:
	case MMIO_SHM_BASE_LOW:
	case MMIO_SHM_BASE_HIGH:
		return ~0u;
	case MMIO_CONFIG_GENERATION:
		return d->generation;
	default:
		return 0;
	}
}

static void set_low(u64 *word, u32 value) { *word = (*word & ~0xfffffffful) | value; }
static void set_high(u64 *word, u32 value) { *word = (u32)*word | (u64)value << 32; }

/* 2.2.1: once FEATURES_OK is set, features are settled. */
static void features_write(struct virtio_device *d, u32 value)
{
	if (d->status & VIRTIO_FEATURES_OK)
		return;
	if (d->driver_features_sel == 0)
		set_low(&d->driver_features, value);
	else if (d->driver_features_sel == 1)
		set_high(&d->driver_features, value);
	else if (value)
		d->unknown_features = true;
}

/* What describes a queue stays as it is while the queue is in use. */
static void queue_describe(struct virtq *q, u64 off, u32 value)
{
	switch (off) {
	case MMIO_QUEUE_SIZE:
		q->size = value <= VIRTQ_SIZE_MAX ? (u16)value : 0;
		break;
	case MMIO_QUEUE_DESC_LOW:
		set_low(&q->desc, value);
		break;
	case MMIO_QUEUE_DESC_HIGH:
		set_high(&q->desc, value);
		break;
	case MMIO_QUEUE_DRIVER_LOW:
		set_low(&q->driver, value);
		break;
	case MMIO_QUEUE_DRIVER_HIGH:
		set_high(&q->driver, value);
		break;
	case MMIO_QUEUE_DEVICE_LOW:
		set_low(&q->device_area, value);
		break;
	case MMIO_QUEUE_DEVICE_HIGH:
		set_high(&q->device_area, value);
		break;
	default:
		break;
	}
}

static void queue_write(struct virtio_device *d, u64 off, u32 value)
{
	struct virtq *q = queue_selected(d);

	if (!q)
		return;
	if (off == MMIO_QUEUE_READY && value & 1)
		virtio_start_queue(q);
	else if (off == MMIO_QUEUE_READY)
		virtio_stop_queue(q);
	else if (off != MMIO_QUEUE_RESET && !q->ready && !q->stopping)
		queue_describe(q, off, value);
	else if (off == MMIO_QUEUE_RESET && value & 1 && virtio_has(d, VIRTIO_F_RING_RESET))
		virtio_stop_queue(q);
}

static void register_write(struct virtio_device *d, u64 off, u32 value)
{
	switch (off) {
	case MMIO_DEVICE_FEATURES_SEL:
		d->device_features_sel = value;
		break;
	case MMIO_DRIVER_FEATURES:
		features_write(d, value);
		break;
	case MMIO_DRIVER_FEATURES_SEL:
		d->driver_features_sel = value;
		break;
	case MMIO_QUEUE_SEL:
		d->queue_sel = value;
		break;
	case MMIO_STATUS:
		virtio_set_status(d, value);
		break;
	default:
		queue_write(d, off, value);
		break;
	}
}

static void queue_notify(struct virtio_device *d, u32 index)
{
	if (index < d->queue_count && d->queues[index].live)
		d->ops->notify(d, index);
}

/* What a driver does all the time is apart from the rest, so that its few instructions save no
 * registers. */
static __attribute__((noinline)) u64 mmio_read_rest(struct virtio_device *d, u64 off, unsigned size)
{
	if (off >= MMIO_CONFIG)
		return config_read(d, off, size);
	/* 4.2.2.2: a driver reads and writes registers in 32 bits. */
	return size == 4 ? register_read(d, off) : 0;
}

static u64 mmio_read(struct dev *dev, u64 off, unsigned size)
{
	struct virtio_device *d = container_of(dev, struct virtio_device, dev);

	if (off == MMIO_INTERRUPT_STATUS && size == 4)
		return d->interrupt_status;
	return mmio_read_rest(d, off, size);
}

static __attribute__((noinline)) void mmio_write_rest(struct virtio_device *d, u64 off, unsigned size,
						      u64 value)
{
	if (off >= MMIO_CONFIG)
		config_write(d, off, size, value);
	else if (size == 4)
		register_write(d, off, (u32)value);
}

static void mmio_write(struct dev *dev, u64 off, unsigned size, u64 value)
{
	struct virtio_device *d = container_of(dev, struct virtio_device, dev);

	if (off == MMIO_QUEUE_NOTIFY && size == 4)
		queue_notify(d, (u32)value);
	else if (off == MMIO_INTERRUPT_ACK && size == 4)
		virtio_acknowledge(d, (u32)value);
	else
		mmio_write_rest(d, off, size, value);
}

static void mmio_reset(struct dev *dev)
{
	virtio_set_status(container_of(dev, struct virtio_device, dev), 0);
}

static int mmio_describe(const struct dev *d, void *fdt)
{
	return fdt_begin_device(fdt, "virtio_mmio", d) ?:
	       fdt_text(fdt, "compatible", "virtio,mmio") ?:
	       fdt_property(fdt, "dma-coherent", NULL, 0) ?:
	       fdt_interrupt(fdt, d) ?:
	       fdt_end_node(fdt);
}

/* The keeper's: waits for what the device has in flight. */
static void mmio_destroy(struct dev *dev)
{
	struct virtio_device *d = container_of(dev, struct virtio_device, dev);

	virtio_quiesce(d);
	d->ops->destroy(d);
}

const struct dev_ops virtio_mmio_ops = {
	.name = "virtio",
	.sizes = DEV_SIZE_1 | DEV_SIZE_2 | DEV_SIZE_4 | DEV_SIZE_8,
	.read = mmio_read,
	.write = mmio_write,
	.reset = mmio_reset,
	.describe = mmio_describe,
	.destroy = mmio_destroy,
};
