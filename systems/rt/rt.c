/*
 * The demo's real-time program: a timer interrupt every millisecond, and how late each one came,
 * as a histogram every few seconds. It only measures: no lateness makes it fail.
 *
 * Boot arguments: rt.histograms=N powers off after N histograms (0: never), rt.seconds=N is the
 * time between two (5).
 */
#include "lib/guest.h"

enum { TICKS_PER_SECOND = 1000, BAR = 40 };

/* Upper bounds of the histogram's rows in nanoseconds; the last row has none. */
static const u32 bounds[] = { 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000,
	1000000 };
static const char *const labels[] = { "  < 1 us", "  < 2 us", "  < 5 us", " < 10 us", " < 20 us",
	" < 50 us", "< 100 us", "< 200 us", "< 500 us", "  < 1 ms", " >= 1 ms" };
enum { ROWS = ARRAY_SIZE(labels) };

struct stats {
	u64 count; /* interrupts taken */
	u64 missed; /* periods that passed without one of their own */
	u64 sum, min, max; /* lateness in nanoseconds */
	u64 row[ROWS];
};

static struct stats stats; /* written by the handler */
static u64 frequency, period, deadline; /* in ticks of `time` */
static void (*timer_program)(u64 deadline);

static void stats_clear(struct stats *s)
{
	*s = (struct stats){ .min = ~0ul };
}

static void stats_add(struct stats *s, u64 ns)
{
	u64 i = 0;

	while (i < ROWS - 1 && ns >= bounds[i])
		i++;
	s->row[i]++;
	s->count++;
	s->sum += ns;
	s->min = min_u64(s->min, ns);
	s->max = max_u64(s->max, ns);
}

static void timer_irq(struct frame *f unused)
{
	u64 late = time_read() - deadline;
	u64 skipped = late / period;

	stats_add(&stats, late * 1000000000 / frequency);
	stats.missed += skipped;
	deadline += (skipped + 1) * period;
	timer_program(deadline);
}

/* "12.3" for 12345 nanoseconds. */
static void micro(char out[static 16], u64 ns)
{
	u64 v = ns / 100 % 10, n = ns / 1000;
	char digits[24];
	int len = 0;

	do
		digits[len++] = (char)('0' + n % 10);
	while ((n /= 10) && len < 12);
	while (len)
		*out++ = digits[--len];
	*out++ = '.';
	*out++ = (char)('0' + v);
	*out = 0;
}

/* A bar in proportion; whatever is there at all gets a mark. */
static void bar_print(const char *label, u64 n, u64 of)
{
	char bar[BAR + 1];
	u64 len = of ? (n * BAR + of / 2) / of : 0;

	for (u64 i = 0; i < len; i++)
		bar[i] = '#';
	bar[len] = 0;
	print("  %s %7lu%s%s\n", label, n, n ? " " : "", n && !len ? "." : bar);
}

static void histogram_print(const struct stats *s, u64 number)
{
	char min[16], avg[16], max[16];

	micro(min, s->count ? s->min : 0);
	micro(avg, s->count ? s->sum / s->count : 0);
	micro(max, s->max);
	print("rt: histogram %lu: %lu interrupts at 1 kHz, %lu missed\n", number, s->count,
	      s->missed);
	print("rt: late by min %s avg %s max %s us\n", min, avg, max);
	for (u64 i = 0; i < ROWS; i++)
		bar_print(labels[i], s->row[i], s->count);
}

/* Runs until the next histogram is due, and takes what was measured. */
static void measure(u64 seconds, struct stats *taken)
{
	u64 end = time_read() + seconds * frequency;

	while (time_read() < end)
		wfi();
	irq_disable();
	*taken = stats;
	stats_clear(&stats);
	irq_enable();
}

void guest_main(void)
{
	u64 limit = bootarg_number("rt.histograms", 0), seconds = bootarg_number("rt.seconds", 5);
	struct stats taken;

	frequency = timer_frequency();
	period = frequency / TICKS_PER_SECOND;
	timer_program = isa_has("sstc") ? timer_set_direct : timer_set;
	print("rt: 1 kHz timer by %s\n", isa_has("sstc") ? "Sstc" : "SBI");
	irq_handlers[IRQ_STI] = timer_irq;
	stats_clear(&stats);
	deadline = time_read() + period;
	timer_program(deadline);
	csr_write(sie, BIT(IRQ_STI));
	irq_enable();
	for (u64 n = 1; !limit || n <= limit; n++) {
		measure(seconds, &taken);
		histogram_print(&taken, n);
	}
	print("rt: done\n");
}
