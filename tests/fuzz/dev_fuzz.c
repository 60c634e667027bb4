/*
 * The bus and the device models against a hostile guest: accesses, wires, input, time and
 * resets as the bytes say. Whatever comes, answers fit their size and nothing is touched
 * outside of a model (the sanitizers see to it).
 */
#include <string.h>

#include "dev/goldfish_rtc.h"
#include "dev/plic.h"
#include "dev/syscon.h"
#include "dev/uart8250.h"
#include "host/fake/fake.h"
#include "vm/bus.h"

enum { DEVICES = 4, HARTS = 3 };

struct input {
	const u8 *data;
	size_t left;
};

static struct {
	struct bus bus;
	struct dev *devices[DEVICES];
	struct dev *plic;
	struct char_backend line;
	u8 line_left; /* bytes that get() has to give */
	u64 now;
	bool outputs[HARTS];
	unsigned events;
} m;

static u64 input_take(struct input *in, size_t size)
{
	u64 v = 0;

	size = min_u64(size, in->left);
	memcpy(&v, in->data, size);
	in->data += size;
	in->left -= size;
	return v;
}

static void line_put(struct char_backend *b unused, u8 byte unused) {}
static int line_get(struct char_backend *b unused) { return m.line_left ? m.line_left-- : -1; }
static const struct char_ops line_ops = { .put = line_put, .get = line_get };

static u64 clock_now(void *arg unused) { return m.now; }
static void clock_alarm(void *arg unused, u64 when unused) {}
static void syscon_event(void *arg unused, enum syscon_event e unused) { m.events++; }

/* Called for changes only. */
static void plic_output(void *arg unused, unsigned hart, bool level)
{
	host_assert(hart < HARTS && m.outputs[hart] != level);
	m.outputs[hart] = level;
}

static void machine_build(void)
{
	const struct goldfish_rtc_clock clock = { clock_now, clock_alarm, NULL };

	memset(&m, 0, sizeof(m));
	m.line.ops = &line_ops;
	m.plic = plic_create(0x0c000000, HARTS, plic_output, NULL, NULL);
	m.devices[0] = m.plic;
	m.devices[1] = uart8250_create(0x10000000, plic_line(m.plic, 10), &m.line, NULL);
	m.devices[2] = goldfish_rtc_create(0x101000, plic_line(m.plic, 11), clock, NULL);
	m.devices[3] = syscon_create(0x100000, syscon_event, NULL, NULL);
	for (unsigned i = 0; i < DEVICES; i++)
		host_assert(bus_add(&m.bus, m.devices[i]) == 0);
}

static void machine_destroy(void)
{
	for (unsigned i = DEVICES; i-- > 0;)
		m.devices[i]->ops->destroy(m.devices[i]);
	host_assert(fake_allocated() == 0);
}

/* Near a device's registers more often than elsewhere. */
static u64 address_take(struct input *in)
{
	u64 where = input_take(in, 1);

	if (where >= 0xf0)
		return input_take(in, 8);
	return m.devices[where % DEVICES]->base + (where & 0x40 ? 0x200000 : 0) +
	       input_take(in, where & 0x80 ? 2 : 1) * (where & 0x20 ? 4 : 1);
}

static void step_access(struct input *in, bool write)
{
	u64 gpa = address_take(in);
	unsigned size = 1u << input_take(in, 1) % 4;
	u64 value = write ? input_take(in, size) : ~0ul;
	u64 before = value;
	bool taken = bus_access(&m.bus, gpa, size, write, &value);

	host_assert(taken || value == before);
	host_assert(!write || value == before);
	host_assert(write || !taken || size == 8 || value >> (8 * size) == 0);
}

static void step(struct input *in)
{
	u64 kind = input_take(in, 1);
	struct irq_line wire;

	if (kind < 0x60) {
		step_access(in, true);
	} else if (kind < 0xc0) {
		step_access(in, false);
	} else if (kind < 0xe0) {
		wire = plic_line(m.plic, 1 + (unsigned)input_take(in, 1) % (PLIC_SOURCES - 1));
		irq_set(&wire, kind & 1);
	} else if (kind < 0xf0) {
		m.line_left = (u8)input_take(in, 1);
		char_notify(&m.line);
	} else if (kind < 0xfe) {
		m.now += input_take(in, 5);
		goldfish_rtc_alarm(m.devices[2]);
	} else {
		bus_reset(&m.bus);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };

	machine_build();
	while (in.left)
		step(&in);
	for (unsigned i = 0; i < DEVICES; i++)
		host_assert(lock_try(&m.devices[i]->lock));
	machine_destroy();
	return 0;
}
