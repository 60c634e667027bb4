#include "dev/virtio_console.h"

#include "dev/virtq_test.h"
#include "engine/script/script_vm.h"
#include "host/fake/fake.h"
#include "io/pipe.h"
#include "lib/ring.h"

#define BASE 0x10001000ul
#define MULTIPORT TEST_FEATURE(1)
#define PACKED TEST_FEATURE(VIRTIO_F_RING_PACKED)
#define EVENT_IDX TEST_FEATURE(VIRTIO_F_EVENT_IDX)

enum { RX, TX, CONTROL_RX, CONTROL_TX, QUEUES };
enum { DEVICE_READY, DEVICE_ADD, PORT_REMOVE, PORT_READY, CONSOLE_PORT, RESIZE, PORT_OPEN, PORT_NAME };

struct control {
	u32 id;
	u16 event, value;
	char more[56];
};

/* ---- A guest with a console; a test has up to two, of which one is `at work` */

struct guest {
	struct vm *vm;
	u64 next;
	struct test_wire wire;
	struct virtio_device *d;
	struct test_ring rings[QUEUES];
	u64 buffers[QUEUES][VIRTQ_SIZE_MAX]; /* of the chain with that id */
};

static struct guest guests[2], *g;

/* The operator's side. */
static struct {
	struct char_backend backend;
	char out[16384];
	size_t out_len;
	struct ring in;
	u8 in_data[16384];
} line;

static struct pipe *pipe;
static u64 variant; /* features of the rings */

static void line_put(struct char_backend *b unused, u8 byte)
{
	assert_true(line.out_len < sizeof(line.out));
	line.out[line.out_len++] = (char)byte;
}

static int line_get(struct char_backend *b unused) { return ring_get(&line.in); }
static const struct char_ops line_ops = { .put = line_put, .get = line_get };

static void line_type(const char *text)
{
	for (; *text; text++)
		ring_put(&line.in, (u8)*text);
	char_notify(&line.backend);
}

static void use(unsigned n)
{
	if (g)
		g->next = test_vm_next;
	g = &guests[n];
	test_vm = g->vm;
	test_vm_next = g->next;
	host_space_enter(g->vm->space);
}

static void guest_open(unsigned n, struct char_backend *backend)
{
	struct guest *new = &guests[n];

	new->vm = script_vm_open(1, 4 * MIB);
	assert_non_null(new->vm);
	new->next = new->vm->mem.extents[0].gpa;
	use(n);
	assert_int_equal(vm_work_start(g->vm), 0);
	g->d = virtio_console_create(g->vm, BASE, test_wire_line(&g->wire, 1), "hull", backend);
	assert_non_null(g->d);
}

static void guest_close(unsigned n)
{
	if (!guests[n].vm)
		return;
	use(n);
	g->d->dev.ops->destroy(&g->d->dev);
	vm_work_stop(g->vm);
	script_vm_close(g->vm);
	memset(g, 0, sizeof(*g));
	g = NULL;
}

/* The driver's start, up to where the port would be known. */
static void driver_begin(u64 features)
{
	assert_true(driver_start(g->d, features | variant));
	for (unsigned q = 0; q < QUEUES; q++)
		driver_queue(&g->rings[q], g->d, q, 16);
	driver_ok(g->d);
}

static void give_buffer(unsigned queue, u32 size)
{
	struct test_buffer b = { guest_take(size, 16), size, true };
	u16 id = ring_add(&g->rings[queue], &b, 1, false);

	g->buffers[queue][id] = b.gpa;
	ring_kick(&g->rings[queue]);
}

/* What came back in a receive queue: bytes and their number, -1: nothing did. */
static int take_buffer(unsigned queue, void *to, u32 size)
{
	struct test_used used;

	if (!ring_poll(&g->rings[queue], &used))
		return -1;
	assert_true(used.written <= size);
	guest_get(g->buffers[queue][used.id], to, used.written);
	return (int)used.written;
}

