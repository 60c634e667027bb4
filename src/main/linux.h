/* The hypervisor as a process on Linux: what its files share. */
#ifndef MAIN_LINUX_H
#define MAIN_LINUX_H

#include "io/char.h"
#include "vm/config.h"

/* ---- linux_system.c: reading a system. Mistakes are reported on stderr. */

struct linux_options { /* of a VM that no description describes; NULL: not said */
	const char *kernel, *initrd, *memory, *cpus, *append;
};

/* A description (.dts), or a system image; its files are given to the host. NULL after a report.
 * @batch: each VM's batch-bootargs are appended to its bootargs. */
const struct system_config *linux_system_open(const char *path, bool batch);
/* One VM. */
const struct system_config *linux_system_make(const struct linux_options *options);

/* ---- linux.c: running it. */

enum linux_end { LINUX_ENDED, LINUX_FAILED, LINUX_SIGNALLED };

struct linux_run {
	const char *file; /* the system's, which gives it its name; "": none */
	bool batch;    /* not for a person: no terminal, and no input */
	u32 timeout;   /* seconds, 0: none */
};

/* Runs all VMs until they have ended: an exit code. */
int linux_run(const struct system_config *config, const struct linux_run *run);

/* ---- linux_console.c: the VMs' consoles on this process's terminal or files. */

/* One VM's console is joined to stdin and stdout as they are; on a terminal, or with several VMs,
 * the operator's console is in between. The calling task is a host's. */
void linux_console_init(u32 vms, bool batch);
/* The backend of a VM's console; NULL when memory is short. */
struct char_backend *linux_console_backend(unsigned index, const char *name);
/* When the VMs are there. @shutdown is called when the operator asks for the end of it all. */
void linux_console_start(void (*shutdown)(void));
/* True if a person sits there, who may start again what has ended. */
bool linux_console_attended(void);
/* Returns when all output is out; the terminal is what it was. */
void linux_console_end(void);

/* ---- linux_terminal.c */

/* True if a person is at both ends. */
bool terminal_is_there(void);
/* Keys come one by one and as they are, until terminal_restore() or the process's end. */
void terminal_set_raw(void);
void terminal_restore(void);
/* Writes all of it to stdout. */
void terminal_write(const char *text, size_t len);
/* Starts to read stdin; @ready is called when there is something, from a task of its own. */
void terminal_read(void (*ready)(void));
/* The next byte read, or -1. One reader. */
int terminal_get(void);
/* As if it had been typed. Before terminal_read(). */
void terminal_type(const char *text);

#endif
