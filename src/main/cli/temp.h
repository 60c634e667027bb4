/* The one file at a time that must not be left behind, whichever way the command ends. */
#ifndef MAIN_CLI_TEMP_H
#define MAIN_CLI_TEMP_H

#include "lib/types.h"

/*
 * Creates an empty file whose name begins with @prefix. It is removed when the command ends or
 * is ended by a signal. Returns a descriptor, or -1 with errno set.
 */
int temp_create(const char *prefix);
const char *temp_path(void);
/* Gives the file its lasting name; 0, or -1 with errno set. */
int temp_rename(const char *path);
/* Removes the file; harmless when there is none. */
void temp_remove(void);

#endif
