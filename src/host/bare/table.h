/*
 * The hypervisor's own page tables: Sv39. Privileged Architecture, "Sv39".
 */
#ifndef HOST_BARE_TABLE_H
#define HOST_BARE_TABLE_H

#include "host/bare/layout.h"
#include "riscv/pte.h"

struct host_account;

/* Leaf flags. A and D are set at once: not all harts update them, and it costs nothing. */
#define TABLE_R (PTE_V | PTE_R | PTE_A)
#define TABLE_RX (PTE_V | PTE_R | PTE_X | PTE_A)
#define TABLE_RW (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)

/* Of the linker script. */
extern char image_start[], image_text_end[], image_rodata_end[], image_data_end[];
extern char image_bss[], image_end[];

/* The root of the common space; every other root has the same upper half. */
extern u64 boot_root[PTE_TABLE_ENTRIES];

/* Runs before the MMU is on: maps the image that lies at @image; returns the satp to use. */
u64 boot_tables(u64 image);
/* First thing after: where the image is. */
void table_init(u64 image);

/* The lowest RAM, rounded down to 1 GiB. */
extern u64 ram_base;

/* Addresses of common pages and of the image. */
void *common_va(u64 pa);
u64 common_pa(const void *va);

/*
 * Maps [pa, pa+size) at va with the largest pages that fit; all multiples of 4096, nothing
 * is mapped there yet. Tables are common pages at @payer's cost. False, and all undone, when
 * memory is short. The caller serializes changes below one root.
 */
bool table_map(u64 *root, u64 va, u64 pa, u64 size, u64 flags, struct host_account *payer);
/* Unmaps whole mappings within the range; those that were never made are passed over. No fence. */
void table_unmap(u64 *root, u64 va, u64 size);
/* What @va, which is mapped, leads to. */
u64 table_lookup(u64 *root, u64 va);
/* Frees the tables below an entry of the root; all tables of the lower half; where nothing is mapped any more. */
void table_free_slot(u64 *slot, struct host_account *payer);
void table_free_lower(u64 *root, struct host_account *payer);

/* Maps a page of RAM read-write at a fixed place until the next call; under memory's lock. */
void *table_map_passing(u64 pa);
/* A device's registers, for ever; NULL when memory is short. Boot only. */
void *table_map_device(u64 pa, u64 size);
/* The host's device tree: boot only. NULL when it is none or larger than 1 MiB. */
const void *table_map_fdt(u64 pa);

/* Drops translations of [va, va+size) on every hart: of the upper half; of one space. */
void fence_common(u64 va, u64 size);
void fence_space(u64 asid, u64 va, u64 size);
/* Only here. */
void fence_local(void);

#endif
