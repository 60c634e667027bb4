/*
 * Partition tables of a hostile disk. The input is the beginning and the end of a small
 * one; checksums are made right, or nothing would get past them. What is found lies within
 * the disk, and only the disk is read.
 */
#include <string.h>

#include "host/host.h"
#include "io/gpt.h"

enum { BLOCKS = 80, HEADER = 92, HEADER_CRC = 16, ENTRIES_CRC = 88 };

struct disk {
	u32 lba;
	u8 bytes[BLOCKS * GPT_PAGE];
};

static int disk_read(void *arg, u64 offset, void *page, u64 size)
{
	const struct disk *k = arg;

	host_assert(size <= GPT_PAGE && is_aligned(offset | size, k->lba));
	host_assert(range_within(offset, size, 0, (u64)BLOCKS * k->lba));
	memcpy(page, k->bytes + offset, size);
	return 0;
}

static u64 field(const u8 *header, unsigned at, unsigned size)
{
	u64 v = 0;

	memcpy(&v, header + at, size);
	return v;
}

static void seal(struct disk *k, u64 block)
{
	u8 *h = k->bytes + block * k->lba;
	u64 entries = field(h, 72, 8), count = field(h, 80, 4), size = field(h, 84, 4);
	u64 length = field(h, 12, 4);
	u32 crc = 0;

	memcpy(h, "EFI PART", 8);
	memcpy(h + 24, &block, 8);
	if (entries < BLOCKS && range_within(entries * k->lba, count * size, 0, (u64)BLOCKS * k->lba))
		crc = gpt_crc32(0, k->bytes + entries * k->lba, count * size);
	memcpy(h + ENTRIES_CRC, &crc, 4);
	memset(h + HEADER_CRC, 0, 4);
	crc = gpt_crc32(0, h, length <= k->lba ? length : HEADER);
	memcpy(h + HEADER_CRC, &crc, 4);
}

static void find(struct disk *k, const char *which)
{
	static u64 page[GPT_PAGE / 8];
	struct gpt_partition p = { 0 };
	struct gpt_disk d = {
		.read = disk_read, .arg = k, .size = (u64)BLOCKS * k->lba, .lba = k->lba, .page = page,
	};

	if (gpt_find(&d, which, &p) == 0)
		host_assert(p.size && range_within(p.offset, p.size, 0, d.size) &&
			    is_aligned(p.offset | p.size, k->lba));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct disk k;
	char name[8] = "";
	u8 kind;

	if (size < 8)
		return 0;
	kind = data[0];
	memcpy(name, data + 1, 7);
	data += 8;
	size -= 8;
	memset(&k, 0, sizeof(k));
	k.lba = 512u << kind % 4;
	/* Two headers' beginnings, then entries from block 2 on. */
	memcpy(k.bytes + k.lba, data, min_u64(size, HEADER));
	if (size > HEADER)
		memcpy(k.bytes + (BLOCKS - 1) * k.lba, data + HEADER, min_u64(size - HEADER, HEADER));
	if (size > 2 * HEADER)
		memcpy(k.bytes + 2 * k.lba, data + 2 * HEADER, min_u64(size - 2 * HEADER, 32 * KIB));
	if (kind & 0x10)
		seal(&k, 1);
	if (kind & 0x20)
		seal(&k, BLOCKS - 1);
	name[7] = '\0';
	find(&k, name);
	find(&k, "1");
	return 0;
}
