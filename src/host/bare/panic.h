/* trap.S's way into the panic. */
#ifndef HOST_BARE_PANIC_H
#define HOST_BARE_PANIC_H

#include "lib/types.h"

extern u64 bare_panic_hart;     /* the struct percpu of the hart that panics, 0: none */
extern u64 bare_panic_regs[32]; /* x1 to x31 at the trap */

_Noreturn void bare_panic_trap(u64 *regs);
_Noreturn void bare_panic_again(void);

#endif
