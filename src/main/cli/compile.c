/* From .dts to .dtb: dtc does it, and its messages are made readable. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "main/cli/description.h"
#include "main/cli/report.h"

enum { DTC_MESSAGES_MAX = 20 };

/* Where dtc found something: FILE:LINE.COLUMN-... */
struct place {
	char file[512];
	unsigned line, column;
};

/* Reads a place at the start of @text and returns what follows it, NULL when there is none. */
static const char *place_read(const char *text, struct place *place)
{
	for (const char *colon = strchr(text, ':'); colon; colon = strchr(colon + 1, ':')) {
		const char *end = colon + 1 + strspn(colon + 1, "0123456789.:-");

		if (sscanf(colon, ":%u.%u", &place->line, &place->column) != 2 || *end != ' ')
			continue;
		snprintf(place->file, sizeof(place->file), "%.*s", (int)(colon - text), text);
		return end + 1;
	}
	return NULL;
}

/* Reads the place's line; "" when it cannot be had. */
static void place_line(const struct place *place, char *line, int size)
{
	FILE *file = fopen(place->file, "r");

	*line = '\0';
	if (!file)
		return;
	for (unsigned i = 0; i < place->line; i++)
		if (!fgets(line, size, file))
			*line = '\0';
	fclose(file);
	line[strcspn(line, "\r\n")] = '\0';
}

/* Shows the line, and under it where in it. */
static void place_show(const struct place *place)
{
	char line[200];

	place_line(place, line, sizeof(line));
	if (!*line)
		return;
	fprintf(stderr, "%5u | %s\n      | ", place->line, line);
	for (unsigned i = 0; i + 1 < place->column && line[i]; i++)
		fputc(line[i] == '\t' ? '\t' : ' ', stderr);
	fputs("^\n", stderr);
}

/* True if only blanks stand before the place in its line: what is wrong may lie before it. */
static bool place_opens_line(const struct place *place)
{
	char line[200];

	place_line(place, line, sizeof(line));
	return strspn(line, " \t") + 1 == place->column;
}

/* Leaves out what dtc puts before its messages: "Error: ", "ERROR (duplicate_node_names): ". */
static const char *prefix_skip(const char *line)
{
	static const char *const prefixes[] = { "FATAL ERROR: ", "Error: ", "ERROR: " };

	for (unsigned i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(line, prefixes[i], strlen(prefixes[i])))
			return line + strlen(prefixes[i]);
	if (!strncmp(line, "ERROR (", 7) && strstr(line, "): "))
		return strstr(line, "): ") + 3;
	return line;
}

static const char *syntax_hint(const struct place *place)
{
	if (place->line <= 1)
		return ": a description begins with the line /dts-v1/;";
	if (place_opens_line(place))
		return ": is there a ';' missing on the line before?";
	return "";
}

/* One line of dtc's, which mostly says where. */
static void message_report(struct description *d, const char *line)
{
	struct place place;
	const char *text = place_read(prefix_skip(line), &place);
	char where[560];

	if (!text) {
		report_mistake(d->path, "", "%s", prefix_skip(line));
		return;
	}
	snprintf(where, sizeof(where), "%s:%u:%u", place.file, place.line, place.column);
	text = prefix_skip(text);
	report_mistake(where, "", "%s%s", text,
		       strcmp(text, "syntax error") ? "" : syntax_hint(&place));
	place_show(&place);
}

/* dtc ends with a line that only sums up; it is left out when others told where. */
static bool sums_up(const char *line)
{
	return strstr(line, "Unable to parse input tree") || strstr(line, "Input tree has errors");
}

static void messages_report(struct description *d, char *messages)
{
	unsigned before = d->mistakes;
	char *save = NULL;

	for (char *line = strtok_r(messages, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (d->mistakes - before == DTC_MESSAGES_MAX)
			break;
		if (sums_up(line) && d->mistakes > before)
			continue;
		message_report(d, line);
		d->mistakes++;
	}
	if (d->mistakes == before)
		description_mistake(d, "", "dtc could not compile it, and did not say why");
}

/* dtc's own words for these are poor. */
static bool file_readable(struct description *d)
{
	char message[300];
	struct stat info;
	FILE *file;

	if (stat(d->path, &info) < 0 || !(file = fopen(d->path, "r"))) {
		snprintf(message, sizeof(message), "cannot be read: %s", strerror(errno));
		description_mistake(d, "", message);
		return false;
	}
	fclose(file);
	if (S_ISREG(info.st_mode))
		return true;
	description_mistake(d, "", "is not a file: name a system description, a .dts file");
	return false;
}

void description_compile(struct description *d)
{
	char *argv[] = { "dtc", "-q", "-I", "dts", "-O", "dtb", "-o", "-", "--", (char *)d->path,
			 NULL };
	struct buffer errors = { NULL, 0 };
	int code;

	if (!file_readable(d))
		return;
	code = process_capture(argv, &d->dtb, &errors);
	if (code < 0) {
		report_error("dtc, the device tree compiler, cannot be started (%s): "
			     "install the package device-tree-compiler", strerror(errno));
		d->mistakes++;
	} else if (code) {
		messages_report(d, errors.data);
	}
	free(errors.data);
}
