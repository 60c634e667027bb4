/* The shell's commands about VMs. */
#include <stdio.h>
#include <string.h>

#include "manage/command.h"
#include "manage/facts.h"
#include "manage/format.h"
#include "vm/vm.h"

/* ---- list */

static void list_row(struct term *t, const struct vm *vm)
{
	const struct vm_config *c = &vm->config;
	char size[FORMAT_MAX], harts[FORMAT_MAX + 1], end[FACTS_END_MAX];

	facts_last_end(vm, end);
	format_harts(harts, c->harts);
	if (c->dedicated)
		strcat(harts, "!");
	term_printf(t, "%2u  %-15s %-9s %5u  %9s  %-9s %8u  %s\r\n", vm->index + 1, c->name,
		    facts_state(vm), c->vcpus, format_size(size, c->memory), harts,
		    facts_restarts(vm), end);
}

void command_list(struct shell *sh, const struct command *c, struct vm *vm, const char *word)
{
	bool dedicated = false;

	(void)c;
	(void)vm;
	(void)word;
	term_style(sh->term, "\x1b[1m");
	term_printf(sh->term, "%2s  %-15s %-9s %5s  %9s  %-9s %8s  %s\r\n", "#", "name", "state",
		    "vCPUs", "memory", "harts", "restarts", "last end");
	term_style(sh->term, "\x1b[0m");
	for (unsigned i = 0; i < vm_count; i++) {
		list_row(sh->term, vm_table[i]);
		dedicated |= vm_table[i]->config.dedicated;
	}
	if (dedicated)
		term_puts(sh->term, "(! these harts run this VM only)\r\n");
}

/* ---- start, stop, pause, resume, restart */

void command_life(struct shell *sh, const struct command *c, struct vm *vm, const char *word)
{
	char answer[FACTS_ANSWER_MAX];

	(void)word;
	facts_ask(vm, c->name, answer);
	term_printf(sh->term, "%s\r\n", answer);
}

/* ---- info */

static void info_vcpus(struct term *t, const struct vm_facts *facts)
{
	term_puts(t, "vCPU state      ");
	for (unsigned k = EXIT_INTERRUPT; k < EXIT_KINDS; k++)
		term_printf(t, " %12s", exit_name(k));
	term_puts(t, "\r\n");
	for (unsigned i = 0; i < facts->count; i++) {
		term_printf(t, "%4u %-11s", i, facts_vcpu_state(facts, i));
		for (unsigned k = EXIT_INTERRUPT; k < EXIT_KINDS; k++)
			term_printf(t, " %12lu", (unsigned long)facts->vcpus[i].exits[k]);
		term_puts(t, "\r\n");
	}
}

static void info_config(struct term *t, const struct vm *vm)
{
	const struct vm_config *c = &vm->config;
	char buf[FORMAT_MAX];

	term_printf(t, "kernel    %s\r\n", c->kernel);
	if (c->initrd[0])
		term_printf(t, "initrd    %s\r\n", c->initrd);
	term_printf(t, "harts     %s%s\r\n", format_harts(buf, c->harts),
		    c->dedicated ? ", dedicated" : "");
	term_printf(t, "restart   %s; restarted %u times, %u crashes\r\n",
		    facts_policy(vm), facts_restarts(vm), vm->crashes);
}

static void info_memory(struct term *t, const struct vm *vm)
{
	char guest[FORMAT_MAX], used[FORMAT_MAX], limit[FORMAT_MAX];
	u64 most = vm->account.limit;

	format_size(used, __atomic_load_n(&vm->account.used, __ATOMIC_RELAXED));
	term_printf(t, "memory    %s for the guest; %s in use of %s\r\n",
		    format_size(guest, vm->config.memory), used,
		    most ? format_size(limit, most) : "any amount");
}

void command_info_show(struct term *t, struct vm *vm, struct vm_facts *facts)
{
	char end[FACTS_END_MAX];

	facts_last_end(vm, end);
	term_printf(t, "name      %s (number %u)\r\n", vm->config.name, vm->index + 1);
	term_printf(t, "state     %s; last end: %s\r\n", facts_state(vm), end);
	term_printf(t, "engine    %s\r\n", vm->engine ? vm->engine->name : "none");
	info_config(t, vm);
	info_memory(t, vm);
	if (facts_collect(vm, facts))
		info_vcpus(t, facts);
	else
		term_printf(t, "vCPUs     %u, none running\r\n", vm->config.vcpus);
}

void command_info(struct shell *sh, const struct command *c, struct vm *vm, const char *word)
{
	static struct vm_facts facts; /* large for a stack; only the console's task comes here */

	(void)c;
	(void)word;
	command_info_show(sh->term, vm, &facts);
}
