/* Traps: interrupts go to a table of handlers, exceptions to whoever expects one. */
#include "lib/guest.h"

irq_handler *irq_handlers[16];

static u8 user_stacks[MAX_HARTS][1024] __attribute__((aligned(16)));
static u32 code[MAX_HARTS][16];

static void interrupt_handle(struct frame *f, struct hart *h)
{
	u64 number = f->scause & 15;

	h->irqs[number]++;
	if (irq_handlers[number])
		irq_handlers[number](f);
	else
		csr_clear(sie, BIT(number));
	if (h->leave_user && !(f->sstatus & SSTATUS_SPP)) {
		h->leave_user = false;
		user_leave();
	}
}

static void trap_unexpected(struct frame *f)
{
	uart_reset();
	print("FAIL unexpected trap: hart %lu scause %lx sepc %lx stval %lx ra %lx\n",
	      hart_self()->id,
	      f->scause, f->sepc, f->stval, f->x[1]);
	power_off();
}

void trap_handle(struct frame *f)
{
	struct hart *h = hart_self();

	if (f->scause & INTERRUPT) {
		interrupt_handle(f, h);
		return;
	}
	h->traps++;
	h->trap = (struct trap){ f->scause, f->stval, f->sepc, f->x[10] };
	if (!(f->sstatus & SSTATUS_SPP))
		user_leave();
	if (!h->fixup)
		trap_unexpected(f);
	f->sepc = h->fixup;
	h->fixup = 0;
}

u64 try_value(insn *i, u64 a0, u64 a1)
{
	hart_self()->trap = (struct trap){ 0 };
	return i(a0, a1);
}

u64 try_insn(insn *i, u64 a0, u64 a1)
{
	try_value(i, a0, a1);
	return hart_self()->trap.cause;
}

/* a0: code that returns through t2, a1: its two arguments. */
INSN(insn_code, "mv t1, a0\n\tld a0, 0(a1)\n\tld a1, 8(a1)\n\tjalr t2, t1");

u64 try_code(const u32 *words, u64 n, u64 a0, u64 a1, u64 *result)
{
	u32 *to = code[hart_self() - harts];
	u64 arg[2] = { a0, a1 };
	u64 value;

	for (u64 i = 0; i < n && i < 15; i++)
		to[i] = words[i];
	to[n < 15 ? n : 15] = 0x00038067; /* jr t2 */
	fence_i();
	value = try_value(insn_code, (u64)to, (u64)arg);
	if (result)
		*result = value;
	return hart_self()->trap.cause;
}

u64 try_csr_read(u32 number, u64 *value)
{
	u32 word = number << 20 | 0x00002573; /* csrr a0, number */

	return try_code(&word, 1, 0, 0, value);
}

u64 try_csr_write(u32 number, u64 value)
{
	u32 word = number << 20 | 0x00051073; /* csrw number, a0 */

	return try_code(&word, 1, value, 0, NULL);
}

u64 user_stack(void)
{
	u64 top = (u64)user_stacks[hart_self() - harts] + sizeof(user_stacks[0]);

	return top;
}

u64 user_run_status(const void *pc, u64 a0, u64 sstatus_bits)
{
	struct hart *h = hart_self();

	h->trap = (struct trap){ 0 };
	user_enter(pc, user_stack(), a0, sstatus_bits);
	return h->trap.cause;
}

u64 user_run(const void *pc, u64 a0)
{
	return user_run_status(pc, a0, 0);
}

u64 try_user(u32 word, u64 a0)
{
	u32 *to = code[hart_self() - harts];

	to[0] = word;
	to[1] = 0x00000073; /* ecall */
	fence_i();
	return user_run(to, a0);
}
