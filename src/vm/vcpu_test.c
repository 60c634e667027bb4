/* The run loop, with scripted guests on the fake host. */
#include "vm/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "engine/script/script_vm.h"
#include "host/fake/fake.h"
#include "riscv/sbi.h"

#define PC (SCRIPT_RAM + 0x1000)
#define DEVICE 0x10000000ul
#define HOLE 0x20000000ul

#define SHUTDOWN { .ask = SCRIPT_SBI(SBI_EXT_SRST, 0, 0, 0), .any = true }
#define STATUS(hart, state) \
	{ .ask = SCRIPT_SBI(SBI_EXT_HSM, SBI_HSM_HART_GET_STATUS, hart), .value = (state) }
#define START(hart, pc, arg) { .ask = SCRIPT_SBI(SBI_EXT_HSM, SBI_HSM_HART_START, hart, pc, arg) }
#define STOP { .ask = SCRIPT_SBI(SBI_EXT_HSM, SBI_HSM_HART_STOP), .any = true }
#define IPI(mask) { .ask = SCRIPT_SBI(SBI_EXT_IPI, SBI_IPI_SEND, mask, 0) }
#define SET_TIMER(when) { .ask = SCRIPT_SBI(SBI_EXT_TIME, SBI_TIME_SET_TIMER, when) }
#define SUSPEND(type, pc, arg) \
	{ .ask = SCRIPT_SBI(SBI_EXT_HSM, SBI_HSM_HART_SUSPEND, type, pc, arg) }
/* Time for the other harts to do what they do. */
#define REST { .ask = { .kind = EXIT_INTERRUPT } }

/* ---- A device with one register that counts its reads ---- */

static struct {
	struct dev dev;
	u64 reads, written;
} device;

static u64 device_read(struct dev *d unused, u64 off, unsigned size unused)
{
	device.reads++;
	return 0x1234 + off;
}

static void device_write(struct dev *d unused, u64 off unused, unsigned size unused, u64 value)
{
	device.written = value;
}

static const struct dev_ops device_ops = {
	.name = "register",
	.sizes = DEV_SIZE_4,
	.read = device_read,
	.write = device_write,
};

static int build(struct vm *vm)
{
	int err = script_parts.build(vm);

	memset(&device, 0, sizeof(device));
	device.dev = (struct dev){ .ops = &device_ops, .base = DEVICE, .size = 0x1000 };
	return err ? err : bus_add(&vm->bus, &device.dev);
}

/* ---- A VM for each test; its keeper sleeps for ever after it ---- */

static struct vm *vm;

static int setup(void **state unused)
{
	struct vm_config config = { .name = "test", .vcpus = 2, .memory = 2 * MIB };
	struct vm_parts parts = script_parts;

	parts.build = build;
	script_clear();
	for (u32 i = 0; i < 2; i++)
		script_guest(0, i, NULL, 0);
	vm = vm_create(&config, &parts, 0);
	return vm ? 0 : -1;
}

static int teardown(void **state unused)
{
	vm_request(vm, VM_REQ_STOP);
	fake_run();
	assert_int_equal(vm->state, VM_OFF);
	assert_int_equal(vm->account.used, 0);
	assert_string_equal(script_failure(), "");
	return 0;
}

static void start(void)
{
	vm_request(vm, VM_REQ_START);
	fake_run();
}

static struct script_vcpu *hart(u32 id)
{
	return script_of(vm->vcpus[id]);
}

static u32 hsm(u32 id)
{
	return vm->vcpus[id]->hsm;
}

/* ---- Tests ---- */

static void the_boot_hart_starts(void **state unused)
{
	start();
	assert_int_equal(vm->state, VM_RUNNING);
	assert_int_equal(hart(0)->resets, 1);
	assert_int_equal(hart(0)->reset_pc, SCRIPT_RAM);
	assert_int_equal(hart(0)->reset_a0, 0);
	assert_int_equal(hart(0)->reset_a1, SCRIPT_BOOT_ARG);
	assert_int_equal(hsm(0), SBI_HSM_STARTED);
	assert_int_equal(hsm(1), SBI_HSM_STOPPED);
	assert_int_equal(hart(1)->runs, 0);
}

static u64 exits_seen[EXIT_KINDS];

static void exits_copy(struct vcpu *vcpu)
{
	memcpy(exits_seen, vcpu->priv->exits, sizeof(exits_seen));
}

