/*
 * Time, chance, harts. The clock is the kernel's, counted in ticks: what it says and what a futex or
 * a timer waits for is then one and the same.
 */
#define _GNU_SOURCE
#include "host/linux/time.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "host/host.h"
#include "host/linux/linux.h"
#include "host/linux/task.h"

#define SECOND 1000000000ul /* ns */

static u64 hz = SECOND;

int linux_init(u64 timebase)
{
	hz = timebase;
	return task_init();
}

u64 host_timebase(void) { return hz; }

u64 host_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * hz + (u64)now.tv_nsec * hz / SECOND;
}

/* Rounded up, so that nobody wakes too early and has to sleep again. */
void time_to_timespec(u64 ticks, struct timespec *when)
{
	u64 seconds = min_u64(ticks / hz, INT32_MAX);

	when->tv_sec = (time_t)seconds;
	when->tv_nsec = (long)((ticks % hz * SECOND + hz - 1) / hz);
	if (when->tv_nsec == (long)SECOND) {
		when->tv_sec++;
		when->tv_nsec = 0;
	}
}

u64 host_random(void)
{
	u64 value = 0;

	while (getrandom(&value, sizeof(value), 0) != sizeof(value))
		if (errno != EINTR)
			host_panic("no random numbers: error %d", errno);
	return value;
}

unsigned host_harts(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned)n : 1;
}

unsigned host_hart(void)
{
	int hart = sched_getcpu();

	return hart > 0 ? (unsigned)hart : 0;
}

void host_panic(const char *fmt, ...)
{
	va_list args;

	fputs("\r\nbulkhead: panic: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputs("\r\n", stderr);
	abort();
}
