/*
 * Virtio 1.3, 5.4 "Entropy Device". Good random numbers are slow, so a chain is filled in slices, by
 * the I/O task after the first.
 */
#include "dev/virtio_rng.h"

#include "vm/vm.h"

#define RNG_SLICE 512ul          /* bytes made in one go */
#define RNG_CHAINS 16            /* looked at in one go */
#define RNG_CHAIN_MAX (64 * KIB) /* bytes of a chain; 5.4.6: the device may write fewer than fit */

struct virtio_rng {
	struct virtio_device v;
	void (*fill)(void *arg, void *buf, u64 size);
	void *arg;
	struct vm_work work;
	/* The device's lock guards these. */
	u64 filled; /* bytes of the first chain in the queue */
	struct virtq_chain chain;
};

static struct virtio_rng *rng_of(struct virtio_device *d)
{
	return container_of(d, struct virtio_rng, v);
}

/* Fills the chain that was taken by @size bytes more, or to its end. */
static void rng_fill(struct virtio_rng *r, u64 size)
{
	const struct virtq_chain *chain = &r->chain;
	const struct virtq_segment *s = &chain->segments[chain->readable];
	u64 skip = r->filled, done = 0, n;

	for (unsigned i = 0; i < chain->writable && done < size; i++, s++) {
		if (skip >= s->host.size) {
			skip -= s->host.size;
			continue;
		}
		n = min_u64(s->host.size - skip, size - done);
		r->fill(r->arg, s->host.va + skip, n);
		done += n;
		skip = 0;
	}
	virtq_wrote(&r->v.queues[0], chain, r->filled, done);
	r->filled += done;
}

/*
 * Takes the next chain, fills it as far as *@left bytes go, and gives it back if it is full. One that is
 * not stays in the ring: nothing is in flight when the driver resets the device. What the driver
 * changes meanwhile is its own affair.
 */
static enum virtq_taken rng_serve_chain(struct virtio_rng *r, u64 *left)
{
	struct virtq *q = &r->v.queues[0];
	enum virtq_taken taken = virtq_take(q, &r->chain);
	u64 size, n;

	if (taken != VIRTQ_TAKEN)
		return taken;
	size = min_u64(r->chain.writable_size, RNG_CHAIN_MAX);
	n = r->filled < size ? min_u64(size - r->filled, *left) : 0;
	rng_fill(r, n);
	*left -= n;
	if (r->filled < size) {
		virtq_untake(q, &r->chain);
		return taken;
	}
	virtq_give(q, &r->chain, (u32)size);
	r->filled = 0;
	return taken;
}

static void rng_serve(struct virtio_rng *r)
{
	struct virtq *q = &r->v.queues[0];
	enum virtq_taken taken = VIRTQ_TAKEN;
	u64 left = RNG_SLICE;

	for (unsigned i = 0; i < RNG_CHAINS && left && taken == VIRTQ_TAKEN; i++)
		taken = rng_serve_chain(r, &left);
	virtq_publish(q);
	if (taken == VIRTQ_TAKEN || (taken == VIRTQ_EMPTY && virtq_notifications(q, true)))
		vm_work_queue(r->v.vm, &r->work);
}

static void rng_work(struct vm_work *work)
{
	struct virtio_rng *r = container_of(work, struct virtio_rng, work);

	lock_take(&r->v.dev.lock);
	rng_serve(r);
	lock_drop(&r->v.dev.lock);
}

static void rng_notify(struct virtio_device *d, unsigned queue unused)
{
	rng_serve(rng_of(d));
}

static void rng_reset(struct virtio_device *d, int queue unused)
{
	rng_of(d)->filled = 0;
}

static void rng_destroy(struct virtio_device *d)
{
	struct virtio_rng *r = rng_of(d);

	virtio_quiesce(d);
	vm_work_cancel(d->vm, &r->work);
	host_free(r, sizeof(*r), &d->vm->account);
}

static const struct virtio_ops rng_ops = {
	.name = "virtio-rng",
	.id = VIRTIO_ID_ENTROPY,
	.notify = rng_notify,
	.reset = rng_reset,
	.destroy = rng_destroy,
};

struct virtio_device *virtio_rng_create(struct vm *vm, u64 base, struct irq_line irq,
					void (*fill)(void *arg, void *buf, u64 size), void *arg)
{
	struct virtio_rng *r = host_alloc(sizeof(*r), &vm->account);

	if (!r)
		return NULL;
	r->fill = fill;
	r->arg = arg;
	r->work.run = rng_work;
	virtio_init(&r->v, vm, &rng_ops, base, irq, 0, 1, 0);
	return &r->v;
}
