/* Options of a subcommand: one table gives both what is understood and the help. */
#ifndef MAIN_CLI_OPTIONS_H
#define MAIN_CLI_OPTIONS_H

#include "lib/types.h"
#include "main/cli/cli.h"

#define OPTION_LIST_MAX 16

/* The values of an option that may stand several times. */
struct option_list {
	const char *texts[OPTION_LIST_MAX];
	unsigned count;
};

struct option {
	const char *name;  /* "batch" of --batch */
	char letter;       /* 'o' of -o, or 0 */
	const char *value; /* what follows it, for the help: "FILE"; NULL: nothing does */
	const char *help;  /* lines are split at newlines */
	bool *flag;        /* set when the option has no value */
	const char **text; /* set to the value when it has one */
	struct option_list *list; /* or gets it, if it may stand several times */
};

#define OPERANDS_MAX 64

enum operands_wanted {
	OPERANDS_SYSTEM, /* one: a system */
	OPERANDS_NONE,
	OPERANDS_ANY,    /* any number of VMs */
	OPERANDS_SOME,   /* one VM at least */
};

struct operands {
	const char *system; /* the first operand; NULL when there is none */
	const char *words[OPERANDS_MAX]; /* all of them */
	unsigned count;
	char **rest;        /* behind "--" */
	int rest_count;
};

struct command {
	const char *name;
	const char *usage;   /* behind the name: "[options] SYSTEM.dts" */
	const char *brief;   /* some words, for the list of commands */
	const char *summary; /* one line */
	const char *details; /* paragraphs below the options; may be "" */
	const struct option *options;
	unsigned option_count;
	enum operands_wanted wanted;
	/* Called when the options were read: the operands are as wanted. */
	enum cli_result (*run)(const struct operands *operands);
};

enum options_result { OPTIONS_OK, OPTIONS_HELP, OPTIONS_WRONG };

/*
 * Reads the arguments of a subcommand. Prints the help on stdout (OPTIONS_HELP), or what is
 * wrong on stderr (OPTIONS_WRONG). Texts point into @argv.
 */
enum options_result options_parse(const struct command *command, int argc, char **argv,
				  struct operands *operands);
void options_help(const struct command *command);

/* Reads a decimal number in @min..@max given to --@name; says what is wrong and returns false. */
bool options_number(const char *command, const char *name, const char *text, u32 min, u32 max,
		    u32 *number);
/* The same for a size such as "1G". */
bool options_size(const char *command, const char *name, const char *text, u64 *bytes);

#endif
