/* For tests: writes GUID partition tables. */
#ifndef IO_GPT_TEST_H
#define IO_GPT_TEST_H

#include <string.h>

#include "io/gpt.h"

enum { GPT_TEST_ENTRIES = 128, GPT_TEST_ENTRY = 128 };

static inline void gpt_put(u8 *at, u64 value, unsigned size) { memcpy(at, &value, size); }

/* A partition in use; the table's checksums are not yet right. */
static inline void gpt_test_entry(u8 *entries, unsigned number, u64 first, u64 last, const char *name)
{
	u8 *e = entries + (number - 1) * GPT_TEST_ENTRY;

	memset(e, 0xaf, 16);
	memset(e + 16, (int)number, 16);
	gpt_put(e + 32, first, 8);
	gpt_put(e + 40, last, 8);
	for (unsigned i = 0; i < 36 && name[i]; i++)
		e[56 + 2 * i] = (u8)name[i];
}

/* Writes the header at block @my for entries that lie at block @entries_lba. */
static inline void gpt_test_header(u8 *disk, u64 blocks, u32 lba, u64 my, u64 entries_lba)
{
	u8 *h = disk + my * lba;
	u64 reserve = 1 + (u64)GPT_TEST_ENTRIES * GPT_TEST_ENTRY / lba;

	memset(h, 0, lba);
	memcpy(h, "EFI PART", 8);
	gpt_put(h + 8, 0x10000, 4);
	gpt_put(h + 12, 92, 4);
	gpt_put(h + 24, my, 8);
	gpt_put(h + 32, blocks - my, 8);
	gpt_put(h + 40, 1 + reserve, 8);
	gpt_put(h + 48, blocks - 1 - reserve, 8);
	gpt_put(h + 72, entries_lba, 8);
	gpt_put(h + 80, GPT_TEST_ENTRIES, 4);
	gpt_put(h + 84, GPT_TEST_ENTRY, 4);
	gpt_put(h + 88, gpt_crc32(0, disk + entries_lba * lba, GPT_TEST_ENTRIES * GPT_TEST_ENTRY), 4);
	gpt_put(h + 16, gpt_crc32(0, h, 92), 4);
}

/* Where the entries of the first table lie. */
static inline u8 *gpt_test_entries(u8 *disk, u32 lba) { return disk + 2 * lba; }

/* Makes both tables whole, of the entries of the first. */
static inline void gpt_test_finish(u8 *disk, u64 size, u32 lba)
{
	u64 blocks = size / lba, bytes = GPT_TEST_ENTRIES * GPT_TEST_ENTRY;
	u64 copy = blocks - 1 - bytes / lba;

	memcpy(disk + copy * lba, disk + 2 * lba, bytes);
	gpt_test_header(disk, blocks, lba, 1, 2);
	gpt_test_header(disk, blocks, lba, blocks - 1, copy);
}

#endif
