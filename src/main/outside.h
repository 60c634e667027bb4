/*
 * What the VMs of a system have in common: switches, pipes, shared memory. The same on every
 * host; the host's own disks and NICs come from main/'s other files.
 */
#ifndef MAIN_OUTSIDE_H
#define MAIN_OUTSIDE_H

#include "vm/config.h"
#include "vm/outside.h"

/* The host's part. */
struct outside_host {
	/* As in struct vm_outside; NULL: the host has no disks to give. */
	struct block *(*disk)(struct vm *vm, const struct disk_config *config);
	/* Joins a switch to a NIC of the host; 0 or a negative errno. NULL: it has none to give. */
	int (*uplink)(struct net_switch *s, const struct switch_config *config);
	/* As in struct vm_outside; NULL: the host has no devices to give. */
	bool (*lend)(struct vm *vm, const struct host_device_config *config, struct lent_device *device);
	void (*lend_irq)(u32 irq, const struct irq_line *wire);
	void (*lend_completed)(u32 irq);
};

/* Makes what the description names; it must stay. Mistakes that show only now (no such NIC) are
 * logged: false, and nothing is to be started. Once, before the VMs are created. */
bool outside_init(const struct system_config *config, const struct outside_host *host);
/* For struct vm_parts. */
extern const struct vm_outside outside;

#endif
