/* The devices that a VM's description names, each in a slot of the address table. */
#include "board/virt_devices.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "board/virt.h"
#include "dev/plic.h"
#include "dev/shared.h"
#include "dev/virtio_blk.h"
#include "dev/virtio_console.h"
#include "dev/virtio_net.h"
#include "dev/virtio_rng.h"
#include "io/block_part.h"
#include "io/block_ram.h"
#include "io/net.h"
#include "vm/outside.h"

/* Large enough for some segments of 64 KiB on their way; what a port may cost its VM. */
#define PORT_BUFFER (512 * KIB)

struct slot {
	u64 base;
	struct irq_line irq;
};

/* QEMU's virt has eight virtio devices with sources 1 to 8; more go on above them, with sources that
 * are free there. */
static struct slot slot_of(struct dev *plic, u32 n)
{
	return (struct slot){
		.base = VIRT_VIRTIO + n * VIRTIO_MMIO_SIZE,
		.irq = plic_line(plic, n < 8 ? VIRT_IRQ_VIRTIO + n : VIRT_IRQ_MORE + (n - 8)),
	};
}

static int fail(struct vm *vm, const struct device_config *d, const char *why)
{
	if (!vm->failure[0])
		snprintf(vm->failure, sizeof(vm->failure), "%s: %s", d->name, why);
	return -EIO;
}

/* ---- Disks */

static int host_disk_open(struct vm *vm, const struct device_config *d, struct block **out)
{
	const struct disk_config *c = &d->disk;
	struct block_part_spec part = { .partition = c->partition, .offset = c->offset, .size = c->size };
	int err;

	*out = vm->parts.outside->disk(vm, c);
	if (!*out)
		return fail(vm, d, "the host has no such disk");
	err = block_part_open(out, &part, &vm->account);
	if (!err)
		return 0;
	(*out)->ops->destroy(*out);
	switch (err) {
	case -ENOMEM: return err;
	case -ENOENT: return fail(vm, d, "its host disk has no such partition");
	case -EINVAL: return fail(vm, d, "its host disk has no partitions, or other block sizes");
	case -ERANGE: return fail(vm, d, "goes beyond the end of its host disk");
	default: return fail(vm, d, "its host disk cannot be read");
	}
}

static int disk_open(struct vm *vm, const struct device_config *d, struct block **out)
{
	const struct disk_config *c = &d->disk;
	int err;

	if (c->host[0])
		return host_disk_open(vm, d, out);
	if (c->file[0])
		err = block_file_create(vm->space, c->file, c->read_only, &vm->account, out);
	else
		err = block_ram_create(vm->space, c->size, &vm->account, out);
	if (err)
		fail(vm, d, err == -ENOENT ? "its file is missing or empty" : "not enough memory");
	return err;
}

static struct virtio_device *disk_create(struct vm *vm, const struct device_config *d, struct slot at)
{
	struct virtio_blk_config config = { .queues = d->disk.queues };
	struct virtio_device *v;
	struct block *disk;

	if (disk_open(vm, d, &disk))
		return NULL;
	disk->read_only |= d->disk.read_only;
	snprintf(config.serial, sizeof(config.serial), "%s", d->disk.serial);
	v = virtio_blk_create(vm, at.base, at.irq, &config, disk);
	if (!v)
		disk->ops->destroy(disk);
	return v;
}

/* ---- Networks */

static struct net_port *port_open(struct vm *vm, const struct device_config *d)
{
	const struct net_port_config config = {
		.vlan = d->net.vlan, .isolated = d->net.isolated, .rate = d->net.rate,
	};
	struct net_switch *s = vm->parts.outside->network(vm, d->net.network);
	struct net_port *port = s ? net_port_create(s, &config, PORT_BUFFER, &vm->account) : NULL;

	if (port)
		vm->board->ports[vm->board->port_count++] = port;
	return port;
}

/* The port goes after the device, with the board. */
static struct virtio_device *net_create(struct vm *vm, const struct device_config *d, struct slot at)
{
	struct virtio_net_config config = { .pairs = d->net.queues };
	struct net_port *port = port_open(vm, d);

