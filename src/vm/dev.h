/*
 * A device model: offsets and values, an interrupt wire and a backend. The bus
 * has checked range, size and alignment and holds the device's lock, so a model
 * is straight single-threaded code.
 */
#ifndef VM_DEV_H
#define VM_DEV_H

#include "lib/lock.h"
#include "lib/types.h"
#include "vm/irq.h"

struct dev;
struct vm;

enum dev_sizes { /* a mask of the access sizes that the device answers, in bytes */
	DEV_SIZE_1 = 1,
	DEV_SIZE_2 = 2,
	DEV_SIZE_4 = 4,
	DEV_SIZE_8 = 8,
};

struct dev_ops {
	const char *name;
	u32 sizes; /* enum dev_sizes; others get an access fault */
	/* @off < dev.size, @off a multiple of @size. */
	u64 (*read)(struct dev *d, u64 off, unsigned size);
	void (*write)(struct dev *d, u64 off, unsigned size, u64 value);
	void (*reset)(struct dev *d);
	/* Writes the device's node into the tree being built sequentially (libfdt fdt_begin_node
	 * ... fdt_end_node) within /soc; 0 or a negative libfdt error. May be NULL. */
	int (*describe)(const struct dev *d, void *fdt);
	/* Frees what the model's create function took. May be NULL. */
	void (*destroy)(struct dev *d);
};

struct dev {
	const struct dev_ops *ops;
	u64 base; /* guest-physical */
	u64 size;
	struct irq_line irq;
	struct lock lock;
	/* All guest-visible state, pointer-free, for save and load; may be NULL. */
	void *state;
	u64 state_size;
};

#endif
