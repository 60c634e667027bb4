#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LOG_LINE_SIZE = 256 };

static log_sink_fn *log_sink;

log_sink_fn *log_set_sink(log_sink_fn *sink)
{
	return __atomic_exchange_n(&log_sink, sink, __ATOMIC_ACQ_REL);
}

/* A name taken from a file must not forge a second line or move the cursor. */
static void line_clean(char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = line[i] == '\t' ? ' ' : '?';
}

void log_line(const char *fmt, ...)
{
	log_sink_fn *sink = __atomic_load_n(&log_sink, __ATOMIC_ACQUIRE);
	char line[LOG_LINE_SIZE];
	va_list args;
	size_t len;
	int n;

	if (!sink)
		return;
	va_start(args, fmt);
	n = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (n < 0)
		return;
	len = (size_t)n;
	if (len >= sizeof(line)) {
		len = sizeof(line) - 1;
		memcpy(line + len - 3, "...", 3);
	}
	line_clean(line, len);
	sink(line, len);
}