	memcpy(config.mac, d->net.mac, sizeof(config.mac));
	return port ? virtio_net_create(vm, at.base, at.irq, &config, port) : NULL;
}

/* ---- The rest */

static struct virtio_device *console_create(struct vm *vm, const struct device_config *d, struct slot at)
{
	struct char_backend *other = vm->parts.outside->console(vm, d);

	return other ? virtio_console_create(vm, at.base, at.irq, d->name, other) : NULL;
}

static void random_fill(void *arg unused, void *buf, u64 size)
{
	u8 *to = buf;

	for (u64 n; size; size -= n, to += n) {
		u64 bits = host_random();

		n = min_u64(size, sizeof(bits));
		memcpy(to, &bits, n);
	}
}

static struct virtio_device *rng_create(struct vm *vm, const struct device_config *d unused,
					struct slot at)
{
	return virtio_rng_create(vm, at.base, at.irq, random_fill, NULL);
}

/* ---- Shared memory */

static int shared_map(struct vm *vm, const struct vm_shared *shared, u64 gpa, bool read_only)
{
	unsigned prot = read_only ? PROT_R : PROT_R | PROT_W;

	for (unsigned i = 0; i < shared->count; i++) {
		const struct host_extent *e = &shared->extents[i];
		int err = vm->engine->map(vm, gpa, e->pa, e->size, prot);

		if (err)
			return err;
		gpa += e->size;
	}
	return 0;
}

static struct dev *shared_open(struct vm *vm, const struct device_config *d, struct slot at)
{
	struct board *b = vm->board;
	struct vm_shared shared;
	struct shared_view view = { .base = b->shared_end, .read_only = d->shared.read_only };

	if (!vm->parts.outside->shared(vm, d, &shared))
		return NULL;
	view.id = shared.id;
	view.size = shared.size;
	if (view.size > VIRT_SHARED_END - view.base) {
		fail(vm, d, "no room for so much shared memory below the RAM");
		return NULL;
	}
	b->shared_end = align_up(view.base + view.size, 2 * MIB);
	if (shared_map(vm, &shared, view.base, view.read_only))
		return NULL;
	return shared_create(at.base, at.irq, shared.region, &view, &vm->account);
}

/* ---- All of them */

static struct virtio_device *virtio_create(struct vm *vm, const struct device_config *d, struct slot at)
{
	switch (d->kind) {
	case DEVICE_DISK: return disk_create(vm, d, at);
	case DEVICE_NET: return net_create(vm, d, at);
	case DEVICE_CONSOLE: return console_create(vm, d, at);
	case DEVICE_RNG: return rng_create(vm, d, at);
	default: return NULL;
	}
}

static struct dev *device_create(struct vm *vm, const struct device_config *d, struct slot at)
{
	struct virtio_device *v;

	if (d->kind == DEVICE_SHARED)
		return shared_open(vm, d, at);
	v = virtio_create(vm, d, at);
	return v ? &v->dev : NULL;
}

static int device_add(struct vm *vm, const struct device_config *d, struct slot at)
{
	struct dev *dev = device_create(vm, d, at);
	int err;

	if (!dev)
		return fail(vm, d, "not enough memory");
	err = bus_add(&vm->bus, dev);
	if (err)
		dev->ops->destroy(dev);
	return err;
}

int virt_devices(struct vm *vm, struct dev *plic)
{
	u32 slots = 0;
	int err;

	vm->board->shared_end = VIRT_SHARED;
	if (!vm->config.device_count)
		return 0;
	err = vm_work_start(vm);
	for (u32 i = 0; !err && i < vm->config.device_count; i++)
		if (vm->config.devices[i].kind != DEVICE_HOST)
			err = device_add(vm, &vm->config.devices[i], slot_of(plic, slots++));
	return err ? err : virt_lent(vm, &vm->board->lent, plic);
}

void virt_devices_gone(struct vm *vm)
{
	struct board *b = vm->board;

	while (b->port_count)
		net_port_destroy(b->ports[--b->port_count], &vm->account);
}
