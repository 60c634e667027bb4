/* A part of a disk as a disk of its own: a range of bytes, or a partition. */
#ifndef IO_BLOCK_PART_H
#define IO_BLOCK_PART_H

#include "io/block.h"

struct block_part_spec {
	const char *partition; /* of a GPT, by name or number (io/gpt.h); "" or NULL: the whole disk */
	u64 offset; /* bytes, within that; a multiple of the disk's block size */
	u64 size;   /* bytes, a multiple of it too; 0: to the end */
};

/*
 * Puts a part in the place of *@disk, which it owns from then on: destroyed with it. On failure
 * *@disk stays what it was: -ENOENT no such partition; -EINVAL no table of partitions, or not
 * aligned; -ERANGE beyond the end; -ENOMEM; or the disk's error. Reads the table: sleeps.
 */
int block_part_open(struct block **disk, const struct block_part_spec *spec,
		    struct host_account *payer);

#endif
