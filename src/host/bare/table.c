/* Own page tables: see host/bare/table.h. */
#include "host/bare/table.h"

#include <libfdt.h>
#include <string.h>

#include "host/bare/memory.h"
#include "host/bare/percpu.h"
#include "host/bare/sbi_call.h"
#include "host/host.h"
#include "riscv/csr_access.h"

#define PAGE 4096ul
#define FENCE_PAGES_MAX 32 /* beyond it everything is dropped at once */
#define FDT_BASE DEVICES_BASE
#define FDT_MAX MIB
#define PASSING_VA (DEVICES_BASE + 511 * PAGE)

struct table {
	u64 pte[PTE_TABLE_ENTRIES];
} __attribute__((aligned(4096)));

/* What must be there before there is an allocator; 4 KiB each. */
static struct table image_level1, image_level0, devices_level1, devices_level0;
u64 boot_root[PTE_TABLE_ENTRIES] __attribute__((aligned(4096)));

u64 ram_base;
static u64 image_pa;
static u64 device_next = DEVICES_BASE + 2 * MIB;

/* ---- Before the MMU is on: addresses are physical, code must stay relative to the pc. */

static u64 boot_pointer(const struct table *t)
{
	return pte_make((u64)(uintptr_t)t, PTE_V);
}

static void boot_map_part(u64 image, const char *from, const char *to, u64 flags)
{
	for (u64 pa = (u64)(uintptr_t)from; pa < (u64)(uintptr_t)to; pa += PAGE)
		image_level0.pte[(pa - image) / PAGE] = pte_make(pa, flags);
}

u64 boot_tables(u64 image)
{
	boot_root[pte_index(IMAGE_BASE, 2)] = boot_pointer(&image_level1);
	image_level1.pte[pte_index(IMAGE_BASE, 1)] = boot_pointer(&image_level0);
	boot_root[pte_index(DEVICES_BASE, 2)] = boot_pointer(&devices_level1);
	devices_level1.pte[0] = boot_pointer(&devices_level0);
	boot_map_part(image, image_start, image_text_end, TABLE_RX);
	boot_map_part(image, image_text_end, image_rodata_end, TABLE_R);
	boot_map_part(image, image_rodata_end, image_end, TABLE_RW);
	return (u64)SATP_MODE_SV39 << SATP_MODE_SHIFT | (u64)(uintptr_t)boot_root / PAGE;
}

/* ---- Addresses */

void table_init(u64 image)
{
	image_pa = image;
}

static bool in_image(u64 address, u64 base)
{
	return address - base < (u64)(image_end - image_start);
}

void *common_va(u64 pa)
{
	if (in_image(pa, image_pa))
		return image_start + (pa - image_pa);
	return (void *)(uintptr_t)(COMMON_BASE + (pa - ram_base));
}

u64 common_pa(const void *va)
{
	u64 address = (u64)(uintptr_t)va;

	if (in_image(address, IMAGE_BASE))
		return address - IMAGE_BASE + image_pa;
	return address - COMMON_BASE + ram_base;
}

/* ---- Mapping */

static struct table *table_below(u64 pte)
{
	return common_va(pte_address(pte));
}

/* The entry for @va in the table of @level, or a leaf above it. Makes the tables on the way. */
static u64 *table_slot(u64 *root, u64 va, unsigned level, struct host_account *payer)
{
	u64 *slot = &root[pte_index(va, 2)];

	for (unsigned at = 2; at > level; at--) {
		if (!(*slot & PTE_V)) {
			void *t = host_alloc(PAGE, payer);

			if (!t)
				return NULL;
			*slot = pte_make(common_pa(t), PTE_V);
		}
		if (pte_is_leaf(*slot))
			return slot;
		slot = &table_below(*slot)->pte[pte_index(va, at - 1)];
	}
	return slot;
}

/* The level of the largest page that fits at this point. */
static unsigned page_level(u64 va, u64 pa, u64 size)
{
	for (unsigned level = 2; level > 0; level--)
		if (is_aligned(va | pa, pte_level_size(level)) && size >= pte_level_size(level))
			return level;
	return 0;
}

bool table_map(u64 *root, u64 va, u64 pa, u64 size, u64 flags, struct host_account *payer)
{
	u64 done = 0;

	while (done < size) {
		unsigned level = page_level(va + done, pa + done, size - done);
		u64 *slot = table_slot(root, va + done, level, payer);

		/* A table that smaller pages left behind stays: the large page goes in pieces. */
		while (slot && level && pte_is_table(*slot))
			slot = table_slot(root, va + done, --level, payer);
		if (!slot) {
			table_unmap(root, va, done);
			return false;
		}
		host_assert(!(*slot & PTE_V));
		*slot = pte_make(pa + done, flags);
		done += pte_level_size(level);
	}
	__asm__ volatile("sfence.vma" ::: "memory");
	return true;
}

