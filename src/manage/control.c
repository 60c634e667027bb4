#include "manage/control.h"

#include <stdio.h>
#include <string.h>

#include "manage/command.h"
#include "manage/facts.h"
#include "manage/format.h"

struct request {
	const struct control *control;
	struct answer *answer;
	const struct control_command *command;
	struct vm *vm; /* NULL: none was named */
	bool json;
};

enum vm_needed { VM_NONE, VM_MAY, VM_MUST };

struct control_command {
	const char *name;
	enum vm_needed vm;
	bool (*run)(const struct request *r);
};

/* ---- Text, as the shell has it */

static struct answer *term_answer; /* what term_out() writes to: one request at a time */

static void term_out(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] != '\r')
			answer_write(term_answer, &text[i], 1);
}

static struct term term_begin(struct answer *answer)
{
	term_answer = answer;
	return (struct term){ .write = term_out };
}

/* ---- What the objects begin with */

static void json_system(const struct request *r)
{
	json_open(r->answer, NULL, '{');
	json_string(r->answer, "system", r->control->system);
	json_number(r->answer, "pid", r->control->process);
}

static void json_vm(struct answer *a, const struct vm *vm)
{
	const struct vm_config *c = &vm->config;
	char end[FACTS_END_MAX], harts[FORMAT_MAX];

	facts_last_end(vm, end);
	json_string(a, "name", c->name);
	json_number(a, "number", vm->index + 1);
	json_string(a, "state", facts_state(vm));
	json_number(a, "vcpus", c->vcpus);
	json_number(a, "memory", c->memory);
	json_string(a, "harts", format_harts(harts, c->harts));
	json_bool(a, "dedicated", c->dedicated);
	json_number(a, "restarts", facts_restarts(vm));
	json_number(a, "crashes", vm->crashes);
	json_string(a, "last_end", end);
}

/* ---- names, list */

static bool run_names(const struct request *r)
{
	for (unsigned i = 0; i < vm_count; i++) {
		const struct vm *vm = vm_table[i];

		answer_printf(r->answer, "%s %u %s\n", facts_is_off(vm) ? "off" : facts_state(vm),
			      __atomic_load_n(&vm->starts, __ATOMIC_RELAXED), vm->config.name);
	}
	return true;
}

static bool run_list(const struct request *r)
{
	if (!r->json) {
		struct term term = term_begin(r->answer);
		struct shell shell = { .term = &term };

		command_list(&shell, NULL, NULL, NULL);
		term_flush(&term);
		return true;
	}
	json_system(r);
	json_open(r->answer, "vms", '[');
	for (unsigned i = 0; i < vm_count; i++) {
		json_open(r->answer, NULL, '{');
		json_vm(r->answer, vm_table[i]);
		json_close(r->answer, '}');
	}
	json_close(r->answer, ']');
	json_close(r->answer, '}');
	return true;
}

/* ---- info */

static void json_vcpus(struct answer *a, const struct vm_facts *facts)
{
	json_open(a, "vcpu", '[');
	for (unsigned i = 0; i < facts->count; i++) {
		json_open(a, NULL, '{');
		json_number(a, "id", i);
		json_string(a, "state", facts_vcpu_state(facts, i));
		json_open(a, "exits", '{');
		for (unsigned k = EXIT_INTERRUPT; k < EXIT_KINDS; k++)
			json_number(a, exit_name(k), facts->vcpus[i].exits[k]);
		json_close(a, '}');
		json_close(a, '}');
	}
	json_close(a, ']');
}

static bool run_info(const struct request *r)
{
	static struct vm_facts facts; /* large for a stack */
	const struct vm *vm = r->vm;

	if (!r->json) {
		struct term term = term_begin(r->answer);

		command_info_show(&term, r->vm, &facts);
		term_flush(&term);
		return true;
	}
	json_system(r);
	json_vm(r->answer, vm);
	json_string(r->answer, "engine", vm->engine ? vm->engine->name : "none");
	json_string(r->answer, "kernel", vm->config.kernel);
	json_string(r->answer, "initrd", vm->config.initrd);
	json_string(r->answer, "restart", facts_policy(vm));
	json_number(r->answer, "memory_used", __atomic_load_n(&vm->account.used, __ATOMIC_RELAXED));
	json_number(r->answer, "memory_limit", vm->account.limit);
	facts_collect(r->vm, &facts);
	json_vcpus(r->answer, &facts);
	json_close(r->answer, '}');
	return true;
}