static void add_block(unsigned queue, const void *bytes, u32 size)
{
	struct test_buffer b = { guest_take(size, 1), size, false };

	guest_put(b.gpa, bytes, size);
	ring_add(&g->rings[queue], &b, 1, false);
	ring_kick(&g->rings[queue]);
}

static bool block_is_back(unsigned queue)
{
	struct test_used used;

	return ring_poll(&g->rings[queue], &used);
}

static void print(const char *text)
{
	add_block(TX, text, (u32)strlen(text));
}

static void say(u32 id, u16 event, u16 value)
{
	struct control m = { .id = id, .event = event, .value = value };

	add_block(CONTROL_TX, &m, 8);
	assert_true(block_is_back(CONTROL_TX));
}

/* The next message must be this one. */
static void hear(u16 event, u16 value, const char *more, u32 more_size)
{
	struct control m;

	assert_int_equal(take_buffer(CONTROL_RX, &m, sizeof(m)), 8 + more_size);
	assert_int_equal(m.id, 0);
	assert_int_equal(m.event, event);
	assert_int_equal(m.value, value);
	assert_memory_equal(m.more, more, more_size);
	give_buffer(CONTROL_RX, sizeof(m));
}

static void hear_nothing(void)
{
	struct control m;

	assert_int_equal(take_buffer(CONTROL_RX, &m, sizeof(m)), -1);
}

static void expect_input(const char *text)
{
	char got[256];

	assert_int_equal(take_buffer(RX, got, sizeof(got)), strlen(text));
	assert_memory_equal(got, text, strlen(text));
}

static void expect_no_input(void)
{
	char byte;

	assert_int_equal(take_buffer(RX, &byte, 1), -1);
}

/* As Linux does: messages go to and fro, then programs open the port. */
static void multiport_begin(bool console, bool other_open)
{
	driver_begin(MULTIPORT);
	for (unsigned i = 0; i < 6; i++)
		give_buffer(CONTROL_RX, sizeof(struct control));
	for (unsigned i = 0; i < 4; i++)
		give_buffer(RX, 256);
	hear_nothing();
	say(~0u, DEVICE_READY, 1);
	hear(DEVICE_ADD, 1, "", 0);
	hear_nothing();
	say(0, PORT_READY, 1);
	if (console)
		hear(CONSOLE_PORT, 1, "", 0);
	hear(PORT_NAME, 1, "hull", 4);
	hear(PORT_OPEN, other_open, "", 0);
	hear_nothing();
}

/* ---- With the operator's console */

static int setup_line(void **state unused)
{
	fake_reset();
	memset(&line, 0, sizeof(line));
	line.backend.ops = &line_ops;
	line.in = (struct ring){ .data = line.in_data, .size = sizeof(line.in_data) };
	guest_open(0, &line.backend);
	return 0;
}

static int teardown(void **state unused)
{
	guest_close(0);
	guest_close(1);
	if (pipe)
		pipe_destroy(pipe, NULL);
	pipe = NULL;
	host_space_enter(NULL);
	assert_null(line.backend.input_ready);
	assert_int_equal(fake_tasks(), 0);
	assert_int_equal(fake_allocated(), 0);
	return 0;
}

static void is_a_console_device(void **state unused)
{
	assert_int_equal(reg_in(g->d, REG_DEVICE_ID), 3);
	assert_int_equal(driver_offered(g->d) & 7, 7);
	assert_int_equal(config_in(g->d, 0, 2) | config_in(g->d, 2, 2), 0);
	assert_int_equal(config_in(g->d, 4, 4), 1);
	assert_int_equal(config_in(g->d, 0, 8), 1ul << 32);
	assert_int_equal(config_in(g->d, 12, 4), 0);
}

static void prints(void **state unused)
{
	driver_begin(0);
	print("Hello, ");
	assert_true(block_is_back(TX));
	assert_true(g->wire.level);
	assert_int_equal(driver_interrupt(g->d), 1);
	print("world\n");
	assert_true(block_is_back(TX));
	assert_int_equal(line.out_len, 13);
	assert_memory_equal(line.out, "Hello, world\n", 13);
}

