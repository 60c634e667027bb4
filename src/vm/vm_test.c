/* The life of VMs, with scripted guests on the fake host. */
#include "vm/vm.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/script/script_vm.h"
#include "host/fake/fake.h"
#include "lib/log.h"
#include "riscv/sbi.h"

#define RESET(type, reason) \
	{ .ask = SCRIPT_SBI(SBI_EXT_SRST, SBI_SRST_SYSTEM_RESET, type, reason), .any = true }

static const struct script_step shutdown[] = { RESET(SBI_SRST_TYPE_SHUTDOWN, 0) };
static const struct script_step reboot[] = { RESET(SBI_SRST_TYPE_COLD_REBOOT, 0) };
static const struct script_step failure[] = { RESET(SBI_SRST_TYPE_SHUTDOWN, 1) };
static const struct script_step crash[] = {
	{ .ask = { .kind = EXIT_FATAL, .why = "crash test" } },
};

/* ---- The log ---- */

static char last_line[256];
static unsigned lines;

static void remember(const char *line, size_t len)
{
	memcpy(last_line, line, len);
	last_line[len] = '\0';
	lines++;
}

/* ---- VMs: their keepers live as long as the program ---- */

static struct vm *vm;
static u64 allocated, ram_free;

static struct vm *create(unsigned index, enum config_restart restart)
{
	struct vm_config config = { .vcpus = 2, .memory = 4 * MIB, .restart = restart };
	struct vm *v;

	snprintf(config.name, sizeof(config.name), "vm%u", index);
	v = vm_create(&config, &script_parts, index);
	assert_non_null(v);
	fake_run();
	return v;
}

static int setup(void **state unused)
{
	script_clear();
	fake_ram_set(GIB, 0);
	fake_alloc_limit(~0u);
	for (unsigned v = 0; v < SCRIPT_VMS; v++)
		for (u32 i = 0; i < 2; i++)
			script_guest(v, i, NULL, 0);
	log_set_sink(remember);
	vm = create(0, RESTART_NEVER);
	allocated = fake_allocated();
	ram_free = host_ram_free_bytes();
	return 0;
}

static void assert_all_returned(void)
{
	assert_int_equal(fake_allocated(), allocated);
	assert_int_equal(host_ram_free_bytes(), ram_free);
	assert_int_equal(vm->account.used, 0);
}

static int teardown(void **state unused)
{
	vm_request(vm, VM_REQ_STOP);
	fake_run();
	assert_all_returned();
	assert_string_equal(script_failure(), "");
	return 0;
}

static void ask(enum vm_request request)
{
	vm_request(vm, request);
	fake_run();
}

/* ---- Tests ---- */

static void a_vm_is_off_until_it_is_started(void **state unused)
{
	assert_int_equal(vm->state, VM_OFF);
	assert_int_equal(vm->starts, 0);
	ask(VM_REQ_START);
	assert_int_equal(vm->state, VM_RUNNING);
	assert_int_equal(vm->starts, 1);
	assert_int_equal(host_ram_free_bytes(), ram_free - 4 * MIB);
}

static void shutting_down_returns_everything(void **state unused)
{
	SCRIPT_GUEST(0, 0, shutdown);
	ask(VM_REQ_START);
	assert_int_equal(vm->state, VM_OFF);
	assert_int_equal(vm->end, VM_END_POWEROFF);
	assert_int_equal(vm->crashes, 0);
	assert_null(vm->space);
	assert_all_returned();
}

static unsigned starts_until(enum config_restart restart, const struct script_step *first)
{
	vm->config.restart = restart;
	vm->starts = 0;
	vm->dead = NULL;
	script_guest(0, 0, first, 1);
	vm_request(vm, VM_REQ_START);
	/* The second run computes for ever; it may come later, after a crash. */
	while (!vm->dead)
		host_yield();
	script_guest(0, 0, NULL, 0);
	host_sleep(host_time() + 10 * host_timebase());
	ask(VM_REQ_STOP);
	assert_int_equal(vm->state, VM_OFF);
	return vm->starts;
}

