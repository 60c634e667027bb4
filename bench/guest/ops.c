/* guest: vcpus=1 memory=64M */
/*
 * What operations cost, in instructions, as the guest sees it. Meant for QEMU with -icount
 * shift=0,sleep=off, where one instruction takes 1 ns of the guest's time, so that the time
 * between two readings is what ran in between: here and in whoever runs this guest. Prints
 * `bench NAME INSTRUCTIONS`.
 */
#include "lib/emit.h"
#include "lib/guest.h"

enum { LOOPS = 1000, TIMERS = 100, ROUNDS = 10 };

static u64 self, tick; /* nanoseconds, hence instructions, in a tick of `time` */
static u64 empty; /* what the loop itself costs for LOOPS turns, in ticks */

static void op_nothing(void) { asm volatile("" ::: "memory"); }
static void op_sbi_base(void) { sbi_call(SBI_BASE, BASE_SPEC_VERSION); }
static void op_sbi_probe(void) { sbi_call(SBI_BASE, BASE_PROBE, SBI_HSM); }
static void op_set_timer(void) { sbi_call(SBI_TIME, 0, 1ul << 60); }
static void op_uart_read(void) { read8(UART_BASE + UART_SCR); }
static void op_uart_write(void) { write8(UART_BASE + UART_SCR, 1); }
static void op_plic_read(void) { read32(PLIC_BASE + 4 * UART_IRQ); }

static void op_rfence_self(void)
{
	sbi_call(SBI_RFENCE, RFENCE_SFENCE_VMA, 1, self, 0, -1);
}

static void op_rfence_i_self(void)
{
	sbi_call(SBI_RFENCE, RFENCE_FENCE_I, 1, self);
}

static volatile u64 ipis;

/*
 * In place of the runtime's handler: the operation is from the call to here, not the saving of
 * registers.
 */
asm(".text\n.balign 4\nipi_vector:\n\tcsrw sscratch, t0\n\tcsrci sip, 2\n\t"
    "ld t0, ipis\n\taddi t0, t0, 1\n\t"
    "sd t0, ipis, t1\n\tcsrr t0, sscratch\n\tsret");
extern const u8 ipi_vector[];

static void op_ipi_self(void)
{
	u64 before = ipis;

	sbi_call(SBI_IPI, 0, 1, self);
	while (ipis == before)
		;
}

static __attribute__((noipa)) u64 run(void (*op)(void))
{
	u64 start = time_read();

	for (u64 i = 0; i < LOOPS; i++)
		op();
	return time_read() - start;
}

/* Instructions of one @op, after a first one that warms up. */
static u64 cost(void (*op)(void))
{
	op();
	u64 took = run(op);

	took = took > empty ? took - empty : 0;
	return (took * tick + LOOPS / 2) / LOOPS;
}

static void bench(const char *name, void (*op)(void))
{
	u64 took = cost(op);

	print("bench %s %lu\n", name, took);
}

/*
 * The store to a page of RAM that nobody has touched yet, with the loop around it: a page cannot be
 * touched first twice, so there is no run to warm up.
 */
static void bench_first_touch(void)
{
	u64 at = RAM_BASE + align_down(ram_size() / 2, 2 * MIB);
	u64 end = at + LOOPS * PAGE_SIZE, start = time_read();

	for (; at < end; at += PAGE_SIZE)
		*(volatile u64 *)at = 1;
	print("bench first_touch %lu\n", ((time_read() - start) * tick + LOOPS / 2) / LOOPS);
}

/*
 * Instructions since @deadline: whole ticks, and the part of the present one found by counting
 * turns of three instructions until the next. Means nothing if called before the deadline.
 */
static u64 past(u64 deadline)
{
	u64 now, next, turns = 0;

	asm volatile("rdtime %0\n1:\taddi %2, %2, 1\n\trdtime %1\n\tbeq %1, %0, 1b"
		     : "=&r"(now), "=&r"(next), "+r"(turns) :: "memory");
	u64 end = (next - deadline) * tick;
	return end > 3 * turns ? end - 3 * turns : 0;
}

static void bench_timer_after_wfi(void (*set)(u64), const char *name)
{
	u64 sum = 0, took;

	csr_write(sie, BIT(IRQ_STI));
	for (u64 i = 0; i < TIMERS; i++) {
		u64 deadline = time_read() + 1000;
		set(deadline);
		do {
			wfi();
			took = past(deadline);
		} while (!(csr_read(sip) & BIT(IRQ_STI)));
		sum += took;
	}
	set(~0ul);
	csr_write(sie, 0);
	print("bench %s %lu\n", name, (sum + TIMERS / 2) / TIMERS);
}

