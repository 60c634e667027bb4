/*
 * A VM's end of the operator's console: the backend of its UART and of its SBI
 * console. The guest's side (put and get) runs in the VM's tasks, several at a
 * time; all else in the console's task.
 */
#ifndef MANAGE_CHANNEL_H
#define MANAGE_CHANNEL_H

#include "io/char.h"
#include "manage/history.h"
#include "manage/overview.h"
#include "vm/vm.h"

#define CHANNEL_OUTPUT 8192 /* bytes kept of what the guest printed */
#define CHANNEL_INPUT 256

struct channel {
	struct char_backend backend;
	unsigned index;         /* of the VM */
	char name[CONFIG_NAME_MAX + 1];
	void (*wake)(void);     /* called by put() when the output wants to be looked at */
	struct history output;
	struct lock input_lock; /* a leaf */
	struct ring input;

	/* The console's task only. */
	struct overview_source source;
	u64 silent_at;          /* when an unfinished line is shown, host ticks; HOST_FOREVER: none */
	bool input_new;         /* the guest has not been told of the input yet */
	u8 input_data[CHANNEL_INPUT];
};

/* Never freed: VMs are fixed after start. NULL when memory is short. */
struct channel *channel_create(unsigned index, const char *name, void (*wake)(void),
			       struct host_account *payer);
/* Queues a byte for the guest; false when there is no room. */
bool channel_input(struct channel *ch, u8 byte);
/* How many bytes the guest has fetched so far (wraps), and whether there is room for more. */
u32 channel_fetched(struct channel *ch, bool *room);
/* Tells the guest's UART of queued input. Drops it when the VM is off. */
void channel_deliver(struct channel *ch);

#endif
