/* Stdin and stdout of the process. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "host/host.h"
#include "lib/ring.h"
#include "main/linux.h"

enum { INPUT_SIZE = 4096, READ_SIZE = 256 };

static u8 input_data[INPUT_SIZE];
static struct {
	struct termios before, raw;
	bool changed;
	void (*ready)(void);
	struct lock lock; /* guards what follows */
	struct ring input;
} terminal = { .input = { .data = input_data, .size = INPUT_SIZE } };

bool terminal_is_there(void) { return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO); }

/* ---- The terminal's state */

void terminal_restore(void)
{
	if (terminal.changed)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal.before);
	terminal.changed = false;
}

/* Stopped by somebody else and continued, with whatever the shell has set in between. */
static void continued(int signal unused)
{
	if (terminal.changed)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal.raw);
}

void terminal_set_raw(void)
{
	struct sigaction action = { .sa_handler = continued, .sa_flags = SA_RESTART };

	if (tcgetattr(STDIN_FILENO, &terminal.before) < 0)
		return;
	terminal.raw = terminal.before;
	cfmakeraw(&terminal.raw);
	terminal.changed = tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal.raw) == 0;
	atexit(terminal_restore);
	sigaction(SIGCONT, &action, NULL);
}

/* ---- Output */

void terminal_write(const char *text, size_t len)
{
	struct pollfd room = { .fd = STDOUT_FILENO, .events = POLLOUT };

	while (len) {
		ssize_t n = write(STDOUT_FILENO, text, len);

		if (n > 0) {
			text += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			poll(&room, 1, -1);
		} else if (n < 0 && errno != EINTR) {
			return; /* nobody is there any more */
		}
	}
}

/* ---- Input */

int terminal_get(void)
{
	int byte;

	lock_take(&terminal.lock);
	byte = ring_get(&terminal.input);
	lock_drop(&terminal.lock);
	return byte;
}

static bool input_put(u8 byte)
{
	bool stored;

	lock_take(&terminal.lock);
	stored = ring_put(&terminal.input, byte);
	lock_drop(&terminal.lock);
	return stored;
}

void terminal_type(const char *text)
{
	while (*text)
		input_put((u8)*text++);
}

/* Whoever types faster than the guest reads waits here. */
static void input_take(const u8 *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		while (!input_put(bytes[i])) {
			terminal.ready();
			host_sleep(host_time() + host_timebase() / 200);
		}
	}
	terminal.ready();
}

static void input_run(void *arg unused)
{
	u8 bytes[READ_SIZE];

	for (;;) {
		ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

		if (n > 0)
			input_take(bytes, (size_t)n);
		else if (n == 0 || (errno != EINTR && errno != EAGAIN))
			return;
		else
			poll(&(struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN }, 1, -1);
	}
}

void terminal_read(void (*ready)(void))
{
	static const struct host_task_spec task = { .name = "input", .run = input_run };

	terminal.ready = ready;
	host_task_start(&task, NULL);
}
