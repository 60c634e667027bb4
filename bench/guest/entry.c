/* guest: vcpus=1 memory=64M */
/*
 * When the guest is entered, in instructions of the machine's clock (see ops.c): what firmware takes
 * before the first guest's instruction, to be left out where a whole boot is measured.
 */
#include "lib/guest.h"

void guest_main(void)
{
	print("bench entry %lu\n", time_read() * (1000000000 / timer_frequency()));
	print("bench end\n");
}
