/*
 * What TCP costs between two processes, in instructions of everybody on the one hart:
 *
 *   bench-network server            waits for a client, serves it, ends with it
 *   bench-network client A.B.C.D    measures, and prints `bench NAME NUMBER`
 *
 * tcp_ping_pong is a byte there and one back; tcp_stream and tcp_stream_back are MB a second, if
 * an instruction takes 1 ns, as it does under QEMU with -icount shift=0,sleep=off.
 */
#include "linux/process.h"

PROGRAM_WITH_ARGUMENTS;

enum { TICK = 100, AF_INET = 2, SOCK_STREAM = 1, IPPROTO_TCP = 6, TCP_NODELAY = 1 };
enum { PORT = 5999, TRIES = 600 };
enum { FIRST_ROUNDS = 100, ROUNDS = 2000, CHUNK = 128 << 10 };
#define FIRST_STREAM (8l << 20) /* bytes, not counted: TCP finds its window */
#define STREAM (64l << 20)

struct address {
	unsigned short family, port;
	unsigned ip;
	char zero[8];
};

static char buffer[CHUNK];

static void __attribute__((noreturn)) fail(const char *what)
{
	char line[80], *end = text_append(text_append(line, "bench-network: no "), what);

	*end++ = '\n';
	system_call(SYS_WRITE, 1, line, end - line);
	process_exit(1);
}

static struct address address_of(const char *text)
{
	struct address a = { .family = AF_INET, .port = (PORT & 0xff) << 8 | PORT >> 8 };
	unsigned char parts[4] = { 0 };

	for (int n = 0; text && *text && n < 4; text++)
		if (*text == '.')
			n++;
		else
			parts[n] = (unsigned char)(parts[n] * 10 + *text - '0');
	a.ip = parts[0] | parts[1] << 8 | parts[2] << 16 | (unsigned)parts[3] << 24;
	return a;
}

static long socket_open(void)
{
	int yes = 1;
	long s = system_call(SYS_SOCKET, AF_INET, SOCK_STREAM, 0);

	system_call(SYS_SETSOCKOPT, s, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	return s;
}

/* --- both sides do the same, one of them the other way around --------------------------- */

static void send_all(long s, long size)
{
	while (size > 0) {
		long sent = system_call(SYS_WRITE, s, buffer, size < CHUNK ? size : CHUNK);

		if (sent <= 0)
			fail("more sent");
		size -= sent;
	}
}

static void receive_all(long s, long size)
{
	while (size > 0) {
		long got = system_call(SYS_READ, s, buffer, size < CHUNK ? size : CHUNK);

		if (got <= 0)
			fail("more received");
		size -= got;
	}
}

/* Bytes to the other side; it says by one byte that it has them. */
static void stream_out(long s, long size)
{
	send_all(s, size);
	receive_all(s, 1);
}

static void stream_in(long s, long size)
{
	receive_all(s, size);
	send_all(s, 1);
}

static void ping(long s, unsigned rounds)
{
	while (rounds--) {
		send_all(s, 1);
		receive_all(s, 1);
	}
}

static void pong(long s, unsigned rounds)
{
	while (rounds--) {
		receive_all(s, 1);
		send_all(s, 1);
	}
}

/* --- the two sides -------------------------------------------------------------------- */

static void __attribute__((noreturn)) serve(void)
{
	struct address any = address_of(NULL);
	long s = socket_open(), client;

	if (system_call(SYS_BIND, s, &any, sizeof any) || system_call(SYS_LISTEN, s, 1))
		fail("port");
	client = system_call(SYS_ACCEPT, s);
	if (client < 0)
		fail("client");
	pong(client, FIRST_ROUNDS + ROUNDS);
	stream_in(client, FIRST_STREAM);
	stream_in(client, STREAM);
	stream_out(client, FIRST_STREAM);
	stream_out(client, STREAM);
	process_exit(0);
}

/* The server may not be there yet. */
static long server_find(const char *text)
{
	static const struct { long seconds, nanoseconds; } pause = { 0, 100000000 };
	struct address to = address_of(text);

	for (unsigned n = 0; n < TRIES; n++) {
		long s = socket_open();

		if (!system_call(SYS_CONNECT, s, &to, sizeof to))
			return s;
		system_call(SYS_CLOSE, s);
		system_call(SYS_NANOSLEEP, &pause);
	}
	fail("server");
}

/* MB a second if an instruction takes 1 ns: bytes in 1000 instructions. */
static void stream_print(const char *name, unsigned long ticks)
{
	bench_print(name, STREAM * 1000 / (ticks * TICK));
}

static void __attribute__((noreturn)) measure(const char *server)
{
	long s = server_find(server);
	unsigned long start;

	process_settle();
	ping(s, FIRST_ROUNDS);
	start = time_read();
	ping(s, ROUNDS);
	bench_print("tcp_ping_pong", ((time_read() - start) * TICK + ROUNDS / 2) / ROUNDS);
	stream_out(s, FIRST_STREAM);
	start = time_read();
	stream_out(s, STREAM);
	stream_print("tcp_stream", time_read() - start);
	stream_in(s, FIRST_STREAM);
	start = time_read();
	stream_in(s, STREAM);
	stream_print("tcp_stream_back", time_read() - start);
	process_exit(0);
}

void program(const unsigned long *stack)
{
	const char *role = argument(stack, 1);

	if (role && *role == 's')
		serve();
	measure(argument(stack, 2));
}