static void bench_ipi(void)
{
	csr_write(stvec, ipi_vector);
	csr_write(sie, BIT(IRQ_SSI));
	irq_enable();
	bench("ipi_self", op_ipi_self);
	irq_disable();
	csr_write(sie, 0);
	csr_write(sscratch, hart_self());
	csr_write(stvec, trap_vector);
}

/* --- the interrupt of an emulated device -------------------------------------------------- */

enum { IER_TRANSMIT = 2, CONTEXT = 1 /* S-mode of hart 0 */ };
#define PLIC_ENABLE (PLIC_BASE + 0x2000 + 0x80 * CONTEXT)
#define PLIC_THRESHOLD (PLIC_BASE + 0x200000 + 0x1000 * CONTEXT)
#define PLIC_CLAIM (PLIC_THRESHOLD + 4)

/*
 * In place of the runtime's handler: claims, reads what the UART wants (which takes its request
 * back), completes. Leaves in t2 what it claimed.
 */
asm(".text\n.balign 4\ninterrupt_vector:\n\tlw t2, 0(t0)\n\tlbu t3, 2(t1)\n\t"
    "sw t2, 0(t0)\n\tsret");
extern const u8 interrupt_vector[];

/*
 * A byte sent in loopback is gone at once, which raises the transmitter's interrupt. Returns what
 * was claimed.
 */
static u64 interrupt_trip(void)
{
	register u64 claim asm("t0") = PLIC_CLAIM;
	register u64 uart asm("t1") = UART_BASE;
	register u64 irq asm("t2") = 0;

	asm volatile("sb zero, 0(t1)\n1:\tbeqz t2, 1b"
		     : "+r"(irq) : "r"(claim), "r"(uart) : "t3", "memory");
	return irq;
}

static void op_uart_interrupt(void) { interrupt_trip(); }
static void op_uart_send(void) { write8(UART_BASE + UART_THR, 0); }

/* On the way, what has gathered is claimed and completed; the vector must not find it. */
static void interrupts_enable(bool on)
{
	write8(UART_BASE + UART_IER, on ? IER_TRANSMIT : 0);
	write32(PLIC_BASE + 4 * UART_IRQ, 1);
	write32(PLIC_THRESHOLD, 0); /* firmware may have left it at the highest */
	write32(PLIC_ENABLE, BIT(UART_IRQ));
	read8(UART_BASE + UART_IIR);
	write32(PLIC_CLAIM, read32(PLIC_CLAIM));
	write32(PLIC_ENABLE, on ? BIT(UART_IRQ) : 0);
	csr_write(sie, on ? BIT(IRQ_SEI) : 0);
}

/*
 * From the device to the handler and through it: what the interrupt adds to the store that raises
 * it. Nothing can be printed while the UART loops back.
 */
static void bench_interrupt(void)
{
	u64 sent, interrupted, irq;

	uart_flush();
	write8(UART_BASE + UART_MCR, UART_MCR_LOOP);
	sent = cost(op_uart_send);
	interrupts_enable(true);
	csr_write(stvec, interrupt_vector);
	irq_enable();
	irq = interrupt_trip();
	interrupted = cost(op_uart_interrupt);
	irq_disable();
	csr_write(stvec, trap_vector);
	interrupts_enable(false);
	uart_reset();
	print("bench uart_send %lu\n", sent);
	if (irq == UART_IRQ)
		print("bench uart_interrupt %lu\n", interrupted - sent);
}

/* --- privileged instructions, with translation on as a kernel has it -------------------- */

#define SPACE_BASE 0x200000000ul /* where the spaces have pages of 4 KiB: data, code for U-mode */
#define SATP_ASID_SHIFT 44

static u64 satps[2];

static void op_csr_read(void) { asm volatile("csrr t0, sscratch" ::: "t0"); }
static void op_csr_write(void) { asm volatile("csrw sscratch, tp"); }
static void op_sie_set(void) { asm volatile("csrsi sstatus, 2"); }
static void op_sie_clear(void) { asm volatile("csrci sstatus, 2"); }
static void op_fence_page(void) { asm volatile("sfence.vma %0" :: "r"(SPACE_BASE) : "memory"); }

