/*
 * The overview: lines of many sources on one terminal, each behind "[name] ".
 * A line is shown when it is complete; an unfinished one (a prompt) when its
 * source has been silent for a while, and goes on where it stands if nobody
 * else has written since. What sources say is cleaned (manage/clean.h).
 */
#ifndef MANAGE_OVERVIEW_H
#define MANAGE_OVERVIEW_H

#include "manage/clean.h"
#include "manage/term.h"

#define OVERVIEW_LINE_MAX 200 /* bytes; a longer line is cut and goes on behind a new prefix */

struct overview_source {
	const char *name;
	unsigned colour; /* any number; sources with others look different */
	struct clean clean;
	bool returned;   /* a '\r' came, and nothing after it yet */
	u32 len;         /* of text: not shown yet */
	u32 column;      /* of this line shown already, if the cursor stands on it */
	char text[OVERVIEW_LINE_MAX];
};

struct overview {
	struct term *term;
	const struct overview_source *open; /* on whose unfinished line the cursor stands, or NULL */
};

void overview_feed(struct overview *o, struct overview_source *s, const u8 *bytes, u32 len);
/* Shows what there is of an unfinished line. */
void overview_flush(struct overview *o, struct overview_source *s);
/* Forgets the unfinished line. */
void overview_reset(struct overview_source *s);
/* A line of the hypervisor's about this source: "[name] ... TEXT". */
void overview_note(struct overview *o, struct overview_source *s, const char *text);
/* A line of the hypervisor's: "bulkhead: TEXT"; no source can begin a line like that. */
void overview_say(struct overview *o, const char *text, size_t len);
/* Brings the cursor to the beginning of a line. */
void overview_break(struct overview *o);

#endif
