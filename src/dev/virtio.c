#include "dev/virtio.h"

#include "dev/virtio_mmio.h"
#include "vm/vm.h"

#define FEATURE(bit) (1ul << (bit))

/* Those of the rings, which are the same for each device. */
#define FEATURES_COMMON (FEATURE(VIRTIO_F_INDIRECT_DESC) | FEATURE(VIRTIO_F_EVENT_IDX) | \
			 FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VIRTIO_F_RING_PACKED) | \
			 FEATURE(VIRTIO_F_RING_RESET))

#define QUIESCE_HZ 1000 /* how often to look whether all chains are back */

bool virtio_running(const struct virtio_device *d)
{
	return !d->resetting && (d->status & (VIRTIO_DRIVER_OK | VIRTIO_NEEDS_RESET)) == VIRTIO_DRIVER_OK;
}

/* ---- What the driver hears of */

static void virtio_raise(struct virtio_device *d, u32 why)
{
	u32 before = d->interrupt_status;

	d->interrupt_status = before | why;
	if (!before)
		irq_set(&d->dev.irq, true);
}

void virtio_interrupt(struct virtio_device *d)
{
	virtio_raise(d, VIRTIO_INT_USED);
}

void virtio_acknowledge(struct virtio_device *d, u32 which)
{
	u32 before = d->interrupt_status;

	d->interrupt_status = before & ~which;
	if (before && !d->interrupt_status)
		irq_set(&d->dev.irq, false);
}

void virtio_config_changed(struct virtio_device *d)
{
	d->generation++;
	if (virtio_running(d))
		virtio_raise(d, VIRTIO_INT_CONFIG);
}

/* 2.1.2: the driver is told only if it is there. What is in flight comes back without effect. */
void virtio_broken(struct virtio_device *d, const char *why)
{
	if (d->resetting || d->status & VIRTIO_NEEDS_RESET)
		return;
	vm_log(d->vm, "%s at %#lx needs a reset: %s", d->ops->name, d->dev.base, why);
	if (virtio_running(d))
		virtio_raise(d, VIRTIO_INT_CONFIG);
	d->status |= VIRTIO_NEEDS_RESET;
	for (unsigned i = 0; i < d->queue_count; i++) {
		d->queues[i].live = false;
		d->queues[i].given = 0;
		d->queues[i].epoch++;
	}
}

/* ---- Resets */

static bool virtio_in_flight(const struct virtio_device *d)
{
	for (unsigned i = 0; i < d->queue_count; i++)
		if (d->queues[i].in_flight)
			return true;
	return false;
}

static void queue_forget(struct virtq *q)
{
	virtq_reset(q);
	q->stopping = false;
	q->size = 0;
	q->desc = q->driver = q->device_area = 0;
}

/* While chains are out the status stays as it is, for the driver to wait for 0 (2.4.1). */
static void virtio_reset(struct virtio_device *d)
{
	for (unsigned i = 0; i < d->queue_count; i++)
		queue_forget(&d->queues[i]);
	d->features = d->driver_features = 0;
	d->unknown_features = false;
	d->device_features_sel = d->driver_features_sel = d->queue_sel = 0;
	virtio_acknowledge(d, ~0u);
	d->resetting = true;
	if (d->ops->reset)
		d->ops->reset(d, -1);
	virtio_chain_back(d);
}

void virtio_chain_back(struct virtio_device *d)
{
	for (unsigned i = 0; i < d->queue_count; i++)
		if (!d->queues[i].in_flight)
			d->queues[i].stopping = false;
	if (d->resetting && !virtio_in_flight(d)) {
		d->resetting = false;
		d->status = 0;
	}
}

void virtio_start_queue(struct virtq *q)
{
	struct virtio_device *d = q->device;

	if (q->ready || q->stopping || d->resetting || !(d->status & VIRTIO_FEATURES_OK) ||
	    d->status & VIRTIO_NEEDS_RESET)
		return;
	if (!virtq_start(q))
		virtio_broken(d, "a queue's size or its areas are impossible");
}

/* 2.6.1 "Virtqueue Reset" */
void virtio_stop_queue(struct virtq *q)
{
	struct virtio_device *d = q->device;

	if (!q->ready || d->resetting)
		return;
	virtq_reset(q);
	q->stopping = true;
	if (d->ops->reset)
		d->ops->reset(d, q->index);
	virtio_chain_back(d);
}

static bool all_back(struct virtio_device *d)
{
	bool back;

	lock_take(&d->dev.lock);
	back = !virtio_in_flight(d);
	lock_drop(&d->dev.lock);
	return back;
}

void virtio_quiesce(struct virtio_device *d)
{
	lock_take(&d->dev.lock);
	virtio_reset(d);
	lock_drop(&d->dev.lock);
	while (!all_back(d))
		host_sleep(host_time() + host_timebase() / QUIESCE_HZ);
}

/* ---- The driver's start */

/* 2.2.2, 6.2: what was not offered is refused, and so is a driver of the time before 1.0. */
static bool features_ok(const struct virtio_device *d)
{
	return !d->unknown_features && !(d->driver_features & ~d->offered) &&
	       d->driver_features & FEATURE(VIRTIO_F_VERSION_1);
}

static void virtio_start(struct virtio_device *d)
{
	d->status |= VIRTIO_DRIVER_OK;
	if (!virtio_running(d))
		return;
	for (unsigned i = 0; i < d->queue_count; i++)
		d->queues[i].live = d->queues[i].ready;
	if (d->ops->start)
		d->ops->start(d);
}

/* 3.1.1 "Driver Requirements: Device Initialization": bits are set one by one; only a reset clears
 * them. */
void virtio_set_status(struct virtio_device *d, u32 status)
{
	u32 set = status & ~d->status;

	if (d->resetting)
		return;
	if (!status) {
		virtio_reset(d);
		return;
	}
	d->status |= set & (VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FAILED);
	if (set & VIRTIO_FEATURES_OK && features_ok(d)) {
		d->features = d->driver_features;
		d->status |= VIRTIO_FEATURES_OK;
	}
	if (set & VIRTIO_DRIVER_OK && d->status & VIRTIO_FEATURES_OK)
		virtio_start(d);
}

void virtio_init(struct virtio_device *d, struct vm *vm, const struct virtio_ops *ops, u64 base,
		 struct irq_line irq, u64 offered, unsigned queues, u32 config_size)
{
	host_assert(queues <= VIRTIO_QUEUES_MAX);
	d->dev.ops = &virtio_mmio_ops;
	d->dev.base = base;
	d->dev.size = VIRTIO_MMIO_SIZE;
	d->dev.irq = irq;
	d->vm = vm;
	d->ops = ops;
	d->config_size = config_size;
	d->offered = offered | FEATURES_COMMON;
	d->queue_count = queues;
	for (unsigned i = 0; i < queues; i++) {
		d->queues[i].device = d;
		d->queues[i].index = (u16)i;
	}
}
