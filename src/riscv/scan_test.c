#include "riscv/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOP 0x0001        /* c.nop */
#define SRET 0x0073, 0x1020
#define WFI 0x0073, 0x1050
#define ADDI 0x0513, 0x0010 /* li a0, 1: its high parcel begins no instruction of 4 bytes */
#define LIKE 0x0513, 0x0073 /* addi a0, x0, 7: its high parcel looks like sret's low one */

static u16 page[SCAN_PARCELS] __attribute__((aligned(8)));
static struct scan scan;

static int setup(void **state unused)
{
	for (unsigned i = 0; i < SCAN_PARCELS; i++)
		page[i] = NOP;
	return 0;
}

#define PUT(parcel, ...) put((parcel), (const u16[]){ __VA_ARGS__ }, \
			     sizeof((const u16[]){ __VA_ARGS__ }) / 2)

static void put(unsigned parcel, const u16 *parcels, size_t count)
{
	memcpy(&page[parcel], parcels, count * 2);
}

static bool found(unsigned parcel)
{
	return scan.found[parcel / 64] >> parcel % 64 & 1;
}

static void assert_found(unsigned what, const unsigned *want, unsigned count)
{
	assert_int_equal(scan_page(page, what, &scan), count > 0);
	for (unsigned i = 0; i < count; i++)
		if (!found(want[i]))
			fail_msg("parcel %u is not found", want[i]);
	assert_int_equal(scan.count, count);
}

#define ASSERT_FOUND(what, ...) \
	assert_found((what), (const unsigned[]){ __VA_ARGS__ }, \
		     sizeof((const unsigned[]){ __VA_ARGS__ }) / sizeof(unsigned))
#define ASSERT_NOTHING(what) assert_found((what), NULL, 0)

/* ---- Real code: a kernel's way in and out, assembled. */

static const u16 kernel[] = {
	/* csrrw tp, sscratch, tp; bnez tp; csrr tp, sscratch; sd sp; sd sp; ld sp */
	0x1273, 0x1402, 0x1663, 0x0002, 0x2273, 0x1400, 0x3823, 0x0022, 0x3c23, 0x0022, 0x3103, 0x0102,
	/* addi sp; sd ra; sd t0; sd a0; lui t0; csrrc s1, sstatus, t0; csrr s2, sepc; s3, stval */
	0x712d, 0xe406, 0xf416, 0xe8aa, 0x22b7, 0x0004, 0xb4f3, 0x1002, 0x2973, 0x1410, 0x29f3, 0x1430,
	/* csrr s4, scause; csrw sscratch, x0; auipc ra; addi ra; bgez s4; j; slli t0 */
	0x2a73, 0x1420, 0x1073, 0x1400, 0x0097, 0x0000, 0x8093, 0x0000, 0x5363, 0x000a, 0xa80d, 0x1293,
	/* -; ld t0; jr t0; csrci sstatus; andi s0; bnez s0; addi s0, sp; sd s0 */
	0x003a, 0xb283, 0x0002, 0x8282, 0x7073, 0x1001, 0x7413, 0x1005, 0xe411, 0x1200, 0x3823, 0x0082,
	/* csrw sscratch, tp; csrw sstatus, a0; csrw sepc, a2; ld ra; ld a0; ld sp; sret; wfi */
	0x1073, 0x1402, 0x1073, 0x1005, 0x1073, 0x1416, 0x60a2, 0x6546, 0x6142, 0x0073, 0x1020, 0x0073,
	/* -; csrsi sstatus; ret; beqz a1; sfence.vma a0, a1; ret; sfence.vma a0; ret; sfence.vma */
	0x1050, 0x6073, 0x1001, 0x8082, 0xc581, 0x0073, 0x12b5, 0x8082, 0x0073, 0x1205, 0x8082, 0x0073,
	/* -; ret; rdtime a0; ecall; c.ebreak; frflags a0; ret */
	0x1200, 0x8082, 0x2573, 0xc010, 0x0073, 0x0000, 0x9002, 0x2573, 0x0010, 0x8082,
};

static void finds_them_in_a_kernel(void **state unused)
{
	put(200, kernel, ARRAY_SIZE(kernel));
	ASSERT_FOUND(0, 200 + 57, 200 + 59, 200 + 65, 200 + 68, 200 + 71);
	ASSERT_FOUND(SCAN_CSR, 200 + 0, 200 + 4, 200 + 18, 200 + 20, 200 + 22, 200 + 24, 200 + 26,
		     200 + 40, 200 + 48, 200 + 50, 200 + 52, 200 + 57, 200 + 59, 200 + 61,
		     200 + 65, 200 + 68, 200 + 71);
}

static void finds_them_at_every_place(void **state unused)
{
	for (unsigned at = 1; at + 1 < SCAN_PARCELS; at++) {
		PUT(at, SRET);
		ASSERT_FOUND(0, at);
		PUT(at, WFI);
		ASSERT_FOUND(SCAN_CSR, at);
		PUT(at, NOP, NOP);
	}
}

/* A page that begins in the middle of an instruction, or not: the code tells. */
static void text_tells_where_it_begins(void **state unused)
{
	for (unsigned start = 0; start < 2; start++) {
		for (unsigned i = start; i + 1 < SCAN_PARCELS; i += 2)
			PUT(i, ADDI);
		page[0] = start ? 0x0010 : page[0];
		PUT(1000 + start, SRET);
		ASSERT_FOUND(0, 1000 + start);
	}
}

