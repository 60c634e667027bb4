/* guest: vcpus=1 memory=64M */
/*
 * Where a hypervisor that keeps translations, decoded instructions or register files of its own
 * could keep them for too long, or take one for another. All of it holds on any machine.
 */
#include "lib/guest.h"

INSN(load8, "lbu a0, 0(a0)");
INSN(load64, "ld a0, 0(a0)");
INSN(jump, "jalr t2, a0");
INSN(fcsr, "csrr a0, fcsr");
INSN(instret, "csrr a0, instret");

#define TEST_VA 0x140000000ul /* above the identity map */
#define BIG_A (RAM_BASE + 32 * MIB)
#define BIG_B (RAM_BASE + 34 * MIB)
#define ROUNDS 6

#define WORD_CSRR_SSCRATCH 0x14002573 /* csrr a0, sscratch */
#define WORD_CSRR_SCAUSE 0x14202573
#define WORD_CSRR_INSTRET 0xc0202573
#define WORD_EBREAK 0x00100073
#define WORD_ECALL 0x00000073
#define WORD_RETURN 0x00038067 /* jr t2 */
#define WORD_LOAD 0x00053503   /* ld a0, 0(a0) */
#define WORD_WFI 0x10500073

static u64 *root;

static void sfence_page(u64 va) { asm volatile("sfence.vma %0, zero" :: "r"(va) : "memory"); }

static void sfence_page_asid(u64 va, u64 asid)
{
	asm volatile("sfence.vma %0, %1" :: "r"(va), "r"(asid) : "memory");
}

static void sfence_asid(u64 asid) { asm volatile("sfence.vma zero, %0" :: "r"(asid) : "memory"); }

/* Not to be taken in: what matters is that the same instruction is executed again and again. */
static u64 __attribute__((noinline)) status_read(void) { return csr_read(sstatus); }

/* -- Register files --------------------------------------------------------------------- */

/* Before anything else uses FP: Dirty as written, not as the register file became. */
static void dirty_as_written(void)
{
	bool ok = true;

	if (!isa_has("f")) {
		check("SD follows FS as written", true);
		return;
	}
	csr_clear(sstatus, SSTATUS_VS);
	for (unsigned i = 0; i < ROUNDS; i++) {
		csr_clear(sstatus, SSTATUS_FS);
		ok &= !(status_read() & (SSTATUS_FS | SSTATUS_SD));
		csr_set(sstatus, SSTATUS_FS);
		ok &= (status_read() & SSTATUS_FS) == SSTATUS_FS && status_read() & SSTATUS_SD;
		csr_clear(sstatus, BIT(13)); /* Clean */
		ok &= !(status_read() & SSTATUS_SD);
	}
	csr_clear(sstatus, SSTATUS_FS);
	check("SD follows FS as written", ok);
}

/* An unprivileged CSR that S-mode may not use at first, and then may. */
static void fcsr_off_and_on(void)
{
	u64 wrong = 0;

	for (unsigned i = 0; i < ROUNDS && isa_has("f"); i++) {
		csr_clear(sstatus, SSTATUS_FS);
		wrong += try_insn(fcsr, 0, 0) != TRAP_ILLEGAL;
		csr_set(sstatus, SSTATUS_FS);
		wrong += try_insn(fcsr, 0, 0) != TRAP_NONE;
	}
	csr_clear(sstatus, SSTATUS_FS);
	check_equal("fcsr with FS off, then on", wrong, 0);
}

/* -- Interrupts ------------------------------------------------------------------------- */

static void timer_off(struct frame *f)
{
	(void)f;
	timer_set_direct(~0ul);
}

static void __attribute__((noinline)) timer_now(void) { timer_set_direct(0); }

static bool timer_came(u64 count)
{
	u64 end = time_read() + timer_frequency() / 10;

	while (hart_self()->irqs[IRQ_STI] == count && time_read() < end)
		;
	return hart_self()->irqs[IRQ_STI] == count + 1;
}

