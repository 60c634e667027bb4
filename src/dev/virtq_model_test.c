/*
 * The same random work on rings of each kind, beside a model of queues that knows nothing of rings:
 * which chain is the next, what is in it, which comes back, and who is told.
 */
#include "dev/virtq_test.h"
#include "engine/script/script_vm.h"
#include "host/fake/fake.h"

#define BASE 0x10001000ul
#define RAM (256 * KIB)
#define REGION 1024ul /* bytes of a chain's buffers, by its id */

enum { STEPS = 10000, TOLD_STEPS = 600, CHAINS = 64, BUFFERS = 5, SIZES = 4 };

struct variant {
	bool packed, event, tables, pieces;
	u16 size;
};

struct chain_model {
	u16 id;
	u16 slots; /* in the ring */
	u32 seed;  /* of what is in it */
	u32 readable, writable, written;
};

/* Chains in order, from what was added last to what was polled first. */
struct queue_model {
	struct chain_model chains[CHAINS];
	unsigned head, tail;
};

static struct {
	struct variant v;
	struct virtio_device device;
	struct test_ring ring;
	struct test_wire wire;
	struct queue_model added, shown, used, published; /* a chain goes from one to the next */
	struct chain_model held[CHAINS];
	struct virtq_chain chains[CHAINS];
	unsigned held_count;
	u64 buffers;
	u64 random;
	/* In chains (packed: slots) since the start. */
	u64 shown_at, taken_at, given_at, published_at, polled_at;
	u64 notify_at; /* the device wants to hear of this one; only with event index */
	u64 listen_at; /* and the driver of that one */
	bool notify, listen;
	bool emptying;     /* the driver adds nothing for some time */
	bool noticed_once; /* packed with event index: the device said something */
	u64 counts[4];     /* chains, notifications, interrupts, chains that were taken back */
} m;

static const struct virtio_ops ops = { .name = "test", .id = VIRTIO_ID_ENTROPY };

static struct virtq *queue(void) { return &m.device.queues[0]; }

static u32 random_below(u32 n)
{
	m.random = m.random * 6364136223846793005ul + 1442695040888963407ul;
	return (u32)(m.random >> 33) % n;
}

static void put(struct queue_model *q, const struct chain_model *c)
{
	assert_true(q->tail - q->head < CHAINS);
	q->chains[q->tail++ % CHAINS] = *c;
}

static struct chain_model *first(struct queue_model *q) { return &q->chains[q->head % CHAINS]; }
static bool is_empty(const struct queue_model *q) { return q->head == q->tail; }

static u64 weight(const struct chain_model *c) { return m.v.packed ? c->slots : 1; }

/* The bytes of a chain, in either direction. */
static u8 byte_of(const struct chain_model *c, u32 i, bool writable)
{
	return (u8)(c->seed * 31 + i * 7 + (writable ? 3 : 0) + c->seed / 256);
}

/* ---- What the driver does */

static unsigned make_buffers(struct chain_model *c, struct test_buffer *b)
{
	unsigned n = 1 + random_below(BUFFERS), readable = random_below(n + 1);
	u64 at = m.buffers + c->id * REGION;

	c->readable = c->writable = 0;
	for (unsigned i = 0; i < n; i++) {
		b[i] = (struct test_buffer){ at, random_below(REGION / BUFFERS), i >= readable };
		*(b[i].writable ? &c->writable : &c->readable) += b[i].size;
		at += b[i].size;
	}
	for (u32 i = 0; i < c->readable; i++) {
		u8 byte = byte_of(c, i, false);

		guest_put(m.buffers + c->id * REGION + i, &byte, 1);
	}
	return n;
}

static void driver_add(void)
{
	struct test_ring *r = &m.ring;
	struct test_buffer b[BUFFERS];
	bool table = m.v.tables && random_below(2);
	struct chain_model c;
	unsigned n;

	if (r->free_count < BUFFERS || (r->packed && r->slots < BUFFERS))
		return;
	c.id = r->free[r->free_count - 1];
	c.seed = random_below(1000000);
	n = make_buffers(&c, b);
	c.slots = table ? 1 : (u16)n;
	test_vm_next = m.buffers + m.v.size * REGION + c.id * 16ul * BUFFERS;
	assert_int_equal(ring_add(r, b, n, table), c.id);
	put(&m.added, &c);
	m.counts[0]++;
}

/* Whether the one that is wanted is among those from @from up to @to, as far as either format can say
 * it: split rings count to 65536, packed ones know two rounds. */
