/* An answer being written into a buffer: plain text, or JSON (RFC 8259). */
#ifndef MANAGE_ANSWER_H
#define MANAGE_ANSWER_H

#include "lib/types.h"

struct answer {
	char *text; /* always NUL-terminated */
	u32 size;   /* of @text, the NUL included; at least 1 */
	u32 used;
	bool cut;   /* something did not fit: what is there is no use */
	bool comma; /* private: the next JSON value is not the first one */
};

/* Empties it. */
void answer_begin(struct answer *a);
void answer_write(struct answer *a, const char *text, size_t len);
/* At most 500 bytes at once; more counts as cut. */
void answer_printf(struct answer *a, const char *fmt, ...) printf_like(2, 3);

/*
 * JSON values, with the commas between them. @name: the member's name in an object (plain letters),
 * NULL in an array or outside of all.
 */
void json_open(struct answer *a, const char *name, char bracket); /* '{' or '[' */
void json_close(struct answer *a, char bracket);                  /* '}' or ']' */
/* Bytes that are no text, or that drive terminals, become '?' or go. */
void json_string(struct answer *a, const char *name, const char *text);
void json_number(struct answer *a, const char *name, u64 number);
void json_bool(struct answer *a, const char *name, bool value);

#endif
