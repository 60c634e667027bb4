/*
 * The systems that run on this machine as processes, and how to talk to them: each has a socket in the
 * user's runtime directory, called NAME.PID.sock. A connection carries one request, a line
 * (manage/control.h), and its answer: "ok LENGTH" or "failed LENGTH" on a line, and so many bytes.
 */
#ifndef MAIN_CLI_RUNTIME_H
#define MAIN_CLI_RUNTIME_H

#include <stdio.h>

#include "lib/types.h"

#define RUNTIME_PATH_SIZE 108 /* unix(7): of sun_path */
#define RUNTIME_NAME_SIZE 33  /* of a system's name */

struct runtime_system {
	char name[RUNTIME_NAME_SIZE];
	u32 pid;
	char path[RUNTIME_PATH_SIZE]; /* of the socket */
};

/* The system's name from its file's: "demo" of "/etc/demo.dts"; "vm" of nothing. */
void runtime_name(const char *file, char name[RUNTIME_NAME_SIZE]);
/*
 * Makes a socket that answers for the system of that name in this process, with its file: a
 * descriptor, or a negative errno. Only this user can connect to it.
 */
int runtime_listen(const char *name, struct runtime_system *system);

/* All systems of this user, by name; sockets that others left behind when they were killed are removed.
 * Returns how many there are; free(*systems). -ENOMEM when memory is short. */
int runtime_find(struct runtime_system **systems);

enum runtime_result { RUNTIME_OK, RUNTIME_FAILED, RUNTIME_SILENT };

/*
 * Asks the system. *answer is the text, free() it; after RUNTIME_SILENT, which is when it does not
 * answer within a second, errno says why and there is none. *pid, if not NULL: who answered.
 */
enum runtime_result runtime_ask(const struct runtime_system *system, const char *request,
				char **answer, u32 *pid);

#endif
