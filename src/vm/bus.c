#include "vm/bus.h"

#include <errno.h>
#include <string.h>

#include "host/host.h"

static inline bool dev_holds(const struct dev *d, u64 gpa)
{
	return gpa - d->base < d->size;
}

/* How many devices begin at or below @gpa; the last of them is the one that may hold it. */
static u64 bus_rank(const struct bus *bus, u64 gpa)
{
	u64 low = 0, high = bus->count;

	while (low < high) {
		u64 mid = (low + high) / 2;

		if (gpa < bus->devices[mid]->base)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

int bus_add(struct bus *bus, struct dev *d)
{
	u64 at = bus_rank(bus, d->base);

	/* Then an aligned access that begins within a device also ends within it. */
	host_assert(d->size && is_aligned(d->base | d->size, 8) && d->base + d->size > d->base);
	if (bus->count == BUS_DEVICES_MAX)
		return -ENOSPC;
	if (at > 0 && dev_holds(bus->devices[at - 1], d->base))
		return -EEXIST;
	if (at < bus->count && dev_holds(d, bus->devices[at]->base))
		return -EEXIST;
	for (u64 i = bus->count; i > at; i--)
		bus->devices[i] = bus->devices[i - 1];
	bus->devices[at] = d;
	bus->count++;
	/* Nothing of a former run. */
	memset(bus->recent, 0, sizeof(bus->recent));
	return 0;
}

struct dev *bus_find(const struct bus *bus, u64 gpa)
{
	u64 rank = bus_rank(bus, gpa);

	if (rank == 0 || !dev_holds(bus->devices[rank - 1], gpa))
		return NULL;
	return bus->devices[rank - 1];
}

/* Pages that lie side by side are told apart, and so are the few megabytes with something in them. */
static inline struct dev **bus_recent(struct bus *bus, u64 gpa)
{
	return &bus->recent[(gpa >> 12 ^ gpa >> 24) % BUS_RECENT];
}

/*
 * As bus_find(), but looks first at what answered there last: drivers go to and fro between a device
 * and the interrupt controller. vCPUs may overwrite each other's hints, so they are believed
 * only as far as they hold.
 */
static inline struct dev *bus_find_again(struct bus *bus, u64 gpa)
{
	struct dev **recent = bus_recent(bus, gpa);
	struct dev *d = __atomic_load_n(recent, __ATOMIC_RELAXED);
	u64 rank;

	if (d && dev_holds(d, gpa))
		return d;
	/* Not by bus_find(): a call would have registers saved on the short way, too. */
	rank = bus_rank(bus, gpa);
	if (rank == 0 || !dev_holds(bus->devices[rank - 1], gpa))
		return NULL;
	__atomic_store_n(recent, bus->devices[rank - 1], __ATOMIC_RELAXED);
	return bus->devices[rank - 1];
}

bool bus_access(struct bus *bus, u64 gpa, unsigned size, bool write, u64 *value)
{
	struct dev *d = bus_find_again(bus, gpa);
	const struct dev_ops *ops;
	u64 off;

	if (!d)
		return false;
	ops = d->ops;
	off = gpa - d->base;
	/* enum dev_sizes: the bit is the size. */
	if (!(ops->sizes & size) || (unsigned)off & (size - 1))
		return false;
	lock_take(&d->lock);
	if (write)
		ops->write(d, off, size, *value);
	else
		*value = ops->read(d, off, size);
	lock_drop(&d->lock);
	return true;
}

void bus_reset(struct bus *bus)
{
	for (u64 i = 0; i < bus->count; i++) {
		struct dev *d = bus->devices[i];

		if (!d->ops->reset)
			continue;
		lock_take(&d->lock);
		d->ops->reset(d);
		lock_drop(&d->lock);
	}
}
