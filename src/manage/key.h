/* Bytes from a terminal into keys: the cursor keys' escape sequences become one code. */
#ifndef MANAGE_KEY_H
#define MANAGE_KEY_H

#include "lib/types.h"

#define KEY_CTRL(letter) ((letter) & 0x1f)

enum key { /* beside these: the byte itself, 0..255 */
	KEY_NONE = -1, /* not complete yet, or a key without a code */
	KEY_UP = 256,
	KEY_DOWN,
	KEY_RIGHT,
	KEY_LEFT,
	KEY_HOME,
	KEY_END,
	KEY_DELETE,
	KEY_OTHER, /* an escape sequence of some other key */
};

struct keys {
	u8 state;
	u8 length;
	bool number_done;
	u16 number; /* of ESC [ number ~ */
};

/* Returns a byte, an enum key, or KEY_NONE. */
int key_decode(struct keys *k, u8 byte);

#endif
