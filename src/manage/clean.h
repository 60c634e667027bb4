/*
 * Makes a guest's bytes harmless to show beside others': printable ASCII, tabs,
 * line ends and well-formed UTF-8 without invisible or reordering characters
 * pass; escape sequences and all other controls are dropped, so that no guest
 * drives the operator's terminal.
 */
#ifndef MANAGE_CLEAN_H
#define MANAGE_CLEAN_H

#include "lib/types.h"

#define CLEAN_OUT_MAX 5 /* '?' for a broken sequence, and a character */

struct clean {
	u8 state;   /* enum clean_state: private */
	u8 need;    /* UTF-8: bytes still to come */
	u8 have;    /* UTF-8: bytes in seq */
	u8 seq[4];
	u16 length; /* of the escape sequence being dropped */
};

/* Takes a byte; returns how many bytes (0..CLEAN_OUT_MAX) to show are now in @out. '\n' and
 * '\r' pass as they are. */
unsigned clean_byte(struct clean *c, u8 byte, char *out);
/* How many of the first @len bytes are shown as they are: printable ASCII and tabs, outside of any
 * sequence. clean_byte() would pass them one by one and stay as it is. */
u32 clean_plain(const struct clean *c, const u8 *bytes, u32 len);
static inline void clean_reset(struct clean *c) { *c = (struct clean){ 0 }; }

#endif
