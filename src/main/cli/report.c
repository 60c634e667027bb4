#include "main/cli/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool report_colours(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && !getenv("NO_COLOR") && term && strcmp(term, "dumb");
}

const char *report_bold(void)
{
	return report_colours(STDERR_FILENO) ? "\x1b[1m" : "";
}

const char *report_plain(void)
{
	return report_colours(STDERR_FILENO) ? "\x1b[0m" : "";
}

void report_error(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "%sbulkhead:%s ", report_bold(), report_plain());
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

void report_mistake(const char *file, const char *path, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "%s%s:%s ", report_bold(), file, report_plain());
	if (*path)
		fprintf(stderr, "%s: ", path);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

void report_progress(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}