static void devices_answer_loads_and_stores(void **state unused)
{
	static const struct script_step steps[] = {
		{ .ask = SCRIPT_LOAD(DEVICE + 8, 4), .value = 0x123c },
		{ .ask = SCRIPT_STORE(DEVICE, 4, 77) },
		{ .ask = SCRIPT_LOAD(HOLE, 4), .failed = true },
		{ .ask = SCRIPT_STORE(HOLE, 8, 1), .failed = true },
		{ .ask = SCRIPT_LOAD(DEVICE, 8), .failed = true },
		{ .ask = SCRIPT_LOAD(DEVICE + 2, 4), .failed = true },
		{ .ask = SCRIPT_LOAD(~0ul - 3, 8), .failed = true },
		{ .ask = SCRIPT_WFI, .act = exits_copy },
	};

	SCRIPT_GUEST(0, 0, steps);
	start();
	assert_int_equal(device.reads, 1);
	assert_int_equal(device.written, 77);
	assert_int_equal(exits_seen[EXIT_MMIO], 7);
	assert_int_equal(exits_seen[EXIT_SBI], 0);
	assert_int_equal(vm->state, VM_RUNNING);
}

static void the_sbi_answers(void **state unused)
{
	static const struct script_step steps[] = {
		{ .ask = SCRIPT_SBI(SBI_EXT_BASE, 0), .value = SBI_VERSION_3_0 },
		{ .ask = SCRIPT_SBI(SBI_EXT_PMU, 0), .error = (u64)SBI_ERR_NOT_SUPPORTED },
		STATUS(1, SBI_HSM_STOPPED),
		SHUTDOWN,
	};

	SCRIPT_GUEST(0, 0, steps);
	start();
	assert_int_equal(vm->end, VM_END_POWEROFF);
	assert_int_equal(vm->state, VM_OFF);
}

static void wfi_waits_for_the_timer(void **state unused)
{
	static const struct script_step steps[] = { SET_TIMER(1000), { .ask = SCRIPT_WFI } };

	SCRIPT_GUEST(0, 0, steps);
	start();
	fake_time_advance(999);
	fake_run();
	assert_int_equal(hart(0)->runs, 2);
	fake_time_advance(1);
	fake_run();
	assert_int_equal(hart(0)->runs, 3);
}

static void timer_masked(struct vcpu *vcpu)
{
	script_of(vcpu)->enabled = BIT(VIRQ_SOFT);
}

static void wfi_does_not_wait_for_a_masked_timer(void **state unused)
{
	static const struct script_step steps[] = {
		SET_TIMER(0),
		{ .ask = SCRIPT_WFI, .act = timer_masked },
	};

	SCRIPT_GUEST(0, 0, steps);
	start();
	fake_time_advance(100);
	fake_run();
	assert_int_equal(hart(0)->runs, 2);
	vcpu_irq(vm->vcpus[0], VIRQ_SOFT, true);
	fake_run();
	assert_int_equal(hart(0)->runs, 3);
}

static void wfi_with_something_pending_goes_on(void **state unused)
{
	static const struct script_step steps[] = {
		SET_TIMER(0),
		{ .ask = SCRIPT_WFI },
		{ .ask = SCRIPT_WFI },
		SHUTDOWN,
	};

	SCRIPT_GUEST(0, 0, steps);
	start();
	assert_int_equal(vm->end, VM_END_POWEROFF);
}

static void an_ipi_ends_wfi(void **state unused)
{
	static const struct script_step first[] = { START(1, PC, 5), REST, REST, IPI(2) };
	static const struct script_step second[] = { { .ask = SCRIPT_WFI }, SHUTDOWN };

	SCRIPT_GUEST(0, 0, first);
	SCRIPT_GUEST(0, 1, second);
	start();
	assert_int_equal(vm->end, VM_END_POWEROFF);
}

static void a_second_hart_starts(void **state unused)
{
	static const struct script_step first[] = {
		START(1, PC, 99),
		STATUS(1, SBI_HSM_START_PENDING),
		REST,
		STATUS(1, SBI_HSM_STARTED),
		{ .ask = SCRIPT_SBI(SBI_EXT_HSM, SBI_HSM_HART_START, 1, PC, 0),
		  .error = (u64)SBI_ERR_ALREADY_AVAILABLE },
	};

	SCRIPT_GUEST(0, 0, first);
	start();
	assert_int_equal(hart(1)->resets, 1);
	assert_int_equal(hart(1)->reset_pc, PC);
	assert_int_equal(hart(1)->reset_a0, 1);
	assert_int_equal(hart(1)->reset_a1, 99);
}

