/* The console as a whole: guests print, an operator types, a screen shows. */
#include "manage/console.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "host/fake/fake.h"
#include "lib/log.h"
#include "manage/fake_vms.h"
#include "manage/screen.h"

#define KEY "\x1d"
#define MS (FAKE_TIMEBASE / 1000)

static const char *typed;
static struct char_backend *backends[FAKE_VMS];
static unsigned readies[FAKE_VMS];

static int port_getc(void)
{
	return typed && *typed ? (u8)*typed++ : -1;
}

static void on_ready(void *device)
{
	++*(unsigned *)device;
}

static const struct console_port port = { .write = screen_write, .getc = port_getc };

/* Lets the console work until it would sleep longer than @ms. */
static void run(u64 ms)
{
	u64 end = host_time() + ms * MS;

	for (unsigned i = 0; i < 100000; i++) {
		u64 next = console_step();

		if (next > end) {
			fake_time_set(end);
			return;
		}
		if (next > host_time())
			fake_time_set(next);
	}
	fail_msg("the console does not come to rest");
}

/* The console is one for the whole program: it begins each test in the overview, with all
 * shown. "spare" has no console. */
static int set_up(void **state)
{
	(void)state;
	fake_reset();
	fake_vms_set_up();
	memset(readies, 0, sizeof(readies));
	typed = NULL;
	console_init(&port);
	for (unsigned i = 0; i < FAKE_VMS - 1; i++) {
		backends[i] = console_backend(i, fake_vms[i].config.name, NULL);
		assert_non_null(backends[i]);
		backends[i]->input_ready = on_ready;
		backends[i]->device = &readies[i];
	}
	log_set_sink(console_log_sink);
	console_start();
	run(50); /* what former tests logged */
	screen_clear();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FAKE_VMS - 1; i++)
		fake_console_free(backends[i]);
	return 0;
}

static void type(const char *keys)
{
	typed = keys;
	run(30);
}

static void prints(unsigned vm, const char *text)
{
	for (; *text; text++)
		backends[vm]->ops->put(backends[vm], (u8)*text);
}

static const char *receives(unsigned vm)
{
	static char text[512];
	unsigned n = 0;
	int byte;

	while (n < sizeof(text) - 1 && (byte = backends[vm]->ops->get(backends[vm])) >= 0)
		text[n++] = (char)byte;
	text[n] = '\0';
	return text;
}

static void shows_all_in_the_overview(void **state)
{
	(void)state;
	prints(0, "hello\r\n");
	prints(1, "partial");
	log_line("[rt] powered off");
	run(30);
	assert_string_equal(screen_raw, "[linux1] hello\r\nbulkhead: [rt] powered off\r\n");
	run(100);
	prints(1, " line\n");
	run(30);
	assert_string_equal(screen_raw, "[linux1] hello\r\nbulkhead: [rt] powered off\r\n"
			    "[linux2] partial line\r\n");
}

static void gathers_before_it_shows(void **state)
{
	(void)state;
	prints(0, "a\n");
	assert_int_equal(console_step(), host_time() + 20 * MS);
	assert_string_equal(screen_raw, "");
	/* Half of the room taken: at once. */
	for (unsigned i = 0; i < 4096; i++)
		prints(0, i % 64 == 63 ? "\n" : "x");
	assert_int_equal(console_step(), 0);
	assert_true(screen_used > 0);
	run(30);
	assert_int_equal(console_step(), HOST_FOREVER);
}

static void says_what_is_lost(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10000; i++)
		prints(0, i % 50 == 49 ? "\n" : "x");
	run(200);
	assert_true(screen_shows("[linux1] ... 1808 bytes lost"));
}

