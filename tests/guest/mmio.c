/* guest: vcpus=1 memory=64M */
/*
 * Loads and stores of device registers in every form an instruction can have: width, sign,
 * compressed, any register as target, base and source, floating point; with and without
 * translation, across pages.
 */
#include "lib/guest.h"

#define MAP_VA 0x140000000ul
enum { ADDI = 0x13, ENABLES = PLIC_BASE + 0x2000 };

INSN(do_lb, "lb a0, 0(a0)");
INSN(do_lbu, "lbu a0, 0(a0)");
INSN(do_lh, "lh a0, 0(a0)");
INSN(do_lhu, "lhu a0, 0(a0)");
INSN(do_lw, "lw a0, 0(a0)");
INSN(do_lwu, "lwu a0, 0(a0)");
INSN(do_ld, "ld a0, 0(a0)");
INSN(do_sb, "sb a1, 0(a0)");
INSN(do_sh, "sh a1, 0(a0)");
INSN(do_sw, "sw a1, 0(a0)");
INSN(do_sd, "sd a1, 0(a0)");
INSN(do_c_lw, "c.lw a0, 0(a0)");
INSN(do_c_sw, "c.sw a1, 0(a0)");
INSN(do_c_lw_off, "addi a0, a0, -64\n\tc.lw a0, 64(a0)");
INSN(do_c_sw_off, "addi a0, a0, -64\n\tc.sw a1, 64(a0)");
INSN(do_c_lwsp, "mv a2, sp\n\taddi sp, a0, -128\n\tc.lwsp a0, 128(sp)\n\tmv sp, a2");
INSN(do_c_swsp, "mv a2, sp\n\taddi sp, a0, -128\n\tc.swsp a1, 128(sp)\n\tmv sp, a2");
INSN(do_lw_neg, "li t1, 2047\n\tadd a0, a0, t1\n\tlw a0, -2047(a0)");
INSN(do_lw_far, "addi a0, a0, -2047\n\tlw a0, 2047(a0)");
INSN(do_sw_neg, "li t1, 2048\n\tadd a0, a0, t1\n\tsw a1, -2048(a0)");
INSN(do_lr, "lr.w a0, (a0)");
INSN(do_amo, "amoadd.w a0, a1, (a0)");
/*
 * By number: flw ft0, 0(a0); fmv.x.w a0, ft0 and fmv.w.x ft0, a1; fsw ft0, 0(a0), c.lbu, c.lhu,
 * c.sb.
 */
INSN(do_flw, ".4byte 0x00052007, 0xe0000553");
INSN(do_fsw, ".4byte 0xf0058053, 0x00052027");
INSN(do_c_lbu, ".2byte 0x8108");
INSN(do_c_sb, ".2byte 0x890c");
INSN(jump, "jalr t2, a0");

static u64 uart_at, plic_at; /* where the devices are seen, 0 more or less */
static const char *how;

static void named(const char *what, u64 got, u64 want)
{
	char name[96], *to = name;

	for (const char *s = how; *s; s++)
		*to++ = *s;
	for (; *what; what++)
		*to++ = *what;
	*to = 0;
	check_equal(name, got, want);
}

static u64 scratch(void) { return uart_at + UART_SCR; }
static u64 enables(void) { return plic_at + 0x2000 + 0x80 * (2 * boot_hart + 1); }

static void bytes(void)
{
	try_insn(do_sb, scratch(), 0x5a);
	named("lb of 0x5a", try_value(do_lb, scratch(), 0), 0x5a);
	try_insn(do_sb, scratch(), 0x180);
	named("lb of 0x80", try_value(do_lb, scratch(), 0), (u64)-128);
	named("lbu of 0x80", try_value(do_lbu, scratch(), 0), 0x80);
	try_insn(do_sb, scratch(), ~0ul);
	named("lb of 0xff", try_value(do_lb, scratch(), 0), ~0ul);
	named("lbu of 0xff", try_value(do_lbu, scratch(), 0), 0xff);
	if (isa_has("zcb")) {
		try_insn(do_c_sb, scratch(), 0x1c3);
		named("c.sb, c.lbu", try_value(do_c_lbu, scratch(), 0), 0xc3);
	} else {
		named("c.sb, c.lbu", 0, 0);
	}
}

