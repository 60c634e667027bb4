/*
 * What the programs for the Linux guest stand on: system calls, the machine's time and a line of
 * output. Freestanding: no C library of the guest's is at hand.
 */
#ifndef LINUX_PROCESS_H
#define LINUX_PROCESS_H

#include <stddef.h>

/* linux/include/uapi/asm-generic/unistd.h */
enum {
	SYS_DUP3 = 24, SYS_OPENAT = 56, SYS_CLOSE = 57, SYS_PIPE2 = 59, SYS_READ = 63, SYS_WRITE = 64,
	SYS_PREAD64 = 67, SYS_PWRITE64 = 68, SYS_EXIT = 93, SYS_NANOSLEEP = 101, SYS_GETPPID = 173,
	SYS_SOCKET = 198, SYS_BIND = 200, SYS_LISTEN = 201, SYS_ACCEPT = 202, SYS_CONNECT = 203,
	SYS_SETSOCKOPT = 208, SYS_MUNMAP = 215, SYS_CLONE = 220, SYS_EXECVE = 221, SYS_MMAP = 222,
	SYS_MADVISE = 233, SYS_WAIT4 = 260,
};

/* Returns what the kernel does: an error is -errno. */
static inline long system_call6(long number, long arg0, long arg1, long arg2, long arg3, long arg4,
				long arg5)
{
	register long a0 asm("a0") = arg0;
	register long a1 asm("a1") = arg1;
	register long a2 asm("a2") = arg2;
	register long a3 asm("a3") = arg3;
	register long a4 asm("a4") = arg4;
	register long a5 asm("a5") = arg5;
	register long a7 asm("a7") = number;

	asm volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7)
		     : "memory");
	return a0;
}

/* Any system call; arguments that are not named are 0. */
#define system_call(...) SYSTEM_CALL_(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define SYSTEM_CALL_(n, a, b, c, d, e, f, ...) \
	system_call6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* The machine's time in ticks. */
static inline unsigned long time_read(void)
{
	unsigned long now;

	asm volatile("rdtime %0" : "=r"(now) :: "memory");
	return now;
}

static inline char *text_append(char *end, const char *text)
{
	while (*text)
		*end++ = *text++;
	return end;
}

/* Prints `bench NAME NUMBER`; the name of at most 32 characters. */
static inline void bench_print(const char *name, unsigned long number)
{
	char line[80], digits[24], *end = text_append(line, "bench ");
	size_t count = 0;

	end = text_append(end, name);
	*end++ = ' ';
	do
		digits[count++] = (char)('0' + number % 10);
	while (number /= 10);
	while (count)
		*end++ = digits[--count];
	*end++ = '\n';
	system_call(SYS_WRITE, 1, line, end - line);
}

static inline void __attribute__((noreturn)) process_exit(int code)
{
	system_call(SYS_EXIT, code);
	__builtin_unreachable();
}

/* Lets the kernel finish what it does in the background, after it has started and after a test. */
static inline void process_settle(void)
{
	static const struct { long seconds, nanoseconds; } time = { 1, 0 };

	system_call(SYS_NANOSLEEP, &time);
}

void _start(void);

/*
 * A program that takes arguments begins with PROGRAM_WITH_ARGUMENTS and has this function. @stack
 * is as the kernel left it: the number of arguments, then a pointer to each of them.
 */
void __attribute__((noreturn)) program(const unsigned long *stack);
#define PROGRAM_WITH_ARGUMENTS asm(".globl _start\n_start: mv a0, sp\n j program\n")

/* Argument @n, 0 being the program's name; NULL if there are not so many. */
static inline const char *argument(const unsigned long *stack, unsigned long n)
{
	return n < stack[0] ? (const char *)stack[1 + n] : NULL;
}

#endif