/* ---- log */

/* "   12.345 [name] ..." */
static bool line_is_about(const char *line, const struct vm *vm)
{
	size_t len = strlen(vm->config.name);

	line += strspn(line, " .0123456789");
	return line[0] == '[' && strncmp(line + 1, vm->config.name, len) == 0 && line[1 + len] == ']';
}

static void log_lines(const struct request *r)
{
	struct history *log = r->control->log;
	char line[300];
	u32 end, pos;

	if (!log)
		return;
	end = history_end(log);
	pos = history_tail(log, log->ring.size);
	/* Lines that come meanwhile are for the next time: this ends. */
	while ((s32)(end - pos) > 0 && history_line(log, &pos, line, sizeof(line)) >= 0) {
		if (r->vm && !line_is_about(line, r->vm))
			continue;
		if (r->json)
			json_string(r->answer, NULL, line);
		else
			answer_printf(r->answer, "%s\n", line);
	}
}

static bool run_log(const struct request *r)
{
	if (r->json) {
		json_system(r);
		if (r->vm)
			json_string(r->answer, "name", r->vm->config.name);
		json_open(r->answer, "lines", '[');
	}
	log_lines(r);
	if (r->json) {
		json_close(r->answer, ']');
		json_close(r->answer, '}');
	}
	return true;
}

/* ---- start, stop, kill, pause, resume, restart */

static bool run_life(const struct request *r)
{
	char text[FACTS_ANSWER_MAX];
	const char *doing;

	if (!facts_ask(r->vm, r->command->name, text)) {
		answer_printf(r->answer, "%s\n", text);
		return false;
	}
	if (!r->json) {
		answer_printf(r->answer, "%s\n", text);
		return true;
	}
	doing = strchr(text, ':');
	json_system(r);
	json_string(r->answer, "name", r->vm->config.name);
	json_string(r->answer, "doing", doing ? doing + 2 : text);
	json_close(r->answer, '}');
	return true;
}

/* ---- Reading a request */

static const struct control_command commands[] = {
	{ "names", VM_NONE, run_names },
	{ "list", VM_NONE, run_list },
	{ "info", VM_MUST, run_info },
	{ "log", VM_MAY, run_log },
	{ "start", VM_MUST, run_life },
	{ "stop", VM_MUST, run_life },
	{ "kill", VM_MUST, run_life },
	{ "pause", VM_MUST, run_life },
	{ "resume", VM_MUST, run_life },
	{ "restart", VM_MUST, run_life },
};

static const struct control_command *command_by_name(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* Cuts off the first word, which may be empty; returns what follows it. */
static char *word_end(char *word)
{
	char *end = word + strcspn(word, " ");

	if (*end)
		*end++ = '\0';
	return end;
}

static bool fail(const struct request *r, const char *why)
{
	answer_printf(r->answer, "%s\n", why);
	return false;
}

static bool run_words(struct request *r, char *line)
{
	char *rest = word_end(line);

	r->json = strcmp(line, "json") == 0;
	if (r->json) {
		line = rest;
		rest = word_end(line);
	}
	r->command = command_by_name(line);
	if (!r->command)
		return fail(r, "There is no such request.");
	if (*rest ? r->command->vm == VM_NONE : r->command->vm == VM_MUST)
		return fail(r, *rest ? "This request takes no VM." : "This request needs a VM.");
	r->vm = *rest ? vm_find(rest) : NULL;
	if (*rest && !r->vm)
		return fail(r, "There is no such VM.");
	return r->command->run(r);
}

bool control_answer(const struct control *c, const char *request, size_t len, struct answer *answer)
{
	struct request r = { .control = c, .answer = answer };
	char line[CONTROL_REQUEST_MAX + 1];
	bool done;

	answer_begin(answer);
	if (len > CONTROL_REQUEST_MAX || memchr(request, '\0', len))
		return fail(&r, "The request is too long, or no text.");
	memcpy(line, request, len);
	line[len] = '\0';
	done = run_words(&r, line);
	if (done && r.json)
		answer_write(answer, "\n", 1);
	if (!answer->cut)
		return done;
	answer_begin(answer);
	return fail(&r, "The answer is too long.");
}
