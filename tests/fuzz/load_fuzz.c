/*
 * Kernels and initrds of any content: an Image, ELF or raw file, whatever its headers say, is
 * placed within RAM, clear of the initrd and the device tree, or refused with a reason.
 */
#include <string.h>

#include "engine/script/script_vm.h"
#include "host/fake/fake.h"
#include "vm/load.h"

#define RAM_SIZE (4 * MIB)

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void layout_check(const struct load_layout *l)
{
	u64 end = SCRIPT_RAM + RAM_SIZE;

	host_assert(l->kernel_end >= SCRIPT_RAM && l->kernel_end <= l->initrd_start);
	host_assert(l->entry >= SCRIPT_RAM && l->entry <= l->kernel_end);
	host_assert(l->initrd_start <= l->initrd_end && l->initrd_end <= l->fdt);
	host_assert(is_aligned(l->fdt, 8) && l->fdt + LOAD_FDT_MAX <= end);
}

/* The first two bytes say how much of the rest is the initrd. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct load_layout layout = { .ram_base = SCRIPT_RAM, .ram_size = RAM_SIZE };
	struct vm *vm;
	u64 initrd;

	if (size < 2)
		return 0;
	initrd = min_u64((u64)(data[0] | data[1] << 8), size - 2);
	fake_reset();
	fake_file_add("kernel", data + 2 + initrd, size - 2 - initrd);
	fake_file_add("initrd", data + 2, initrd);
	vm = script_vm_open(1, RAM_SIZE);
	host_assert(vm);
	vm->config = (struct vm_config){ .kernel = "kernel", .memory = RAM_SIZE };
	if (initrd)
		strcpy(vm->config.initrd, "initrd");
	if (load_images(vm, &layout) == 0)
		layout_check(&layout);
	else
		host_assert(vm->failure[0]);
	script_vm_close(vm);
	return 0;
}
