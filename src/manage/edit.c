#include "manage/edit.h"

#include <stdio.h>
#include <string.h>

enum { EDIT_COLUMNS = 79, EDIT_COLUMNS_LEAST = 16 };

/* Columns left for the line behind the prompt. */
static u32 edit_width(const struct edit *e)
{
	size_t prompt = strlen(e->prompt);

	if (prompt + EDIT_COLUMNS_LEAST > EDIT_COLUMNS)
		return EDIT_COLUMNS_LEAST;
	return EDIT_COLUMNS - (u32)prompt;
}

void edit_hide(struct edit *e)
{
	term_puts(e->term, "\r\x1b[K");
}

void edit_redraw(struct edit *e)
{
	u32 width = edit_width(e);
	u32 from = e->cursor < width ? 0 : e->cursor - width + 1;
	u32 n = (u32)min_u64(e->len - from, width);

	term_put(e->term, '\r');
	term_puts(e->term, e->prompt);
	term_write(e->term, e->line + from, n);
	term_puts(e->term, "\x1b[K");
	for (u32 i = from + n; i > e->cursor; i--)
		term_put(e->term, '\b');
}

void edit_clear(struct edit *e, const char *prompt)
{
	e->prompt = prompt;
	e->len = e->cursor = e->browsing = 0;
	e->line[0] = '\0';
}

void edit_begin(struct edit *e, const char *prompt)
{
	edit_clear(e, prompt);
	edit_redraw(e);
}

static void edit_set(struct edit *e, const char *line)
{
	snprintf(e->line, sizeof(e->line), "%s", line);
	e->len = e->cursor = (u32)strlen(e->line);
	edit_redraw(e);
}

void edit_insert(struct edit *e, const char *text, size_t len)
{
	u32 n = (u32)min_u64(len, EDIT_LINE_MAX - 1 - e->len);
	bool simple = e->cursor == e->len && e->len + n < edit_width(e);

	memmove(e->line + e->cursor + n, e->line + e->cursor, e->len - e->cursor + 1);
	memcpy(e->line + e->cursor, text, n);
	e->len += n;
	e->cursor += n;
	if (simple)
		term_write(e->term, text, n);
	else
		edit_redraw(e);
}

/* Deletes [from, to) and leaves the cursor there. */
static void edit_delete(struct edit *e, u32 from, u32 to)
{
	memmove(e->line + from, e->line + to, e->len - to + 1);
	e->len -= to - from;
	e->cursor = from;
	edit_redraw(e);
}

static u32 edit_word_start(const struct edit *e)
{
	u32 i = e->cursor;

	while (i > 0 && e->line[i - 1] == ' ')
		i--;
	while (i > 0 && e->line[i - 1] != ' ')
		i--;
	return i;
}

static void edit_move(struct edit *e, u32 cursor)
{
	e->cursor = cursor;
	edit_redraw(e);
}

/* ---- History */

void edit_remember(struct edit *e)
{
	char *last = e->past[(e->past_next - 1) % EDIT_HISTORY];

	if (!e->len || (e->past_count && strcmp(last, e->line) == 0))
		return;
	memcpy(e->past[e->past_next++ % EDIT_HISTORY], e->line, e->len + 1);
	if (e->past_count < EDIT_HISTORY)
		e->past_count++;
}

static void edit_browse(struct edit *e, u32 up)
{
	if (up > e->past_count)
		return;
	if (!e->browsing)
		memcpy(e->kept, e->line, e->len + 1);
	e->browsing = up;
	edit_set(e, up ? e->past[(e->past_next - up) % EDIT_HISTORY] : e->kept);
}

static void edit_up(struct edit *e)
{
	edit_browse(e, e->browsing + 1);
}

static void edit_down(struct edit *e)
{
	if (e->browsing)
		edit_browse(e, e->browsing - 1);
}

/* ---- Keys */

static enum edit_event edit_enter(struct edit *e)
{
	term_puts(e->term, "\r\n");
	return EDIT_LINE;
}

static void edit_move_key(struct edit *e, int key)
{
	switch (key) {
	case KEY_LEFT:
	case KEY_CTRL('b'):
		edit_move(e, e->cursor - (e->cursor > 0));
		break;
	case KEY_RIGHT:
	case KEY_CTRL('f'):
		edit_move(e, e->cursor + (e->cursor < e->len));
		break;
	case KEY_HOME:
	case KEY_CTRL('a'):
		edit_move(e, 0);
		break;
	case KEY_END:
	case KEY_CTRL('e'):
		edit_move(e, e->len);
		break;
	case KEY_UP:
	case KEY_CTRL('p'):
		edit_up(e);
		break;
	case KEY_DOWN:
	case KEY_CTRL('n'):
		edit_down(e);
		break;
	}
}

static bool edit_change_key(struct edit *e, int key)
{
	switch (key) {
	case '\b':
	case 0x7f:
		edit_delete(e, e->cursor - (e->cursor > 0), e->cursor);
		return true;
	case KEY_DELETE:
	case KEY_CTRL('d'):
		edit_delete(e, e->cursor, e->cursor + (e->cursor < e->len));
		return true;
	case KEY_CTRL('k'):
		edit_delete(e, e->cursor, e->len);
		return true;
	case KEY_CTRL('u'):
		edit_delete(e, 0, e->cursor);
		return true;
	case KEY_CTRL('w'):
		edit_delete(e, edit_word_start(e), e->cursor);
		return true;
	case KEY_CTRL('l'):
		term_puts(e->term, "\x1b[H\x1b[2J");
		edit_redraw(e);
		return true;
	}
	return false;
}

static enum edit_event edit_event_key(struct edit *e, int key)
{
	switch (key) {
	case '\r':
	case '\n':
		return edit_enter(e);
	case '\t':
		return EDIT_COMPLETE;
	case KEY_CTRL('c'):
		term_puts(e->term, "^C\r\n");
		return EDIT_CANCEL;
	case KEY_CTRL('d'):
		return e->len ? EDIT_NONE : EDIT_END;
	}
	return EDIT_NONE;
}

enum edit_event edit_key(struct edit *e, u8 byte)
{
	int key = key_decode(&e->keys, byte);
	bool after_return = e->after_return;
	enum edit_event event;
	char c = (char)key;

	if (key == KEY_NONE)
		return EDIT_NONE;
	e->after_return = key == '\r';
	if (key == '\n' && after_return)
		return EDIT_NONE;
	if (key >= ' ' && key < 0x7f) {
		edit_insert(e, &c, 1);
		return EDIT_NONE;
	}
	event = edit_event_key(e, key);
	if (event == EDIT_NONE && !edit_change_key(e, key))
		edit_move_key(e, key);
	return event;
}
