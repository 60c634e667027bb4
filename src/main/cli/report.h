/* What the command tells its user: on stderr, a line each. */
#ifndef MAIN_CLI_REPORT_H
#define MAIN_CLI_REPORT_H

#include "lib/types.h"

/* "bulkhead: ...", for what is no fault of a system description. */
void report_error(const char *fmt, ...) printf_like(1, 2);
/* "FILE: PATH: ..." for a mistake in a description; @path may be "". */
void report_mistake(const char *file, const char *path, const char *fmt, ...) printf_like(3, 4);
/* A line on what goes on. */
void report_progress(const char *fmt, ...) printf_like(1, 2);
/* The "s" behind a word for @count things, or "". */
static inline const char *plural(u64 count) { return count == 1 ? "" : "s"; }
/* Whether colours may be used there: a terminal that knows them, and NO_COLOR is not set. */
bool report_colours(int fd);
/* The words that switch bold on and off; "" when stderr is no terminal. */
const char *report_bold(void);
const char *report_plain(void);

#endif
