/*
 * What a VM's devices stand on that is not the VM's own: the host's disks, networks, the
 * operator's terminal. Given by main/, so that neither core nor board know a host. All are
 * called by the VM's keeper, in the VM's space, while the VM is built; where the result is an
 * error, vm->failure says why.
 */
#ifndef VM_OUTSIDE_H
#define VM_OUTSIDE_H

#include "vm/config.h"

struct vm;
struct block;
struct net_switch;
struct char_backend;
struct shared_region;
struct host_extent;
struct irq_line;

/* A piece of memory that several VMs share, as one of them sees it. */
struct vm_shared {
	struct shared_region *region; /* its doorbells */
	unsigned id;                  /* which of its members the VM is */
	u64 size;                     /* bytes */
	const struct host_extent *extents; /* of the host's memory; mapped in no VM's space */
	unsigned count;
};

#define LENT_REGS_MAX 4
#define LENT_IRQS_MAX 4

/* A device of the host that a VM has for itself. */
struct lent_device {
	const void *tree; /* the host's device tree, checked and read-only, and the device's node in it */
	int node;
	unsigned reg_count;
	struct {
		u64 base, size; /* as the tree says; the pages they lie in hold nothing else */
	} regs[LENT_REGS_MAX];
	unsigned irq_count;
	u32 irqs[LENT_IRQS_MAX]; /* the host's numbers */
};

struct vm_outside {
	/* A handle to a disk of the host, which the caller destroys; NULL: there is none. */
	struct block *(*disk)(struct vm *vm, const struct disk_config *config);
	/* The switch of that number in the description. */
	struct net_switch *(*network)(struct vm *vm, u32 number);
	/* The other side of a virtio console; it outlives the VM. */
	struct char_backend *(*console)(struct vm *vm, const struct device_config *config);
	/* False: there is none. */
	bool (*shared)(struct vm *vm, const struct device_config *config, struct vm_shared *shared);
	/* False: the host has no such device to give. */
	bool (*lend)(struct vm *vm, const struct host_device_config *config, struct lent_device *device);
	/* From now on the interrupt raises @wire (NULL: nothing), and then waits for lend_completed(). */
	void (*lend_irq)(u32 irq, const struct irq_line *wire);
	/* Any task, also with a device's lock held. */
	void (*lend_completed)(u32 irq);
};

#endif