static void prints_chains_of_several_buffers(void **state unused)
{
	struct test_buffer b[3] = {
		{ guest_take(3, 1), 3, false },
		{ guest_take(1, 1), 0, false },
		{ guest_take(2, 1), 2, false },
	};

	driver_begin(TEST_FEATURE(VIRTIO_F_INDIRECT_DESC));
	guest_put(b[0].gpa, "abc", 3);
	guest_put(b[2].gpa, "de", 2);
	ring_add(&g->rings[TX], b, 3, false);
	ring_add(&g->rings[TX], b, 3, true);
	ring_kick(&g->rings[TX]);
	assert_true(block_is_back(TX) && block_is_back(TX));
	assert_memory_equal(line.out, "abcdeabcde", 10);
	assert_int_equal(line.out_len, 10);
}

/* A vCPU that prints much prints a part of it; the rest follows. */
static void prints_much_in_turns(void **state unused)
{
	static char block[10000];

	driver_begin(0);
	for (unsigned i = 0; i < sizeof(block); i++)
		block[i] = (char)(i * 31 >> 3);
	add_block(TX, block, sizeof(block));
	assert_false(block_is_back(TX));
	assert_int_equal(line.out_len, 4096);
	fake_run();
	assert_true(block_is_back(TX));
	assert_int_equal(line.out_len, sizeof(block));
	assert_memory_equal(line.out, block, sizeof(block));
}

static void receives(void **state unused)
{
	driver_begin(0);
	give_buffer(RX, 3);
	give_buffer(RX, 100);
	expect_no_input();
	line_type("typed");
	expect_no_input();
	fake_run();
	expect_input("typ");
	expect_input("ed");
	assert_int_equal(driver_interrupt(g->d), 1);
	line_type("more");
	fake_run();
	expect_no_input(); /* there is no room */
	assert_int_equal(ring_used(&line.in), 4);
	give_buffer(RX, 100);
	expect_input("more");
}

static void finds_what_was_typed_before(void **state unused)
{
	line_type("early");
	fake_run();
	driver_begin(0);
	give_buffer(RX, 100);
	expect_input("early");
}

static void readable_buffers_receive_nothing(void **state unused)
{
	struct test_used used;

	driver_begin(0);
	add_block(RX, "mine", 4);
	give_buffer(RX, 100);
	line_type("x");
	fake_run();
	assert_true(ring_poll(&g->rings[RX], &used));
	assert_int_equal(used.written, 0);
	expect_input("x");
}

static void prints_in_an_emergency(void **state unused)
{
	test_write(&g->d->dev, REG_CONFIG + 8, 4, 'A');
	test_write(&g->d->dev, REG_CONFIG + 8, 1, 'B');
	test_write(&g->d->dev, REG_CONFIG + 0, 2, 'C');
	test_write(&g->d->dev, REG_CONFIG + 9, 1, 'D');
	driver_begin(0);
	test_write(&g->d->dev, REG_CONFIG + 8, 4, 0x12345600 + 'E');
	assert_int_equal(line.out_len, 3);
	assert_memory_equal(line.out, "ABE", 3);
}

static void makes_a_console_port(void **state unused)
{
	multiport_begin(true, true);
	line_type("ls");
	fake_run();
	expect_no_input(); /* nobody has opened the port */
	say(0, PORT_OPEN, 1);
	expect_input("ls");
	print("files");
	assert_memory_equal(line.out, "files", 5);
	say(0, PORT_OPEN, 0);
	line_type("kept");
	fake_run();
	expect_no_input();
	say(0, PORT_OPEN, 1);
	expect_input("kept");
}

