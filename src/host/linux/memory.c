/*
 * Memory and who pays for it. There is one address space: a VM's own is a name for what was given
 * to it, and its memory is where it would be anyway.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include "host/host.h"

#define PAGE 4096ul
#define HUGE_PAGE (2 * MIB)
#define MMAP_FROM (64 * KIB) /* such pieces come from the kernel, zeroed when they are touched */

struct host_space {
	struct host_account *payer;
	u64 held; /* atomic; bytes not yet freed */
};

/* Threads of a VM allocate at the same time. */
static bool account_charge(struct host_account *a, u64 size)
{
	u64 used;

	if (!a)
		return true;
	used = __atomic_add_fetch(&a->used, size, __ATOMIC_RELAXED);
	if (!a->limit || (used >= size && used <= a->limit))
		return true;
	__atomic_sub_fetch(&a->used, size, __ATOMIC_RELAXED);
	return false;
}

static void account_refund(struct host_account *a, u64 size)
{
	if (a)
		host_assert(__atomic_fetch_sub(&a->used, size, __ATOMIC_RELAXED) >= size);
}

static void *kernel_memory(u64 size, int flags)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void *memory_take(u64 size)
{
	u64 align = size >= PAGE ? PAGE : 16;
	void *p;

	if (size >= MMAP_FROM)
		return kernel_memory(size, 0);
	/* One page more than its size makes 16 KiB aligned to itself. */
	if (size == 4 * PAGE)
		align = size;
	p = aligned_alloc(align, align_up(size ? size : 1, align));
	if (p)
		memset(p, 0, size);
	return p;
}

void *host_alloc(u64 size, struct host_account *payer)
{
	void *p;

	if (!account_charge(payer, size))
		return NULL;
	p = memory_take(size);
	if (!p)
		account_refund(payer, size);
	return p;
}

void host_free(void *p, u64 size, struct host_account *payer)
{
	if (!p)
		return;
	account_refund(payer, size);
	if (size >= MMAP_FROM)
		munmap(p, size);
	else
		free(p);
}

/* For whom a physical address is a number to give back: engines that have the kernel's ear. */
u64 host_pa(const void *common) { return (u64)(uintptr_t)common; }
void *host_va(u64 pa) { return (void *)(uintptr_t)pa; }

/* ---- Spaces */

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

static void space_hold(struct host_space *space, u64 size)
{
	__atomic_add_fetch(&space->held, size, __ATOMIC_RELAXED);
}

static void space_drop(struct host_space *space, u64 size)
{
	host_assert(__atomic_fetch_sub(&space->held, size, __ATOMIC_RELAXED) >= size);
}

void *host_private_alloc(struct host_space *space, u64 size)
{
	void *p = host_alloc(size, space->payer);

	if (p)
		space_hold(space, size);
	return p;
}

void host_private_free(struct host_space *space, void *p, u64 size)
{
	if (!p)
		return;
	space_drop(space, size);
	explicit_bzero(p, size);
	host_free(p, size, space->payer);
}

/* ---- RAM */

/* Aligned to huge pages, though the kernel places mappings at any page. */
static u8 *ram_map(u64 size)
{
	u64 whole = size + HUGE_PAGE;
	u8 *p = kernel_memory(whole, MAP_NORESERVE);
	u8 *start;

	if (!p)
		return NULL;
	start = (u8 *)align_up((u64)p, HUGE_PAGE);
	if (start > p)
		munmap(p, (u64)(start - p));
	munmap(start + size, whole - size - (u64)(start - p));
	madvise(start, size, MADV_HUGEPAGE);
	return start;
}

/*
 * Reserved huge pages first: only those are mapped as such for guests by kernels that do not look at
 * what transparent ones have become. All of them are taken now, so that none is missing later.
 */
static u8 *ram_take(u64 size)
{
	u8 *p = NULL;

	if (is_aligned(size, HUGE_PAGE))
		p = kernel_memory(size, MAP_HUGETLB | MAP_POPULATE);
	return p ? p : ram_map(size);
}

int host_ram_alloc(struct host_space *space, u64 size, struct host_extent *ext, unsigned max)
{
	u8 *va;

	if (!max || !account_charge(space->payer, size))
		return -ENOMEM;
	va = ram_take(size);
	if (!va) {
		account_refund(space->payer, size);
		return -ENOMEM;
	}
	space_hold(space, size);
	ext[0] = (struct host_extent){ .pa = (u64)va, .va = va, .size = size };
	return 1;
}

/* The kernel scrubs what it gives to the next one. */
void host_ram_free(struct host_space *space, const struct host_extent *ext, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		munmap(ext[i].va, ext[i].size);
		space_drop(space, ext[i].size);
		account_refund(space->payer, ext[i].size);
	}
}

u64 host_ram_free_bytes(void)
{
	struct sysinfo info;

	if (sysinfo(&info) < 0)
		return 0;
	return ((u64)info.freeram + info.bufferram) * info.mem_unit;
}
