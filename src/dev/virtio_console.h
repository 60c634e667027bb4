/*
 * The console of virtio: one port, port 0, on a character backend. One that leads to another end
 * (a pipe) makes a port for programs, that is told when the other end opens and closes; any other
 * makes a console.
 */
#ifndef DEV_VIRTIO_CONSOLE_H
#define DEV_VIRTIO_CONSOLE_H

#include "dev/virtio.h"
#include "io/char.h"

#define VIRTIO_CONSOLE_NAME_MAX 31

/*
 * Attaches itself to @backend, which must outlive the device and have no other one; destroying
 * it detaches it. @name (copied; at most VIRTIO_CONSOLE_NAME_MAX characters are kept) is the port's,
 * for the guest. The VM pays. Its I/O task runs from before this until after the destruction.
 * NULL when memory is short.
 */
struct virtio_device *virtio_console_create(struct vm *vm, u64 base, struct irq_line irq,
					    const char *name, struct char_backend *backend);
/* The operator's window has this size now; 0: unknown, as it is to begin with. Any task, without
 * the device's lock. */
void virtio_console_resize(struct virtio_device *d, u16 cols, u16 rows);

#endif
