/*
 * The bus: which device answers at a guest-physical address. Fixed after the
 * VM was wired, so it needs no lock.
 */
#ifndef VM_BUS_H
#define VM_BUS_H

#include "vm/dev.h"

#define BUS_DEVICES_MAX 64
#define BUS_RECENT 16 /* a power of two */

struct bus {
	u64 count;
	/* Atomic; what answered last at pages of some address: hints, right or wrong; NULL: nothing yet. */
	struct dev *recent[BUS_RECENT];
	struct dev *devices[BUS_DEVICES_MAX]; /* sorted by base, no overlap */
};

/* -EEXIST when it overlaps another, -ENOSPC when the bus is full. Does not take ownership. */
int bus_add(struct bus *bus, struct dev *d);
/* The device whose range holds @gpa, or NULL. */
struct dev *bus_find(const struct bus *bus, u64 gpa);
/*
 * One access of @size (1, 2, 4 or 8) bytes; reads store to, writes take from *value.
 * False, with nothing done, when no device takes it: the guest gets an access fault.
 */
bool bus_access(struct bus *bus, u64 gpa, unsigned size, bool write, u64 *value);
void bus_reset(struct bus *bus);

#endif
