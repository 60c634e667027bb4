/*
 * The machine's console: a 16550 UART of the host's device tree, else the
 * SBI's debug console, else its legacy one. Any context, any hart.
 */
#ifndef HOST_BARE_CONSOLE_H
#define HOST_BARE_CONSOLE_H

#include "lib/types.h"

/* Finds it; log lines before that went to the SBI's. */
void bare_console_init(void);
/* What was found, for the boot log. */
const char *bare_console_name(void);
/* Address of the UART's registers in the host's tree, 0: it is another kind of console. */
u64 bare_console_base(void);

/* Takes all of it. Bytes that the device has no room for yet wait in a buffer and go out
 * later; waits, for a bounded time, only when that is full. */
void bare_console_write(const char *text, size_t len);
/* The next byte typed, or -1. */
int bare_console_getc(void);
/* @ready is called, in any context, when bytes were typed; only if there is an interrupt. */
void bare_console_set_input(void (*ready)(void));
bool bare_console_has_interrupt(void);

/* As a log sink: the line and a line end. */
void bare_console_log(const char *line, size_t len);
/* From now on each byte goes out before the call returns, and no lock is waited for. */
void bare_console_panic(void);
/* Waits until the buffer is out, a second at most. */
void bare_console_drain(void);

#endif
