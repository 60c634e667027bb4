/*
 * Disks in a VM's own memory: empty ones, and files of the system image. They answer at
 * once. Their memory is the VM's: mapped in its space only, paid by it, wiped when it goes.
 */
#ifndef IO_BLOCK_RAM_H
#define IO_BLOCK_RAM_H

#include "host/host.h"
#include "io/block.h"

/*
 * To be called, used and destroyed in @space, which is a VM's. The disk's data is paid by the
 * account of the space, the rest by @payer.
 */

/* An empty disk of @size bytes, a multiple of 512. *@out, the caller's, is set on success only.
 * -ENOMEM. Yields. */
int block_ram_create(struct host_space *space, u64 size, struct host_account *payer,
		     struct block **out);
/*
 * A file of the system image: a copy, which the VM may change, or (@read_only) the file itself, of
 * which a space can have few at a time. What lacks to a whole sector is zero. -ENOENT: no such
 * file, or an empty one; -ENOMEM. Yields.
 */
int block_file_create(struct host_space *space, const char *name, bool read_only,
		      struct host_account *payer, struct block **out);

#endif
