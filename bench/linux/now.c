/*
 * A process of a Linux guest that prints the machine's time, `bench now TICKS`, then what instret
 * shows, `bench own N`: in a VM whose hypervisor counts its own instructions there (boot argument
 * `count`), that is how many so far. Freestanding: no C library of the guest's is at hand.
 */
#include <stddef.h>

enum { SYS_WRITE = 64, SYS_EXIT = 93 };

static long system_call(long number, long arg0, long arg1, long arg2)
{
	register long a0 asm("a0") = arg0;
	register long a1 asm("a1") = arg1;
	register long a2 asm("a2") = arg2;
	register long a7 asm("a7") = number;

	asm volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
	return a0;
}

static void say(const char *what, unsigned long number)
{
	char line[64], digits[24];
	size_t length = 0, count = 0;

	while (*what)
		line[length++] = *what++;
	do
		digits[count++] = (char)('0' + number % 10);
	while (number /= 10);
	while (count)
		line[length++] = digits[--count];
	line[length++] = '\n';
	system_call(SYS_WRITE, 1, (long)line, (long)length);
}

void _start(void);

void _start(void)
{
	unsigned long now, own;

	asm volatile("rdtime %0" : "=r"(now));
	say("bench now ", now);
	/* Ends the process where a kernel forbids it. */
	asm volatile("rdinstret %0" : "=r"(own));
	say("bench own ", own);
	system_call(SYS_EXIT, 0, 0, 0);
	__builtin_unreachable();
}
