/*
 * What the guest's generated device tree needs beside libfdt: who has which
 * phandle, and the few properties that every device writes. All functions
 * append to a tree being built sequentially and return 0 or a negative libfdt
 * error, so that calls chain: a(fdt) ?: b(fdt) ?: c(fdt).
 */
#ifndef VM_FDT_H
#define VM_FDT_H

#include "vm/dev.h"

enum fdt_phandle {
	FDT_PHANDLE_PLIC = 1,
	FDT_PHANDLE_SYSCON = 2,
	FDT_PHANDLE_CPU_INTC = 16, /* + hart id */
};

/* "reg" of one range, two cells each for address and size. */
int fdt_reg(void *fdt, u64 base, u64 size);
/* A property of one string, and one that lists @count of them. */
int fdt_text(void *fdt, const char *name, const char *string);
int fdt_string_list(void *fdt, const char *name, const char *const *strings, unsigned count);
/* A property of @count cells; at most 256. */
int fdt_cells(void *fdt, const char *name, const u32 *cells, unsigned count);
/* Begins node "name@base" of a device, with its reg. The caller ends it. */
int fdt_begin_device(void *fdt, const char *name, const struct dev *d);
/* "interrupts" and "interrupt-parent" of a device wired to the PLIC; nothing if it is not. */
int fdt_interrupt(void *fdt, const struct dev *d);

#endif
