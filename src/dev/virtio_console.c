/*
 * Virtio 1.3, 5.3 "Console Device". No chain is kept: one that is not sent to its end, as the backend
 * has no room, goes back to the ring, with a note of how far it came. So there is nothing in
 * flight when the driver resets the device. What comes from the backend, and what is too much for
 * one turn, is served by the VM's I/O task.
 */
#include "dev/virtio_console.h"

#include <stdio.h>
#include <string.h>

#include "vm/vm.h"

/* 5.3.3 "Feature bits" */
enum virtio_console_feature {
	VIRTIO_CONSOLE_F_SIZE = 0,
	VIRTIO_CONSOLE_F_MULTIPORT = 1,
	VIRTIO_CONSOLE_F_EMERG_WRITE = 2,
};

/* 5.3.2 "Virtqueues" */
enum console_queue {
	CONSOLE_RX = 0,
	CONSOLE_TX = 1,
	CONSOLE_CONTROL_RX = 2,
	CONSOLE_CONTROL_TX = 3,
	CONSOLE_QUEUES = 4,
};

/* 5.3.4 "Device configuration layout" */
struct virtio_console_config {
	u16 cols, rows;
	u32 max_nr_ports;
	u32 emerg_wr;
};

/* 5.3.6.2 "Multiport Device Operation" */
struct virtio_console_control {
	u32 id; /* of the port */
	u16 event;
	u16 value;
};

enum virtio_console_event {
	VIRTIO_CONSOLE_DEVICE_READY = 0,
	VIRTIO_CONSOLE_DEVICE_ADD = 1,
	VIRTIO_CONSOLE_PORT_READY = 3,
	VIRTIO_CONSOLE_CONSOLE_PORT = 4,
	VIRTIO_CONSOLE_RESIZE = 5,
	VIRTIO_CONSOLE_PORT_OPEN = 6,
	VIRTIO_CONSOLE_PORT_NAME = 7,
};

struct console_message {
	struct virtio_console_control control;
	union {
		char name[VIRTIO_CONSOLE_NAME_MAX + 1];
		u16 size[2]; /* columns, rows */
	};
};

/* Of a turn. */
#define CONSOLE_BLOCKS_MAX (32 * KIB) /* bytes, where they go in blocks */
#define CONSOLE_BYTES_MAX (4 * KIB)   /* ... and where they go one by one */
#define CONSOLE_CHAINS_MAX 32

struct virtio_console {
	struct virtio_device v;
	struct char_backend *backend;
	char name[VIRTIO_CONSOLE_NAME_MAX + 1];
	struct vm_work work;
	/* The device's lock guards these. */
	u16 cols, rows;
	u32 say;      /* bit n: event n is to be said to the driver */
	bool ready;   /* the driver knows the port */
	bool open;    /* the driver opened the port */
	bool input;   /* the backend may have bytes */
	bool backlog; /* the driver's bytes wait for the backend */
	bool reads, writes; /* what the backend was told of this end */
	bool other_open;    /* what the driver was told, or is about to be, of the other */
	u64 sent;     /* bytes of the first chain in the transmit queue */
	u64 left;     /* bytes that this turn may still move */
	unsigned chains_left;
	struct virtq_chain chain;
};

static struct virtio_console *console_of(struct virtio_device *d)
{
	return container_of(d, struct virtio_console, v);
}

static bool console_multiport(const struct virtio_console *c)
{
	return virtio_has(&c->v, VIRTIO_CONSOLE_F_MULTIPORT);
}

/* A backend without another end is always there, and the port a console. */
static bool console_is_console(const struct virtio_console *c)
{
	return !c->backend->ops->is_open;
}

/* ---- Open and closed */

/* A port that the driver closes writes until it has no backlog. */
static void console_update_ends(struct virtio_console *c)
{
	const struct char_ops *ops = c->backend->ops;
	bool reads = virtio_running(&c->v) && (c->open || !console_multiport(c));
	bool writes = reads || c->backlog;

	if (!ops->set_open || (reads == c->reads && writes == c->writes))
		return;
	c->reads = reads;
	c->writes = writes;
	ops->set_open(c->backend, reads, writes);
}

