/* Entry in C, the other harts, SBI calls, and the ways a machine ends. */
#include "lib/guest.h"

struct hart harts[MAX_HARTS];
u64 boot_hart;

_Static_assert(offsetof(struct hart, user_sp) == HART_USER_SP, "asm.h");
_Static_assert(offsetof(struct hart, saved_sp) == HART_SAVED_SP, "asm.h");
_Static_assert(offsetof(struct hart, fixup) == HART_FIXUP, "asm.h");
_Static_assert(offsetof(struct hart, start_a0) == HART_START, "asm.h");
_Static_assert(sizeof(struct hart) == HART_SIZE, "asm.h");
_Static_assert(offsetof(struct frame, sstatus) == FRAME_SSTATUS, "asm.h");
_Static_assert(sizeof(struct frame) == FRAME_SIZE, "asm.h");

/* Used by start.S only. */
extern u8 stacks[MAX_HARTS][STACK_SIZE];
u8 stacks[MAX_HARTS][STACK_SIZE] __attribute__((aligned(16)));

void guest_boot(u64 hart, const void *fdt)
{
	boot_hart = hart;
	hart_self()->id = hart;
	fdt_set(fdt);
	uart_reset();
	csr_write(scounteren, 7);
	guest_main();
	power_off();
}

struct sbiret sbi_call5(u64 ext, u64 fn, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	register u64 a0 asm("a0") = a;
	register u64 a1 asm("a1") = b;
	register u64 a2 asm("a2") = c;
	register u64 a3 asm("a3") = d;
	register u64 a4 asm("a4") = e;
	register u64 a5 asm("a5") = 0;
	register u64 a6 asm("a6") = fn;
	register u64 a7 asm("a7") = ext;

	asm volatile("ecall"
		: "+r"(a0), "+r"(a1)
		: "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a6), "r"(a7)
		: "memory");
	return (struct sbiret){ (s64)a0, (s64)a1 };
}

void machine_reset(u64 type, u64 reason)
{
	uart_flush();
	sbi_call(SBI_SRST, 0, type, reason);
	write32(SYSCON_BASE, type == SRST_SHUTDOWN ? 0x5555 : 0x7777);
	for (;;)
		wfi();
}

void power_off(void)
{
	machine_reset(SRST_SHUTDOWN, 0);
}

s64 hart_run(u64 id, void (*entry)(u64 arg), u64 arg)
{
	struct hart *h = &harts[id];

	h->id = id;
	h->entry = entry;
	h->arg = arg;
	h->fixup = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return sbi_call(SBI_HSM, HSM_START, id, start_secondary, arg).error;
}

void hart_enter(void)
{
	struct hart *h = hart_self();

	csr_write(scounteren, 7);
	h->entry(h->arg);
	irq_disable();
	for (;;)
		sbi_call(SBI_HSM, HSM_STOP);
}

/* KVM calls a hart that waits in a wfi suspended. */
static bool hart_state_is(s64 found, s64 state)
{
	return found == state ||
	       (state == HSM_STARTED && found == HSM_SUSPENDED && bootarg_number("kvm", 0));
}

bool hart_wait(u64 id, s64 state)
{
	u64 end = time_read() + 10 * timer_frequency();

	while (time_read() < end) {
		struct sbiret r = sbi_call(SBI_HSM, HSM_STATUS, id);
		if (r.error == SBI_SUCCESS && hart_state_is(r.value, state))
			return true;
	}
	return false;
}

void spin_lock(struct spinlock *l)
{
	while (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&l->held, __ATOMIC_RELAXED))
			;
}

void spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}

void timer_set(u64 deadline)
{
	sbi_call(SBI_TIME, 0, deadline);
}

void timer_set_direct(u64 deadline)
{
	csr_write(0x14d, deadline);
}

u64 random_next(u64 *state)
{
	u64 x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dul;
}
