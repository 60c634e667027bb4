/* The heap of common memory: host_alloc(). */
#ifndef HOST_BARE_COMMON_H
#define HOST_BARE_COMMON_H

/* After memory_init(). */
void common_init(void);

#endif
