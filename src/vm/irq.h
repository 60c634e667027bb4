/*
 * An interrupt wire from a device to whatever chip it is soldered to. A device
 * owns a wire, not a controller.
 */
#ifndef VM_IRQ_H
#define VM_IRQ_H

#include "lib/types.h"

struct irq_line {
	void (*set)(void *chip, unsigned input, bool level);
	void *chip;
	unsigned input;
};

/* Level-triggered; setting a level again is harmless. An unconnected wire goes nowhere. */
static inline void irq_set(const struct irq_line *line, bool level)
{
	if (line->set)
		line->set(line->chip, line->input, level);
}

#endif