static void views_one_vm(void **state)
{
	(void)state;
	prints(0, "before\n\x1b[31mlogin: ");
	run(200);
	screen_clear();
	type(KEY "1");
	assert_string_equal(screen_raw, "\r\n-- linux1: running; Ctrl-] ? explains the keys --\r\n"
			    "before\r\nlogin: ");
	screen_clear();
	prints(0, "\x1b[1mraw\x1b[0m\n");
	prints(1, "not now\n");
	log_line("[linux2] not now");
	log_line("[linux1] reboots");
	run(30);
	assert_string_equal(screen_raw, "\x1b[1mraw\x1b[0m\n\r\nbulkhead: [linux1] reboots\r\n");
	screen_clear();
	type(KEY "o");
	assert_string_equal(screen_raw, "\r\n-- overview --\r\n[linux2] not now\r\n"
			    "bulkhead: [linux2] not now\r\nbulkhead: [linux1] reboots\r\n");
}

static void types_into_a_vm(void **state)
{
	(void)state;
	type(KEY "2ls\r\x03\x1b[A" KEY "]");
	assert_string_equal(receives(1), "ls\r\x03\x1b[A\x1d");
	assert_int_equal(readies[1], 1);
	assert_int_equal(readies[0], 0);
	/* An off VM's input goes nowhere. */
	type(KEY "3x");
	assert_true(screen_shows("-- rt: off; Ctrl-] s, then 'start rt' starts it --"));
	assert_string_equal(receives(2), "");
	assert_int_equal(readies[2], 0);
}

static void holds_a_paste_back(void **state)
{
	char paste[800];
	char got[800] = "";

	(void)state;
	memset(paste, 'p', sizeof(paste));
	memcpy(paste + sizeof(paste) - 2, "q", 2);
	type(KEY "1");
	typed = paste;
	for (unsigned i = 0; i < 10; i++) {
		run(20);
		strcat(got, receives(0));
	}
	assert_string_equal(got, paste);
	/* A VM that does not read: it is given up for now, and the keys still work. */
	typed = paste;
	run(200);
	assert_true(*typed != '\0');
	run(200);
	assert_true(*typed == '\0');
	assert_int_equal(console_step(), HOST_FOREVER);
	screen_clear();
	type("x" KEY "o");
	assert_true(screen_shows("-- overview --"));
	receives(0);
}

static void keys_move(void **state)
{
	(void)state;
	type("n");
	assert_true(screen_has("-- linux1:"));
	type(KEY "n");
	assert_true(screen_has("-- linux2:"));
	type(KEY "\x1b[C");
	assert_true(screen_has("-- rt:"));
	screen_clear();
	type(KEY "n");
	assert_true(screen_has("-- linux1:"));
	type(KEY "p");
	assert_true(screen_has("-- rt:"));
	screen_clear();
	type(KEY KEY);
	assert_string_equal(screen_line(0), "bulkhead> ");
	type("half" KEY KEY);
	assert_true(screen_has("-- rt:"));
	type(KEY "s");
	assert_string_equal(screen_line(0), "bulkhead> half");
	type(KEY "0");
	assert_true(screen_shows("-- overview --"));
	screen_clear();
	type("\r");
	assert_string_equal(screen_line(0), "bulkhead> half");
	type("\x15");
	type("\x04");
	assert_true(screen_shows("-- overview --"));
	type("p");
	assert_true(screen_has("-- rt:"));
}

static void keys_explain(void **state)
{
	(void)state;
	type("x");
	assert_true(screen_has("Ctrl-] then 1..9: that VM"));
	screen_clear();
	type("yz\x1b[3~");
	assert_string_equal(screen_raw, "");
	type("4");
	assert_true(screen_shows("-- this VM has no console --"));
	type("9");
	assert_true(screen_shows("-- there is no such VM --"));
	type("s" "li" KEY "?");
	assert_true(screen_has("Ctrl-] twice"));
	assert_string_equal(screen_line(0), "bulkhead> li");
	type("\x15");
	type("console spare\r");
	assert_true(screen_shows("This VM has no console."));
	type("console 2\r");
	assert_true(screen_has("-- linux2:"));
	type(KEY "s");
	assert_string_equal(screen_line(0), "bulkhead> ");
}