/* A deadline that is over when it is written brings the interrupt at once. */
static void timer_past(void)
{
	unsigned came = 0;

	if (!isa_has("sstc")) {
		check("stimecmp in the past, again and again", true);
		return;
	}
	timer_set_direct(~0ul);
	irq_handlers[IRQ_STI] = timer_off;
	csr_set(sie, BIT(IRQ_STI));
	irq_enable();
	for (unsigned i = 0; i < ROUNDS; i++) {
		u64 count = hart_self()->irqs[IRQ_STI];

		timer_now();
		came += timer_came(count);
	}
	irq_disable();
	csr_clear(sie, BIT(IRQ_STI));
	check_equal("stimecmp in the past, again and again", came, ROUNDS);
}

static void soft_leave(struct frame *f)
{
	(void)f;
	csr_clear(sip, BIT(IRQ_SSI));
	hart_self()->leave_user = true;
}

/* What pends while S-mode has interrupts off comes with the first instruction of U-mode. */
static void sret_with_pending(void)
{
	static u32 text[2] = { WORD_ECALL, WORD_ECALL };
	unsigned ok = 0;

	irq_handlers[IRQ_SSI] = soft_leave;
	for (unsigned i = 0; i < ROUNDS; i++) {
		csr_set(sip, BIT(IRQ_SSI));
		csr_set(sie, BIT(IRQ_SSI));
		ok += user_run(text, 0) == TRAP_NONE;
		csr_clear(sie, BIT(IRQ_SSI));
	}
	check_equal("sret to U with an interrupt pending", ok, ROUNDS);
}

/* -- Counters --------------------------------------------------------------------------- */

static void counters(void)
{
	bool ok = true;

	if (try_insn(instret, 0, 0) != TRAP_NONE) {
		check("scounteren restricts U-mode only", true);
		return;
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		csr_write(scounteren, 0);
		ok &= try_insn(instret, 0, 0) == TRAP_NONE;
		ok &= try_user(WORD_CSRR_INSTRET, 0) == TRAP_ILLEGAL;
		csr_write(scounteren, 7);
		ok &= try_user(WORD_CSRR_INSTRET, 0) == TRAP_ECALL_U;
	}
	check("scounteren restricts U-mode only", ok);
}

/* -- Text that changes ------------------------------------------------------------------ */

static bool call_is(u64 at, u64 cause, u64 value)
{
	u64 got = try_value(jump, at, 0);

	return hart_self()->trap.cause == cause && (cause != TRAP_NONE || got == value);
}

/* An instruction of S-mode and a breakpoint take turns at the same address. */
static void text_turns(const char *name, u64 rounds)
{
	u32 *text = page_get();
	u64 wrong = 0, scratch = csr_read(sscratch);

	text[1] = WORD_RETURN;
	for (u64 i = 0; i < rounds; i++) {
		text[0] = i & 1 ? WORD_EBREAK : WORD_CSRR_SSCRATCH;
		fence_i();
		wrong += !call_is((u64)text, i & 1 ? TRAP_BREAKPOINT : TRAP_NONE, scratch);
		wrong += !call_is((u64)text, i & 1 ? TRAP_BREAKPOINT : TRAP_NONE, scratch);
	}
	check_equal(name, wrong, 0);
}

/* The same, written by AMOs, and with a counter beside it that is counted by LR and SC. */
static void text_by_atomics(void)
{
	u32 *text = page_get();
	u64 wrong = 0, scratch = csr_read(sscratch), *count = (u64 *)text + 100;

	text[1] = WORD_RETURN;
	for (u64 i = 0; i < 400; i++) {
		__atomic_exchange_n(&text[0], i & 1 ? WORD_EBREAK : WORD_CSRR_SSCRATCH,
				    __ATOMIC_SEQ_CST);
		fence_i();
		wrong += !call_is((u64)text, i & 1 ? TRAP_BREAKPOINT : TRAP_NONE, scratch);
		wrong += !call_is((u64)text, i & 1 ? TRAP_BREAKPOINT : TRAP_NONE, scratch);
		asm volatile("1: lr.d t0, (%0)\n\taddi t0, t0, 1\n\tsc.d t1, t0, (%0)\n\tbnez t1, 1b"
			     :: "r"(count) : "t0", "t1", "memory");
	}
	check_equal("text written by AMOs", wrong, 0);
	check_equal("LR and SC beside text", *count, 400);
}

