/*
 * The host's device tree, as the firmware handed it over: Devicetree
 * Specification 0.4 and the kernel's RISC-V bindings. Pure code over libfdt;
 * addresses below /soc are taken as they are (its ranges property is empty).
 */
#ifndef HOST_BARE_TREE_H
#define HOST_BARE_TREE_H

#include "host/bare/layout.h"
#include "riscv/isa.h"

struct tree_hart {
	u64 id;
	struct isa isa;
};

struct tree {
	const void *fdt;
	u64 timebase; /* ticks a second */
	u32 harts;
	struct tree_hart hart[HARTS_MAX]; /* usable ones, in the tree's order */
};

struct tree_uart {
	u64 base;
	u32 shift; /* register n is at n << shift */
	u32 width; /* bytes of an access: 1, 2, 4 */
	u32 irq;   /* 0: none */
};

struct tree_plic {
	u64 base, size;
	u32 sources; /* the highest source number */
	int node;
};

/* A register window of virtio's MMIO transport; most that a machine has are empty. */
struct tree_virtio {
	u64 base, size;
	u32 irq;       /* of the PLIC; 0: none */
	bool coherent; /* its DMA sees what is in caches */
};

/* @fdt must stay. False when it is no tree, or names no hart or no timebase. */
bool tree_read(struct tree *t, const void *fdt);
/* Calls @fn for each range of RAM; for each that is reserved. */
void tree_memory(const struct tree *t, void (*fn)(u64 base, u64 size));
void tree_reserved(const struct tree *t, void (*fn)(u64 base, u64 size));
/* "" when there are none. */
const char *tree_bootargs(const struct tree *t);
/* As bare_bootarg(), of any string. */
bool tree_arg(const char *args, const char *name, char *value, size_t size);
/* False without an initrd. */
bool tree_initrd(const struct tree *t, u64 *start, u64 *end);
/* Up to @max bytes of /chosen/rng-seed; how many there were. */
size_t tree_seed(const struct tree *t, u8 *seed, size_t max);
/* The 16550 that stdout-path names, else the first there is. */
bool tree_uart(const struct tree *t, struct tree_uart *uart);
bool tree_plic(const struct tree *t, struct tree_plic *plic);
/* The windows in the order of their addresses, at most @max: how many. */
unsigned tree_virtio(const struct tree *t, struct tree_virtio *windows, unsigned max);
/* QEMU's device that ends it with an exit code. */
bool tree_finisher(const struct tree *t, u64 *base);
/* The PLIC's context for S-mode of the hart with that id, -1: none. */
int tree_plic_context(const struct tree *t, const struct tree_plic *plic, u64 hart_id);

#endif
