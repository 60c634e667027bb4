/*
 * Where VMs print. One VM alone, when nobody sits there: to stdout and from stdin, byte for byte.
 * Else through the operator's console.
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "host/host.h"
#include "lib/log.h"
#include "main/cli/report.h"
#include "main/linux.h"
#include "manage/console.h"
#include "vm/vm.h"

enum { DIRECT_SIZE = 4096 };

static struct {
	bool managed, attended, batch;
	struct console_host host;
} console;

/* ---- Direct: the one VM's backend */

static struct {
	struct char_backend backend;
	struct host_task *writer; /* atomic; NULL until it runs */
	pthread_mutex_t mutex; /* held while writing: whoever prints too much waits */
	size_t used;           /* atomic to read */
	char bytes[DIRECT_SIZE];
} direct = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static void direct_flush(void)
{
	pthread_mutex_lock(&direct.mutex);
	terminal_write(direct.bytes, direct.used);
	__atomic_store_n(&direct.used, 0, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&direct.mutex);
}

/* The first byte wakes the writer, which lets more gather before it writes. */
static u64 direct_write(struct char_backend *b unused, const u8 *bytes, u64 size)
{
	struct host_task *writer = __atomic_load_n(&direct.writer, __ATOMIC_ACQUIRE);
	bool first;

	pthread_mutex_lock(&direct.mutex);
	first = !direct.used;
	for (u64 i = 0; i < size; i++) {
		direct.bytes[direct.used++] = (char)bytes[i];
		if (direct.used < DIRECT_SIZE)
			continue;
		terminal_write(direct.bytes, direct.used);
		direct.used = 0;
	}
	pthread_mutex_unlock(&direct.mutex);
	if (first && writer)
		host_wake(writer);
	return size;
}

static void direct_put(struct char_backend *b, u8 byte) { direct_write(b, &byte, 1); }
static int direct_get(struct char_backend *b unused) { return terminal_get(); }

static const struct char_ops direct_ops = {
	.put = direct_put, .get = direct_get, .write = direct_write,
};

static void direct_run(void *arg unused)
{
	for (;;) {
		while (!__atomic_load_n(&direct.used, __ATOMIC_ACQUIRE))
			host_sleep(HOST_FOREVER);
		host_sleep(host_time() + host_timebase() / 500);
		direct_flush();
	}
}

static int notify(struct vm *vm unused, void *arg unused)
{
	char_notify(&direct.backend);
	return 0;
}

/* What is typed before the VM is there it finds later. */
static void direct_ready(void)
{
	if (vm_count)
		vm_call(vm_table[0], notify, NULL);
}

static void direct_log(const char *line, size_t len)
{
	direct_flush();
	fprintf(stderr, "bulkhead: %.*s\n", (int)len, line);
}

/* ---- Both */

void linux_console_init(u32 vms, bool batch)
{
	static const struct console_port port = { .write = terminal_write, .getc = terminal_get };

	console.batch = batch;
	console.attended = !batch && terminal_is_there();
	console.managed = console.attended || vms > 1;
	if (!console.managed) {
		direct.backend.ops = &direct_ops;
		log_set_sink(direct_log);
		return;
	}
	console_init(&port);
	console_set_colour(console.attended && report_colours(STDOUT_FILENO));
	log_set_sink(console_log_sink);
	if (vms == 1)
		terminal_type("\x1d" "1"); /* the operator's keys for the first VM's view */
}

struct char_backend *linux_console_backend(unsigned index, const char *name)
{
	return console.managed ? console_backend(index, name, NULL) : &direct.backend;
}

bool linux_console_attended(void) { return console.attended; }

void linux_console_start(void (*shutdown)(void))
{
	static const struct host_task_spec managed_task = { .name = "console", .run = console_run };
	static const struct host_task_spec direct_task = { .name = "console", .run = direct_run };

	console.host.version = "Bulkhead 0.1 on Linux";
	console.host.shutdown = shutdown;
	if (console.attended)
		terminal_set_raw();
	if (console.managed) {
		console_set_host(&console.host);
		host_task_start(&managed_task, NULL);
	} else {
		__atomic_store_n(&direct.writer, host_task_start(&direct_task, NULL), __ATOMIC_RELEASE);
	}
	if (!console.batch)
		terminal_read(console.managed ? console_input_ready : direct_ready);
}

void linux_console_end(void)
{
	if (console.managed)
		console_sync();
	else
		direct_flush();
	terminal_restore();
}
