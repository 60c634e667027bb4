/* The operator's shell: what is typed at "bulkhead> ". */
#ifndef MANAGE_SHELL_H
#define MANAGE_SHELL_H

#include "manage/console.h"
#include "manage/edit.h"
#include "manage/history.h"

/* What the console is to do after a key. */
enum shell_result {
	SHELL_STAY,
	SHELL_LEAVE,    /* back to where one came from */
	SHELL_OVERVIEW,
	SHELL_VM,       /* the view of the VM shell.target */
};

struct shell {
	struct edit edit;
	struct term *term;
	struct history *log;
	const struct console_host *host;
	u64 started;     /* host_time() of the start, for the uptime */
	bool confirming; /* the line being typed answers "are you sure?" */
	unsigned target;
	enum shell_result result;
};

/* Shows the prompt, and what was being typed when the shell was left. */
void shell_enter(struct shell *sh);
enum shell_result shell_key(struct shell *sh, u8 byte);
/* Takes the prompt off the screen, and puts it back, so that a line can be shown above it. */
void shell_hide(struct shell *sh);
void shell_show(struct shell *sh);

#endif