static void other_system_instructions_are_not_wanted(void **state unused)
{
	/* ecall; ebreak; mret; csrr cycle; csrw 0x5c0; sinval.vma; hfence.vvma; mret's neighbour */
	PUT(100, 0x0073, 0x0000, NOP, 0x0073, 0x0010, NOP, 0x0073, 0x3020, NOP, 0x2573, 0xc000);
	PUT(130, 0x1073, 0x5c05, NOP, 0x0073, 0x1600, NOP, 0x0073, 0x2200, NOP, 0x0073, 0x1030);
	ASSERT_NOTHING(SCAN_CSR);
	/* rs1 and rs2 of a fence may be anything, rd may not. */
	PUT(200, 0x8073, 0x13ff, NOP, 0x00f3, 0x1200);
	ASSERT_FOUND(SCAN_CSR, 200);
}

static void the_pages_edges_are_not_certain(void **state unused)
{
	PUT(0, SRET);
	ASSERT_NOTHING(0);
	setup(NULL);
	page[SCAN_PARCELS - 1] = 0x0073;
	ASSERT_NOTHING(0);
	assert_true(scan_is_boundary(page, SCAN_PARCELS - 1));
	PUT(SCAN_PARCELS - 2, SRET);
	ASSERT_FOUND(0, SCAN_PARCELS - 2);
}

/* ---- What only looks like it */

static void halves_of_others_are_left_alone(void **state unused)
{
	/* addi a0, x0, 7, then c.addi4spn: the parcels 101 and 102 read as sret. */
	PUT(100, LIKE, 0x1020);
	ASSERT_NOTHING(SCAN_CSR);
	/* And behind instructions of 4 bytes of which every parcel looks like the first. */
	for (unsigned i = 100; i < 120; i += 2)
		PUT(i, LIKE);
	PUT(120, 0x1020);
	ASSERT_NOTHING(SCAN_CSR);
	PUT(120, SRET);
	ASSERT_FOUND(SCAN_CSR, 120);
}

/* All parcels look like the first of 4 bytes: nothing in sight tells which ones are. */
static void a_long_run_is_not_certain(void **state unused)
{
	for (unsigned i = 0; i + 1 < SCAN_PARCELS; i += 2)
		PUT(i, LIKE);
	PUT(1000, SRET);
	ASSERT_NOTHING(SCAN_CSR);
	assert_false(scan_is_boundary(page, 1000));
	/* An instruction of 2 bytes shifts those behind it; the end of one of 4 does not. */
	page[1000 - 40] = NOP;
	ASSERT_NOTHING(SCAN_CSR);
	PUT(1000 - 42, ADDI, LIKE);
	ASSERT_FOUND(SCAN_CSR, 1000);
}

static void data_before_code_makes_it_uncertain(void **state unused)
{
	/* What ends in 0x0073 may be data, and then an instruction begins right behind it. */
	PUT(100, LIKE, SRET);
	ASSERT_FOUND(0, 102);
	page[95] = 0x0000;
	ASSERT_NOTHING(0);
	page[95] = 0xffff;
	ASSERT_NOTHING(0);
	/* Longer than 4 bytes. */
	page[95] = 0x001f;
	ASSERT_NOTHING(0);
	page[95] = NOP;
	ASSERT_FOUND(0, 102);
	/* Too near to the beginning of the page. */
	setup(NULL);
	PUT(14, LIKE, SRET);
	ASSERT_NOTHING(0);
	setup(NULL);
	PUT(15, LIKE, SRET);
	ASSERT_FOUND(0, 17);
}

/* Behind a parcel that cannot reach into it, an instruction may follow anything. */
static void data_that_cannot_swallow_it_does_not_matter(void **state unused)
{
	memset(page, 0, sizeof(page));
	PUT(100, SRET);
	PUT(300, 0xffff, SRET);
	ASSERT_FOUND(0, 100, 301);
}

static void overlapping_ones_are_found_once(void **state unused)
{
	/* sfence.vma whose high parcel, with the next, is sfence.vma again (of rd 4: no) or csrr. */
	PUT(100, 0x0073, 0x1273, 0x1400);
	ASSERT_FOUND(SCAN_CSR, 100);
	PUT(100, 0x2573, 0x1073, 0x1400);
	ASSERT_FOUND(SCAN_CSR, 100);
}

static void a_boundary_is_known_for_any_instruction(void **state unused)
{
	PUT(100, ADDI, ADDI);
	assert_true(scan_is_boundary(page, 100));
	assert_false(scan_is_boundary(page, 101));
	assert_true(scan_is_boundary(page, 102));
	assert_false(scan_is_boundary(page, 104));
}

int main(void)
{
#define test(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		test(finds_them_in_a_kernel),
		test(finds_them_at_every_place),
		test(text_tells_where_it_begins),
		test(other_system_instructions_are_not_wanted),
		test(the_pages_edges_are_not_certain),
		test(halves_of_others_are_left_alone),
		test(a_long_run_is_not_certain),
		test(data_before_code_makes_it_uncertain),
		test(data_that_cannot_swallow_it_does_not_matter),
		test(overlapping_ones_are_found_once),
		test(a_boundary_is_known_for_any_instruction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
