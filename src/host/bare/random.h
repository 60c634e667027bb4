/* host_random()'s beginning, and what adds to it. */
#ifndef HOST_BARE_RANDOM_H
#define HOST_BARE_RANDOM_H

#include "lib/types.h"

/* After the device tree and the processor's features are known. */
void random_init(void);
/* Mixes in what a source of true randomness gave. Any context. */
void random_mix(const u8 *bytes, u64 size);
/* @ask is called, in any context, no lock held, when much was drawn since the last random_mix(). */
void random_set_refill(void (*ask)(void));
/* Where the randomness came from, for the boot log. */
const char *random_source(void);

/* Fills the buffer as host_random() would. False, and the buffer is left as it was, when no source of
 * true randomness has ever been there: not for keys. Any context. */
bool host_entropy(void *buffer, u64 size);

#endif
