#include "manage/term.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void term_flush(struct term *t)
{
	u32 used = t->used;

	t->used = 0;
	if (used)
		t->write(t->buffer, used);
}

void term_put(struct term *t, char c)
{
	t->buffer[t->used++] = c;
	if (t->used == TERM_BUFFER)
		term_flush(t);
}

void term_write(struct term *t, const char *text, size_t len)
{
	while (len) {
		u32 n = (u32)min_u64(len, TERM_BUFFER - t->used);

		memcpy(t->buffer + t->used, text, n);
		t->used += n;
		text += n;
		len -= n;
		if (t->used == TERM_BUFFER)
			term_flush(t);
	}
}

void term_puts(struct term *t, const char *text)
{
	term_write(t, text, strlen(text));
}

void term_printf(struct term *t, const char *fmt, ...)
{
	char text[256];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n > 0)
		term_write(t, text, min_u64((u64)n, sizeof(text) - 1));
}

void term_style(struct term *t, const char *sequence)
{
	if (t->colour)
		term_puts(t, sequence);
}
