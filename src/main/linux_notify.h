/*
 * What a process tells the service manager that started it (sd_notify(3)): datagrams to the socket that
 * $NOTIFY_SOCKET names. Without one nothing happens.
 */
#ifndef MAIN_LINUX_NOTIFY_H
#define MAIN_LINUX_NOTIFY_H

#include "lib/types.h"

/* Whether anybody listens. */
bool notify_wanted(void);
/* Sends @text: "READY=1", several lines if need be. Does not wait. */
void notify_send(const char *text);
/* Every so many milliseconds "WATCHDOG=1" must come; 0: it need not. */
u64 notify_watchdog(void);

#endif
