/* The server in this process, and in another one the command as a user has it. */
#define _GNU_SOURCE
#include "main/linux_control.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/fake/fake.h"
#include "lib/log.h"
#include "main/cli/cli.h"
#include "main/cli/runtime.h"
#include "main/linux_notify.h"
#include "manage/fake_vms.h"

static char directory[] = "/tmp/bulkhead-control-test-XXXXXX";
static char output[65536];

/* ---- The service manager */

static bool manager;
static u64 watchdog;
static char told[200];

bool notify_wanted(void) { return manager; }
u64 notify_watchdog(void) { return watchdog; }
void notify_send(const char *text) { snprintf(told, sizeof(told), "%s", text); }

/* ---- Both sides */

static int set_up(void **state unused)
{
	fake_reset();
	fake_vms_set_up();
	manager = false;
	watchdog = 0;
	assert_int_equal(control_open("/etc/bulkhead/demo.dts"), 0);
	return 0;
}

static int tear_down(void **state unused)
{
	control_close();
	log_set_sink(NULL);
	return 0;
}

static char *socket_path(void)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/bulkhead/demo.%d.sock", directory, (int)getpid());
	return path;
}

static _Noreturn void command_child(const char *line, int out)
{
	char text[200], *argv[20] = { (char[]){ "bulkhead" } }, *save = NULL;
	int argc = 1;

	snprintf(text, sizeof(text), "%s", line);
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	argc = (int)cli_command(argc, argv);
	fflush(NULL);
	_exit(argc);
}

