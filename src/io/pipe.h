/*
 * A byte pipe between two consoles, each of which is a VM's. It is there for the life of
 * the system; its ends open and close as VMs come and go. Bytes cross in the hypervisor's own
 * memory, which is wiped behind the reader.
 *
 * An end writes only while the other one reads: until then, and while the pipe is full, the
 * bytes stay with the writer. Nothing is lost but what a reader leaves when it goes.
 */
#ifndef IO_PIPE_H
#define IO_PIPE_H

#include "io/char.h"

#define PIPE_SIZE (64 * KIB) /* each way */

struct host_account;
struct pipe;

/* NULL: no memory. */
struct pipe *pipe_create(struct host_account *payer);
/* Nothing is attached to its ends. */
void pipe_destroy(struct pipe *p, struct host_account *payer);
/*
 * End 0 or 1, with all of struct char_ops. char_notify() is called from calls of the other
 * end, so with its device's lock held: only devices whose input_ready takes no lock of a
 * device (virtio-console) may be attached.
 */
struct char_backend *pipe_end(struct pipe *p, unsigned end);

#endif
