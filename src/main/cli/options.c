#include "main/cli/options.h"

#include <stdio.h>
#include <string.h>

#include "main/cli/report.h"
#include "vm/config_text.h"

enum { OPTIONS_MAX = 24, HELP_COLUMN = 24 };

/* --help is understood everywhere and stands in no table. */
static const char help_name[] = "help";

static void option_print(const struct option *option)
{
	const char *line = option->help;
	int width = option->letter ? printf("  -%c, --%s", option->letter, option->name) :
				     printf("      --%s", option->name);

	if (option->value)
		width += printf(" %s", option->value);
	for (;;) {
		const char *end = strchr(line, '\n');
		int length = end ? (int)(end - line) : (int)strlen(line);

		if (width > HELP_COLUMN - 2)
			width = printf("\n") - 1;
		printf("%*s%.*s\n", HELP_COLUMN - width, "", length, line);
		if (!end)
			return;
		width = 0;
		line = end + 1;
	}
}

void options_help(const struct command *command)
{
	const struct option help = { .name = help_name, .letter = 'h', .help = "print this help" };

	printf("usage: bulkhead %s %s\n\n%s\n\noptions:\n", command->name, command->usage,
	       command->summary);
	for (unsigned i = 0; i < command->option_count; i++)
		option_print(&command->options[i]);
	option_print(&help);
	if (*command->details)
		printf("\n%s\n", command->details);
}

static enum options_result wrong(const struct command *command)
{
	report_progress("Try 'bulkhead %s --help'.", command->name);
	return OPTIONS_WRONG;
}

/* Finds by the @length first bytes of @name, or by its letter when @length is 0. */
static const struct option *option_find(const struct command *command, const char *name,
					size_t length)
{
	for (unsigned i = 0; i < command->option_count; i++) {
		const struct option *option = &command->options[i];

		if (!length ? option->letter == *name :
		    strlen(option->name) == length && !memcmp(option->name, name, length))
			return option;
	}
	return NULL;
}

static enum options_result unknown(const struct command *command, const char *arg)
{
	const char *known[OPTIONS_MAX] = { help_name }, *near = NULL;
	char word[40];
	unsigned count = 1;

	while (count < OPTIONS_MAX && count <= command->option_count) {
		known[count] = command->options[count - 1].name;
		count++;
	}
	if (arg[1] == '-') {
		snprintf(word, sizeof(word), "%.*s", (int)strcspn(arg + 2, "="), arg + 2);
		near = config_nearest(word, known, count);
	}
	if (near)
		report_error("%s: unknown option '%s': did you mean '--%s'?", command->name, arg,
			     near);
	else
		report_error("%s: unknown option '%s'", command->name, arg);
	return wrong(command);
}

static enum options_result value_store(const struct command *command, const struct option *option,
				       const char *value)
{
	if (!option->list) {
		*option->text = value;
		return OPTIONS_OK;
	}
	if (option->list->count == OPTION_LIST_MAX) {
		report_error("%s: there are more than %d times --%s", command->name, OPTION_LIST_MAX,
			     option->name);
		return wrong(command);
	}
	option->list->texts[option->list->count++] = value;
	return OPTIONS_OK;
}

/* One option at argv[*at], with its value there ("--name=value", "-ovalue") or behind. */
static enum options_result option_read(const struct command *command, int argc, char **argv,
				       int *at)
{
	const char *arg = argv[*at], *value = NULL;
	size_t length = arg[1] == '-' ? strcspn(arg + 2, "=") : 0;
	const struct option *option;

	if (!strcmp(arg, "--help") || !strcmp(arg, "-h")) {
		options_help(command);
		return OPTIONS_HELP;
	}
	option = option_find(command, arg + (length ? 2 : 1), length);
	if (!option || (!length && !option->value && arg[2]))
		return unknown(command, arg);
	if (length && arg[2 + length])
		value = arg + 2 + length + 1;
	else if (!length && arg[2])
		value = arg + 2;
	if (option->flag && value) {
		report_error("%s: --%s takes no value", command->name, option->name);
		return wrong(command);
	}
	if (option->flag) {
		*option->flag = true;
		return OPTIONS_OK;
	}
	if (!value && *at + 1 < argc)
		value = argv[++*at];
	if (!value) {
		report_error("%s: %s needs a value: %s", command->name, arg, option->value);
		return wrong(command);
	}
	return value_store(command, option, value);
}

static enum options_result operand_read(const struct command *command, struct operands *operands,
					const char *word)
{
	if (command->wanted == OPERANDS_SYSTEM && operands->system) {
		report_error("%s: one system at a time, but there are '%s' and '%s'", command->name,
			     operands->system, word);
		return wrong(command);
	}
	if (command->wanted == OPERANDS_NONE) {
		report_error("%s: takes no '%s'", command->name, word);
		return wrong(command);
	}
	if (operands->count == OPERANDS_MAX) {
		report_error("%s: at most %d VMs at once", command->name, OPERANDS_MAX);
		return wrong(command);
	}
	if (!operands->count)
		operands->system = word;
	operands->words[operands->count++] = word;
	return OPTIONS_OK;
}

static enum options_result operands_check(const struct command *command,
					  const struct operands *operands)
{
	if (operands->count || command->wanted == OPERANDS_NONE || command->wanted == OPERANDS_ANY)
		return OPTIONS_OK;
	report_error(command->wanted == OPERANDS_SYSTEM ?
		     "%s: which system? Name its .dts file" :
		     "%s: which VM? 'bulkhead list' shows them all", command->name);
	return wrong(command);
}

enum options_result options_parse(const struct command *command, int argc, char **argv,
				  struct operands *operands)
{
	enum options_result result = OPTIONS_OK;

	memset(operands, 0, sizeof(*operands));
	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--")) {
			operands->rest = argv + i + 1;
			operands->rest_count = argc - i - 1;
			break;
		}
		if (argv[i][0] == '-' && argv[i][1])
			result = option_read(command, argc, argv, &i);
		else
			result = operand_read(command, operands, argv[i]);
		if (result != OPTIONS_OK)
			return result;
	}
	return operands_check(command, operands);
}

bool options_number(const char *command, const char *name, const char *text, u32 min, u32 max,
		    u32 *number)
{
	size_t digits = strspn(text, "0123456789");
	u64 value = 0;

	for (size_t i = 0; i < digits && value <= max; i++)
		value = value * 10 + (u64)(text[i] - '0');
	if (!digits || text[digits] || value < min || value > max) {
		report_error("%s: %s must be a number from %u to %u, not '%s'", command, name, min,
			     max, text);
		return false;
	}
	*number = (u32)value;
	return true;
}

bool options_size(const char *command, const char *name, const char *text, u64 *bytes)
{
	if (config_size_parse(text, bytes))
		return true;
	report_error("%s: %s must be a size such as 512M or 2G, not '%s'", command, name, text);
	return false;
}