/*
 * WFI as the last instruction of a page whose text does not tell where instructions begin: all its
 * parcels could begin one of 4 bytes. The next page has the second half of an instruction there.
 */
static void wfi_at_the_end(void)
{
	u32 *text = page_get(), *next = page_get();
	u16 *odd = (u16 *)next;
	u64 ok = 0;

	for (unsigned i = 0; i < PAGE_SIZE / 4 - 1; i++)
		text[i] = 0x00030337; /* lui t1, 0x30 */
	text[PAGE_SIZE / 4 - 1] = WORD_WFI;
	next[0] = WORD_RETURN;
	odd[2045] = 0x3537; /* lui a0, 0x12333 */
	odd[2046] = 0x1233;
	odd[2047] = 0x8382; /* c.jr t2 */
	fence_i();
	csr_set(sip, BIT(IRQ_SSI));
	csr_set(sie, BIT(IRQ_SSI));
	for (unsigned i = 0; i < ROUNDS; i++) {
		call_is((u64)&text[PAGE_SIZE / 4 - 8], TRAP_NONE, 0);
		ok += call_is((u64)&odd[2045], TRAP_NONE, 0x12333000);
	}
	csr_clear(sie, BIT(IRQ_SSI));
	csr_clear(sip, BIT(IRQ_SSI));
	check_equal("wfi at the end of a page: the next one stays", next == text + 1024 ? ok : ROUNDS,
		    ROUNDS);
}

/* -- Translations ----------------------------------------------------------------------- */

static void leaf_big(u64 va, u64 pa, u64 flags)
{
	u64 *second;

	table_pte(root, va & ~(GIB - 1)); /* so that there is a table for this GiB */
	second = (u64 *)(root[va >> 30 & 511] >> 10 << 12);
	second[va >> 21 & 511] = pa >> 2 | flags;
}

/* A fence on any address of a large page is for all of it, whatever was remembered of it. */
static void big_pages(void)
{
	u64 va = TEST_VA + 2 * MIB, scratch = csr_read(sscratch);
	u8 *big_a = (u8 *)BIG_A, *big_b = (u8 *)BIG_B;
	bool ok = true;

	big_a[0x3007] = 1;
	big_b[0x3007] = 2;
	for (unsigned i = 0; i < ROUNDS; i++) {
		leaf_big(va, i & 1 ? BIG_B : BIG_A, PTE_RWX);
		sfence_page(va + 0x9000);
		ok &= try_value(load8, va + 0x3007, 0) == (i & 1) + 1;
	}
	check("large page: memory", ok);

	big_b[7] = 0xa5;
	write8(UART_BASE + UART_SCR, 0x5a);
	for (unsigned i = 0, good = 0; i < ROUNDS; i++, ok = good == ROUNDS) {
		leaf_big(va, UART_BASE, PTE_RW);
		sfence_page(va + 0x1000);
		for (unsigned n = 0; n < 3; n++)
			ok = try_value(load8, va + 7, 0) == 0x5a;
		leaf_big(va, BIG_B, PTE_RW);
		sfence_page(va + 0x1000);
		good += ok && try_value(load8, va + 7, 0) == 0xa5;
	}
	check("large page: a device, then memory", ok);

	((u32 *)BIG_A)[1] = ((u32 *)BIG_B)[1] = WORD_RETURN;
	((u32 *)BIG_A)[0] = WORD_CSRR_SSCRATCH;
	((u32 *)BIG_B)[0] = WORD_EBREAK;
	fence_i();
	ok = true;
	for (unsigned i = 0; i < ROUNDS; i++) {
		leaf_big(va, BIG_A, PTE_RWX & ~PTE_W);
		sfence_page(va + 0x5000);
		for (unsigned n = 0; n < 4; n++)
			ok &= call_is(va, TRAP_NONE, scratch);
		leaf_big(va, BIG_B, PTE_RWX & ~PTE_W);
		sfence_page(va + 0x5000);
		ok &= call_is(va, TRAP_BREAKPOINT, 0);
	}
	check("large page: text", ok);
}