/* The level at which @va is mapped, or where the walk ended. */
static unsigned walk_level(u64 *root, u64 va, u64 **slot)
{
	unsigned level = 2;

	*slot = &root[pte_index(va, 2)];
	while (level && pte_is_table(**slot))
		*slot = &table_below(**slot)->pte[pte_index(va, --level)];
	return level;
}

void table_unmap(u64 *root, u64 va, u64 size)
{
	u64 end = va + size;

	while (va < end) {
		u64 *slot;
		unsigned level = walk_level(root, va, &slot);

		if (*slot & PTE_V) {
			host_assert(is_aligned(va, pte_level_size(level)) &&
				    end - va >= pte_level_size(level));
			*slot = 0;
		}
		va = align_down(va, pte_level_size(level)) + pte_level_size(level);
	}
}

u64 table_lookup(u64 *root, u64 va)
{
	u64 *slot;
	unsigned level = walk_level(root, va, &slot);

	host_assert(*slot & PTE_V);
	return pte_address(*slot) + va % pte_level_size(level);
}

static void table_free(u64 *slot, unsigned level, struct host_account *payer)
{
	struct table *t;

	if (!pte_is_table(*slot))
		return;
	t = table_below(*slot);
	for (unsigned i = 0; level > 1 && i < PTE_TABLE_ENTRIES; i++)
		table_free(&t->pte[i], level - 1, payer);
	*slot = 0;
	host_free(t, PAGE, payer);
}

void table_free_slot(u64 *slot, struct host_account *payer)
{
	table_free(slot, 2, payer);
}

void table_free_lower(u64 *root, struct host_account *payer)
{
	for (unsigned i = 0; i < PTE_TABLE_ENTRIES / 2; i++)
		table_free(&root[i], 2, payer);
}

/* ---- Fixed places */

static u64 *devices_slot(u64 va)
{
	return &devices_level0.pte[pte_index(va, 0)];
}

static void sfence_page(u64 va)
{
	__asm__ volatile("sfence.vma %0, zero" ::"r"(va) : "memory");
}

void *table_map_passing(u64 pa)
{
	*devices_slot(PASSING_VA) = pte_make(pa, TABLE_RW);
	sfence_page(PASSING_VA);
	return (void *)(uintptr_t)PASSING_VA;
}

const void *table_map_fdt(u64 pa)
{
	u64 first = align_down(pa, PAGE), size = 2 * PAGE;
	const void *fdt = (const void *)(uintptr_t)(FDT_BASE + (pa - first));

	/* The header first: it says how long the whole is. */
	for (u64 done = 0; done < size; done += PAGE) {
		*devices_slot(FDT_BASE + done) = pte_make(first + done, TABLE_R);
		sfence_page(FDT_BASE + done);
		if (done != PAGE)
			continue;
		if (fdt_check_header(fdt) || fdt_totalsize(fdt) > FDT_MAX)
			return NULL;
		size = max_u64(size, align_up(pa - first + fdt_totalsize(fdt), PAGE));
	}
	return fdt;
}

void *table_map_device(u64 pa, u64 size)
{
	u64 first = align_down(pa, PAGE), length = align_up(pa + size, PAGE) - first;
	u64 va = align_up(device_next, 2 * MIB) + first % (2 * MIB);

	if (!table_map(boot_root, va, first, length, TABLE_RW, NULL))
		return NULL;
	device_next = va + length;
	return (void *)(uintptr_t)(va + (pa - first));
}

/* ---- Fences */

void fence_local(void)
{
	__asm__ volatile("sfence.vma" ::: "memory");
}

void fence_common(u64 va, u64 size)
{
	fence_local();
	if (host_harts() > 1)
		sbi_call(SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, 0, (u64)SBI_HART_MASK_ALL, va, size, 0);
}

void fence_space(u64 asid, u64 va, u64 size)
{
	if (size > FENCE_PAGES_MAX * PAGE)
		__asm__ volatile("sfence.vma zero, %0" ::"r"(asid) : "memory");
	else
		for (u64 done = 0; done < size; done += PAGE)
			__asm__ volatile("sfence.vma %0, %1" ::"r"(va + done), "r"(asid) : "memory");
	if (host_harts() > 1)
		sbi_call(SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA_ASID, 0, (u64)SBI_HART_MASK_ALL, va,
			 size, asid);
}
