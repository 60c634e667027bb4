/* pipe2(), ppoll() and prctl() are Linux: so are the workstations. */
#define _GNU_SOURCE
#include "main/cli/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 4096, KILL_SECONDS = 5 };

static int status_code(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* In the child: the descriptors that are not -1 take the standard ones' places. Tells the
 * parent by @report when the program cannot be started, which the exec closes otherwise. */
static _Noreturn void child_exec(char *const argv[], int out, int err, bool no_stdin, int report)
{
	int null, error;

	if (no_stdin) {
		null = open("/dev/null", O_RDONLY);
		if (null >= 0)
			dup2(null, STDIN_FILENO);
	}
	if (out >= 0)
		dup2(out, STDOUT_FILENO);
	if (err >= 0)
		dup2(err, STDERR_FILENO);
	/* A child must not outlive a command that was killed. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	execvp(argv[0], argv);
	error = errno;
	if (write(report, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

/* Returns the child, or -1 with errno set. */
static pid_t child_start(char *const argv[], int out, int err, bool no_stdin)
{
	int report[2], error = 0;
	ssize_t got;
	pid_t pid;

	if (pipe2(report, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (!pid) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		child_exec(argv, out, err, no_stdin, report[1]);
	}
	close(report[1]);
	do
		got = pid > 0 ? read(report[0], &error, sizeof(error)) : 0;
	while (got < 0 && errno == EINTR);
	close(report[0]);
	if (got == (ssize_t)sizeof(error)) {
		waitpid(pid, NULL, 0);
		errno = error;
		return -1;
	}
	return pid;
}

/* --- a child whose output is collected ------------------------------------------ */

/* Reads what there is; false at the end. */
static bool buffer_fill(struct buffer *buffer, int fd)
{
	char chunk[4096], *data;
	ssize_t got = read(fd, chunk, sizeof(chunk));

	if (got < 0 && errno == EINTR)
		return true;
	if (got <= 0)
		return false;
	data = realloc(buffer->data, buffer->size + (size_t)got + 1);
	if (!data)
		return false;
	memcpy(data + buffer->size, chunk, (size_t)got);
	buffer->data = data;
	buffer->size += (size_t)got;
	data[buffer->size] = '\0';
	return true;
}

static void pipes_drain(int out, int err, struct buffer *out_buffer, struct buffer *err_buffer)
{
	struct pollfd fds[2] = { { .fd = out, .events = POLLIN }, { .fd = err, .events = POLLIN } };

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		if (fds[0].fd >= 0 && fds[0].revents && !buffer_fill(out_buffer, out))
			fds[0].fd = -1;
		if (fds[1].fd >= 0 && fds[1].revents && !buffer_fill(err_buffer, err))
			fds[1].fd = -1;
	}
}

int process_capture(char *const argv[], struct buffer *out, struct buffer *err)
{
	int out_pipe[2], err_pipe[2], status = 0, error;
	pid_t pid;

	*out = (struct buffer){ calloc(1, 1), 0 };
	*err = (struct buffer){ calloc(1, 1), 0 };
	if (!out->data || !err->data || pipe2(out_pipe, O_CLOEXEC) < 0)
		return -1;
	if (pipe2(err_pipe, O_CLOEXEC) < 0) {
		close(out_pipe[0]);
		close(out_pipe[1]);
		return -1;
	}
	pid = child_start(argv, out_pipe[1], err_pipe[1], true);
	error = errno;
	close(out_pipe[1]);
	close(err_pipe[1]);
	if (pid > 0)
		pipes_drain(out_pipe[0], err_pipe[0], out, err);
	close(out_pipe[0]);
	close(err_pipe[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	errno = error;
	return pid > 0 ? status_code(status) : -1;
}

/* --- a child under supervision --------------------------------------------------- */

struct supervised {
	struct process_run *run;
	pid_t pid;
	int output; /* -1: none, or closed */
	u64 started; /* in ms, as all times here */
	u64 kill_at; /* when to use force; 0: it was not asked to end */
	char line[LINE_SIZE];
	size_t line_size;
	bool line_cut; /* the line goes on one that was too long */
};

static volatile sig_atomic_t stop_signal;

static void stop_noted(int signal_number)
{
	stop_signal = signal_number;
}

/* Only its arrival counts: it ends the wait. */
static void child_noted(int signal_number unused)
{
}

static u64 time_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * 1000 + (u64)now.tv_nsec / 1000000;
}

static void line_end(struct supervised *s, bool cut)
{
	while (s->line_size && s->line[s->line_size - 1] == '\r')
		s->line_size--;
	s->line[s->line_size] = '\0';
	s->line_size = 0;
	s->run->line(s->run->arg, s->line, !cut && !s->line_cut);
	s->line_cut = cut;
}

static void output_read(struct supervised *s)
{
	char chunk[4096];
	ssize_t got = read(s->output, chunk, sizeof(chunk));

	if (got < 0 && errno == EINTR)
		return;
	for (ssize_t i = 0; i < got; i++) {
		if (chunk[i] == '\n' || s->line_size == sizeof(s->line) - 1)
			line_end(s, chunk[i] != '\n');
		if (chunk[i] != '\n')
			s->line[s->line_size++] = chunk[i] ? chunk[i] : '?';
	}
	if (got <= 0) {
		if (s->line_size)
			line_end(s, false);
		close(s->output);
		s->output = -1;
	}
}

static void child_stop(struct supervised *s, u64 now)
{
	if (s->kill_at)
		return;
	kill(s->pid, SIGTERM);
	s->kill_at = now + KILL_SECONDS * 1000;
}

/* Ends the child when it is time to, and returns how long to wait for the next such time. */
static u64 deadline_check(struct supervised *s)
{
	u64 now = time_now(), timeout = (u64)s->run->timeout * 1000, elapsed = now - s->started;

	s->run->seconds = (u32)(elapsed / 1000);
	if (stop_signal && !s->kill_at) {
		s->run->interrupted = true;
		child_stop(s, now);
	}
	if (timeout && elapsed >= timeout && !s->kill_at) {
		s->run->timed_out = true;
		child_stop(s, now);
	}
	if (s->kill_at && now >= s->kill_at) {
		kill(s->pid, SIGKILL);
		return 1000;
	}
	if (s->kill_at)
		return s->kill_at - now;
	return timeout ? min_u64(timeout - elapsed, 60 * 1000) : 60 * 1000;
}

/* What the child wrote last; a grandchild that keeps the pipe open is not waited for. */
static void output_finish(struct supervised *s)
{
	struct pollfd fd = { .fd = s->output, .events = POLLIN };

	while (s->output >= 0 && poll(&fd, 1, 0) > 0)
		output_read(s);
}

/* Signals are taken only within ppoll(), so that none slips in between test and wait. */
static int child_watch(struct supervised *s, const sigset_t *open)
{
	int status = 0;

	for (;;) {
		u64 wait = deadline_check(s);
		struct timespec time = { (time_t)(wait / 1000), (long)(wait % 1000) * 1000000 };
		struct pollfd fd = { .fd = s->output, .events = POLLIN };

		if (waitpid(s->pid, &status, WNOHANG) == s->pid)
			break;
		if (ppoll(&fd, 1, &time, open) > 0 && fd.revents)
			output_read(s);
	}
	output_finish(s);
	return status_code(status);
}

static void signals_take(sigset_t *open)
{
	static const int stop_signals[] = { SIGINT, SIGTERM, SIGHUP };
	const struct sigaction child = { .sa_handler = child_noted };
	const struct sigaction stop = { .sa_handler = stop_noted };
	sigset_t taken;

	stop_signal = 0;
	sigemptyset(&taken);
	sigaddset(&taken, SIGCHLD);
	sigaction(SIGCHLD, &child, NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(stop_signals); i++) {
		sigaddset(&taken, stop_signals[i]);
		sigaction(stop_signals[i], &stop, NULL);
	}
	/* A reader that has gone shows as a failed write. */
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &taken, open);
}

int process_supervise(char *const argv[], struct process_run *run)
{
	struct supervised s = { .run = run, .output = -1 };
	int output[2] = { -1, -1 }, code = -1, error;
	struct termios terminal;
	bool is_terminal = !tcgetattr(STDIN_FILENO, &terminal);
	sigset_t open;

	if (run->line && pipe2(output, O_CLOEXEC) < 0)
		return -1;
	signals_take(&open);
	s.started = time_now();
	s.pid = child_start(argv, output[1], -1, run->line);
	error = errno;
	if (output[1] >= 0)
		close(output[1]);
	s.output = output[0];
	if (s.pid > 0)
		code = child_watch(&s, &open);
	/* QEMU that was killed leaves the terminal raw. */
	if (is_terminal && !run->line)
		tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
	sigprocmask(SIG_SETMASK, &open, NULL);
	errno = error;
	return code;
}
