/* guest: vcpus=1 memory=64M */
/*
 * Exceptions: what traps, from which mode, with which scause, stval and sepc. A machine with the H
 * extension (only ever the bare one) lets S-mode use its instructions, so those checks pass there.
 */
#include "lib/guest.h"

INSN(load64, "ld a0, 0(a0)");
INSN(store64, "sd a1, 0(a0)");
INSN(load8, "lbu a0, 0(a0)");
INSN(store8, "sb a1, 0(a0)");
INSN(jump, "jalr t2, a0");
INSN(do_ebreak, "ebreak");

#define TEST_VA 0x140000000ul /* above the identity map */

/* -- Illegal instructions --------------------------------------------------------------- */

struct word {
	const char *name;
	u32 word;
	u64 in_s, in_u; /* the causes expected */
	const char *needs_no; /* an extension that makes the S-mode answer differ */
};

#define WORD_MRET 0x30200073
#define ILL TRAP_ILLEGAL
#define NONE TRAP_NONE
#define EITHER 64 /* none or illegal: the counters that a machine may withhold */

static const struct word words[] = {
	{ "zeroes", 0x00000000, ILL, ILL, NULL },
	{ "ones", 0xffffffff, ILL, ILL, NULL },
	{ "a reserved opcode", 0x0000007b, ILL, ILL, NULL },
	{ "mret", WORD_MRET, ILL, ILL, NULL },
	{ "dret", 0x7b200073, ILL, ILL, NULL },
	{ "csrr mstatus", 0x30002573, ILL, ILL, NULL },
	{ "csrw mstatus", 0x30051073, ILL, ILL, NULL },
	{ "csrr misa", 0x30102573, ILL, ILL, NULL },
	{ "csrr mhartid", 0xf1402573, ILL, ILL, NULL },
	{ "csrr mtvec", 0x30502573, ILL, ILL, NULL },
	{ "csrw medeleg", 0x30251073, ILL, ILL, NULL },
	{ "csrr pmpcfg0", 0x3a002573, ILL, ILL, NULL },
	{ "csrr dcsr", 0x7b002573, ILL, ILL, NULL },
	{ "csrr 0x181", 0x18102573, ILL, ILL, NULL },
	{ "csrr 0x5c0", 0x5c002573, ILL, ILL, NULL },
	{ "csrw cycle", 0xc0051073, ILL, ILL, NULL },
	{ "csrw time", 0xc0151073, ILL, ILL, NULL },
	{ "csrr hstatus", 0x60002573, ILL, ILL, "h" },
	{ "csrw hedeleg", 0x60251073, ILL, ILL, "h" },
	{ "csrr hvip", 0x64502573, ILL, ILL, "h" },
	{ "csrr hgatp", 0x68002573, ILL, ILL, "h" },
	{ "csrr htimedelta", 0x60502573, ILL, ILL, "h" },
	{ "csrr hgeip", 0xe1202573, ILL, ILL, "h" },
	{ "csrr vsstatus", 0x20002573, ILL, ILL, "h" },
	{ "csrr vsatp", 0x28002573, ILL, ILL, "h" },
	{ "csrr vstimecmp", 0x24d02573, ILL, ILL, "h" },
	{ "hfence.vvma", 0x22000073, ILL, ILL, "h" },
	{ "hfence.gvma", 0x62000073, ILL, ILL, "h" },
	{ "hlv.d", 0x6c054573, ILL, ILL, "h" },
	{ "hlvx.wu", 0x68354573, ILL, ILL, "h" },
	{ "hsv.d", 0x6ea54073, ILL, ILL, "h" },
	{ "csrr sstatus", 0x10002573, NONE, ILL, NULL },
	{ "csrr satp", 0x18002573, NONE, ILL, NULL },
	{ "csrr scounteren", 0x10602573, NONE, ILL, NULL },
	{ "csrr sscratch", 0x14002573, NONE, ILL, NULL },
	{ "sfence.vma", 0x12000073, NONE, ILL, NULL },
	{ "fence.i", 0x0000100f, NONE, NONE, NULL },
	{ "pause", 0x0100000f, NONE, NONE, NULL },
	{ "rdcycle", 0xc0002573, EITHER, EITHER, NULL },
	{ "rdtime", 0xc0102573, NONE, NONE, NULL },
	{ "rdinstret", 0xc0202573, EITHER, EITHER, NULL },
};

