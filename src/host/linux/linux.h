/*
 * The host on Linux: a process. Tasks are threads, a VM's space is a name for what it owns, RAM is
 * anonymous memory, the files of the system image are files.
 */
#ifndef HOST_LINUX_LINUX_H
#define HOST_LINUX_LINUX_H

#include "host/host.h"

/* Once, in the main thread, which thereby becomes a task. @timebase: what host_time() counts in,
 * ticks per second; it should be the guests'. 0 or a negative errno. */
int linux_init(u64 timebase);

/* ---- The system image. Before host_file_find(), from one thread. */

/* A file of the image that is the host's file at @path; both are copied. 0 or a negative errno. */
int linux_file_add(const char *name, const char *path);
/* All files of the system image at @path, a cpio archive. -EINVAL when it is none. */
int linux_file_image(const char *path);

/* ---- The guest of the calling task, while the kernel runs it. */

/*
 * From here on until linux_guest_left() host_wake() interrupts the system call that runs the guest:
 * *leave becomes 1, at which the kernel looks before it enters the guest, and a signal comes. What
 * others ask for is to be looked at in between. @leave must stay as long as the task.
 */
void linux_guest_enter(u8 *leave);
void linux_guest_left(void);

#endif
