/* What the parts of host/bare learn from the boot. */
#ifndef HOST_BARE_BOOT_H
#define HOST_BARE_BOOT_H

#include "host/bare/tree.h"

extern struct tree host_tree;

/* C's side of entry.S: the boot hart's, and every other one's first function. */
_Noreturn void bare_boot(u64 hart_id, u64 fdt, u64 image);
_Noreturn void bare_boot_secondary(void);
/* In entry.S, entered by the firmware at its physical address. */
void boot_secondary(void);

/* Starts every other hart of the tree. */
void harts_start(void);

#endif