/*
 * stval is the instruction or 0 (privileged specification, section 12.1.9); sepc points to it.
 * QEMU 10 leaves something stale in stval for mret.
 */
static bool illegal_details(u32 word)
{
	const struct trap *t = &hart_self()->trap;

	if (word == WORD_MRET)
		return true;
	return t->cause != ILL || ((t->tval == word || !t->tval) && *(u16 *)t->epc == (u16)word);
}

static bool cause_is(u64 cause, u64 want, u64 none)
{
	if (want == EITHER)
		return cause == ILL || cause == none;
	return cause == (want == NONE ? none : want);
}

static void word_check(const struct word *w)
{
	char name[64] = "s-mode ", *to = name + 7;
	u64 cause = try_code(&w->word, 1, 0, 0, NULL);
	bool ok = cause_is(cause, w->in_s, NONE) && illegal_details(w->word);

	for (const char *from = w->name; *from; from++)
		*to++ = *from;
	*to = 0;
	check(name, ok || (w->needs_no && isa_has(w->needs_no)));
	name[0] = 'u';
	cause = try_user(w->word, 0);
	check(name, cause_is(cause, w->in_u, TRAP_ECALL_U) && illegal_details(w->word));
}

static void user_only(void)
{
	check_equal("u-mode ecall", try_user(0x00000013, 5), TRAP_ECALL_U);
	check_equal("u-mode ecall keeps a0", hart_self()->trap.a0, 5);
	check_equal("u-mode ebreak", try_user(0x00100073, 0), TRAP_BREAKPOINT);
	check_equal("u-mode c.ebreak", try_user(0x00019002, 0), TRAP_BREAKPOINT);
	check_equal("u-mode sret", try_user(0x10200073, 0), ILL);
	if (!bootarg_number("kvm", 0)) /* which lets it wait there */
		check_equal("u-mode wfi", try_user(0x10500073, 0), ILL);
	csr_write(scounteren, 0);
	check_equal("u-mode rdcycle without scounteren", try_user(0xc0002573, 0), ILL);
	/* Firmware may answer rdtime for any mode without a look at scounteren: OpenSBI does. */
	check("u-mode rdtime without scounteren", try_user(0xc0102573, 0) == ILL ||
	      hart_self()->trap.cause == TRAP_ECALL_U);
	check_equal("u-mode rdinstret without scounteren", try_user(0xc0202573, 0), ILL);
	csr_write(scounteren, 7);
	check_equal("u-mode rdtime with it", try_user(0xc0102573, 0), TRAP_ECALL_U);
}

/* U-mode code may leave anything in the registers that the kernel relies on. */
asm(".text\n.balign 4\nuser_spoil: li sp, -1\n\tli tp, 3\n\tli gp, -8\n\tli ra, 1\n\t"
    "li t0, 0\n\tecall");
extern const u8 user_spoil[];

static void breakpoints(void)
{
	check_equal("s-mode ebreak", try_insn(do_ebreak, 0, 0), TRAP_BREAKPOINT);
	check("s-mode ebreak: stval is 0 or its address",
	      !hart_self()->trap.tval || hart_self()->trap.tval == hart_self()->trap.epc);
	check_equal("u-mode with spoilt registers", user_run(user_spoil, 0), TRAP_ECALL_U);
}

/* -- Access faults without translation -------------------------------------------------- */

static void expect_at(const char *name, u64 cause, u64 got, u64 tval)
{
	if (got == cause && hart_self()->trap.tval != tval)
		check_equal(name, hart_self()->trap.tval, tval);
	else
		check_equal(name, got, cause);
}

static void access_faults(void)
{
	const u64 far = 1ul << 50;

	expect_at("load from a hole", TRAP_LOAD_ACCESS, try_insn(load64, HOLE_BASE, 0), HOLE_BASE);
	expect_at("store to a hole", TRAP_STORE_ACCESS, try_insn(store64, HOLE_BASE, 0), HOLE_BASE);
	expect_at("byte load from a hole", TRAP_LOAD_ACCESS, try_insn(load8, HOLE_BASE + 3, 0),
		  HOLE_BASE + 3);
	expect_at("byte store to a hole", TRAP_STORE_ACCESS, try_insn(store8, HOLE_BASE + 3, 0),
		  HOLE_BASE + 3);
	expect_at("jump to a hole", TRAP_INSN_ACCESS, try_insn(jump, HOLE_BASE, 0), HOLE_BASE);
	check_equal("jump to a hole: sepc", hart_self()->trap.epc, HOLE_BASE);
	expect_at("load beyond RAM", TRAP_LOAD_ACCESS, try_insn(load64, far, 0), far);
	expect_at("store beyond RAM", TRAP_STORE_ACCESS, try_insn(store64, far, 0), far);
	expect_at("jump beyond RAM", TRAP_INSN_ACCESS, try_insn(jump, far, 0), far);
	check_equal("u-mode load from a hole", try_user(0x00053503, HOLE_BASE), TRAP_LOAD_ACCESS);
	check_equal("u-mode jump to a hole", user_run((void *)HOLE_BASE, 0), TRAP_INSN_ACCESS);
}

