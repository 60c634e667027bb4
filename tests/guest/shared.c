/* guest: vcpus=1 memory=16M match=lines */
/*
 * Shared memory and its doorbell, between VMs of this program. The member that the argument
 * shared.leader names waits for all of them, asks, and collects the answers; one that may only
 * read the memory finds that out.
 */
#include "lib/guest.h"

enum { SHARED_ID = 0x00, SHARED_PEERS = 0x08, SHARED_RING = 0x10, SHARED_PENDING = 0x18,
	SHARED_MASK = 0x20 };
enum { SECONDS = 30 };

#define ALL (~0ul)
#define QUESTION 0x71756573ul
#define ANSWER(id) (0x616e73ul + ((id) << 32))

INSN(store, "sd a1, 0(a0)");

static u64 bell, memory, memory_size, id;
static u32 irq;
static volatile u64 rung, interrupts;

/* Words of the memory: the question, and an answer for each member. */
static volatile u64 *word(u64 n) { return (volatile u64 *)memory + n; }

static u64 read64(u64 a) { return *(volatile u64 *)a; }
static void write64(u64 a, u64 v) { *(volatile u64 *)a = v; }

/* What was written to the memory before is there when the other one looks. */
static void ring(u64 who)
{
	asm volatile("fence rw, rw" ::: "memory");
	write64(bell + SHARED_RING, who);
}

static u64 cells(const u32 *p)
{
	return (u64)__builtin_bswap32(p[0]) << 32 | __builtin_bswap32(p[1]);
}

static bool find(void)
{
	const u32 *reg, *line;
	u32 len;

	reg = fdt_find("shared", "reg", &len);
	if (!reg || len != 32)
		return false;
	bell = cells(reg);
	memory = cells(reg + 4);
	memory_size = cells(reg + 6);
	line = fdt_find("shared", "interrupts", &len);
	if (!line || len != 4)
		return false;
	irq = __builtin_bswap32(*line);
	return true;
}

/* -- The interrupt ---------------------------------------------------------------------- */

static u64 plic_context(void) { return 2 * boot_hart + 1; }
static u64 claim_reg(void) { return PLIC_BASE + 0x200004 + 0x1000 * plic_context(); }

/* Who has rung, this member itself or not; nobody is forgotten. */
static bool take_pending(void)
{
	u64 who = read64(bell + SHARED_PENDING);

	rung |= who;
	return who >> id & 1;
}

static void forget_rung(u64 bits)
{
	irq_disable();
	rung &= ~bits;
	irq_enable();
}

static void external_irq(struct frame *f unused)
{
	u32 source = read32(claim_reg());

	if (source != irq)
		return;
	interrupts++;
	take_pending();
	write32(claim_reg(), source);
}

static void irq_on(void)
{
	irq_handlers[IRQ_SEI] = external_irq;
	write32(PLIC_BASE + 4 * irq, 1);
	write32(PLIC_BASE + 0x2000 + 0x80 * plic_context() + irq / 32 * 4, 1u << irq % 32);
	csr_write(sie, BIT(IRQ_SEI));
	irq_enable();
}

static bool wait_rung(u64 bits)
{
	u64 end = time_read() + SECONDS * timer_frequency();

	while ((rung & bits) != bits && time_read() < end)
		;
	return (rung & bits) == bits;
}

/* -- Alone ------------------------------------------------------------------------------ */

/* The others are masked meanwhile: they may ring already. */
static void registers(void)
{
	check("a member with a number below 64", id < 64);
	check("it is there itself", read64(bell + SHARED_PEERS) >> id & 1);
	check_equal("no ring is masked", read64(bell + SHARED_MASK), 0);
	write64(bell + SHARED_MASK, ~0ul);
	check_equal("a half of a register", read32(bell + SHARED_MASK + 4), ~0u);
	interrupts = 0;
	ring(id);
	check("a masked ring pends", take_pending());
	check("and is cleared by that", !take_pending());
	ring(id);
	check_equal("it does not interrupt", interrupts, 0);
	forget_rung(BIT(id));
	write64(bell + SHARED_MASK, ~BIT(id));
	check("but does once unmasked", wait_rung(BIT(id)));
	check_equal("one interrupt", interrupts, 1);
	ring(64);
	ring(63);
	ring(1ul << 32);
	check_equal("rings at nobody are lost", interrupts, 1);
	forget_rung(BIT(id));
	write64(bell + SHARED_MASK, 0);
}

/* -- With others ------------------------------------------------------------------------ */

static void lead(u64 members)
{
	u64 others = (BIT(members) - 1) & ~BIT(id), readers = bootarg_number("shared.readers", 0);

	check("everybody came", wait_rung(others));
	check_equal("and is there", read64(bell + SHARED_PEERS), others | BIT(id));
	forget_rung(others);
	*word(0) = QUESTION;
	ring(ALL);
	check("everybody answered", wait_rung(others));
	for (u64 n = 0; n < members; n++)
		if (n != id && !(readers >> n & 1))
			check_equal("an answer", *word(1 + n), ANSWER(n));
		else
			check_equal("none", *word(1 + n), 0);
}

/* The leader may not have started yet. */
static void ring_when_there(u64 n)
{
	u64 end = time_read() + SECONDS * timer_frequency();

	while (!(read64(bell + SHARED_PEERS) >> n & 1) && time_read() < end)
		;
	ring(n);
}

static void follow(u64 leader, bool reads_only)
{
	ring_when_there(leader);
	check("rung by the leader", wait_rung(BIT(leader)));
	check_equal("the question", *word(0), QUESTION);
	if (reads_only) {
		check_equal("read-only memory is not written", try_insn(store, (u64)word(1 + id), 1),
			    TRAP_STORE_ACCESS);
		check_equal("and stays as it was", *word(1 + id), 0);
	} else {
		*word(1 + id) = ANSWER(id);
	}
	ring(leader);
}

void guest_main(void)
{
	u64 leader = bootarg_number("shared.leader", 0);

	check("the device tree has it", find());
	id = read64(bell + SHARED_ID);
	irq_on();
	registers();
	check("all of the memory is there", *word(memory_size / 8 - 1) == 0);
	if (id == leader)
		lead(bootarg_number("shared.members", 1));
	else
		follow(leader, bootarg_number("shared.readers", 0) >> id & 1);
	irq_disable();
	check_report();
}