static void words(void)
{
	const u32 v = 0x80000400;
	u64 a = enables();

	try_insn(do_sw, a, v);
	named("sw, lw", try_value(do_lw, a, 0), (u64)(s32)v);
	named("lwu", try_value(do_lwu, a, 0), v);
	named("lw, negative offset", try_value(do_lw_neg, a, 0), (u64)(s32)v);
	named("lw, largest offset", try_value(do_lw_far, a, 0), (u64)(s32)v);
	named("c.lw", try_value(do_c_lw, a, 0), (u64)(s32)v);
	named("c.lw, offset", try_value(do_c_lw_off, a, 0), (u64)(s32)v);
	named("c.lwsp", try_value(do_c_lwsp, a, 0), (u64)(s32)v);
	try_insn(do_sw_neg, a, 0x123456ul << 32 | 0x400);
	named("sw, most negative offset", try_value(do_lwu, a, 0), 0x400);
	try_insn(do_c_sw, a, v | 0x20);
	named("c.sw", try_value(do_lwu, a, 0), v | 0x20);
	try_insn(do_c_sw_off, a, 0x420);
	named("c.sw, offset", try_value(do_lwu, a, 0), 0x420);
	try_insn(do_c_swsp, a, v);
	named("c.swsp", try_value(do_lwu, a, 0), v);
}

static void floats(void)
{
	const u32 v = 0x80000802;
	u64 a = enables(), got = (u64)(s32)v, stored = 0x400;

	if (isa_has("f")) {
		csr_set(sstatus, SSTATUS_FS);
		try_insn(do_sw, a, v);
		got = try_value(do_flw, a, 0);
		try_insn(do_fsw, a, 0x400);
		stored = try_value(do_lwu, a, 0);
		csr_clear(sstatus, SSTATUS_FS);
	}
	named("flw", got, (u64)(s32)v);
	named("fsw", stored, 0x400);
	try_insn(do_sw, a, 0);
}

/* -- Every register --------------------------------------------------------------------- */

static u32 mv(u32 rd, u32 rs) { return rs << 15 | rd << 7 | ADDI; }

/* lbu rd, 0(a0), the old rd kept in a1. */
static u64 load_into(u32 rd)
{
	u32 text[] = { mv(11, rd), 0x00054003 | rd << 7, mv(10, rd), mv(rd, 11) };
	u64 value = 0;

	return try_code(text, ARRAY_SIZE(text), scratch(), 0, &value) ? ~0ul : value;
}

/* lbu a0, 0(rs): a0 has the address, the old rs is kept in a1. */
static u64 load_from(u32 rs)
{
	u32 text[] = { mv(11, rs), mv(rs, 10), 0x00004503 | rs << 15, mv(rs, 11) };
	u64 value = 0;

	return try_code(text, ARRAY_SIZE(text), scratch(), 0, &value) ? ~0ul : value;
}

/* sb rs, 0(a0): a1 has the value, the old rs is kept in a2. */
static u64 store_of(u32 rs, u64 value)
{
	u32 text[] = { mv(12, rs), mv(rs, 11), 0x00050023 | rs << 20, mv(rs, 12) };

	if (try_code(text, ARRAY_SIZE(text), scratch(), value, NULL))
		return ~0ul;
	return read8(UART_BASE + UART_SCR);
}

static void every_register(void)
{
	u64 into = 0, from = 0, of = 0;

	for (u32 r = 1; r < 32; r++) {
		try_insn(do_sb, scratch(), 100 + r);
		if (r != 10 && r != 11 && load_into(r) != 100 + r)
			into |= BIT(r);
		if (r != 10 && r != 11 && load_from(r) != 100 + r)
			from |= BIT(r);
		if (r != 10 && r != 12 && store_of(r, 200 - r) != 200 - r)
			of |= BIT(r);
	}
	named("loads into every register", into, 0);
	named("loads through every register", from, 0);
	named("stores of every register", of, 0);
	named("load into x0 leaves 0", load_into(0), 0);
	named("store of x0", store_of(0, 0), 0);
}