/* A register of a device that becomes memory, by each form of the fence. */
static void device_to_memory(void)
{
	u64 *memory = page_get(), va = TEST_VA + 0x3000, wrong = 0;

	((u8 *)memory)[7] = 0xa5;
	write8(UART_BASE + UART_SCR, 0x5a);
	for (unsigned i = 0; i < 8; i++) {
		table_map(root, va, UART_BASE, PTE_RW);
		sfence_vma();
		for (unsigned n = 0; n < 3; n++)
			wrong += try_value(load8, va + 7, 0) != 0x5a;
		table_map(root, va, (u64)memory, PTE_RW);
		if ((i & 3) == 0)
			sfence_vma();
		else if ((i & 3) == 1)
			sfence_page(va + 0x800);
		else if ((i & 3) == 2)
			sfence_asid(0);
		else
			sfence_page_asid(va, 0);
		wrong += try_value(load8, va + 7, 0) != 0xa5;
	}
	check_equal("a device's page becomes memory", wrong, 0);
}

/* A table of 4 KiB pages replaced by another one: not an affair of a leaf, so of a whole fence. */
static void other_table(void)
{
	u64 va = TEST_VA + 0x7000, *one = page_get(), *two = page_get(), *table = page_get();
	u64 *second, first, wrong = 0;

	*one = 1;
	*two = 2;
	table_map(root, va, (u64)one, PTE_RW);
	table[va >> 12 & 511] = (u64)two >> 2 | PTE_RW;
	second = (u64 *)(root[va >> 30 & 511] >> 10 << 12);
	first = second[va >> 21 & 511];
	for (unsigned i = 0; i < 8; i++) {
		second[va >> 21 & 511] = i & 1 ? (u64)table >> 2 | PTE_V : first;
		if (i & 2)
			sfence_asid(0);
		else
			sfence_vma();
		wrong += try_value(load64, va, 0) != 1 + (i & 1);
	}
	second[va >> 21 & 511] = first;
	sfence_vma();
	check_equal("another table", wrong, 0);
}

static void space_use(u64 *space, u64 asid)
{
	csr_write(satp, table_satp(space) | asid << 44);
	if ((csr_read(satp) >> 44 & 0xffff) != asid)
		sfence_vma();
}

/* Two spaces, at the same address an instruction of S-mode and another one: whole, and as half an
 * instruction of which only the beginning is global. */
static void two_spaces(void)
{
	u64 *other = table_new(), va = TEST_VA + 0x20000, half = va + 0x3000 - 2;
	u32 *a = page_get(), *b = page_get();
	u16 *global = page_get(), *rest_a = page_get(), *rest_b = page_get();
	u64 scratch = csr_read(sscratch), whole = 0, halves = 0;

	a[0] = WORD_CSRR_SSCRATCH;
	b[0] = WORD_EBREAK;
	a[1] = b[1] = WORD_RETURN;
	global[2047] = (u16)WORD_CSRR_SSCRATCH;
	rest_a[0] = WORD_CSRR_SSCRATCH >> 16;
	rest_b[0] = WORD_CSRR_SCAUSE >> 16;
	rest_a[1] = rest_b[1] = 0x8382; /* c.jr t2 */
	fence_i();
	table_map(root, va, (u64)a, PTE_RWX & ~PTE_W);
	table_map(other, va, (u64)b, PTE_RWX & ~PTE_W);
	table_map(root, va + 0x2000, (u64)global, (PTE_RWX & ~PTE_W) | PTE_G);
	table_map(other, va + 0x2000, (u64)global, (PTE_RWX & ~PTE_W) | PTE_G);
	table_map(root, va + 0x3000, (u64)rest_a, PTE_RWX & ~PTE_W);
	table_map(other, va + 0x3000, (u64)rest_b, PTE_RWX & ~PTE_W);
	sfence_vma();
	for (unsigned i = 0; i < ROUNDS; i++) {
		space_use(root, 1);
		for (unsigned n = 0; n < 4; n++)
			halves += !call_is(half, TRAP_NONE, scratch);
		space_use(other, 2);
		csr_write(scause, 0x77);
		for (unsigned n = 0; n < 4; n++)
			halves += !call_is(half, TRAP_NONE, 0x77);
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		space_use(root, 1);
		for (unsigned n = 0; n < 4; n++)
			whole += !call_is(va, TRAP_NONE, scratch);
		space_use(other, 2);
		for (unsigned n = 0; n < 4; n++)
			whole += !call_is(va, TRAP_BREAKPOINT, 0);
	}
	table_use(root);
	check_equal("two spaces: half an instruction", halves, 0);
	check_equal("two spaces: instructions", whole, 0);
}

