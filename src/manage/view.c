/* Switching between views; what each shows is in view_show.c. */
#include "manage/view.h"

#include <string.h>

#include "manage/view_show.h"
#include "vm/vm.h"

#define KEYS_HELP \
	"Ctrl-] then 1..9: that VM, n/p: next/previous VM, s: shell, o: overview, ?: help"

void view_init(struct view *v)
{
	v->overview.term = &v->term;
}

void view_start(struct view *v)
{
	term_puts(&v->term, "\r\nThis is Bulkhead's console, and its overview: what all VMs print.\r\n"
			    KEYS_HELP ".\r\n\r\n");
	term_flush(&v->term);
}

struct channel *view_channel(const struct view *v)
{
	return v->kind == VIEW_VM && !v->prefix ? v->channels[v->focus] : NULL;
}

/* ---- Entering and leaving */

/* What a guest may have left behind: another character set, colours, a hidden cursor. */
static void leave_vm(struct view *v)
{
	term_style(&v->term, "\x0f\x1b[0m\x1b[?25h");
	term_puts(&v->term, "\r\n");
}

static void view_leave(struct view *v)
{
	if (v->kind == VIEW_VM)
		leave_vm(v);
	else if (v->kind == VIEW_SHELL)
		shell_hide(v->shell);
	else
		show_flush_all(v);
	v->keys = (struct keys){ 0 };
	v->hinted = v->deaf = false;
}

static void enter_overview(struct view *v)
{
	view_leave(v);
	v->kind = VIEW_OVERVIEW;
	term_puts(&v->term, "-- overview --\r\n");
	show_backlog(v);
}

static void enter_shell(struct view *v)
{
	if (v->kind != VIEW_SHELL) {
		view_leave(v);
		v->back = v->kind;
	}
	v->kind = VIEW_SHELL;
	shell_enter(v->shell);
}

static void say_vm(struct view *v, const struct channel *ch)
{
	const struct vm *vm = vm_table[ch->index];
	const char *state = vm ? vm_state_name(vm) : "off";
	bool off = strcmp(state, "off") == 0 || strcmp(state, "failed") == 0;

	term_printf(&v->term, "-- %s: %s; ", ch->name, state);
	if (off)
		term_printf(&v->term, "Ctrl-] s, then 'start %s' starts it --\r\n", ch->name);
	else
		term_puts(&v->term, "Ctrl-] ? explains the keys --\r\n");
}

static void enter_vm(struct view *v, unsigned index)
{
	struct channel *ch = v->channels[index];

	view_leave(v);
	v->kind = VIEW_VM;
	v->focus = index;
	v->focused = true;
	say_vm(v, ch);
	show_recent(v, ch);
}

/* ---- Keys */

static void say_again(struct view *v)
{
	if (v->kind == VIEW_SHELL)
		shell_show(v->shell);
}

/* A line to the operator, without losing what is on the screen. */
static void say(struct view *v, const char *text)
{
	if (v->kind == VIEW_SHELL)
		shell_hide(v->shell);
	else if (v->kind == VIEW_VM)
		term_puts(&v->term, "\r\n");
	else
		overview_break(&v->overview);
	term_printf(&v->term, "-- %s --\r\n", text);
}

static void key_help(struct view *v)
{
	say(v, KEYS_HELP);
	say(v, "Ctrl-] twice: the shell and back, Ctrl-] then ]: a Ctrl-] for the VM itself");
	say(v, "In the overview the keys work without Ctrl-]");
	say_again(v);
}

static void key_hint(struct view *v)
{
	if (v->hinted)
		return;
	v->hinted = true;
	say(v, KEYS_HELP);
	say_again(v);
}

static void key_vm(struct view *v, unsigned index)
{
	if (index < CONFIG_VMS_MAX && v->channels[index]) {
		enter_vm(v, index);
		return;
	}
	say(v, index < vm_count ? "this VM has no console" : "there is no such VM");
	say_again(v);
}

/* The next VM that has a console, @step = 1 or -1; the last one viewed when none is in view. */
static void key_neighbour(struct view *v, unsigned step)
{
	unsigned index = v->focus;

	if (!v->focused)
		index = step == 1 ? CONFIG_VMS_MAX - 1 : 0;
	if (!v->focused || v->kind == VIEW_VM)
		index += step;
	for (unsigned i = 0; i < CONFIG_VMS_MAX; i++, index += step) {
		if (!v->channels[index % CONFIG_VMS_MAX])
			continue;
		enter_vm(v, index % CONFIG_VMS_MAX);
		return;
	}
	say(v, "no VM has a console");
	say_again(v);
}

static void key_shell(struct view *v)
{
	if (v->kind != VIEW_SHELL)
		enter_shell(v);
	else if (v->back == VIEW_VM)
		enter_vm(v, v->focus);
	else
		enter_overview(v);
}

static void vm_input(struct view *v, u8 byte)
{
	bool stored = channel_input(v->channels[v->focus], byte);

	if (!stored && !v->deaf)
		term_put(&v->term, '\a');
	v->deaf = !stored;
}

/* A key that is for the console itself. */
static void view_command(struct view *v, int key)
{
	if (key >= '1' && key <= '9') {
		key_vm(v, (unsigned)(key - '1'));
		return;
	}
	switch (key) {
	case 'n':
	case KEY_RIGHT: key_neighbour(v, 1); break;
	case 'p':
	case KEY_LEFT: key_neighbour(v, -1u); break;
	case 's': enter_shell(v); break;
	case VIEW_KEY: key_shell(v); break;
	case 'o':
	case '0': enter_overview(v); break;
	case '?':
	case 'h': key_help(v); break;
	case ']':
		if (v->kind == VIEW_VM)
			vm_input(v, VIEW_KEY);
		break;
	default: key_hint(v); break;
	}
}

static void shell_input(struct view *v, u8 byte)
{
	switch (shell_key(v->shell, byte)) {
	case SHELL_STAY: break;
	case SHELL_OVERVIEW: enter_overview(v); break;
	case SHELL_LEAVE: key_shell(v); break;
	case SHELL_VM:
		if (v->channels[v->shell->target]) {
			enter_vm(v, v->shell->target);
			break;
		}
		term_puts(&v->term, "This VM has no console.\r\n");
		shell_show(v->shell);
		break;
	}
}

static void overview_input(struct view *v, u8 byte)
{
	int key = key_decode(&v->keys, byte);

	if (key == KEY_NONE)
		return;
	if (key == '\r' || key == '\n')
		enter_shell(v);
	else
		view_command(v, key);
}

static void prefix_input(struct view *v, u8 byte)
{
	int key = key_decode(&v->keys, byte);

	if (key == KEY_NONE)
		return;
	v->prefix = false;
	v->hinted = false;
	view_command(v, key);
}

void view_key(struct view *v, u8 byte)
{
	if (v->prefix)
		prefix_input(v, byte);
	else if (byte == VIEW_KEY)
		v->prefix = true;
	else if (v->kind == VIEW_VM)
		vm_input(v, byte);
	else if (v->kind == VIEW_SHELL)
		shell_input(v, byte);
	else
		overview_input(v, byte);
}
