#include "dev/goldfish_rtc.h"

#include "dev/dev_test.h"
#include "vm/fdt.h"

#define BASE 0x101000
#define NOW 1767225600123456789ul /* in 2026 */

enum { TIME_LOW = 0x0, TIME_HIGH = 0x4, ALARM_LOW = 0x8, ALARM_HIGH = 0xc, IRQ_ENABLED = 0x10,
       CLEAR_ALARM = 0x14, ALARM_STATUS = 0x18, CLEAR_INTERRUPT = 0x1c };

static u64 now, due;
static struct test_wire wire;
static struct dev *rtc;

static u64 clock_now(void *arg)
{
	assert_ptr_equal(arg, &now);
	return now;
}

static void clock_alarm(void *arg, u64 when)
{
	assert_ptr_equal(arg, &now);
	due = when;
}

static int rtc_setup(void **state unused)
{
	const struct goldfish_rtc_clock clock = { clock_now, clock_alarm, &now };

	now = NOW;
	due = HOST_FOREVER;
	wire = (struct test_wire){ 0 };
	rtc = goldfish_rtc_create(BASE, test_wire_line(&wire, 11), clock, &test_account);
	assert_non_null(rtc);
	return 0;
}

static int rtc_teardown(void **state unused)
{
	rtc->ops->destroy(rtc);
	return 0;
}

static u64 time_read(void)
{
	u64 low = test_read(rtc, TIME_LOW, 4);

	return test_read(rtc, TIME_HIGH, 4) << 32 | low;
}

static void pair_write(u64 low_reg, u64 value)
{
	test_write(rtc, low_reg + 4, 4, value >> 32);
	test_write(rtc, low_reg, 4, (u32)value);
}

static void tells_the_time(void **state unused)
{
	assert_int_equal(time_read(), NOW);
	now += 5000000000;
	assert_int_equal(time_read(), NOW + 5000000000);
}

static void latches_the_high_half(void **state unused)
{
	now = 0x17fffffff;
	assert_int_equal(test_read(rtc, TIME_LOW, 4), 0x7fffffff);
	now = 0x200000000;
	assert_int_equal(test_read(rtc, TIME_HIGH, 4), 1);
}

static void can_be_set_and_keeps_it_over_a_reset(void **state unused)
{
	pair_write(TIME_LOW, 1000000000000);
	assert_int_equal(time_read(), 1000000000000);
	now += 7;
	test_reset(rtc);
	assert_int_equal(time_read(), 1000000000007);
	pair_write(TIME_LOW, ~0ul);
	assert_int_equal(time_read(), ~0ul);
}

/* As Linux's driver does it: high half, low half, enable; then the interrupt. */
static void fires_its_alarm(void **state unused)
{
	pair_write(ALARM_LOW, NOW + 1000);
	test_write(rtc, IRQ_ENABLED, 4, 1);
	assert_int_equal(test_read(rtc, ALARM_STATUS, 4), 1);
	assert_int_equal(test_read(rtc, ALARM_LOW, 4), (u32)(NOW + 1000));
	assert_int_equal(test_read(rtc, ALARM_HIGH, 4), (NOW + 1000) >> 32);
	assert_int_equal(due, NOW + 1000);
	now += 999;
	goldfish_rtc_alarm(rtc);
	assert_false(wire.level);
	now += 1;
	goldfish_rtc_alarm(rtc);
	assert_true(wire.level);
	assert_int_equal(test_read(rtc, ALARM_STATUS, 4), 0);
	test_write(rtc, CLEAR_INTERRUPT, 4, 1);
	assert_false(wire.level);
	goldfish_rtc_alarm(rtc);
	assert_false(wire.level);
}

static void fires_an_alarm_in_the_past_at_once(void **state unused)
{
	test_write(rtc, IRQ_ENABLED, 4, 1);
	pair_write(ALARM_LOW, NOW - 1);
	assert_true(wire.level);
	assert_int_equal(due, HOST_FOREVER);
	test_write(rtc, IRQ_ENABLED, 4, 0);
	assert_false(wire.level);
	test_write(rtc, IRQ_ENABLED, 4, 1);
	assert_true(wire.level);
}

static void disarms(void **state unused)
{
	test_write(rtc, IRQ_ENABLED, 4, 1);
	pair_write(ALARM_LOW, NOW + 1000);
	test_write(rtc, CLEAR_ALARM, 4, 1);
	assert_int_equal(test_read(rtc, ALARM_STATUS, 4), 0);
	assert_int_equal(due, HOST_FOREVER);
	now += 2000;
	goldfish_rtc_alarm(rtc);
	assert_false(wire.level);
}

static void asks_for_the_timer_in_the_clocks_time(void **state unused)
{
	pair_write(TIME_LOW, 5000);
	pair_write(ALARM_LOW, 5600);
	assert_int_equal(due, NOW + 600);
	pair_write(TIME_LOW, 5100);
	assert_int_equal(due, NOW + 500);
	pair_write(TIME_LOW, 6000);
	assert_int_equal(due, HOST_FOREVER);
	assert_int_equal(test_read(rtc, ALARM_STATUS, 4), 0);
}

static void notices_its_alarm_late_without_a_timer(void **state unused)
{
	const struct goldfish_rtc_clock clock = { clock_now, NULL, &now };

	rtc_teardown(NULL);
	rtc = goldfish_rtc_create(BASE, test_wire_line(&wire, 11), clock, &test_account);
	pair_write(ALARM_LOW, NOW + 1000);
	test_write(rtc, IRQ_ENABLED, 4, 1);
	now += 1000;
	assert_false(wire.level);
	time_read();
	assert_true(wire.level);
	test_reset(rtc);
	assert_false(wire.level);
}

static void ignores_what_it_does_not_have(void **state unused)
{
	for (u64 off = CLEAR_INTERRUPT + 4; off < GOLDFISH_RTC_SIZE; off += 4) {
		test_write(rtc, off, 4, ~0u);
		assert_int_equal(test_read(rtc, off, 4), 0);
	}
	assert_int_equal(time_read(), NOW);
}

static void is_found_by_its_node(void **state unused)
{
	const void *fdt = test_describe(rtc);

	test_compatible(fdt, "/rtc@101000", "google,goldfish-rtc");
	assert_int_equal(test_cell(fdt, "/rtc@101000", "reg", 1), BASE);
	assert_int_equal(test_cell(fdt, "/rtc@101000", "reg", 3), GOLDFISH_RTC_SIZE);
	assert_int_equal(test_cell(fdt, "/rtc@101000", "interrupts", 0), 11);
	assert_int_equal(test_cell(fdt, "/rtc@101000", "interrupt-parent", 0), FDT_PHANDLE_PLIC);
	test_describe_short(rtc);
}

#define rtc_test(f) cmocka_unit_test_setup_teardown(f, rtc_setup, rtc_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		rtc_test(tells_the_time),
		rtc_test(latches_the_high_half),
		rtc_test(can_be_set_and_keeps_it_over_a_reset),
		rtc_test(fires_its_alarm),
		rtc_test(fires_an_alarm_in_the_past_at_once),
		rtc_test(disarms),
		rtc_test(asks_for_the_timer_in_the_clocks_time),
		rtc_test(notices_its_alarm_late_without_a_timer),
		rtc_test(ignores_what_it_does_not_have),
		rtc_test(is_found_by_its_node),
	};

	return cmocka_run_group_tests(tests, NULL, test_leaves_nothing);
}
