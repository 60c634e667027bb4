#include "manage/shell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "host/fake/fake.h"
#include "manage/fake_vms.h"
#include "manage/screen.h"

static struct term term;
static struct shell shell;
static struct history history;
static u8 history_data[1024];
static unsigned shutdowns;

static void shut_down(void) { shutdowns++; }

static const struct console_host host = {
	.version = "Bulkhead 0.0", .features = "hext sv39 sstc", .shutdown = shut_down,
};

static int set_up(void **state)
{
	(void)state;
	fake_reset();
	fake_vms_set_up();
	screen_clear();
	history_init(&history, history_data, sizeof(history_data));
	term = (struct term){ .write = screen_write };
	shell = (struct shell){ .term = &term, .log = &history, .host = &host };
	shutdowns = 0;
	shell_enter(&shell);
	term_flush(&term);
	return 0;
}

static enum shell_result type(const char *keys)
{
	enum shell_result result = SHELL_STAY;

	for (; *keys; keys++)
		result = shell_key(&shell, (u8)*keys);
	term_flush(&term);
	return result;
}

static void answers(const char *line, const char *answer)
{
	screen_clear();
	type(line);
	type("\r");
	if (!screen_shows(answer))
		fail_msg("%s", screen_raw);
	assert_string_equal(screen_line(0), "bulkhead> ");
}

static void lists(void **state)
{
	(void)state;
	answers("list", " #  name            state     vCPUs     memory  harts     restarts  last end");
	assert_true(screen_shows(
		" 1  linux1          running       2    256 MiB  any              0  -"));
	assert_true(screen_shows(
		" 2  linux2          paused        2    256 MiB  0,2-3            0  -"));
	assert_true(screen_shows(
		" 3  rt              off           2    256 MiB  1!               0  crash: double fault"));
	assert_true(screen_has("did not start: no kernel"));
}

static void says_errors(void **state)
{
	(void)state;
	answers("lst", "No command 'lst'; did you mean 'list'?");
	answers("frobnicate", "No command 'frobnicate'; 'help' lists them all.");
	answers("start foo", "No VM 'foo'; there are: linux1, linux2, rt, spare.");
	answers("stop 9", "No VM '9'; there are: linux1, linux2, rt, spare.");
	answers("info", "'info' needs one VM's name.");
	answers("info 1 2", "'info' needs one VM's name.");
	answers("list all", "'list' takes nothing after it.");
	answers("stop", "'stop' needs the names of one or more VMs.");
	answers("help foo", "No command 'foo'; 'help' lists them all.");
	answers("x x x x x x x x x x x x x x x x x", "At most 16 words.");
	answers("   ", "   ");
	vm_count = 0;
	answers("info 1", "There are no VMs.");
}

static void asks_for_life(void **state)
{
	(void)state;
	answers("stop linux1", "linux1: stopping");
	assert_int_equal(fake_vms[0].requests, VM_REQ_STOP);
	answers("resume 2", "linux2: resuming");
	assert_int_equal(fake_vms[1].requests, VM_REQ_RESUME);
	answers("start rt spare", "spare: starting");
	assert_int_equal(fake_vms[2].requests, VM_REQ_START);
	answers("start linux1", "linux1 is running.");
	answers("start linux2", "linux2 is paused; 'resume' lets it go on.");
	answers("restart rt", "rt is off; 'start' starts it.");
	answers("stop spare", "spare is off.");
	fake_vms[0].state = VM_ENDING;
	answers("start linux1", "linux1 is ending; try again in a moment.");
	fake_vms[0].requests = 0;
	fake_vms[0].state = VM_RUNNING;
	answers("pause linux1 nobody", "No VM 'nobody'; there are: linux1, linux2, rt, spare.");
	assert_int_equal(fake_vms[0].requests, 0);
	/* Off only until its keeper starts it again. */
	fake_vms[2].restarting = true;
	answers("stop rt", "rt: stopping");
}

