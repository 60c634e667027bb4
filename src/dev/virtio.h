/*
 * What the virtio devices have in common (virtio 1.3, 2 "Basic Facilities"), and the
 * interface to the transport (virtio_mmio.c). A device gives the few functions of
 * struct virtio_ops and works on its queues by virtq.h.
 */
#ifndef DEV_VIRTIO_H
#define DEV_VIRTIO_H

#include "dev/virtq.h"
#include "vm/dev.h"

#define VIRTIO_QUEUES_MAX 16

/* 5 "Device Types" */
enum virtio_id {
	VIRTIO_ID_NET = 1, VIRTIO_ID_BLOCK = 2, VIRTIO_ID_CONSOLE = 3, VIRTIO_ID_ENTROPY = 4,
};

/* 6 "Reserved Feature Bits", by bit number */
enum virtio_feature {
	VIRTIO_F_INDIRECT_DESC = 28, VIRTIO_F_EVENT_IDX = 29, VIRTIO_F_VERSION_1 = 32,
	VIRTIO_F_ACCESS_PLATFORM = 33, VIRTIO_F_RING_PACKED = 34, VIRTIO_F_IN_ORDER = 35,
	VIRTIO_F_RING_RESET = 40,
};

/* 2.1 "Device Status Field" */
enum virtio_status {
	VIRTIO_ACKNOWLEDGE = 1, VIRTIO_DRIVER = 2, VIRTIO_DRIVER_OK = 4, VIRTIO_FEATURES_OK = 8,
	VIRTIO_NEEDS_RESET = 64, VIRTIO_FAILED = 128,
};

/* 4.2.2 "InterruptStatus" */
enum virtio_int { VIRTIO_INT_USED = 1, VIRTIO_INT_CONFIG = 2 };

/* All are called with the device's lock held; those that touch guest memory, in the VM's space. */
struct virtio_ops {
	const char *name; /* "virtio-blk", for the operator */
	enum virtio_id id;
	/* The driver set DRIVER_OK: features are settled (device->features). */
	void (*start)(struct virtio_device *d);
	/* The driver made buffers of the queue available. Bounded work: what takes long goes to
	 * vm_work_queue(). */
	void (*notify)(struct virtio_device *d, unsigned queue);
	/* Of the device-specific configuration, in any size at any offset; NULL: all zero. @off + @size
	 * lies within config_size. */
	u64 (*config_read)(struct virtio_device *d, u64 off, unsigned size);
	void (*config_write)(struct virtio_device *d, u64 off, unsigned size, u64 value);
	/* The driver reset the device (or one queue, where queue >= 0): drop what has not been begun.
	 * Chains that are out come back by virtq_give() later; until all have, the driver sees the
	 * reset as not yet done. */
	void (*reset)(struct virtio_device *d, int queue);
	/* Frees what the model's create function took; nothing is in flight. */
	void (*destroy)(struct virtio_device *d);
};

struct vm;
struct vm_work;

struct virtio_device {
	struct dev dev;
	struct vm *vm;
	const struct virtio_ops *ops;
	u32 config_size;
	u64 offered;  /* features, by bit */
	u64 features; /* accepted by the driver, once FEATURES_OK is set */
	u32 status;   /* 2.1 "Device Status Field" */
	u32 interrupt_status;
	u32 generation; /* of the configuration */
	u32 device_features_sel, driver_features_sel, queue_sel;
	u64 driver_features;
	bool unknown_features; /* the driver took some beyond bit 63 */
	bool resetting; /* the driver's reset waits for chains that are out */
	unsigned queue_count;
	struct virtq queues[VIRTIO_QUEUES_MAX];
};

/* To be called by a device's create function with its own fields set: fills in the rest. @offered is
 * the device's own features; those of transport and rings are added. @queues at most
 * VIRTIO_QUEUES_MAX. */
void virtio_init(struct virtio_device *d, struct vm *vm, const struct virtio_ops *ops, u64 base,
		 struct irq_line irq, u64 offered, unsigned queues, u32 config_size);
static inline bool virtio_has(const struct virtio_device *d, unsigned feature)
{
	return d->features >> feature & 1;
}
/* True between DRIVER_OK and a reset, and not while the device needs one. */
bool virtio_running(const struct virtio_device *d);
/* The guest broke the rules: the device stops and says NEEDS_RESET; logged, bounded. */
void virtio_broken(struct virtio_device *d, const char *why);
/* The device's configuration changed: the driver is told. */
void virtio_config_changed(struct virtio_device *d);
/* For virtq.c: a used buffer notification. */
void virtio_interrupt(struct virtio_device *d);
/* For virtq.c: a chain came back after a reset; ends the reset when it was the last. */
void virtio_chain_back(struct virtio_device *d);
/* The keeper's, before destroy: stops the device and sleeps until nothing is in flight. Without
 * the lock. */
void virtio_quiesce(struct virtio_device *d);

/* For the transport: what the driver does to the status, its interrupts, and a queue. */
void virtio_set_status(struct virtio_device *d, u32 status);
void virtio_acknowledge(struct virtio_device *d, u32 which); /* enum virtio_int */
void virtio_start_queue(struct virtq *q);
void virtio_stop_queue(struct virtq *q);

/* The register window of a device, virtio 1.3, 4.2.2 "MMIO Device Register Layout". */
#define VIRTIO_MMIO_SIZE 0x1000ul

#endif
