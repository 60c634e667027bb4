/*
 * National Semiconductor PC16550D, data sheet of June 1995; registers a byte apart.
 * A byte sent is gone at once, so the transmitter is always empty. A byte received
 * stays in the backend until the guest looks for it; the 16-byte FIFO fills only in
 * loopback. Line settings and baud rate are kept, and mean nothing.
 */
#include "dev/uart8250.h"

#include <libfdt.h>

#include "vm/fdt.h"

enum uart_reg {
	UART_RBR_THR = 0, /* DLL when LCR.DLAB is set */
	UART_IER = 1,     /* DLM when LCR.DLAB is set */
	UART_IIR_FCR = 2,
	UART_LCR = 3,
	UART_MCR = 4,
	UART_LSR = 5,
	UART_MSR = 6,
	UART_SCR = 7,
};

enum uart_ier {
	IER_ERBFI = 0x01, /* received data */
	IER_ETBEI = 0x02, /* transmitter empty */
	IER_ELSI = 0x04,  /* line status */
	IER_EDSSI = 0x08, /* modem status */
	IER_MASK = 0x0f,
};

enum uart_iir { /* "Interrupt Identification Register", table IV */
	IIR_NONE = 0x01,
	IIR_MODEM = 0x00,
	IIR_THRE = 0x02,
	IIR_DATA = 0x04,
	IIR_LINE = 0x06,
	IIR_TIMEOUT = 0x0c,
	IIR_FIFOS = 0xc0, /* FIFOs are enabled */
};

enum uart_fcr {
	FCR_ENABLE = 0x01,
	FCR_RESET_RX = 0x02,
	FCR_TRIGGER = 0xc0,
	FCR_TRIGGER_SHIFT = 6,
};

enum uart_lcr { LCR_DLAB = 0x80 };

enum uart_mcr {
	MCR_DTR = 0x01,
	MCR_RTS = 0x02,
	MCR_OUT1 = 0x04,
	MCR_OUT2 = 0x08,
	MCR_LOOP = 0x10,
	MCR_MASK = 0x1f,
};

enum uart_lsr {
	LSR_DR = 0x01,
	LSR_OE = 0x02, /* overrun */
	LSR_THRE = 0x20,
	LSR_TEMT = 0x40,
};

enum uart_msr { /* the low half says what changed in the high one */
	MSR_DELTA = 0x0f,
	MSR_TERI = 0x04, /* only the trailing edge of RI counts */
	MSR_CTS = 0x10,
	MSR_DSR = 0x20,
	MSR_RI = 0x40,
	MSR_DCD = 0x80,
};

#define UART_CLOCK 3686400 /* Hz, as QEMU says */
#define UART_DIVISOR 2     /* 115200 baud: what an early console divides by must not be 0 */
#define UART_FIFO 16

struct uart_state {
	u8 ier, fcr, lcr, mcr, lsr, msr, scr, dll, dlm;
	bool thre;  /* the one-shot interrupt of an empty transmitter */
	bool input; /* the backend may have bytes */
	bool level; /* of the interrupt wire */
	u8 rx_head, rx_count;
	u8 rx[UART_FIFO];
};

struct uart8250 {
	struct dev dev;
	struct uart_state s;
	struct char_backend *backend;
	struct host_account *payer;
	struct char_backend nobody;
};

static void nobody_put(struct char_backend *b unused, u8 byte unused) {}
static int nobody_get(struct char_backend *b unused) { return -1; }
static const struct char_ops nobody_ops = { .put = nobody_put, .get = nobody_get };

/* Below the trigger level the character time-out takes over, and its time is up at once. */
static u8 uart_iir_data(const struct uart_state *s)
{
	static const u8 trigger[] = { 1, 4, 8, 14 };

	if (!(s->fcr & FCR_ENABLE) || s->rx_count >= trigger[s->fcr >> FCR_TRIGGER_SHIFT])
		return IIR_DATA;
	return IIR_TIMEOUT;
}

/* The pending interrupt of the highest priority. */
static u8 uart_iir(const struct uart_state *s)
{
	if (s->ier & IER_ELSI && s->lsr & LSR_OE)
		return IIR_LINE;
	if (s->ier & IER_ERBFI && s->lsr & LSR_DR)
		return uart_iir_data(s);
	if (s->ier & IER_ETBEI && s->thre)
		return IIR_THRE;
	if (s->ier & IER_EDSSI && s->msr & MSR_DELTA)
		return IIR_MODEM;
	return IIR_NONE;
}

static void uart_update_irq(struct uart8250 *u)
{
	bool level = uart_iir(&u->s) != IIR_NONE;

	if (level == u->s.level)
		return;
	u->s.level = level;
	irq_set(&u->dev.irq, level);
}

