/* What of an ELF file a loader needs. System V ABI, "Object Files"; 64-bit, little-endian. */
#ifndef VM_ELF_H
#define VM_ELF_H

#include "lib/types.h"

enum { ELF_PT_LOAD = 1 };

struct elf_header {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry;  /* virtual */
	u64 phoff;  /* of the program headers, in the file */
	u64 shoff;
	u32 flags;
	u16 ehsize;
	u16 phentsize, phnum;
	u16 shentsize, shnum, shstrndx;
};

struct elf_program {
	u32 type, flags;
	u64 offset;        /* in the file */
	u64 vaddr, paddr;
	u64 filesz, memsz; /* bytes; what lies between is zero */
	u64 align;
};

#endif
