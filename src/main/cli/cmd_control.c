/* bulkhead list, info, log, start, stop, kill, pause, resume, restart: systems that run. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "main/cli/options.h"
#include "main/cli/report.h"
#include "main/cli/runtime.h"
#include "vm/config_text.h"

enum { WAIT_MAX = 100000, POLL_MS = 20, KILL_SECONDS = 2, REQUEST_SIZE = 128 };

/* ---- All VMs of all systems */

struct found_vm {
	const struct runtime_system *system;
	char state[16];
	u32 starts;
	char name[CONFIG_NAME_MAX + 1];
};

static struct {
	struct runtime_system *systems;
	int count;
	struct found_vm *vms;
	unsigned vm_count;
	bool incomplete; /* one did not answer, which was reported */
} fleet;

static bool json;
static const char *wait_text;
static u32 wait_seconds;

static void report_silent(const struct runtime_system *s, int err)
{
	const char *why = err == EAGAIN ? "it does not answer" : strerror(err);

	report_error("%s (process %u): %s", s->name, s->pid, why);
}

/* The answer, to be freed; NULL after a report. *failed: the answer says why the request did. */
static char *ask(const struct runtime_system *s, const char *request, bool *failed, u32 *pid)
{
	char *answer;
	enum runtime_result result = runtime_ask(s, request, &answer, pid);

	*failed = result != RUNTIME_OK;
	if (result == RUNTIME_SILENT)
		report_silent(s, errno);
	return answer;
}

/* "STATE STARTS NAME" */
static bool vm_read(const char *line, struct found_vm *vm)
{
	return sscanf(line, "%15s %u %31s", vm->state, &vm->starts, vm->name) == 3;
}

static bool system_read(const struct runtime_system *s)
{
	char *save = NULL, *answer;
	bool failed;

	answer = ask(s, "names", &failed, NULL);
	for (char *line = answer && !failed ? strtok_r(answer, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save)) {
		struct found_vm *more = realloc(fleet.vms, (fleet.vm_count + 1) * sizeof(*more));

		if (!more)
			break;
		fleet.vms = more;
		fleet.vms[fleet.vm_count].system = s;
		fleet.vm_count += vm_read(line, &fleet.vms[fleet.vm_count]);
	}
	free(answer);
	return !failed;
}

static bool systems_find(void)
{
	fleet.count = runtime_find(&fleet.systems);
	if (fleet.count >= 0)
		return true;
	report_error("memory is short");
	return false;
}

/* False after a report when there is none. */
static bool fleet_find(const char *command)
{
	if (!systems_find())
		return false;
	if (!fleet.count) {
		report_error("%s: no system runs here (one under QEMU has its console for this: Ctrl-] ?)",
			     command);
		return false;
	}
	for (int i = 0; i < fleet.count; i++)
		fleet.incomplete |= !system_read(&fleet.systems[i]);
	return true;
}

static void fleet_free(void)
{
	free(fleet.systems);
	free(fleet.vms);
	memset(&fleet, 0, sizeof(fleet));
}

/* ---- A VM by its name: VM, SYSTEM/VM or PROCESS/VM */

static bool vm_is(const struct found_vm *vm, const char *word)
{
	const char *slash = strchr(word, '/');
	size_t len = slash ? (size_t)(slash - word) : 0;
	char pid[12];

	if (!slash)
		return strcmp(vm->name, word) == 0;
	snprintf(pid, sizeof(pid), "%u", vm->system->pid);
	return strcmp(vm->name, slash + 1) == 0 &&
	       ((strlen(vm->system->name) == len && !memcmp(vm->system->name, word, len)) ||
		(strlen(pid) == len && !memcmp(pid, word, len)));
}

static void report_unknown(const char *command, const char *word)
{
	const char **names = calloc(fleet.vm_count + 1, sizeof(*names)), *near = NULL;

	for (unsigned i = 0; names && i < fleet.vm_count; i++)
		names[i] = fleet.vms[i].name;
	if (names)
		near = config_nearest(word, names, fleet.vm_count);
	if (near)
		report_error("%s: no VM '%s': did you mean '%s'?", command, word, near);
	else
		report_error("%s: no VM '%s'; 'bulkhead list' shows them all", command, word);
	free(names);
}

static void report_several(const char *command, const char *word)
{
	report_error("%s: there are several VMs '%s'; say which:", command, word);
	for (unsigned i = 0; i < fleet.vm_count; i++)
		if (vm_is(&fleet.vms[i], word))
			report_progress("  %u/%s of %s", fleet.vms[i].system->pid, fleet.vms[i].name,
					fleet.vms[i].system->name);
}

