/* guest: vcpus=1 memory=64M */
/* One line through the UART, then a shutdown. */
#include "lib/guest.h"

void guest_main(void)
{
	uart_puts("hello from a guest\n");
}