/* -- The end of the address space ------------------------------------------------------- */

#define END_PAGES 20
#define END_VA(i) (0ul - PAGE_SIZE * (END_PAGES - (i)))

static void end_of_nothing(void)
{
	static u32 text[2] = { WORD_LOAD, WORD_ECALL };
	u64 va = TEST_VA + 0x40000, wrong = 0;

	table_map(root, va, (u64)text & ~(PAGE_SIZE - 1), (PTE_RWX & ~PTE_W) | PTE_U);
	va += (u64)text & (PAGE_SIZE - 1);
	sfence_vma();
	for (unsigned i = 0; i < END_PAGES; i++) {
		wrong += try_insn(load64, END_VA(i) + 16, 0) != TRAP_LOAD_PAGE;
		wrong += hart_self()->trap.tval != END_VA(i) + 16;
		wrong += try_insn(jump, END_VA(i), 0) != TRAP_INSN_PAGE;
		wrong += user_run((void *)va, END_VA(i) + 8) != TRAP_LOAD_PAGE;
		wrong += hart_self()->trap.tval != END_VA(i) + 8;
		wrong += user_run((void *)END_VA(i), 0) != TRAP_INSN_PAGE;
		wrong += hart_self()->trap.tval != END_VA(i);
	}
	check_equal("nothing at the end of the address space", wrong, 0);
}

/* Data and text in each page, text across each two. */
static void end_is_used(void)
{
	u64 wrong = 0, scratch = csr_read(sscratch);
	u32 *pages[END_PAGES];

	for (unsigned i = 0; i < END_PAGES; i++) {
		pages[i] = page_get();
		((u16 *)pages[i])[0] = WORD_CSRR_SSCRATCH >> 16; /* half of one */
		((u16 *)pages[i])[1] = 0x8382;                   /* c.jr t2 */
		((u16 *)pages[i])[2047] = (u16)WORD_CSRR_SSCRATCH;
		pages[i][16] = WORD_CSRR_SSCRATCH;
		pages[i][17] = WORD_RETURN;
		*(u64 *)&pages[i][32] = i;
		table_map(root, END_VA(i), (u64)pages[i], PTE_RWX);
	}
	fence_i();
	sfence_vma();
	for (unsigned n = 0; n < ROUNDS * END_PAGES; n++) {
		unsigned i = n * 7 % END_PAGES;

		wrong += try_value(load64, END_VA(i) + 128, 0) != i;
		wrong += !call_is(END_VA(i) + 64, TRAP_NONE, scratch);
		if (i)
			wrong += !call_is(END_VA(i) - 2, TRAP_NONE, scratch);
	}
	check_equal("pages at the end of the address space", wrong, 0);
	for (unsigned n = 0; n < ROUNDS; n++) {
		u64 va = END_VA(END_PAGES - 1);

		pages[0][16] = n & 1 ? WORD_EBREAK : WORD_CSRR_SSCRATCH;
		fence_i();
		table_map(root, va, (u64)pages[n & 1 ? 0 : 1], PTE_RWX & ~PTE_W);
		sfence_page(va);
		for (unsigned i = 0; i < 4; i++)
			wrong += !call_is(va + 64, n & 1 ? TRAP_BREAKPOINT : TRAP_NONE, scratch);
	}
	check_equal("text in the last page", wrong, 0);
	for (unsigned i = 0; i < END_PAGES; i++)
		*table_pte(root, END_VA(i)) = 0;
	sfence_vma();
}

void guest_main(void)
{
	dirty_as_written();
	fcsr_off_and_on();
	timer_past();
	sret_with_pending();
	counters();
	text_turns("text without translation", 20);
	text_turns("text without translation, many times", 1500);
	wfi_at_the_end();
	root = table_new();
	table_use(root);
	device_to_memory();
	other_table();
	big_pages();
	two_spaces();
	end_of_nothing();
	end_is_used();
	table_use(NULL);
	text_by_atomics();
	check_report();
}
