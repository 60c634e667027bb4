/* The host contract for unit tests: see host/fake/fake.h. Tasks are in fake_task.c. */
#include "host/fake/fake.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/fake/fake_task.h"

#define FILES_MAX 32
#define RAM_BASE 0x400000000ul /* of the physical addresses handed out */

struct host_space {
	struct host_account *payer;
	u64 held; /* bytes not yet freed */
};

static struct {
	struct {
		const char *name;
		const void *data;
		u64 size;
	} files[FILES_MAX];
	unsigned file_count;
	u64 ram_free, ram_largest, ram_next;
	unsigned alloc_left;
	u64 allocated;
	u64 random;
	unsigned harts, hart;
} fake = { .ram_free = GIB, .ram_next = RAM_BASE, .alloc_left = ~0u, .harts = 1 };

void fake_reset(void)
{
	host_assert(!fake_tasks());
	fake_task_reset();
	fake.file_count = 0;
	fake.random = 0;
	fake_ram_set(GIB, 0);
	fake_alloc_limit(~0u);
	fake_harts_set(1, 0);
}

u64 host_timebase(void)
{
	return FAKE_TIMEBASE;
}

/* ---- Memory */

void fake_alloc_limit(unsigned count)
{
	fake.alloc_left = count;
}

u64 fake_allocated(void)
{
	return fake.allocated;
}

static bool account_charge(struct host_account *a, u64 size)
{
	if (a && a->limit && (size > a->limit || a->used > a->limit - size))
		return false;
	if (a)
		a->used += size;
	return true;
}

static void account_refund(struct host_account *a, u64 size)
{
	if (!a)
		return;
	host_assert(a->used >= size);
	a->used -= size;
}

static void *memory_take(u64 size)
{
	u64 align = size >= 4096 ? 4096 : 16;
	void *p = aligned_alloc(align, align_up(size ? size : 1, align));

	host_assert(p);
	memset(p, 0, size);
	fake.allocated += size;
	return p;
}

static void memory_give(void *p, u64 size)
{
	host_assert(fake.allocated >= size);
	fake.allocated -= size;
	free(p);
}

void *host_alloc(u64 size, struct host_account *payer)
{
	if (!fake.alloc_left || !account_charge(payer, size))
		return NULL;
	if (fake.alloc_left != ~0u)
		fake.alloc_left--;
	return memory_take(size);
}

void host_free(void *p, u64 size, struct host_account *payer)
{
	if (!p)
		return;
	account_refund(payer, size);
	memory_give(p, size);
}

struct host_space *host_space_create(struct host_account *payer)
{
	struct host_space *space = host_alloc(sizeof(*space), payer);

	if (space)
		space->payer = payer;
	return space;
}

void host_space_destroy(struct host_space *space)
{
	host_assert(!space->held && host_space_current() != space);
	host_free(space, sizeof(*space), space->payer);
}

void *host_private_alloc(struct host_space *space, u64 size)
{
	void *p = host_alloc(size, space->payer);

	if (p)
		space->held += size;
	return p;
}

void host_private_free(struct host_space *space, void *p, u64 size)
{
	if (!p)
		return;
	host_assert(space->held >= size);
	space->held -= size;
	host_free(p, size, space->payer);
}

/* ---- RAM */

void fake_ram_set(u64 free_bytes, u64 largest)
{
	fake.ram_free = free_bytes;
	fake.ram_largest = largest;
}

u64 host_ram_free_bytes(void)
{
	return fake.ram_free;
}

static void extent_take(struct host_space *space, struct host_extent *e, u64 size)
{
	*e = (struct host_extent){ .pa = fake.ram_next, .va = memory_take(size), .size = size };
	/* A hole after each piece: nobody may count on pieces being neighbours. */
	fake.ram_next += size + MIB;
	fake.ram_free -= size;
	space->held += size;
}

int host_ram_alloc(struct host_space *space, u64 size, struct host_extent *ext, unsigned max)
{
	u64 largest = fake.ram_largest ? fake.ram_largest : size;
	unsigned n = 0;

	host_assert(size && is_aligned(size, 4096));
	if (size > fake.ram_free || (size + largest - 1) / largest > max)
		return -ENOMEM;
	if (!account_charge(space->payer, size))
		return -ENOMEM;
	for (; size; n++) {
		extent_take(space, &ext[n], min_u64(size, largest));
		size -= ext[n].size;
	}
	return (int)n;
}

void host_ram_free(struct host_space *space, const struct host_extent *ext, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		account_refund(space->payer, ext[i].size);
		host_assert(space->held >= ext[i].size);
		space->held -= ext[i].size;
		fake.ram_free += ext[i].size;
		memory_give(ext[i].va, ext[i].size);
		host_yield();
	}
}

/* ---- Files */

void fake_file_add(const char *name, const void *data, u64 size)
{
	host_assert(fake.file_count < FILES_MAX);
	fake.files[fake.file_count].name = name;
	fake.files[fake.file_count].data = data;
	fake.files[fake.file_count].size = size;
	fake.file_count++;
}

int host_file_find(const char *name, struct host_file *file)
{
	for (unsigned i = 0; i < fake.file_count; i++) {
		if (strcmp(fake.files[i].name, name) != 0)
			continue;
		*file = (struct host_file){ .where = i, .size = fake.files[i].size };
		return 0;
	}
	return -ENOENT;
}

/* Files are private: as on bare metal, there is no mapping them into the common space. */
const void *host_file_map(const struct host_file *file)
{
	if (!host_space_current() || file->where >= fake.file_count)
		return NULL;
	return fake.files[file->where].data;
}

void host_file_unmap(const struct host_file *file, const void *va)
{
	host_assert(file->where < fake.file_count && va == fake.files[file->where].data);
}

/* ---- The rest */

void fake_harts_set(unsigned harts, unsigned current)
{
	fake.harts = harts;
	fake.hart = current;
}

unsigned host_hart(void)
{
	return fake.hart;
}

unsigned host_harts(void)
{
	return fake.harts;
}

/* SplitMix64: well spread, and the same for each test. */
u64 host_random(void)
{
	u64 z = fake.random += 0x9e3779b97f4a7c15ul;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ul;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebul;
	return z ^ (z >> 31);
}

void host_panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("host_panic: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}

/* Tables are only ever read back by those who wrote them: any one-to-one mapping does. */
u64 host_pa(const void *common)
{
	return (u64)(uintptr_t)common;
}

void *host_va(u64 pa)
{
	return (void *)(uintptr_t)pa;
}