static void console_update_other(struct virtio_console *c)
{
	bool open = console_is_console(c) || c->backend->ops->is_open(c->backend);

	if (open == c->other_open)
		return;
	c->other_open = open;
	if (c->ready)
		c->say |= BIT(VIRTIO_CONSOLE_PORT_OPEN);
}

/* ---- Turns: so much is done at once, the rest by the I/O task */

/* Pays for a look at a queue; false, and the I/O task goes on, when the turn is over. */
static bool console_may_take(struct virtio_console *c)
{
	if (!c->left || !c->chains_left) {
		vm_work_queue(c->v.vm, &c->work);
		return false;
	}
	c->chains_left--;
	return true;
}

/* True with the next chain of a queue. False: there is none, and the driver will say when there is. */
static bool console_take(struct virtio_console *c, struct virtq *q)
{
	enum virtq_taken taken = virtq_take(q, &c->chain);

	if (taken == VIRTQ_EMPTY && virtq_notifications(q, true))
		taken = virtq_take(q, &c->chain);
	return taken == VIRTQ_TAKEN;
}

/* ---- From the driver */

/* Sends of the chain that was taken what is left of it, as far as the turn and the backend go. */
static void console_send(struct virtio_console *c)
{
	const struct virtq_segment *s = c->chain.segments;
	u64 skip = c->sent, n, went;

	for (unsigned i = 0; i < c->chain.readable && c->left; i++, s++) {
		if (skip >= s->host.size) {
			skip -= s->host.size;
			continue;
		}
		n = min_u64(s->host.size - skip, c->left);
		went = char_write(c->backend, s->host.va + skip, n);
		c->sent += went;
		c->left -= went;
		skip = 0;
		if (went < n)
			break;
	}
}

/* False: the queue is empty, or the rest must wait. */
static bool console_transmit_chain(struct virtio_console *c, struct virtq *q)
{
	if (!console_may_take(c))
		return false;
	c->backlog = console_take(c, q);
	if (!c->backlog)
		return false;
	console_send(c);
	if (c->sent < c->chain.readable_size) {
		virtq_untake(q, &c->chain);
		if (!c->left)
			vm_work_queue(c->v.vm, &c->work);
		return false;
	}
	virtq_give(q, &c->chain, 0);
	c->sent = 0;
	return true;
}

static void console_transmit(struct virtio_console *c)
{
	struct virtq *q = &c->v.queues[CONSOLE_TX];

	while (console_transmit_chain(c, q))
		;
	virtq_publish(q);
	console_update_ends(c);
}

/* Messages about other ports than the one there is are ignored, and so are unknown ones. */
static void console_control(struct virtio_console *c, const struct virtio_console_control *m)
{
	if (m->event == VIRTIO_CONSOLE_DEVICE_READY && m->value) {
		c->ready = c->open = false;
		c->say = BIT(VIRTIO_CONSOLE_DEVICE_ADD);
	} else if (m->event == VIRTIO_CONSOLE_PORT_READY && m->id == 0 && m->value) {
		c->ready = true;
		c->say |= BIT(VIRTIO_CONSOLE_PORT_NAME) | BIT(VIRTIO_CONSOLE_PORT_OPEN);
		if (console_is_console(c))
			c->say |= BIT(VIRTIO_CONSOLE_CONSOLE_PORT);
		if (console_is_console(c) && c->cols)
			c->say |= BIT(VIRTIO_CONSOLE_RESIZE);
	} else if (m->event == VIRTIO_CONSOLE_PORT_OPEN && m->id == 0) {
		c->open = m->value;
		c->input = true;
	}
}