static void the_restart_policy_is_kept(void **state unused)
{
	assert_int_equal(starts_until(RESTART_NEVER, shutdown), 1);
	assert_int_equal(starts_until(RESTART_NEVER, failure), 1);
	assert_int_equal(starts_until(RESTART_NEVER, crash), 1);
	assert_int_equal(starts_until(RESTART_NEVER, reboot), 2);
	assert_int_equal(starts_until(RESTART_ON_FAILURE, shutdown), 1);
	assert_int_equal(starts_until(RESTART_ON_FAILURE, failure), 2);
	assert_int_equal(starts_until(RESTART_ON_FAILURE, crash), 2);
	assert_int_equal(starts_until(RESTART_ON_FAILURE, reboot), 2);
	assert_int_equal(starts_until(RESTART_ALWAYS, shutdown), 2);
	assert_int_equal(starts_until(RESTART_ALWAYS, crash), 2);
	assert_int_equal(starts_until(RESTART_ALWAYS, reboot), 2);
}

static void a_crash_says_why(void **state unused)
{
	SCRIPT_GUEST(0, 0, crash);
	ask(VM_REQ_START);
	assert_int_equal(vm->state, VM_OFF);
	assert_int_equal(vm->end, VM_END_CRASH);
	assert_int_equal(vm->crashes, 1);
	assert_string_equal(vm->failure, "crash test");
	assert_string_equal(last_line, "[vm0] crashed: crash test");
}

static void the_first_reason_to_end_counts(void **state unused)
{
	ask(VM_REQ_START);
	vm_end(vm, VM_END_POWEROFF, "first");
	vm_kill(vm, "second");
	assert_int_equal(vm->end, VM_END_POWEROFF);
	assert_string_equal(vm->dead, "first");
	fake_run();
	assert_int_equal(vm->state, VM_OFF);
}

static void the_operator_stops_a_vm(void **state unused)
{
	static const struct script_step wait[] = { { .ask = SCRIPT_WFI } };

	vm->config.restart = RESTART_ALWAYS;
	SCRIPT_GUEST(0, 0, wait);
	ask(VM_REQ_START);
	ask(VM_REQ_STOP);
	assert_int_equal(vm->state, VM_OFF);
	assert_int_equal(vm->end, VM_END_OPERATOR);
}

static void the_operator_restarts_a_vm(void **state unused)
{
	ask(VM_REQ_START);
	ask(VM_REQ_RESTART);
	assert_int_equal(vm->state, VM_RUNNING);
	assert_int_equal(vm->starts, 2);
	ask(VM_REQ_STOP);
	ask(VM_REQ_RESTART);
	assert_int_equal(vm->state, VM_RUNNING);
}

static void a_running_vm_cannot_be_started(void **state unused)
{
	ask(VM_REQ_START);
	ask(VM_REQ_START);
	assert_int_equal(vm->starts, 1);
	ask(VM_REQ_STOP);
	assert_int_equal(vm->state, VM_OFF);
	assert_int_equal(vm->starts, 1);
}

static void requests_to_a_vm_that_is_off_are_forgotten(void **state unused)
{
	ask(VM_REQ_STOP);
	ask(VM_REQ_PAUSE);
	ask(VM_REQ_START);
	assert_int_equal(vm->state, VM_RUNNING);
}

static void a_vm_pauses_and_resumes(void **state unused)
{
	ask(VM_REQ_RESUME);
	ask(VM_REQ_START);
	ask(VM_REQ_PAUSE);
	assert_int_equal(vm->state, VM_PAUSED);
	ask(VM_REQ_PAUSE);
	assert_int_equal(vm->state, VM_PAUSED);
	ask(VM_REQ_RESUME);
	assert_int_equal(vm->state, VM_RUNNING);
}