/* A byte arrives at the receiver; what does not fit is lost ("Line Status Register", OE). */
static void uart_receive(struct uart_state *s, u8 byte)
{
	unsigned depth = s->fcr & FCR_ENABLE ? UART_FIFO : 1;

	if (s->rx_count < depth) {
		s->rx[(s->rx_head + s->rx_count++) % UART_FIFO] = byte;
		s->lsr |= LSR_DR;
		return;
	}
	if (depth == 1) /* without FIFO the new byte replaces the old one */
		s->rx[s->rx_head] = byte;
	s->lsr |= LSR_OE;
}

static void uart_clear_rx(struct uart_state *s)
{
	s->rx_head = s->rx_count = 0;
	s->lsr &= (u8)~LSR_DR;
}

/*
 * Fetches a byte of input if the guest has none. Only when it looks for one, or wants an
 * interrupt: a guest that reads by the SBI console instead must find all of its input there.
 */
static void uart_fetch(struct uart8250 *u)
{
	struct uart_state *s = &u->s;
	int byte;

	if (!s->input || s->rx_count || s->mcr & MCR_LOOP)
		return;
	byte = u->backend->ops->get(u->backend);
	if (byte < 0)
		s->input = false;
	else
		uart_receive(s, (u8)byte);
}

/* After whatever changed what the guest wants or has. */
static void uart_settle(struct uart8250 *u)
{
	if (u->s.ier & IER_ERBFI)
		uart_fetch(u);
	uart_update_irq(u);
}

static u8 uart_read_rbr(struct uart8250 *u)
{
	struct uart_state *s = &u->s;
	u8 byte = 0;

	uart_fetch(u);
	if (s->rx_count) {
		byte = s->rx[s->rx_head];
		s->rx_head = (u8)((s->rx_head + 1) % UART_FIFO);
		if (!--s->rx_count)
			s->lsr &= (u8)~LSR_DR;
	}
	uart_settle(u);
	return byte;
}

static u8 uart_read_iir(struct uart8250 *u)
{
	struct uart_state *s = &u->s;
	u8 iir = uart_iir(s);

	if (iir == IIR_THRE) {
		s->thre = false;
		uart_update_irq(u);
	}
	return s->fcr & FCR_ENABLE ? iir | IIR_FIFOS : iir;
}

/* With input to fetch or an error to clear. */
static u8 uart_read_lsr(struct uart8250 *u)
{
	u8 lsr;

	uart_fetch(u);
	lsr = u->s.lsr;
	u->s.lsr &= (u8)~LSR_OE;
	uart_update_irq(u);
	return lsr;
}

static u8 uart_read_msr(struct uart8250 *u)
{
	u8 msr = u->s.msr;

	u->s.msr &= (u8)~MSR_DELTA;
	uart_update_irq(u);
	return msr;
}

/* Apart from uart_read(), so that its few instructions save no registers. */
static __attribute__((noinline)) u8 uart_read_rest(struct uart8250 *u, u64 off)
{
	struct uart_state *s = &u->s;

	switch (off) {
	case UART_RBR_THR:
		return s->lcr & LCR_DLAB ? s->dll : uart_read_rbr(u);
	case UART_IER:
		return s->lcr & LCR_DLAB ? s->dlm : s->ier;
	case UART_IIR_FCR:
		return uart_read_iir(u);
	case UART_LCR:
		return s->lcr;
	case UART_MCR:
		return s->mcr;
	case UART_LSR:
		return uart_read_lsr(u);
	case UART_MSR:
		return uart_read_msr(u);
	case UART_SCR:
		return s->scr;
	default:
		return 0;
	}
}

/* A guest polls LSR before each byte that it prints. */
static u64 uart_read(struct dev *d, u64 off, unsigned size unused)
{
	struct uart8250 *u = container_of(d, struct uart8250, dev);

	if (off == UART_LSR && !u->s.input && !(u->s.lsr & LSR_OE))
		return u->s.lsr;
	return uart_read_rest(u, off);
}

/* Enabling the interrupt of a transmitter that is empty raises it. */
static void uart_write_ier(struct uart8250 *u, u8 v)
{
	if (v & ~u->s.ier & IER_ETBEI)
		u->s.thre = true;
	u->s.ier = v & IER_MASK;
	uart_settle(u);
}

/* Without FCR_ENABLE the other bits are not programmed; to change it empties the FIFOs. */
static void uart_write_fcr(struct uart8250 *u, u8 v)
{
	struct uart_state *s = &u->s;

	if (!(v & FCR_ENABLE))
		v = 0;
	if ((v ^ s->fcr) & FCR_ENABLE || v & FCR_RESET_RX)
		uart_clear_rx(s);
	s->fcr = v & (FCR_ENABLE | FCR_TRIGGER);
	uart_settle(u);
}