/* -- Access faults and misalignment ----------------------------------------------------- */

/* A register answers an odd width, or there is an access fault: nothing else. */
static void either(const char *name, insn *i, u64 at)
{
	u64 cause = try_insn(i, at, 0);

	named(name, cause != TRAP_NONE && cause != TRAP_LOAD_ACCESS && cause != TRAP_STORE_ACCESS &&
	      cause != TRAP_LOAD_MISALIGNED && cause != TRAP_STORE_MISALIGNED ? cause : 0, 0);
}

static void odd_accesses(void)
{
	either("lh of a UART register", do_lh, uart_at + 4);
	either("lw of a UART register", do_lw, uart_at + 4);
	either("ld of the UART", do_ld, uart_at);
	either("lw across UART registers", do_lw, uart_at + 5);
	either("lh across the UART's end", do_lh, scratch());
	either("ld across the UART's end", do_ld, scratch());
	either("sh to a UART register", do_sh, scratch());
	either("sd to the UART", do_sd, uart_at + UART_MSR);
	either("lb of a PLIC register", do_lb, plic_at + 4);
	either("lh of a PLIC register", do_lhu, plic_at + 4);
	either("ld of PLIC registers", do_ld, plic_at + 8);
	either("lw of a PLIC register, misaligned", do_lw, plic_at + 5);
	either("sw of a PLIC register, misaligned", do_sw, plic_at + 6);
	either("sb of a PLIC register", do_sb, plic_at + 4);
	either("sd of PLIC registers", do_sd, plic_at + 8);
	either("lr of a PLIC register", do_lr, plic_at + 4);
	either("amoadd of a PLIC register", do_amo, plic_at + 4);
	uart_reset();
}

static void device_registers(const char *name, u64 uart, u64 plic)
{
	how = name;
	uart_at = uart;
	plic_at = plic;
	bytes();
	words();
	floats();
	every_register();
	odd_accesses();
}

/* -- Translation ------------------------------------------------------------------------ */

static u64 *root;

/* The load's two halves lie in two pages that are neighbours for the program only. */
static void split_instruction(void)
{
	u16 *first = page_get(), *skip unused = page_get(), *second = page_get();
	u64 va = MAP_VA + 0x100000, at = va + PAGE_SIZE - 2;

	table_map(root, va, (u64)first, PTE_RWX);
	table_map(root, va + PAGE_SIZE, (u64)second, PTE_RWX);
	first[2047] = 0x2303; /* lw t1, 0(a0) */
	second[0] = 0x0005;
	second[1] = 0x8382; /* c.jr t2 */
	sfence_vma();
	fence_i();
	write32(ENABLES + 0x80 * (2 * boot_hart + 1), 0x400);
	struct trap *t = &hart_self()->trap;
	u64 value;
	*t = (struct trap){ 0 };
	asm volatile("mv a0, %1\n\tjalr t2, %2\n\tmv %0, t1" : "=r"(value) : "r"(enables()), "r"(at)
		     : "a0", "t1", "t2", "memory");
	check_equal("lw across the end of a page of text", value, 0x400);
	write32(ENABLES + 0x80 * (2 * boot_hart + 1), 0);
}

static void user_access(void)
{
	u32 *text = page_get();
	u64 va = MAP_VA + 0x200000;

	table_map(root, va, (u64)text, PTE_RWX | PTE_U);
	table_map(root, va + PAGE_SIZE, UART_BASE, PTE_RW | PTE_U);
	table_map(root, va + 2 * PAGE_SIZE, HOLE_BASE, PTE_RW | PTE_U);
	text[0] = 0x00050503; /* lb a0, 0(a0) */
	text[1] = 0x00000073; /* ecall */
	sfence_vma();
	fence_i();
	write8(UART_BASE + UART_SCR, 0x9c);
	check_equal("u-mode lb of a device", user_run((void *)va, va + PAGE_SIZE + UART_SCR),
		    TRAP_ECALL_U);
	check_equal("u-mode lb of a device: value", hart_self()->trap.a0, (u64)(s8)0x9c);
	check_equal("u-mode lb of a hole", user_run((void *)va, va + 2 * PAGE_SIZE),
		    TRAP_LOAD_ACCESS);
	check_equal("u-mode lb of a hole: stval", hart_self()->trap.tval, va + 2 * PAGE_SIZE);
}

