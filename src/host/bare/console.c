/* The machine's console: see host/bare/console.h. */
#include "host/bare/console.h"

#include <string.h>

#include "host/bare/bare.h"
#include "host/bare/boot.h"
#include "host/bare/interrupt.h"
#include "host/bare/sbi_call.h"
#include "host/bare/table.h"
#include "host/bare/tree.h"
#include "host/bare/uart.h"
#include "host/host.h"
#include "lib/lock.h"
#include "lib/ring.h"

#define OUT_SIZE 16384
#define IN_SIZE 256
#define FULL_WAIT_MS 100 /* for a device that takes nothing; then bytes are lost */

enum console_kind { CONSOLE_LEGACY, CONSOLE_DBCN, CONSOLE_UART };

static struct lock lock; /* guards all below */
static enum console_kind kind;
static bool has_interrupt, panicking;
static u64 base; /* of the UART's registers */
static u8 out_bytes[OUT_SIZE], in_bytes[IN_SIZE];
static struct ring out = { .data = out_bytes, .size = OUT_SIZE };
static struct ring in = { .data = in_bytes, .size = IN_SIZE };
static void (*input_ready)(void);

/* ---- Output; the lock is held */

/* SBI "Debug Console Extension": a physical address; the image lies in one piece. */
static u32 dbcn_send(const u8 *bytes, u32 len)
{
	struct sbi_result r;

	r = sbi_call(SBI_EXT_DBCN, SBI_DBCN_CONSOLE_WRITE, len, common_pa(bytes), 0, 0, 0);
	return r.error || r.value > len ? 0 : (u32)r.value;
}

static u32 legacy_send(const u8 *bytes, u32 len)
{
	for (u32 i = 0; i < len; i++)
		sbi_call(SBI_EXT_LEGACY_CONSOLE_PUTCHAR, 0, bytes[i], 0, 0, 0, 0);
	return len;
}

/* Hands bytes of the buffer to the device, and returns how many it took. */
static u32 device_send(const u8 *bytes, u32 len)
{
	switch (kind) {
	case CONSOLE_LEGACY: return legacy_send(bytes, len);
	case CONSOLE_DBCN: return dbcn_send(bytes, len);
	case CONSOLE_UART: break;
	}
	return uart_send(bytes, len);
}

/* While there is no room for input, it stays in the UART, where flow control holds it back. */
static void interrupts_arm(void)
{
	uart_interrupts(ring_room(&in) > 0, ring_used(&out) > 0);
}

/* As much as the device takes now. */
static void out_drain(void)
{
	u32 sent = 1;

	while (sent && ring_used(&out)) {
		u32 at = out.head & (OUT_SIZE - 1);

		sent = device_send(&out_bytes[at], (u32)min_u64(ring_used(&out), OUT_SIZE - at));
		out.head += sent;
	}
	if (has_interrupt)
		interrupts_arm();
}

/* Waits for room, until @until at most. */
static void out_wait(u64 until)
{
	while (!ring_room(&out) && host_time() < until)
		out_drain();
}

static void out_put(u8 byte)
{
	if (!ring_room(&out))
		out_wait(host_time() + host_timebase() * FULL_WAIT_MS / 1000);
	ring_put(&out, byte);
}

/* A UART with nothing before them takes bytes at once; what it leaves waits in the buffer. */
static void out_write(const char *text, size_t len)
{
	size_t i = 0;

	if (kind == CONSOLE_UART && !ring_used(&out))
		i = uart_send((const u8 *)text, (u32)len);
	for (; i < len; i++)
		out_put((u8)text[i]);
	out_drain();
}

/* When the hypervisor dies, the lock's holder may be dead as well. */
static void console_lock(void)
{
	if (!__atomic_load_n(&panicking, __ATOMIC_RELAXED))
		lock_take(&lock);
}

static void console_unlock(void)
{
	if (!__atomic_load_n(&panicking, __ATOMIC_RELAXED))
		lock_drop(&lock);
}

void bare_console_write(const char *text, size_t len)
{
	console_lock();
	out_write(text, len);
	console_unlock();
}

void bare_console_log(const char *line, size_t len)
{
	console_lock();
	out_write(line, len);
	out_write("\r\n", 2);
	console_unlock();
	if (panicking)
		bare_console_drain();
}

void bare_console_drain(void)
{
	u64 until = host_time() + host_timebase();

	while (ring_used(&out) && host_time() < until) {
		console_lock();
		out_drain();
		console_unlock();
	}
}

void bare_console_panic(void)
{
	__atomic_store_n(&panicking, true, __ATOMIC_RELAXED);
}

/* ---- Input */

static int device_get(void)
{
	static u8 byte;
	struct sbi_result r;

	if (kind == CONSOLE_UART)
		return uart_get();
	if (kind == CONSOLE_LEGACY)
		return (int)sbi_call(SBI_EXT_LEGACY_CONSOLE_GETCHAR, 0, 0, 0, 0, 0, 0).error;
	r = sbi_call(SBI_EXT_DBCN, SBI_DBCN_CONSOLE_READ, 1, common_pa(&byte), 0, 0, 0);
	return !r.error && r.value == 1 ? byte : -1;
}

int bare_console_getc(void)
{
	int c;

	lock_take(&lock);
	if (!has_interrupt) /* nothing else tells that there is room again */
		out_drain();
	c = ring_get(&in);
	if (c < 0)
		c = device_get();
	else if (has_interrupt && ring_room(&in) == 1)
		interrupts_arm();
	lock_drop(&lock);
	return c;
}

static bool uart_interrupt(void *arg unused)
{
	unsigned n = 0;
	int c;

	lock_take(&lock);
	while (ring_room(&in) && (c = uart_get()) >= 0) {
		ring_put(&in, (u8)c);
		n++;
	}
	out_drain();
	lock_drop(&lock);
	if (n && input_ready)
		input_ready();
	return true;
}

void bare_console_set_input(void (*ready)(void))
{
	lock_take(&lock);
	input_ready = ready;
	lock_drop(&lock);
}

bool bare_console_has_interrupt(void)
{
	return has_interrupt;
}

/* ---- Start */

/* console=sbi in the boot arguments leaves the UART to the firmware. */
static bool uart_is_wanted(void)
{
	char value[8];

	return !bare_bootarg("console", value, sizeof(value)) || strcmp(value, "sbi") != 0;
}

void bare_console_init(void)
{
	struct tree_uart uart;

	kind = sbi_has(SBI_EXT_DBCN) ? CONSOLE_DBCN : CONSOLE_LEGACY;
	if (!uart_is_wanted() || !tree_uart(&host_tree, &uart))
		return;
	lock_take(&lock);
	if (uart_init(&uart))
		kind = CONSOLE_UART;
	base = uart.base;
	lock_drop(&lock);
	if (kind != CONSOLE_UART || !irq_register(uart.irq, uart_interrupt, NULL))
		return;
	has_interrupt = true;
	uart_interrupts(true, false);
}

u64 bare_console_base(void)
{
	return kind == CONSOLE_UART ? base : 0;
}

const char *bare_console_name(void)
{
	static const char *const names[] = { "SBI legacy console, polled", "SBI debug console, polled",
					     "16550 UART, polled" };

	return has_interrupt ? "16550 UART" : names[kind];
}
