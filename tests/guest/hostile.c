/* guest: vcpus=1 memory=64M args="hostile.end=poweroff" match=lines */
/*
 * A guest that tries to do harm, by everything a guest can do. Whoever runs it must stay
 * unharmed, and so must the guest itself: each attempt has an answer in the architecture. What
 * it writes to the UART in between is not part of its transcript. The boot argument hostile.end
 * says how it ends: poweroff; loop (for ever, interrupts off); triple (an exception whose
 * handler is not mapped, for ever); jump (into nothing, likewise).
 */
#include "lib/guest.h"

INSN(do_lb, "lb a0, 0(a0)");
INSN(do_lh, "lh a0, 0(a0)");
INSN(do_lw, "lw a0, 0(a0)");
INSN(do_ld, "ld a0, 0(a0)");
INSN(do_sb, "sb a1, 0(a0)");
INSN(do_sh, "sh a1, 0(a0)");
INSN(do_sw, "sw a1, 0(a0)");
INSN(do_sd, "sd a1, 0(a0)");
INSN(do_amo, "amoswap.d a0, a1, (a0)");
INSN(do_lr, "lr.d a0, (a0)");
INSN(do_sc, "sc.d a0, a1, (a0)");
INSN(jump, "jalr t2, a0");
INSN(sfence_two, "sfence.vma a0, a1");
INSN(sret_to, "csrw sepc, a0\n\tli t1, 0x100\n\tcsrs sstatus, t1\n\tcsrs sstatus, a1\n\tsret");
INSN(ecall_all, "mv t1, a0\n\t.irp n,0,1,2,3,4,5,6,7\n\tld a\\n, (\\n * 8)(t1)\n\t.endr\n\tecall");

static insn *const loads[] = { do_lb, do_lh, do_lw, do_ld, do_lr };
static insn *const stores[] = { do_sb, do_sh, do_sw, do_sd, do_amo, do_sc };

static u64 seed = 0x123456789abcdef1;
static u64 ram_end;
static bool native; /* on firmware that trusts its addresses */
static bool kvm;    /* on a kernel that takes the pages of a fence one by one, however many */

static u64 pick(u64 n) { return random_next(&seed) % n; }

static bool in_ram(u64 a)
{
	return a + 16 > RAM_BASE && a < ram_end;
}

/* A line of its own, whatever was printed before. */
static void survived(const char *what)
{
	uart_reset();
	csr_write(sie, 0);
	print("\nsurvived %s\n", what);
}

static void trapped(const char *what, u64 before)
{
	survived(what);
	if (hart_self()->traps == before)
		print("\nFAIL %s: nothing trapped\n", what);
}

/* -- Addresses -------------------------------------------------------------------------- */

static void prod(u64 a)
{
	if (a >= RAM_BASE + 2 * MIB && a < ram_end - 16)
		return;
	for (u64 i = 0; i < ARRAY_SIZE(loads); i++)
		try_insn(loads[i], a, 0);
	for (u64 i = 0; i < ARRAY_SIZE(stores); i++)
		try_insn(stores[i], a, 0x0101010101010101);
	if (!in_ram(a))
		try_insn(jump, a, 0);
}

static void addresses(void)
{
	u64 before = hart_self()->traps, last = *(u64 *)(ram_end - 8);

	for (u64 n = 3; n < 64; n++) {
		prod(1ul << n);
		prod((1ul << n) - 8);
		prod((1ul << n) - 1);
		prod(-(1ul << n));
	}
	for (u64 i = 0; i < 32; i++)
		prod(ram_end - 16 + i);
	*(u64 *)(ram_end - 8) = last;
	for (u64 i = 0; i < 2000; i++)
		prod((random_next(&seed) >> pick(40)) | 1ul << 33);
	trapped("wild addresses", before);
}

/* -- SBI -------------------------------------------------------------------------------- */

static const u32 extensions[] = { SBI_BASE, SBI_TIME, SBI_IPI, SBI_RFENCE, SBI_HSM, SBI_DBCN, 0,
	3, 9, 15,
	/* for virtual machines only: PMU, SUSP, CPPC, NACL, STA, SSE, FWFT, DBTR */
	0x504d55, 0x53555350, 0x43505043, 0x4e41434c, 0x535441, 0x535345, 0x46574654, 0x44425452 };