static bool passed(u64 wanted, u64 from, u64 to)
{
	u64 round = m.v.packed ? 2ul * m.v.size : 65536;

	return from != to && (to - 1 + STEPS * round - wanted) % round < to - from;
}

static void driver_show(void)
{
	u64 before = m.shown_at;
	bool expected;

	if (is_empty(&m.added))
		return;
	for (; !is_empty(&m.added); m.added.head++) {
		m.shown_at += weight(first(&m.added));
		put(&m.shown, first(&m.added));
	}
	if (m.v.event && (!m.v.packed || m.noticed_once))
		expected = m.notify && passed(m.notify_at, before, m.shown_at);
	else
		expected = m.notify;
	assert_int_equal(ring_show(&m.ring), expected);
	m.counts[1] += expected;
}

static void driver_poll(void)
{
	struct test_used used;
	struct chain_model *c;

	if (!ring_poll(&m.ring, &used)) {
		assert_true(is_empty(&m.published));
		return;
	}
	assert_false(is_empty(&m.published));
	c = first(&m.published);
	assert_int_equal(used.id, c->id);
	assert_int_equal(used.written, c->written);
	for (u32 i = 0; i < c->written; i++)
		assert_int_equal(guest_get8(m.buffers + c->id * REGION + c->readable + i),
				 byte_of(c, i, true));
	m.polled_at += weight(c);
	m.published.head++;
}

static void driver_listen(void)
{
	u16 after = (u16)random_below(m.v.size);

	m.listen = random_below(4);
	m.listen_at = m.polled_at + after;
	ring_listen(&m.ring, m.listen, after);
}

/* ---- What the device does */

static void check_taken(const struct chain_model *c, const struct virtq_chain *chain)
{
	u8 bytes[REGION];

	assert_int_equal(chain->id, c->id);
	assert_int_equal(chain->readable_size, c->readable);
	assert_int_equal(chain->writable_size, c->writable);
	assert_int_equal(virtq_read(chain, 0, bytes, sizeof(bytes)), c->readable);
	for (u32 i = 0; i < c->readable; i++)
		assert_int_equal(bytes[i], byte_of(c, i, false));
}

static void device_take(void)
{
	struct virtq_chain *chain = &m.chains[m.held_count];

	if (is_empty(&m.shown)) {
		assert_int_equal(virtq_take(queue(), chain), VIRTQ_EMPTY);
		return;
	}
	assert_int_equal(virtq_take(queue(), chain), VIRTQ_TAKEN);
	check_taken(first(&m.shown), chain);
	if (!random_below(5)) {
		virtq_untake(queue(), chain);
		m.counts[3]++;
		return;
	}
	m.taken_at += weight(first(&m.shown));
	m.held[m.held_count++] = *first(&m.shown);
	m.shown.head++;
}

static void device_give(void)
{
	u8 bytes[REGION];
	struct chain_model *c;
	unsigned which;

	if (!m.held_count)
		return;
	which = random_below(m.held_count);
	c = &m.held[which];
	c->written = random_below(c->writable + 1);
	for (u32 i = 0; i < c->written; i++)
		bytes[i] = byte_of(c, i, true);
	assert_int_equal(virtq_write(queue(), &m.chains[which], 0, bytes, c->written), c->written);
	virtq_give(queue(), &m.chains[which], c->written);
	m.given_at += weight(c);
	put(&m.used, c);
	m.held_count--;
	m.held[which] = m.held[m.held_count];
	m.chains[which] = m.chains[m.held_count];
}

static void device_publish(void)
{
	bool expected = m.listen && m.given_at != m.published_at;

	if (m.v.event)
		expected = expected && passed(m.listen_at, m.published_at, m.given_at);
	m.published_at = m.given_at;
	for (; !is_empty(&m.used); m.used.head++)
		put(&m.published, first(&m.used));
	virtq_publish(queue());
	assert_int_equal(driver_interrupt(&m.device), expected ? VIRTIO_INT_USED : 0);
	m.counts[2] += expected;
}

static void device_notifications(void)
{
	bool on = random_below(3);

	assert_int_equal(virtq_notifications(queue(), on), on && !is_empty(&m.shown));
	if (on)
		m.notify_at = m.taken_at;
	/* A split ring with event index has no way to say no. */
	if (!m.v.event || m.v.packed)
		m.notify = on;
	m.noticed_once |= on;
}

/* ---- All together */

