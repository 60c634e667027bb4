#include "manage/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "host/fake/fake.h"
#include "manage/fake_vms.h"

static char text[CONTROL_ANSWER_SIZE];
static struct answer answer = { .text = text, .size = sizeof(text) };
static struct history history;
static u8 history_data[1024];
static const struct control control = { .system = "demo", .process = 42, .log = &history };

static int set_up(void **state unused)
{
	fake_reset();
	fake_vms_set_up();
	history_init(&history, history_data, sizeof(history_data));
	answer.size = sizeof(text);
	return 0;
}

static bool ask(const char *request)
{
	return control_answer(&control, request, strlen(request), &answer);
}

static void fails(const char *request, const char *why)
{
	assert_false(ask(request));
	assert_string_equal(text, why);
}

static void names(void **state unused)
{
	fake_vms[2].restarting = true;
	assert_true(ask("names"));
	assert_string_equal(text, "running 1 linux1\npaused 1 linux2\nwaiting 1 rt\noff 1 spare\n");
}

static void lists(void **state unused)
{
	assert_true(ask("list"));
	assert_non_null(strstr(text, "\n 1  linux1          running       2    256 MiB  any   "));
	assert_null(strchr(text, '\r'));
	vm_count = 1;
	assert_true(ask("json list"));
	assert_string_equal(text, "{\"system\":\"demo\",\"pid\":42,\"vms\":[{\"name\":\"linux1\",\"number\":1,"
			    "\"state\":\"running\",\"vcpus\":2,\"memory\":268435456,\"harts\":\"any\","
			    "\"dedicated\":false,\"restarts\":0,\"crashes\":0,\"last_end\":\"-\"}]}\n");
	vm_count = 0;
	assert_true(ask("json list"));
	assert_string_equal(text, "{\"system\":\"demo\",\"pid\":42,\"vms\":[]}\n");
}

static void informs(void **state unused)
{
	assert_true(ask("info linux2"));
	assert_non_null(strstr(text, "\nstate     paused; last end: -\n"));
	assert_non_null(strstr(text, "\nmemory    256 MiB for the guest; 257 MiB in use of 258 MiB\n"));
	assert_true(ask("json info linux2"));
	assert_non_null(strstr(text, ",\"engine\":\"fake\",\"kernel\":\"Image\",\"initrd\":\"\","));
	assert_non_null(strstr(text, ",{\"id\":1,\"state\":\"started\",\"exits\":{\"interrupt\":0,"
				     "\"mmio\":0,\"sbi\":11,\"wfi\":0,\"fatal\":0}}]}\n"));
	assert_true(ask("json info rt"));
	assert_non_null(strstr(text, "\"vcpu\":[]}\n"));
	assert_non_null(strstr(text, "\"last_end\":\"crash: double fault\""));
}

static void asks_for_life(void **state unused)
{
	assert_true(ask("stop linux1"));
	assert_string_equal(text, "linux1: stopping\n");
	assert_int_equal(fake_vms[0].requests, VM_REQ_STOP);
	assert_true(ask("json resume linux2"));
	assert_string_equal(text, "{\"system\":\"demo\",\"pid\":42,\"name\":\"linux2\","
			    "\"doing\":\"resuming\"}\n");
	assert_int_equal(fake_vms[1].requests, VM_REQ_RESUME);
	assert_true(ask("kill linux2"));
	assert_true(ask("restart linux1"));
	assert_true(ask("pause linux1"));
	assert_true(ask("start spare"));
	fails("restart rt", "rt is off; 'start' starts it.\n");
	fails("json resume linux1", "linux1 is running.\n");
	fake_vms[2].restarting = true;
	assert_true(ask("kill rt"));
}

static void shows_the_log(void **state unused)
{
	static const char lines[] = "    0.001 hello\n    0.002 [rt] \"a\\b\"\n   12.003 [rt2] no\n";
	static const struct control without = { .system = "demo" };

	history_append(&history, lines, sizeof(lines) - 1);
	assert_true(ask("log"));
	assert_string_equal(text, lines);
	assert_true(ask("log rt"));
	assert_string_equal(text, "    0.002 [rt] \"a\\b\"\n");
	assert_true(ask("json log rt"));
	assert_string_equal(text, "{\"system\":\"demo\",\"pid\":42,\"name\":\"rt\",\"lines\":["
			    "\"    0.002 [rt] \\\"a\\\\b\\\"\"]}\n");
	assert_true(control_answer(&without, "json log", 8, &answer));
	assert_string_equal(text, "{\"system\":\"demo\",\"pid\":0,\"lines\":[]}\n");
}

static void refuses_nonsense(void **state unused)
{
	char line[CONTROL_REQUEST_MAX + 2];

	fails("", "There is no such request.\n");
	fails("json", "There is no such request.\n");
	fails("json json list", "There is no such request.\n");
	fails(" list", "There is no such request.\n");
	fails("format c:", "There is no such request.\n");
	fails("info", "This request needs a VM.\n");
	fails("list linux1", "This request takes no VM.\n");
	fails("stop nobody", "There is no such VM.\n");
	fails("stop linux1 linux2", "There is no such VM.\n");
	fails("stop 1", "There is no such VM.\n");
	assert_false(control_answer(&control, "li\0st", 5, &answer));
	memset(line, 'x', sizeof(line));
	assert_false(control_answer(&control, line, CONTROL_REQUEST_MAX, &answer));
	assert_string_equal(text, "There is no such request.\n");
	assert_false(control_answer(&control, line, CONTROL_REQUEST_MAX + 1, &answer));
	assert_string_equal(text, "The request is too long, or no text.\n");
	assert_int_equal(fake_vms[0].requests, 0);
}

/* What is in a VM's texts cannot end a string. */
static void json_is_clean(void **state unused)
{
	snprintf(fake_vms[3].failure, sizeof(fake_vms[3].failure), "\x1b[31m\"\xff\xc3\xa4\t\\");
	assert_true(ask("json info spare"));
	assert_non_null(strstr(text, "\"last_end\":\"did not start: \\\"?\xc3\xa4\\t\\\\\""));
}

/* As many VMs as there may be, with names and reasons as long as they may be, fit. */
static void the_most_fits(void **state unused)
{
	struct vm *vm = &fake_vms[3];

	memset(vm->config.name, 'n', CONFIG_NAME_MAX);
	memset(vm->config.kernel, '"', CONFIG_PATH_MAX);
	memset(vm->config.initrd, '"', CONFIG_PATH_MAX);
	memset(vm->failure, '"', sizeof(vm->failure) - 1);
	vm->config.harts = 0x5555555555555555;
	vm->config.memory = ~0ul;
	for (unsigned i = 0; i < CONFIG_VMS_MAX; i++)
		vm_table[i] = vm;
	vm_count = CONFIG_VMS_MAX;
	assert_true(ask("json list"));
	assert_true(ask("list"));
	answer.size = 2000;
	fails("json list", "The answer is too long.\n");
	assert_true(ask("json info nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(names, set_up),
		cmocka_unit_test_setup(lists, set_up),
		cmocka_unit_test_setup(informs, set_up),
		cmocka_unit_test_setup(asks_for_life, set_up),
		cmocka_unit_test_setup(shows_the_log, set_up),
		cmocka_unit_test_setup(refuses_nonsense, set_up),
		cmocka_unit_test_setup(json_is_clean, set_up),
		cmocka_unit_test_setup(the_most_fits, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
