#include "riscv/walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "riscv/csr.h"
#include "riscv/pte.h"

/* Memory at BASE that holds the tables: the root, of up to four pages, then a page each. */
enum { PAGES = 32 };
#define BASE 0x80000000ul

static u64 memory[PAGES * PTE_TABLE_ENTRIES];
static unsigned reads, updates;
static unsigned meddle; /* how many more updates another hart comes before */
static bool read_only;

static u64 *entry_at(u64 address)
{
	assert_true(is_aligned(address, 8));
	assert_true(address >> 56 == 0);
	if (address < BASE || address >= BASE + sizeof(memory))
		return NULL;
	return &memory[(address - BASE) / 8];
}

static bool memory_read(void *ctx unused, u64 address, u64 *pte)
{
	u64 *entry = entry_at(address);

	reads++;
	if (!entry)
		return false;
	*pte = *entry;
	return true;
}

static int memory_update(void *ctx unused, u64 address, u64 old, u64 new)
{
	u64 *entry = entry_at(address);

	updates++;
	if (!entry || read_only)
		return -1;
	if (meddle) {
		meddle--;
		*entry ^= 0x100; /* RSW: harmless, but a change */
	}
	if (*entry != old)
		return 0;
	*entry = new;
	return 1;
}

static const struct walk_ops ops = { .read = memory_read, .update = memory_update };

static int setup(void **state unused)
{
	memset(memory, 0, sizeof(memory));
	reads = updates = meddle = 0;
	read_only = false;
	return 0;
}

static u64 page_address(unsigned page) { return BASE + page * (u64)PTE_PAGE_SIZE; }

static void map_put(unsigned page, unsigned index, u64 pte)
{
	memory[page * PTE_TABLE_ENTRIES + index] = pte;
}

/* Page 4 + n is the table below the one in page 4 + n - 1; the root (page 0) may be x4. */
static void map(const struct walk_request *req, unsigned leaf_level, u64 leaf)
{
	unsigned top = pte_levels(req->mode) - 1, page = 0;

	for (unsigned level = top; level > leaf_level; level--) {
		unsigned next = 4 + top - level;
		unsigned index = req->gstage && level == top ? pte_index_x4(req->va, level)
							     : pte_index(req->va, level);

		map_put(page, index, pte_make(page_address(next), PTE_V));
		page = next;
	}
	if (req->gstage && leaf_level == top)
		map_put(page, pte_index_x4(req->va, leaf_level), leaf);
	else
		map_put(page, pte_index(req->va, leaf_level), leaf);
}

static struct walk_request request(unsigned mode, u64 va, enum walk_access access)
{
	return (struct walk_request){
		.va = va,
		.root_ppn = BASE >> PTE_PAGE_SHIFT,
		.mode = (u8)mode,
		.access = (u8)access,
	};
}

static int walk(const struct walk_request *req, struct walk_result *out)
{
	memset(out, 0xa5, sizeof(*out));
	reads = updates = 0;
	return walk_page(&ops, NULL, req, out);
}

#define LEAF (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)
#define VA39 0x3a5b6c7d8eul

static void finds_pages_of_every_size(void **state unused)
{
	for (unsigned mode = SATP_MODE_SV39; mode <= SATP_MODE_SV57; mode++) {
		for (unsigned level = 0; level < pte_levels(mode); level++) {
			struct walk_request req = request(mode, 0, WALK_READ);
			u64 size = pte_level_size(level);
			u64 pa = align_down(0x5a123456789000ul, size);
			struct walk_result out;

			/* The highest bit that counts, and all above it. */
			req.va = VA39 | ~0ul << (pte_va_bits(mode) - 1);
			setup(NULL);
			map(&req, level, pte_make(pa, LEAF));
			assert_int_equal(walk(&req, &out), WALK_OK);
			assert_true(out.pa == (pa | (req.va & (size - 1))));
			assert_true(out.size == size);
			assert_true(out.pte == pte_make(pa, LEAF));
			assert_true(*entry_at(out.pte_address) == out.pte);
			assert_int_equal(reads, pte_levels(mode) - level);
			assert_int_equal(updates, 0);
		}
	}
}

