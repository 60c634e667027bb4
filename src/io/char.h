/*
 * A character backend: what a UART model talks to. Bytes out never block: a
 * backend that cannot take one counts it as lost. Bytes in are fetched by the
 * device; the backend says when there are some.
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
};

struct char_backend {
	const struct char_ops *ops;
	/* Set by char_attach(). The backend calls it by char_notify(), with no lock of its own
	 * held, when input came. */
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

/* For the backend: input came. Any task; neither from put() nor from get(). */
static inline void char_notify(struct char_backend *b)
{
	lock_take(&b->ready_lock);
	if (b->input_ready)
		b->input_ready(b->device);
	lock_drop(&b->ready_lock);
}

#endif
