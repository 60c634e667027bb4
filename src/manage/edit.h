/*
 * A line editor for a terminal of 80 columns or more: cursor keys, the usual
 * control keys, a history; long lines scroll sideways. Knows nothing of what
 * is typed.
 */
#ifndef MANAGE_EDIT_H
#define MANAGE_EDIT_H

#include "manage/key.h"
#include "manage/term.h"

#define EDIT_LINE_MAX 160 /* the NUL included */
#define EDIT_HISTORY 16   /* lines */

enum edit_event {
	EDIT_NONE,
	EDIT_LINE,      /* Enter: the line is in edit.line; the cursor is below it */
	EDIT_COMPLETE,  /* Tab */
	EDIT_CANCEL,    /* Ctrl-C */
	EDIT_END,       /* Ctrl-D on an empty line */
};

struct edit {
	struct term *term;
	const char *prompt;
	struct keys keys;
	bool after_return;        /* the '\n' of a "\r\n" is not a second Enter */
	u32 len, cursor;
	char line[EDIT_LINE_MAX]; /* NUL-terminated */
	char kept[EDIT_LINE_MAX]; /* the line typed before going up into the history */
	u32 past_count, past_next; /* free-running; entry n is past[n % EDIT_HISTORY] */
	u32 browsing;             /* how many lines up; 0 = the line being typed */
	char past[EDIT_HISTORY][EDIT_LINE_MAX];
};

/* Begins an empty line, not drawn yet. @prompt is not copied; at most some 60 characters. */
void edit_clear(struct edit *e, const char *prompt);
/* The same, drawn. */
void edit_begin(struct edit *e, const char *prompt);
enum edit_event edit_key(struct edit *e, u8 byte);
/* Inserts at the cursor what fits. */
void edit_insert(struct edit *e, const char *text, size_t len);
/* Adds the line to the history, unless it is empty or the same as the last one. */
void edit_remember(struct edit *e);
/* Takes the line off the screen; puts it there (again). */
void edit_hide(struct edit *e);
void edit_redraw(struct edit *e);

#endif
