/* The QEMU command line that boots a system, and what a batch run says. */
#ifndef MAIN_CLI_QEMU_H
#define MAIN_CLI_QEMU_H

#include <stdio.h>

#include "main/cli/attach.h"
#include "main/cli/machine.h"

struct qemu_options {
	struct machine machine;
	const char *cpu;    /* a model and its properties; machine.no_h adds one */
	const char *bios;   /* NULL: QEMU's own */
	const char *image;  /* the hypervisor */
	const char *system; /* the system image */
	const char *append; /* boot arguments for the hypervisor; NULL: none */
	bool batch;
	bool colour; /* the console is on a terminal that knows colours; not with batch */
	const struct attachments *attached; /* NULL: nothing */
	char **rest; /* goes to QEMU as it is */
	int rest_count;
};

#define QEMU_TEXTS_MAX 64

struct qemu_command {
	char **argv; /* NULL at the end */
	u32 argc;
	char *texts[QEMU_TEXTS_MAX]; /* those of argv that are made here */
	u32 text_count;
	char cpu[256], harts[16], memory[24], append[1200];
};

/* False, reported, when it cannot be made. Free with qemu_command_free(). */
bool qemu_command_make(struct qemu_command *command, const struct qemu_options *options);
void qemu_command_free(struct qemu_command *command);

/* Writes the command so that a POSIX shell reads it as it is, and a newline. */
void qemu_command_print(const struct qemu_command *command, FILE *out);

/* How a batch run ended, as the hypervisor's lines say. */
struct qemu_batch {
	bool ended;  /* its last line was seen */
	bool failed; /* and it told of a failure: see why */
	char why[256];
};

/* Takes a line of the hypervisor's console. */
void qemu_batch_line(struct qemu_batch *batch, const char *line);

#endif
