/* newc cpio: cpio(5), "New ASCII Format". Each header is 110 bytes of text. */
#include "lib/cpio.h"

#include <string.h>

enum {
	CPIO_HEADER = 110,
	CPIO_FILE_SIZE = 54, /* offset of the field of 8 hexadecimal digits */
	CPIO_NAME_SIZE = 94, /* the closing NUL counts */
};

static bool hex_read(const u8 *text, u64 *value)
{
	*value = 0;
	for (unsigned i = 0; i < 8; i++) {
		u8 c = text[i];

		if (c >= '0' && c <= '9')
			*value = *value << 4 | (u64)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			*value = *value << 4 | (u64)((c | 0x20) - 'a' + 10);
		else
			return false;
	}
	return true;
}

int cpio_next(const void *archive, u64 size, u64 *offset, struct cpio_entry *entry)
{
	u64 name_size, data, left;
	const u8 *header;

	if (!range_within(*offset, CPIO_HEADER, 0, size))
		return -1;
	header = (const u8 *)archive + *offset;
	left = size - *offset - CPIO_HEADER;
	if (memcmp(header, "070701", 6) || !hex_read(header + CPIO_FILE_SIZE, &entry->size) ||
	    !hex_read(header + CPIO_NAME_SIZE, &name_size))
		return -1;
	if (!name_size || name_size > left || header[CPIO_HEADER + name_size - 1])
		return -1;
	entry->name = (const char *)header + CPIO_HEADER;
	entry->name_size = strlen(entry->name);
	if (!strcmp(entry->name, "TRAILER!!!"))
		return 0;

	/* Name and data are padded to 4 bytes, counted from the start of the archive. */
	data = align_up(*offset + CPIO_HEADER + name_size, 4);
	if (!range_within(data, entry->size, 0, size))
		return -1;
	entry->data = (const u8 *)archive + data;
	*offset = align_up(data + entry->size, 4);
	return 1;
}
