/* The host's 16550: see host/bare/uart.h. */
#include "host/bare/uart.h"

#include "host/bare/table.h"
#include "host/bare/tree.h"

enum uart_reg { UART_RBR_THR, UART_IER, UART_IIR_FCR, UART_LCR, UART_MCR, UART_LSR };

enum {
	IER_RECEIVED = 1,
	IER_ROOM = 2,
	FCR_ENABLE = 1,
	IIR_FIFOS = 0xc0, /* FIFOs are enabled, and work */
	MCR_OUT2 = 8, /* lets interrupts out on PC-like boards */
	LSR_RECEIVED = 1,
	LSR_ROOM = 0x20,
};

#define FIFO_SIZE 16 /* of the transmitter, with FIFOs enabled */

static u8 *base;
static u32 shift, width;
static u32 fifo_size; /* 1: there is no FIFO */
static u32 room;      /* bytes that the transmitter surely takes without another look */

static u8 uart_read(enum uart_reg reg)
{
	u8 *p = base + ((u64)reg << shift);

	if (width == 4)
		return (u8)*(volatile u32 *)(void *)p;
	if (width == 2)
		return (u8)*(volatile u16 *)(void *)p;
	return *(volatile u8 *)p;
}

static void uart_write(enum uart_reg reg, u8 value)
{
	u8 *p = base + ((u64)reg << shift);

	if (width == 4)
		*(volatile u32 *)(void *)p = value;
	else if (width == 2)
		*(volatile u16 *)(void *)p = value;
	else
		*(volatile u8 *)p = value;
}

bool uart_init(const struct tree_uart *uart)
{
	base = table_map_device(uart->base, 8ul << uart->shift);
	shift = uart->shift;
	width = uart->width;
	if (!base)
		return false;
	uart_write(UART_IER, 0);
	uart_write(UART_IIR_FCR, FCR_ENABLE);
	fifo_size = (uart_read(UART_IIR_FCR) & IIR_FIFOS) == IIR_FIFOS ? FIFO_SIZE : 1;
	uart_write(UART_MCR, (u8)(uart_read(UART_MCR) | MCR_OUT2));
	return true;
}

static void uart_write_bytes(const u8 *at, const u8 *end)
{
	volatile u8 *thr = base;

	if (width == 1)
		while (at < end)
			*thr = *at++;
	else
		while (at < end)
			uart_write(UART_RBR_THR, *at++);
}

/* One look at the line status tells of room for a whole FIFO. */
u32 uart_send(const u8 *bytes, u32 len)
{
	u32 sent = 0;

	while (sent < len) {
		u32 n;

		if (!room)
			room = uart_read(UART_LSR) & LSR_ROOM ? fifo_size : 0;
		if (!room)
			break;
		n = (u32)min_u64(len - sent, room);
		uart_write_bytes(bytes + sent, bytes + sent + n);
		room -= n;
		sent += n;
	}
	return sent;
}

int uart_get(void)
{
	return uart_read(UART_LSR) & LSR_RECEIVED ? uart_read(UART_RBR_THR) : -1;
}

void uart_interrupts(bool input, bool output)
{
	uart_write(UART_IER, (u8)((input ? IER_RECEIVED : 0) | (output ? IER_ROOM : 0)));
}
