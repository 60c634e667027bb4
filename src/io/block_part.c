#include "io/block_part.h"

#include <errno.h>

#include "host/host.h"
#include "io/gpt.h"

struct block_part {
	struct block block;
	struct block *disk;
	u64 first; /* sector */
	struct host_account *payer;
};

/* What the disk gives back at once has its own sector again: its owner may ask once more. */
static int part_submit(struct block *b, struct block_request *r)
{
	struct block_part *p = container_of(b, struct block_part, block);
	u64 sector = r->sector;
	int status;

	r->sector += p->first;
	status = p->disk->ops->submit(p->disk, r);
	if (status != BLOCK_PENDING)
		r->sector = sector;
	return status;
}

static void part_ready(void *arg)
{
	struct block_part *p = arg;

	if (p->block.ready)
		p->block.ready(p->block.ready_arg);
}

static void part_destroy(struct block *b)
{
	struct block_part *p = container_of(b, struct block_part, block);

	p->disk->ops->destroy(p->disk);
	host_free(p, sizeof(*p), p->payer);
}

static const struct block_ops part_ops = { .submit = part_submit, .destroy = part_destroy };

/* ---- Partitions */

struct table_reader {
	struct block *disk;
	struct host_account *payer;
};

static int table_read(void *arg, u64 offset, void *page, u64 size)
{
	struct table_reader *t = arg;

	return block_read(t->disk, offset / BLOCK_SECTOR, page, size, t->payer);
}

/* A disk with large blocks may hold the image of one that was partitioned with small ones. */
static int partition_find(struct block *disk, const char *which, struct gpt_partition *found,
			  struct host_account *payer)
{
	struct table_reader reader = { disk, payer };
	struct gpt_disk d = {
		.read = table_read,
		.arg = &reader,
		.size = disk->sectors * BLOCK_SECTOR,
		.lba = disk->block_size,
		.page = host_alloc(GPT_PAGE, payer),
	};
	int err = -EINVAL;

	if (!d.page)
		return -ENOMEM;
	if (d.lba <= GPT_PAGE)
		err = gpt_find(&d, which, found);
	if (err == -EINVAL && d.lba != BLOCK_SECTOR) {
		d.lba = BLOCK_SECTOR;
		err = gpt_find(&d, which, found);
	}
	host_free(d.page, GPT_PAGE, payer);
	return err;
}

/* The range of the disk, bytes, that is meant. */
static int range_find(struct block *disk, const struct block_part_spec *spec,
		      struct gpt_partition *range, struct host_account *payer)
{
	u64 align = max_u64(disk->block_size, BLOCK_SECTOR);

	*range = (struct gpt_partition){ 0, disk->sectors * BLOCK_SECTOR };
	if (spec->partition && spec->partition[0]) {
		int err = partition_find(disk, spec->partition, range, payer);

		if (err)
			return err;
	}
	if (!range_within(spec->offset, spec->size, 0, range->size) || spec->offset == range->size)
		return -ERANGE;
	range->offset += spec->offset;
	range->size = spec->size ? spec->size : range->size - spec->offset;
	return is_aligned(range->offset | spec->size, align) ? 0 : -EINVAL;
}

int block_part_open(struct block **disk, const struct block_part_spec *spec,
		    struct host_account *payer)
{
	struct gpt_partition range;
	struct block_part *p;
	int err = range_find(*disk, spec, &range, payer);

	if (err)
		return err;
	p = host_alloc(sizeof(*p), payer);
	if (!p)
		return -ENOMEM;
	p->block = **disk;
	p->block.ops = &part_ops;
	p->block.sectors = range.size / BLOCK_SECTOR;
	p->block.ready = NULL;
	p->disk = *disk;
	p->first = range.offset / BLOCK_SECTOR;
	p->payer = payer;
	p->disk->ready = part_ready;
	p->disk->ready_arg = p;
	*disk = &p->block;
	return 0;
}
