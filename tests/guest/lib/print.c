/* The UART (ns16550a, polled), formatted output, and the checks' lines. */
#include <stdarg.h>
#include <stdio.h>

#include "lib/guest.h"

static struct spinlock print_lock;
static u64 checks_ok, checks_failed;

void uart_reset(void)
{
	write8(UART_BASE + UART_LCR, 3);
	write8(UART_BASE + UART_IER, 0);
	write8(UART_BASE + UART_MCR, 0);
	write8(UART_BASE + UART_FCR, 7);
}

static void uart_put(char c)
{
	while (!(read8(UART_BASE + UART_LSR) & UART_LSR_THRE))
		;
	write8(UART_BASE + UART_THR, (u8)c);
}

void uart_puts(const char *s)
{
	for (; *s; s++) {
		if (*s == '\n')
			uart_put('\r');
		uart_put(*s);
	}
}

void uart_flush(void)
{
	while (!(read8(UART_BASE + UART_LSR) & UART_LSR_TEMT))
		;
}

void print(const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	spin_lock(&print_lock);
	uart_puts(line);
	spin_unlock(&print_lock);
}

static void check_count(bool ok)
{
	__atomic_fetch_add(ok ? &checks_ok : &checks_failed, 1, __ATOMIC_RELAXED);
}

void check(const char *name, bool ok)
{
	check_count(ok);
	if (ok)
		print("ok %s\n", name);
	else
		print("FAIL %s: not so (scause %lx stval %lx)\n", name, hart_self()->trap.cause,
		      hart_self()->trap.tval);
}

void check_equal(const char *name, u64 got, u64 want)
{
	check_count(got == want);
	if (got == want)
		print("ok %s\n", name);
	else
		print("FAIL %s: got %lx, want %lx\n", name, got, want);
}

void check_report(void)
{
	print("done: %lu ok, %lu failed\n", checks_ok, checks_failed);
}
