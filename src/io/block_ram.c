#include "io/block_ram.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/net_copy.h"

#define PAGE 4096ul
#define LINE 128ul
#define PIECES_MAX 64
#define SLICE (64 * KIB)      /* copied between two points where others may run */
#define TRANSFER_MAX (128 * KIB)
#define CLEAR_MAX (256 * KIB)

struct block_ram {
	struct block block;
	struct host_space *space;
	struct host_account *payer;
	/* The data, one piece behind the other: RAM, or a file and its last sector. */
	unsigned count;
	struct host_extent pieces[PIECES_MAX];
	/* Of a file that is not copied. */
	struct host_file file;
	const void *mapping;
	u8 *tail; /* NULL: its sectors are whole */
};

/* Where byte @offset of the disk is; cuts *@size to what lies there in one piece. */
static inline u8 *ram_at(const struct block_ram *m, u64 offset, u64 *size)
{
	const struct host_extent *p = m->pieces;

	while (offset >= p->size)
		offset -= p++->size;
	*size = min_u64(*size, p->size - offset);
	return p->va + offset;
}

/* Sectors and pages mostly lie at whole lines on either side. */
static void bytes_copy(u8 *to, const u8 *from, u64 size)
{
	u64 *t = (u64 *)(void *)to;
	const u64 *f = (const u64 *)(const void *)from;

	if (!is_aligned((uintptr_t)to | (uintptr_t)from, sizeof(*t)) || size % LINE) {
		net_copy(to, from, size);
		return;
	}
	for (; size; size -= LINE, t += LINE / 8, f += LINE / 8) {
		u64 a = f[0], b = f[1], c = f[2], d = f[3], e = f[4], g = f[5], h = f[6], i = f[7];
		u64 j = f[8], k = f[9], l = f[10], m = f[11], n = f[12], o = f[13], p = f[14], q = f[15];

		t[0] = a, t[1] = b, t[2] = c, t[3] = d, t[4] = e, t[5] = g, t[6] = h, t[7] = i;
		t[8] = j, t[9] = k, t[10] = l, t[11] = m, t[12] = n, t[13] = o, t[14] = p, t[15] = q;
	}
}

static void ram_copy(const struct block_ram *m, u64 offset, u8 *va, u64 size, bool write)
{
	while (size) {
		u64 n = size;
		u8 *at = ram_at(m, offset, &n);

		if (write)
			bytes_copy(at, va, n);
		else
			bytes_copy(va, at, n);
		offset += n;
		va += n;
		size -= n;
	}
}

static void piece_transfer(u8 *at, const struct block_request *r)
{
	const struct io_segment *end = r->segments + r->segment_count;
	bool write = r->op == BLOCK_WRITE;

	for (const struct io_segment *s = r->segments; s < end; at += s->size, s++)
		if (write)
			bytes_copy(at, s->va, s->size);
		else
			bytes_copy(s->va, at, s->size);
}

/* Mostly a disk has but one piece. */
static void ram_transfer(const struct block_ram *m, const struct block_request *r)
{
	u64 offset = r->sector * BLOCK_SECTOR;

	if (range_within(offset, r->bytes, 0, m->pieces[0].size)) {
		piece_transfer(m->pieces[0].va + offset, r);
		return;
	}
	for (unsigned i = 0; i < r->segment_count; i++) {
		const struct io_segment *s = &r->segments[i];

		ram_copy(m, offset, s->va, s->size, r->op == BLOCK_WRITE);
		offset += s->size;
	}
}

static void ram_clear(const struct block_ram *m, u64 offset, u64 size)
{
	while (size) {
		u64 n = size;
		u8 *at = ram_at(m, offset, &n);

		memset(at, 0, n);
		offset += n;
		size -= n;
	}
}

/* What is discarded cannot be given back, but is gone all the same. */
static int ram_submit(struct block *b, struct block_request *r)
{
	struct block_ram *m = container_of(b, struct block_ram, block);

	switch (r->op) {
	case BLOCK_READ:
	case BLOCK_WRITE:
		ram_transfer(m, r);
		return 0;
	case BLOCK_DISCARD:
	case BLOCK_WRITE_ZEROES:
		ram_clear(m, r->sector * BLOCK_SECTOR, r->bytes);
		return 0;
	case BLOCK_FLUSH:
		return 0;
	}
	return -EOPNOTSUPP;
}

