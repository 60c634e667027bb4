/* Virtio over MMIO, the driver's side: see host/bare/virtio_host.h. */
#include "host/bare/virtio_host.h"

#include "host/bare/tree.h"
#include "host/host.h"
#include "lib/log.h"

/* 4.2.2 "MMIO Device Register Layout" */
enum {
	MAGIC_VALUE = 0x000,
	VERSION = 0x004,
	DEVICE_ID = 0x008,
	DEVICE_FEATURES = 0x010,
	DEVICE_FEATURES_SEL = 0x014,
	DRIVER_FEATURES = 0x020,
	DRIVER_FEATURES_SEL = 0x024,
	QUEUE_SEL = 0x030,
	QUEUE_SIZE_MAX = 0x034,
	QUEUE_SIZE = 0x038,
	QUEUE_READY = 0x044,
	QUEUE_NOTIFY = 0x050,
	INTERRUPT_STATUS = 0x060,
	INTERRUPT_ACK = 0x064,
	STATUS = 0x070,
	QUEUE_DESC_LOW = 0x080,
	QUEUE_DRIVER_LOW = 0x090,
	QUEUE_DEVICE_LOW = 0x0a0,
	CONFIG_GENERATION = 0x0fc,
	CONFIG = 0x100,
};

#define MAGIC 0x74726976 /* "virt" */
#define VERSION_LEGACY 1
#define VERSION_MODERN 2
#define INTERRUPT_CONFIG 2

/* 2.1 "Device Status Field" */
enum {
	STATUS_ACKNOWLEDGE = 1,
	STATUS_DRIVER = 2,
	STATUS_DRIVER_OK = 4,
	STATUS_FEATURES_OK = 8,
	STATUS_NEEDS_RESET = 64,
	STATUS_FAILED = 128,
};

/* 6 "Reserved Feature Bits". The platform's addresses are physical ones: there is no IOMMU that
 * could be between, and barriers are those for real devices. */
enum { F_EVENT_IDX = 29, F_VERSION_1 = 32, F_ACCESS_PLATFORM = 33, F_ORDER_PLATFORM = 36 };
#define FEATURES_ALL (BIT(F_EVENT_IDX) | BIT(F_VERSION_1) | BIT(F_ACCESS_PLATFORM) | BIT(F_ORDER_PLATFORM))

#define RESET_WAIT_MS 100
#define GENERATION_TRIES 16

static u32 reg_read(const struct virtio_host *v, u32 offset)
{
	return *(volatile u32 *)(void *)(v->regs + offset);
}

static void reg_write(const struct virtio_host *v, u32 offset, u32 value)
{
	*(volatile u32 *)(void *)(v->regs + offset) = value;
}

static void reg_write64(const struct virtio_host *v, u32 offset, u64 value)
{
	reg_write(v, offset, (u32)value);
	reg_write(v, offset + 4, (u32)(value >> 32));
}

bool virtio_host_find(struct virtio_host *v, u8 *regs, const struct tree_virtio *window)
{
	u32 version;

	*v = (struct virtio_host){ .regs = regs, .pa = window->base, .irq = window->irq };
	/* A window without a device has the id 0. */
	if (reg_read(v, MAGIC_VALUE) != MAGIC || !(v->id = reg_read(v, DEVICE_ID)))
		return false;
	version = reg_read(v, VERSION);
	if (version == VERSION_MODERN && window->coherent)
		return true;
	if (version == VERSION_LEGACY)
		log_line("host: the virtio device at %#lx has the legacy interface: not used (QEMU needs "
			 "-global virtio-mmio.force-legacy=false)", v->pa);
	else
		log_line("host: the virtio device at %#lx is %s: not used", v->pa,
			 window->coherent ? "of an unknown version" : "not coherent with caches");
	return false;
}

static void status_add(struct virtio_host *v, u32 bits)
{
	reg_write(v, STATUS, reg_read(v, STATUS) | bits);
}

bool virtio_host_reset(struct virtio_host *v)
{
	u64 until = host_time() + host_timebase() * RESET_WAIT_MS / 1000;

	reg_write(v, STATUS, 0);
	while (reg_read(v, STATUS))
		if (host_time() > until)
			return false;
	/* What it wrote comes before what is done with it from here on. */
	__asm__ volatile("fence" ::: "memory");
	return true;
}

bool virtio_host_broken(const struct virtio_host *v)
{
	return reg_read(v, STATUS) & STATUS_NEEDS_RESET;
}

