#include "main/cli/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool batch;
static const char *output, *cpu;
static struct option_list disks;

static const struct option options[] = {
	{ .name = "batch", .flag = &batch, .help = "b" },
	{ .name = "output", .letter = 'o', .value = "FILE", .text = &output, .help = "o" },
	{ .name = "cpu", .value = "MODEL", .text = &cpu, .help = "c" },
	{ .name = "disk", .value = "FILE", .list = &disks, .help = "d" },
};
static const struct command command = {
	.name = "try",
	.usage = "",
	.summary = "",
	.details = "",
	.options = options,
	.option_count = ARRAY_SIZE(options),
};

static struct operands operands;

/* Parses words that are separated by single blanks. */
static enum options_result parse(const char *line)
{
	static char text[256];
	static char *argv[40]; /* operands point into it */
	char *save = NULL;
	int argc = 0;

	batch = false;
	output = cpu = NULL;
	disks.count = 0;
	assert_true(strlen(line) < sizeof(text));
	strcpy(text, line);
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	argv[argc] = NULL;
	return options_parse(&command, argc, argv, &operands);
}

static void reads_options_anywhere(void **state unused)
{
	assert_int_equal(parse("--batch a.dts -o x --cpu=max,v=true"), OPTIONS_OK);
	assert_true(batch);
	assert_string_equal(operands.system, "a.dts");
	assert_string_equal(output, "x");
	assert_string_equal(cpu, "max,v=true");
	assert_int_equal(parse("-ox --cpu rv64 -"), OPTIONS_OK);
	assert_false(batch);
	assert_string_equal(output, "x");
	assert_string_equal(cpu, "rv64");
	assert_string_equal(operands.system, "-");
	assert_int_equal(operands.rest_count, 0);
}

static void reads_lists(void **state unused)
{
	assert_int_equal(parse("--disk a a.dts --disk=b,c"), OPTIONS_OK);
	assert_int_equal(disks.count, 2);
	assert_string_equal(disks.texts[0], "a");
	assert_string_equal(disks.texts[1], "b,c");
	assert_int_equal(parse("a.dts --disk"), OPTIONS_WRONG);
	assert_int_equal(parse("a.dts --disk=1 --disk=2 --disk=3 --disk=4 --disk=5 --disk=6 --disk=7 "
			       "--disk=8 --disk=9 --disk=10 --disk=11 --disk=12 --disk=13 --disk=14 "
			       "--disk=15 --disk=16"), OPTIONS_OK);
	assert_int_equal(parse("a.dts --disk=1 --disk=2 --disk=3 --disk=4 --disk=5 --disk=6 --disk=7 "
			       "--disk=8 --disk=9 --disk=10 --disk=11 --disk=12 --disk=13 --disk=14 "
			       "--disk=15 --disk=16 --disk=17"), OPTIONS_WRONG);
}

static void leaves_the_rest(void **state unused)
{
	assert_int_equal(parse("a.dts -- --batch -icount x"), OPTIONS_OK);
	assert_false(batch);
	assert_int_equal(operands.rest_count, 3);
	assert_string_equal(operands.rest[0], "--batch");
	assert_int_equal(parse("-- a.dts"), OPTIONS_WRONG);
}

static enum options_result parse_words(enum operands_wanted wanted, int argc, const char *word)
{
	static const struct option none[1];
	struct command vms = { .name = "try", .usage = "", .summary = "", .details = "",
			       .options = none, .wanted = wanted };
	char *argv[OPERANDS_MAX + 1];

	for (int i = 0; i < argc; i++)
		argv[i] = (char *)(uintptr_t)word;
	return options_parse(&vms, argc, argv, &operands);
}

static void counts_operands(void **state unused)
{
	assert_int_equal(parse_words(OPERANDS_NONE, 0, NULL), OPTIONS_OK);
	assert_int_equal(parse_words(OPERANDS_NONE, 1, "a"), OPTIONS_WRONG);
	assert_int_equal(parse_words(OPERANDS_ANY, 0, NULL), OPTIONS_OK);
	assert_null(operands.system);
	assert_int_equal(parse_words(OPERANDS_ANY, OPERANDS_MAX, "a"), OPTIONS_OK);
	assert_int_equal(operands.count, OPERANDS_MAX);
	assert_string_equal(operands.words[OPERANDS_MAX - 1], "a");
	assert_int_equal(parse_words(OPERANDS_SOME, OPERANDS_MAX + 1, "a"), OPTIONS_WRONG);
	assert_int_equal(parse_words(OPERANDS_SOME, 0, NULL), OPTIONS_WRONG);
	assert_int_equal(parse_words(OPERANDS_SOME, 2, "--"), OPTIONS_WRONG);
	assert_int_equal(parse_words(OPERANDS_SYSTEM, 1, ""), OPTIONS_OK);
	assert_string_equal(operands.system, "");
}

static void refuses_wrong_usage(void **state unused)
{
	static const char *const lines[] = {
		"", "a.dts b.dts", "--bach a.dts", "--batch=1 a.dts", "a.dts -o", "a.dts --cpu",
		"-x a.dts", "--=x a.dts", "-bo a.dts", "a.dts --outpu x",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++)
		assert_int_equal(parse(lines[i]), OPTIONS_WRONG);
}

static void helps(void **state unused)
{
	assert_int_equal(parse("a.dts --help --bach"), OPTIONS_HELP);
	assert_int_equal(parse("-h"), OPTIONS_HELP);
}

static void reads_numbers(void **state unused)
{
	static const char *const bad[] = { "", "0", "513", "-1", "1x", " 1", "99999999999999999999" };
	u32 number = 0;

	assert_true(options_number("try", "n", "512", 1, 512, &number));
	assert_int_equal(number, 512);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(options_number("try", "n", bad[i], 1, 512, &number));
	assert_true(options_number("try", "n", "4294967295", 0, UINT32_MAX, &number));
	assert_true(number == UINT32_MAX);
	assert_false(options_number("try", "n", "4294967296", 0, UINT32_MAX, &number));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_options_anywhere),
		cmocka_unit_test(reads_lists),
		cmocka_unit_test(leaves_the_rest),
		cmocka_unit_test(counts_operands),
		cmocka_unit_test(refuses_wrong_usage),
		cmocka_unit_test(helps),
		cmocka_unit_test(reads_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