static void ram_destroy(struct block *b)
{
	struct block_ram *m = container_of(b, struct block_ram, block);

	if (m->mapping)
		host_file_unmap(&m->file, m->mapping);
	else
		host_ram_free(m->space, m->pieces, m->count);
	host_private_free(m->space, m->tail, BLOCK_SECTOR);
	host_free(m, sizeof(*m), m->payer);
}

static const struct block_ops ram_ops = { .submit = ram_submit, .destroy = ram_destroy };

static struct block_ram *ram_new(struct host_space *space, u64 size, struct host_account *payer)
{
	struct block_ram *m = host_alloc(sizeof(*m), payer);

	if (!m)
		return NULL;
	m->space = space;
	m->payer = payer;
	m->block.ops = &ram_ops;
	m->block.sectors = (size + BLOCK_SECTOR - 1) / BLOCK_SECTOR;
	m->block.block_size = BLOCK_SECTOR;
	m->block.discard = m->block.write_zeroes = true;
	m->block.transfer_max = TRANSFER_MAX;
	m->block.clear_max = CLEAR_MAX;
	return m;
}

int block_ram_create(struct host_space *space, u64 size, struct host_account *payer,
		     struct block **out)
{
	struct block_ram *m = ram_new(space, size, payer);
	int n;

	if (!m)
		return -ENOMEM;
	n = host_ram_alloc(space, align_up(size, PAGE), m->pieces, PIECES_MAX);
	if (n < 0) {
		host_free(m, sizeof(*m), payer);
		return n;
	}
	m->count = (unsigned)n;
	*out = &m->block;
	return 0;
}

/* ---- Files */

static int file_copy(const struct host_file *file, struct block *disk)
{
	struct block_ram *m = container_of(disk, struct block_ram, block);
	const u8 *bytes = host_file_map(file);

	if (!bytes)
		return -ENOMEM;
	for (u64 done = 0; done < file->size; done += SLICE) {
		u64 n = min_u64(SLICE, file->size - done);

		/* Only read from. */
		ram_copy(m, done, (u8 *)(uintptr_t)bytes + done, n, true);
		host_yield();
	}
	host_file_unmap(file, bytes);
	return 0;
}

static int file_create_copy(struct host_space *space, const struct host_file *file,
			    struct host_account *payer, struct block **out)
{
	struct block *disk;
	int err = block_ram_create(space, file->size, payer, &disk);

	if (err)
		return err;
	err = file_copy(file, disk);
	if (err)
		ram_destroy(disk);
	else
		*out = disk;
	return err;
}

/* Behind a file's end its last page has what belongs to others: the last sector is a copy. */
static int file_map(struct block_ram *m, const struct host_file *file)
{
	u64 whole = align_down(file->size, BLOCK_SECTOR);

	if (whole != file->size) {
		m->tail = host_private_alloc(m->space, BLOCK_SECTOR);
		if (!m->tail)
			return -ENOMEM;
	}
	m->file = *file;
	m->mapping = host_file_map(file);
	if (!m->mapping)
		return -ENOMEM;
	if (m->tail)
		memcpy(m->tail, (const u8 *)m->mapping + whole, file->size - whole);
	/* Nobody writes to it: the disk is read-only, and so is the mapping. */
	m->pieces[0] = (struct host_extent){ .va = (u8 *)(uintptr_t)m->mapping, .size = whole };
	m->pieces[1] = (struct host_extent){ .va = m->tail, .size = m->tail ? BLOCK_SECTOR : 0 };
	return 0;
}

static int file_create_mapped(struct host_space *space, const struct host_file *file,
			      struct host_account *payer, struct block **out)
{
	struct block_ram *m = ram_new(space, file->size, payer);
	int err;

	if (!m)
		return -ENOMEM;
	m->block.read_only = true;
	m->block.discard = m->block.write_zeroes = false;
	err = file_map(m, file);
	if (err) {
		host_private_free(space, m->tail, BLOCK_SECTOR);
		host_free(m, sizeof(*m), payer);
		return err;
	}
	*out = &m->block;
	return 0;
}

int block_file_create(struct host_space *space, const char *name, bool read_only,
		      struct host_account *payer, struct block **out)
{
	struct host_file file;
	int err = host_file_find(name, &file);

	if (err)
		return err;
	if (!file.size)
		return -ENOENT;
	return read_only ? file_create_mapped(space, &file, payer, out) :
			   file_create_copy(space, &file, payer, out);
}