/* -- CSR fields ------------------------------------------------------------------------- */

static void csr_fields(void)
{
	u64 old = csr_read(sstatus), got,
		only_m = BIT(3) | BIT(7) | 3ul << 11 | BIT(17) | 7ul << 20;

	csr_set(sstatus, only_m);
	got = csr_read(sstatus);
	csr_write(sstatus, old);
	check_equal("sstatus hides what is mstatus alone", got & only_m, 0);
	check_equal("sstatus.UXL is 64 bits", (old & SSTATUS_UXL) >> 32, 2);
	csr_set(sstatus, SSTATUS_SUM | SSTATUS_MXR | SSTATUS_SPIE | SSTATUS_SPP);
	got = csr_read(sstatus);
	csr_write(sstatus, old);
	check_equal("sstatus SUM, MXR, SPIE, SPP can be set", got & 0xc0120, 0xc0120);
	csr_write(sie, ~0ul);
	got = csr_read(sie);
	csr_write(sie, 0);
	check_equal("sie has SSIE, STIE, SEIE", got & 0x1fff, 0x222);
	csr_set(sip, ~0ul);
	got = csr_read(sip);
	csr_clear(sip, ~0ul);
	check_equal("sip takes SSIP alone", got & 0x1fff, 2);
	check_equal("sip clears SSIP", csr_read(sip) & 2, 0);
	csr_write(sepc, 0x80200002);
	check_equal("sepc keeps its value", csr_read(sepc), 0x80200002);
	csr_write(scause, INTERRUPT | 5);
	check_equal("scause keeps its value", csr_read(scause), INTERRUPT | 5);
	csr_write(stval, 0x123456789a);
	check_equal("stval keeps its value", csr_read(stval), 0x123456789a);
	got = csr_swap(sscratch, 0x5555);
	got ^= csr_swap(sscratch, got);
	check_equal("sscratch keeps its value", got, (u64)hart_self() ^ 0x5555);
	csr_write(satp, 5ul << 60 | 1);
	check_equal("satp ignores a reserved mode", csr_read(satp), 0);
}

/* sret goes to SPP's mode; SIE becomes SPIE, SPIE 1, SPP 0. */
static void sret_fields(void)
{
	u64 s;

	asm volatile("csrci sstatus, 2\n\tla t0, 1f\n\tcsrw sepc, t0\n\tli t0, 0x120\n\t"
		     "csrs sstatus, t0\n\t"
		     "sret\n1:\tcsrrci %0, sstatus, 2" : "=r"(s) :: "t0", "memory");
	check_equal("sret to S: SIE 1, SPIE 1, SPP 0", s & 0x122, 0x22);
	asm volatile("la t0, 1f\n\tcsrw sepc, t0\n\tli t0, 0x20\n\tcsrc sstatus, t0\n\t"
		     "li t0, 0x100\n\t"
		     "csrs sstatus, t0\n\tsret\n1:\tcsrr %0, sstatus" : "=r"(s) :: "t0", "memory");
	check_equal("sret to S: SIE 0 from SPIE 0", s & 0x122, 0x20);
	check_equal("jalr drops bit 0", try_insn(jump, (u64)&try_insn | 1, 0) == 99, 0);
}

/* -- Sv39 ------------------------------------------------------------------------------- */

static u64 *root;
static u64 *page; /* the page that the tests map */

static void map(u64 flags)
{
	table_map(root, TEST_VA, (u64)page, flags);
	sfence_vma();
}

static void expect_access(const char *name, u64 flags, u64 load, u64 store, u64 fetch)
{
	u64 got;

	map(flags);
	got = try_insn(load64, TEST_VA + 8, 0);
	got |= try_insn(store64, TEST_VA + 8, 1) << 8;
	got |= try_insn(jump, TEST_VA, 0) << 16;
	check_equal(name, got, load | store << 8 | fetch << 16);
}

