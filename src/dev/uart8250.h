/* The ns16550a of QEMU's `virt`: the guest's console. */
#ifndef DEV_UART8250_H
#define DEV_UART8250_H

#include "host/host.h"
#include "io/char.h"
#include "vm/dev.h"

#define UART8250_SIZE 0x100

/*
 * Attaches itself to @backend (NULL: a line that nobody listens to), which must outlive the
 * model; ops->destroy detaches it. The model holds registers and at most 16 received bytes;
 * it lies in common memory, because input arrives from any task. @payer pays for it until
 * ops->destroy. NULL when memory is short.
 */
struct dev *uart8250_create(u64 base, struct irq_line irq, struct char_backend *backend,
			    struct host_account *payer);

#endif
