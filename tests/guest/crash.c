/* guest: vcpus=1 memory=64M end=crash */
/*
 * Ends as an operating system does that has panicked: a shutdown for the reason "system
 * failure".
 */
#include "lib/guest.h"

void guest_main(void)
{
	uart_puts("this guest reports a system failure\n");
	machine_reset(SRST_SHUTDOWN, 1);
}
