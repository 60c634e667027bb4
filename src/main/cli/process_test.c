#include "main/cli/process.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char lines[16 * 1024];
static unsigned parts;

static void take(void *arg unused, const char *line, bool whole)
{
	size_t used = strlen(lines);

	parts += !whole;
	snprintf(lines + used, sizeof(lines) - used, "%s|", line);
}

static int supervise(const char *script, struct process_run *run)
{
	char *argv[] = { "sh", "-c", (char *)script, NULL };

	lines[0] = '\0';
	parts = 0;
	run->line = take;
	return process_supervise(argv, run);
}

static void captures_both_outputs(void **state unused)
{
	char *argv[] = { "sh", "-c", "echo out; echo err >&2; cat; exit 3", NULL };
	struct buffer out, err;

	assert_int_equal(process_capture(argv, &out, &err), 3);
	assert_string_equal(out.data, "out\n");
	assert_int_equal(out.size, 4);
	assert_string_equal(err.data, "err\n");
	free(out.data);
	free(err.data);
}

static void tells_what_cannot_be_started(void **state unused)
{
	char *argv[] = { "no-such-program-anywhere", NULL };
	struct process_run run = { .line = take };
	struct buffer out, err;

	assert_int_equal(process_capture(argv, &out, &err), -1);
	assert_int_equal(errno, ENOENT);
	free(out.data);
	free(err.data);
	assert_int_equal(process_supervise(argv, &run), -1);
	assert_int_equal(errno, ENOENT);
}

static void passes_lines(void **state unused)
{
	struct process_run run = { 0 };

	assert_int_equal(supervise("printf 'a\\r\\n\\nb\\0c\\nlast'", &run), 0);
	assert_string_equal(lines, "a||b?c|last|");
	assert_int_equal(parts, 0);
	assert_false(run.timed_out || run.interrupted);
}

static void passes_long_lines_in_parts(void **state unused)
{
	struct process_run run = { 0 };

	assert_int_equal(supervise("printf '%05000d\\nend\\n' 7", &run), 0);
	assert_int_equal(parts, 2);
	assert_string_equal(lines + strlen(lines) - 6, "7|end|");
	assert_int_equal(supervise("printf '%04095d\\nend\\n' 7", &run), 0);
	assert_int_equal(parts, 0);
}

static void tells_exit_codes(void **state unused)
{
	struct process_run run = { 0 };

	assert_int_equal(supervise("exit 7", &run), 7);
	assert_int_equal(supervise("kill -KILL $$", &run), 128 + 9);
}

static void ends_in_time(void **state unused)
{
	struct process_run run = { .timeout = 1 };

	assert_int_equal(supervise("echo on; exec sleep 60", &run), 128 + 15);
	assert_true(run.timed_out);
	assert_false(run.interrupted);
	assert_string_equal(lines, "on|");
}

static void ends_when_it_is_told_to(void **state unused)
{
	struct process_run run = { 0 };

	/* The shell stands for the user: its parent is this program. */
	assert_int_equal(supervise("kill -INT $PPID; exec sleep 20", &run), 128 + 15);
	assert_true(run.interrupted);
	assert_false(run.timed_out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(captures_both_outputs),
		cmocka_unit_test(tells_what_cannot_be_started),
		cmocka_unit_test(passes_lines),
		cmocka_unit_test(passes_long_lines_in_parts),
		cmocka_unit_test(tells_exit_codes),
		cmocka_unit_test(ends_in_time),
		cmocka_unit_test(ends_when_it_is_told_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
