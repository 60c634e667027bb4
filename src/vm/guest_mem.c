#include "vm/guest_mem.h"

#include <errno.h>
#include <string.h>

/* The extent that holds @gpa, or NULL. With a single extent this is one comparison. */
static const struct guest_extent *extent_find(const struct guest_mem *mem, u64 gpa)
{
	unsigned low = 0, high = mem->count;

	while (low < high) {
		unsigned mid = (low + high) / 2;
		const struct guest_extent *e = &mem->extents[mid];

		if (gpa < e->gpa)
			high = mid;
		else if (gpa - e->gpa >= e->host.size)
			low = mid + 1;
		else
			return e;
	}
	return NULL;
}

static bool extent_overlaps(const struct guest_mem *mem, u64 gpa, u64 size)
{
	for (unsigned i = 0; i < mem->count; i++)
		if (range_overlaps(gpa, size, mem->extents[i].gpa, mem->extents[i].host.size))
			return true;
	return false;
}

/* Puts @count pieces, which follow each other from @gpa on, where they belong. */
static void extents_insert(struct guest_mem *mem, u64 gpa, const struct host_extent *ext,
			   unsigned count)
{
	unsigned at = 0;

	while (at < mem->count && mem->extents[at].gpa < gpa)
		at++;
	memmove(&mem->extents[at + count], &mem->extents[at],
		(mem->count - at) * sizeof(mem->extents[0]));
	for (unsigned i = 0; i < count; i++) {
		mem->extents[at + i] = (struct guest_extent){ .gpa = gpa, .host = ext[i] };
		gpa += ext[i].size;
	}
	mem->count += count;
}

int guest_mem_add(struct guest_mem *mem, u64 gpa, u64 size)
{
	struct host_extent ext[GUEST_MEM_EXTENTS_MAX];
	int n;

	/* Addresses come from the board and sizes from a checked description. */
	host_assert(size && is_aligned(gpa | size, 4096) && gpa + size > gpa);
	host_assert(!extent_overlaps(mem, gpa, size));
	n = host_ram_alloc(mem->space, size, ext, GUEST_MEM_EXTENTS_MAX - mem->count);
	if (n < 0)
		return n;
	extents_insert(mem, gpa, ext, (unsigned)n);
	return 0;
}

void guest_mem_free(struct guest_mem *mem)
{
	/* Freeing yields: an extent that is on its way out must not be found any more. */
	while (mem->count) {
		struct host_extent ext = mem->extents[--mem->count].host;

		host_ram_free(mem->space, &ext, 1);
	}
}

bool guest_mem_contains(const struct guest_mem *mem, u64 gpa, u64 size)
{
	const struct guest_extent *e = extent_find(mem, gpa);
	const struct guest_extent *end = mem->extents + mem->count;

	if (!size)
		return true;
	for (; e && e < end && e->gpa <= gpa; e++) {
		u64 rest = e->host.size - (gpa - e->gpa);

		if (size <= rest)
			return true;
		/* The neighbour must begin where this one ends: gpa is its first byte then. */
		gpa += rest;
		size -= rest;
	}
	return false;
}

u8 *guest_ptr(const struct guest_mem *mem, u64 gpa, u64 *size)
{
	const struct guest_extent *e = extent_find(mem, gpa);

	host_assert(host_space_current() == mem->space);
	if (!e)
		return NULL;
	*size = min_u64(*size, e->host.size - (gpa - e->gpa));
	return e->host.va + (gpa - e->gpa);
}

bool guest_read(const struct guest_mem *mem, u64 gpa, void *buf, u64 size)
{
	u8 *to = buf;

	if (!guest_mem_contains(mem, gpa, size))
		return false;
	while (size) {
		u64 n = size;
		const u8 *from = guest_ptr(mem, gpa, &n);

		memcpy(to, from, n);
		to += n;
		gpa += n;
		size -= n;
	}
	return true;
}

bool guest_write(const struct guest_mem *mem, u64 gpa, const void *buf, u64 size)
{
	const u8 *from = buf;

	if (!guest_mem_contains(mem, gpa, size))
		return false;
	while (size) {
		u64 n = size;
		u8 *to = guest_ptr(mem, gpa, &n);

		memcpy(to, from, n);
		from += n;
		gpa += n;
		size -= n;
	}
	return true;
}
