/*
 * What things cost that processes do, in instructions, as a process of a Linux guest sees it: the
 * same program on bare QEMU and in a VM. Meant for QEMU with -icount shift=0,sleep=off, where one
 * instruction takes 1 ns; a tick of `time` is 100, so every number comes from many repetitions.
 * Prints `bench NAME INSTRUCTIONS`. What fails prints nothing, and is found missing.
 */
#include "linux/process.h"

enum { TICK = 100, PAGE_SIZE = 4096, SIGCHLD = 17, AT_FDCWD = -100, O_WRONLY = 1 };
enum { PROT_READ_WRITE = 3, MAP_PRIVATE_ANONYMOUS = 0x22, MADV_NOHUGEPAGE = 15 };
enum { WORDS = 1 << 16 }; /* of the memory that computing is done in */

#define FAILED (~0ul)

static char *const no_environment[] = { NULL };

/* Ends a process and says whether it ended well. */
static int process_wait(long pid)
{
	int status = -1;

	return pid > 0 && system_call(SYS_WAIT4, pid, &status) == pid && !status;
}

static long process_fork(void)
{
	return system_call(SYS_CLONE, SIGCHLD);
}

/* --- what is measured: each returns the ticks that so many repetitions took ------------- */

static unsigned long null_call(unsigned times)
{
	unsigned long start = time_read();

	while (times--)
		system_call(SYS_GETPPID);
	return time_read() - start;
}

/* Sends back each byte until the other side is closed. */
static void __attribute__((noreturn)) echo(int in, int out)
{
	char byte;

	while (system_call(SYS_READ, in, &byte, 1) == 1)
		system_call(SYS_WRITE, out, &byte, 1);
	process_exit(0);
}

static unsigned long bounce(int in, int out, unsigned times)
{
	char byte = 0;
	unsigned long start = time_read();

	while (times--) {
		system_call(SYS_WRITE, out, &byte, 1);
		if (system_call(SYS_READ, in, &byte, 1) != 1)
			return FAILED;
	}
	return time_read() - start;
}

static unsigned long pipe_round_trip(unsigned times)
{
	int to[2], from[2];
	long child;
	unsigned long took;

	if (system_call(SYS_PIPE2, to) || system_call(SYS_PIPE2, from))
		return FAILED;
	child = process_fork();
	if (!child) {
		system_call(SYS_CLOSE, to[1]);
		echo(to[0], from[1]);
	}
	system_call(SYS_CLOSE, from[1]);
	took = bounce(from[0], to[1], times);
	system_call(SYS_CLOSE, to[0]);
	system_call(SYS_CLOSE, to[1]);
	system_call(SYS_CLOSE, from[0]);
	return process_wait(child) ? took : FAILED;
}

/* Of a page that the kernel has to find and clear; not as a piece of a huge one. */
static unsigned long page_touch(unsigned times)
{
	long size = (long)times * PAGE_SIZE;
	long at = system_call(SYS_MMAP, 0, size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1);
	unsigned long start, took;

	if (at < 0 && at > -PAGE_SIZE)
		return FAILED;
	system_call(SYS_MADVISE, at, size, MADV_NOHUGEPAGE);
	start = time_read();
	for (long offset = 0; offset < size; offset += PAGE_SIZE)
		*(volatile char *)(at + offset) = 1;
	took = time_read() - start;
	system_call(SYS_MUNMAP, at, size);
	return took;
}

static unsigned long fork_exit(unsigned times)
{
	unsigned long start = time_read();

	while (times--) {
		long child = process_fork();

		if (!child)
			process_exit(0);
		if (!process_wait(child))
			return FAILED;
	}
	return time_read() - start;
}

/* Starts a program with its output thrown away and waits for its end. */
static int program_run(const char *path, char *const arguments[])
{
	long child = process_fork();

	if (!child) {
		system_call(SYS_DUP3, system_call(SYS_OPENAT, AT_FDCWD, "/dev/null", O_WRONLY), 1);
		system_call(SYS_EXECVE, path, arguments, no_environment);
		process_exit(1);
	}
	return process_wait(child);
}

static unsigned long programs_run(unsigned times, const char *path, char *const arguments[])
{
	unsigned long start = time_read();

	while (times--)
		if (!program_run(path, arguments))
			return FAILED;
	return time_read() - start;
}

static unsigned long fork_exec(unsigned times)
{
	static char *const arguments[] = { "bench-nothing", NULL };

	return programs_run(times, "/bin/bench-nothing", arguments);
}

static unsigned long gzip(unsigned times)
{
	static char *const arguments[] = { "gzip", "-c", "/bin/bench-data", NULL };

	return programs_run(times, "/bin/busybox", arguments);
}

/* Numbers without order into memory, and then a walk through it that each number leads on. */
static unsigned long compute(unsigned times)
{
	static unsigned words[WORDS];
	unsigned long start = time_read();
	unsigned at = 1, sum = 0;

	for (; times--; sum += at) {
		for (unsigned i = 0; i < WORDS; i++)
			words[i] = at = at * 1664525 + 1013904223 + (words[i] >> 3);
		for (unsigned i = 0; i < WORDS; i++)
			at = words[(at >> 8) % WORDS] ^ at << 5;
	}
	asm volatile("" :: "r"(sum));
	return time_read() - start;
}

/* --- all ------------------------------------------------------------------------------- */

/* The first so many repetitions are not counted: what they need for the first time is not asked. */
static const struct test {
	const char *name;
	unsigned long (*run)(unsigned times);
	unsigned first, times;
} tests[] = {
	{ "null_call", null_call, 100, 10000 },
	{ "pipe_round_trip", pipe_round_trip, 20, 500 },
	{ "page_touch", page_touch, 100, 2000 },
	{ "fork_exit", fork_exit, 3, 50 },
	{ "fork_exec", fork_exec, 3, 25 },
	{ "compute", compute, 1, 100 },
	{ "gzip", gzip, 0, 1 },
};

void _start(void)
{
	for (const struct test *t = tests; t < tests + sizeof tests / sizeof *tests; t++) {
		unsigned long took = FAILED;

		process_settle();
		if (!t->first || t->run(t->first) != FAILED)
			took = t->run(t->times);
		if (took != FAILED)
			bench_print(t->name, (took * TICK + t->times / 2) / t->times);
	}
	process_exit(0);
}