static void a_stopped_hart_starts_again(void **state unused)
{
	static const struct script_step first[] = {
		START(1, PC, 1), REST, REST, STATUS(1, SBI_HSM_STOPPED),
		START(1, PC + 4, 2), REST, REST, STATUS(1, SBI_HSM_STARTED),
	};
	static const struct script_step second[] = { STOP };

	SCRIPT_GUEST(0, 0, first);
	SCRIPT_GUEST(0, 1, second);
	start();
	assert_int_equal(hart(1)->resets, 2);
	assert_int_equal(hart(1)->reset_pc, PC + 4);
	assert_int_equal(hart(1)->reset_a1, 2);
}

static void a_stopped_hart_sleeps_whatever_pends(void **state unused)
{
	static const struct script_step steps[] = { SET_TIMER(10), STOP };

	SCRIPT_GUEST(0, 0, steps);
	start();
	assert_int_equal(hsm(0), SBI_HSM_STOPPED);
	vcpu_irq(vm->vcpus[0], VIRQ_EXT, true);
	fake_time_advance(100);
	fake_run();
	assert_int_equal(hsm(0), SBI_HSM_STOPPED);
	assert_int_equal(hart(0)->runs, 2);
}

static void a_retentive_suspend_returns_success(void **state unused)
{
	static const struct script_step steps[] = {
		SET_TIMER(50),
		SUSPEND(SBI_HSM_SUSPEND_RETENTIVE, 0, 0),
	};

	SCRIPT_GUEST(0, 0, steps);
	start();
	assert_int_equal(hsm(0), SBI_HSM_SUSPENDED);
	fake_time_advance(50);
	fake_run();
	assert_int_equal(hsm(0), SBI_HSM_STARTED);
	assert_int_equal(hart(0)->runs, 3);
	assert_int_equal(hart(0)->resets, 1);
}

static void a_non_retentive_suspend_resumes_elsewhere(void **state unused)
{
	static const struct script_step steps[] = {
		SUSPEND(SBI_HSM_SUSPEND_NON_RETENTIVE, PC, 42),
		{ .ask = SCRIPT_SBI(SBI_EXT_BASE, SBI_BASE_GET_SPEC_VERSION),
		  .value = SBI_VERSION_3_0 },
	};

	SCRIPT_GUEST(0, 0, steps);
	start();
	assert_int_equal(hsm(0), SBI_HSM_SUSPENDED);
	vcpu_irq(vm->vcpus[0], VIRQ_SOFT, true);
	fake_run();
	assert_int_equal(hsm(0), SBI_HSM_STARTED);
	assert_int_equal(hart(0)->resets, 2);
	assert_int_equal(hart(0)->reset_pc, PC);
	assert_int_equal(hart(0)->reset_a1, 42);
	assert_int_equal(hart(0)->runs, 3);
}

static void a_suspended_hart_cannot_be_started(void **state unused)
{
	static const struct script_step first[] = {
		START(1, PC, 0), REST, REST, STATUS(1, SBI_HSM_SUSPENDED),
		{ .ask = SCRIPT_SBI(SBI_EXT_HSM, SBI_HSM_HART_START, 1, PC, 0),
		  .error = (u64)SBI_ERR_ALREADY_AVAILABLE },
		STATUS(1, SBI_HSM_SUSPENDED), IPI(2), REST, REST, STATUS(1, SBI_HSM_STARTED),
	};
	static const struct script_step second[] = { SUSPEND(SBI_HSM_SUSPEND_RETENTIVE, 0, 0) };

	SCRIPT_GUEST(0, 0, first);
	SCRIPT_GUEST(0, 1, second);
	start();
	assert_int_equal(hart(1)->resets, 1);
	assert_int_equal(hart(0)->next, ARRAY_SIZE(first));
}

static void a_fence_makes_a_running_hart_look(void **state unused)
{
	static const struct script_step first[] = {
		START(1, PC, 0),
		REST,
		{ .ask = SCRIPT_SBI(SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, 2, 0) },
	};
	struct fence fence = { .kind = FENCE_VMA };
	unsigned runs;

	SCRIPT_GUEST(0, 0, first);
	start();
	assert_int_equal(hart(1)->fences, 1);
	runs = hart(1)->runs;
	script_engine.fence(vm->vcpus[1], &fence);
	fake_run();
	assert_int_equal(hart(1)->runs, runs + 1);
	assert_int_equal(vm->vcpus[1]->requests, 0);
}

static void the_impossible_kills_the_vm(void **state unused)
{
	static const struct script_step steps[] = {
		{ .ask = { .kind = EXIT_FATAL, .why = "fell off the edge" } },
	};

	SCRIPT_GUEST(0, 0, steps);
	start();
	assert_int_equal(vm->end, VM_END_CRASH);
	assert_string_equal(vm->failure, "fell off the edge");
}

