/*
 * The machine's random numbers: virtio 1.3, 5.4 "Entropy Device", from the driver's
 * side. What it gives goes into the generator's key (host/bare/random.c), at boot and
 * whenever much was drawn since.
 */
#include <string.h>

#include "host/bare/drivers.h"
#include "host/bare/random.h"
#include "host/host.h"
#include "lib/lock.h"
#include "lib/log.h"

#define BYTES 64 /* twice the key */

static struct {
	struct virtio_host *device;
	struct lock lock; /* guards what follows */
	struct vring ring;
	u8 *bytes;
} rng;

/* Asks for more; one request at a time. With the lock held. */
static bool rng_ask(void)
{
	if (rng.ring.in_flight)
		return false;
	rng.ring.desc[0] = (struct vring_desc){ host_pa(rng.bytes), BYTES, VRING_WRITE, 0 };
	vring_put(&rng.ring, 0);
	return vring_publish(&rng.ring);
}

static void rng_refill(void)
{
	bool notify;

	lock_take(&rng.lock);
	notify = rng_ask();
	lock_drop(&rng.lock);
	if (notify)
		virtio_host_notify(rng.device, 0);
}

static void rng_got(u32 written)
{
	u64 size = min_u64(written, BYTES);

	random_mix(rng.bytes, size);
	memset(rng.bytes, 0, BYTES);
}

static bool rng_serve(void *arg unused)
{
	u32 written;
	int head;

	virtio_host_ack(rng.device);
	lock_take(&rng.lock);
	head = vring_take(&rng.ring, &written);
	if (head >= 0)
		rng_got(written);
	vring_interrupts(&rng.ring, true);
	lock_drop(&rng.lock);
	return true;
}

void rng_probe(struct virtio_host *v)
{
	u32 written;

	if (rng.device || !virtio_host_begin(v, 0))
		return;
	rng.bytes = host_alloc(BYTES, NULL);
	if (!rng.bytes || !virtio_host_queue(v, 0, 1, &rng.ring))
		return;
	rng.device = v;
	virtio_host_go(v);
	rng_refill();
	if (virtio_host_wait(v, &rng.ring, &written) == 0)
		rng_got(written);
	else
		log_line("host: the random numbers at %#lx are late", v->pa);
	vring_interrupts(&rng.ring, true);
	device_serve_by(v, rng_serve, NULL);
	random_set_refill(rng_refill);
}