/* What the modem inputs carry: a cable's other end, or in loopback the modem outputs. */
static u8 uart_modem_inputs(u8 mcr)
{
	if (!(mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (u8)((mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_DTR ? MSR_DSR : 0) |
		    (mcr & MCR_OUT1 ? MSR_RI : 0) | (mcr & MCR_OUT2 ? MSR_DCD : 0));
}

static void uart_write_mcr(struct uart8250 *u, u8 v)
{
	struct uart_state *s = &u->s;
	u8 inputs = uart_modem_inputs(v);
	u8 delta = (u8)((s->msr ^ inputs) >> 4);

	if (inputs & MSR_RI)
		delta &= (u8)~MSR_TERI;
	s->msr = (u8)(inputs | (s->msr & MSR_DELTA) | delta);
	s->mcr = v & MCR_MASK;
	uart_settle(u);
}

static void uart_write_loopback(struct uart8250 *u, u8 byte)
{
	u->s.thre = true;
	uart_receive(&u->s, byte);
	uart_update_irq(u);
}

static __attribute__((noinline)) void uart_write_rest(struct uart8250 *u, u64 off, u8 v)
{
	struct uart_state *s = &u->s;

	switch (off) {
	case UART_RBR_THR:
		if (s->lcr & LCR_DLAB)
			s->dll = v;
		else
			uart_write_loopback(u, v);
		break;
	case UART_IER:
		if (s->lcr & LCR_DLAB)
			s->dlm = v;
		else
			uart_write_ier(u, v);
		break;
	case UART_IIR_FCR:
		uart_write_fcr(u, v);
		break;
	case UART_LCR:
		s->lcr = v;
		break;
	case UART_MCR:
		uart_write_mcr(u, v);
		break;
	case UART_SCR:
		s->scr = v;
		break;
	default: /* LSR and MSR are for factory tests */
		break;
	}
}

/* A byte to print: the transmitter is full and empty again within these few lines. */
static void uart_write(struct dev *d, u64 off, unsigned size unused, u64 value)
{
	struct uart8250 *u = container_of(d, struct uart8250, dev);
	struct uart_state *s = &u->s;

	if (off != UART_RBR_THR || s->lcr & LCR_DLAB || s->mcr & MCR_LOOP) {
		uart_write_rest(u, off, (u8)value);
		return;
	}
	s->thre = true;
	if (s->ier & IER_ETBEI)
		uart_update_irq(u);
	u->backend->ops->put(u->backend, (u8)value);
}

/* Input that the guest has not fetched yet survives in the backend. */
static void uart_reset(struct dev *d)
{
	struct uart8250 *u = container_of(d, struct uart8250, dev);

	u->s = (struct uart_state){
		.lsr = LSR_THRE | LSR_TEMT,
		.msr = uart_modem_inputs(0),
		.dll = UART_DIVISOR,
		.input = true,
	};
	irq_set(&d->irq, false);
}

static int uart_describe(const struct dev *d, void *fdt)
{
	return fdt_begin_device(fdt, "serial", d) ?:
	       fdt_text(fdt, "compatible", "ns16550a") ?:
	       fdt_property_u32(fdt, "clock-frequency", UART_CLOCK) ?:
	       fdt_interrupt(fdt, d) ?:
	       fdt_end_node(fdt);
}

static void uart_destroy(struct dev *d)
{
	struct uart8250 *u = container_of(d, struct uart8250, dev);

	char_attach(u->backend, NULL, NULL);
	host_free(u, sizeof(*u), u->payer);
}

static const struct dev_ops uart_ops = {
	.name = "uart8250",
	.sizes = DEV_SIZE_1,
	.read = uart_read,
	.write = uart_write,
	.reset = uart_reset,
	.describe = uart_describe,
	.destroy = uart_destroy,
};

/* The backend has input: from any task, in any space. */
static void uart_input_ready(void *device)
{
	struct uart8250 *u = device;

	lock_take(&u->dev.lock);
	u->s.input = true;
	uart_settle(u);
	lock_drop(&u->dev.lock);
}

struct dev *uart8250_create(u64 base, struct irq_line irq, struct char_backend *backend,
			    struct host_account *payer)
{
	struct uart8250 *u = host_alloc(sizeof(*u), payer);

	if (!u)
		return NULL;
	u->dev = (struct dev){
		.ops = &uart_ops,
		.base = base,
		.size = UART8250_SIZE,
		.irq = irq,
		.state = &u->s,
		.state_size = sizeof(u->s),
	};
	u->payer = payer;
	u->nobody.ops = &nobody_ops;
	u->backend = backend ? backend : &u->nobody;
	uart_reset(&u->dev);
	char_attach(u->backend, uart_input_ready, u);
	return &u->dev;
}