static void console_control_transmit(struct virtio_console *c)
{
	struct virtq *q = &c->v.queues[CONSOLE_CONTROL_TX];
	struct virtio_console_control m;

	while (console_may_take(c) && console_take(c, q)) {
		if (virtq_read(&c->chain, 0, &m, sizeof(m)) == sizeof(m))
			console_control(c, &m);
		virtq_give(q, &c->chain, 0);
	}
	virtq_publish(q);
}

/* ---- To the driver */

/* Reads from the backend into the chain that was taken: the number of bytes. */
static u64 console_fetch(struct virtio_console *c)
{
	const struct virtq_segment *s = &c->chain.segments[c->chain.readable];
	u64 done = 0, n, came;

	for (unsigned i = 0; i < c->chain.writable && c->input && c->left; i++, s++) {
		n = min_u64(s->host.size, c->left);
		came = char_read(c->backend, s->host.va, n);
		done += came;
		c->left -= came;
		c->input = came == n;
	}
	virtq_wrote(&c->v.queues[CONSOLE_RX], &c->chain, 0, done);
	return done;
}

/* False: there is nothing, nowhere to put it, or the rest must wait. */
static bool console_receive_chain(struct virtio_console *c, struct virtq *q)
{
	u64 n;

	if (!c->input || !console_may_take(c) || !console_take(c, q))
		return false;
	n = console_fetch(c);
	if (n || !c->chain.writable_size)
		virtq_give(q, &c->chain, (u32)n);
	else
		virtq_untake(q, &c->chain);
	return true;
}

/* While there is no input, the driver need not say that it has made room. */
static void console_receive(struct virtio_console *c)
{
	struct virtq *q = &c->v.queues[CONSOLE_RX];

	if (c->open || !console_multiport(c))
		while (console_receive_chain(c, q))
			;
	virtq_publish(q);
	if (!c->input)
		virtq_notifications(q, false);
	console_update_other(c);
}

/* The first of the events that wait: @m, and its size. */
static u64 console_next_message(struct virtio_console *c, struct console_message *m)
{
	static const u8 order[] = {
		VIRTIO_CONSOLE_DEVICE_ADD, VIRTIO_CONSOLE_CONSOLE_PORT, VIRTIO_CONSOLE_PORT_NAME,
		VIRTIO_CONSOLE_RESIZE, VIRTIO_CONSOLE_PORT_OPEN,
	};
	u16 event = 0;
	u64 more = 0;

	for (unsigned i = ARRAY_SIZE(order); i-- > 0;)
		if (c->say & BIT(order[i]))
			event = order[i];
	m->control = (struct virtio_console_control){ .event = event, .value = 1 };
	if (event == VIRTIO_CONSOLE_PORT_OPEN)
		m->control.value = c->other_open;
	if (event == VIRTIO_CONSOLE_PORT_NAME) {
		more = strlen(c->name);
		memcpy(m->name, c->name, more);
	} else if (event == VIRTIO_CONSOLE_RESIZE) {
		more = sizeof(m->size);
		m->size[0] = c->cols;
		m->size[1] = c->rows;
	}
	c->say &= ~(u32)BIT(event);
	return sizeof(m->control) + more;
}

static void console_control_receive(struct virtio_console *c)
{
	struct virtq *q = &c->v.queues[CONSOLE_CONTROL_RX];
	struct console_message m;
	u64 size;

	while (c->say && console_may_take(c) && console_take(c, q)) {
		size = console_next_message(c, &m);
		virtq_give(q, &c->chain, (u32)virtq_write(q, &c->chain, 0, &m, size));
	}
	virtq_publish(q);
}

/* ---- The device */

static void console_begin_turn(struct virtio_console *c)
{
	c->left = c->backend->ops->write ? CONSOLE_BLOCKS_MAX : CONSOLE_BYTES_MAX;
	c->chains_left = CONSOLE_CHAINS_MAX;
}

/* Everything; the driver's messages first, as they say what is open. */
static void console_serve(struct virtio_console *c)
{
	if (console_multiport(c))
		console_control_transmit(c);
	console_transmit(c);
	console_receive(c);
	if (console_multiport(c))
		console_control_receive(c);
}

