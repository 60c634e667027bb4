/*
 * The operator's terminal as the console writes to it: a small buffer in front
 * of a write function. No translation: a new line is "\r\n".
 */
#ifndef MANAGE_TERM_H
#define MANAGE_TERM_H

#include "lib/types.h"

#define TERM_BUFFER 128 /* bytes handed to write() at most at once: 11 ms at 115,200 baud */

struct term {
	void (*write)(const char *text, size_t len);
	bool colour; /* the other end is known to be a terminal */
	u32 used;
	char buffer[TERM_BUFFER];
};

void term_put(struct term *t, char c);
void term_write(struct term *t, const char *text, size_t len);
void term_puts(struct term *t, const char *text);
/* At most 255 bytes; the rest is cut. */
void term_printf(struct term *t, const char *fmt, ...) printf_like(2, 3);
/* An escape sequence such as "\x1b[1m": nothing unless the terminal has colours. */
void term_style(struct term *t, const char *sequence);
void term_flush(struct term *t);

#endif
