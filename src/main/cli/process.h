/* Child processes: one whose output is wanted, and QEMU under supervision. */
#ifndef MAIN_CLI_PROCESS_H
#define MAIN_CLI_PROCESS_H

#include "lib/types.h"

struct buffer {
	char *data; /* NUL-terminated; free() it */
	size_t size;
};

/*
 * Runs @argv with nothing on stdin until it ends and collects what it writes. Returns its exit
 * code, 128 and more when a signal ended it, or -1 with errno set when it could not be started.
 */
int process_capture(char *const argv[], struct buffer *out, struct buffer *err);

/* Called with each line of output, its end ("\r\n") left out. Very long lines come in parts,
 * of which none is @whole. */
typedef void process_line_fn(void *arg, const char *line, bool whole);

struct process_run {
	process_line_fn *line; /* NULL: the child has the terminal; otherwise no stdin */
	/* Seconds after which the child is ended, 0 for none. line() may change it: it counts from
	 * the start. */
	u32 timeout;
	void *arg;
	u32 seconds;      /* out: how long it has run by now */
	bool timed_out;   /* out */
	bool interrupted; /* out: by a signal to this process */
};

/* Runs @argv to its end, as @run says; results as process_capture()'s. */
int process_supervise(char *const argv[], struct process_run *run);

#endif
