/* A kernel's file, as far as it can be judged before it runs. */
#ifndef MAIN_CLI_KERNEL_H
#define MAIN_CLI_KERNEL_H

#include "lib/types.h"

/* How much of a VM's memory the kernel takes, in bytes from the start of its RAM: as vm/load.c
 * will place it. False, with a constant string in *why, when it can be no kernel for RISC-V. */
bool kernel_measure(const char *path, u64 file_size, u64 *need, const char **why);

#endif
