#include "manage/channel.h"

#include <stdio.h>

/*
 * The one place that says where a VM's console history lives: common memory, as it outlives the
 * VM's space, which comes and goes with each run. However much a VM prints, it stays as large:
 * the hypervisor itself can pay for it (@payer NULL).
 */
static u8 *history_memory(struct host_account *payer)
{
	return host_alloc(CHANNEL_OUTPUT, payer);
}

static struct channel *channel_of(struct char_backend *b)
{
	return container_of(b, struct channel, backend);
}

/* On the path of every character that a guest prints: seldom wakes anybody. */
static void channel_put(struct char_backend *b, u8 byte)
{
	struct channel *ch = channel_of(b);

	if (history_push(&ch->output, byte))
		ch->wake();
}

static int channel_get(struct char_backend *b)
{
	struct channel *ch = channel_of(b);
	int byte;

	lock_take(&ch->input_lock);
	byte = ring_get(&ch->input);
	lock_drop(&ch->input_lock);
	return byte;
}

static const struct char_ops channel_ops = { .put = channel_put, .get = channel_get };

struct channel *channel_create(unsigned index, const char *name, void (*wake)(void),
			       struct host_account *payer)
{
	struct channel *ch = host_alloc(sizeof(*ch), payer);
	u8 *data = ch ? history_memory(payer) : NULL;

	if (!data) {
		host_free(ch, sizeof(*ch), payer);
		return NULL;
	}
	ch->backend.ops = &channel_ops;
	ch->index = index;
	ch->wake = wake;
	snprintf(ch->name, sizeof(ch->name), "%s", name);
	history_init(&ch->output, data, CHANNEL_OUTPUT);
	ch->input = (struct ring){ .data = ch->input_data, .size = CHANNEL_INPUT };
	ch->source.name = ch->name;
	ch->source.colour = index;
	ch->silent_at = HOST_FOREVER;
	return ch;
}

bool channel_input(struct channel *ch, u8 byte)
{
	bool stored;

	lock_take(&ch->input_lock);
	stored = ring_put(&ch->input, byte);
	lock_drop(&ch->input_lock);
	ch->input_new |= stored;
	return stored;
}

u32 channel_fetched(struct channel *ch, bool *room)
{
	u32 head;

	lock_take(&ch->input_lock);
	head = ch->input.head;
	*room = ring_room(&ch->input) != 0;
	lock_drop(&ch->input_lock);
	return head;
}

static int channel_notify(struct vm *vm, void *arg)
{
	struct channel *ch = arg;

	(void)vm;
	char_notify(&ch->backend);
	return 0;
}

/* The UART lives in the VM's space, and only while the VM does: vm_call() keeps both in place. */
void channel_deliver(struct channel *ch)
{
	struct vm *vm = vm_table[ch->index];

	if (!ch->input_new)
		return;
	ch->input_new = false;
	if (vm && vm_call(vm, channel_notify, ch) == 0)
		return;
	lock_take(&ch->input_lock);
	ch->input.head = ch->input.tail;
	lock_drop(&ch->input_lock);
}
