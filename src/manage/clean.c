#include "manage/clean.h"

/* ECMA-48: escape sequences, control sequences and control strings. */
enum clean_state {
	CLEAN_TEXT,
	CLEAN_ESCAPE,
	CLEAN_CSI,
	CLEAN_STRING,
	CLEAN_STRING_ESCAPE,
	CLEAN_UTF8,
};

enum { ESC = 0x1b, BEL = 0x07, DEL = 0x7f };

/* A sequence that does not end is text after that many bytes. */
enum { CSI_MAX = 64, STRING_MAX = 512 };

static unsigned clean_text(struct clean *c, u8 byte, char *out);

/* UTF-8 (RFC 3629): the number of bytes that a lead byte announces, 0 if it is none. */
static u8 utf8_length(u8 lead)
{
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
		return 3;
	return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

/* Characters that show nothing, end lines or turn the direction of writing. */
static bool code_is_invisible(u32 code)
{
	return code < 0xa0 || code == 0xad || code == 0x61c || code == 0x180e ||
	       (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2060 && code <= 0x206f) || (code >= 0xfe00 && code <= 0xfe0f) ||
	       code == 0xfeff || (code >= 0xfff0 && code <= 0xfffb) || code >= 0xe0000;
}

static bool utf8_is_fit(const u8 *seq, u32 len)
{
	static const u32 least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	u32 code = seq[0] & (0xffu >> (len + 1));

	for (u32 i = 1; i < len; i++)
		code = code << 6 | (seq[i] & 0x3f);
	if (code < least[len] || (code >= 0xd800 && code <= 0xdfff))
		return false;
	return !code_is_invisible(code);
}

static unsigned clean_utf8(struct clean *c, u8 byte, char *out)
{
	if ((byte & 0xc0) != 0x80) {
		c->state = CLEAN_TEXT;
		out[0] = '?';
		return 1 + clean_text(c, byte, out + 1);
	}
	c->seq[c->have++] = byte;
	if (c->have < c->need)
		return 0;
	c->state = CLEAN_TEXT;
	if (!utf8_is_fit(c->seq, c->have)) {
		out[0] = '?';
		return 1;
	}
	for (u32 i = 0; i < c->have; i++)
		out[i] = (char)c->seq[i];
	return c->have;
}

static unsigned clean_text(struct clean *c, u8 byte, char *out)
{
	if (byte == ESC) {
		c->state = CLEAN_ESCAPE;
		c->length = 0;
		return 0;
	}
	if (byte >= 0x80 && utf8_length(byte)) {
		c->state = CLEAN_UTF8;
		c->need = utf8_length(byte);
		c->have = 1;
		c->seq[0] = byte;
		return 0;
	}
	if (byte == DEL || (byte < ' ' && byte != '\t' && byte != '\n' && byte != '\r'))
		return 0;
	out[0] = byte < 0x80 ? (char)byte : '?';
	return 1;
}

/* The byte after ESC says what it begins. */
static void clean_escape(struct clean *c, u8 byte)
{
	if (byte == '[')
		c->state = CLEAN_CSI;
	else if (byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_')
		c->state = CLEAN_STRING;
	else if (byte < 0x20 || byte > 0x2f || ++c->length > CSI_MAX) /* not an intermediate byte */
		c->state = CLEAN_TEXT;
}

static void clean_string(struct clean *c, u8 byte)
{
	if (byte == BEL || ++c->length > STRING_MAX)
		c->state = CLEAN_TEXT;
	else
		c->state = byte == ESC ? CLEAN_STRING_ESCAPE : CLEAN_STRING;
}

/* Parameters 0x30..0x3f, intermediates 0x20..0x2f, and a final byte 0x40..0x7e. */
static void clean_csi(struct clean *c, u8 byte)
{
	if (byte >= 0x40 || ++c->length > CSI_MAX)
		c->state = CLEAN_TEXT;
}

static void clean_dropped(struct clean *c, u8 byte)
{
	if (c->state == CLEAN_STRING) {
		clean_string(c, byte);
	} else if (c->state == CLEAN_STRING_ESCAPE && byte == '\\') {
		c->state = CLEAN_TEXT;
	} else if (byte == ESC) {
		c->state = CLEAN_ESCAPE;
	} else if (c->state == CLEAN_CSI) {
		clean_csi(c, byte);
	} else {
		c->state = CLEAN_ESCAPE;
		clean_escape(c, byte);
	}
}

static bool byte_is_plain(u32 byte)
{
	return byte - ' ' < DEL - ' ' || byte == '\t';
}

u32 clean_plain(const struct clean *c, const u8 *bytes, u32 len)
{
	const u8 *at = bytes, *end = bytes + len;

	if (c->state != CLEAN_TEXT)
		return 0;
	while (at < end && byte_is_plain(*at))
		at++;
	return (u32)(at - bytes);
}

unsigned clean_byte(struct clean *c, u8 byte, char *out)
{
	if (c->state == CLEAN_UTF8)
		return clean_utf8(c, byte, out);
	/* No line end is ever swallowed: a sequence cannot hide more than its line. */
	if (c->state == CLEAN_TEXT || byte == '\n' || byte == '\r') {
		c->state = CLEAN_TEXT;
		return clean_text(c, byte, out);
	}
	clean_dropped(c, byte);
	return 0;
}
