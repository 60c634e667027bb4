#include "manage/answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "manage/clean.h"

void answer_begin(struct answer *a)
{
	a->used = 0;
	a->cut = a->comma = false;
	a->text[0] = '\0';
}

void answer_write(struct answer *a, const char *text, size_t len)
{
	if (len >= a->size - a->used) {
		a->cut = true;
		len = a->size - a->used - 1;
	}
	memcpy(a->text + a->used, text, len);
	a->used += (u32)len;
	a->text[a->used] = '\0';
}

void answer_printf(struct answer *a, const char *fmt, ...)
{
	char text[501];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(text))
		a->cut = true;
	answer_write(a, text, strlen(text));
}

/* What comes before every value. */
static void value_begin(struct answer *a, const char *name)
{
	if (a->comma)
		answer_write(a, ",", 1);
	if (name)
		answer_printf(a, "\"%s\":", name);
	a->comma = true;
}

void json_open(struct answer *a, const char *name, char bracket)
{
	value_begin(a, name);
	answer_write(a, &bracket, 1);
	a->comma = false;
}

void json_close(struct answer *a, char bracket)
{
	answer_write(a, &bracket, 1);
	a->comma = true;
}

/* RFC 8259, section 7. The only controls that clean_byte() lets pass are tab, '\n' and '\r'. */
static void string_char(struct answer *a, char c)
{
	switch (c) {
	case '"': answer_write(a, "\\\"", 2); break;
	case '\\': answer_write(a, "\\\\", 2); break;
	case '\n': answer_write(a, "\\n", 2); break;
	case '\r': answer_write(a, "\\r", 2); break;
	case '\t': answer_write(a, "\\t", 2); break;
	default: answer_write(a, &c, 1); break;
	}
}

void json_string(struct answer *a, const char *name, const char *text)
{
	char out[CLEAN_OUT_MAX];
	struct clean clean = { 0 };

	value_begin(a, name);
	answer_write(a, "\"", 1);
	for (; *text; text++) {
		unsigned n = clean_byte(&clean, (u8)*text, out);

		for (unsigned i = 0; i < n; i++)
			string_char(a, out[i]);
	}
	answer_write(a, "\"", 1);
}

void json_number(struct answer *a, const char *name, u64 number)
{
	value_begin(a, name);
	answer_printf(a, "%lu", (unsigned long)number);
}

void json_bool(struct answer *a, const char *name, bool value)
{
	value_begin(a, name);
	answer_printf(a, "%s", value ? "true" : "false");
}
