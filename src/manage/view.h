/*
 * What the operator sees, and what the keys do: the overview, one VM, or the
 * shell. Ctrl-] leads from each to the others.
 */
#ifndef MANAGE_VIEW_H
#define MANAGE_VIEW_H

#include "manage/channel.h"
#include "manage/key.h"
#include "manage/overview.h"
#include "manage/shell.h"

#define VIEW_KEY 0x1d /* Ctrl-] */

enum view_kind { VIEW_OVERVIEW, VIEW_VM, VIEW_SHELL };

struct view {
	struct term term;
	struct history *log;
	struct shell *shell;
	struct channel *channels[CONFIG_VMS_MAX]; /* NULL: a VM without a console */
	unsigned channel_end; /* one more than the last that is not NULL; atomic */

	/* Private from here on, and zero to begin with. */
	struct overview overview;
	struct keys keys;
	enum view_kind kind, back; /* back: where leaving the shell leads */
	unsigned focus;  /* index of the VM in view, or last in view */
	bool focused;    /* focus has been set */
	bool prefix;     /* Ctrl-] was typed: the next key is for us */
	bool hinted;     /* an unknown key in the overview has been answered */
	bool deaf;       /* the VM in view took no input: the operator has been told */
	u32 log_shown;   /* how far the log has been shown in overview or shell */
	u32 log_scanned; /* how far it was searched for lines about the VM in view */
};

void view_init(struct view *v);
/* Prints the banner. */
void view_start(struct view *v);
/* A byte from the operator. */
void view_key(struct view *v, u8 byte);
/* Channels may come while the view is in use. */
static inline unsigned view_channel_end(const struct view *v)
{
	return __atomic_load_n(&v->channel_end, __ATOMIC_ACQUIRE);
}

/* The channel that what is typed goes to next; NULL: none. */
struct channel *view_channel(const struct view *v);

/* True if there is something new to show; *urgent becomes true when it should not wait. */
bool view_pending(const struct view *v, bool *urgent);
/* Shows a bounded piece of it; true when there is more. */
bool view_show(struct view *v);
/* Shows the unfinished lines that have waited until @now; when the next one will be due. */
void view_flush(struct view *v, u64 now);
u64 view_flush_due(const struct view *v);

#endif
