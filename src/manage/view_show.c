/* What the views show of the VMs' output and of the log. */
#include "manage/view_show.h"

#include <stdio.h>
#include <string.h>

enum {
	CHUNK = 256,         /* bytes of one source in a row */
	RECENT_MAX = 4096,   /* shown on coming to a VM */
	BACKLOG_MAX = 2048,  /* of each VM, shown on coming back to the overview */
	LOG_LINE = 300,
	LOG_LINES = 16,      /* of the log in a row */
	SILENCE = 80,        /* ms, until an unfinished line is shown */
};

/* ---- The log */

/* A line of the log without its time. */
static const char *log_text(const char *line)
{
	while (*line == ' ')
		line++;
	while (*line && *line != ' ')
		line++;
	return *line ? line + 1 : line;
}

/* A line about this VM is "[name] ...". */
static bool log_concerns(const char *text, const char *name)
{
	size_t len = strlen(name);

	return text[0] == '[' && strncmp(text + 1, name, len) == 0 && text[1 + len] == ']';
}

static void say_log(struct view *v, const char *text)
{
	if (v->kind == VIEW_SHELL)
		shell_hide(v->shell);
	if (v->kind == VIEW_VM)
		term_puts(&v->term, "\r\n");
	overview_say(&v->overview, text, strlen(text));
	if (v->kind == VIEW_SHELL)
		shell_show(v->shell);
}

/* In a VM's view only lines about that VM are shown; the overview has them all later. */
static bool show_log(struct view *v)
{
	u32 *pos = v->kind == VIEW_VM ? &v->log_scanned : &v->log_shown;
	const char *name = v->kind == VIEW_VM ? v->channels[v->focus]->name : NULL;
	char line[LOG_LINE];

	for (unsigned i = 0; i < LOG_LINES; i++) {
		if (history_line(v->log, pos, line, sizeof(line)) < 0)
			return false;
		if (!name || log_concerns(log_text(line), name))
			say_log(v, log_text(line));
	}
	return true;
}

static bool log_pending(const struct view *v)
{
	return history_end(v->log) != (v->kind == VIEW_VM ? v->log_scanned : v->log_shown);
}

/* ---- The overview */

static void note_bytes(struct view *v, struct channel *ch, u32 bytes, const char *what)
{
	char text[48];

	snprintf(text, sizeof(text), "%u bytes %s", bytes, what);
	overview_note(&v->overview, &ch->source, text);
}

static bool show_lines(struct view *v, struct channel *ch)
{
	u8 bytes[CHUNK];
	u32 lost, n = history_take(&ch->output, bytes, sizeof(bytes), &lost);

	if (lost)
		note_bytes(v, ch, lost, "lost");
	overview_feed(&v->overview, &ch->source, bytes, n);
	if (n)
		ch->silent_at = ch->source.len ? host_time() + SILENCE * host_timebase() / 1000
					       : HOST_FOREVER;
	return n == sizeof(bytes);
}

void view_flush(struct view *v, u64 now)
{
	if (v->kind != VIEW_OVERVIEW)
		return;
	for (unsigned i = 0; i < view_channel_end(v); i++) {
		struct channel *ch = v->channels[i];

		if (!ch || ch->silent_at > now)
			continue;
		overview_flush(&v->overview, &ch->source);
		ch->silent_at = HOST_FOREVER;
	}
}

u64 view_flush_due(const struct view *v)
{
	u64 due = HOST_FOREVER;

	for (unsigned i = 0; i < view_channel_end(v) && v->kind == VIEW_OVERVIEW; i++)
		if (v->channels[i])
			due = min_u64(due, v->channels[i]->silent_at);
	return due;
}

void show_flush_all(struct view *v)
{
	view_flush(v, HOST_FOREVER - 1);
	overview_break(&v->overview);
}

static void show_missed(struct view *v, struct channel *ch)
{
	u32 unseen = history_unseen(&ch->output), end = history_end(&ch->output), from;

	if (unseen <= BACKLOG_MAX)
		return;
	from = history_tail(&ch->output, BACKLOG_MAX);
	note_bytes(v, ch, unseen - (end - from), "more before this");
	history_skip(&ch->output, from);
}

void show_backlog(struct view *v)
{
	for (unsigned i = 0; i < view_channel_end(v); i++)
		if (v->channels[i])
			show_missed(v, v->channels[i]);
}

/* ---- One VM */

/* Cleaned, as it may begin in the middle of anything; and the terminal must not answer anew
 * what the guest asked it long ago. */
static void show_clean(struct view *v, const u8 *bytes, u32 n)
{
	struct clean clean = { 0 };
	char out[CLEAN_OUT_MAX];

	for (u32 i = 0; i < n; i++) {
		unsigned len = clean_byte(&clean, bytes[i], out);

		/* A guest that drives no terminal ends its lines with '\n' alone. */
		if (len && out[len - 1] == '\n')
			term_put(&v->term, '\r');
		term_write(&v->term, out, len);
	}
}

void show_recent(struct view *v, struct channel *ch)
{
	u32 end = history_end(&ch->output), pos = history_tail(&ch->output, RECENT_MAX), n;
	u8 bytes[CHUNK];

	overview_reset(&ch->source);
	ch->silent_at = HOST_FOREVER;
	while ((s32)(end - pos) > 0) {
		n = history_read(&ch->output, &pos, bytes, (u32)min_u64(end - pos, CHUNK));
		show_clean(v, bytes, n);
	}
	history_skip(&ch->output, pos);
	v->log_scanned = history_end(v->log);
}

static bool show_raw(struct view *v, struct channel *ch)
{
	u8 bytes[CHUNK];
	u32 lost, n = history_take(&ch->output, bytes, sizeof(bytes), &lost);

	if (lost)
		term_printf(&v->term, "\r\n-- %u bytes lost --\r\n", lost);
	term_write(&v->term, (const char *)bytes, n);
	return n == sizeof(bytes);
}

/* ---- All of them */

static bool channel_in_view(const struct view *v, const struct channel *ch)
{
	return ch && (v->kind == VIEW_OVERVIEW || (v->kind == VIEW_VM && ch->index == v->focus));
}

bool view_pending(const struct view *v, bool *urgent)
{
	bool pending = log_pending(v);

	for (unsigned i = 0; i < view_channel_end(v); i++) {
		struct channel *ch = v->channels[i];
		u32 unseen = channel_in_view(v, ch) ? history_unseen(&ch->output) : 0;

		pending |= unseen != 0;
		*urgent |= unseen >= CHANNEL_OUTPUT / 2;
	}
	return pending;
}

bool view_show(struct view *v)
{
	bool more = false;

	for (unsigned i = 0; i < view_channel_end(v); i++) {
		struct channel *ch = v->channels[i];

		if (!channel_in_view(v, ch))
			continue;
		more |= v->kind == VIEW_VM ? show_raw(v, ch) : show_lines(v, ch);
	}
	return show_log(v) || more;
}
