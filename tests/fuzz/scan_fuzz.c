/*
 * Scanning for privileged instructions: any page. What is found must be such an instruction, and
 * whoever reads the text from far enough before must come to it, or to something undefined.
 */
#include <string.h>

#include "riscv/insn.h"
#include "riscv/scan.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define require(condition) ((condition) ? (void)0 : __builtin_trap())

static u16 page[SCAN_PARCELS] __attribute__((aligned(8)));

/* Where the instructions from @at on lead: to @to, or past it, or to something undefined before. */
static unsigned lead(unsigned at, unsigned to)
{
	while (at < to && page[at] && insn_length(page[at]))
		at += insn_length(page[at]) / 2;
	return at;
}

static bool is_wanted(u32 insn, unsigned what)
{
	enum insn_system system = insn_system(insn);

	return system == INSN_SRET || system == INSN_WFI || system == INSN_SFENCE_VMA ||
	       (what & SCAN_CSR && system == INSN_CSR && (insn >> 20 & 0xf00) == 0x100);
}

static bool is_found(const struct scan *scan, unsigned parcel)
{
	return scan->found[parcel / 64] >> parcel % 64 & 1;
}

static void check(const struct scan *scan, unsigned what)
{
	unsigned count = 0, wanted_count = 0;

	for (unsigned i = 0; i + 1 < SCAN_PARCELS; i++) {
		bool wanted = is_wanted((u32)page[i + 1] << 16 | page[i], what);

		/* So few are all looked at. */
		if (wanted && ++wanted_count <= 32)
			require(is_found(scan, i) == scan_is_boundary(page, i));
		if (!is_found(scan, i))
			continue;
		require(wanted && scan_is_boundary(page, i));
		count++;
		require(lead(0, i) <= i && lead(1, i) <= i);
		require(i > 0 && !is_found(scan, i - 1));
	}
	require(count == scan->count && !is_found(scan, SCAN_PARCELS - 1));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct scan scan;
	unsigned first = size > 1 ? (unsigned)(data[0] | data[1] << 8) % SCAN_PARCELS : 0;

	for (unsigned i = 0; i < SCAN_PARCELS; i++)
		page[i] = size > 1 && data[0] & 1 ? 0x0073 : 0x0001;
	memcpy(&page[first], data, min_u64(size, (SCAN_PARCELS - first) * 2ul));
	for (unsigned what = 0; what <= SCAN_CSR; what++) {
		require(scan_page(page, what, &scan) == (scan.count > 0));
		check(&scan, what);
	}
	return 0;
}