static void tells_its_size(void **state unused)
{
	const u16 size[] = { 132, 50 };

	driver_begin(0);
	driver_interrupt(g->d);
	virtio_console_resize(g->d, 132, 50);
	assert_int_equal(config_in(g->d, 0, 2), 132);
	assert_int_equal(config_in(g->d, 2, 2), 50);
	assert_int_equal(driver_interrupt(g->d), 2);
	fake_run();
	virtio_console_resize(g->d, 0, 0);
	multiport_begin(true, true);
	virtio_console_resize(g->d, 132, 50);
	fake_run();
	hear(RESIZE, 1, (const char *)size, 4);
	hear_nothing();
	say(0, PORT_READY, 1);
	hear(CONSOLE_PORT, 1, "", 0);
	hear(PORT_NAME, 1, "hull", 4);
	hear(RESIZE, 1, (const char *)size, 4);
	hear(PORT_OPEN, 1, "", 0);
}

static void messages_wait_for_buffers(void **state unused)
{
	driver_begin(MULTIPORT);
	say(0, DEVICE_READY, 1);
	say(0, PORT_READY, 1);
	give_buffer(CONTROL_RX, 64);
	give_buffer(CONTROL_RX, 64);
	give_buffer(CONTROL_RX, 64);
	hear(DEVICE_ADD, 1, "", 0);
	hear(CONSOLE_PORT, 1, "", 0);
	hear(PORT_NAME, 1, "hull", 4);
	hear(PORT_OPEN, 1, "", 0);
	hear_nothing();
}

static void odd_messages_are_ignored(void **state unused)
{
	multiport_begin(true, true);
	say(1, PORT_READY, 1);
	say(0, PORT_READY, 0);
	say(1, PORT_OPEN, 1);
	for (u16 event = 8; event < 40; event++)
		say(0, event, 1);
	say(0, DEVICE_READY, 0);
	say(0, DEVICE_ADD, 1);
	say(0, CONSOLE_PORT, 1);
	add_block(CONTROL_TX, "short", 5);
	assert_true(block_is_back(CONTROL_TX));
	hear_nothing();
	line_type("x");
	fake_run();
	expect_no_input();
}

/* A buffer that is too small gets what fits. */
static void long_messages_are_cut(void **state unused)
{
	struct control m;

	driver_begin(MULTIPORT);
	say(0, PORT_READY, 1);
	for (unsigned i = 0; i < 4; i++)
		give_buffer(CONTROL_RX, 10);
	assert_int_equal(take_buffer(CONTROL_RX, &m, sizeof(m)), 8);
	assert_int_equal(take_buffer(CONTROL_RX, &m, sizeof(m)), 10);
	assert_memory_equal(m.more, "hu", 2);
	assert_int_equal(take_buffer(CONTROL_RX, &m, sizeof(m)), 8);
}

static void a_reset_forgets_the_port(void **state unused)
{
	multiport_begin(true, true);
	say(0, PORT_OPEN, 1);
	reg_out(g->d, REG_STATUS, 0);
	assert_false(g->wire.level);
	line_type("next");
	fake_run();
	multiport_begin(true, true);
	expect_no_input();
	say(0, PORT_OPEN, 1);
	expect_input("next");
}

static void a_broken_ring_stops_it(void **state unused)
{
	struct test_buffer b = { 0x1000, 16, false };

	driver_begin(0);
	ring_add(&g->rings[TX], &b, 1, false);
	ring_kick(&g->rings[TX]);
	assert_true(reg_in(g->d, REG_STATUS) & VIRTIO_NEEDS_RESET);
	line_type("x");
	fake_run();
	driver_begin(0);
	print("again");
	assert_memory_equal(line.out, "again", 5);
}

/* A driver that polls for room is not asked to say so while there is nothing to receive. */
static void room_is_not_announced_in_vain(void **state unused)
{
	struct test_buffer b = { guest_take(64, 1), 64, true };

	driver_begin(0);
	give_buffer(RX, 64);
	ring_add(&g->rings[RX], &b, 1, false);
	assert_false(ring_show(&g->rings[RX]));
}

static void is_not_made_without_memory(void **state unused)
{
	fake_alloc_limit(0);
	assert_null(virtio_console_create(g->vm, BASE, (struct irq_line){ 0 }, "", &line.backend));
	fake_alloc_limit(~0u);
}

