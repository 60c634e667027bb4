/*
 * Files of the system image, a newc cpio archive in memory. It is listed once
 * at boot; later only single files are mapped, each at a place of its own, as
 * neighbours may share a page.
 */
#include "host/bare/file.h"

#include <errno.h>
#include <string.h>

#include "host/bare/space.h"
#include "host/bare/table.h"
#include "host/bare/tree.h"
#include "host/host.h"
#include "lib/cpio.h"
#include "lib/log.h"

#define PAGE 4096ul

struct file {
	struct list link;
	struct host_file file;
	char name[]; /* with its NUL */
};

static struct list files = { &files, &files };
static struct lock slots_lock; /* for the common space, which has none of its own */

/* ---- Mapping */

static u64 *current_root(void)
{
	struct host_space *s = host_space_current();

	return s ? s->root : boot_root;
}

static struct lock *current_lock(void)
{
	struct host_space *s = host_space_current();

	return s ? &s->lock : &slots_lock;
}

/* A free slot's address, congruent to @pa so that large pages fit; 0 when there is none. */
static u64 slot_find(const u64 *root, u64 pa)
{
	for (unsigned i = 0; i < FILES_SLOTS; i++) {
		u64 base = FILES_BASE + i * FILES_SLOT;

		if (!(root[pte_index(base, 2)] & PTE_V))
			return base + (pa & (2 * MIB - PAGE));
	}
	return 0;
}

static struct host_account *current_payer(void)
{
	struct host_space *s = host_space_current();

	return s ? s->payer : NULL;
}

static void range_unmap(u64 va, u64 size)
{
	struct host_space *s = host_space_current();
	u64 *slot = &current_root()[pte_index(va, 2)];

	lock_take(current_lock());
	table_unmap(current_root(), va, size);
	lock_drop(current_lock());
	/* Behind the fence no hart walks the tables any more. */
	fence_space(s ? s->asid : 0, va, size);
	lock_take(current_lock());
	table_free_slot(slot, current_payer());
	lock_drop(current_lock());
}

/* Any bytes of the machine's memory, read-only; NULL when that fails. */
static const void *range_map(u64 pa, u64 size)
{
	u64 first = align_down(pa, PAGE), length = align_up(pa + size, PAGE) - first, va;
	bool ok;

	if (!length || length > FILES_SLOT - 2 * MIB)
		return NULL;
	lock_take(current_lock());
	va = slot_find(current_root(), first);
	ok = va && table_map(current_root(), va, first, length, TABLE_R, current_payer());
	lock_drop(current_lock());
	if (!ok && va)
		range_unmap(va, PAGE);
	return ok ? (const void *)(uintptr_t)(va + (pa - first)) : NULL;
}

const void *host_file_map(const struct host_file *file)
{
	return range_map(file->where, file->size);
}

void host_file_unmap(const struct host_file *file, const void *va)
{
	u64 first = align_down((u64)(uintptr_t)va, PAGE);

	range_unmap(first, align_up((u64)(uintptr_t)va + file->size, PAGE) - first);
}

/* ---- Listing */

int host_file_find(const char *name, struct host_file *file)
{
	list_for_each(it, &files) {
		const struct file *f = container_of(it, struct file, link);

		if (strcmp(f->name, name) == 0) {
			*file = f->file;
			return 0;
		}
	}
	return -ENOENT;
}

static bool file_add(const struct cpio_entry *e, u64 where)
{
	struct file *f = host_alloc(sizeof(*f) + e->name_size + 1, NULL);

	if (!f)
		return false;
	memcpy(f->name, e->name, e->name_size);
	f->file = (struct host_file){ .where = where, .size = e->size };
	list_push_back(&files, &f->link);
	return true;
}

static void archive_list(const u8 *archive, u64 pa, u64 size)
{
	struct cpio_entry e;
	u64 offset = 0;
	unsigned n = 0;
	int more;

	while ((more = cpio_next(archive, size, &offset, &e)) > 0)
		if (e.size && file_add(&e, pa + (u64)(e.data - archive)))
			n++;
	if (more < 0)
		log_line("host: the system image (%lu KiB) is no whole newc cpio archive", size / KIB);
	else
		log_line("host: system image of %u files, %lu KiB", n, size / KIB);
}

void file_init(const struct tree *t)
{
	u64 start, end;
	const u8 *archive;

	if (!tree_initrd(t, &start, &end))
		return;
	archive = range_map(start, end - start);
	if (!archive) {
		log_line("host: the system image of %lu KiB could not be mapped", (end - start) / KIB);
		return;
	}
	archive_list(archive, start, end - start);
	range_unmap(align_down((u64)(uintptr_t)archive, PAGE),
		    align_up(end, PAGE) - align_down(start, PAGE));
}