static void finds_pages_of_the_second_stage(void **state unused)
{
	for (unsigned mode = HGATP_MODE_SV39X4; mode <= HGATP_MODE_SV57X4; mode++) {
		for (unsigned level = 0; level < pte_levels(mode); level++) {
			struct walk_request req = request(mode, 0, WALK_WRITE);
			struct walk_result out;

			req.va = VA39 | 3ul << pte_va_bits(mode);
			req.gstage = true;
			req.root_ppn |= 3; /* always 0 in hgatp */
			setup(NULL);
			map(&req, level, pte_make(0, LEAF | PTE_U));
			assert_int_equal(walk(&req, &out), WALK_OK);
			assert_true(out.pa == (req.va & (pte_level_size(level) - 1)));
		}
	}
}

static void second_stage_faults_are_guest_page_faults(void **state unused)
{
	static const int cause[] = { CAUSE_LOAD_GUEST_PAGE_FAULT, CAUSE_STORE_GUEST_PAGE_FAULT,
				     CAUSE_INSN_GUEST_PAGE_FAULT };
	struct walk_result out;

	for (unsigned access = WALK_READ; access <= WALK_EXECUTE; access++) {
		struct walk_request req = request(HGATP_MODE_SV39X4, VA39, access);

		req.gstage = true;
		assert_int_equal(walk(&req, &out), cause[access]);
		/* Not for U-mode: the second stage refuses. */
		map(&req, 0, pte_make(0, LEAF | PTE_X));
		assert_int_equal(walk(&req, &out), cause[access]);
		map(&req, 0, pte_make(0, LEAF | PTE_X | PTE_U));
		assert_int_equal(walk(&req, &out), WALK_OK);
		req.va |= 1ul << 41;
		assert_int_equal(walk(&req, &out), cause[access]);
		setup(NULL);
	}
}

static void faults_have_the_kind_of_the_access(void **state unused)
{
	static const int page[] = { CAUSE_LOAD_PAGE_FAULT, CAUSE_STORE_PAGE_FAULT,
				    CAUSE_INSN_PAGE_FAULT, CAUSE_LOAD_PAGE_FAULT };
	static const int access_fault[] = { CAUSE_LOAD_ACCESS, CAUSE_STORE_ACCESS,
					    CAUSE_INSN_ACCESS, CAUSE_LOAD_ACCESS };
	struct walk_result out;

	for (unsigned access = WALK_READ; access <= WALK_PROBE; access++) {
		struct walk_request req = request(SATP_MODE_SV39, VA39, access);

		setup(NULL);
		assert_int_equal(walk(&req, &out), page[access]);
		req.root_ppn = 0xfffffffffff;
		assert_int_equal(walk(&req, &out), access_fault[access]);
		req.root_ppn = BASE >> PTE_PAGE_SHIFT;
		map(&req, 2, pte_make(0xfffffffffff000, PTE_V));
		assert_int_equal(walk(&req, &out), access_fault[access]);
	}
}

static void addresses_must_be_canonical(void **state unused)
{
	struct walk_result out;

	for (unsigned mode = SATP_MODE_SV39; mode <= SATP_MODE_SV57; mode++) {
		struct walk_request req = request(mode, 0, WALK_READ);
		unsigned bits = pte_va_bits(mode);

		setup(NULL);
		for (unsigned i = 0; i < PTE_TABLE_ENTRIES; i++)
			map_put(0, i, pte_make(0, LEAF));
		for (unsigned bit = bits - 1; bit < 64; bit++) {
			req.va = 1ul << bit;
			assert_int_equal(walk(&req, &out), CAUSE_LOAD_PAGE_FAULT);
			req.va = ~(1ul << bit);
			assert_int_equal(walk(&req, &out), CAUSE_LOAD_PAGE_FAULT);
			assert_int_equal(reads, 0);
		}
		req.va = (1ul << (bits - 1)) - 1;
		assert_int_equal(walk(&req, &out), WALK_OK);
		req.va = ~req.va;
		assert_int_equal(walk(&req, &out), WALK_OK);
	}
}

