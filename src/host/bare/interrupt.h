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
/*
 * @fn is called, in any context and any space, no lock held, when the source is pending. It quiets the
 * device and returns true; or returns false, and the source stays silent until irq_complete(). Several
 * may share a source. The interrupt goes to the hart that registered first, until
 * bare_interrupts_to(): just then, and only then, two harts may call @fn at once. It stays for
 * ever. False: there is no such source, or no controller.
 */
bool irq_register(u32 source, bool (*fn)(void *arg), void *arg);
/* Whether somebody registered for the source. */
bool irq_is_taken(u32 source);
/* For a handler that returned false, from any hart. */
void irq_complete(u32 source);
/* Serves what is pending for this hart. */
void irqchip_serve(void);

#endif
