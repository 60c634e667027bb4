/*
 * The hypervisor's own log: formatted lines to one sink that main/ sets.
 * Lines a guest can cause must go through vm_log() (vm/vm.h), which bounds them.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include "lib/types.h"

/* Receives whole lines, without the newline; must not log. Any context. */
typedef void log_sink_fn(const char *line, size_t len);

/* Returns the former one. */
log_sink_fn *log_set_sink(log_sink_fn *sink);
/* Formats one line (at most 255 bytes; longer ones are cut and end in "..."). */
void log_line(const char *fmt, ...) printf_like(1, 2);

#endif
