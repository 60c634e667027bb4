#include "main/cli/kernel.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "board/virt.h"
#include "vm/load.h"

/* As vm/load.c has them. */
enum { ELF_SEGMENTS_MAX = 32, RAW_OFFSET = 2 << 20 };
enum { HEAD_SIZE = 4096 };
/* Linux, Documentation/arch/riscv/boot-image-header.rst. */
enum { IMAGE_TEXT_OFFSET = 8, IMAGE_SIZE = 16 };

/* Larger than any VM: what a broken header says may not wrap around. */
#define NEED_MAX BIT(48)

static u64 le64(const u8 *p)
{
	u64 value = 0;

	for (unsigned i = 8; i--;)
		value = value << 8 | p[i];
	return value;
}

/* The header's size has the BSS in it, which the file has not. */
static u64 image_need(const u8 *head, u64 file_size)
{
	u64 offset = min_u64(le64(head + IMAGE_TEXT_OFFSET), NEED_MAX);
	u64 size = min_u64(le64(head + IMAGE_SIZE), NEED_MAX);

	return offset + max_u64(size, file_size);
}

static const char *segment_check(const Elf64_Phdr *segment, u64 file_size)
{
	if (!range_within(segment->p_offset, segment->p_filesz, 0, file_size) ||
	    segment->p_filesz > segment->p_memsz)
		return "is an ELF file that was cut off";
	if (segment->p_paddr < VIRT_RAM || segment->p_paddr > NEED_MAX)
		return "is an ELF file for other addresses: a VM's RAM begins at 0x80000000";
	return NULL;
}

/* ELF-64 object file format: the segments of type PT_LOAD go to their physical addresses. ELF
 * files for RISC-V are little-endian, and so is this machine. */
static const char *elf_need(int fd, const u8 *head, u64 file_size, u64 *need)
{
	Elf64_Ehdr header;
	Elf64_Phdr segment;

	memcpy(&header, head, sizeof(header));
	if (header.e_phentsize != sizeof(segment) || header.e_phnum > ELF_SEGMENTS_MAX ||
	    header.e_phoff > NEED_MAX)
		return "is an ELF file without a sound program header table";
	*need = 0;
	for (unsigned i = 0; i < header.e_phnum; i++) {
		off_t at = (off_t)(header.e_phoff + i * sizeof(segment));
		const char *why;

		if (pread(fd, &segment, sizeof(segment), at) != (ssize_t)sizeof(segment))
			return "is an ELF file that was cut off";
		if (segment.p_type != PT_LOAD || !segment.p_memsz)
			continue;
		why = segment_check(&segment, file_size);
		if (why)
			return why;
		*need = max_u64(*need, segment.p_paddr - VIRT_RAM +
				min_u64(segment.p_memsz, NEED_MAX));
	}
	return *need ? NULL : "is an ELF file with nothing to load";
}

bool kernel_measure(const char *path, u64 file_size, u64 *need, const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum load_kind kind = LOAD_BAD;
	u8 head[HEAD_SIZE];
	ssize_t got;

	*why = "cannot be read";
	got = fd >= 0 ? read(fd, head, sizeof(head)) : -1;
	if (got >= 0)
		kind = load_probe(head, (u64)got, why);
	if (kind == LOAD_IMAGE)
		*need = image_need(head, file_size);
	else if (kind == LOAD_RAW)
		*need = RAW_OFFSET + file_size;
	else if (kind == LOAD_ELF)
		*why = elf_need(fd, head, file_size, need);
	if (fd >= 0)
		close(fd);
	return kind != LOAD_BAD && (kind != LOAD_ELF || !*why);
}
