/*
 * Images into guest RAM. Kernel low, device tree and initrd at the top, so
 * that whatever a kernel clears or unpacks behind itself finds room.
 */
#include "vm/load.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vm/elf.h"

#define COPY_CHUNK (64 * KIB)
/* Where firmware puts a raw image on QEMU's `virt`: U-Boot is linked for it. */
#define RAW_OFFSET (2 * MIB)
#define ELF_SEGMENTS_MAX 32

/* Linux, Documentation/arch/riscv/boot-image-header.rst */
struct image_header {
	u32 code[2];
	u64 text_offset;
	u64 image_size; /* with the BSS */
	u64 flags;
	u32 version;
	u32 res1;
	u64 res2;
	u64 magic;
	u32 magic2;
	u32 res3;
};

static int printf_like(2, 3) load_fail(struct vm *vm, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(vm->failure, sizeof(vm->failure), fmt, args);
	va_end(args);
	return -EINVAL;
}

/* Copies in slices: other tasks of the hart go on in between. */
static int load_bytes(struct vm *vm, u64 gpa, const u8 *from, u64 size)
{
	if (!guest_mem_contains(&vm->mem, gpa, size))
		return load_fail(vm, "an image of %lu KiB does not fit into memory at %#lx", size / KIB, gpa);
	while (size) {
		u64 chunk = min_u64(size, COPY_CHUNK);

		guest_write(&vm->mem, gpa, from, chunk);
		gpa += chunk;
		from += chunk;
		size -= chunk;
		host_yield();
	}
	return 0;
}

/* RAM is zeroed when it is allocated, so the BSS needs nothing. */
static int load_flat(struct vm *vm, struct load_layout *l, const u8 *file, u64 size, u64 offset, u64 extent)
{
	u64 room = l->ram_size - min_u64(offset, l->ram_size);

	if (extent > room)
		return load_fail(vm, "kernel: needs %lu KiB from %lu KiB into memory on", extent / KIB,
				 offset / KIB);
	l->entry = l->ram_base + offset;
	l->kernel_end = l->entry + extent;
	return load_bytes(vm, l->entry, file, size);
}

static int load_image(struct vm *vm, struct load_layout *l, const u8 *file, u64 size)
{
	struct image_header h;

	memcpy(&h, file, sizeof(h));
	return load_flat(vm, l, file, size, h.text_offset, max_u64(h.image_size, size));
}

static int load_segment(struct vm *vm, struct load_layout *l, const u8 *file, u64 size,
			const struct elf_program *p)
{
	if (!range_within(p->offset, p->filesz, 0, size) || p->filesz > p->memsz)
		return load_fail(vm, "kernel: a segment lies outside the ELF file");
	if (!range_within(p->paddr, p->memsz, l->ram_base, l->ram_size))
		return load_fail(vm, "kernel: a segment at %#lx of %lu KiB is not within RAM", p->paddr,
				 p->memsz / KIB);
	l->kernel_end = max_u64(l->kernel_end, p->paddr + p->memsz);
	return load_bytes(vm, p->paddr, file + p->offset, p->filesz);
}

/* Where e_entry lies in physical addresses: it is a virtual one. */
static u64 elf_entry(const struct elf_header *e, const struct elf_program *p)
{
	if (e->entry - p->vaddr < p->memsz)
		return p->paddr + (e->entry - p->vaddr);
	return 0;
}

static int load_elf(struct vm *vm, struct load_layout *l, const u8 *file, u64 size)
{
	struct elf_header e;
	struct elf_program p;

	memcpy(&e, file, sizeof(e));
	if (e.phnum > ELF_SEGMENTS_MAX || e.phentsize != sizeof(p) ||
	    !range_within(e.phoff, (u64)e.phnum * sizeof(p), 0, size))
		return load_fail(vm, "kernel: the ELF program headers are not within the file, or over %u",
				 ELF_SEGMENTS_MAX);
	l->entry = 0;
	for (unsigned i = 0; i < e.phnum; i++) {
		int err;

		memcpy(&p, file + e.phoff + i * sizeof(p), sizeof(p));
		if (p.type != ELF_PT_LOAD || !p.memsz)
			continue;
		err = load_segment(vm, l, file, size, &p);
		if (err)
			return err;
		if (!l->entry)
			l->entry = elf_entry(&e, &p);
	}
	if (!l->entry)
		return load_fail(vm, "kernel: the ELF entry %#lx lies in no segment", e.entry);
	return 0;
}

static int load_kernel_bytes(struct vm *vm, struct load_layout *l, const u8 *file, u64 size)
{
	const char *why;

	switch (load_probe(file, size, &why)) {
	case LOAD_IMAGE:
		return load_image(vm, l, file, size);
	case LOAD_ELF:
		return load_elf(vm, l, file, size);
	case LOAD_RAW:
		return load_flat(vm, l, file, size, RAW_OFFSET, size);
	default:
		return load_fail(vm, "kernel: %s", why);
	}
}

static int load_initrd_bytes(struct vm *vm, struct load_layout *l, const u8 *file, u64 size)
{
	u64 room = l->fdt - min_u64(l->kernel_end, l->fdt);

	if (size > room)
		return load_fail(vm, "initrd: %lu KiB do not fit behind the kernel (%lu KiB left)",
				 size / KIB, room / KIB);
	l->initrd_start = align_down(l->fdt - size, 4096);
	l->initrd_end = l->initrd_start + size;
	if (l->initrd_start < l->kernel_end)
		return load_fail(vm, "initrd: does not fit behind the kernel");
	return load_bytes(vm, l->initrd_start, file, size);
}

typedef int load_bytes_fn(struct vm *vm, struct load_layout *l, const u8 *file, u64 size);

static int load_file(struct vm *vm, struct load_layout *l, const char *name, load_bytes_fn *load)
{
	struct host_file file;
	const void *bytes;
	int err;

	if (host_file_find(name, &file))
		return load_fail(vm, "the system image has no file '%.60s'", name);
	bytes = host_file_map(&file);
	if (!bytes) {
		load_fail(vm, "no memory to map '%.60s'", name);
		return -ENOMEM;
	}
	err = load(vm, l, bytes, file.size);
	host_file_unmap(&file, bytes);
	return err;
}

int load_images(struct vm *vm, struct load_layout *l)
{
	int err;

	l->kernel_end = l->ram_base;
	l->fdt = align_down(l->ram_base + l->ram_size - LOAD_FDT_MAX, LOAD_FDT_MAX);
	l->initrd_start = l->initrd_end = l->fdt;
	err = load_file(vm, l, vm->config.kernel, load_kernel_bytes);
	if (!err && l->kernel_end > l->fdt)
		err = load_fail(vm, "kernel: leaves no room for the device tree");
	if (!err && vm->config.initrd[0])
		err = load_file(vm, l, vm->config.initrd, load_initrd_bytes);
	return err;
}
