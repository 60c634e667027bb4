/* Devices of the machine that VMs have for themselves ("passthrough" of the description). */
#ifndef MAIN_BARE_LEND_H
#define MAIN_BARE_LEND_H

#include "main/outside.h"

/* Looks at what the description wants to have lent; what cannot be is logged. False: nothing is to be
 * started. Once, before VMs are created, when the hypervisor has its own devices. */
bool lend_check(const struct system_config *config);

/* For struct outside_host. */
bool lend_device(struct vm *vm, const struct host_device_config *config, struct lent_device *device);
void lend_irq(u32 irq, const struct irq_line *wire);
void lend_completed(u32 irq);

#endif
