#include "manage/overview.h"

#include <string.h>

#define STYLE_NONE "\x1b[0m"
#define STYLE_BOLD "\x1b[1m"

/* Red is left to mean trouble. */
static const char *const styles[] = {
	"\x1b[36m", "\x1b[32m", "\x1b[33m", "\x1b[35m", "\x1b[34m", "\x1b[96m", "\x1b[92m", "\x1b[95m",
};

void overview_break(struct overview *o)
{
	if (!o->open)
		return;
	term_puts(o->term, "\r\n");
	o->open = NULL;
}

static void overview_prefix(struct overview *o, struct overview_source *s)
{
	overview_break(o);
	term_style(o->term, styles[s->colour % ARRAY_SIZE(styles)]);
	term_put(o->term, '[');
	term_puts(o->term, s->name);
	term_put(o->term, ']');
	term_style(o->term, STYLE_NONE);
	term_put(o->term, ' ');
	s->column = 0;
	o->open = s;
}

static void overview_show(struct overview *o, struct overview_source *s)
{
	if (o->open != s)
		overview_prefix(o, s);
	term_write(o->term, s->text, s->len);
	s->column += s->len;
	s->len = 0;
}

static void overview_newline(struct overview *o, struct overview_source *s)
{
	overview_show(o, s);
	overview_break(o);
}

/* What follows a '\r' that ends no line overwrites the line, as it would on a terminal; one
 * that is shown already stays. */
static void overview_restart(struct overview *o, struct overview_source *s)
{
	s->len = 0;
	if (o->open == s)
		overview_break(o);
}

/* Bytes that still fit on the line. */
static u32 overview_room(const struct overview *o, const struct overview_source *s)
{
	return OVERVIEW_LINE_MAX - s->len - (o->open == s ? s->column : 0);
}

static void overview_char(struct overview *o, struct overview_source *s, const char *c, u32 n)
{
	if (overview_room(o, s) < n)
		overview_newline(o, s);
	memcpy(s->text + s->len, c, n);
	s->len += n;
}

/* Of so many characters of a byte each. */
static void overview_text(struct overview *o, struct overview_source *s, const u8 *text, u32 len)
{
	while (len) {
		u32 room = overview_room(o, s), n = (u32)min_u64(len, room ? room : 1);

		overview_char(o, s, (const char *)text, n);
		text += n;
		len -= n;
	}
}

static void overview_byte(struct overview *o, struct overview_source *s, u8 byte)
{
	char out[CLEAN_OUT_MAX];
	unsigned n = clean_byte(&s->clean, byte, out);

	if (!n)
		return;
	if (out[n - 1] == '\n') {
		if (n > 1) /* '?' for what the line's end broke off */
			overview_char(o, s, out, n - 1);
		s->returned = false;
		overview_newline(o, s);
		return;
	}
	if (out[n - 1] == '\r') {
		s->returned = true;
		return;
	}
	if (s->returned)
		overview_restart(o, s);
	s->returned = false;
	overview_char(o, s, out, n);
}

void overview_feed(struct overview *o, struct overview_source *s, const u8 *bytes, u32 len)
{
	while (len) {
		/* What follows a '\r' is looked at first. */
		u32 n = s->returned ? 0 : clean_plain(&s->clean, bytes, len);

		if (n) {
			overview_text(o, s, bytes, n);
		} else {
			overview_byte(o, s, bytes[0]);
			n = 1;
		}
		bytes += n;
		len -= n;
	}
}

void overview_flush(struct overview *o, struct overview_source *s)
{
	if (s->len)
		overview_show(o, s);
}

void overview_reset(struct overview_source *s)
{
	clean_reset(&s->clean);
	s->returned = false;
	s->len = 0;
}

void overview_note(struct overview *o, struct overview_source *s, const char *text)
{
	overview_flush(o, s);
	overview_prefix(o, s);
	term_printf(o->term, "... %s", text);
	overview_break(o);
}

void overview_say(struct overview *o, const char *text, size_t len)
{
	overview_break(o);
	term_style(o->term, STYLE_BOLD);
	term_puts(o->term, "bulkhead: ");
	term_write(o->term, text, len);
	term_style(o->term, STYLE_NONE);
	term_puts(o->term, "\r\n");
}
