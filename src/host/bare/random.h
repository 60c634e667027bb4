/* host_random()'s beginning. */
#ifndef HOST_BARE_RANDOM_H
#define HOST_BARE_RANDOM_H

/* After the device tree and the processor's features are known. */
void random_init(void);

#endif