static void page_permissions(void)
{
	const u64 l = TRAP_LOAD_PAGE, s = TRAP_STORE_PAGE, x = TRAP_INSN_PAGE,
		va = PTE_V | PTE_A | PTE_D;

	expect_access("page not valid", 0, l, s, x);
	expect_access("page not valid, flags set", PTE_RWX & ~PTE_V, l, s, x);
	expect_access("page RWX", PTE_RWX, 0, 0, 0);
	expect_access("page RW", PTE_RW, 0, 0, x);
	expect_access("page R", va | PTE_R, 0, s, x);
	expect_access("page RX", va | PTE_R | PTE_X, 0, s, 0);
	expect_access("page X", va | PTE_X, l, s, 0);
	expect_access("page W is reserved", va | PTE_W, l, s, x);
	expect_access("page WX is reserved", va | PTE_W | PTE_X, l, s, x);
	expect_access("page with a reserved bit", PTE_RWX | BIT(54), l, s, x);
	expect_access("page of U from S", PTE_RWX | PTE_U, l, s, x);
	csr_set(sstatus, SSTATUS_SUM);
	expect_access("page of U from S with SUM", PTE_RWX | PTE_U, 0, 0, x);
	csr_clear(sstatus, SSTATUS_SUM);
	csr_set(sstatus, SSTATUS_MXR);
	expect_access("page X with MXR", va | PTE_X, 0, s, 0);
	csr_clear(sstatus, SSTATUS_MXR);
	expect_access("page X, MXR off again", va | PTE_X, l, s, 0);
}

static void page_details(void)
{
	u64 hole = TEST_VA + 0x1000, bad = 1ul << 40;

	map(PTE_RWX);
	expect_at("load page fault: stval", TRAP_LOAD_PAGE, try_insn(load64, hole + 16, 0),
		  hole + 16);
	expect_at("store page fault: stval", TRAP_STORE_PAGE, try_insn(store8, hole + 17, 0),
		  hole + 17);
	expect_at("fetch page fault: stval", TRAP_INSN_PAGE, try_insn(jump, hole, 0), hole);
	check_equal("fetch page fault: sepc", hart_self()->trap.epc, hole);
	expect_at("load not canonical", TRAP_LOAD_PAGE, try_insn(load64, bad, 0), bad);
	expect_at("store not canonical", TRAP_STORE_PAGE, try_insn(store64, bad, 0), bad);
	check_equal("jump not canonical", try_insn(jump, bad, 0), TRAP_INSN_PAGE);
	table_map(root, hole, HOLE_BASE, PTE_RWX);
	sfence_vma();
	expect_at("load through a page to a hole", TRAP_LOAD_ACCESS, try_insn(load64, hole, 0),
		  hole);
	expect_at("store through a page to a hole", TRAP_STORE_ACCESS, try_insn(store8, hole, 0),
		  hole);
	expect_at("jump through a page to a hole", TRAP_INSN_ACCESS, try_insn(jump, hole, 0), hole);
	*table_pte(root, hole) = 0;
	sfence_vma();
}

/* The hardware sets A and D, or a page fault asks for it: never a third thing. */
static void page_accessed(void)
{
	u64 got;

	map(PTE_RWX & ~(PTE_A | PTE_D));
	got = try_insn(load64, TEST_VA, 0);
	check("page without A", (got == TRAP_NONE && *table_pte(root, TEST_VA) & PTE_A) ||
	      (got == TRAP_LOAD_PAGE && !(*table_pte(root, TEST_VA) & PTE_A)));
	map(PTE_RWX & ~PTE_D);
	got = try_insn(store64, TEST_VA, 0);
	check("page without D", (got == TRAP_NONE && *table_pte(root, TEST_VA) & PTE_D) ||
	      (got == TRAP_STORE_PAGE && !(*table_pte(root, TEST_VA) & PTE_D)));
	check("page without D, loaded", try_insn(load64, TEST_VA, 0) == TRAP_NONE);
}