/* NULL after a report. */
static const struct found_vm *vm_find_word(const char *command, const char *word)
{
	const struct found_vm *found = NULL;

	for (unsigned i = 0; i < fleet.vm_count; i++) {
		if (!vm_is(&fleet.vms[i], word))
			continue;
		if (found) {
			report_several(command, word);
			return NULL;
		}
		found = &fleet.vms[i];
	}
	if (!found)
		report_unknown(command, word);
	return found;
}

/* All or nothing: a misspelt name must not leave half of the work done. */
static bool vms_find(const char *command, const struct operands *operands,
		     const struct found_vm *vms[OPERANDS_MAX])
{
	if (!fleet_find(command))
		return false;
	for (unsigned i = 0; i < operands->count; i++) {
		vms[i] = vm_find_word(command, operands->words[i]);
		if (!vms[i])
			return false;
	}
	return true;
}

/* ---- Printing answers: text one after the other, JSON as an array */

static unsigned printed;

static void array_begin(void)
{
	printed = 0;
	if (json)
		putchar('[');
}

static void array_end(void)
{
	if (json)
		puts("]");
}

static void element_print(const char *answer)
{
	if (json && printed)
		fputs(",\n ", stdout);
	printed++;
	fprintf(stdout, "%.*s", (int)(strlen(answer) - (json && *answer)), answer);
}

/* Asks for "COMMAND" or "COMMAND VM" and prints the answer. */
static bool request_print(const struct runtime_system *s, const char *command, const char *vm)
{
	char request[REQUEST_SIZE], *answer;
	bool failed;

	snprintf(request, sizeof(request), "%s%s%s%s", json ? "json " : "", command, vm ? " " : "",
		 vm ? vm : "");
	answer = ask(s, request, &failed, NULL);
	if (answer && !failed)
		element_print(answer);
	else if (answer)
		report_error("%s: %.*s", command, (int)strcspn(answer, "\n"), answer);
	free(answer);
	return !failed;
}

/* ---- list */

static enum cli_result run_list(const struct operands *operands unused)
{
	bool ok = true;

	if (!systems_find())
		return CLI_FAILED;
	if (!fleet.count && !json)
		puts("No system runs here (those under QEMU are not counted).");
	array_begin();
	for (int i = 0; i < fleet.count; i++) {
		const struct runtime_system *s = &fleet.systems[i];

		if (!json)
			printf("%s%s (process %u)\n", i ? "\n" : "", s->name, s->pid);
		fflush(stdout);
		ok &= request_print(s, "list", NULL);
	}
	array_end();
	fleet_free();
	return ok ? CLI_OK : CLI_FAILED;
}

/* ---- info, log: of the VMs named, else of all VMs, or all systems */

static bool show_all(const char *command, bool each_vm)
{
	bool ok = !fleet.incomplete;

	for (unsigned i = 0; each_vm && i < fleet.vm_count; i++) {
		if (i && !json)
			putchar('\n');
		ok &= request_print(fleet.vms[i].system, command, fleet.vms[i].name);
	}
	for (int i = 0; !each_vm && i < fleet.count; i++) {
		if (!json && fleet.count > 1)
			printf("%s%s (process %u)\n", i ? "\n" : "", fleet.systems[i].name,
			       fleet.systems[i].pid);
		ok &= request_print(&fleet.systems[i], command, NULL);
	}
	return ok;
}

static enum cli_result show(const char *command, const struct operands *operands, bool each_vm)
{
	const struct found_vm *vms[OPERANDS_MAX];
	bool ok = vms_find(command, operands, vms);

	if (ok) {
		array_begin();
		for (unsigned i = 0; i < operands->count; i++) {
			if (i && !json && each_vm)
				putchar('\n');
			ok &= request_print(vms[i]->system, command, vms[i]->name);
		}
		if (!operands->count)
			ok = show_all(command, each_vm);
		array_end();
	}
	fleet_free();
	return ok ? CLI_OK : CLI_FAILED;
}

static enum cli_result run_info(const struct operands *operands)
{
	return show("info", operands, true);
}

static enum cli_result run_log(const struct operands *operands)
{
	return show("log", operands, false);
}

/* ---- Waiting until it is done */

enum progress { NOT_YET, DONE, NEVER, GONE };

/* The VM as it is now; GONE when its system is. */
static enum progress vm_now(const struct found_vm *vm, struct found_vm *now)
{
	char *answer, *save = NULL;
	bool found = false;

