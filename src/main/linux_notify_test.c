#include "main/linux_notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* Listens on the name; '@' stands for one outside of the file system. */
static int listen_on(const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", name);
	if (*name == '@')
		at.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&at,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void arrives(int fd, const char *text)
{
	char got[100] = "";

	notify_send(text);
	assert_true(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT) > 0);
	assert_string_equal(got, text);
	close(fd);
}

static void sends(void **state unused)
{
	char name[60];

	snprintf(name, sizeof(name), "@bulkhead-notify-test-%d", (int)getpid());
	arrives(listen_on(name), "READY=1");
	snprintf(name, sizeof(name), "/tmp/bulkhead-notify-test-%d", (int)getpid());
	arrives(listen_on(name), "READY=1\nSTATUS=well");
	unlink(name);
	notify_send("READY=1"); /* nobody is there any more */
}

static void stays_silent(void **state unused)
{
	static char name[300];

	unsetenv("NOTIFY_SOCKET");
	assert_false(notify_wanted());
	notify_send("READY=1");
	memset(name, 'x', sizeof(name) - 1);
	name[0] = '/';
	setenv("NOTIFY_SOCKET", name, 1);
	notify_send("READY=1");
	setenv("NOTIFY_SOCKET", "vsock:2:1234", 1);
	assert_false(notify_wanted());
}

static void has_a_watchdog(void **state unused)
{
	char pid[20];

	setenv("NOTIFY_SOCKET", "/nowhere", 1);
	assert_int_equal(notify_watchdog(), 0);
	setenv("WATCHDOG_USEC", "3000000", 1);
	assert_int_equal(notify_watchdog(), 3000);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_watchdog(), 0);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_watchdog(), 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends),
		cmocka_unit_test(stays_silent),
		cmocka_unit_test(has_a_watchdog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