static void shell_keeps_its_line(void **state)
{
	(void)state;
	type("sinfo li");
	log_line("something happened");
	prints(0, "not in the shell\n");
	run(30);
	assert_string_equal(screen_line(1), "bulkhead: something happened");
	assert_string_equal(screen_line(0), "bulkhead> info li");
	assert_false(screen_has("not in"));
	type("\x15log\r");
	assert_true(screen_has("something happened"));
	type("overview\r");
	assert_true(screen_shows("[linux1] not in the shell"));
}

static void shortens_what_was_missed(void **state)
{
	(void)state;
	type("s");
	for (unsigned i = 0; i < 100; i++)
		prints(0, "a line of fifty bytes or so, which nobody looks at\n");
	run(100);
	type("\x15overview\r");
	assert_true(screen_shows("[linux1] ... 3060 bytes more before this"));
	assert_true(screen_shows("[linux1] a line of fifty bytes or so, which nobody looks at"));
}

static void console_task(void *arg)
{
	for (unsigned *steps = arg; *steps; --*steps) {
		u64 next = console_step();

		if (next > host_time())
			host_sleep(next);
		else
			host_yield();
	}
}

static void shares_the_hart(void **state)
{
	unsigned steps = 50, turns = 0;
	struct host_task_spec spec = { .name = "console", .run = console_task, .arg = &steps };
	struct host_task *task = host_task_start(&spec, NULL);

	(void)state;
	/* A guest that prints without end: both get on. */
	while (fake_tasks()) {
		for (unsigned i = 0; i < 300; i++)
			prints(0, "x");
		turns++;
		fake_time_advance(MS);
		host_yield();
	}
	host_task_reap(task);
	assert_true(turns >= 50);
	assert_true(screen_used > 2000);
}

/* No task yet: straight to the port, and not a second time. */
static void logs_before_it_runs(void **state)
{
	(void)state;
	tear_down(NULL);
	console_init(&port);
	log_line("early");
	assert_string_equal(screen_raw, "bulkhead: early\r\n");
	console_start();
	assert_true(screen_has("This is Bulkhead's console"));
	screen_clear();
	run(100);
	assert_string_equal(screen_raw, "");
	set_up(NULL);
}

static unsigned sync_state;

static void syncer(void *arg)
{
	(void)arg;
	sync_state = 1;
	console_sync();
	sync_state = 2;
}

static void syncs(void **state)
{
	struct host_task_spec spec = { .name = "power", .run = syncer };
	struct host_task *task = host_task_start(&spec, NULL);

	(void)state;
	prints(0, "last words");
	log_line("powering off");
	fake_run();
	assert_int_equal(sync_state, 1);
	while (console_step() == 0)
		;
	assert_string_equal(screen_raw, "bulkhead: powering off\r\n[linux1] last words");
	fake_time_advance(MS);
	fake_run();
	assert_int_equal(sync_state, 2);
	host_task_reap(task);
}

static void polls_when_asked(void **state)
{
	static const struct console_port polled = {
		.write = screen_write, .getc = port_getc, .poll_ms = 10,
	};

	(void)state;
	tear_down(NULL);
	console_init(&polled);
	console_start();
	assert_int_equal(console_step(), host_time() + 10 * MS);
	set_up(NULL);
}

static void refuses_too_many(void **state)
{
	(void)state;
	assert_null(console_backend(CONFIG_VMS_MAX, "x", NULL));
	assert_ptr_equal(console_backend(0, "x", NULL), console_backend(0, "x", NULL));
	fake_alloc_limit(1);
	assert_null(console_backend(10, "x", NULL));
	fake_alloc_limit(~0u);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(shows_all_in_the_overview),
		TEST(logs_before_it_runs),
		TEST(gathers_before_it_shows),
		TEST(says_what_is_lost),
		TEST(views_one_vm),
		TEST(types_into_a_vm),
		TEST(holds_a_paste_back),
		TEST(keys_move),
		TEST(keys_explain),
		TEST(shell_keeps_its_line),
		TEST(shortens_what_was_missed),
		TEST(shares_the_hart),
		TEST(syncs),
		TEST(polls_when_asked),
		TEST(refuses_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
