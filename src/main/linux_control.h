/*
 * The control of this process's VMs by others of the same user: a task answers requests at a socket
 * (main/cli/runtime.h) and tells the service manager how things stand.
 */
#ifndef MAIN_LINUX_CONTROL_H
#define MAIN_LINUX_CONTROL_H

/*
 * Starts it, when the log's sink is set and before VMs start. @file: the system's, whose name becomes
 * its own; NULL: none. The socket goes when the process ends. Without one, which is logged, all
 * else works.
 */
void control_start(const char *file);

/* What the task is made of, for tests. 0 or a negative errno; then one wait for at most @ms
 * milliseconds, and whatever is to be done then; removes the socket. */
int control_open(const char *file);
void control_step(int ms);
void control_close(void);

#endif
