/* GUID partition tables: UEFI 2.10, 5.3. Fields are little-endian, as all hosts here are. */
#include "io/gpt.h"

#include <errno.h>
#include <string.h>

#define GPT_SIGNATURE 0x5452415020494645ul /* "EFI PART" */
#define GPT_ENTRY_MIN 128u
#define GPT_NAME_UNITS 36
#define GPT_NAME_MAX (GPT_NAME_UNITS * 3) /* bytes in UTF-8 */
#define GPT_ENTRIES_MAX 16384u

/* 5.3.2 "GPT Header" */
struct gpt_header {
	u64 signature;
	u32 revision;
	u32 header_size;
	u32 header_crc; /* counted as 0 */
	u32 reserved;
	u64 my_lba, alternate_lba;
	u64 first_usable, last_usable;
	u8 disk_guid[16];
	u64 entries_lba;
	u32 entry_count, entry_size;
	u32 entries_crc;
	u32 pad;
};

enum { GPT_HEADER_MIN = 92, GPT_HEADER_CRC = 16 };

/* 5.3.3 "GPT Partition Entry Array" */
struct gpt_entry {
	u8 type[16]; /* all zero: not in use */
	u8 guid[16];
	u64 first, last; /* LBAs, both of the partition */
	u64 attributes;
	u16 name[GPT_NAME_UNITS]; /* UTF-16, ends at a 0 or with the field */
};

/* What is looked for; @number is 0 when it is the name that counts. */
struct gpt_search {
	const char *name;
	u64 number;
	bool found;
	u64 first, last;
};

u32 gpt_crc32(u32 crc, const void *bytes, u64 size)
{
	/* Four bits of the reversed polynomial 0xedb88320 at a time. */
	static const u32 table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	const u8 *p = bytes;

	crc = ~crc;
	while (size--) {
		crc ^= *p++;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

/* ---- Names */

static bool is_surrogate(u32 unit) { return unit >= 0xd800 && unit < 0xe000; }

/* The character that begins at *i; a half of a pair without the other is U+FFFD. */
static u32 utf16_next(const u16 *name, unsigned *i)
{
	u32 high = name[(*i)++], low;

	if (!is_surrogate(high))
		return high;
	low = *i < GPT_NAME_UNITS ? name[*i] : 0;
	if (high >= 0xdc00 || low < 0xdc00 || low >= 0xe000)
		return 0xfffd;
	(*i)++;
	return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

static char *utf8_put(char *to, u32 c)
{
	if (c < 0x80) {
		*to++ = (char)c;
		return to;
	}
	if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*to++ = (char)(0xe0 | c >> 12);
		} else {
			*to++ = (char)(0xf0 | c >> 18);
			*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		}
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*to++ = (char)(0x80 | (c & 0x3f));
	return to;
}

static bool name_is(const struct gpt_entry *e, const char *name)
{
	char text[GPT_NAME_MAX + 1], *to = text;
	unsigned i = 0;

	while (i < GPT_NAME_UNITS && e->name[i])
		to = utf8_put(to, utf16_next(e->name, &i));
	*to = '\0';
	return strcmp(text, name) == 0;
}

/* 0 if it has other characters than digits. Absurdly large numbers become one that is not there. */
static u64 number_read(const char *text)
{
	u64 number = 0;

	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return 0;
		number = min_u64(number * 10 + (u64)(*text - '0'), GPT_ENTRIES_MAX + 1);
	}
	return number;
}

/* ---- Tables */

static bool header_is_sane(const struct gpt_disk *d, const struct gpt_header *h, u64 lba)
{
	u64 blocks = d->size / d->lba;

	return h->my_lba == lba && h->revision >> 16 == 1 && h->first_usable <= h->last_usable &&
	       h->last_usable < blocks && h->entry_size >= GPT_ENTRY_MIN &&
	       h->entry_size <= d->lba && !(h->entry_size & (h->entry_size - 1)) &&
	       h->entry_count <= GPT_ENTRIES_MAX && h->entries_lba < blocks &&
	       range_within(h->entries_lba * d->lba, (u64)h->entry_count * h->entry_size, 0,
			    blocks * d->lba);
}

/* 0, a read error, or -EINVAL: there is no header. */
static int header_read(const struct gpt_disk *d, u64 lba, struct gpt_header *h)
{
	int err = d->read(d->arg, lba * d->lba, d->page, d->lba);
	u8 *page = d->page;

	if (err)
		return err;
	memcpy(h, page, sizeof(*h));
	if (h->signature != GPT_SIGNATURE || h->header_size < GPT_HEADER_MIN ||
	    h->header_size > d->lba)
		return -EINVAL;
	memset(page + GPT_HEADER_CRC, 0, sizeof(h->header_crc));
	if (gpt_crc32(0, page, h->header_size) != h->header_crc)
		return -EINVAL;
	return header_is_sane(d, h, lba) ? 0 : -EINVAL;
}

static void entry_look(const struct gpt_header *h, const struct gpt_entry *e, u64 number,
		       struct gpt_search *s)
{
	static const u8 none[sizeof(e->type)];

	if (s->found || memcmp(e->type, none, sizeof(none)) == 0)
		return;
	if (s->number ? number != s->number : !name_is(e, s->name))
		return;
	if (e->first > e->last || e->first < h->first_usable || e->last > h->last_usable)
		return;
	s->found = true;
	s->first = e->first;
	s->last = e->last;
}

/* An entry's size divides a block's, which divides the page's. */
static int entries_read(const struct gpt_disk *d, const struct gpt_header *h, struct gpt_search *s)
{
	u64 size = (u64)h->entry_count * h->entry_size;
	u32 crc = 0;

	for (u64 done = 0; done < size; done += GPT_PAGE) {
		u64 part = min_u64(size - done, GPT_PAGE);
		int err = d->read(d->arg, h->entries_lba * d->lba + done, d->page,
				  align_up(part, d->lba));

		if (err)
			return err;
		crc = gpt_crc32(crc, d->page, part);
		for (u64 at = 0; at < part; at += h->entry_size) {
			struct gpt_entry e;

			memcpy(&e, (const u8 *)d->page + at, sizeof(e));
			entry_look(h, &e, (done + at) / h->entry_size + 1, s);
		}
	}
	return crc == h->entries_crc ? 0 : -EINVAL;
}

/* What was found counts only if the whole table is good. */
static int table_search(const struct gpt_disk *d, u64 lba, struct gpt_search *s)
{
	struct gpt_header h;
	int err = header_read(d, lba, &h);

	s->found = false;
	return err ? err : entries_read(d, &h, s);
}

int gpt_find(const struct gpt_disk *disk, const char *which, struct gpt_partition *found)
{
	struct gpt_search s = { .name = which, .number = number_read(which) };
	u64 blocks = disk->size / disk->lba;
	int err;

	if (blocks < 3)
		return -EINVAL;
	err = table_search(disk, 1, &s);
	if (err)
		err = table_search(disk, blocks - 1, &s);
	if (err)
		return err;
	if (!s.found)
		return -ENOENT;
	found->offset = s.first * disk->lba;
	found->size = (s.last - s.first + 1) * disk->lba;
	return 0;
}
