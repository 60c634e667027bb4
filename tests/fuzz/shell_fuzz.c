/*
 * The operator's console: keys, guests' output, and VMs that change state under
 * the operator's hands, in any order. Nothing may crash it or keep it busy.
 *
 * A byte of the input is a key, but for OTHER, after which the next byte says what
 * happens: a whole word is typed, a guest prints or reads, time passes, ...
 */
#include <stdlib.h>

#include "host/fake/fake.h"
#include "lib/log.h"
#include "manage/console.h"
#include "manage/fake_vms.h"

enum { OTHER = 0xfe, STEPS_MAX = 20000 };
enum { DO_WORD, DO_PRINT, DO_READ, DO_STATE, DO_TIME, DO_LOG, DO_FLOOD, DO_COLOUR, DO_COUNT };

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static const char *const words[] = {
	"list\r", "info ", "console ", "overview\r", "start ", "stop ", "pause ", "resume ",
	"restart ", "log\r", "system\r", "version\r", "shutdown\r", "yes\r", "help ", "exit\r",
	"linux1 ", "linux2 ", "rt ", "spare ", "\x1d", "\x1d\x1d", "\x1ds", "\x1do", "\x1dn",
	"\x1b[A", "\x1b[D", "\x1b[3~", "\t", "\r",
	/* Whole lines, from any view. */
	"\035s\025start linux1 rt\r", "\035s\025stop linux2\r", "\035s\025info linux1\r",
	"\035s\025list\r", "\035s\025shutdown\ry\r", "\035s\025console linux1\r",
};

static struct char_backend *backends[FAKE_VMS];
static const u8 *input;
static size_t left;
static const char *typing;
static int key = -1;

static u8 take(void)
{
	return left ? (left--, *input++) : 0;
}

static int port_getc(void)
{
	int byte = key;

	key = -1;
	if (byte < 0 && typing && *typing)
		byte = (u8)*typing++;
	return byte;
}

static volatile size_t written;

static void port_write(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		written += (u8)text[i];
}

static void shut_down(void) { }

static void on_input(void *device)
{
	++*(unsigned *)device;
}

/* Cleaned bytes cannot drive a terminal, whatever came before them. */
static void check_clean(const u8 *bytes, size_t size)
{
	struct clean clean = { 0 };
	char out[CLEAN_OUT_MAX];

	for (size_t i = 0; i < size; i++) {
		unsigned n = clean_byte(&clean, bytes[i], out);

		host_assert(n <= CLEAN_OUT_MAX);
		for (unsigned k = 0; k < n; k++) {
			u8 c = (u8)out[k];

			host_assert(c != 0x7f && (c >= ' ' || c == '\t' || c == '\r' || c == '\n'));
		}
	}
}

/* Until the console would sleep; it must come to that. */
static void settle(u64 ticks)
{
	u64 end = host_time() + ticks;

	for (unsigned i = 0; i < STEPS_MAX; i++) {
		u64 next = console_step();

		if (next > end) {
			fake_time_set(end);
			return;
		}
		if (next > host_time())
			fake_time_set(next);
	}
	host_panic("the console does not come to rest");
}

static void guest_prints(struct char_backend *b, unsigned n)
{
	while (n--)
		b->ops->put(b, take());
}

static void guest_reads(struct char_backend *b, unsigned n)
{
	while (n--)
		if (b->ops->get(b) < 0)
			return;
}

static void guest_floods(struct char_backend *b, u8 with)
{
	for (unsigned i = 0; i < 9000; i++)
		b->ops->put(b, i % 40 ? (u8)(with + i % 7) : '\n');
}

static void vm_changes(unsigned n, u8 how)
{
	fake_vms[n].state = how % (VM_FAILED + 1);
	fake_vms[n].end = how / 8 % (VM_END_RESTART + 2);
	fake_vms[n].restarting = how & 0x80;
}

static void other(void)
{
	static unsigned ready;
	u8 what = take(), arg = take();
	unsigned n = what / DO_COUNT % FAKE_VMS;

	switch (what % DO_COUNT) {
	case DO_WORD: typing = words[arg % ARRAY_SIZE(words)]; break;
	case DO_PRINT: guest_prints(backends[n], arg); break;
	case DO_READ: guest_reads(backends[n], arg); break;
	case DO_STATE: vm_changes(n, arg); break;
	case DO_TIME: settle(arg * (u64)FAKE_TIMEBASE / 200); break;
	case DO_LOG: log_line("[%s] log %d", fake_vms[n].config.name, arg); break;
	case DO_FLOOD: guest_floods(backends[n], arg); break;
	case DO_COLOUR:
		console_set_colour(arg & 1);
		char_attach(backends[n], arg & 2 ? on_input : NULL, &ready);
		break;
	}
}

static void set_up(void)
{
	static const struct console_port port = { .write = port_write, .getc = port_getc };
	static const struct console_host host = { .version = "0", .shutdown = shut_down };

	fake_reset();
	fake_vms_set_up();
	console_init(&port);
	console_set_host(&host);
	log_set_sink(console_log_sink);
	for (unsigned i = 0; i < FAKE_VMS; i++)
		backends[i] = console_backend(i, fake_vms[i].config.name, NULL);
	console_start();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	check_clean(data, size);
	set_up();
	input = data;
	left = size;
	typing = NULL;
	while (left) {
		u8 c = take();

		if (c == OTHER)
			other();
		else
			key = c;
		console_step();
	}
	settle(10 * FAKE_TIMEBASE);
	for (unsigned i = 0; i < FAKE_VMS; i++)
		fake_console_free(backends[i]);
	return 0;
}