/* Runs "bulkhead LINE" while the server serves; its output is in `output`. */
static int command(const char *line)
{
	int out = open(directory, O_TMPFILE | O_RDWR, 0600), status = 0;
	pid_t child;
	ssize_t n;

	assert_true(out >= 0);
	child = fork();
	if (!child)
		command_child(line, out);
	while (waitpid(child, &status, WNOHANG) == 0)
		control_step(2);
	n = pread(out, output, sizeof(output) - 1, 0);
	output[n > 0 ? n : 0] = '\0';
	close(out);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void answers(const char *line, int status, const char *part)
{
	int got = command(line);

	if (got != status || !strstr(output, part))
		fail_msg("%s: %d, %s", line, got, output);
}

static int connect_here(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", socket_path());
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* ---- Tests */

static void shows(void **state unused)
{
	char line[60];

	snprintf(line, sizeof(line), "demo (process %d)\n #  name", (int)getpid());
	answers("list", 0, line);
	answers("list", 0, "\n 1  linux1          running       2");
	answers("list --json", 0, "\"vms\":[{\"name\":\"linux1\",\"number\":1,");
	assert_int_equal(output[0], '[');
	assert_string_equal(output + strlen(output) - 5, "]}]}]\n" + 1);
	answers("info linux2", 0, "state     paused");
	answers("info", 0, "\n\nname      linux2 (number 2)");
	answers("info --json rt spare", 0, "\"vcpu\":[]},\n {\"system\":\"demo\",");
	log_line("[rt] crashed: double fault");
	log_line("something else");
	answers("log", 0, " something else\n");
	answers("log rt", 0, " 0.000 [rt] crashed: double fault\n");
	assert_null(strstr(output, "something"));
	answers("log --json", 0, "\"lines\":[\"    0.000 [rt] crashed: double fault\",\"");
}

static void asks_for_life(void **state unused)
{
	char line[60];

	answers("stop linux1", 0, "linux1: stopping\n");
	assert_int_equal(fake_vms[0].requests, VM_REQ_STOP);
	answers("resume demo/linux2", 0, "linux2: resuming\n");
	snprintf(line, sizeof(line), "start --json %d/rt spare", (int)getpid());
	answers(line, 0, "\"name\":\"rt\",\"doing\":\"starting\"},\n {");
	answers("resume linux1", 1, "bulkhead: resume: linux1 is running.\n");
	answers("pause --wait 1 linux2", 1, "pause: linux2 is paused.\n");
	answers("pause linux1", 0, "pausing");
	fake_vms[0].state = VM_OFF;
	answers("start --wait 1 linux1", 1, "start: linux1 has not done it after 1 second\n");
	fake_vms[0].state = VM_RUNNING;
	answers("start --wait 0 linux1", 2, "--wait must be a number from 1");
}

/* It waits; what does not end stays when others are in the process. */
static void kills(void **state unused)
{
	answers("kill linux1", 1, "kill: linux1 does not end, and 1 other VM is in its process");
	assert_int_equal(fake_vms[0].requests, VM_REQ_STOP);
	answers("kill rt", 1, "kill: rt is off.\n");
}

/* Another process serves, whose only VM does not end. */
static void kills_the_process(void **state unused)
{
	pid_t child;
	int status;

	control_close();
	vm_count = 1;
	child = fork();
	if (!child) {
		control_open("victim");
		for (;;)
			control_step(100);
	}
	for (unsigned tries = 0; command("info linux1") != 0; tries++)
		assert_true(tries < 200);
	answers("kill linux1", 0, "linux1: killed with its process ");
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	answers("list", 0, "No system runs here");
}

static void says_errors(void **state unused)
{
	fake_vms[0].requests = 0;
	answers("stop linux9", 1, "bulkhead: stop: no VM 'linux9': did you mean 'linux1'?\n");
	answers("stop linux1 elsewhere", 1, "stop: no VM 'elsewhere'; 'bulkhead list' shows them all\n");
	answers("stop other/linux1", 1, "no VM 'other/linux1'");
	assert_int_equal(fake_vms[0].requests, 0);
	answers("stop", 2, "stop: which VM?");
	answers("list linux1", 2, "list: takes no 'linux1'");
	answers("list --help", 0, "usage: bulkhead list [options]\n");
	snprintf(fake_vms[1].config.name, sizeof(fake_vms[1].config.name), "linux1");
	answers("stop linux1", 1, "stop: there are several VMs 'linux1'; say which:\n");
}

static void removes_what_is_left(void **state unused)
{
	char path[200];
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(path, sizeof(path), "%s/bulkhead/.999999999.new", directory);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/bulkhead/dead.1.sock", directory);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	close(fd);
	answers("list", 0, "demo (process");
	assert_null(strstr(output, "dead"));
	assert_int_not_equal(access(at.sun_path, F_OK), 0);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_equal(stat(socket_path(), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	control_close();
	answers("list", 0, "No system runs here");
	answers("info", 1, "info: no system runs here");
}

static u64 now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * 1000 + (u64)now.tv_nsec / 1000000;
}

/* Those who connect and say nothing, or too much, keep nobody else waiting. */
static void bears_bad_clients(void **state unused)
{
	char text[300];
	int fds[20];
	u64 before;
	ssize_t n;

	for (unsigned i = 0; i < 10; i++)
		fds[i] = connect_here();
	memset(text, 'x', sizeof(text));
	assert_true(send(fds[0], text, sizeof(text), 0) > 0);
	before = now_ms();
	answers("list", 0, "linux1");
	assert_true(now_ms() - before < 1000);
	n = recv(fds[0], text, sizeof(text), 0);
	assert_true(n > 10 && memcmp(text, "failed 37\nThe request is too long", 33) == 0);
	for (unsigned i = 10; i < 20; i++)
		fds[i] = connect_here();
	for (unsigned i = 0; i < 40; i++)
		control_step(0);
	/* All places are taken: whoever is silent has to go, after a second. */
	fake_time_advance(2 * FAKE_TIMEBASE);
	answers("list", 0, "linux1");
	for (unsigned i = 0; i < 20; i++)
		close(fds[i]);
	for (unsigned i = 0; i < 40; i++)
		control_step(0);
}

static void a_silent_system_is_told(void **state unused)
{
	struct runtime_system other;
	int fd = runtime_listen("hung", &other);

	assert_true(fd >= 0);
	answers("list", 1, "hung (process ");
	assert_non_null(strstr(output, "it does not answer"));
	assert_non_null(strstr(output, "linux1"));
	answers("info rt", 0, "double fault");
	unlink(other.path);
	close(fd);
}

static void tells_the_manager(void **state unused)
{
	control_close();
	manager = true;
	watchdog = 1000;
	for (unsigned i = 0; i < vm_count; i++)
		fake_vms[i].config.start = START_AUTO;
	fake_vms[1].state = VM_BUILDING;
	assert_int_equal(control_open(NULL), 0);
	told[0] = '\0';
	control_step(0);
	assert_string_equal(told, "WATCHDOG=1");
	fake_vms[1].state = VM_RUNNING;
	control_step(0);
	assert_string_equal(told, "READY=1\nSTATUS=4 VMs");
	told[0] = '\0';
	fake_time_advance(FAKE_TIMEBASE / 4);
	control_step(0);
	assert_string_equal(told, "");
	fake_time_advance(FAKE_TIMEBASE / 4);
	control_step(0);
	assert_string_equal(told, "WATCHDOG=1");
	control_close();
	assert_string_equal(told, "STOPPING=1");
}

static void has_names(void **state unused)
{
	static const char *const names[][2] = {
		{ NULL, "vm" }, { "", "vm" }, { "a/b/", "vm" }, { "/x/demo.dts", "demo" },
		{ "two.parts.img", "two_parts" }, { ".hidden", "_hidden" }, { "a b\xff/c\xff\n", "c__" },
		{ "0123456789012345678901234567890123456789.dts", "01234567890123456789012345678901" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		char name[RUNTIME_NAME_SIZE];

		runtime_name(names[i][0], name);
		assert_string_equal(name, names[i][1]);
	}
}

/* A directory that others can write to is not used. */
static void distrusts_directories(void **state unused)
{
	struct runtime_system system;
	char dir[200];

	snprintf(dir, sizeof(dir), "%s/bulkhead", directory);
	chmod(dir, 0777);
	assert_int_equal(runtime_listen("x", &system), -EPERM);
	answers("list", 0, "No system");
	chmod(dir, 0700);
	memset(dir, 'd', sizeof(dir) - 1);
	dir[0] = '/';
	setenv("XDG_RUNTIME_DIR", dir, 1);
	assert_int_equal(runtime_listen("x", &system), -ENAMETOOLONG);
	setenv("XDG_RUNTIME_DIR", directory, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(shows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(asks_for_life, set_up, tear_down),
		cmocka_unit_test_setup_teardown(kills, set_up, tear_down),
		cmocka_unit_test_setup_teardown(kills_the_process, set_up, tear_down),
		cmocka_unit_test_setup_teardown(says_errors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(removes_what_is_left, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bears_bad_clients, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_silent_system_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tells_the_manager, set_up, tear_down),
		cmocka_unit_test_setup_teardown(has_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(distrusts_directories, set_up, tear_down),
	};
	char left[200];
	int failed;

	if (!mkdtemp(directory))
		return 1;
	setenv("XDG_RUNTIME_DIR", directory, 1);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(left, sizeof(left), "%s/bulkhead", directory);
	rmdir(left);
	return rmdir(directory) ? 1 : failed;
}
