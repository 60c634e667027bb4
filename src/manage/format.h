/* Numbers as an operator reads them. Each returns @buf, which holds FORMAT_MAX bytes. */
#ifndef MANAGE_FORMAT_H
#define MANAGE_FORMAT_H

#include "lib/types.h"

#define FORMAT_MAX 40

/* "17 bytes", "4 KiB", "1.5 GiB" (rounded down to tenths). */
const char *format_size(char *buf, u64 bytes);
/* Harts as "0-3,5"; 0 is "any". Ends in "..." when there are more than fit. */
const char *format_harts(char *buf, u64 mask);
/* Seconds as "1:02:03" or "3 days 1:02:03". */
const char *format_duration(char *buf, u64 seconds);

#endif