static void exits_are_counted(void **state unused)
{
	static const struct script_step steps[] = {
		REST, SET_TIMER(0), { .ask = SCRIPT_WFI }, { .ask = { .kind = EXIT_NONE } },
		REST, { .ask = { .kind = EXIT_INTERRUPT }, .act = exits_copy },
	};

	SCRIPT_GUEST(0, 0, steps);
	start();
	assert_int_equal(exits_seen[EXIT_INTERRUPT], 2);
	assert_int_equal(exits_seen[EXIT_SBI], 1);
	assert_int_equal(exits_seen[EXIT_WFI], 1);
	assert_int_equal(exits_seen[EXIT_NONE], 1);
	for (int kind = 0; kind < EXIT_KINDS; kind++)
		assert_true(strlen(exit_name((enum exit_kind)kind)) > 0);
}

/* The operator pauses a hart in whatever state it is, and finds it so again. */
static void pause_and_resume(void)
{
	unsigned runs = hart(0)->runs;
	u32 before = hsm(0);

	vm_request(vm, VM_REQ_PAUSE);
	fake_run();
	assert_int_equal(vm->state, VM_PAUSED);
	assert_true(vm->vcpus[0]->parked && vm->vcpus[1]->parked);
	runs = hart(0)->runs;
	vcpu_irq(vm->vcpus[0], VIRQ_SOFT, true);
	fake_run();
	assert_int_equal(hart(0)->runs, runs);
	script_of(vm->vcpus[0])->pending = 0;
	vm_request(vm, VM_REQ_RESUME);
	fake_run();
	assert_int_equal(vm->state, VM_RUNNING);
	assert_false(vm->vcpus[0]->parked || vm->vcpus[1]->parked);
	assert_int_equal(hsm(0), before);
}

static void a_computing_hart_pauses(void **state unused)
{
	start();
	pause_and_resume();
	pause_and_resume();
}

static void a_waiting_hart_pauses(void **state unused)
{
	static const struct script_step steps[] = { { .ask = SCRIPT_WFI }, SHUTDOWN };

	SCRIPT_GUEST(0, 0, steps);
	start();
	/* wfi may end early: what matters is that the guest went on only after the pause. The second
	 * run() is there for the answer's delivery. */
	vm_request(vm, VM_REQ_PAUSE);
	fake_run();
	assert_int_equal(hart(0)->next, 1);
	vm_request(vm, VM_REQ_RESUME);
	fake_run();
	assert_int_equal(vm->end, VM_END_POWEROFF);
}

static void a_stopped_hart_pauses(void **state unused)
{
	static const struct script_step steps[] = { STOP };

	SCRIPT_GUEST(0, 0, steps);
	start();
	pause_and_resume();
}

static void a_suspended_hart_pauses(void **state unused)
{
	static const struct script_step steps[] = { SUSPEND(SBI_HSM_SUSPEND_RETENTIVE, 0, 0) };

	SCRIPT_GUEST(0, 0, steps);
	start();
	pause_and_resume();
	vcpu_irq(vm->vcpus[0], VIRQ_SOFT, true);
	fake_run();
	assert_int_equal(hart(0)->runs, 2);
}

static void state_is_put_away_when_a_hart_sleeps(void **state unused)
{
	static const struct script_step steps[] = { { .ask = SCRIPT_WFI } };

	SCRIPT_GUEST(0, 0, steps);
	start();
	assert_int_equal(hart(0)->puts, 1);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(the_boot_hart_starts),
		test(devices_answer_loads_and_stores),
		test(the_sbi_answers),
		test(wfi_waits_for_the_timer),
		test(wfi_does_not_wait_for_a_masked_timer),
		test(wfi_with_something_pending_goes_on),
		test(an_ipi_ends_wfi),
		test(a_second_hart_starts),
		test(a_stopped_hart_starts_again),
		test(a_stopped_hart_sleeps_whatever_pends),
		test(a_retentive_suspend_returns_success),
		test(a_non_retentive_suspend_resumes_elsewhere),
		test(a_suspended_hart_cannot_be_started),
		test(a_fence_makes_a_running_hart_look),
		test(the_impossible_kills_the_vm),
		test(exits_are_counted),
		test(a_computing_hart_pauses),
		test(a_waiting_hart_pauses),
		test(a_stopped_hart_pauses),
		test(a_suspended_hart_pauses),
		test(state_is_put_away_when_a_hart_sleeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
