/*
 * A terminal for tests: what is written to it, as bytes, and as the text that a
 * person would see in its last lines. Knows '\r', '\n', '\b', ESC [ K and
 * ignores other escape sequences. Included once per program.
 */
#ifndef MANAGE_SCREEN_H
#define MANAGE_SCREEN_H

#include <string.h>

#include "lib/types.h"

enum { SCREEN_ROWS = 400, SCREEN_COLUMNS = 300, SCREEN_RAW = 1 << 17 };

static char screen_rows[SCREEN_ROWS][SCREEN_COLUMNS];
static unsigned screen_row, screen_column, screen_escape;
static char screen_raw[SCREEN_RAW];
static size_t screen_used;

static inline void screen_clear(void)
{
	memset(screen_rows, 0, sizeof(screen_rows));
	screen_row = screen_column = screen_escape = 0;
	memset(screen_raw, 0, screen_used + 1);
	screen_used = 0;
}

static inline void screen_newline(void)
{
	if (++screen_row < SCREEN_ROWS)
		return;
	memmove(screen_rows, screen_rows[1], sizeof(screen_rows) - SCREEN_COLUMNS);
	screen_row = SCREEN_ROWS - 1;
	memset(screen_rows[screen_row], 0, SCREEN_COLUMNS);
}

static inline void screen_text(char c)
{
	char *row = screen_rows[screen_row];

	for (unsigned i = 0; i < screen_column; i++)
		if (!row[i])
			row[i] = ' ';
	row[screen_column] = c;
	if (screen_column < SCREEN_COLUMNS - 2)
		screen_column++;
}

/* screen_escape: 0 text, 1 after ESC, 2 within ESC [ */
static inline bool screen_sequence(char c)
{
	if (c == '\x1b')
		screen_escape = 1;
	else if (screen_escape == 1)
		screen_escape = c == '[' ? 2 : 0;
	else if (screen_escape == 2 && c >= '@') {
		if (c == 'K')
			memset(screen_rows[screen_row] + screen_column, 0,
			       SCREEN_COLUMNS - screen_column);
		screen_escape = 0;
	} else {
		return screen_escape != 0;
	}
	return true;
}

static inline void screen_char(char c)
{
	if (screen_sequence(c))
		return;
	if (c == '\r')
		screen_column = 0;
	else if (c == '\n')
		screen_newline();
	else if (c == '\b')
		screen_column -= screen_column > 0;
	else if ((u8)c >= ' ')
		screen_text(c);
}

static inline void screen_write(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		screen_char(text[i]);
		if (screen_used < SCREEN_RAW - 1)
			screen_raw[screen_used++] = text[i];
	}
}

/* The line that the cursor is on (@back = 0), or that many above it. */
static inline const char *screen_line(unsigned back)
{
	return back <= screen_row ? screen_rows[screen_row - back] : "";
}

/* Whether a line of the screen is exactly this, or holds it. */
static inline bool screen_shows(const char *line)
{
	for (unsigned i = 0; i <= screen_row; i++)
		if (strcmp(screen_rows[i], line) == 0)
			return true;
	return false;
}

static inline bool screen_has(const char *part)
{
	for (unsigned i = 0; i <= screen_row; i++)
		if (strstr(screen_rows[i], part))
			return true;
	return false;
}

#endif
