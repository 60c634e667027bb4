/* The parts of config_read(): a tree, one VM of it, what the VMs have in common. */
#ifndef VM_CONFIG_READ_H
#define VM_CONFIG_READ_H

#include "vm/config_value.h"

#define CONFIG_COMPATIBLE "bulkhead,system"
/* A description with 64 VMs, all devices and the longest texts stays below it; it bounds the
 * work. */
#define CONFIG_DTB_MAX (512 * KIB)
#define CONFIG_MEMORY_UNIT (2 * MIB)
#define CONFIG_MEMORY_MAX (1024 * GIB)
#define CONFIG_HARTS_MAX 64
#define CONFIG_PAGE (4 * KIB)

/* All of these read @node of a tree that was checked as a whole; mistakes go to @report. */

/* /switches and /shared: come before the VMs, which name what is in them. */
void config_read_switches(const void *fdt, int node, struct system_config *sys,
			  struct config_report *report);
void config_read_shared(const void *fdt, int node, struct system_config *sys,
			struct config_report *report);
/* A VM, which is one of @sys. */
void config_read_vm(const void *fdt, int node, const char *name, struct system_config *sys,
		    struct vm_config *vm, struct config_report *report);
/* A device of @vm, which is the last one of @sys so far. */
void config_read_device(const void *fdt, int node, const char *name, struct system_config *sys,
			const struct vm_config *vm, struct config_report *report);

/* Mistakes that show only when all is seen together. */
void config_check_system(const struct system_config *sys, struct config_report *report);
/* The part of it that is about devices. */
void config_check_devices(const struct system_config *sys, struct config_report *report);

#endif