static u64 features_offered(struct virtio_host *v)
{
	u64 low;

	reg_write(v, DEVICE_FEATURES_SEL, 0);
	low = reg_read(v, DEVICE_FEATURES);
	reg_write(v, DEVICE_FEATURES_SEL, 1);
	return low | (u64)reg_read(v, DEVICE_FEATURES) << 32;
}

static void features_accept(struct virtio_host *v)
{
	reg_write(v, DRIVER_FEATURES_SEL, 0);
	reg_write(v, DRIVER_FEATURES, (u32)v->features);
	reg_write(v, DRIVER_FEATURES_SEL, 1);
	reg_write(v, DRIVER_FEATURES, (u32)(v->features >> 32));
	status_add(v, STATUS_FEATURES_OK);
}

bool virtio_host_begin(struct virtio_host *v, u64 wanted)
{
	if (!virtio_host_reset(v)) {
		log_line("host: the virtio device at %#lx does not reset: not used", v->pa);
		return false;
	}
	status_add(v, STATUS_ACKNOWLEDGE);
	status_add(v, STATUS_DRIVER);
	v->features = features_offered(v) & (wanted | FEATURES_ALL);
	features_accept(v);
	if (virtio_host_has(v, F_VERSION_1) && reg_read(v, STATUS) & STATUS_FEATURES_OK)
		return true;
	log_line("host: the virtio device at %#lx refuses the features %#lx: not used", v->pa, v->features);
	reg_write(v, STATUS, STATUS_FAILED);
	return false;
}

/* 4.2.3.2 "Virtqueue Configuration" */
bool virtio_host_queue(struct virtio_host *v, u16 queue, u16 max, struct vring *r)
{
	u32 size = max;
	void *memory;

	reg_write(v, QUEUE_SEL, queue);
	if (reg_read(v, QUEUE_READY))
		return false;
	while (size > reg_read(v, QUEUE_SIZE_MAX))
		size /= 2;
	memory = size ? host_alloc(vring_bytes((u16)size), NULL) : NULL;
	if (!memory)
		return false;
	vring_init(r, (u16)size, virtio_host_has(v, F_EVENT_IDX), memory);
	reg_write(v, QUEUE_SIZE, size);
	reg_write64(v, QUEUE_DESC_LOW, host_pa(r->desc));
	reg_write64(v, QUEUE_DRIVER_LOW, host_pa(r->avail));
	reg_write64(v, QUEUE_DEVICE_LOW, host_pa(r->used));
	__asm__ volatile("fence" ::: "memory");
	reg_write(v, QUEUE_READY, 1);
	return true;
}

void virtio_host_go(struct virtio_host *v)
{
	status_add(v, STATUS_DRIVER_OK);
}

void virtio_host_notify(const struct virtio_host *v, u16 queue)
{
	/* What is in memory comes before the register. */
	__asm__ volatile("fence w, o" ::: "memory");
	reg_write(v, QUEUE_NOTIFY, queue);
}

bool virtio_host_ack(const struct virtio_host *v)
{
	u32 status = reg_read(v, INTERRUPT_STATUS);

	if (status)
		reg_write(v, INTERRUPT_ACK, status);
	/* The rings are looked at after this, or what comes meanwhile would interrupt no more. */
	__asm__ volatile("fence io, rw" ::: "memory");
	return status & INTERRUPT_CONFIG;
}

static u64 config_read(const struct virtio_host *v, u32 offset, unsigned size)
{
	u8 *p = v->regs + CONFIG + offset;

	switch (size) {
	case 1: return *(volatile u8 *)p;
	case 2: return *(volatile u16 *)(void *)p;
	case 4: return reg_read(v, CONFIG + offset);
	}
	return reg_read(v, CONFIG + offset) | (u64)reg_read(v, CONFIG + offset + 4) << 32;
}

/* 2.5 "Device Configuration Space": larger fields may change between two reads. */
u64 virtio_host_config(const struct virtio_host *v, u32 offset, unsigned size)
{
	u64 value = 0;

	for (unsigned i = 0; i < GENERATION_TRIES; i++) {
		u32 generation = reg_read(v, CONFIG_GENERATION);

		value = config_read(v, offset, size);
		if (generation == reg_read(v, CONFIG_GENERATION))
			break;
	}
	return value;
}

int virtio_host_wait(struct virtio_host *v, struct vring *r, u32 *written)
{
	u64 until = host_time() + host_timebase() * VIRTIO_HOST_WAIT_MS / 1000;
	int head;

	while ((head = vring_take(r, written)) == VRING_EMPTY && host_time() < until)
		;
	virtio_host_ack(v);
	return head;
}
