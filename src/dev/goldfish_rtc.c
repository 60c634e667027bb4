/*
 * Google's Goldfish RTC: GOLDFISH-VIRTUAL-HARDWARE.TXT of the Android emulator,
 * section "Goldfish timer"; device-tree binding rtc/google,goldfish-rtc.
 */
#include "dev/goldfish_rtc.h"

#include <libfdt.h>

#include "vm/fdt.h"

enum goldfish_rtc_reg {
	RTC_TIME_LOW = 0x00,     /* a read latches the high half, a write sets the clock */
	RTC_TIME_HIGH = 0x04,    /* the latch */
	RTC_ALARM_LOW = 0x08,    /* a write arms the alarm */
	RTC_ALARM_HIGH = 0x0c,   /* written before the low half */
	RTC_IRQ_ENABLED = 0x10,
	RTC_CLEAR_ALARM = 0x14,  /* any write disarms it */
	RTC_ALARM_STATUS = 0x18, /* 1 while it is armed */
	RTC_CLEAR_INTERRUPT = 0x1c,
};

struct goldfish_rtc_state {
	u64 offset; /* the guest's time less the clock's, modulo 2^64 */
	u64 alarm;  /* in the guest's time */
	u32 time_high;
	bool alarm_armed;
	bool irq_enabled;
	bool irq_pending;
};

struct goldfish_rtc {
	struct dev dev;
	struct goldfish_rtc_clock clock;
	struct host_account *payer;
	struct goldfish_rtc_state s;
};

static void rtc_update_irq(struct goldfish_rtc *r)
{
	irq_set(&r->dev.irq, r->s.irq_pending && r->s.irq_enabled);
}

static u64 rtc_now(struct goldfish_rtc *r)
{
	return r->clock.now(r->clock.arg) + r->s.offset;
}

static void rtc_set_timer(struct goldfish_rtc *r)
{
	if (r->clock.alarm)
		r->clock.alarm(r->clock.arg,
			       r->s.alarm_armed ? r->s.alarm - r->s.offset : HOST_FOREVER);
}

static void rtc_check_alarm(struct goldfish_rtc *r)
{
	if (!r->s.alarm_armed || r->s.alarm > rtc_now(r))
		return;
	r->s.alarm_armed = false;
	r->s.irq_pending = true;
	rtc_update_irq(r);
}

static u64 rtc_read(struct dev *d, u64 off, unsigned size unused)
{
	struct goldfish_rtc *r = container_of(d, struct goldfish_rtc, dev);
	u64 now;

	rtc_check_alarm(r);
	switch (off) {
	case RTC_TIME_LOW:
		now = rtc_now(r);
		r->s.time_high = (u32)(now >> 32);
		return (u32)now;
	case RTC_TIME_HIGH:
		return r->s.time_high;
	case RTC_ALARM_LOW:
		return (u32)r->s.alarm;
	case RTC_ALARM_HIGH:
		return r->s.alarm >> 32;
	case RTC_IRQ_ENABLED:
		return r->s.irq_enabled;
	case RTC_ALARM_STATUS:
		return r->s.alarm_armed;
	default:
		return 0;
	}
}

static void rtc_write_alarm(struct goldfish_rtc *r, u32 low)
{
	r->s.alarm = (r->s.alarm & MASK(63, 32)) | low;
	r->s.alarm_armed = true;
	rtc_check_alarm(r);
	rtc_set_timer(r);
}

static void rtc_write_time(struct goldfish_rtc *r, u32 low)
{
	u64 now = (u64)r->s.time_high << 32 | low;

	r->s.offset = now - r->clock.now(r->clock.arg);
	rtc_check_alarm(r);
	rtc_set_timer(r);
}

static void rtc_write(struct dev *d, u64 off, unsigned size unused, u64 value)
{
	struct goldfish_rtc *r = container_of(d, struct goldfish_rtc, dev);
	u32 v = (u32)value;

	switch (off) {
	case RTC_TIME_LOW:
		rtc_write_time(r, v);
		break;
	case RTC_TIME_HIGH:
		r->s.time_high = v;
		break;
	case RTC_ALARM_LOW:
		rtc_write_alarm(r, v);
		break;
	case RTC_ALARM_HIGH:
		r->s.alarm = (u64)v << 32 | (u32)r->s.alarm;
		break;
	case RTC_IRQ_ENABLED:
		r->s.irq_enabled = v & 1;
		rtc_update_irq(r);
		break;
	case RTC_CLEAR_ALARM:
		r->s.alarm_armed = false;
		rtc_set_timer(r);
		break;
	case RTC_CLEAR_INTERRUPT:
		r->s.irq_pending = false;
		rtc_update_irq(r);
		break;
	default:
		break;
	}
}

/* The clock goes on, as one with a battery does. */
static void rtc_reset(struct dev *d)
{
	struct goldfish_rtc *r = container_of(d, struct goldfish_rtc, dev);

	r->s = (struct goldfish_rtc_state){ .offset = r->s.offset };
	rtc_set_timer(r);
	rtc_update_irq(r);
}

static int rtc_describe(const struct dev *d, void *fdt)
{
	return fdt_begin_device(fdt, "rtc", d) ?:
	       fdt_text(fdt, "compatible", "google,goldfish-rtc") ?:
	       fdt_interrupt(fdt, d) ?:
	       fdt_end_node(fdt);
}

static void rtc_destroy(struct dev *d)
{
	struct goldfish_rtc *r = container_of(d, struct goldfish_rtc, dev);

	if (r->clock.alarm)
		r->clock.alarm(r->clock.arg, HOST_FOREVER);
	host_free(r, sizeof(*r), r->payer);
}

static const struct dev_ops rtc_ops = {
	.name = "goldfish-rtc",
	.sizes = DEV_SIZE_4,
	.read = rtc_read,
	.write = rtc_write,
	.reset = rtc_reset,
	.describe = rtc_describe,
	.destroy = rtc_destroy,
};

struct dev *goldfish_rtc_create(u64 base, struct irq_line irq, struct goldfish_rtc_clock clock,
				struct host_account *payer)
{
	struct goldfish_rtc *r = host_alloc(sizeof(*r), payer);

	if (!r)
		return NULL;
	r->dev = (struct dev){
		.ops = &rtc_ops,
		.base = base,
		.size = GOLDFISH_RTC_SIZE,
		.irq = irq,
		.state = &r->s,
		.state_size = sizeof(r->s),
	};
	r->clock = clock;
	r->payer = payer;
	return &r->dev;
}

void goldfish_rtc_alarm(struct dev *d)
{
	struct goldfish_rtc *r = container_of(d, struct goldfish_rtc, dev);

	lock_take(&d->lock);
	rtc_check_alarm(r);
	lock_drop(&d->lock);
}