static void bare_and_unknown_modes(void **state unused)
{
	struct walk_request req = request(SATP_MODE_BARE, 0x123456789abcdef0, WALK_EXECUTE);
	struct walk_result out;

	assert_int_equal(walk(&req, &out), WALK_OK);
	assert_true(out.pa == req.va);
	assert_int_equal(reads, 0);
	for (unsigned mode = 1; mode < 256; mode++) {
		if (mode >= SATP_MODE_SV39 && mode <= SATP_MODE_SV57)
			continue;
		req.mode = (u8)mode;
		assert_int_equal(walk(&req, &out), CAUSE_INSN_PAGE_FAULT);
	}
}

/* Permissions, restated as a table: what each of the eight R, W, X patterns allows. */
static bool restated_allows(u64 rwx, enum walk_access access, bool mxr)
{
	static const char *const allowed[8] = {
		/* by X W R */ "", "r", "", "rw", "x", "rx", "", "rwx",
	};
	const char *a = allowed[rwx];

	if (access == WALK_WRITE)
		return strchr(a, 'w');
	if (access == WALK_EXECUTE)
		return strchr(a, 'x');
	return strchr(a, 'r') || (mxr && strchr(a, 'x'));
}

static void permissions_are_the_specifications(void **state unused)
{
	for (unsigned n = 0; n < 3 * 8 * 2 * 2 * 2 * 2; n++) {
		unsigned access = n % 3, rwx = n / 3 % 8;
		bool u = n / 24 % 2, user = n / 48 % 2, sum = n / 96 % 2, mxr = n / 192 % 2;
		struct walk_request req = request(SATP_MODE_SV39, VA39, access);
		bool want = restated_allows(rwx, access, mxr);
		struct walk_result out;

		if (user)
			want = want && u;
		else if (u)
			want = want && sum && access != WALK_EXECUTE;
		req.user = user;
		req.sum = sum;
		req.mxr = mxr;
		map(&req, 0, PTE_V | PTE_A | PTE_D | rwx << 1 | (u ? PTE_U : 0));
		assert_int_equal(walk(&req, &out) == WALK_OK, want);
	}
}

static void superpages_must_be_aligned(void **state unused)
{
	struct walk_request req = request(SATP_MODE_SV57, VA39, WALK_READ);
	struct walk_result out;

	for (unsigned level = 1; level < 5; level++) {
		for (unsigned shift = 12; shift < 56; shift++) {
			bool aligned = shift >= pte_level_shift(level);

			setup(NULL);
			map(&req, level, pte_make(1ul << shift, LEAF));
			assert_int_equal(walk(&req, &out), aligned ? WALK_OK : CAUSE_LOAD_PAGE_FAULT);
		}
	}
}

static void reserved_bits_fault(void **state unused)
{
	struct walk_request req = request(SATP_MODE_SV39, VA39, WALK_READ);
	struct walk_result out;

	for (unsigned bit = 54; bit < 64; bit++) {
		map(&req, 0, pte_make(0, LEAF | 1ul << bit));
		assert_int_equal(walk(&req, &out), CAUSE_LOAD_PAGE_FAULT);
		map(&req, 0, pte_make(0, LEAF));
		assert_int_equal(walk(&req, &out), WALK_OK);
		*entry_at(page_address(4) + 8 * pte_index(VA39, 1)) |= 1ul << bit;
		req.napot = req.pbmt = true;
		assert_int_equal(walk(&req, &out), CAUSE_LOAD_PAGE_FAULT);
		req.napot = req.pbmt = false;
	}
	for (unsigned bit = 4; bit < 10; bit++) {
		bool reserved = 1ul << bit & (PTE_U | PTE_A | PTE_D);

		map(&req, 0, pte_make(0, LEAF));
		*entry_at(page_address(4) + 8 * pte_index(VA39, 1)) |= 1ul << bit;
		assert_int_equal(walk(&req, &out), reserved ? CAUSE_LOAD_PAGE_FAULT : WALK_OK);
	}
}

