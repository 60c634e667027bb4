/* The host's 16550: see host/bare/uart.h. */
#include "host/bare/uart.h"

#include "host/bare/table.h"
#include "host/bare/tree.h"

enum uart_reg { UART_RBR_THR, UART_IER, UART_FCR, UART_LCR, UART_MCR, UART_LSR };

enum {
	IER_RECEIVED = 1,
	IER_ROOM = 2,
	FCR_ENABLE = 1,
	MCR_OUT2 = 8, /* lets interrupts out on PC-like boards */
	LSR_RECEIVED = 1,
	LSR_ROOM = 0x20,
};

#define FIFO_SIZE 16

static u8 *base;
static u32 shift, width;
static unsigned room; /* bytes that the FIFO surely takes without another look */

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
	uart_write(UART_FCR, FCR_ENABLE);
	uart_write(UART_MCR, (u8)(uart_read(UART_MCR) | MCR_OUT2));
	return true;
}

bool uart_put(u8 byte)
{
	if (!room)
		room = uart_read(UART_LSR) & LSR_ROOM ? FIFO_SIZE : 0;
	if (!room)
		return false;
	room--;
	uart_write(UART_RBR_THR, byte);
	return true;
}

int uart_get(void)
{
	return uart_read(UART_LSR) & LSR_RECEIVED ? uart_read(UART_RBR_THR) : -1;
}

void uart_interrupts(bool input, bool output)
{
	uart_write(UART_IER, (u8)((input ? IER_RECEIVED : 0) | (output ? IER_ROOM : 0)));
}
