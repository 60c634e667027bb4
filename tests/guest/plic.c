/* guest: vcpus=1 memory=64M */
/*
 * The interrupt controller (RISC-V PLIC specification 1.0) with the UART's transmitter and
 * receiver as its source. The UART loops back while it receives.
 */
#include "lib/guest.h"

enum { IER_RECEIVE = 1, IER_TRANSMIT = 2, IIR_NONE = 1, IIR_TRANSMIT = 2, IIR_RECEIVE = 4 };

static u64 context; /* of the boot hart's S-mode */

static u64 priority_reg(u64 irq) { return PLIC_BASE + 4 * irq; }
static u64 pending_reg(u64 irq) { return PLIC_BASE + 0x1000 + irq / 32 * 4; }
static u64 enable_reg(u64 irq) { return PLIC_BASE + 0x2000 + 0x80 * context + irq / 32 * 4; }
static u64 threshold_reg(void) { return PLIC_BASE + 0x200000 + 0x1000 * context; }
static u64 claim_reg(void) { return threshold_reg() + 4; }

static bool external_pending(void)
{
	return csr_read(sip) & BIT(IRQ_SEI);
}

static bool uart_pending(void)
{
	return read32(pending_reg(UART_IRQ)) & BIT(UART_IRQ);
}

/* The transmitter's interrupt: pends when enabled while the transmitter is empty. */
static void transmit_request(bool on)
{
	uart_flush();
	write8(UART_BASE + UART_IER, on ? IER_TRANSMIT : 0);
}

/* Printing a line would disturb the very interrupt under test: results wait until it is over. */
static struct note {
	const char *name;
	u64 got, want;
} notes[40];
static u64 note_count;

static void note_equal(const char *name, u64 got, u64 want)
{
	notes[note_count++] = (struct note){ name, got, want };
}

static void note(const char *name, bool ok)
{
	note_equal(name, ok, true);
}

static void notes_print(void)
{
	for (u64 i = 0; i < note_count; i++)
		check_equal(notes[i].name, notes[i].got, notes[i].want);
}

static void registers(void)
{
	write32(priority_reg(UART_IRQ), 1);
	note_equal("priority keeps its value", read32(priority_reg(UART_IRQ)), 1);
	write32(priority_reg(0), 1);
	note_equal("priority of source 0 is 0", read32(priority_reg(0)), 0);
	write32(enable_reg(0), ~0u);
	note_equal("source 0 cannot be enabled", read32(enable_reg(0)) & 1, 0);
	note("the UART's source can", read32(enable_reg(0)) & BIT(UART_IRQ));
	write32(enable_reg(0), 0);
	note_equal("enables clear", read32(enable_reg(0)), 0);
	write32(threshold_reg(), 3);
	note_equal("threshold keeps its value", read32(threshold_reg()), 3);
	write32(threshold_reg(), 0);
	note_equal("nothing to claim", read32(claim_reg()), 0);
	write32(pending_reg(UART_IRQ), ~0u);
	note("pending is read-only", !uart_pending());
	note("SEIP is 0", !external_pending());
	csr_set(sip, BIT(IRQ_SEI));
	note("SEIP is not writable", !external_pending());
}

static void gates(void)
{
	transmit_request(true);
	note("a request pends while disabled", uart_pending());
	note("a disabled request does not reach SEIP", !external_pending());
	note_equal("a disabled request is not claimed", read32(claim_reg()), 0);
	write32(enable_reg(UART_IRQ), BIT(UART_IRQ));
	note("an enabled request reaches SEIP", external_pending());
	write32(threshold_reg(), 1);
	note("threshold at the priority masks", !external_pending());
	write32(priority_reg(UART_IRQ), 2);
	note("priority above the threshold passes", external_pending());
	write32(priority_reg(UART_IRQ), 0);
	write32(threshold_reg(), 0);
	note("priority 0 never interrupts", !external_pending());
	write32(priority_reg(UART_IRQ), 1);
	note("and passes again", external_pending());
}

static void claims(void)
{
	note_equal("claim names the source", read32(claim_reg()), UART_IRQ);
	note("claim clears pending", !uart_pending());
	note("claim clears SEIP", !external_pending());
	note_equal("a second claim finds nothing", read32(claim_reg()), 0);
	write32(claim_reg(), UART_IRQ);
	note("completion lets a level that is still high pend", uart_pending() &&
	     external_pending());
	note_equal("claim again", read32(claim_reg()), UART_IRQ);
	transmit_request(false);
	write32(claim_reg(), UART_IRQ);
	note("no request after the level fell", !uart_pending() && !external_pending());
	write32(claim_reg(), 5);
	write32(claim_reg(), 0xffffffff);
	note("completion of what was not claimed does nothing", !external_pending());
}

/* -- Interrupts ------------------------------------------------------------------------- */

static const char *volatile to_send;
static volatile u64 received, received_sum, spurious;

static void uart_service(void)
{
	switch (read8(UART_BASE + UART_IIR) & 7) {
	case IIR_TRANSMIT:
		if (*to_send)
			write8(UART_BASE + UART_THR, (u8)*to_send++);
		else
			write8(UART_BASE + UART_IER, 0);
		break;
	case IIR_RECEIVE:
		received++;
		received_sum += read8(UART_BASE + UART_RBR);
		break;
	default:
		spurious++;
		break;
	}
}

static void external_irq(struct frame *f unused)
{
	u32 irq = read32(claim_reg());

	if (irq != UART_IRQ) {
		spurious++;
		return;
	}
	uart_service();
	write32(claim_reg(), irq);
}

static void irq_on(bool on)
{
	csr_write(sie, on ? BIT(IRQ_SEI) : 0);
	if (on)
		irq_enable();
	else
		irq_disable();
}

static void transmit_by_interrupts(void)
{
	u64 end = time_read() + 10 * timer_frequency();

	to_send = "sent by interrupts\r\n";
	irq_on(true);
	transmit_request(true);
	while (*to_send && time_read() < end)
		;
	irq_on(false);
	transmit_request(false);
	check("everything was sent by interrupts", !*to_send);
}

static void receive_by_interrupts(void)
{
	uart_flush();
	write8(UART_BASE + UART_MCR, UART_MCR_LOOP);
	write8(UART_BASE + UART_IER, IER_RECEIVE);
	irq_on(true);
	for (u64 i = 1; i <= 100 && received == i - 1; i++) {
		u64 end = time_read() + timer_frequency();
		write8(UART_BASE + UART_THR, (u8)i);
		while (received < i && time_read() < end)
			;
	}
	irq_on(false);
	uart_reset();
	check_equal("100 bytes received by interrupts", received, 100);
	check_equal("their sum", received_sum, 5050);
	check("hardly a spurious interrupt", spurious <= 10);
}

static void wake_up(void)
{
	csr_write(sie, BIT(IRQ_SEI));
	transmit_request(true);
	wfi();
	bool woke = external_pending();
	u32 irq = read32(claim_reg());
	transmit_request(false);
	write32(claim_reg(), irq);
	csr_write(sie, 0);
	check("wfi ends by SEIP", woke);
	check_equal("and the claim finds it", irq, UART_IRQ);
}

void guest_main(void)
{
	context = 2 * boot_hart + 1;
	irq_handlers[IRQ_SEI] = external_irq;
	registers();
	gates();
	claims();
	notes_print();
	transmit_by_interrupts();
	receive_by_interrupts();
	wake_up();
	check_report();
}
