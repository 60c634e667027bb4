/* What kind of file a kernel is, by its first bytes. */
#include <string.h>

#include "vm/load.h"

enum { ELF_CLASS = 4, ELF_DATA = 5, ELF_TYPE = 16, ELF_MACHINE = 18, ELF_HEADER = 64 };
enum { ELF_CLASS64 = 2, ELF_LITTLE = 1, ELF_EXEC = 2, ELF_DYN = 3, ELF_RISCV = 243 };

/* Linux, Documentation/arch/riscv/boot-image-header.rst. */
enum { IMAGE_FLAGS = 24, IMAGE_MAGIC2 = 56, IMAGE_HEADER = 64, IMAGE_BIG_ENDIAN = 1 };

#define NOT_RISCV ": a kernel for 64-bit RISC-V is needed"
#define UNPACK ": unpack it first, with "

/* Files that are no kernel for this machine but are often tried as one. */
static const struct {
	u32 offset, size;
	const char *bytes;
	const char *why;
} foreign[] = {
	{ 0, 2, "\x1f\x8b", "is compressed by gzip" UNPACK "gunzip" },
	{ 0, 6, "\xfd" "7zXZ\0", "is compressed by xz" UNPACK "unxz" },
	{ 0, 4, "\x28\xb5\x2f\xfd", "is compressed by zstd" UNPACK "unzstd" },
	{ 0, 3, "BZh", "is compressed by bzip2" UNPACK "bunzip2" },
	{ 0, 4, "\x02\x21\x4c\x18", "is compressed by lz4" UNPACK "unlz4" },
	{ 0, 4, "\x04\x22\x4d\x18", "is compressed by lz4" UNPACK "unlz4" },
	{ 0, 5, "\x5d\0\0\0\x04", "is compressed by lzma" UNPACK "unlzma" },
	{ 0, 9, "\x89LZO\0\r\n\x1a\n", "is compressed by lzop" UNPACK "lzop -d" },
	{ 4, 4, "zimg", "is a compressed EFI image (vmlinuz.efi): take the plain Image, which "
	  "a kernel's build leaves in arch/riscv/boot" },
	{ 0, 4, "\x27\x05\x19\x56", "is wrapped for U-Boot (uImage): take the Image inside it" },
	{ 0, 4, "\xd0\x0d\xfe\xed", "is a device tree or a FIT image: take the kernel's Image" },
	{ 0, 6, "070701", "is a cpio archive: it belongs in initrd" },
	{ 0, 8, "!<arch>\n", "is a library or a Debian package: take the kernel inside it" },
	{ 0, 2, "#!", "is a script" NOT_RISCV },
	{ 56, 4, "ARM\x64", "is an Image for arm64" NOT_RISCV },
	{ 0x202, 4, "HdrS", "is a bzImage for x86" NOT_RISCV },
};

static u16 le16(const u8 *p)
{
	return (u16)(p[0] | p[1] << 8);
}

static enum load_kind probe_elf(const u8 *head, u64 size, const char **why)
{
	u16 type;

	*why = NULL;
	if (size < ELF_HEADER)
		*why = "is an ELF file that was cut off";
	else if (head[ELF_DATA] != ELF_LITTLE || le16(head + ELF_MACHINE) != ELF_RISCV)
		*why = "is an ELF file for another machine" NOT_RISCV;
	else if (head[ELF_CLASS] != ELF_CLASS64)
		*why = "is an ELF file for 32-bit RISC-V" NOT_RISCV;
	if (*why)
		return LOAD_BAD;
	type = le16(head + ELF_TYPE);
	if (type == ELF_EXEC || type == ELF_DYN)
		return LOAD_ELF;
	*why = "is an ELF file, but not a program: it must be linked";
	return LOAD_BAD;
}

static enum load_kind probe_image(const u8 *head, const char **why)
{
	if (!(head[IMAGE_FLAGS] & IMAGE_BIG_ENDIAN))
		return LOAD_IMAGE;
	*why = "is a big-endian Image: a little-endian one is needed";
	return LOAD_BAD;
}

enum load_kind load_probe(const void *head, u64 size, const char **why)
{
	const u8 *bytes = head;

	if (!size) {
		*why = "is empty";
		return LOAD_BAD;
	}
	if (size >= 4 && !memcmp(bytes, "\x7f" "ELF", 4))
		return probe_elf(bytes, size, why);
	/* Kernels that are EFI programs as well begin with "MZ": the magic number decides. */
	if (size >= IMAGE_HEADER && !memcmp(bytes + IMAGE_MAGIC2, "RSC\x05", 4))
		return probe_image(bytes, why);
	for (unsigned i = 0; i < ARRAY_SIZE(foreign); i++)
		if (range_within(foreign[i].offset, foreign[i].size, 0, size) &&
		    !memcmp(bytes + foreign[i].offset, foreign[i].bytes, foreign[i].size)) {
			*why = foreign[i].why;
			return LOAD_BAD;
		}
	return LOAD_RAW;
}
