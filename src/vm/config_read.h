/* The parts of config_read(): a tree, one VM of it, what the VMs are to each other. */
#ifndef VM_CONFIG_READ_H
#define VM_CONFIG_READ_H

#include "vm/config_text.h"

#define CONFIG_COMPATIBLE "bulkhead,system"
/* A description with 64 VMs and the longest texts stays below it; it bounds the work. */
#define CONFIG_DTB_MAX (256 * KIB)
#define CONFIG_MEMORY_UNIT (2 * MIB)
#define CONFIG_MEMORY_MAX (1024 * GIB)
#define CONFIG_HARTS_MAX 64

/* Reads the VM at @node of a tree that was checked as a whole; mistakes go to @report. */
void config_read_vm(const void *fdt, int node, const char *name, struct vm_config *vm,
		    struct config_report *report);
/* Mistakes that show only when all VMs are seen together. */
void config_check_system(const struct system_config *sys, struct config_report *report);

#endif
