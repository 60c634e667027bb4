/* Ending the machine: bare_shutdown(), bare_reboot(). */
#ifndef HOST_BARE_RESET_H
#define HOST_BARE_RESET_H

struct tree;

/* Boot only. */
void reset_init(const struct tree *t);

#endif
