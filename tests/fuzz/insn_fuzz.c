/* Instruction decode: any word and any htinst; what is accepted must hang together. */
#include <string.h>

#include "riscv/insn.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define require(condition) ((condition) ? (void)0 : __builtin_trap())

static void check_access(const struct insn_access *a)
{
	require(a->size == 1 || a->size == 2 || a->size == 4 || a->size == 8);
	require(a->reg < 32 && a->offset < 32);
	require(a->length == 2 || a->length == 4);
	require(!a->sign_extend || (!a->store && !a->fp && a->size < 8));
	require(!a->fp || a->size > 1);
}

/* The same access from htinst as hardware makes it: without immediate, offset for rs1. */
static void check_transformed(u32 insn, const struct insn_access *want)
{
	u32 kept = insn & (want->store ? 0x01f0707fu : 0x7fffu);
	struct insn_access got;

	require(insn_decode_htinst(kept | 7u << 15, &got));
	require(got.offset == 7 && got.length == 4);
	require(got.size == want->size && got.reg == want->reg && got.store == want->store);
	require(got.sign_extend == want->sign_extend && got.fp == want->fp);
	require(insn_decode_htinst(kept & ~2u, &got) && got.length == 2);
}

static void try_insn(u32 insn)
{
	struct insn_access access;
	struct insn_address address;
	struct insn_csr csr;
	bool is_access = insn_decode_access(insn, &access);

	require(insn_decode_address(insn, &address) == is_access);
	require(insn_decode_csr(insn, &csr) == (insn_system(insn) == INSN_CSR));
	if (!is_access)
		return;
	check_access(&access);
	require(access.offset == 0 && access.length == insn_length((u16)insn));
	require(address.base < 32 && address.offset >= -2048 && address.offset <= 2047);
	require(!insn_is_atomic(insn) || access.length == 2);
	require(insn_system(insn) == INSN_OTHER);
	if (access.length == 4)
		check_transformed(insn, &access);
	(void)insn_load_result(&access, insn);
}

static void try_htinst(u64 htinst)
{
	struct insn_access access;

	if (!insn_decode_htinst(htinst, &access))
		return;
	require(!insn_htinst_is_walk(htinst));
	require(htinst >> 32 == 0 && (htinst & 1));
	check_access(&access);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	for (; size >= sizeof(u64); data += sizeof(u64), size -= sizeof(u64)) {
		u64 value;

		memcpy(&value, data, sizeof(value));
		try_insn((u32)value);
		try_insn((u32)(value >> 32));
		try_htinst(value);
		try_htinst((u32)value);
	}
	return 0;
}
