/* The real-time clock of QEMU's `virt`: nanoseconds since 1970 and an alarm. */
#ifndef DEV_GOLDFISH_RTC_H
#define DEV_GOLDFISH_RTC_H

#include "host/host.h"
#include "vm/dev.h"

#define GOLDFISH_RTC_SIZE 0x1000

/* Where the time comes from. Called with the device's lock held. */
struct goldfish_rtc_clock {
	u64 (*now)(void *arg); /* ns since 1970, never backwards */
	/*
	 * The next alarm is due when now() says @when, or HOST_FOREVER: none; replaces the
	 * former one. The owner then calls goldfish_rtc_alarm(). NULL where there is no
	 * timer: an alarm then fires when the guest next touches the clock.
	 */
	void (*alarm)(void *arg, u64 when);
	void *arg;
};

/* @payer pays for the model until ops->destroy. NULL when memory is short. */
struct dev *goldfish_rtc_create(u64 base, struct irq_line irq, struct goldfish_rtc_clock clock,
				struct host_account *payer);
/* Fires the alarm if it is due; harmless otherwise. Any task, the device's lock not held. */
void goldfish_rtc_alarm(struct dev *d);

#endif
