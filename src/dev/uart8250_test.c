#include "dev/uart8250.h"

#include "dev/dev_test.h"
#include "lib/ring.h"
#include "vm/fdt.h"

#define BASE 0x10000000

enum { RBR = 0, THR = 0, DLL = 0, IER = 1, DLM = 1, IIR = 2, FCR = 2, LCR = 3, MCR = 4, LSR = 5,
       MSR = 6, SCR = 7 };

static struct {
	struct char_backend backend;
	char out[512];
	size_t out_len;
	struct ring in;
	u8 in_data[512];
} line;
static struct test_wire wire;
static struct dev *uart;

static void line_put(struct char_backend *b unused, u8 byte)
{
	assert_true(line.out_len < sizeof(line.out));
	line.out[line.out_len++] = (char)byte;
}

static int line_get(struct char_backend *b unused)
{
	return ring_get(&line.in);
}

static const struct char_ops line_ops = { .put = line_put, .get = line_get };

static void line_type(const char *text)
{
	for (; *text; text++)
		ring_put(&line.in, (u8)*text);
	char_notify(&line.backend);
}

static int uart_setup(void **state unused)
{
	memset(&line, 0, sizeof(line));
	line.backend.ops = &line_ops;
	line.in = (struct ring){ .data = line.in_data, .size = sizeof(line.in_data) };
	wire = (struct test_wire){ 0 };
	uart = uart8250_create(BASE, test_wire_line(&wire, 10), &line.backend, &test_account);
	assert_non_null(uart);
	assert_true(test_account.used > 0);
	return 0;
}

static int uart_teardown(void **state unused)
{
	uart->ops->destroy(uart);
	assert_null(line.backend.input_ready);
	assert_int_equal(test_account.used, 0);
	return 0;
}

static u8 in(u64 reg) { return (u8)test_read(uart, reg, 1); }
static void out(u64 reg, u8 value) { test_write(uart, reg, 1, value); }

static void prints(void **state unused)
{
	for (const char *p = "Hello\n"; *p; p++) {
		assert_int_equal(in(LSR), 0x60);
		out(THR, (u8)*p);
	}
	assert_int_equal(line.out_len, 6);
	assert_memory_equal(line.out, "Hello\n", 6);
	assert_int_equal(wire.changes, 0);
}

static void keeps_divisor_and_scratch_apart(void **state unused)
{
	assert_int_not_equal(in(LCR) & 0x80, 0x80);
	out(LCR, 0x83);
	assert_int_not_equal(in(DLL) | in(DLM), 0);
	out(DLL, 0x12);
	out(DLM, 0x34);
	assert_int_equal(in(DLL), 0x12);
	assert_int_equal(in(DLM), 0x34);
	out(LCR, 0x03);
	assert_int_equal(in(LCR), 0x03);
	assert_int_equal(in(IER), 0);
	assert_int_equal(line.out_len, 0);
	out(SCR, 0xa5);
	assert_int_equal(in(SCR), 0xa5);
	out(IER, 0xff);
	assert_int_equal(in(IER), 0x0f);
	out(MCR, 0xef);
	assert_int_equal(in(MCR), 0x0f);
}

static void receives_by_polling(void **state unused)
{
	line_type("abc");
	for (const char *p = "abc"; *p; p++) {
		assert_int_equal(in(LSR), 0x61);
		assert_int_equal(in(LSR), 0x61);
		assert_int_equal(in(RBR), *p);
	}
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(RBR), 0);
	line_type("d");
	assert_int_equal(in(RBR), 'd'); /* without looking first */
	assert_int_equal(wire.changes, 0);
}

static void receives_by_interrupt(void **state unused)
{
	out(FCR, 0x01);
	out(IER, 0x01);
	assert_int_equal(in(IIR), 0xc1);
	line_type("xy");
	assert_true(wire.level);
	assert_int_equal(in(IIR), 0xc4);
	assert_int_equal(in(IIR), 0xc4);
	assert_int_equal(in(RBR), 'x');
	assert_true(wire.level);
	assert_int_equal(in(RBR), 'y');
	assert_false(wire.level);
	assert_int_equal(in(IIR), 0xc1);
}

/* A trigger level is not waited for: the character time-out comes at once. */
static void times_out_below_the_trigger_level(void **state unused)
{
	out(FCR, 0xc1);
	out(IER, 0x01);
	line_type("x");
	assert_true(wire.level);
	assert_int_equal(in(IIR), 0xcc);
	assert_int_equal(in(RBR), 'x');
	assert_int_equal(in(IIR), 0xc1);
}

