/* The console: a 16550 as the stage before, or its reset, left it; polled. And SBI 3.0, "Debug
 * Console Extension", which is S-mode's way to it. */
#include "fw/fw.h"
#include "host/bare/tree.h"
#include "lib/lock.h"
#include "riscv/sbi.h"

enum { UART_DATA = 0, UART_LSR = 5 };
enum { LSR_RECEIVED = 1, LSR_ROOM = 0x20 };

/* A call moves so many bytes at most and says so: others may wait for this hart's fence. */
#define DBCN_CALL_MAX 256

/* How often a transmitter without room is looked at before the byte is given up. */
#define PATIENCE 100000

static u64 base; /* 0: there is none */
static u32 shift, width;
static struct lock lock;

static u8 uart_read(u64 reg)
{
	u64 p = base + (reg << shift);

	return width == 4 ? (u8)*(volatile u32 *)p :
	       width == 2 ? (u8)*(volatile u16 *)p :
			    *(volatile u8 *)p;
}

static void uart_write(u64 reg, u8 value)
{
	u64 p = base + (reg << shift);

	if (width == 4)
		*(volatile u32 *)p = value;
	else if (width == 2)
		*(volatile u16 *)p = value;
	else
		*(volatile u8 *)p = value;
}

void fw_uart_init(const struct tree_uart *uart)
{
	base = uart->base;
	shift = uart->shift;
	width = uart->width;
}

bool fw_uart_present(void)
{
	return base != 0;
}

static void put(u8 byte)
{
	for (u32 i = 0; i < PATIENCE && !(uart_read(UART_LSR) & LSR_ROOM); i++)
		;
	uart_write(UART_DATA, byte);
}

static int get(void)
{
	return uart_read(UART_LSR) & LSR_RECEIVED ? uart_read(UART_DATA) : -1;
}

void fw_uart_put(u8 byte)
{
	lock_take(&lock);
	put(byte);
	lock_drop(&lock);
}

int fw_uart_get(void)
{
	int byte;

	lock_take(&lock);
	byte = get();
	lock_drop(&lock);
	return byte;
}

/* ---- Text of the firmware's own */

void fw_print(const char *text)
{
	if (!base)
		return;
	for (; *text; text++) {
		if (*text == '\n')
			put('\r');
		put((u8)*text);
	}
}

static void print_digits(u64 n, u64 radix)
{
	char text[24];
	size_t at = sizeof(text);

	text[--at] = 0;
	do
		text[--at] = "0123456789abcdef"[n % radix];
	while (n /= radix);
	fw_print(text + at);
}

void fw_print_number(u64 n)
{
	print_digits(n, 10);
}

void fw_print_hex(u64 n)
{
	fw_print("0x");
	print_digits(n, 16);
}

/* ---- Debug console */

static u64 dbcn_write(u64 address, u64 size)
{
	const volatile u8 *p = (const volatile u8 *)address;

	for (u64 i = 0; i < size; i++)
		put(p[i]);
	return size;
}

static u64 dbcn_read(u64 address, u64 size)
{
	volatile u8 *p = (volatile u8 *)address;
	u64 n = 0;
	int byte;

	while (n < size && (byte = get()) >= 0)
		p[n++] = (u8)byte;
	return n;
}

/* The number of bytes, then the low and the high half of their address. */
static s64 dbcn_transfer(const u64 *args, u64 *value, u64 (*transfer)(u64 address, u64 size))
{
	if (args[2] || !fw_memory_is_theirs(args[1], args[0]))
		return SBI_ERR_INVALID_PARAM;
	lock_take(&lock);
	*value = transfer(args[1], min_u64(args[0], DBCN_CALL_MAX));
	lock_drop(&lock);
	return SBI_SUCCESS;
}

s64 fw_sbi_dbcn(const u64 *args, u64 fid, u64 *value)
{
	switch (fid) {
	case SBI_DBCN_CONSOLE_WRITE:
		return dbcn_transfer(args, value, dbcn_write);
	case SBI_DBCN_CONSOLE_READ:
		return dbcn_transfer(args, value, dbcn_read);
	case SBI_DBCN_CONSOLE_WRITE_BYTE:
		fw_uart_put((u8)args[0]);
		return SBI_SUCCESS;
	default:
		return SBI_ERR_NOT_SUPPORTED;
	}
}
