/*
 * A character backend: what a UART or a console model talks to. Bytes out never
 * block: a backend that cannot take one by put() counts it as lost, by write() it
 * leaves it with the device. Bytes in are fetched by the device; the backend says
 * when there are some.
 */
#ifndef IO_CHAR_H
#define IO_CHAR_H

#include "lib/lock.h"
#include "lib/types.h"

struct char_backend;

/* Several vCPUs may call at once (a UART with its lock held, the SBI's console without one):
 * a backend locks for itself. */
struct char_ops {
	/* A byte from the guest. */
	void (*put)(struct char_backend *b, u8 byte);
	/* The next byte for the guest, or -1. */
	int (*get)(struct char_backend *b);

	/* What follows may be NULL. */

	/* The same for many at once: how many were taken or given. After fewer than @size,
	 * char_notify() says when there is more to be had, room or bytes. The bytes may be a
	 * guest's, and change meanwhile. */
	u64 (*write)(struct char_backend *b, const u8 *bytes, u64 size);
	u64 (*read)(struct char_backend *b, u8 *bytes, u64 size);
	/* Of a backend that leads to another end like itself: what the device does at this one.
	 * One that stops reading loses what it has not read. */
	void (*set_open)(struct char_backend *b, bool reads, bool writes);
	/* Whether the other end writes, or has written what is still to be read; char_notify() says
	 * when this changes by anything but read(). */
	bool (*is_open)(struct char_backend *b);
};

struct char_backend {
	const struct char_ops *ops;
	/* Set by char_attach(). The backend calls it by char_notify(), with no lock of its own
	 * held, when input came or something else is new. */
	void (*input_ready)(void *device);
	void *device;
	/* Held around each call of input_ready, so that a device that left is called no more.
	 * Taken before the device's lock. */
	struct lock ready_lock;
};

/* The device comes (or goes: both NULL). Not with the device's lock held. */
static inline void char_attach(struct char_backend *b, void (*input_ready)(void *), void *device)
{
	lock_take(&b->ready_lock);
	b->input_ready = input_ready;
	b->device = device;
	lock_drop(&b->ready_lock);
}

/*
 * For the backend: input came, or what write(), read() and is_open() promise. Any task; from one
 * of the device's own calls never. With another device's lock held only if that is so for both
 * of their backends, and input_ready of each takes no device's lock.
 */
static inline void char_notify(struct char_backend *b)
{
	lock_take(&b->ready_lock);
	if (b->input_ready)
		b->input_ready(b->device);
	lock_drop(&b->ready_lock);
}

/* Bytes from or for the guest, one by one where the backend cannot do better: how many went. */
static inline u64 char_write(struct char_backend *b, const u8 *bytes, u64 size)
{
	if (b->ops->write)
		return b->ops->write(b, bytes, size);
	for (u64 i = 0; i < size; i++)
		b->ops->put(b, bytes[i]);
	return size;
}

static inline u64 char_read(struct char_backend *b, u8 *bytes, u64 size)
{
	u64 n = 0;
	int byte;

	if (b->ops->read)
		return b->ops->read(b, bytes, size);
	while (n < size && (byte = b->ops->get(b)) >= 0)
		bytes[n++] = (u8)byte;
	return n;
}

#endif