/* -- RAM -------------------------------------------------------------------------------- */

/* Misaligned accesses to RAM work or trap as misaligned, also where two pages meet. */
static void ram_misaligned(void)
{
	u8 *two = page_get();
	u64 *next = page_get(), wrong = 0;

	for (u64 i = 0; i < 16; i++)
		two[PAGE_SIZE - 8 + i] = (u8)(i * 17);
	for (u64 i = 1; i < 8; i++) {
		u64 at = (u64)two + PAGE_SIZE - 8 + i, want = 0;
		for (u64 j = 8; j--;)
			want = want << 8 | two[PAGE_SIZE - 8 + i + j];
		u64 got = try_value(do_ld, at, 0);
		wrong += hart_self()->trap.cause == TRAP_NONE ? got != want
		       : hart_self()->trap.cause != TRAP_LOAD_MISALIGNED;
		u64 cause = try_insn(do_sd, at, want);
		wrong += cause != TRAP_NONE && cause != TRAP_STORE_MISALIGNED;
	}
	check("two pages in a row", (u64)next == (u64)two + PAGE_SIZE);
	check_equal("misaligned accesses to RAM across pages", wrong, 0);
	u64 cause = try_insn(do_ld, RAM_BASE + ram_size() - 4, 0);
	check("ld across the end of RAM", cause == TRAP_LOAD_ACCESS ||
	      cause == TRAP_LOAD_MISALIGNED);
	cause = try_insn(do_ld, RAM_BASE + ram_size() - 8, 0);
	check_equal("ld of the end of RAM", cause, TRAP_NONE);
}

static void ram_meets_device(void)
{
	u64 va = MAP_VA + 0x300000;

	table_map(root, va, (u64)page_get(), PTE_RWX);
	table_map(root, va + PAGE_SIZE, UART_BASE, PTE_RW);
	sfence_vma();
	how = "";
	either("ld from RAM into a device", do_ld, va + PAGE_SIZE - 4);
	either("ld from RAM into a device, by a byte", do_ld, va + PAGE_SIZE - 7);
	/* The device's first byte is the transmitter: write there what nobody sees. */
	write8(UART_BASE + UART_MCR, UART_MCR_LOOP);
	either("sd from RAM into a device", do_sd, va + PAGE_SIZE - 4);
	uart_reset();
}

/* -- Other devices ---------------------------------------------------------------------- */

static u64 rtc_read(void)
{
	u64 low = read32(RTC_BASE);

	return (u64)read32(RTC_BASE + 4) << 32 | low;
}

static void other_devices(void)
{
	u64 first = rtc_read(), wait = time_read() + timer_frequency() / 1000;

	while (time_read() < wait)
		;
	check("RTC runs", first && rtc_read() >= first);
	check("RTC runs forward by less than an hour", rtc_read() - first < 3600000000000);
	check_equal("syscon can be read", try_insn(do_lw, SYSCON_BASE, 0), TRAP_NONE);
	check_equal("syscon ignores another value", try_insn(do_sw, SYSCON_BASE, 0x1234),
		    TRAP_NONE);
	check_equal("jump to a device", try_insn(jump, PLIC_BASE + 0x1000, 0) != TRAP_NONE, 1);
}

void guest_main(void)
{
	device_registers("bare: ", UART_BASE, PLIC_BASE);
	root = table_new();
	table_map(root, MAP_VA, UART_BASE, PTE_RW);
	for (u64 i = 0; i < 4; i++)
		table_map(root, MAP_VA + 0x10000 + i * PAGE_SIZE, PLIC_BASE + i * PAGE_SIZE,
			  PTE_RW);
	table_use(root);
	device_registers("sv39: ", MAP_VA, MAP_VA + 0x10000);
	split_instruction();
	user_access();
	ram_meets_device();
	table_use(NULL);
	ram_misaligned();
	other_devices();
	check_report();
}