static void memory_types_need_svpbmt(void **state unused)
{
	struct walk_request req = request(SATP_MODE_SV39, VA39, WALK_READ);
	struct walk_result out;

	req.pbmt = true;
	for (u64 type = 0; type < 4; type++) {
		map(&req, 0, pte_make(0x1000, LEAF | type << 61));
		assert_int_equal(walk(&req, &out), type < 3 ? WALK_OK : CAUSE_LOAD_PAGE_FAULT);
		if (type < 3)
			assert_true((out.pte & PTE_PBMT) == type << 61 && out.pa >> 12 == 1);
	}
}

static void contiguous_pages_need_svnapot(void **state unused)
{
	struct walk_request req = request(SATP_MODE_SV39, VA39, WALK_READ);
	struct walk_result out;

	for (u64 low = 0; low < 16; low++) {
		u64 leaf = pte_make(0x9876540000 | low << 12, LEAF | PTE_N);

		map(&req, 0, leaf);
		req.napot = false;
		assert_int_equal(walk(&req, &out), CAUSE_LOAD_PAGE_FAULT);
		req.napot = true;
		assert_int_equal(walk(&req, &out), low == 8 ? WALK_OK : CAUSE_LOAD_PAGE_FAULT);
		if (low == 8) {
			assert_true(out.pa == (0x9876540000 | (VA39 & 0xffff)));
			assert_true(out.size == 0x10000);
		}
	}
	map(&req, 1, pte_make(0x40000000, LEAF | PTE_N));
	assert_int_equal(walk(&req, &out), CAUSE_LOAD_PAGE_FAULT);
}

static void svade_faults_on_clear_bits(void **state unused)
{
	struct walk_request req = request(SATP_MODE_SV39, VA39, WALK_READ);
	struct walk_result out;

	map(&req, 0, PTE_V | PTE_R | PTE_W | PTE_D);
	assert_int_equal(walk(&req, &out), CAUSE_LOAD_PAGE_FAULT);
	map(&req, 0, PTE_V | PTE_R | PTE_W | PTE_A);
	assert_int_equal(walk(&req, &out), WALK_OK);
	req.access = WALK_WRITE;
	assert_int_equal(walk(&req, &out), CAUSE_STORE_PAGE_FAULT);
	req.access = WALK_PROBE;
	map(&req, 0, PTE_V | PTE_X);
	assert_int_equal(walk(&req, &out), WALK_OK);
	assert_true(out.pte == (PTE_V | PTE_X));
	assert_int_equal(updates, 0);
}

static void svadu_sets_what_the_access_needs(void **state unused)
{
	struct walk_request req = request(SATP_MODE_SV48, VA39, WALK_READ);
	u64 leaf = PTE_V | PTE_R | PTE_W;
	struct walk_result out;

	req.hardware_ad = true;
	map(&req, 0, leaf);
	assert_int_equal(walk(&req, &out), WALK_OK);
	assert_true(out.pte == (leaf | PTE_A) && *entry_at(out.pte_address) == out.pte);
	assert_int_equal(walk(&req, &out), WALK_OK);
	assert_int_equal(updates, 0);
	req.access = WALK_WRITE;
	assert_int_equal(walk(&req, &out), WALK_OK);
	assert_true(out.pte == (leaf | PTE_A | PTE_D) && *entry_at(out.pte_address) == out.pte);
	/* Nothing is marked by an access that the entry does not allow. */
	map(&req, 0, PTE_V | PTE_R);
	assert_int_equal(walk(&req, &out), CAUSE_STORE_PAGE_FAULT);
	assert_int_equal(updates, 0);
	map(&req, 0, leaf);
	read_only = true;
	assert_int_equal(walk(&req, &out), CAUSE_STORE_ACCESS);
}