static void console_work(struct vm_work *work)
{
	struct virtio_console *c = container_of(work, struct virtio_console, work);

	lock_take(&c->v.dev.lock);
	if (virtio_running(&c->v)) {
		c->input = true;
		console_begin_turn(c);
		console_serve(c);
	}
	lock_drop(&c->v.dev.lock);
}

static void console_notify(struct virtio_device *d, unsigned queue)
{
	struct virtio_console *c = console_of(d);

	console_begin_turn(c);
	if (queue == CONSOLE_TX)
		console_transmit(c);
	else
		console_serve(c);
}

static void console_start(struct virtio_device *d)
{
	struct virtio_console *c = console_of(d);

	c->input = true;
	console_update_ends(c);
	vm_work_queue(d->vm, &c->work);
}

static void console_reset(struct virtio_device *d, int queue)
{
	struct virtio_console *c = console_of(d);

	if (queue == CONSOLE_TX || queue < 0) {
		c->sent = 0;
		c->backlog = false;
	}
	if (queue >= 0)
		return;
	c->ready = c->open = c->other_open = false;
	c->say = 0;
	console_update_ends(c);
}

static u64 console_config_read(struct virtio_device *d, u64 off, unsigned size)
{
	const struct virtio_console *c = console_of(d);
	const struct virtio_console_config config = {
		.cols = c->cols, .rows = c->rows, .max_nr_ports = 1,
	};
	u64 value = 0;

	memcpy(&value, (const u8 *)&config + off, size);
	return value;
}

/* 5.3.5: a byte to print, whatever the state of the device. */
static void console_config_write(struct virtio_device *d, u64 off, unsigned size unused, u64 value)
{
	struct virtio_console *c = console_of(d);

	if (off == offsetof(struct virtio_console_config, emerg_wr))
		c->backend->ops->put(c->backend, (u8)value);
}

static void console_destroy(struct virtio_device *d)
{
	struct virtio_console *c = console_of(d);

	virtio_quiesce(d);
	char_attach(c->backend, NULL, NULL);
	vm_work_cancel(d->vm, &c->work);
	host_free(c, sizeof(*c), &d->vm->account);
}

static const struct virtio_ops console_ops = {
	.name = "virtio-console",
	.id = VIRTIO_ID_CONSOLE,
	.start = console_start,
	.notify = console_notify,
	.config_read = console_config_read,
	.config_write = console_config_write,
	.reset = console_reset,
	.destroy = console_destroy,
};

/* From any task, also with the lock of a pipe's other end: takes none of a device. */
static void console_input_ready(void *device)
{
	struct virtio_console *c = device;

	vm_work_queue(c->v.vm, &c->work);
}

struct virtio_device *virtio_console_create(struct vm *vm, u64 base, struct irq_line irq,
					    const char *name, struct char_backend *backend)
{
	const u64 offered = BIT(VIRTIO_CONSOLE_F_SIZE) | BIT(VIRTIO_CONSOLE_F_MULTIPORT) |
			    BIT(VIRTIO_CONSOLE_F_EMERG_WRITE);
	struct virtio_console *c = host_alloc(sizeof(*c), &vm->account);

	if (!c)
		return NULL;
	c->backend = backend;
	c->work.run = console_work;
	snprintf(c->name, sizeof(c->name), "%s", name);
	virtio_init(&c->v, vm, &console_ops, base, irq, offered, CONSOLE_QUEUES,
		    sizeof(struct virtio_console_config));
	char_attach(backend, console_input_ready, c);
	return &c->v;
}

void virtio_console_resize(struct virtio_device *d, u16 cols, u16 rows)
{
	struct virtio_console *c = console_of(d);

	lock_take(&d->dev.lock);
	c->cols = cols;
	c->rows = rows;
	if (c->ready && console_is_console(c))
		c->say |= BIT(VIRTIO_CONSOLE_RESIZE);
	virtio_config_changed(d);
	lock_drop(&d->dev.lock);
	vm_work_queue(d->vm, &c->work);
}