static void model_open(const struct variant *v, const struct engine_ops *engine, u64 seed)
{
	u64 features = (v->packed ? TEST_FEATURE(VIRTIO_F_RING_PACKED) : 0) |
		       (v->event ? TEST_FEATURE(VIRTIO_F_EVENT_IDX) : 0) |
		       (v->tables ? TEST_FEATURE(VIRTIO_F_INDIRECT_DESC) : 0);

	fake_reset();
	fake_ram_set(16 * MIB, v->pieces ? 4096 : 0);
	guest_use(script_vm_open(1, RAM));
	test_vm->engine = engine;
	memset(&m, 0, sizeof(m));
	m.v = *v;
	m.random = seed;
	m.notify = true;
	m.listen = !v->event;
	virtio_init(&m.device, test_vm, &ops, BASE, test_wire_line(&m.wire, 1), 0, 1, 0);
	assert_true(driver_start(&m.device, features));
	test_vm_next += v->pieces ? 4096 - 64 : 0;
	driver_queue(&m.ring, &m.device, 0, v->size);
	assert_true(!v->pieces || !queue()->whole || v->size < 8);
	driver_ok(&m.device);
	m.buffers = align_up(test_vm_next, 4096) + 100;
	ring_listen(&m.ring, m.listen, 0);
}

/* The queue fills and empties in turns. */
static void model_step(void)
{
	static void (*const steps[])(void) = {
		driver_add, driver_add, driver_add, driver_add, driver_show, driver_show, driver_poll, driver_poll,
		driver_poll, driver_poll, driver_listen, device_take, device_take, device_take,
		device_give, device_give, device_give, device_publish, device_notifications,
	};

	u32 which = random_below(ARRAY_SIZE(steps));

	m.emptying ^= !random_below(100);
	if (!m.emptying || steps[which] != driver_add)
		steps[which]();
}

static void model_run(const struct variant *v, u64 seed)
{
	model_open(v, &script_engine, seed);
	for (unsigned i = 0; i < STEPS; i++)
		model_step();
	assert_int_equal(reg_in(&m.device, REG_STATUS), 15);
	assert_int_equal(queue()->in_flight, m.held_count);
	/* It was worth it: more than once around the ring, and all of it happened. */
	assert_true(m.counts[0] > 3ul * v->size);
	for (unsigned i = 0; i < ARRAY_SIZE(m.counts); i++)
		assert_true(m.counts[i] > 0);
	script_vm_close(test_vm);
}

/* ---- An engine that keeps copies of guest memory */

static u8 copy[RAM], memory[RAM];

static void engine_wrote(struct vm *vm, u64 gpa, u64 size)
{
	assert_ptr_equal(vm, test_vm);
	guest_get(gpa, copy + (gpa - SCRIPT_RAM), size);
}

/* It is told of all that the device writes. */
static void model_run_told(const struct variant *v, u64 seed)
{
	static void (*const steps[])(void) = {
		device_take, device_give, device_publish, device_notifications,
	};
	struct engine_ops engine = script_engine;

	engine.wrote = engine_wrote;
	model_open(v, &engine, seed);
	for (unsigned i = 0; i < TOLD_STEPS; i++) {
		driver_add();
		driver_show();
		driver_poll();
		guest_get(SCRIPT_RAM, copy, RAM);
		steps[random_below(ARRAY_SIZE(steps))]();
		guest_get(SCRIPT_RAM, memory, RAM);
		assert_memory_equal(copy, memory, RAM);
	}
	test_vm->engine = &script_engine;
	script_vm_close(test_vm);
}

static void run_all(bool packed, bool event)
{
	static const u16 sizes[2][SIZES] = { { 8, 16, 32, 64 }, { 7, 16, 33, 64 } };

	for (unsigned i = 0; i < 4 * SIZES; i++) {
		struct variant v = { .packed = packed, .event = event, .tables = i & 1, .pieces = i & 2,
				     .size = sizes[packed][i / 4] };

		model_run(&v, 42 + i / 4);
		if (i < 4)
			model_run_told(&v, i);
	}
}

static void split_rings(void **state unused) { run_all(false, false); }
static void split_rings_with_event_index(void **state unused) { run_all(false, true); }
static void packed_rings(void **state unused) { run_all(true, false); }
static void packed_rings_with_event_index(void **state unused) { run_all(true, true); }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_rings),
		cmocka_unit_test(split_rings_with_event_index),
		cmocka_unit_test(packed_rings),
		cmocka_unit_test(packed_rings_with_event_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
