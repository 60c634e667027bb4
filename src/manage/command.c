#include "manage/command.h"

#include <string.h>

#include "manage/format.h"
#include "vm/vm.h"

static void command_help(struct shell *, const struct command *, struct vm *, const char *);

static void command_console(struct shell *sh, const struct command *c, struct vm *vm,
			    const char *word)
{
	(void)c;
	(void)word;
	sh->target = vm->index;
	sh->result = SHELL_VM;
}

static void command_overview(struct shell *sh, const struct command *c, struct vm *vm,
			     const char *word)
{
	(void)c;
	(void)vm;
	(void)word;
	sh->result = SHELL_OVERVIEW;
}

static void command_exit(struct shell *sh, const struct command *c, struct vm *vm, const char *word)
{
	(void)c;
	(void)vm;
	(void)word;
	sh->result = SHELL_LEAVE;
}

static void command_log(struct shell *sh, const struct command *c, struct vm *vm, const char *word)
{
	u32 end = history_end(sh->log), pos = history_tail(sh->log, sh->log->ring.size);
	char line[300];

	(void)c;
	(void)vm;
	(void)word;
	/* Lines that come meanwhile are for the next time: this ends. */
	while ((s32)(end - pos) > 0 && history_line(sh->log, &pos, line, sizeof(line)) >= 0) {
		term_puts(sh->term, line);
		term_puts(sh->term, "\r\n");
	}
}

static void count_states(struct term *t)
{
	unsigned running = 0, off = 0;

	for (unsigned i = 0; i < vm_count; i++) {
		u32 state = __atomic_load_n(&vm_table[i]->state, __ATOMIC_ACQUIRE);

		running += state == VM_RUNNING;
		off += state == VM_OFF || state == VM_FAILED;
	}
	term_printf(t, "VMs       %u: %u running, %u off", vm_count, running, off);
	if (running + off < vm_count)
		term_printf(t, ", %u paused or between", vm_count - running - off);
	term_puts(t, "\r\n");
}

static const char *known(const char *text)
{
	return text ? text : "unknown";
}

static void command_system(struct shell *sh, const struct command *c, struct vm *vm,
			   const char *word)
{
	char buf[FORMAT_MAX];

	(void)c;
	(void)vm;
	(void)word;
	term_printf(sh->term, "version   %s\r\n", known(sh->host->version));
	term_printf(sh->term, "harts     %u\r\n", host_harts());
	term_puts(sh->term, "features  ");
	term_puts(sh->term, known(sh->host->features));
	term_printf(sh->term, "\r\nmemory    %s free for guests\r\n",
		    format_size(buf, host_ram_free_bytes()));
	count_states(sh->term);
	term_printf(sh->term, "up        %s\r\n",
		    format_duration(buf, (host_time() - sh->started) / host_timebase()));
}

static void command_version(struct shell *sh, const struct command *c, struct vm *vm,
			    const char *word)
{
	(void)c;
	(void)vm;
	(void)word;
	term_printf(sh->term, "%s\r\n", known(sh->host->version));
}

/* The shell asks before it does it. */
static void command_shutdown(struct shell *sh, const struct command *c, struct vm *vm,
			     const char *word)
{
	(void)c;
	(void)vm;
	(void)word;
	if (sh->host->shutdown)
		sh->confirming = true;
	else
		term_puts(sh->term, "This machine cannot be powered off from here.\r\n");
}

const struct command command_table[] = {
	{ "list", WORDS_NONE, "all VMs and their state", NULL, command_list },
	{ "info", WORDS_VM, "memory, exits and vCPUs of a VM",
	  "Memory is what the VM may use in all, its tables and buffers included. Exits are\r\n"
	  "counted from the VM's start, by why the guest had to be left.\r\n", command_info },
	{ "console", WORDS_VM, "view and type into a VM's console",
	  "Ctrl-] s brings you back here, Ctrl-] o to the overview.\r\n", command_console },
	{ "overview", WORDS_NONE, "what all VMs print, line by line", NULL, command_overview },
	{ "start", WORDS_VMS, "start VMs that are off", NULL, command_life },
	{ "stop", WORDS_VMS, "end VMs at once, as if their power was cut",
	  "The guest is not asked. Its memory is wiped and returned.\r\n", command_life },
	{ "pause", WORDS_VMS, "hold VMs still",
	  "The guest's clock goes on meanwhile.\r\n", command_life },
	{ "resume", WORDS_VMS, "let paused VMs go on", NULL, command_life },
	{ "restart", WORDS_VMS, "stop VMs and start them anew", NULL, command_life },
	{ "log", WORDS_NONE, "the hypervisor's own messages, with seconds since its start", NULL,
	  command_log },
	{ "system", WORDS_NONE, "the machine: harts, features, free memory", NULL, command_system },
	{ "version", WORDS_NONE, "which Bulkhead this is", NULL, command_version },
	{ "shutdown", WORDS_NONE, "end all VMs and power the machine off (asks first)", NULL,
	  command_shutdown },
	{ "exit", WORDS_NONE, "leave the shell, back to where you came from", NULL, command_exit },
	{ "help", WORDS_COMMAND, "this list, or more about a command", NULL, command_help },
};
const unsigned command_count = ARRAY_SIZE(command_table);

static const char *words_usage(enum command_words words)
{
	switch (words) {
	case WORDS_VM: return "VM";
	case WORDS_VMS: return "VM...";
	case WORDS_COMMAND: return "[COMMAND]";
	case WORDS_NONE: break;
	}
	return "";
}

static void help_list(struct term *t)
{
	for (unsigned i = 0; i < command_count; i++) {
		const struct command *c = &command_table[i];

		term_printf(t, "  %-9s %-10s %s\r\n", c->name, words_usage(c->words), c->summary);
	}
	term_puts(t, "A VM is given by its name or its number in the list. Tab completes, the cursor\r\n"
		     "keys recall what was typed before. Ctrl-] ? explains the keys.\r\n");
}

static void command_help(struct shell *sh, const struct command *self, struct vm *vm,
			 const char *word)
{
	const struct command *c;

	(void)self;
	(void)vm;
	if (!word) {
		help_list(sh->term);
		return;
	}
	c = command_find(word);
	if (!c) {
		term_printf(sh->term, "No command '%s'; 'help' lists them all.\r\n", word);
		return;
	}
	term_printf(sh->term, "%s %s: %s.\r\n", c->name, words_usage(c->words), c->summary);
	if (c->details)
		term_puts(sh->term, c->details);
}

const struct command *command_find(const char *name)
{
	for (unsigned i = 0; i < command_count; i++)
		if (strcmp(command_table[i].name, name) == 0)
			return &command_table[i];
	return NULL;
}

const char *command_name(unsigned n)
{
	return n < command_count ? command_table[n].name : NULL;
}

const char *command_vm_name(unsigned n)
{
	return n < vm_count ? vm_table[n]->config.name : NULL;
}
