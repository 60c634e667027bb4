#include "vm/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "engine/script/script_vm.h"
#include "host/fake/fake.h"
#include "vm/elf.h"

#define RAM_SIZE (8 * MIB)

static struct vm *vm;
static struct load_layout layout;
static u8 file[8192];

static int setup(void **state unused)
{
	fake_reset();
	memset(file, 0, sizeof(file));
	vm = script_vm_open(1, RAM_SIZE);
	vm->config = (struct vm_config){ .kernel = "kernel", .memory = RAM_SIZE };
	layout = (struct load_layout){ .ram_base = SCRIPT_RAM, .ram_size = RAM_SIZE };
	return 0;
}

static int teardown(void **state unused)
{
	script_vm_close(vm);
	return 0;
}

static int load(u64 size)
{
	fake_file_add("kernel", file, size);
	return load_images(vm, &layout);
}

static u8 ram_at(u64 gpa)
{
	u8 byte = 0;

	assert_true(guest_read(&vm->mem, gpa, &byte, 1));
	return byte;
}

/* A Linux Image with these numbers in its header; its last byte is 0x5a. */
static void make_image(u64 text_offset, u64 image_size)
{
	memcpy(file + 8, &text_offset, 8);
	memcpy(file + 16, &image_size, 8);
	memcpy(file + 56, "RSC\x05", 4);
	file[4095] = 0x5a;
}

/* A program of one segment of 16 bytes at paddr, entered at its virtual address + 4. */
static struct elf_program *make_elf(u64 vaddr, u64 paddr, u64 memsz)
{
	struct elf_header *e = (struct elf_header *)(void *)file;
	struct elf_program *p = (struct elf_program *)(void *)(file + 64);

	memcpy(e->ident, "\x7f" "ELF\x02\x01\x01", 7);
	*e = (struct elf_header){ .type = 2, .machine = 243, .entry = vaddr + 4, .phoff = 64,
				  .phentsize = sizeof(*p), .phnum = 1 };
	memcpy(e->ident, "\x7f" "ELF\x02\x01\x01", 7);
	*p = (struct elf_program){ .type = ELF_PT_LOAD, .offset = 256, .vaddr = vaddr, .paddr = paddr,
				   .filesz = 16, .memsz = memsz };
	file[256] = 0xa5;
	return p;
}

static void an_image_lies_at_its_offset_and_keeps_its_bss_free(void **state unused)
{
	make_image(2 * MIB, 3 * MIB);
	assert_int_equal(load(4096), 0);
	assert_int_equal(layout.entry, SCRIPT_RAM + 2 * MIB);
	assert_int_equal(layout.kernel_end, SCRIPT_RAM + 5 * MIB);
	assert_int_equal(ram_at(SCRIPT_RAM + 2 * MIB + 4095), 0x5a);
	assert_true(layout.fdt >= layout.kernel_end);
}

static void an_image_too_large_is_refused(void **state unused)
{
	make_image(2 * MIB, 7 * MIB);
	assert_true(load(4096) < 0);
	assert_non_null(strstr(vm->failure, "kernel"));
	make_image(~0ul, 4096);
	assert_true(load_images(vm, &layout) < 0);
	make_image(2 * MIB, ~0ul);
	assert_true(load_images(vm, &layout) < 0);
}

static void an_elf_goes_where_its_segments_say(void **state unused)
{
	make_elf(0xffffffff80000000, SCRIPT_RAM + MIB, 64 * KIB);
	assert_int_equal(load(sizeof(file)), 0);
	assert_int_equal(layout.entry, SCRIPT_RAM + MIB + 4);
	assert_int_equal(layout.kernel_end, SCRIPT_RAM + MIB + 64 * KIB);
	assert_int_equal(ram_at(SCRIPT_RAM + MIB), 0xa5);
}

static void a_bad_elf_is_refused(void **state unused)
{
	struct elf_program *p = make_elf(0, 0x1000, 16);

	assert_true(load(sizeof(file)) < 0); /* not in RAM */
	p = make_elf(SCRIPT_RAM, SCRIPT_RAM + RAM_SIZE - 8, 16);
	assert_true(load_images(vm, &layout) < 0);
	p = make_elf(SCRIPT_RAM, SCRIPT_RAM, ~0ul);
	assert_true(load_images(vm, &layout) < 0);
	p = make_elf(SCRIPT_RAM, SCRIPT_RAM, 64);
	p->offset = ~0ul - 8;
	assert_true(load_images(vm, &layout) < 0);
	p = make_elf(SCRIPT_RAM, SCRIPT_RAM, 64);
	p->vaddr += 4096; /* the entry lies in no segment */
	assert_true(load_images(vm, &layout) < 0);
	((struct elf_header *)(void *)file)->phnum = 0xffff;
	assert_true(load_images(vm, &layout) < 0);
}

static void anything_else_is_raw(void **state unused)
{
	file[0] = 0x77;
	assert_int_equal(load(100), 0);
	assert_int_equal(layout.entry, SCRIPT_RAM + 2 * MIB);
	assert_int_equal(ram_at(layout.entry), 0x77);
}

static void the_initrd_lies_below_the_device_tree(void **state unused)
{
	static u8 initrd[5000] = { [4999] = 0x33 };

	strcpy(vm->config.initrd, "initrd");
	fake_file_add("initrd", initrd, sizeof(initrd));
	assert_int_equal(load(100), 0);
	assert_int_equal(layout.initrd_end - layout.initrd_start, 5000);
	assert_true(layout.initrd_start >= layout.kernel_end && layout.initrd_end <= layout.fdt);
	assert_int_equal(ram_at(layout.initrd_end - 1), 0x33);
}

static void what_is_missing_is_named(void **state unused)
{
	assert_true(load_images(vm, &layout) < 0);
	assert_non_null(strstr(vm->failure, "'kernel'"));
	strcpy(vm->config.initrd, "nowhere");
	assert_true(load(100) < 0);
	assert_non_null(strstr(vm->failure, "'nowhere'"));
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(an_image_lies_at_its_offset_and_keeps_its_bss_free),
		test(an_image_too_large_is_refused),
		test(an_elf_goes_where_its_segments_say),
		test(a_bad_elf_is_refused),
		test(anything_else_is_raw),
		test(the_initrd_lies_below_the_device_tree),
		test(what_is_missing_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