	if (runtime_ask(vm->system, "names", &answer, NULL) != RUNTIME_OK) {
		bool gone = !answer && (errno == ECONNREFUSED || errno == ENOENT);

		free(answer);
		return gone ? GONE : NOT_YET;
	}
	for (char *line = strtok_r(answer, "\n", &save); line && !found;
	     line = strtok_r(NULL, "\n", &save))
		found = vm_read(line, now) && strcmp(now->name, vm->name) == 0;
	free(answer);
	return found ? DONE : NOT_YET;
}

static bool is(const char *a, const char *b) { return strcmp(a, b) == 0; }

/* @before: as the VM was when it was asked. */
static enum progress vm_progress(const struct found_vm *before, const char *command)
{
	bool ends = is(command, "stop") || is(command, "kill");
	struct found_vm now;
	enum progress known = vm_now(before, &now);
	bool again = known == DONE && now.starts != before->starts;

	if (known == GONE)
		return ends ? DONE : NEVER;
	if (known == NOT_YET)
		return NOT_YET;
	if (ends)
		return is(now.state, "off") ? DONE : NOT_YET;
	if (is(command, "pause"))
		return is(now.state, "paused") ? DONE : NOT_YET;
	/* Whatever started and is off could not be built, or has ended. */
	if (again && is(now.state, "off"))
		return NEVER;
	return is(now.state, "running") && (again || !is(command, "restart")) ? DONE : NOT_YET;
}

static u64 now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * 1000 + (u64)now.tv_nsec / 1000000;
}

static enum progress vm_wait(const struct found_vm *vm, const char *command, u64 until)
{
	static const struct timespec pause = { .tv_nsec = POLL_MS * 1000000l };
	enum progress progress;

	while ((progress = vm_progress(vm, command)) == NOT_YET && now_ms() < until)
		nanosleep(&pause, NULL);
	return progress;
}

/* ---- start, stop, pause, resume, restart */

static bool wait_all(const char *command, const struct operands *operands,
		     const struct found_vm *vms[OPERANDS_MAX])
{
	u64 until = now_ms() + wait_seconds * 1000ul;
	bool ok = true;

	for (unsigned i = 0; i < operands->count; i++) {
		enum progress progress = vm_wait(vms[i], command, until);

		if (progress == NEVER)
			report_error("%s: %s has ended already", command, vms[i]->name);
		else if (progress != DONE)
			report_error("%s: %s has not done it after %u second%s", command,
				     vms[i]->name, wait_seconds, plural(wait_seconds));
		ok &= progress == DONE;
	}
	return ok;
}

static enum cli_result life(const char *command, const struct operands *operands)
{
	const struct found_vm *vms[OPERANDS_MAX];
	bool ok;

	if (wait_text && !options_number(command, "--wait", wait_text, 1, WAIT_MAX, &wait_seconds))
		return CLI_USAGE;
	ok = vms_find(command, operands, vms);
	if (ok) {
		array_begin();
		for (unsigned i = 0; i < operands->count; i++)
			ok &= request_print(vms[i]->system, command, vms[i]->name);
		array_end();
		fflush(stdout);
	}
	if (ok && wait_text)
		ok = wait_all(command, operands, vms);
	fleet_free();
	return ok ? CLI_OK : CLI_FAILED;
}

static enum cli_result run_start(const struct operands *o) { return life("start", o); }
static enum cli_result run_stop(const struct operands *o) { return life("stop", o); }
static enum cli_result run_pause(const struct operands *o) { return life("pause", o); }
static enum cli_result run_resume(const struct operands *o) { return life("resume", o); }
static enum cli_result run_restart(const struct operands *o) { return life("restart", o); }

/* ---- kill */

/* VMs of the system but @vm that are not off. */
static unsigned others_of(const struct found_vm *vm)
{
	unsigned others = 0;

	for (unsigned i = 0; i < fleet.vm_count; i++)
		others += fleet.vms[i].system == vm->system && &fleet.vms[i] != vm &&
			  strcmp(fleet.vms[i].state, "off") != 0;
	return others;
}

/* A VM whose vCPU the kernel does not give back: its process goes, if it is the only one in it. */
static bool process_kill(const struct found_vm *vm, u32 pid)
{
	unsigned others = others_of(vm);

	if (others) {
		report_error("kill: %s does not end, and %u other VM%s in its process %u, which is "
			     "left alone", vm->name, others, others == 1 ? " is" : "s are", pid);
		return false;
	}
	if (kill((pid_t)pid, SIGKILL) && errno != ESRCH) {
		report_error("kill: process %u: %s", pid, strerror(errno));
		return false;
	}
	if (!json)
		printf("%s: killed with its process %u\n", vm->name, pid);
	return true;
}