static void a_paused_vm_stops(void **state unused)
{
	ask(VM_REQ_START);
	ask(VM_REQ_PAUSE);
	ask(VM_REQ_STOP);
	assert_int_equal(vm->state, VM_OFF);
}

static void a_paused_vm_restarts_running(void **state unused)
{
	ask(VM_REQ_START);
	ask(VM_REQ_PAUSE);
	ask(VM_REQ_RESTART);
	assert_int_equal(vm->state, VM_RUNNING);
	assert_int_equal(vm->starts, 2);
}

/* ---- Failing to start ---- */

static void too_little_ram_is_a_reason(void **state unused)
{
	fake_ram_set(MIB, 0);
	ram_free = MIB;
	ask(VM_REQ_START);
	assert_int_equal(vm->state, VM_FAILED);
	assert_string_equal(vm->failure, "not enough memory (error 12)");
	assert_all_returned();
	fake_ram_set(GIB, 0);
	ram_free = GIB;
	ask(VM_REQ_START);
	assert_int_equal(vm->state, VM_RUNNING);
	assert_string_equal(vm->failure, "");
}

/* Each allocation of a start fails once. */
static void a_start_fails_without_a_trace(void **state unused)
{
	unsigned n = 0;

	for (; n < 100; n++) {
		fake_alloc_limit(n);
		ask(VM_REQ_START);
		if (vm->state == VM_RUNNING)
			break;
		assert_int_equal(vm->state, VM_FAILED);
		assert_true(strlen(vm->failure) > 0);
		assert_all_returned();
	}
	assert_int_equal(vm->state, VM_RUNNING);
	assert_true(n >= 8);
}

static void a_start_fails_within_the_vms_budget(void **state unused)
{
	u64 limit = vm->account.limit;

	for (u64 l = 4096; l < 4 * MIB; l *= 4) {
		vm->account.limit = l;
		ask(VM_REQ_START);
		assert_int_equal(vm->state, VM_FAILED);
		assert_all_returned();
	}
	vm->account.limit = limit;
	ask(VM_REQ_START);
	assert_int_equal(vm->state, VM_RUNNING);
}

/* ---- Often, and beside others ---- */

static void a_thousand_reboots_leave_no_trace(void **state unused)
{
	vm->config.restart = RESTART_NEVER;
	SCRIPT_GUEST(0, 0, reboot);
	vm_request(vm, VM_REQ_START);
	/* 50 a second, and not more. */
	while (vm->starts < 1000)
		host_sleep(host_time() + host_timebase());
	assert_true(host_time() >= 19 * host_timebase());
	script_guest(0, 0, NULL, 0);
	fake_run();
	ask(VM_REQ_STOP);
	assert_int_equal(vm->state, VM_OFF);
	assert_all_returned();
}

static void a_crash_loop_slows_down(void **state unused)
{
	vm->config.restart = RESTART_ON_FAILURE;
	SCRIPT_GUEST(0, 0, crash);
	vm_request(vm, VM_REQ_START);
	host_sleep(host_time() + 60 * host_timebase());
	assert_true(vm->starts > 5 && vm->starts < 20);
	assert_int_equal(vm->crashes, vm->starts);
	ask(VM_REQ_STOP);
	assert_int_equal(vm->state, VM_OFF);
}

static void a_neighbour_goes_on(void **state unused)
{
	struct vm *other = create(1, RESTART_NEVER);
	u64 before;

	vm_request(other, VM_REQ_START);
	fake_run();
	before = fake_allocated();
	SCRIPT_GUEST(0, 0, crash);
	ask(VM_REQ_START);
	assert_int_equal(vm->state, VM_OFF);
	assert_int_equal(other->state, VM_RUNNING);
	assert_int_equal(fake_allocated(), before);
	vm_request(other, VM_REQ_STOP);
	fake_run();
	assert_int_equal(other->state, VM_OFF);
	allocated = fake_allocated();
}