/* ---- With a pipe between two guests */

static int setup_pipe(void **state unused)
{
	fake_reset();
	memset(&line, 0, sizeof(line));
	pipe = pipe_create(NULL);
	assert_non_null(pipe);
	for (unsigned n = 0; n < 2; n++)
		guest_open(n, pipe_end(pipe, n));
	return 0;
}

static void plain_drivers_talk(void **state unused)
{
	use(0);
	driver_begin(0);
	print("anybody there?");
	assert_false(block_is_back(TX)); /* not yet */
	use(1);
	driver_begin(0);
	give_buffer(RX, 100);
	fake_run();
	expect_input("anybody there?");
	print("yes");
	assert_true(block_is_back(TX));
	fake_run();
	use(0);
	assert_true(block_is_back(TX));
	give_buffer(RX, 100);
	expect_input("yes");
}

static void ports_open_and_close(void **state unused)
{
	use(0);
	multiport_begin(false, false);
	use(1);
	multiport_begin(false, false);
	say(0, PORT_OPEN, 1);
	fake_run();
	use(0);
	hear(PORT_OPEN, 1, "", 0);
	say(0, PORT_OPEN, 1);
	fake_run();
	use(1);
	hear(PORT_OPEN, 1, "", 0);
	say(0, PORT_OPEN, 0);
	fake_run();
	use(0);
	hear(PORT_OPEN, 0, "", 0);
	guest_close(0);
	fake_run();
	use(1);
	hear(PORT_OPEN, 0, "", 0);
	hear_nothing();
}

static void open_both(void)
{
	use(0);
	multiport_begin(false, false);
	say(0, PORT_OPEN, 1);
	fake_run();
	use(1);
	multiport_begin(false, true);
	say(0, PORT_OPEN, 1);
	fake_run();
	use(0);
	hear(PORT_OPEN, 1, "", 0);
}

/* Far more than the pipe holds; the reader makes room bit by bit. */
static void a_full_pipe_stops_the_writer(void **state unused)
{
	static u8 block[40000], got[4 * sizeof(block)];
	u64 done = 0;
	int n;

	open_both();
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned k = 0; k < sizeof(block); k++)
			block[k] = (u8)(k * 13 + i + (k >> 8));
		add_block(TX, block, sizeof(block));
		fake_run();
	}
	assert_true(block_is_back(TX));
	assert_false(block_is_back(TX));
	use(1);
	while ((n = take_buffer(RX, got + done, 256)) > 0) {
		done += (u64)n;
		give_buffer(RX, 256);
		fake_run();
	}
	assert_int_equal(done, sizeof(got));
	for (unsigned i = 0; i < sizeof(got); i++) {
		u64 k = i % sizeof(block);

		assert_int_equal(got[i], (u8)(k * 13 + i / sizeof(block) + (k >> 8)));
	}
	use(0);
	assert_true(block_is_back(TX) && block_is_back(TX) && block_is_back(TX));
}

/* Who writes and closes has written all of it before the other end hears of that. */
static void a_writer_that_closes_is_read_to_its_end(void **state unused)
{
	static u8 block[100000], got[sizeof(block)];
	u64 done = 0;
	int n;

	open_both();
	memset(block, 'x', sizeof(block));
	add_block(TX, block, sizeof(block));
	say(0, PORT_OPEN, 0);
	fake_run();
	use(1);
	while ((n = take_buffer(RX, got + done, 256)) > 0) {
		hear_nothing();
		done += (u64)n;
		if (done < sizeof(block) - 4ul * 256)
			give_buffer(RX, 256);
		fake_run();
	}
	while (done < sizeof(block)) {
		give_buffer(RX, 256);
		n = take_buffer(RX, got + done, 256);
		assert_true(n > 0);
		done += (u64)n;
	}
	fake_run();
	hear(PORT_OPEN, 0, "", 0);
	use(0);
	assert_true(block_is_back(TX));
}

