/* guest: vcpus=4 memory=64M */
/* Several harts: starts, IPIs between all pairs, remote fences, locks, and restarts. */
#include "lib/guest.h"

enum { HARTS = 4, COUNT = 100000, RESTARTS = 50, ROUNDS = 100 };
#define SHARED_VA 0x140000000ul

/*
 * Every other hart obeys a mailbox; the boot hart writes the order and waits until it is NOTHING
 * again.
 */
enum order { NOTHING, SEND_IPI, READ_SHARED, CALL_SHARED, COUNT_LOCKED, COUNT_AMO, LEAVE };

static struct mailbox {
	volatile u64 order, arg, result;
} boxes[HARTS];

static u64 *root;
static u64 counter;
static u32 lock_word;

/* A spin lock by lr/sc, as old kernels have it. */
static void lr_lock(u32 *l)
{
	u32 t;

	asm volatile("1:\tlr.w.aq %0, (%1)\n\tbnez %0, 1b\n\tli %0, 1\n\tsc.w %0, %0, (%1)\n\t"
		     "bnez %0, 1b"
		     : "=&r"(t) : "r"(l) : "memory");
}

static void lr_unlock(u32 *l)
{
	asm volatile("amoswap.w.rl zero, zero, (%0)" :: "r"(l) : "memory");
}

static void count_locked(u64 n)
{
	for (; n; n--) {
		lr_lock(&lock_word);
		*(volatile u64 *)&counter = counter + 1;
		lr_unlock(&lock_word);
	}
}

static void count_amo(u64 n)
{
	for (; n; n--)
		asm volatile("amoadd.d zero, %0, (%1)" :: "r"(1ul), "r"(&counter) : "memory");
}

static u64 order_obey(u64 order, u64 arg)
{
	switch (order) {
	case SEND_IPI:
		return (u64)sbi_call(SBI_IPI, 0, 1, arg).error;
	case READ_SHARED:
		return *(volatile u64 *)(SHARED_VA + 8);
	case CALL_SHARED:
		return ((u64 (*)(void))SHARED_VA)();
	case COUNT_LOCKED:
		count_locked(arg);
		return 0;
	case COUNT_AMO:
		count_amo(arg);
		return 0;
	default:
		return 0;
	}
}

static void ssi_handler(struct frame *f unused)
{
	csr_clear(sip, BIT(IRQ_SSI));
}

/*
 * Sleeps until the IPI that comes with an order: looks for one with SIE 0, so that none is
 * missed.
 */
static void order_sleep(struct mailbox *b)
{
	irq_disable();
	if (__atomic_load_n(&b->order, __ATOMIC_ACQUIRE) == NOTHING)
		wfi();
	irq_enable();
}

static void hart_obey(u64 arg unused)
{
	struct mailbox *b = &boxes[hart_self()->id];

	table_use(root);
	csr_write(sie, BIT(IRQ_SSI));
	irq_enable();
	for (;;) {
		u64 order = __atomic_load_n(&b->order, __ATOMIC_ACQUIRE);
		if (order == LEAVE)
			break;
		if (order == NOTHING) {
			order_sleep(b);
			continue;
		}
		b->result = order_obey(order, b->arg);
		__atomic_store_n(&b->order, NOTHING, __ATOMIC_RELEASE);
	}
	irq_disable();
	b->order = NOTHING;
	table_use(NULL);
}

static void order_give(u64 hart, enum order order, u64 arg)
{
	boxes[hart].arg = arg;
	__atomic_store_n(&boxes[hart].order, order, __ATOMIC_RELEASE);
	sbi_call(SBI_IPI, 0, 1, hart);
}

static bool order_wait(u64 hart)
{
	u64 end = time_read() + 20 * timer_frequency();

	while (__atomic_load_n(&boxes[hart].order, __ATOMIC_ACQUIRE) != NOTHING)
		if (time_read() > end)
			return false;
	return true;
}

/* The boot hart obeys itself, so that it takes part in everything. */
static u64 order_run(u64 hart, enum order order, u64 arg)
{
	if (hart == boot_hart)
		return order_obey(order, arg);
	order_give(hart, order, arg);
	return order_wait(hart) ? boxes[hart].result : ~0ul;
}

static void all_start(void)
{
	bool ok = true;

	for (u64 i = 0; i < HARTS; i++)
		ok &= i == boot_hart || hart_run(i, hart_obey, i) == SBI_SUCCESS;
	check("every hart is accepted for start", ok);
	for (u64 i = 0; i < HARTS; i++)
		ok &= hart_wait(i, HSM_STARTED);
	check("every hart is started", ok);
}

static bool irq_wait(u64 hart, u64 count)
{
	u64 end = time_read() + 10 * timer_frequency();

	while (harts[hart].irqs[IRQ_SSI] < count)
		if (time_read() > end)
			return false;
	return true;
}

