/* guest: vcpus=1 memory=64M end=reboot */
/* Asks for a cold reboot; runs again only if the one who started it wants that. */
#include "lib/guest.h"

void guest_main(void)
{
	uart_puts("this guest asks for a cold reboot\n");
	machine_reset(SRST_COLD_REBOOT, 0);
}
