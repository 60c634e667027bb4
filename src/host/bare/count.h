/*
 * How many instructions the hypervisor itself executes, for the benchmarks: the
 * boot argument `count` turns instret into a counter of HS-mode alone, by the
 * firmware's SBI PMU extension and Smcntrpmf. Then nothing is added to any path,
 * but guests that may read instret see the hypervisor's count, and it is one
 * hart's: for measuring, on a machine with one hart.
 */
#ifndef HOST_BARE_COUNT_H
#define HOST_BARE_COUNT_H

#include "lib/types.h"

#define COUNT_SLOTS 64

/* Once, early in bare_main(). Without the boot argument nothing here does anything. Says in the
 * log what is counted, or why instructions cannot be. */
void count_init(void);
/* The calling hart's HS-mode instructions since an arbitrary start; 0 when not counting. */
u64 count_own(void);

/*
 * A VM begins to run, or has ended but is not yet taken apart: log lines with the instructions
 * in between and with the memory in use. @slot is the VM's index; one of COUNT_SLOTS or more is
 * not counted. A second begin without an end is none.
 */
void count_begin(unsigned slot, const char *name);
void count_end(unsigned slot, const char *name);

#endif
