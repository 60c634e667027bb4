#include "manage/key.h"

enum key_state { KEYS_PLAIN, KEYS_ESC, KEYS_CSI, KEYS_SS3 };
enum { ESC = 0x1b, KEYS_LENGTH_MAX = 16 };

/* The final byte of ESC [ x and ESC O x. */
static int key_letter(u8 byte)
{
	switch (byte) {
	case 'A': return KEY_UP;
	case 'B': return KEY_DOWN;
	case 'C': return KEY_RIGHT;
	case 'D': return KEY_LEFT;
	case 'H': return KEY_HOME;
	case 'F': return KEY_END;
	default: return KEY_OTHER;
	}
}

/* The number in ESC [ number ~, as VT220, rxvt and others have it. */
static int key_number(u32 number)
{
	switch (number) {
	case 1:
	case 7: return KEY_HOME;
	case 3: return KEY_DELETE;
	case 4:
	case 8: return KEY_END;
	default: return KEY_OTHER;
	}
}

static int key_csi(struct keys *k, u8 byte)
{
	if (byte == ';') /* modifiers follow: ESC [ 1 ; 5 C */
		k->number_done = true;
	if (byte >= '0' && byte <= '9' && k->number < 1000 && !k->number_done)
		k->number = (u16)(k->number * 10 + (byte - '0'));
	if (byte >= 0x20 && byte < 0x40 && ++k->length < KEYS_LENGTH_MAX)
		return KEY_NONE;
	k->state = KEYS_PLAIN;
	return byte == '~' ? key_number(k->number) : key_letter(byte);
}

int key_decode(struct keys *k, u8 byte)
{
	if (byte == ESC) {
		*k = (struct keys){ .state = KEYS_ESC };
		return KEY_NONE;
	}
	/* A control key is meant as such in the middle of a sequence, too, which it ends. */
	if (k->state == KEYS_PLAIN || byte < ' ') {
		k->state = KEYS_PLAIN;
		return byte;
	}
	if (k->state == KEYS_CSI)
		return key_csi(k, byte);
	if (k->state == KEYS_ESC && (byte == '[' || byte == 'O')) {
		k->state = byte == '[' ? KEYS_CSI : KEYS_SS3;
		return KEY_NONE;
	}
	if (k->state == KEYS_ESC) {
		k->state = KEYS_PLAIN;
		return KEY_OTHER;
	}
	k->state = KEYS_PLAIN;
	return key_letter(byte);
}
