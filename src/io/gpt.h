/*
 * GUID partition tables: UEFI 2.10, 5.3 "GUID Partition Table (GPT) Disk Layout".
 * A disk's contents are not to be trusted: what it says is checked.
 */
#ifndef IO_GPT_H
#define IO_GPT_H

#include "lib/types.h"

#define GPT_PAGE 4096u /* the largest logical block that is understood */

struct gpt_disk {
	/* Reads @size bytes (a multiple of @lba, at most GPT_PAGE) at byte @offset, a multiple of @lba
	 * within the disk, into @page; 0 or a negative errno. */
	int (*read)(void *arg, u64 offset, void *page, u64 size);
	void *arg;
	u64 size; /* of the disk, bytes */
	u32 lba;  /* bytes of a logical block: a power of two from 512 to GPT_PAGE */
	void *page; /* the caller's; GPT_PAGE bytes, 8-byte aligned */
};

struct gpt_partition {
	u64 offset, size; /* bytes; within the disk */
};

/*
 * Finds a partition: by its number (from 1 on) if @which has digits only, else by its name, in
 * UTF-8; of several the first. The table at the disk's end serves where the one at its beginning is
 * damaged. -EINVAL: neither is whole; -ENOENT: no such partition; or what read() said.
 */
int gpt_find(const struct gpt_disk *disk, const char *which, struct gpt_partition *found);

/* The CRC-32 of Ethernet, bit by bit reversed, as the tables use it; @crc of the bytes
 * before, 0 to begin with. */
u32 gpt_crc32(u32 crc, const void *bytes, u64 size);

#endif
