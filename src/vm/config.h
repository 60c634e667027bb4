/*
 * The system description: a compiled device tree, read into plain structs.
 * The binding is docs/system-description.md. The hypervisor and the `bulkhead`
 * command share this file, so both find the same mistakes.
 */
#ifndef VM_CONFIG_H
#define VM_CONFIG_H

#include "lib/types.h"

#define CONFIG_VMS_MAX 64
#define CONFIG_VCPUS_MAX 32
#define CONFIG_NAME_MAX 31
#define CONFIG_PATH_MAX 255
#define CONFIG_BOOTARGS_MAX 1023

enum config_start { START_AUTO, START_MANUAL };
enum config_restart { RESTART_NEVER, RESTART_ON_FAILURE, RESTART_ALWAYS };
/* ANY: what the machine offers. */
enum config_engine { CONFIG_ENGINE_ANY, CONFIG_ENGINE_HEXT, CONFIG_ENGINE_CLASSIC, CONFIG_ENGINES };

struct vm_config {
	char name[CONFIG_NAME_MAX + 1]; /* the node's name */
	u32 vcpus;                      /* 1..CONFIG_VCPUS_MAX */
	u64 memory;                     /* bytes, a multiple of 2 MiB */
	char kernel[CONFIG_PATH_MAX + 1];
	char initrd[CONFIG_PATH_MAX + 1];          /* "" = none */
	char bootargs[CONFIG_BOOTARGS_MAX + 1];    /* "" = none */
	enum config_engine engine;
	u64 harts;      /* bit n: the host's n-th hart; 0 = any */
	bool dedicated; /* the harts run this VM only, a vCPU each */
	bool console;   /* its ns16550a is joined to the operator's console (default true) */
	enum config_start start;
	enum config_restart restart;
};

struct system_config {
	u32 vm_count;
	struct vm_config vms[CONFIG_VMS_MAX];
};

/* Called once for every mistake: @path is the node's path (and "/property"), or "". */
typedef void config_error_fn(void *arg, const char *path, const char *message);

/* Reads a compiled description of @size bytes (hostile). Returns the number of mistakes
 * reported; @out is usable only when that is 0. */
unsigned config_read(const void *dtb, u64 size, struct system_config *out,
		     config_error_fn *error, void *arg);

/* What a host offers, for config_check_host(). */
struct config_host {
	u32 harts;
	u64 memory;  /* bytes free for guests */
	u32 engines; /* bit n: it can run enum config_engine n */
};
/* Mistakes that only show on a given host: too few harts, too little memory, no such engine. */
unsigned config_check_host(const struct system_config *sys, const struct config_host *host,
			   config_error_fn *error, void *arg);

#endif
