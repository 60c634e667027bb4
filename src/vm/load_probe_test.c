#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vm/load.h"

static u8 head[4096];

static int setup(void **state unused)
{
	memset(head, 0, sizeof(head));
	return 0;
}

static void expect_bad(const char *part)
{
	const char *why = NULL;

	assert_int_equal(load_probe(head, sizeof(head), &why), LOAD_BAD);
	assert_non_null(why);
	assert_non_null(strstr(why, part));
}

static void make_elf(u8 elf_class, u8 data, u8 type, u8 machine)
{
	memcpy(head, "\x7f" "ELF", 4);
	head[4] = elf_class;
	head[5] = data;
	head[16] = type;
	head[18] = machine;
}

static void knows_images(void **state unused)
{
	const char *why;

	memcpy(head + 56, "RSC\x05", 4);
	assert_int_equal(load_probe(head, sizeof(head), &why), LOAD_IMAGE);
	memcpy(head, "MZ", 2);
	assert_int_equal(load_probe(head, 64, &why), LOAD_IMAGE);
	head[24] = 1;
	expect_bad("big-endian");
}

static void knows_elf(void **state unused)
{
	const char *why;

	make_elf(2, 1, 2, 243);
	assert_int_equal(load_probe(head, sizeof(head), &why), LOAD_ELF);
	make_elf(2, 1, 3, 243);
	assert_int_equal(load_probe(head, 64, &why), LOAD_ELF);
	assert_int_equal(load_probe(head, 63, &why), LOAD_BAD);
	make_elf(2, 1, 1, 243);
	expect_bad("linked");
	make_elf(1, 1, 2, 243);
	expect_bad("32-bit");
	make_elf(2, 1, 2, 62);
	expect_bad("another machine");
	make_elf(2, 2, 2, 243);
	expect_bad("another machine");
}

static void refuses_foreign_kernels(void **state unused)
{
	memcpy(head, "\x1f\x8b", 2);
	expect_bad("gunzip");
	memcpy(head, "MZ\0\0zimg", 8);
	expect_bad("EFI");
	memcpy(head, "MZ\0\0\0\0\0\0", 8);
	memcpy(head + 56, "ARM\x64", 4);
	expect_bad("arm64");
	memset(head, 0, sizeof(head));
	memcpy(head + 0x202, "HdrS", 4);
	expect_bad("x86");
	memcpy(head, "070701", 6);
	expect_bad("initrd");
}

static void takes_the_rest_as_raw(void **state unused)
{
	const char *why;

	assert_int_equal(load_probe(head, sizeof(head), &why), LOAD_RAW);
	assert_int_equal(load_probe(head, 1, &why), LOAD_RAW);
	assert_int_equal(load_probe(head, 0, &why), LOAD_BAD);
	assert_string_equal(why, "is empty");
}

/* Looks at no byte behind the end, whatever the file seems to be. */
static void bears_short_files(void **state unused)
{
	const char *why;

	memcpy(head, "\x7f" "ELF", 4);
	memcpy(head + 56, "ARM\x64", 4);
	for (u64 size = 0; size < 1024; size++) {
		u8 *copy = malloc(size ? size : 1);

		memcpy(copy, head, size);
		load_probe(copy, size, &why);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(knows_images, setup),
		cmocka_unit_test_setup(knows_elf, setup),
		cmocka_unit_test_setup(refuses_foreign_kernels, setup),
		cmocka_unit_test_setup(takes_the_rest_as_raw, setup),
		cmocka_unit_test_setup(bears_short_files, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
