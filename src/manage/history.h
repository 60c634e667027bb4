/*
 * What a VM (or the hypervisor) has said: the last bytes of it, and how far the
 * operator has seen them. One side pushes, the console's task reads; both may
 * run at the same time. Positions are free-running 32-bit counts of bytes.
 */
#ifndef MANAGE_HISTORY_H
#define MANAGE_HISTORY_H

#include "lib/lock.h"
#include "lib/ring.h"

struct history {
	struct lock lock; /* a leaf: nothing is called with it held */
	struct ring ring; /* never drained; writers move the tail only, readers the head after it */
	u32 shown;        /* the first position that the operator has not seen */
	u32 wake_at;      /* the byte that is stored here wakes the reader */
};

/* @data: @size bytes (a power of two) that stay with the history. */
void history_init(struct history *h, u8 *data, u32 size);

/* history_push() with the lock held. */
static inline bool history_store(struct history *h, u8 byte)
{
	u32 pos = h->ring.tail;

	/* Signed, as a register holds 32 bits on RISC-V: saves the extension to an index. */
	h->ring.data[(s32)pos & ((s64)h->ring.size - 1)] = byte;
	h->ring.tail = pos + 1;
	if (pos != h->wake_at)
		return false;
	h->wake_at = h->shown + h->ring.size / 2 - 1;
	return true;
}

/* Stores the byte. True when the reader should be woken: the history was seen to its end
 * before, or half of it is now unseen. Inline: on the path of every character that guests print. */
static inline bool history_push(struct history *h, u8 byte)
{
	bool wake;

	lock_take(&h->lock);
	wake = history_store(h, byte);
	lock_drop(&h->lock);
	return wake;
}

/* As many bytes, and nobody is woken. */
void history_append(struct history *h, const char *text, size_t len);

/* Bytes not seen yet, those that are lost already included. */
u32 history_unseen(struct history *h);
/* Takes up to @max unseen bytes; *lost: how many before them were overwritten unseen. */
u32 history_take(struct history *h, u8 *buf, u32 max, u32 *lost);
/* Counts all before @pos as seen. */
void history_skip(struct history *h, u32 pos);

/* Where the last @max bytes begin, moved on to the start of a line where some were cut off. */
u32 history_tail(struct history *h, u32 max);
u32 history_end(struct history *h);
/* Copies up to @max bytes from *pos on, and moves it; bytes that are gone are skipped. */
u32 history_read(struct history *h, u32 *pos, u8 *buf, u32 max);
/* The next line without its end, cut to @size - 1 bytes and NUL-terminated; -1 when there is
 * no complete one. */
int history_line(struct history *h, u32 *pos, char *buf, u32 size);

#endif
