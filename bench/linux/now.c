/*
 * A process of a Linux guest that prints the machine's time, `bench now TICKS`, then what instret
 * shows, `bench own N`: in a VM whose hypervisor counts its own instructions there (boot argument
 * `count`), that is how many so far.
 */
#include "linux/process.h"

void _start(void)
{
	unsigned long own;

	bench_print("now", time_read());
	/* Ends the process where a kernel forbids it. */
	asm volatile("rdinstret %0" : "=r"(own));
	bench_print("own", own);
	process_exit(0);
}