static void changes_meanwhile_are_seen(void **state unused)
{
	struct walk_request req = request(SATP_MODE_SV39, VA39, WALK_WRITE);
	struct walk_result out;

	req.hardware_ad = true;
	map(&req, 0, PTE_V | PTE_R | PTE_W);
	meddle = 3;
	assert_int_equal(walk(&req, &out), WALK_OK);
	assert_int_equal(updates, 4);
	assert_int_equal(reads, 6);
	assert_true(out.pte == (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D | 0x100));

	map(&req, 0, PTE_V | PTE_R | PTE_W);
	meddle = ~0u;
	assert_int_equal(walk(&req, &out), WALK_RETRY);
	assert_int_equal(reads, WALK_READS_MAX);
}

static void tables_that_point_at_themselves_end(void **state unused)
{
	struct walk_request req = request(SATP_MODE_SV57, 0, WALK_READ);
	struct walk_result out;

	map_put(0, 0, pte_make(BASE, PTE_V));
	assert_int_equal(walk(&req, &out), CAUSE_LOAD_PAGE_FAULT);
	assert_int_equal(reads, 5);
}

static void goes_on_from_a_table_further_down(void **state unused)
{
	struct walk_request req = request(SATP_MODE_SV48, VA39, WALK_READ);
	struct walk_result whole, rest;

	map(&req, 0, pte_make(0x123456000, LEAF));
	assert_int_equal(walk(&req, &whole), WALK_OK);
	req.root_ppn = whole.pte_address >> PTE_PAGE_SHIFT;
	req.levels = 1;
	assert_int_equal(walk(&req, &rest), WALK_OK);
	assert_int_equal(reads, 1);
	assert_memory_equal(&rest, &whole, sizeof(rest));
	req.va = 1ul << 47;
	assert_int_equal(walk(&req, &rest), CAUSE_LOAD_PAGE_FAULT);
}

static void geometry(void **state unused)
{
	assert_int_equal(pte_levels(SATP_MODE_BARE), 0);
	assert_int_equal(pte_levels(SATP_MODE_SV39), 3);
	assert_int_equal(pte_levels(SATP_MODE_SV57), 5);
	assert_int_equal(pte_levels(11), 0);
	assert_int_equal(pte_va_bits(SATP_MODE_SV48), 48);
	assert_int_equal(pte_gpa_bits(HGATP_MODE_SV39X4), 41);
	assert_true(pte_level_size(1) == 2 * MIB && pte_level_size(2) == GIB);
	assert_int_equal(pte_index(~0ul, 0), 511);
	assert_int_equal(pte_index_x4(~0ul, 2), 2047);
	assert_true(pte_address(pte_make(0xfffffffffff000, ~PTE_PPN)) == 0xfffffffffff000);
	assert_true(pte_is_table(PTE_V) && !pte_is_table(0) && !pte_is_table(PTE_V | PTE_X));
	assert_true((PTE_V | PTE_R | PTE_W | PTE_X | PTE_U | PTE_G | PTE_A | PTE_D | PTE_RSW |
		     PTE_PPN | PTE_RESERVED | PTE_PBMT | PTE_N) == ~0ul);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(finds_pages_of_every_size, setup),
		cmocka_unit_test_setup(finds_pages_of_the_second_stage, setup),
		cmocka_unit_test_setup(second_stage_faults_are_guest_page_faults, setup),
		cmocka_unit_test_setup(faults_have_the_kind_of_the_access, setup),
		cmocka_unit_test_setup(addresses_must_be_canonical, setup),
		cmocka_unit_test_setup(bare_and_unknown_modes, setup),
		cmocka_unit_test_setup(permissions_are_the_specifications, setup),
		cmocka_unit_test_setup(superpages_must_be_aligned, setup),
		cmocka_unit_test_setup(reserved_bits_fault, setup),
		cmocka_unit_test_setup(memory_types_need_svpbmt, setup),
		cmocka_unit_test_setup(contiguous_pages_need_svnapot, setup),
		cmocka_unit_test_setup(svade_faults_on_clear_bits, setup),
		cmocka_unit_test_setup(svadu_sets_what_the_access_needs, setup),
		cmocka_unit_test_setup(changes_meanwhile_are_seen, setup),
		cmocka_unit_test_setup(tables_that_point_at_themselves_end, setup),
		cmocka_unit_test_setup(goes_on_from_a_table_further_down, setup),
		cmocka_unit_test(geometry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
