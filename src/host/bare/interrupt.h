/* Device interrupts of the bare machine: a PLIC so far. */
#ifndef HOST_BARE_INTERRUPT_H
#define HOST_BARE_INTERRUPT_H

#include "lib/types.h"

struct tree;

/* Finds the interrupt controller; boot hart. */
void irqchip_init(const struct tree *t);
/* Lets device interrupts through to the calling hart. */
void irqchip_hart_init(void);
/* What was found, for the boot log. */
const char *irqchip_name(void);
/* @fn is called, in any context, when the source is pending; it must quiet the device. The
 * interrupt goes to the calling hart, until bare_interrupts_to(). False: there is no such source. */
bool irq_register(u32 source, void (*fn)(void));
/* Serves what is pending for this hart. */
void irqchip_serve(void);

#endif