/* One guest, whose other end is the test's: more than fits is on its way. */
static struct char_backend *fill_from_guest(const u8 *block, u32 size)
{
	struct char_backend *end = pipe_end(pipe, 1);

	guest_close(1);
	end->ops->set_open(end, true, true);
	use(0);
	multiport_begin(false, true);
	say(0, PORT_OPEN, 1);
	add_block(TX, block, size);
	fake_run();
	return end;
}

/* However fast it is read. */
static void a_writer_that_closes_is_open_while_it_writes(void **state unused)
{
	static u8 block[100000], got[100000];
	struct char_backend *end = fill_from_guest(block, sizeof(block));

	say(0, PORT_OPEN, 0);
	assert_int_equal(char_read(end, got, sizeof(got)), PIPE_SIZE);
	assert_true(end->ops->is_open(end));
	fake_run();
	assert_int_equal(char_read(end, got, sizeof(got)), sizeof(block) - PIPE_SIZE);
	assert_false(end->ops->is_open(end));
}

static void a_reset_forgets_what_was_half_sent(void **state unused)
{
	static u8 block[100000];
	struct char_backend *end = fill_from_guest(block, sizeof(block));

	driver_begin(0);
	assert_int_equal(char_read(end, block, sizeof(block)), PIPE_SIZE);
	print("again");
	fake_run();
	assert_int_equal(char_read(end, block, sizeof(block)), 5);
	assert_memory_equal(block, "again", 5);
}

static void a_reader_that_restarts_finds_nothing_old(void **state unused)
{
	open_both();
	use(0);
	print("old");
	use(1);
	reg_out(g->d, REG_STATUS, 0);
	fake_run();
	use(0);
	hear(PORT_OPEN, 0, "", 0);
	print("new");
	fake_run();
	use(1);
	multiport_begin(false, true);
	say(0, PORT_OPEN, 1);
	fake_run();
	expect_input("new");
	expect_no_input();
}

static void a_guest_that_goes_is_missed(void **state unused)
{
	static u8 block[100000];

	open_both();
	use(1);
	add_block(TX, block, sizeof(block));
	fake_run();
	guest_close(1);
	use(0);
	print("hello?");
	fake_run();
	assert_false(block_is_back(TX));
	guest_open(1, pipe_end(pipe, 1));
	driver_begin(0);
	give_buffer(RX, 10);
	fake_run();
	expect_input("hello?");
}

#define LINE(f) cmocka_unit_test_setup_teardown(f, setup_line, teardown)
#define PIPE(f) cmocka_unit_test_setup_teardown(f, setup_pipe, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LINE(is_a_console_device),
		LINE(prints),
		LINE(prints_chains_of_several_buffers),
		LINE(prints_much_in_turns),
		LINE(receives),
		LINE(finds_what_was_typed_before),
		LINE(readable_buffers_receive_nothing),
		LINE(prints_in_an_emergency),
		LINE(makes_a_console_port),
		LINE(tells_its_size),
		LINE(messages_wait_for_buffers),
		LINE(odd_messages_are_ignored),
		LINE(long_messages_are_cut),
		LINE(a_reset_forgets_the_port),
		LINE(a_broken_ring_stops_it),
		LINE(room_is_not_announced_in_vain),
		LINE(is_not_made_without_memory),
		PIPE(plain_drivers_talk),
		PIPE(ports_open_and_close),
		PIPE(a_full_pipe_stops_the_writer),
		PIPE(a_writer_that_closes_is_read_to_its_end),
		PIPE(a_writer_that_closes_is_open_while_it_writes),
		PIPE(a_reset_forgets_what_was_half_sent),
		PIPE(a_reader_that_restarts_finds_nothing_old),
		PIPE(a_guest_that_goes_is_missed),
	};
	static const u64 variants[] = { 0, EVENT_IDX, PACKED, PACKED | EVENT_IDX };
	int failed = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(variants); i++) {
		variant = variants[i];
		failed += cmocka_run_group_tests(tests, NULL, NULL);
	}
	return failed;
}
