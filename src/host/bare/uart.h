/* A 16550-compatible UART of the host: PC16550D data sheet. */
#ifndef HOST_BARE_UART_H
#define HOST_BARE_UART_H

#include "lib/types.h"

struct tree_uart;

/* False if its registers cannot be mapped. The firmware has set the line up. */
bool uart_init(const struct tree_uart *uart);
/* Sends as many of them as there is room for now, and returns how many. */
u32 uart_send(const u8 *bytes, u32 len);
/* -1 when there is nothing. */
int uart_get(void);
/* Interrupts for input, and for room to send. */
void uart_interrupts(bool input, bool output);

#endif