static void informs(void **state)
{
	(void)state;
	answers("info linux2", "name      linux2 (number 2)");
	assert_true(screen_shows("memory    256 MiB for the guest; 257 MiB in use of 258 MiB"));
	assert_true(screen_shows(
		"vCPU state          interrupt         mmio          sbi          wfi        fatal"));
	assert_true(screen_shows(
		"   1 started                0            0           11            0            0"));
	answers("info rt", "vCPUs     2, none running");
	answers("system", "features  hext sv39 sstc");
	assert_true(screen_shows("VMs       4: 1 running, 2 off, 1 paused or between"));
	answers("version", "Bulkhead 0.0");
}

static void helps(void **state)
{
	(void)state;
	answers("help", "  stop      VM...      end VMs at once, as if their power was cut");
	answers("help pause", "The guest's clock goes on meanwhile.");
}

static void shows_the_log(void **state)
{
	(void)state;
	answers("log", "log");
	history_append(&history, "    0.001 one\n    0.002 two\n", 28);
	answers("log", "    0.002 two");
	assert_true(screen_shows("    0.001 one"));
	for (unsigned i = 0; i < 100; i++)
		history_append(&history, "    1.000 a longer line\n", 24);
	answers("log", "    1.000 a longer line");
	assert_false(screen_has("two"));
}

static void completes(void **state)
{
	(void)state;
	type("li\t");
	assert_string_equal(screen_line(0), "bulkhead> list ");
	type("\x15inf\tl\t");
	assert_string_equal(screen_line(0), "bulkhead> info linux");
	type("\t");
	assert_string_equal(screen_line(1), "linux1  linux2  ");
	assert_string_equal(screen_line(0), "bulkhead> info linux");
	type("2\t");
	assert_string_equal(screen_line(0), "bulkhead> info linux2 ");
	type("\x15stop rt s\t");
	assert_string_equal(screen_line(0), "bulkhead> stop rt spare ");
	type("\x15help sh\t");
	assert_string_equal(screen_line(0), "bulkhead> help shutdown ");
	type("\x15list \t\tzz\t");
	assert_string_equal(screen_line(0), "bulkhead> list zz");
}

static void leaves(void **state)
{
	(void)state;
	assert_int_equal(type("overview\r"), SHELL_OVERVIEW);
	assert_int_equal(type("exit\r"), SHELL_LEAVE);
	assert_int_equal(type("\x04"), SHELL_LEAVE);
	assert_int_equal(type("console linux2\r"), SHELL_VM);
	assert_int_equal(shell.target, 1);
	shell_enter(&shell);
	type("half");
	shell_enter(&shell);
	term_flush(&term);
	assert_string_equal(screen_line(0), "bulkhead> half");
}

static void confirms_shutdown(void **state)
{
	static const struct console_host without = { .version = "x" };

	(void)state;
	type("shutdown\r");
	assert_string_equal(screen_line(0), "All VMs end and the machine powers off. Sure? [y/N] ");
	answers("", "Nothing happens.");
	type("shutdown\r");
	type("\x03");
	answers("y", "No command 'y'; 'help' lists them all.");
	assert_int_equal(shutdowns, 0);
	type("shutdown\ry\r");
	assert_int_equal(shutdowns, 1);
	shell.host = &without;
	answers("shutdown", "This machine cannot be powered off from here.");
	answers("system", "features  unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(lists, set_up),
		cmocka_unit_test_setup(says_errors, set_up),
		cmocka_unit_test_setup(asks_for_life, set_up),
		cmocka_unit_test_setup(informs, set_up),
		cmocka_unit_test_setup(helps, set_up),
		cmocka_unit_test_setup(shows_the_log, set_up),
		cmocka_unit_test_setup(completes, set_up),
		cmocka_unit_test_setup(leaves, set_up),
		cmocka_unit_test_setup(confirms_shutdown, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
