#define _GNU_SOURCE
#include "main/linux_control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/host.h"
#include "lib/log.h"
#include "main/cli/runtime.h"
#include "main/linux_notify.h"
#include "manage/control.h"
#include "vm/vm.h"

enum { CLIENTS = 16, LOG_SIZE = 16384, PATIENCE_MS = 1000, READY_POLL_MS = 50 };

struct client {
	int fd; /* -1: none */
	u64 until; /* host_time() at which its patience ends */
	u32 used;
	char request[CONTROL_REQUEST_MAX + 1];
};

static u8 log_data[LOG_SIZE];
static char answer_text[CONTROL_ANSWER_SIZE];

static struct {
	int fd;
	struct runtime_system system;
	struct control control;
	struct history log;
	u64 started;
	log_sink_fn *next_sink;
	struct client clients[CLIENTS];
	bool ready;        /* the service manager knows */
	u64 watchdog_ms;   /* 0: none */
	u64 watchdog_next; /* host_time() */
} server = { .fd = -1 };

static u64 ms(u64 n) { return n * host_timebase() / 1000; }

/* ---- The log: any task */

static void server_log(const char *line, size_t len)
{
	u64 since = (host_time() - server.started) / (host_timebase() / 1000);
	char text[300];
	int n = snprintf(text, sizeof(text), "%5lu.%03lu %.*s\n", (unsigned long)(since / 1000),
			 (unsigned long)(since % 1000), (int)min_u64(len, 255), line);

	history_append(&server.log, text, (size_t)n);
	if (server.next_sink)
		server.next_sink(line, len);
}

/* ---- The service manager */

/* Every VM that starts by itself has started, or cannot. */
static bool all_started(void)
{
	for (unsigned i = 0; i < vm_count; i++) {
		const struct vm *vm = vm_table[i];
		u32 state = __atomic_load_n(&vm->state, __ATOMIC_ACQUIRE);

		if (vm->config.start == START_AUTO &&
		    (!__atomic_load_n(&vm->starts, __ATOMIC_RELAXED) || state == VM_BUILDING))
			return false;
	}
	return true;
}

static void manager_begin(void)
{
	server.ready = !notify_wanted();
	server.watchdog_ms = notify_watchdog();
	server.watchdog_next = 0;
}

static void manager_tell(void)
{
	char text[80];

	if (!server.ready && all_started()) {
		snprintf(text, sizeof(text), "READY=1\nSTATUS=%u VM%s", vm_count, vm_count == 1 ? "" : "s");
		notify_send(text);
		server.ready = true;
	}
	if (server.watchdog_ms && host_time() >= server.watchdog_next) {
		notify_send("WATCHDOG=1");
		server.watchdog_next = host_time() + ms(server.watchdog_ms / 2);
	}
}

/* ---- Clients */

static void client_drop(struct client *c)
{
	close(c->fd);
	c->fd = -1;
}

/* One that does not take its answer at once gets what fits: it waits for nobody. */
static void client_serve(struct client *c, size_t len)
{
	struct answer answer = { .text = answer_text, .size = sizeof(answer_text) };
	bool done = control_answer(&server.control, c->request, len, &answer);
	char head[40];
	int n = snprintf(head, sizeof(head), "%s %u\n", done ? "ok" : "failed", answer.used);
	struct msghdr message = {
		.msg_iov = (struct iovec[]){
			{ .iov_base = head, .iov_len = (size_t)n },
			{ .iov_base = answer.text, .iov_len = answer.used },
		},
		.msg_iovlen = 2,
	};

	sendmsg(c->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	client_drop(c);
}

static void client_read(struct client *c)
{
	size_t room = sizeof(c->request) - c->used;
	ssize_t n = recv(c->fd, c->request + c->used, room, MSG_DONTWAIT);
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_drop(c);
		return;
	}
	c->used += (u32)n;
	end = memchr(c->request, '\n', c->used);
	if (end)
		client_serve(c, (size_t)(end - c->request));
	else if (c->used == sizeof(c->request))
		client_serve(c, c->used); /* too long: it is told */
}

/* Whoever got to the socket in another way than by the directory, which only the user enters. */
static bool client_is_ours(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

static struct client *client_free(void)
{
	for (unsigned i = 0; i < CLIENTS; i++)
		if (server.clients[i].fd < 0)
			return &server.clients[i];
	return NULL;
}

static void client_accept(struct client *c)
{
	int fd = accept4(server.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (!client_is_ours(fd)) {
		close(fd);
		return;
	}
	c->fd = fd;
	c->used = 0;
	c->until = host_time() + ms(PATIENCE_MS);
}

static bool clients_expire(void)
{
	bool any = false;

	for (unsigned i = 0; i < CLIENTS; i++) {
		struct client *c = &server.clients[i];

		if (c->fd >= 0 && host_time() >= c->until)
			client_drop(c);
		any |= c->fd >= 0;
	}
	return any;
}

/* ---- The task */

int control_open(const char *file)
{
	char name[RUNTIME_NAME_SIZE];
	int fd;

	history_init(&server.log, log_data, sizeof(log_data));
	server.started = host_time();
	server.next_sink = log_set_sink(server_log);
	for (unsigned i = 0; i < CLIENTS; i++)
		server.clients[i].fd = -1;
	runtime_name(file, name);
	fd = runtime_listen(name, &server.system);
	server.fd = fd < 0 ? -1 : fd;
	server.control = (struct control){
		.system = server.system.name, .process = server.system.pid, .log = &server.log,
	};
	manager_begin();
	return fd < 0 ? fd : 0;
}

/* When to look again without anything having happened; -1: never. */
static int next_look(int at_most)
{
	u64 wait = at_most < 0 ? ~0ul : (u64)at_most;

	if (!server.ready)
		wait = min_u64(wait, READY_POLL_MS);
	if (server.watchdog_ms)
		wait = min_u64(wait, server.watchdog_ms / 4);
	if (clients_expire())
		wait = min_u64(wait, PATIENCE_MS);
	return wait == ~0ul ? -1 : (int)wait;
}

void control_step(int at_most)
{
	int wait = next_look(at_most);
	struct client *room = client_free();
	struct pollfd polled[1 + CLIENTS];

	/* poll() passes over what is negative: without room new ones wait. */
	polled[0] = (struct pollfd){ .fd = room ? server.fd : -1, .events = POLLIN };
	for (unsigned i = 0; i < CLIENTS; i++)
		polled[1 + i] = (struct pollfd){ .fd = server.clients[i].fd, .events = POLLIN };
	if (poll(polled, ARRAY_SIZE(polled), wait) > 0) {
		for (unsigned i = 0; i < CLIENTS; i++)
			if (polled[1 + i].revents && server.clients[i].fd >= 0)
				client_read(&server.clients[i]);
		if (polled[0].revents)
			client_accept(room);
	}
	manager_tell();
}

void control_close(void)
{
	notify_send("STOPPING=1");
	if (server.fd >= 0)
		unlink(server.system.path);
}

static void control_run(void *arg unused)
{
	for (;;)
		control_step(-1);
}

void control_start(const char *file)
{
	static const struct host_task_spec task = { .name = "control", .run = control_run };
	int err = control_open(file);

	if (err)
		log_line("no socket for other commands: %s", strerror(-err));
	atexit(control_close);
	if (!host_task_start(&task, NULL))
		log_line("no memory to serve other commands");
}