static void raises_the_interrupt_for_earlier_input(void **state unused)
{
	line_type("q");
	assert_false(wire.level);
	out(IER, 0x01);
	assert_true(wire.level);
	out(IER, 0x00);
	assert_false(wire.level);
	out(IER, 0x01);
	assert_int_equal(in(RBR), 'q');
	assert_false(wire.level);
}

/* Who reads by another way (the SBI console) must not miss what the UART took ahead. */
static void leaves_input_alone_until_it_is_asked(void **state unused)
{
	line_type("abc");
	out(FCR, 0x07);
	out(IER, 0x02);
	out(MCR, 0x0b);
	out(THR, '!');
	in(IIR);
	in(MSR);
	assert_int_equal(ring_used(&line.in), 3);
	in(LSR);
	assert_int_equal(ring_used(&line.in), 2);
}

/* Linux's start-up test: the interrupt of the empty transmitter comes each time anew. */
static void raises_the_transmitter_interrupt_once(void **state unused)
{
	assert_int_equal(in(IIR), 0x01);
	for (int i = 0; i < 2; i++) {
		out(IER, 0x02);
		assert_true(wire.level);
		assert_int_equal(in(IIR), 0x02);
		assert_false(wire.level);
		assert_int_equal(in(IIR), 0x01);
		out(IER, 0x00);
	}
	out(IER, 0x02);
	out(IER, 0x00);
	assert_false(wire.level);
	assert_int_equal(in(IIR), 0x01);
	out(IER, 0x02);
	assert_int_equal(in(IIR), 0x02);
	out(IER, 0x02); /* it was enabled before */
	assert_int_equal(in(IIR), 0x01);
	out(THR, 'a');
	assert_true(wire.level);
	assert_int_equal(in(IIR), 0x02);
	assert_false(wire.level);
}

static void orders_its_interrupts(void **state unused)
{
	out(MCR, 0x10); /* modem lines fall */
	out(FCR, 0x01);
	for (int i = 0; i < 17; i++) /* one too many */
		out(THR, (u8)i);
	out(IER, 0x0f);
	assert_int_equal(in(IIR), 0xc6);
	assert_int_equal(in(LSR), 0x63);
	assert_int_equal(in(IIR), 0xc4);
	for (int i = 0; i < 16; i++)
		assert_int_equal(in(RBR), i);
	assert_int_equal(in(IIR), 0xc2);
	assert_int_equal(in(IIR), 0xc0);
	assert_true(wire.level);
	assert_int_equal(in(MSR), 0x0b);
	assert_false(wire.level);
	assert_int_equal(in(IIR), 0xc1);
	assert_int_equal(line.out_len, 0);
}

/* The probe of Linux and U-Boot: MCR's outputs come back as MSR's inputs. */
static void loops_modem_lines_back(void **state unused)
{
	assert_int_equal(in(MSR), 0xb0);
	out(MCR, 0x10 | 0x0a);
	assert_int_equal(in(MSR) & 0xf0, 0x90);
	out(MCR, 0x10 | 0x05);
	assert_int_equal(in(MSR), 0x60 | 0x0b); /* RI rose: only its fall counts */
	out(MCR, 0x10);
	assert_int_equal(in(MSR), 0x06);
	assert_int_equal(in(MSR), 0x00);
	out(MCR, 0x0b);
	assert_int_equal(in(MSR), 0xbb);
	assert_int_equal(in(MSR), 0xb0);
}

/* How FreeBSD measures the FIFO. */
static void loops_data_back(void **state unused)
{
	line_type("input");
	out(MCR, 0x10);
	for (int depth = 1; depth <= 16; depth += 15) {
		int count = 0;

		out(FCR, depth == 16 ? 0x07 : 0x00);
		while (!(in(LSR) & 0x02) && count < 100)
			out(THR, (u8)++count);
		assert_int_equal(count, depth + 1);
		assert_int_equal(in(RBR), depth == 1 ? 2 : 1);
		while (in(LSR) & 0x01)
			count += in(RBR) == 0;
		assert_int_equal(count, depth + 1);
	}
	assert_int_equal(line.out_len, 0);
	out(MCR, 0x00);
	assert_int_equal(in(RBR), 'i');
}

