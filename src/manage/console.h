/*
 * The operator's console on the host's UART: an overview of what all VMs print,
 * a view of each single one, a shell. One task serves it all.
 */
#ifndef MANAGE_CONSOLE_H
#define MANAGE_CONSOLE_H

#include "io/char.h"

struct host_account;

struct console_port {
	/* Takes all of it, whatever it costs. No translation of line ends. At most TERM_BUFFER
	 * bytes at once from the console's task; whole lines of the log before that runs. */
	void (*write)(const char *text, size_t len);
	/* The next byte typed, or -1. */
	int (*getc)(void);
	/* How often to look for input where console_input_ready() is never called, in ms; 0: never. */
	unsigned poll_ms;
};

/* What the shell tells and does of the machine; every member may be NULL. Not copied. */
struct console_host {
	const char *version;    /* one line */
	const char *features;   /* of the host: one line */
	void (*shutdown)(void); /* powers the machine off; called in the console's task */
};

/* Once, before everything else but console_log_sink(). @port is copied. */
void console_init(const struct console_port *port);
void console_set_host(const struct console_host *host);
/* Whether the other end is a terminal that knows colours; false to begin with. */
void console_set_colour(bool colour);
/* The backend for the console of the VM with that index; the same one when asked again. @name is
 * copied. From one task only. NULL when memory is short or the index out of range. */
struct char_backend *console_backend(unsigned vm_index, const char *name,
				     struct host_account *payer);
/* The body of the console's task; does not return. */
void console_run(void *unused_arg);
/* Bytes were typed. Any context. */
void console_input_ready(void);
/* For log_set_sink(). Lines go straight to the port until the console's task runs. */
void console_log_sink(const char *line, size_t len);
/* Returns when all that was printed and logged before is on the port, at most a second later: to be
 * called before the machine is powered off. */
void console_sync(void);

/* What console_run() is made of, for tests. The calling task becomes the console's. */
void console_start(void);
/* One bounded piece of work. Returns when there is more: 0 = now, else host ticks
 * or HOST_FOREVER (unless woken). */
u64 console_step(void);

#endif
