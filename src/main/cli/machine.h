/* The machine that a system needs. */
#ifndef MAIN_CLI_MACHINE_H
#define MAIN_CLI_MACHINE_H

#include "main/cli/description.h"

/* Beside the guests' memory and the system image: firmware, hypervisor, and room. */
#define MACHINE_RESERVE (64 * MIB)
#define MACHINE_MEMORY_UNIT (128 * MIB)
#define MACHINE_MEMORY_MAX (16 * 1024 * GIB)
/* So many harts at most for VMs that may share any: more would only share the workstation's. */
#define MACHINE_SHARED_MAX 4

struct machine {
	u32 harts;
	u64 memory; /* bytes, all of it */
	bool no_h;  /* its harts have no H extension */
};

/* The machine for @d with a system image of @image bytes. */
struct machine machine_choose(struct description *d, u64 image);
/* Reports what the system needs and the machine has not; true when it has all. */
bool machine_check(struct description *d, const struct machine *machine, u64 image);

#endif