static void empties_its_fifo_on_demand(void **state unused)
{
	out(MCR, 0x10);
	out(FCR, 0x01);
	out(THR, 1);
	out(FCR, 0x05); /* the transmitter's only */
	assert_int_equal(in(LSR), 0x61);
	out(FCR, 0x03);
	assert_int_equal(in(LSR), 0x60);
	out(THR, 2);
	out(FCR, 0x00);
	assert_int_equal(in(LSR), 0x60);
	out(FCR, 0xc0); /* not programmed without the enable bit */
	assert_int_equal(in(IIR), 0x01);
}

static void starts_anew_after_a_reset(void **state unused)
{
	out(LCR, 0x80);
	out(LCR, 0x03);
	out(IER, 0x02);
	assert_true(wire.level);
	line_type("typed ahead");
	test_reset(uart);
	assert_false(wire.level);
	assert_int_equal(in(IER) | in(LCR) | in(MCR) | in(SCR), 0);
	assert_int_equal(in(IIR), 0x01);
	assert_int_equal(in(MSR), 0xb0);
	assert_int_equal(in(RBR), 't');
}

static void answers_bytes_only(void **state unused)
{
	struct bus bus = { 0 };
	u64 value = 0;

	assert_int_equal(bus_add(&bus, uart), 0);
	for (unsigned size = 2; size <= 8; size *= 2) {
		assert_false(bus_access(&bus, BASE, size, true, &value));
		assert_false(bus_access(&bus, BASE, size, false, &value));
	}
	for (u64 off = 8; off < UART8250_SIZE; off++) {
		out(off, 0xff);
		assert_int_equal(in(off), 0);
	}
	assert_int_equal(line.out_len, 0);
}

static void works_without_a_listener(void **state unused)
{
	struct dev *other = uart;
	const void *fdt;

	uart = uart8250_create(BASE, (struct irq_line){ 0 }, NULL, &test_account);
	out(THR, 'x');
	out(IER, 0x0f);
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(RBR), 0);
	fdt = test_describe(uart);
	test_compatible(fdt, "/serial@10000000", "ns16550a");
	assert_null(fdt_getprop(fdt, fdt_path_offset(fdt, "/serial@10000000"), "interrupts",
				NULL));
	uart->ops->destroy(uart);
	uart = other;
}

static void is_not_made_without_memory(void **state unused)
{
	struct host_account poor = { .limit = 16 };

	assert_null(uart8250_create(BASE, (struct irq_line){ 0 }, NULL, &poor));
}

static void is_found_by_its_node(void **state unused)
{
	const char *path = "/serial@10000000";
	const void *fdt = test_describe(uart);

	test_compatible(fdt, path, "ns16550a");
	assert_int_equal(test_cell(fdt, path, "reg", 0), 0);
	assert_int_equal(test_cell(fdt, path, "reg", 1), BASE);
	assert_int_equal(test_cell(fdt, path, "reg", 2), 0);
	assert_int_equal(test_cell(fdt, path, "reg", 3), UART8250_SIZE);
	assert_int_equal(test_cell(fdt, path, "interrupts", 0), 10);
	assert_int_equal(test_cell(fdt, path, "interrupt-parent", 0), FDT_PHANDLE_PLIC);
	assert_int_equal(test_cell(fdt, path, "clock-frequency", 0), 3686400);
	test_describe_short(uart);
}

#define uart_test(f) cmocka_unit_test_setup_teardown(f, uart_setup, uart_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		uart_test(prints),
		uart_test(keeps_divisor_and_scratch_apart),
		uart_test(receives_by_polling),
		uart_test(receives_by_interrupt),
		uart_test(times_out_below_the_trigger_level),
		uart_test(raises_the_interrupt_for_earlier_input),
		uart_test(leaves_input_alone_until_it_is_asked),
		uart_test(raises_the_transmitter_interrupt_once),
		uart_test(orders_its_interrupts),
		uart_test(loops_modem_lines_back),
		uart_test(loops_data_back),
		uart_test(empties_its_fifo_on_demand),
		uart_test(starts_anew_after_a_reset),
		uart_test(answers_bytes_only),
		uart_test(works_without_a_listener),
		uart_test(is_not_made_without_memory),
		uart_test(is_found_by_its_node),
	};

	return cmocka_run_group_tests(tests, NULL, test_leaves_nothing);
}
