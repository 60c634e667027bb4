/*
 * The platform-level interrupt controller of QEMU's `virt`: 95 sources, and per
 * hart an M-mode context (even number, connected to nothing) and an S-mode one (odd).
 */
#ifndef DEV_PLIC_H
#define DEV_PLIC_H

#include "host/host.h"
#include "vm/dev.h"

#define PLIC_SIZE 0x600000
#define PLIC_SOURCES 96 /* source 0 does not exist */
#define PLIC_HARTS_MAX 32

/*
 * @output is called when the external interrupt of @hart's S-mode changes, from any task that
 * moves a wire, with the PLIC's lock held: it must not come back. The device tree names the
 * interrupt controllers of harts 0 to @harts - 1 (1..PLIC_HARTS_MAX). The model lies in common
 * memory; @payer pays for it until ops->destroy. NULL when memory is short.
 */
struct dev *plic_create(u64 base, unsigned harts,
			void (*output)(void *arg, unsigned hart, bool level), void *arg,
			struct host_account *payer);
/* The wire to @source (1..PLIC_SOURCES - 1). Any task may move it, also with a device's
 * lock held: the PLIC's own lock comes after that. */
struct irq_line plic_line(struct dev *d, unsigned source);
/*
 * The wire to a source whose device is not there to lower it, because it is the host's: the guest's
 * completion does, and calls @completed, with the PLIC's lock held, so that the host looks at the
 * device again. It must not come back. One function and @arg for all such sources of a PLIC, set
 * before the guest runs.
 */
struct irq_line plic_relay(struct dev *d, unsigned source,
			   void (*completed)(void *arg, unsigned source), void *arg);

#endif