static void page_crossing(void)
{
	u64 end = TEST_VA + PAGE_SIZE, got;
	u16 *last = (u16 *)((u64)page + PAGE_SIZE - 2);

	map(PTE_RWX);
	got = try_insn(load64, end - 4, 0);
	check("load across the end of a page", got == TRAP_LOAD_MISALIGNED ||
	      (got == TRAP_LOAD_PAGE && hart_self()->trap.tval >= end - 4 &&
	       hart_self()->trap.tval <= end));
	got = try_insn(store64, end - 4, 0);
	check("store across the end of a page", got == TRAP_STORE_MISALIGNED ||
	      (got == TRAP_STORE_PAGE && hart_self()->trap.tval >= end - 4 &&
	       hart_self()->trap.tval <= end));
	*last = 0x0013; /* half a nop */
	fence_i();
	expect_at("fetch across the end of a page", TRAP_INSN_PAGE, try_insn(jump, end - 2, 0),
		  end);
	check_equal("fetch across the end of a page: sepc", hart_self()->trap.epc, end - 2);
	*last = 0x8382; /* c.jr t2 */
	fence_i();
	check_equal("fetch of the last 2 bytes of a page", try_insn(jump, end - 2, 0), TRAP_NONE);
}

static void page_superpages(void)
{
	u64 *second = (u64 *)(root[TEST_VA >> 30] >> 10 << 12), old = second[1];
	u64 va = TEST_VA + 2 * MIB;

	second[1] = (RAM_BASE + 2 * MIB) >> 2 | PTE_RWX;
	sfence_vma();
	check_equal("2 MiB page", try_value(load64, va, 0), *(u64 *)(RAM_BASE + 2 * MIB));
	second[1] |= 1 << 10;
	sfence_vma();
	expect_at("2 MiB page, misaligned", TRAP_LOAD_PAGE, try_insn(load64, va, 0), va);
	second[1] = (u64)page >> 2 | PTE_V | PTE_D;
	sfence_vma();
	expect_at("pointer with D set", TRAP_LOAD_PAGE, try_insn(load64, va, 0), va);
	second[1] = HOLE_BASE >> 2 | PTE_V;
	sfence_vma();
	expect_at("table in a hole", TRAP_LOAD_ACCESS, try_insn(load64, va, 0), va);
	second[1] = old;
	sfence_vma();
}

/* The same address in two address spaces, switched without a fence: the ASID tells them apart. */
static void page_asids(void)
{
	u64 *other = table_new(), *other_page = page_get(), bits, sum = 0;

	map(PTE_RWX);
	table_map(other, TEST_VA, (u64)other_page, PTE_RWX);
	*page = 1;
	*other_page = 2;
	csr_write(satp, table_satp(root) | 0xfffful << 44);
	bits = csr_read(satp) >> 44 & 0xffff;
	for (u64 i = 0; i < 100; i++) {
		csr_write(satp, table_satp(i & 1 ? other : root) | ((i & 1) + 1) << 44);
		if (bits < 3)
			sfence_vma();
		sum += *(volatile u64 *)TEST_VA;
	}
	table_use(root);
	check_equal("two address spaces by ASID", sum, 150);
}

static void page_user(void)
{
	u32 *text = page_get();
	u64 va = TEST_VA + 0x10000;

	table_map(root, va, (u64)text, PTE_RWX | PTE_U);
	text[0] = 0x00053503; /* ld a0, 0(a0) */
	text[1] = 0x00000073; /* ecall */
	fence_i();
	map(PTE_RW | PTE_U);
	*page = 77;
	check_equal("u-mode load", user_run((void *)va, TEST_VA), TRAP_ECALL_U);
	check_equal("u-mode load: value", hart_self()->trap.a0, 77);
	check_equal("u-mode load of a page of S", user_run((void *)va, (u64)page), TRAP_LOAD_PAGE);
	check_equal("u-mode load of a device of S", user_run((void *)va, UART_BASE),
		    TRAP_LOAD_PAGE);
	check_equal("u-mode fetch of a page of S", user_run(page, 0), TRAP_INSN_PAGE);
	check_equal("u-mode fetch of a page without X", user_run((void *)TEST_VA, 0),
		    TRAP_INSN_PAGE);
	check_equal("u-mode fetch of nothing", user_run((void *)0, 0), TRAP_INSN_PAGE);
}

void guest_main(void)
{
	for (u64 i = 0; i < ARRAY_SIZE(words); i++)
		word_check(&words[i]);
	user_only();
	breakpoints();
	access_faults();
	csr_fields();
	sret_fields();
	root = table_new();
	page = page_get();
	((u32 *)page)[0] = 0x00038067; /* jr t2 */
	fence_i();
	table_use(root);
	page_permissions();
	page_details();
	page_accessed();
	page_crossing();
	page_superpages();
	page_asids();
	page_user();
	table_use(NULL);
	check_report();
}
