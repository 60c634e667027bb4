/*
 * Running VMs as somebody outside of the hypervisor sees and commands them: one request, a line of text,
 * and its answer. How the two travel is main's business.
 *
 *	names             a line for each VM: its state, how often it was started, its name
 *	list              all VMs
 *	info VM           one of them
 *	log [VM]          the hypervisor's own messages, or those about a VM
 *	start VM          and stop, kill, pause, resume, restart
 *
 * The word "json" before a request asks for JSON: an object. What fails is told in plain text.
 */
#ifndef MANAGE_CONTROL_H
#define MANAGE_CONTROL_H

#include "manage/answer.h"
#include "manage/history.h"

#define CONTROL_REQUEST_MAX 128 /* bytes, the end of the line left out */
/* Enough for any answer about all VMs there may be. */
#define CONTROL_ANSWER_SIZE (96 * KIB)

struct control {
	const char *system;  /* its name */
	u64 process;         /* of Linux: its number */
	struct history *log; /* the hypervisor's messages, each a line; NULL: none are kept */
};

/*
 * Answers the request, @len bytes without the end of the line: any bytes, as anybody may send them. False
 * when it failed: the answer says why. Never waits for a guest. One task at a time.
 */
bool control_answer(const struct control *c, const char *request, size_t len, struct answer *answer);

#endif
