/*
 * The console's task: takes what is typed to where it belongs, and brings what
 * VMs and the hypervisor say onto the terminal. Everything here but the
 * functions marked "any context" runs in that one task.
 *
 * Economy: a guest's character wakes the task only when all before it had been
 * shown; the task then lets some milliseconds of output gather before it looks.
 */
#include "manage/console.h"

#include <stdio.h>
#include <string.h>

#include "manage/channel.h"
#include "manage/shell.h"
#include "manage/view.h"
#include "vm/vm.h"

enum { LOG_SIZE = 8192, INPUT_PER_STEP = 64 };

/* Milliseconds. */
enum {
	GATHER_VIEW = 2,      /* a person waits for the echo */
	GATHER_OVERVIEW = 20,
	STALL = 250,          /* how long a VM that does not read holds up typing */
	STALL_POLL = 5,
	SYNC = 1000,
};

static u8 log_data[LOG_SIZE];
static struct console {
	struct console_port port;
	struct console_host host;
	struct host_task *task; /* atomic; NULL until it runs */
	struct history log;
	struct view view;
	struct shell shell;
	u64 gather_until; /* 0: nothing to show */
	u64 poll_at;
	bool held;        /* the VM's input is full: typing waits until held_until */
	u32 held_fetched;
	u64 held_until;
	u32 sync_asked, sync_done; /* atomic */
} console = {
	.log = { .ring = { .data = log_data, .size = LOG_SIZE } },
};

static u64 ms(u64 n)
{
	return n * host_timebase() / 1000;
}

/* Any context. */
static void console_wake(void)
{
	struct host_task *task = __atomic_load_n(&console.task, __ATOMIC_ACQUIRE);

	if (task)
		host_wake(task);
}

void console_input_ready(void)
{
	console_wake();
}

/* Others get their turn after every piece that goes out: a serial line is slow. */
static void console_write(const char *text, size_t len)
{
	console.port.write(text, len);
	host_yield();
}

void console_init(const struct console_port *port)
{
	console.task = NULL;
	console.port = *port;
	console.view = (struct view){ .term = { .write = console_write }, .log = &console.log };
	view_init(&console.view);
	console.shell = (struct shell){
		.term = &console.view.term,
		.log = &console.log,
		.host = &console.host,
		.started = host_time(),
	};
	console.view.shell = &console.shell;
	console.gather_until = 0;
	console.held = false;
	console.poll_at = port->poll_ms ? 0 : HOST_FOREVER;
}

void console_set_host(const struct console_host *host)
{
	console.host = *host;
}

void console_set_colour(bool colour)
{
	console.view.term.colour = colour;
}

struct char_backend *console_backend(unsigned vm_index, const char *name,
				     struct host_account *payer)
{
	struct channel *ch;

	if (vm_index >= CONFIG_VMS_MAX)
		return NULL;
	ch = console.view.channels[vm_index];
	if (!ch)
		ch = channel_create(vm_index, name, console_wake, payer);
	if (!ch)
		return NULL;
	/* The console's task may be running already. */
	__atomic_store_n(&console.view.channels[vm_index], ch, __ATOMIC_RELEASE);
	if (vm_index >= console.view.channel_end)
		__atomic_store_n(&console.view.channel_end, vm_index + 1, __ATOMIC_RELEASE);
	return &ch->backend;
}

/* ---- The log: any context */

void console_log_sink(const char *line, size_t len)
{
	u64 since = (host_time() - console.shell.started) / (host_timebase() / 1000);
	char text[300];
	int n = snprintf(text, sizeof(text), "%5lu.%03lu %.*s\n", (unsigned long)(since / 1000),
			 (unsigned long)(since % 1000), (int)min_u64(len, 255), line);

	history_append(&console.log, text, (size_t)n);
	if (__atomic_load_n(&console.task, __ATOMIC_ACQUIRE)) {
		console_wake();
		return;
	}
	if (!console.port.write)
		return;
	n = snprintf(text, sizeof(text), "bulkhead: %.*s\r\n", (int)min_u64(len, 255), line);
	console.port.write(text, (size_t)n);
	console.view.log_shown = history_end(&console.log);
}

