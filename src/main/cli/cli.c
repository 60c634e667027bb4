#include "main/cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "main/cli/options.h"
#include "main/cli/report.h"
#include "vm/config_text.h"

static const struct command *const commands[] = {
	&check_command, &pack_command, &run_command, &list_command, &info_command, &log_command,
	&start_command, &stop_command, &kill_command, &pause_command, &resume_command,
	&restart_command,
};

static void usage_print(FILE *out)
{
	fputs("usage: bulkhead COMMAND [options] SYSTEM.dts\n       bulkhead COMMAND [options] [VM...]\n\n"
	      "Runs virtual machines on RISC-V; a system description says which.\n\n"
	      "commands:\n", out);
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-8s %s\n", commands[i]->name, commands[i]->brief);
	fputs("  help     print this, or the help of a command: bulkhead help run\n\n"
	      "docs/system-description.md tells what a description is made of.\n", out);
}

static const struct command *command_find(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(name, commands[i]->name))
			return commands[i];
	return NULL;
}

static enum cli_result unknown(const char *name)
{
	const char *known[ARRAY_SIZE(commands)], *near;

	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		known[i] = commands[i]->name;
	near = config_nearest(name, known, ARRAY_SIZE(known));
	if (near)
		report_error("unknown command '%s': did you mean '%s'?", name, near);
	else
		report_error("unknown command '%s'", name);
	report_progress("Try 'bulkhead help'.");
	return CLI_USAGE;
}

static enum cli_result command_run(const struct command *command, int argc, char **argv)
{
	struct operands operands;

	switch (options_parse(command, argc, argv, &operands)) {
	case OPTIONS_HELP: return CLI_OK;
	case OPTIONS_WRONG: return CLI_USAGE;
	case OPTIONS_OK: break;
	}
	return command->run(&operands);
}

static enum cli_result help_command(int argc, char **argv)
{
	const struct command *command;

	if (!argc || !strcmp(argv[0], "help") || argv[0][0] == '-') {
		usage_print(stdout);
		return CLI_OK;
	}
	command = command_find(argv[0]);
	if (!command)
		return unknown(argv[0]);
	options_help(command);
	return CLI_OK;
}

enum cli_result cli_command(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		usage_print(stderr);
		return CLI_USAGE;
	}
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help_command(argc - 2, argv + 2);
	command = command_find(argv[1]);
	return command ? command_run(command, argc - 2, argv + 2) : unknown(argv[1]);
}