static bool vm_kill(const struct found_vm *vm)
{
	char request[REQUEST_SIZE], *answer;
	u32 pid = 0;
	bool failed;

	snprintf(request, sizeof(request), "%skill %s", json ? "json " : "", vm->name);
	answer = ask(vm->system, request, &failed, &pid);
	if (answer && failed)
		report_error("kill: %.*s", (int)strcspn(answer, "\n"), answer);
	if (answer && !failed)
		element_print(answer);
	fflush(stdout);
	free(answer);
	if (failed)
		return false;
	if (vm_wait(vm, "kill", now_ms() + KILL_SECONDS * 1000) == DONE)
		return true;
	return pid && process_kill(vm, pid);
}

static enum cli_result run_kill(const struct operands *operands)
{
	const struct found_vm *vms[OPERANDS_MAX];
	bool ok = vms_find("kill", operands, vms);

	if (ok) {
		array_begin();
		for (unsigned i = 0; i < operands->count; i++)
			ok &= vm_kill(vms[i]);
		array_end();
	}
	fleet_free();
	return ok ? CLI_OK : CLI_FAILED;
}

/* ---- The commands */

static const struct option json_options[] = {
	{ .name = "json", .flag = &json, .help = "answer as JSON: an array" },
};

static const struct option life_options[] = {
	{ .name = "json", .flag = &json, .help = "answer as JSON: an array" },
	{ .name = "wait", .value = "SECONDS", .text = &wait_text,
	  .help = "wait until it is done, so long at most" },
};

#define VM_NAMES \
	"A VM is given by its name; where systems have the same names, by SYSTEM/VM, or PROCESS/VM " \
	"with the\nnumber that 'bulkhead list' shows. Systems under QEMU have their console for this.\n\n"
#define CODES "Exit code: 0 when it was done, 1 when not, 2 for wrong usage."

#define SHOW_COMMAND(word, what, operands_usage, text, more, how) \
	const struct command word##_command = { \
		.name = #word, .usage = "[options]" operands_usage, .brief = what, .summary = text, \
		.details = more CODES, .options = json_options, \
		.option_count = ARRAY_SIZE(json_options), .wanted = how, .run = run_##word, \
	}

#define LIFE_COMMAND(word, what, text) \
	const struct command word##_command = { \
		.name = #word, .usage = "[options] VM...", .brief = what, .summary = text, \
		.details = VM_NAMES "Without --wait the answer comes when the VM was asked.\n\n" CODES, \
		.options = life_options, .option_count = ARRAY_SIZE(life_options), \
		.wanted = OPERANDS_SOME, .run = run_##word, \
	}

SHOW_COMMAND(list, "show the systems that run here, and their VMs", "",
	     "Shows all systems of yours that run on this machine, and the state of their VMs.", "",
	     OPERANDS_NONE);
SHOW_COMMAND(info, "tell about VMs: memory, exits, vCPUs", " [VM...]",
	     "Tells what there is to know of the VMs named, or of all.",
	     VM_NAMES "Exits are counted from the VM's start, by why the guest had to be left.\n\n",
	     OPERANDS_ANY);
SHOW_COMMAND(log, "show what the hypervisor says, of all or of VMs", " [VM...]",
	     "Shows the hypervisor's messages, or those about the VMs named, with seconds since its "
	     "start.", VM_NAMES, OPERANDS_ANY);
SHOW_COMMAND(kill, "end VMs whatever it takes", " VM...",
	     "Ends VMs as 'stop' does. One that is not off after 2 seconds goes with its process, if "
	     "no other\nVM is in it.", VM_NAMES, OPERANDS_SOME);
LIFE_COMMAND(start, "start VMs that are off", "Starts VMs that are off, in a system that runs.");
LIFE_COMMAND(stop, "end VMs at once, as if their power was cut",
	     "Ends VMs at once, as if their power was cut: the guest is not asked. Their memory is "
	     "returned.");
LIFE_COMMAND(pause, "hold VMs still", "Holds VMs still. The guest's clock goes on meanwhile.");
LIFE_COMMAND(resume, "let paused VMs go on", "Lets paused VMs go on.");
LIFE_COMMAND(restart, "stop VMs and start them anew", "Stops VMs and starts them anew.");