/* ---- Input */

/* True while typing has to wait for @ch, the VM in view (NULL: none); one that does not read at
 * all cannot keep the operator from the keys that lead out of it. */
static bool input_held(struct channel *ch)
{
	bool room = true;
	u32 fetched = ch ? channel_fetched(ch, &room) : 0;

	if (room) {
		console.held = false;
		return false;
	}
	if (!console.held || fetched != console.held_fetched) {
		console.held = true;
		console.held_fetched = fetched;
		console.held_until = host_time() + ms(STALL);
	}
	return host_time() < console.held_until;
}

/* True when there may be more. */
static bool input_step(void)
{
	for (unsigned i = 0; i < INPUT_PER_STEP; i++) {
		int byte;

		if (input_held(view_channel(&console.view)))
			return false;
		byte = (console.port.getc)(); /* some C libraries have a macro of that name */
		if (byte < 0)
			return false;
		view_key(&console.view, (u8)byte);
	}
	return true;
}

static void input_deliver(void)
{
	for (unsigned i = 0; i < view_channel_end(&console.view); i++)
		if (console.view.channels[i])
			channel_deliver(console.view.channels[i]);
}

/* ---- Output */

static bool sync_wanted(void)
{
	return __atomic_load_n(&console.sync_asked, __ATOMIC_ACQUIRE) != console.sync_done;
}

/* True when there is more to show at once. */
static bool output_step(void)
{
	u64 now = host_time(), gather = view_channel(&console.view) ? GATHER_VIEW : GATHER_OVERVIEW;
	bool urgent = sync_wanted();

	if (!view_pending(&console.view, &urgent)) {
		console.gather_until = 0;
		return false;
	}
	if (!console.gather_until)
		console.gather_until = now + ms(gather);
	if (urgent)
		console.gather_until = now;
	if (now < console.gather_until)
		return false;
	if (view_show(&console.view))
		return true;
	console.gather_until = 0;
	return false;
}

static void sync_finish(u32 asked)
{
	view_flush(&console.view, HOST_FOREVER);
	term_flush(&console.view.term);
	__atomic_store_n(&console.sync_done, asked, __ATOMIC_RELEASE);
}

static u64 next_step(void)
{
	u64 next = min_u64(view_flush_due(&console.view), console.poll_at);

	if (console.gather_until)
		next = min_u64(next, console.gather_until);
	if (console.held && host_time() < console.held_until)
		next = min_u64(next, host_time() + ms(STALL_POLL));
	return next;
}

u64 console_step(void)
{
	u32 asked = __atomic_load_n(&console.sync_asked, __ATOMIC_ACQUIRE);
	bool more = input_step();

	input_deliver();
	more |= output_step();
	view_flush(&console.view, host_time());
	term_flush(&console.view.term);
	if (console.port.poll_ms)
		console.poll_at = host_time() + ms(console.port.poll_ms);
	if (more)
		return 0;
	if (asked != console.sync_done)
		sync_finish(asked);
	return next_step();
}

void console_start(void)
{
	/* From here on the log waits its turn: no line of it comes in the middle of the banner. */
	__atomic_store_n(&console.task, host_task_self(), __ATOMIC_RELEASE);
	view_start(&console.view);
}

void console_run(void *unused_arg)
{
	(void)unused_arg;
	console_start();
	for (;;) {
		u64 next = console_step();

		if (next > host_time())
			host_sleep(next);
		else
			host_yield();
	}
}

void console_sync(void)
{
	struct host_task *task = __atomic_load_n(&console.task, __ATOMIC_ACQUIRE);
	u64 until = host_time() + ms(SYNC);
	u32 mine;

	if (!task || task == host_task_self()) {
		term_flush(&console.view.term);
		return;
	}
	mine = __atomic_add_fetch(&console.sync_asked, 1, __ATOMIC_ACQ_REL);
	host_wake(task);
	while ((s32)(__atomic_load_n(&console.sync_done, __ATOMIC_ACQUIRE) - mine) < 0 &&
	       host_time() < until)
		host_sleep(host_time() + ms(1));
}