static void a_vcpu_may_be_woken_while_others_leave(void **state unused)
{
	static const struct script_step first[] = {
		{ .ask = SCRIPT_SBI(SBI_EXT_HSM, SBI_HSM_HART_START, 1, SCRIPT_RAM) },
		{ .ask = { .kind = EXIT_INTERRUPT } },
		RESET(SBI_SRST_TYPE_SHUTDOWN, 0),
	};
	static const struct script_step second[] = {
		{ .ask = { .kind = EXIT_INTERRUPT } },
		{ .ask = { .kind = EXIT_INTERRUPT } },
		{ .ask = SCRIPT_SBI(SBI_EXT_IPI, SBI_IPI_SEND, 1), .any = true },
		{ .ask = SCRIPT_SBI(SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, 1), .any = true },
	};

	SCRIPT_GUEST(0, 0, first);
	SCRIPT_GUEST(0, 1, second);
	ask(VM_REQ_START);
	assert_int_equal(vm->state, VM_OFF);
}

/* ---- The rest ---- */

static int call_reads(struct vm *v, void *arg)
{
	assert_ptr_equal(host_space_current(), v->space);
	return guest_read(&v->mem, SCRIPT_RAM, arg, 1) ? 7 : -EFAULT;
}

static void vm_call_runs_in_the_space(void **state unused)
{
	u8 byte;

	assert_int_equal(vm_call(vm, call_reads, &byte), -ENODEV);
	ask(VM_REQ_START);
	assert_int_equal(vm_call(vm, call_reads, &byte), 7);
	assert_null(host_space_current());
	ask(VM_REQ_PAUSE);
	assert_int_equal(vm_call(vm, call_reads, &byte), 7);
	ask(VM_REQ_STOP);
	assert_int_equal(vm_call(vm, call_reads, &byte), -ENODEV);
}

static void a_guests_log_is_bounded(void **state unused)
{
	fake_time_advance(2 * host_timebase());
	lines = 0;
	for (unsigned i = 0; i < 100; i++)
		vm_log(vm, "line %u", i);
	assert_int_equal(lines, 10);
	assert_string_equal(last_line, "[vm0] line 9");
	fake_time_advance(host_timebase());
	vm_log(vm, "later");
	assert_int_equal(lines, 12);
	assert_string_equal(last_line, "[vm0] later");
}

static void guest_time_starts_at_0(void **state unused)
{
	fake_time_advance(12345);
	ask(VM_REQ_START);
	assert_int_equal(vm_time(vm), 0);
	fake_time_advance(10);
	assert_int_equal(vm_time(vm), 10);
	ask(VM_REQ_RESTART);
	assert_int_equal(vm_time(vm), 0);
}

static void vms_are_found_by_name(void **state unused)
{
	vm_table[0] = vm;
	vm_count = 1;
	assert_ptr_equal(vm_find("vm0"), vm);
	assert_null(vm_find("vm"));
	assert_null(vm_find(""));
	assert_string_equal(vm_state_name(vm), "off");
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_vm_is_off_until_it_is_started),
		test(shutting_down_returns_everything),
		test(the_restart_policy_is_kept),
		test(a_crash_says_why),
		test(the_first_reason_to_end_counts),
		test(the_operator_stops_a_vm),
		test(the_operator_restarts_a_vm),
		test(a_running_vm_cannot_be_started),
		test(requests_to_a_vm_that_is_off_are_forgotten),
		test(a_vm_pauses_and_resumes),
		test(a_paused_vm_stops),
		test(a_paused_vm_restarts_running),
		test(too_little_ram_is_a_reason),
		test(a_start_fails_without_a_trace),
		test(a_start_fails_within_the_vms_budget),
		test(a_thousand_reboots_leave_no_trace),
		test(a_crash_loop_slows_down),
		test(a_neighbour_goes_on),
		test(a_vcpu_may_be_woken_while_others_leave),
		test(vm_call_runs_in_the_space),
		test(a_guests_log_is_bounded),
		test(guest_time_starts_at_0),
		test(vms_are_found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