static u64 wild_value(void)
{
	switch (pick(6)) {
	case 0:
		return pick(8);
	case 1:
		return -pick(8);
	case 2:
		return ram_end - 8 + pick(16);
	case 3:
		return 1ul << pick(64);
	case 4:
		return RAM_BASE - 16 + pick(32);
	default:
		return random_next(&seed) >> pick(64);
	}
}

static u64 zeroes[8]; /* what the debug console may print */

/* Away from the end of all addresses, and not long. */
static void fence_bound(u64 *start, u64 *size)
{
	if (!kvm)
		return;
	*start &= BIT(48) - 1;
	*size &= BIT(20) - 1;
}

static void wild_call(void)
{
	u64 a[8];

	for (u64 i = 0; i < 8; i++)
		a[i] = wild_value();
	a[7] = extensions[pick(native ? 6 : ARRAY_SIZE(extensions))];
	a[6] = pick(8) ? pick(10) : a[6];
	if (a[7] == SBI_HSM && (a[6] & 0xffffffff) != HSM_STATUS &&
	    (a[6] & 0xffffffff) != HSM_START)
		a[6] = HSM_STATUS;
	if (a[7] == SBI_DBCN && (native || pick(2))) {
		a[0] = pick(9);
		a[1] = (u64)zeroes;
		a[2] = 0;
	} else if (a[7] == SBI_DBCN && a[0] < 1ul << 40) {
		a[0] = ~a[0]; /* far more than there is: no flood of output */
	}
	if (a[7] == SBI_RFENCE)
		fence_bound(&a[2], &a[3]);
	try_insn(ecall_all, (u64)a, 0);
}

static void calls(void)
{
	for (u64 i = 0; i < 20000; i++)
		wild_call();
	timer_set(~0ul);
	csr_clear(sip, BIT(IRQ_SSI));
	survived("20000 wild SBI calls");
}

/* -- CSRs ------------------------------------------------------------------------------- */

static void csrs(void)
{
	u64 before = hart_self()->traps;

	for (u32 n = 0; n < 4096; n++) {
		u32 text[] = { n << 20 | 0x00051573, n << 20 | 0x00051073 }; /* csrrw a0; csrw a0 */
		try_csr_read(n, NULL);
		try_code(text, 2, ~0ul, 0, NULL);
	}
	trapped("ones in every CSR", before);
}

/* -- Devices ---------------------------------------------------------------------------- */

static void device_write(u64 base, u64 size)
{
	u64 at = base + pick(size);
	u64 value = random_next(&seed);

	if (at - SYSCON_BASE < 16)
		value &= ~0x1111111111111111ul; /* the magic numbers are odd */
	try_insn(stores[pick(4)], pick(4) ? at & ~7ul : at, value);
	try_insn(loads[pick(4)], base + pick(size), 0);
}

static void devices(void)
{
	for (u64 i = 0; i < 3000; i++) {
		device_write(UART_BASE, 16);
		device_write(PLIC_BASE, 0x4000);
		device_write(PLIC_BASE + 0x200000, 0x4000);
		device_write(PLIC_BASE, 0x4000000);
		device_write(RTC_BASE, 0x40);
		device_write(SYSCON_BASE, 16);
		device_write(0x10001000 + pick(8) * 0x1000, 0x200);
		device_write(UART_BASE, 0x10000);
	}
	for (u64 i = 0; i < 64; i++)
		try_insn(do_sw, PLIC_BASE + 0x2000 + 4 * i, 0);
	survived("random writes to every device");
}

/* -- Tables ----------------------------------------------------------------------------- */

static u64 wild_pte(u64 *self)
{
	const u64 at[] = { (u64)self, HOLE_BASE, UART_BASE, PLIC_BASE, ram_end, 1ul << 50, 0,
		SYSCON_BASE };
	u64 flags = random_next(&seed) & (pick(4) ? 0x3ff : 0xffc00000000003fful);

	return at[pick(ARRAY_SIZE(at))] >> 12 << 10 | flags;
}

