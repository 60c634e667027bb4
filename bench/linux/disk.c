/*
 * What one request to a disk costs, in instructions, as a process of a Linux guest sees it:
 * `bench-disk DEVICE` reads and writes it past the page cache, one request at a time, and destroys
 * what is on it. Meant for QEMU with -icount shift=0,sleep=off, where one instruction takes 1 ns; a tick of
 * `time` is 100. Prints `bench NAME INSTRUCTIONS` for each size, per request.
 */
#include "linux/process.h"

PROGRAM_WITH_ARGUMENTS;

enum { TICK = 100, AT_FDCWD = -100, O_RDWR = 2, O_DIRECT = 0x4000 };
enum { AREA = 16 << 20, LARGEST = 64 << 10 }; /* bytes of the disk that are used, of a request */

static char __attribute__((aligned(4096))) buffer[LARGEST];

static const struct test {
	const char *name;
	long number; /* of the system call */
	long size;
	unsigned first, times; /* requests not counted, and counted */
} tests[] = {
	{ "disk_read_4k", SYS_PREAD64, 4 << 10, 100, 4000 },
	{ "disk_read_64k", SYS_PREAD64, 64 << 10, 100, 1000 },
	{ "disk_write_4k", SYS_PWRITE64, 4 << 10, 100, 4000 },
	{ "disk_write_64k", SYS_PWRITE64, 64 << 10, 100, 1000 },
};

/* Makes so many requests, all over the area; false when one fails. */
static int requests(int disk, const struct test *t, unsigned times)
{
	for (long at = 0; times--; at = (at + 37 * t->size) % AREA)
		if (system_call(t->number, disk, buffer, t->size, at) != t->size)
			return 0;
	return 1;
}

void program(const unsigned long *stack)
{
	long disk = system_call(SYS_OPENAT, AT_FDCWD, argument(stack, 1), O_RDWR | O_DIRECT);

	if (disk < 0)
		process_exit(1);
	for (const struct test *t = tests; t < tests + sizeof tests / sizeof *tests; t++) {
		unsigned long start;

		process_settle();
		if (!requests((int)disk, t, t->first))
			process_exit(1);
		start = time_read();
		if (!requests((int)disk, t, t->times))
			process_exit(1);
		bench_print(t->name, ((time_read() - start) * TICK + t->times / 2) / t->times);
	}
	process_exit(0);
}