static void op_fence_touch(void)
{
	op_fence_page();
	*(volatile u64 *)SPACE_BASE;
}

/* From one space to the other, as a kernel's switch of processes: nothing is fenced. */
static void op_satp_write(void)
{
	static u64 turn;

	csr_write(satp, satps[turn ^= 1]);
}

/* To U-mode and, by its ecall, back: the vector returns to where user_trip() was called. */
void user_trip(u64 pc);
asm(".text\n.balign 4\nuser_trip:\n\tcsrw sepc, a0\n\tsret\n"
    ".balign 4\nuser_vector:\n\tret");
extern const u8 user_vector[];

static void op_user_trip(void) { user_trip(SPACE_BASE + PAGE_SIZE); }

/*
 * An instruction in LOOPS places that was never executed there, 64 bytes from one to the next: who
 * replaces instructions or keeps what they mean does it for the first time. Then once more.
 */
static u32 places[LOOPS * 16 + 1] __attribute__((aligned(4096)));

static u64 places_run(void)
{
	u64 start = time_read();

	asm volatile("jalr %0" :: "r"(places) : "t0", "ra", "memory");
	return time_read() - start;
}

static void bench_first_meeting(void)
{
	const u32 ret = code_i(OP_JALR, 0, 0, 1, 0), t0 = 5, sscratch = 0x140;
	struct emit e;
	u64 took = 0;

	for (u32 *place = places; place < places + LOOPS * 16; place += 16) {
		e.at = place;
		emit(&e, code_csrr(t0, sscratch));
		emit_jump(&e, 0, place + 16);
		place[15] = ret;
	}
	places[LOOPS * 16] = ret;
	fence_i();
	/* Not the first fetch from each page. */
	for (u64 n = 15; n < LOOPS * 16; n += PAGE_SIZE / sizeof(u32))
		asm volatile("jalr %0" :: "r"(&places[n]) : "ra", "memory");
	print("bench csr_first %lu\n", (places_run() * tick + LOOPS / 2) / LOOPS);
	for (int i = 0; i < ROUNDS; i++)
		took += places_run();
	print("bench csr_again %lu\n", (took * tick / ROUNDS + LOOPS / 2) / LOOPS);
}

static void space_make(u64 *root, u64 asid)
{
	u32 *code = page_get();

	code[0] = WORD_ECALL;
	table_map(root, SPACE_BASE, (u64)page_get(), PTE_RW);
	table_map(root, SPACE_BASE + PAGE_SIZE, (u64)code, PTE_V | PTE_R | PTE_X | PTE_U | PTE_A);
	satps[asid & 1] = table_satp(root) | asid << SATP_ASID_SHIFT;
}

static void bench_privileged(void)
{
	u64 *root = table_new();

	space_make(table_new(), 1);
	space_make(root, 2);
	fence_i();
	table_use(root);
	bench("csr_read", op_csr_read);
	bench("csr_write", op_csr_write);
	bench("sie_set", op_sie_set);
	bench("sie_clear", op_sie_clear);
	bench("fence_page", op_fence_page);
	bench("fence_touch", op_fence_touch);
	bench("satp_write", op_satp_write);
	csr_write(stvec, user_vector);
	csr_clear(sstatus, SSTATUS_SPP);
	bench("user_trip", op_user_trip);
	csr_write(stvec, trap_vector);
	bench_first_meeting();
	table_use(NULL);
}

void guest_main(void)
{
	self = boot_hart;
	tick = 1000000000 / timer_frequency();
	run(op_nothing);
	empty = run(op_nothing);
	print("bench loop %lu\n", (empty * tick + LOOPS / 2) / LOOPS);
	bench("sbi_base", op_sbi_base);
	bench("sbi_probe", op_sbi_probe);
	bench("set_timer", op_set_timer);
	timer_set(~0ul);
	bench("rfence_self", op_rfence_self);
	bench("rfence_i_self", op_rfence_i_self);
	bench_ipi();
	bench("uart_read", op_uart_read);
	bench("uart_write", op_uart_write);
	bench("plic_read", op_plic_read);
	bench_interrupt();
	bench_first_touch();
	bench_privileged();
	if (isa_has("sstc"))
		bench_timer_after_wfi(timer_set_direct, "timer_after_wfi");
	bench_timer_after_wfi(timer_set, "timer_after_wfi_sbi");
	print("bench end\n");
}