static void ipi_pairs(void)
{
	u64 failed = 0, before[HARTS];

	for (u64 n = 0; n < 10 * HARTS * HARTS; n++) {
		u64 from = n % HARTS, to = n / HARTS % HARTS, had = harts[to].irqs[IRQ_SSI];
		failed += order_run(from, SEND_IPI, to) != 0 || !irq_wait(to, had + 1);
	}
	check_equal("ipis between all pairs", failed, 0);
	for (u64 i = 0; i < HARTS; i++)
		before[i] = harts[i].irqs[IRQ_SSI];
	sbi_call(SBI_IPI, 0, 0, -1);
	for (u64 i = 0; i < HARTS; i++)
		failed += !irq_wait(i, before[i] + 1);
	check_equal("one ipi to all", failed, 0);
}

/* Each hart must see what the page table and the code say after a remote fence, every time. */
static u64 fence_rounds(u64 *pages[2], enum order order, u64 fn, u64 size)
{
	u64 wrong = 0;

	for (u64 n = 0; n < ROUNDS; n++) {
		table_map(root, SHARED_VA, (u64)pages[n & 1], PTE_RWX);
		sbi_call(SBI_RFENCE, fn, BIT(HARTS) - 1, 0, SHARED_VA, size, 0);
		for (u64 i = 0; i < HARTS; i++)
			wrong += order_run(i, order, 0) != (n & 1) + 1;
	}
	return wrong;
}

static void code_write(u64 *page, u32 value)
{
	u32 *text = (u32 *)page;

	text[0] = 0x00000513 | value << 20; /* li a0, value */
	text[1] = 0x00008067; /* ret */
}

static void remote_fences(void)
{
	u64 *pages[2] = { page_get(), page_get() }, wrong = 0;

	code_write(pages[0], 1);
	code_write(pages[1], 2);
	pages[0][1] = 1;
	pages[1][1] = 2;
	fence_i();
	sbi_call(SBI_RFENCE, RFENCE_FENCE_I, 0, -1);
	check_equal("remote sfence.vma of a page",
		    fence_rounds(pages, READ_SHARED, RFENCE_SFENCE_VMA, PAGE_SIZE), 0);
	check_equal("remote sfence.vma of everything",
		    fence_rounds(pages, READ_SHARED, RFENCE_SFENCE_VMA, ~0ul), 0);
	check_equal("remote sfence.vma by ASID",
		    fence_rounds(pages, READ_SHARED, RFENCE_SFENCE_VMA_ASID, PAGE_SIZE), 0);
	check_equal("remote sfence.vma seen by fetches",
		    fence_rounds(pages, CALL_SHARED, RFENCE_SFENCE_VMA, PAGE_SIZE), 0);
	for (u32 n = 0; n < ROUNDS; n++) {
		code_write(pages[1], n);
		fence_i();
		sbi_call(SBI_RFENCE, RFENCE_FENCE_I, 0, -1);
		for (u64 i = 0; i < HARTS; i++)
			wrong += order_run(i, CALL_SHARED, 0) != n;
	}
	check_equal("remote fence.i", wrong, 0);
}

static void counting(const char *name, enum order order)
{
	bool ok = true;

	counter = 0;
	for (u64 i = 0; i < HARTS; i++)
		if (i != boot_hart)
			order_give(i, order, COUNT / HARTS);
	order_obey(order, COUNT / HARTS);
	for (u64 i = 0; i < HARTS; i++)
		ok &= i == boot_hart || order_wait(i);
	check_equal(name, ok ? counter : 0, COUNT);
}

static void restarts(void)
{
	u64 failed = 0;

	for (u64 n = 0; n < RESTARTS * HARTS; n++) {
		u64 i = n % HARTS;
		if (i == boot_hart)
			continue;
		order_give(i, LEAVE, 0);
		failed += !hart_wait(i, HSM_STOPPED);
		failed += hart_run(i, hart_obey, n) != SBI_SUCCESS;
		failed += !hart_wait(i, HSM_STARTED);
		failed += order_run(i, SEND_IPI, boot_hart) != 0;
		failed += harts[i].start_a1 != n;
	}
	check_equal("every other hart stopped and started 50 times", failed, 0);
	for (u64 i = 0; i < HARTS; i++)
		if (i != boot_hart)
			order_give(i, LEAVE, 0);
	for (u64 i = 0; i < HARTS; i++)
		failed += i != boot_hart && !hart_wait(i, HSM_STOPPED);
	check_equal("every other hart stopped", failed, 0);
}

void guest_main(void)
{
	check_equal("harts in the device tree", hart_count(), HARTS);
	root = table_new();
	table_map(root, SHARED_VA, (u64)page_get(), PTE_RWX);
	table_use(root);
	irq_handlers[IRQ_SSI] = ssi_handler;
	csr_write(sie, BIT(IRQ_SSI));
	irq_enable();
	all_start();
	ipi_pairs();
	remote_fences();
	counting("100000 additions under a lock by lr/sc", COUNT_LOCKED);
	counting("100000 additions by amoadd", COUNT_AMO);
	restarts();
	irq_disable();
	check_report();
}
