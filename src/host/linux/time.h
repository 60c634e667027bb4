/* Private to the host on Linux: ticks of the timebase and the kernel's clock. */
#ifndef HOST_LINUX_TIME_H
#define HOST_LINUX_TIME_H

#include <time.h>

#include "lib/types.h"

/* The time of CLOCK_MONOTONIC at which host_time() will be @ticks. */
void time_to_timespec(u64 ticks, struct timespec *when);

#endif
