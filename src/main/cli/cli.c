#include "main/cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "lib/types.h"
#include "main/cli/report.h"
#include "vm/config_text.h"

static const struct subcommand {
	const char *name;
	enum cli_result (*run)(int argc, char **argv);
	const char *help;
} subcommands[] = {
	{ "check", check_command, "report every mistake in a system description" },
	{ "pack", pack_command, "pack a system into an image that a boot loader hands over" },
	{ "run", run_command, "pack a system and boot it under QEMU" },
};

static void usage_print(FILE *out)
{
	fputs("usage: bulkhead COMMAND [options] SYSTEM.dts\n\n"
	      "Runs virtual machines on RISC-V; a system description says which.\n\n"
	      "commands:\n", out);
	for (unsigned i = 0; i < ARRAY_SIZE(subcommands); i++)
		fprintf(out, "  %-6s %s\n", subcommands[i].name, subcommands[i].help);
	fputs("  help   print this, or the help of a command: bulkhead help run\n\n"
	      "docs/system-description.md tells what a description is made of.\n", out);
}

static const struct subcommand *subcommand_find(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(subcommands); i++)
		if (!strcmp(name, subcommands[i].name))
			return &subcommands[i];
	return NULL;
}

static enum cli_result unknown(const char *name)
{
	const char *known[ARRAY_SIZE(subcommands)], *near;

	for (unsigned i = 0; i < ARRAY_SIZE(subcommands); i++)
		known[i] = subcommands[i].name;
	near = config_nearest(name, known, ARRAY_SIZE(known));
	if (near)
		report_error("unknown command '%s': did you mean '%s'?", name, near);
	else
		report_error("unknown command '%s'", name);
	report_progress("Try 'bulkhead help'.");
	return CLI_USAGE;
}

static enum cli_result help_command(int argc, char **argv)
{
	char help[] = "--help", *args[] = { help, NULL };
	const struct subcommand *subcommand;

	if (!argc || !strcmp(argv[0], "help") || argv[0][0] == '-') {
		usage_print(stdout);
		return CLI_OK;
	}
	subcommand = subcommand_find(argv[0]);
	return subcommand ? subcommand->run(1, args) : unknown(argv[0]);
}

enum cli_result cli_command(int argc, char **argv)
{
	const struct subcommand *subcommand;

	if (argc < 2) {
		usage_print(stderr);
		return CLI_USAGE;
	}
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help_command(argc - 2, argv + 2);
	subcommand = subcommand_find(argv[1]);
	return subcommand ? subcommand->run(argc - 2, argv + 2) : unknown(argv[1]);
}
