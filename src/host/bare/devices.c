/* The machine's virtio devices: who drives which. See host/bare/devices.h. */
#include "host/bare/devices.h"

#include "host/bare/drivers.h"
#include "host/bare/interrupt.h"
#include "host/bare/random.h"
#include "host/bare/table.h"
#include "host/bare/tree.h"
#include "host/host.h"
#include "lib/log.h"

#define WINDOWS_MAX 32
#define POLL_MS 1

static struct virtio_host devices[WINDOWS_MAX];
static unsigned device_count;

/* Those without an interrupt. */
static struct {
	bool (*fn)(void *arg);
	void *arg;
} polled[WINDOWS_MAX];
static unsigned polled_count;

/* ---- Service */

void device_serve_by(const struct virtio_host *v, bool (*fn)(void *arg), void *arg)
{
	if (irq_register(v->irq, fn, arg))
		return;
	polled[polled_count].fn = fn;
	polled[polled_count++].arg = arg;
}

static void poll_run(void *arg unused)
{
	for (;;) {
		for (unsigned i = 0; i < polled_count; i++)
			polled[i].fn(polled[i].arg);
		host_sleep(host_time() + host_timebase() * POLL_MS / 1000);
	}
}

/* ---- Boot */

static void device_probe(u8 *regs, const struct tree_virtio *window)
{
	struct virtio_host *v = &devices[device_count];

	if (!regs || !virtio_host_find(v, regs, window))
		return;
	device_count++;
	switch (v->id) {
	case VIRTIO_HOST_BLOCK: disk_probe(v); break;
	case VIRTIO_HOST_NET: nic_probe(v); break;
	case VIRTIO_HOST_ENTROPY: rng_probe(v); break;
	default: log_line("host: no driver for virtio device %u at %#lx", v->id, v->pa);
	}
}

/* How many windows from the first one on lie side by side. */
static unsigned windows_adjacent(const struct tree_virtio *windows, unsigned count)
{
	unsigned n = 1;

	while (n < count && windows[n].base == windows[n - 1].base + windows[n - 1].size)
		n++;
	return n;
}

void devices_init(const struct tree *t)
{
	struct tree_virtio windows[WINDOWS_MAX];
	unsigned count = tree_virtio(t, windows, WINDOWS_MAX), n;

	/* Neighbours are mapped together: each mapping takes a table. */
	for (unsigned i = 0; i < count; i += n) {
		u64 base = windows[i].base;
		u8 *regs;

		n = windows_adjacent(&windows[i], count - i);
		regs = table_map_device(base, windows[i + n - 1].base + windows[i + n - 1].size - base);
		for (unsigned k = i; k < i + n; k++)
			device_probe(regs ? regs + (windows[k].base - base) : NULL, &windows[k]);
	}
}

void devices_start(void)
{
	static const struct host_task_spec spec = { .name = "devices", .run = poll_run };

	disk_report();
	nic_report();
	log_line("host: random numbers from %s", random_source());
	if (!polled_count)
		return;
	log_line("host: %u virtio device%s without an interrupt: polled", polled_count,
		 polled_count == 1 ? "" : "s");
	if (!host_task_start(&spec, NULL))
		log_line("host: no memory to poll them");
}