/*
 * Sv39, Sv48 or Sv57, with or without what the machine has: the lowest 4 GiB one to one, garbage
 * above.
 */
static u64 wild_satp(u64 *root, u64 *upper, u64 mode)
{
	for (u64 i = 4; i < 512; i++)
		root[i] = wild_pte(root);
	if (mode == 8)
		return mode << 60 | pick(65536) << 44 | (u64)root >> 12;
	for (u64 i = 0; i < 512; i++)
		upper[i] = wild_pte(upper);
	upper[0] = (u64)(mode == 9 ? root : upper + 512) >> 2 | PTE_V;
	upper[512] = (u64)root >> 2 | PTE_V;
	return mode << 60 | pick(65536) << 44 | (u64)upper >> 12;
}

static void tables(void)
{
	u64 *root = table_new(), *upper = page_get(), before = hart_self()->traps;

	if (page_get() != (void *)(upper + 512))
		return;
	for (u64 i = 0; i < 200; i++) {
		csr_write(satp, wild_satp(root, upper, 8 + i % 3));
		if (i & 4)
			sfence_vma();
		for (u64 k = 0; k < 50; k++) {
			u64 a = random_next(&seed) >> pick(32) | 1ul << (32 + pick(24));
			try_insn(loads[pick(4)], a, 0);
			try_insn(sfence_two, a, pick(65536));
		}
		csr_write(satp, 0);
		sfence_vma();
	}
	for (u64 mode = 1; mode < 16; mode++)
		if (mode < 8 || mode > 10)
			csr_write(satp, mode << 60 | random_next(&seed) >> 4);
	trapped("tables full of garbage", before);
}

static void wild_remote_fence(void)
{
	u64 start = wild_value(), size = wild_value();

	fence_bound(&start, &size);
	sbi_call(SBI_RFENCE, pick(3), 0, -1, start, size, pick(65536));
}

static void fences(void)
{
	for (u64 i = 0; i < 20000; i++) {
		sfence_two(wild_value(), wild_value());
		if (i % 16 == 0)
			fence_i();
		if (i % 32 == 0)
			wild_remote_fence();
	}
	survived("a storm of fences");
}

/* -- sret ------------------------------------------------------------------------------- */

static void srets(void)
{
	const u64 bits = SSTATUS_SUM | SSTATUS_MXR | SSTATUS_FS | SSTATUS_VS | SSTATUS_XS |
			 SSTATUS_UXL | 3ul << 11 | 1ul << 17 | 7ul << 20;
	u64 before = hart_self()->traps;

	for (u64 i = 0; i < 1000; i++) {
		u64 pc = random_next(&seed) | 1ul << (34 + pick(30));
		user_run_status((void *)pc, wild_value(), random_next(&seed) & bits);
		try_insn(sret_to, pc, random_next(&seed) & bits);
		try_insn(jump, pc, 0);
	}
	csr_clear(sstatus, bits);
	trapped("sret into nothing", before);
}

enum ending { POWER_OFF, LOOP, TRIPLE, JUMP };

static enum ending ending_read(void)
{
	if (bootarg_is("hostile.end", "loop"))
		return LOOP;
	if (bootarg_is("hostile.end", "triple"))
		return TRIPLE;
	return bootarg_is("hostile.end", "jump") ? JUMP : POWER_OFF;
}

static void __attribute__((noreturn)) end(enum ending how)
{
	uart_flush();
	if (how == TRIPLE) {
		csr_write(stvec, 1ul << 50);
		asm volatile(".4byte 0");
	} else if (how == JUMP) {
		csr_write(stvec, HOLE_BASE);
		try_insn(jump, HOLE_BASE, 0);
	} else if (how == POWER_OFF) {
		power_off();
	}
	irq_disable();
	for (;;)
		asm volatile("");
}

void guest_main(void)
{
	enum ending how = ending_read(); /* while the device tree is whole */

	ram_end = RAM_BASE + ram_size();
	native = bootarg_number("native", 0);
	kvm = bootarg_number("kvm", 0);
	addresses();
	calls();
	csrs();
	devices();
	tables();
	fences();
	srets();
	print("\ndone\n");
	end(how);
}
