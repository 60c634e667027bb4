/* What a guest sees of the SBI, call by call: three harts, of which the first calls. */
#include "vm/sbi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "engine/script/script_vm.h"
#include "host/fake/fake.h"
#include "io/char.h"
#include "riscv/sbi.h"

#define HARTS 3
#define RAM_SIZE (64 * KIB)
#define HIGH_RAM (4 * GIB - 8192) /* four pages, each an extent, across 4 GiB */
#define PC (SCRIPT_RAM + 0x1000)
#define ALL ((u64)SBI_HART_MASK_ALL)
#define POISON 0x5ec5ec5ec5ec5ec5ul

static struct vm *vm;
static u64 allocated;

/* ---- A console that remembers ---- */

static struct {
	struct char_backend backend;
	u8 out[8192];
	unsigned out_count;
	const char *in;
} console;

static void console_put(struct char_backend *b unused, u8 byte)
{
	assert_true(console.out_count < sizeof(console.out));
	console.out[console.out_count++] = byte;
}

static int console_get(struct char_backend *b unused)
{
	return console.in && *console.in ? (u8)*console.in++ : -1;
}

static const struct char_ops console_ops = { .put = console_put, .get = console_get };

/* ---- Calling ---- */

struct answer {
	s64 error;
	u64 value;
	bool legacy, no_return;
};

static struct answer call_from(u32 hart, u64 ext, u64 fid, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct vmexit *exit = &vm->vcpus[hart]->priv->exit;

	exit->kind = EXIT_SBI;
	exit->sbi.ext = ext;
	exit->sbi.fid = fid;
	memcpy(exit->sbi.args, (u64[]){ a0, a1, a2, a3, a4, POISON }, sizeof(exit->sbi.args));
	exit->sbi.error = exit->sbi.value = POISON;
	exit->sbi.legacy = exit->sbi.no_return = true;
	sbi_handle(vm->vcpus[hart]);
	/* Values that the specification does not define are never left in a1. */
	if (exit->sbi.error)
		assert_int_equal(exit->sbi.value, 0);
	return (struct answer){ (s64)exit->sbi.error, exit->sbi.value, exit->sbi.legacy,
				exit->sbi.no_return };
}

static struct answer call(u64 ext, u64 fid, u64 a0, u64 a1, u64 a2)
{
	return call_from(0, ext, fid, a0, a1, a2, POISON, POISON);
}

/* The usual case: an error or success, returned to the caller. */
static s64 error_of(u64 ext, u64 fid, u64 a0, u64 a1, u64 a2)
{
	struct answer a = call(ext, fid, a0, a1, a2);

	assert_false(a.legacy);
	assert_false(a.no_return);
	return a.error;
}

static u64 value_of(u64 ext, u64 fid, u64 a0)
{
	struct answer a = call(ext, fid, a0, POISON, POISON);

	assert_int_equal(a.error, SBI_SUCCESS);
	assert_false(a.legacy);
	assert_false(a.no_return);
	return a.value;
}

static struct script_vcpu *hart(u32 id)
{
	return script_of(vm->vcpus[id]);
}

static void hsm_set(u32 id, u32 state)
{
	vm->vcpus[id]->hsm = state;
}

static int setup(void **state unused)
{
	fake_reset();
	allocated = fake_allocated();
	memset(&console, 0, sizeof(console));
	console.backend.ops = &console_ops;
	vm = script_vm_open(HARTS, RAM_SIZE);
	vm->parts.console = &console.backend;
	fake_ram_set(GIB, 4096);
	assert_int_equal(guest_mem_add(&vm->mem, HIGH_RAM, 16384), 0);
	return 0;
}

static int teardown(void **state unused)
{
	script_vm_close(vm);
	assert_int_equal(fake_allocated(), allocated);
	return 0;
}

/* ---- Which calls there are ---- */

static void bad_function_ids_are_not_supported(void **state unused)
{
	static const u64 ext[] = { SBI_EXT_BASE,   SBI_EXT_TIME, SBI_EXT_IPI, SBI_EXT_RFENCE,
				   SBI_EXT_HSM, SBI_EXT_SRST, SBI_EXT_DBCN };
	static const u64 fid[] = { 7, 8, 100, 0x80000000, 0xffffffff, 1ul << 32, ~0ul };

	for (unsigned e = 0; e < ARRAY_SIZE(ext); e++)
		for (unsigned f = 0; f < ARRAY_SIZE(fid); f++)
			assert_int_equal(error_of(ext[e], fid[f], 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
	assert_int_equal(error_of(SBI_EXT_TIME, 1, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
	assert_int_equal(error_of(SBI_EXT_IPI, 1, 1, 0, 0), SBI_ERR_NOT_SUPPORTED);
	assert_int_equal(error_of(SBI_EXT_HSM, 4, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
	assert_int_equal(error_of(SBI_EXT_SRST, 1, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
	assert_int_equal(error_of(SBI_EXT_DBCN, 3, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
	assert_int_equal(hart(0)->irqs, 0);
	assert_int_equal(vm->end, VM_END_NONE);
}

static void other_extensions_are_not_supported(void **state unused)
{
	static const u64 ext[] = { SBI_EXT_PMU, SBI_EXT_SUSP, SBI_EXT_CPPC, SBI_EXT_NACL,
				   SBI_EXT_STA, SBI_EXT_SSE,  SBI_EXT_FWFT, SBI_EXT_DBTR,
				   SBI_EXT_MPXY, 0x9, SBI_EXT_LEGACY_LAST, 0x11,
				   SBI_EXT_EXPERIMENTAL_FIRST, SBI_EXT_VENDOR_FIRST,
				   SBI_EXT_FIRMWARE_LAST, (1ul << 32) + SBI_EXT_BASE, ~0ul };

	for (unsigned e = 0; e < ARRAY_SIZE(ext); e++) {
		assert_int_equal(error_of(ext[e], 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
		assert_int_equal(value_of(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, ext[e]), 0);
	}
}

static void base_tells_versions(void **state unused)
{
	assert_int_equal(value_of(SBI_EXT_BASE, SBI_BASE_GET_SPEC_VERSION, 0), SBI_VERSION_3_0);
	assert_int_equal(value_of(SBI_EXT_BASE, SBI_BASE_GET_IMPL_ID, 0), SBI_IMPL_ID);
	assert_int_equal(value_of(SBI_EXT_BASE, SBI_BASE_GET_IMPL_VERSION, 0), SBI_IMPL_VERSION);
	assert_int_equal(value_of(SBI_EXT_BASE, SBI_BASE_GET_MVENDORID, 0), 0);
	assert_int_equal(value_of(SBI_EXT_BASE, SBI_BASE_GET_MARCHID, 0), 0);
	assert_int_equal(value_of(SBI_EXT_BASE, SBI_BASE_GET_MIMPID, 0), 0);
}

static void base_probes_what_is_there(void **state unused)
{
	static const u64 ext[] = { SBI_EXT_BASE, SBI_EXT_TIME, SBI_EXT_IPI, SBI_EXT_RFENCE,
				   SBI_EXT_HSM, SBI_EXT_SRST, SBI_EXT_DBCN,
				   SBI_EXT_LEGACY_SET_TIMER, SBI_EXT_LEGACY_CONSOLE_PUTCHAR,
				   SBI_EXT_LEGACY_CONSOLE_GETCHAR, SBI_EXT_LEGACY_CLEAR_IPI,
				   SBI_EXT_LEGACY_SHUTDOWN };

	for (unsigned e = 0; e < ARRAY_SIZE(ext); e++)
		assert_int_equal(value_of(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, ext[e]), 1);
	for (u64 e = SBI_EXT_LEGACY_SEND_IPI; e < SBI_EXT_LEGACY_SHUTDOWN; e++)
		assert_int_equal(value_of(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, e), 0);
}

/* ---- TIME ---- */

static void set_timer_takes_guest_time(void **state unused)
{
	assert_int_equal(value_of(SBI_EXT_TIME, SBI_TIME_SET_TIMER, 12345), 0);
	assert_int_equal(hart(0)->deadline, 12345);
	assert_int_equal(hart(1)->deadline, ~0ul);
}

static void set_timer_0_pends_at_once(void **state unused)
{
	assert_false(script_engine.wakeup_pending(vm->vcpus[0]));
	value_of(SBI_EXT_TIME, SBI_TIME_SET_TIMER, 0);
	assert_true(script_engine.wakeup_pending(vm->vcpus[0]));
}

static void set_timer_minus_1_clears(void **state unused)
{
	value_of(SBI_EXT_TIME, SBI_TIME_SET_TIMER, 0);
	value_of(SBI_EXT_TIME, SBI_TIME_SET_TIMER, ~0ul);
	assert_false(script_engine.wakeup_pending(vm->vcpus[0]));
	assert_int_equal(script_engine.timer_due(vm->vcpus[0]), HOST_FOREVER);
}

/* ---- Hart lists ---- */

static u64 ipi_targets(u64 mask, u64 base, s64 error)
{
	u64 targets = 0;

	assert_int_equal(error_of(SBI_EXT_IPI, SBI_IPI_SEND, mask, base, POISON), error);
	for (u32 i = 0; i < HARTS; i++) {
		if (hart(i)->pending & BIT(VIRQ_SOFT))
			targets |= BIT(i);
		hart(i)->pending = 0;
	}
	return targets;
}

static void ipi_reaches_the_named_harts(void **state unused)
{
	for (u64 mask = 0; mask < 8; mask++)
		assert_int_equal(ipi_targets(mask, 0, SBI_SUCCESS), mask);
	assert_int_equal(ipi_targets(1, 1, SBI_SUCCESS), 2);
	assert_int_equal(ipi_targets(3, 1, SBI_SUCCESS), 6);
	assert_int_equal(ipi_targets(1, 2, SBI_SUCCESS), 4);
}

static void mask_base_minus_1_names_every_hart(void **state unused)
{
	assert_int_equal(ipi_targets(0, ALL, SBI_SUCCESS), 7);
	assert_int_equal(ipi_targets(2, ALL, SBI_SUCCESS), 7);
	assert_int_equal(ipi_targets(~0ul, ALL, SBI_SUCCESS), 7);
}

static void an_empty_mask_succeeds(void **state unused)
{
	assert_int_equal(ipi_targets(0, 0, SBI_SUCCESS), 0);
	assert_int_equal(ipi_targets(0, 2, SBI_SUCCESS), 0);
	assert_int_equal(ipi_targets(0, HARTS, SBI_SUCCESS), 0);
	assert_int_equal(ipi_targets(0, ~0ul - 1, SBI_SUCCESS), 0);
}

static void an_absent_hart_is_an_invalid_parameter(void **state unused)
{
	static const u64 base[] = { HARTS, 32, 63, 64, 65, 1ul << 32, 1ul << 63, ~0ul - 1 };

	assert_int_equal(ipi_targets(8, 0, SBI_ERR_INVALID_PARAM), 0);
	assert_int_equal(ipi_targets(0xf, 0, SBI_ERR_INVALID_PARAM), 0);
	assert_int_equal(ipi_targets(~0ul, 0, SBI_ERR_INVALID_PARAM), 0);
	assert_int_equal(ipi_targets(1ul << 63, 0, SBI_ERR_INVALID_PARAM), 0);
	assert_int_equal(ipi_targets(4, 1, SBI_ERR_INVALID_PARAM), 0);
	assert_int_equal(ipi_targets((1ul << 63) | 1, 2, SBI_ERR_INVALID_PARAM), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(base); i++) {
		assert_int_equal(ipi_targets(1, base[i], SBI_ERR_INVALID_PARAM), 0);
		assert_int_equal(ipi_targets(1ul << 63, base[i], SBI_ERR_INVALID_PARAM), 0);
		assert_int_equal(ipi_targets(2, base[i], SBI_ERR_INVALID_PARAM), 0);
	}
}

/* ---- RFENCE ---- */

static struct fence fence_seen(u32 id, unsigned fences)
{
	assert_int_equal(hart(id)->fences, fences);
	return hart(id)->last_fence;
}

static void fence_i_reaches_every_hart_once(void **state unused)
{
	assert_int_equal(error_of(SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, 0, ALL, POISON), SBI_SUCCESS);
	for (u32 i = 0; i < HARTS; i++)
		assert_int_equal(fence_seen(i, 1).kind, FENCE_I);
}

static void sfence_vma_carries_its_range(void **state unused)
{
	struct answer a = call_from(0, SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, 2, 1, 0x1000, 0x3000,
				    POISON);
	struct fence f = fence_seen(2, 1);

	assert_int_equal(a.error, SBI_SUCCESS);
	assert_int_equal(a.value, 0);
	assert_int_equal(f.kind, FENCE_VMA);
	assert_int_equal(f.start, 0x1000);
	assert_int_equal(f.size, 0x3000);
	fence_seen(0, 0);
	fence_seen(1, 0);
}

static void sfence_vma_asid_carries_its_asid(void **state unused)
{
	struct answer a = call_from(1, SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA_ASID, 3, 0, 0x5000,
				    0x1000, 42);
	struct fence f = fence_seen(0, 1);

	assert_int_equal(a.error, SBI_SUCCESS);
	assert_int_equal(f.kind, FENCE_VMA_ASID);
	assert_int_equal(f.start, 0x5000);
	assert_int_equal(f.size, 0x1000);
	assert_int_equal(f.asid, 42);
	assert_int_equal(fence_seen(1, 1).asid, 42);
	fence_seen(2, 0);
}

static void a_whole_address_space_can_be_fenced(void **state unused)
{
	struct fence f;

	call_from(0, SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, 1, 0, 0, 0, POISON);
	f = fence_seen(0, 1);
	assert_true(f.start == 0 && f.size == 0);
	call_from(0, SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, 1, 0, 0, ~0ul, POISON);
	assert_int_equal(fence_seen(0, 2).size, ~0ul);
	/* A range that wraps becomes everything. */
	call_from(0, SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, 1, 0, ~0ul - 4095, 8192, POISON);
	f = fence_seen(0, 3);
	assert_true(f.start == 0 && f.size == ~0ul);
}

static void a_fence_to_an_absent_hart_does_nothing(void **state unused)
{
	for (u64 fid = SBI_RFENCE_FENCE_I; fid <= SBI_RFENCE_SFENCE_VMA_ASID; fid++) {
		assert_int_equal(error_of(SBI_EXT_RFENCE, fid, 9, 0, 0), SBI_ERR_INVALID_PARAM);
		assert_int_equal(error_of(SBI_EXT_RFENCE, fid, 1, 64, 0), SBI_ERR_INVALID_PARAM);
		assert_int_equal(error_of(SBI_EXT_RFENCE, fid, 0, 64, 0), SBI_SUCCESS);
	}
	for (u32 i = 0; i < HARTS; i++)
		fence_seen(i, 0);
}

static void hypervisor_fences_are_not_supported(void **state unused)
{
	for (u64 fid = SBI_RFENCE_HFENCE_GVMA_VMID; fid <= SBI_RFENCE_HFENCE_VVMA; fid++)
		assert_int_equal(error_of(SBI_EXT_RFENCE, fid, 1, 0, 0), SBI_ERR_NOT_SUPPORTED);
	fence_seen(0, 0);
}

static void an_engine_may_fence_its_own_vcpu(void **state unused)
{
	struct fence f = { .kind = FENCE_I };
	bool self_too = false;

	assert_int_equal(sbi_remote_fence(vm->vcpus[1], 1, 1, &f, &self_too), SBI_SUCCESS);
	assert_true(self_too);
	assert_int_equal(sbi_remote_fence(vm->vcpus[1], 7, 0, &f, &self_too), SBI_SUCCESS);
	assert_true(self_too);
	fence_seen(0, 1);
	fence_seen(1, 0);
	fence_seen(2, 1);
	assert_int_equal(sbi_remote_fence(vm->vcpus[1], 5, 0, &f, &self_too), SBI_SUCCESS);
	assert_false(self_too);
	assert_int_equal(sbi_remote_fence(vm->vcpus[0], 2, ALL, &f, &self_too), SBI_SUCCESS);
	assert_true(self_too);
	fence_seen(1, 1);
	assert_int_equal(sbi_remote_fence(vm->vcpus[1], 8, 0, &f, &self_too),
			 SBI_ERR_INVALID_PARAM);
	assert_false(self_too);
}

/* ---- HSM ---- */

static void hart_start_starts_a_stopped_hart(void **state unused)
{
	struct vcpu *target = vm->vcpus[1];

	assert_int_equal(error_of(SBI_EXT_HSM, SBI_HSM_HART_START, 1, PC, 77), SBI_SUCCESS);
	assert_int_equal(target->start_pc, PC);
	assert_int_equal(target->start_arg, 77);
	assert_true(target->requests & VCPU_REQ_START);
}

static void pending_states_are_visible(void **state unused)
{
	for (u32 s = SBI_HSM_STARTED; s <= SBI_HSM_RESUME_PENDING; s++) {
		hsm_set(2, s);
		assert_int_equal(value_of(SBI_EXT_HSM, SBI_HSM_HART_GET_STATUS, 2), s);
	}
	assert_int_equal(error_of(SBI_EXT_HSM, SBI_HSM_HART_START, 1, PC, 0), SBI_SUCCESS);
	assert_int_equal(value_of(SBI_EXT_HSM, SBI_HSM_HART_GET_STATUS, 1), SBI_HSM_START_PENDING);
}

static void a_running_hart_is_already_available(void **state unused)
{
	assert_int_equal(error_of(SBI_EXT_HSM, SBI_HSM_HART_START, 0, PC, 0),
			 SBI_ERR_ALREADY_AVAILABLE);
	for (u32 s = SBI_HSM_START_PENDING; s <= SBI_HSM_RESUME_PENDING; s++) {
		hsm_set(1, s);
		assert_int_equal(error_of(SBI_EXT_HSM, SBI_HSM_HART_START, 1, PC, 0),
				 SBI_ERR_ALREADY_AVAILABLE);
		assert_int_equal(vm->vcpus[1]->hsm, s);
	}
	assert_int_equal(vm->vcpus[1]->start_pc, 0);
	assert_int_equal(vm->vcpus[1]->requests, 0);
}

static void of_two_starters_the_first_wins(void **state unused)
{
	struct answer a = call_from(0, SBI_EXT_HSM, SBI_HSM_HART_START, 2, PC, 1, 0, 0);
	struct answer b = call_from(1, SBI_EXT_HSM, SBI_HSM_HART_START, 2, PC + 2, 2, 0, 0);

	assert_int_equal(a.error, SBI_SUCCESS);
	assert_int_equal(b.error, SBI_ERR_ALREADY_AVAILABLE);
	assert_int_equal(vm->vcpus[2]->start_pc, PC);
	assert_int_equal(vm->vcpus[2]->start_arg, 1);
}

static void unknown_harts_are_invalid_parameters(void **state unused)
{
	static const u64 id[] = { HARTS, 32, 64, 1ul << 32, (1ul << 32) + 1, ~0ul };

	for (unsigned i = 0; i < ARRAY_SIZE(id); i++) {
		assert_int_equal(error_of(SBI_EXT_HSM, SBI_HSM_HART_START, id[i], PC, 0),
				 SBI_ERR_INVALID_PARAM);
		assert_int_equal(error_of(SBI_EXT_HSM, SBI_HSM_HART_GET_STATUS, id[i], 0, 0),
				 SBI_ERR_INVALID_PARAM);
	}
}

static const u64 bad_pcs[] = { 0, SCRIPT_RAM - 2, SCRIPT_RAM + RAM_SIZE, SCRIPT_RAM + 1,
			       SCRIPT_RAM + RAM_SIZE - 1, 0x10000000, ~0ul, ~0ul - 1 };

static void hart_start_needs_an_address_in_ram(void **state unused)
{
	for (unsigned i = 0; i < ARRAY_SIZE(bad_pcs); i++)
		assert_int_equal(error_of(SBI_EXT_HSM, SBI_HSM_HART_START, 1, bad_pcs[i], 0),
				 SBI_ERR_INVALID_ADDRESS);
	assert_int_equal(vm->vcpus[1]->hsm, SBI_HSM_STOPPED);
	assert_int_equal(vm->vcpus[1]->requests, 0);
	assert_int_equal(error_of(SBI_EXT_HSM, SBI_HSM_HART_START, 1, SCRIPT_RAM + RAM_SIZE - 2, 0),
			 SBI_SUCCESS);
}

static void hart_stop_does_not_return(void **state unused)
{
	struct answer a = call(SBI_EXT_HSM, SBI_HSM_HART_STOP, 0, 0, 0);

	assert_true(a.no_return);
	assert_int_equal(vm->vcpus[0]->hsm, SBI_HSM_STOP_PENDING);
}

static void retentive_suspend_returns(void **state unused)
{
	/* The resume address is unused. */
	assert_int_equal(error_of(SBI_EXT_HSM, SBI_HSM_HART_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE,
				  ~0ul, 0), SBI_SUCCESS);
	assert_int_equal(vm->vcpus[0]->hsm, SBI_HSM_SUSPEND_PENDING);
	assert_int_equal(vm->vcpus[0]->priv->suspend_type, SBI_HSM_SUSPEND_RETENTIVE);
}

static void non_retentive_suspend_resumes_elsewhere(void **state unused)
{
	struct answer a = call(SBI_EXT_HSM, SBI_HSM_HART_SUSPEND, SBI_HSM_SUSPEND_NON_RETENTIVE, PC,
			       88);

	assert_true(a.no_return);
	assert_int_equal(vm->vcpus[0]->hsm, SBI_HSM_SUSPEND_PENDING);
	assert_int_equal(vm->vcpus[0]->start_pc, PC);
	assert_int_equal(vm->vcpus[0]->start_arg, 88);
	assert_int_equal(vm->vcpus[0]->priv->suspend_type, SBI_HSM_SUSPEND_NON_RETENTIVE);
}

static void non_retentive_suspend_needs_an_address_in_ram(void **state unused)
{
	for (unsigned i = 0; i < ARRAY_SIZE(bad_pcs); i++)
		assert_int_equal(error_of(SBI_EXT_HSM, SBI_HSM_HART_SUSPEND,
					  SBI_HSM_SUSPEND_NON_RETENTIVE, bad_pcs[i], 0),
				 SBI_ERR_INVALID_ADDRESS);
	assert_int_equal(vm->vcpus[0]->hsm, SBI_HSM_STARTED);
}

static void suspend_types_are_cut_to_32_bits(void **state unused)
{
	struct answer a;

	assert_int_equal(error_of(SBI_EXT_HSM, SBI_HSM_HART_SUSPEND, 1ul << 32, 0, 0), SBI_SUCCESS);
	hsm_set(0, SBI_HSM_STARTED);
	/* As a signed 32-bit number would come. */
	a = call(SBI_EXT_HSM, SBI_HSM_HART_SUSPEND, 0xffffffff80000000, PC, 0);
	assert_int_equal(a.error, SBI_SUCCESS);
	assert_true(a.no_return);
	assert_int_equal(vm->vcpus[0]->priv->suspend_type, SBI_HSM_SUSPEND_NON_RETENTIVE);
}

static void other_suspend_types_are_invalid_parameters(void **state unused)
{
	static const u64 type[] = { 1, 0x0fffffff, 0x10000000, 0x7fffffff, 0x80000001, 0x8fffffff,
				    0x90000000, 0xffffffff, ~0ul };

	for (unsigned i = 0; i < ARRAY_SIZE(type); i++)
		assert_int_equal(error_of(SBI_EXT_HSM, SBI_HSM_HART_SUSPEND, type[i], PC, 0),
				 SBI_ERR_INVALID_PARAM);
	assert_int_equal(vm->vcpus[0]->hsm, SBI_HSM_STARTED);
}

/* ---- SRST ---- */

static enum vm_end end_by(u64 type, u64 reason)
{
	struct answer a = call(SBI_EXT_SRST, SBI_SRST_SYSTEM_RESET, type, reason, POISON);
	enum vm_end end = vm->end;

	assert_true(a.no_return);
	assert_non_null(vm->dead);
	for (u32 i = 0; i < HARTS; i++)
		assert_true(vm->vcpus[i]->requests & VCPU_REQ_STOP);
	vm->end = VM_END_NONE;
	return end;
}

static void system_reset_ends_the_vm(void **state unused)
{
	vm->keeper = host_task_self();
	assert_int_equal(end_by(SBI_SRST_TYPE_SHUTDOWN, SBI_SRST_REASON_NONE), VM_END_POWEROFF);
	assert_int_equal(end_by(SBI_SRST_TYPE_SHUTDOWN, SBI_SRST_REASON_SYSTEM_FAILURE),
			 VM_END_CRASH);
	assert_int_equal(end_by(SBI_SRST_TYPE_COLD_REBOOT, SBI_SRST_REASON_NONE), VM_END_REBOOT);
	assert_int_equal(end_by(SBI_SRST_TYPE_WARM_REBOOT, SBI_SRST_REASON_SYSTEM_FAILURE),
			 VM_END_REBOOT);
	/* Both are 32 bits wide. */
	assert_int_equal(end_by(1ul << 32, 1ul << 32), VM_END_POWEROFF);
}

static void other_resets_are_invalid_parameters(void **state unused)
{
	static const u64 type[] = { 3, 0xefffffff, 0xf0000000, 0xffffffff };
	static const u64 reason[] = { 2, 0xdfffffff, 0xe0000000, 0xf0000000, 0xffffffff };

	for (unsigned i = 0; i < ARRAY_SIZE(type); i++)
		assert_int_equal(error_of(SBI_EXT_SRST, 0, type[i], 0, 0), SBI_ERR_INVALID_PARAM);
	for (unsigned i = 0; i < ARRAY_SIZE(reason); i++)
		assert_int_equal(error_of(SBI_EXT_SRST, 0, 0, reason[i], 0), SBI_ERR_INVALID_PARAM);
	assert_int_equal(vm->end, VM_END_NONE);
}

/* ---- DBCN ---- */

static struct answer console_call(u64 fid, u64 size, u64 gpa)
{
	return call(SBI_EXT_DBCN, fid, size, gpa, 0);
}

static void console_write_shows_guest_memory(void **state unused)
{
	struct answer a;

	guest_write(&vm->mem, PC, "hello", 5);
	a = console_call(SBI_DBCN_CONSOLE_WRITE, 5, PC);
	assert_int_equal(a.error, SBI_SUCCESS);
	assert_int_equal(a.value, 5);
	assert_int_equal(console.out_count, 5);
	assert_memory_equal(console.out, "hello", 5);
	assert_int_equal(console_call(SBI_DBCN_CONSOLE_WRITE, 0, PC).value, 0);
	assert_int_equal(console.out_count, 5);
}

static void a_buffer_may_cross_4_gib(void **state unused)
{
	u8 text[9000];
	struct answer a;

	memset(text, 'x', sizeof(text));
	text[0] = 'a';
	text[4095] = 'z';
	assert_true(guest_write(&vm->mem, HIGH_RAM + 7000, text, sizeof(text)));
	a = console_call(SBI_DBCN_CONSOLE_WRITE, 2000, HIGH_RAM + 7000);
	assert_int_equal(a.error, SBI_SUCCESS);
	assert_int_equal(a.value, 2000);
	assert_memory_equal(console.out, text, 2000);
}

static void a_long_write_is_done_in_part(void **state unused)
{
	struct answer a = console_call(SBI_DBCN_CONSOLE_WRITE, RAM_SIZE, SCRIPT_RAM);

	assert_int_equal(a.error, SBI_SUCCESS);
	assert_int_equal(a.value, 4096);
	assert_int_equal(console.out_count, 4096);
}

static void console_read_fills_guest_memory(void **state unused)
{
	char text[8] = "";
	struct answer a;

	console.in = "typed";
	a = console_call(SBI_DBCN_CONSOLE_READ, 3, PC);
	assert_int_equal(a.error, SBI_SUCCESS);
	assert_int_equal(a.value, 3);
	assert_true(guest_read(&vm->mem, PC, text, 4));
	assert_string_equal(text, "typ");
	assert_int_equal(console_call(SBI_DBCN_CONSOLE_READ, 100, PC).value, 2);
	assert_int_equal(console_call(SBI_DBCN_CONSOLE_READ, 100, PC).value, 0);
	assert_true(guest_read(&vm->mem, PC, text, 4));
	assert_memory_equal(text, "edp", 4);
}

static void a_long_read_crosses_pieces(void **state unused)
{
	static char text[5001];
	u8 got[4096];

	for (unsigned i = 0; i < 5000; i++)
		text[i] = (char)('a' + i % 26);
	console.in = text;
	assert_int_equal(console_call(SBI_DBCN_CONSOLE_READ, 16384, HIGH_RAM).value, 4096);
	assert_true(guest_read(&vm->mem, HIGH_RAM, got, sizeof(got)));
	assert_memory_equal(got, text, sizeof(got));
	assert_int_equal(console_call(SBI_DBCN_CONSOLE_READ, 1000, HIGH_RAM + 4000).value, 904);
	assert_true(guest_read(&vm->mem, HIGH_RAM + 4000, got, 904));
	assert_memory_equal(got, text + 4096, 904);
}

static void a_bad_console_buffer_is_an_invalid_parameter(void **state unused)
{
	console.in = "typed";
	for (u64 fid = SBI_DBCN_CONSOLE_WRITE; fid <= SBI_DBCN_CONSOLE_READ; fid++) {
		assert_int_equal(console_call(fid, 1, 0).error, SBI_ERR_INVALID_PARAM);
		assert_int_equal(console_call(fid, 1, SCRIPT_RAM - 1).error, SBI_ERR_INVALID_PARAM);
		assert_int_equal(console_call(fid, 2, SCRIPT_RAM + RAM_SIZE - 1).error,
				 SBI_ERR_INVALID_PARAM);
		assert_int_equal(console_call(fid, ~0ul, SCRIPT_RAM).error, SBI_ERR_INVALID_PARAM);
		assert_int_equal(console_call(fid, ~0ul - SCRIPT_RAM, SCRIPT_RAM).error,
				 SBI_ERR_INVALID_PARAM);
		assert_int_equal(error_of(SBI_EXT_DBCN, fid, 1, PC, 1), SBI_ERR_INVALID_PARAM);
		assert_int_equal(error_of(SBI_EXT_DBCN, fid, 1, PC, ~0ul), SBI_ERR_INVALID_PARAM);
	}
	assert_int_equal(console.out_count, 0);
	assert_string_equal(console.in, "typed");
}

static void write_byte_uses_8_bits(void **state unused)
{
	assert_int_equal(value_of(SBI_EXT_DBCN, SBI_DBCN_CONSOLE_WRITE_BYTE, 0xabcdef41), 0);
	assert_int_equal(console.out_count, 1);
	assert_int_equal(console.out[0], 0x41);
}

static void without_a_console_bytes_go_nowhere(void **state unused)
{
	vm->parts.console = NULL;
	assert_int_equal(console_call(SBI_DBCN_CONSOLE_WRITE, 10, PC).value, 10);
	assert_int_equal(console_call(SBI_DBCN_CONSOLE_READ, 10, PC).value, 0);
	assert_int_equal(call(SBI_EXT_LEGACY_CONSOLE_GETCHAR, 0, 0, 0, 0).error, -1);
}

/* ---- Legacy: the function id is ignored, a1 stays as it was ---- */

static s64 legacy(u64 ext, u64 a0, u64 a1, u64 a2)
{
	struct answer a = call(ext, POISON, a0, a1, a2);

	assert_true(a.legacy);
	assert_false(a.no_return);
	return a.error;
}

static void legacy_console_moves_bytes(void **state unused)
{
	console.in = "\xff";
	assert_int_equal(legacy(SBI_EXT_LEGACY_CONSOLE_PUTCHAR, 0x141, 0, 0), 0);
	assert_int_equal(console.out[0], 0x41);
	assert_int_equal(legacy(SBI_EXT_LEGACY_CONSOLE_GETCHAR, 0, 0, 0), 0xff);
	assert_int_equal(legacy(SBI_EXT_LEGACY_CONSOLE_GETCHAR, 0, 0, 0), -1);
}

static void legacy_timer_and_clear_ipi(void **state unused)
{
	assert_int_equal(legacy(SBI_EXT_LEGACY_SET_TIMER, 99, 0, 0), 0);
	assert_int_equal(hart(0)->deadline, 99);
	hart(0)->pending = hart(1)->pending = BIT(VIRQ_SOFT);
	assert_int_equal(legacy(SBI_EXT_LEGACY_CLEAR_IPI, 0, 0, 0), 0);
	assert_int_equal(hart(0)->pending, 0);
	assert_int_equal(hart(1)->pending, BIT(VIRQ_SOFT));
}

static void legacy_masks_are_null_or_not_supported(void **state unused)
{
	assert_int_equal(legacy(SBI_EXT_LEGACY_SEND_IPI, 0, 0, 0), 0);
	assert_int_equal(legacy(SBI_EXT_LEGACY_REMOTE_FENCE_I, 0, 0, 0), 0);
	assert_int_equal(legacy(SBI_EXT_LEGACY_REMOTE_SFENCE_VMA, 0, 0x1000, 0x2000), 0);
	for (u32 i = 0; i < HARTS; i++) {
		assert_int_equal(hart(i)->pending, BIT(VIRQ_SOFT));
		assert_int_equal(fence_seen(i, 2).size, 0x2000);
	}
	for (u64 e = SBI_EXT_LEGACY_SEND_IPI; e <= SBI_EXT_LEGACY_REMOTE_SFENCE_VMA_ASID; e++)
		assert_int_equal(legacy(e, PC, 0, 0), SBI_ERR_NOT_SUPPORTED);
	fence_seen(0, 2);
}

static void legacy_shutdown_powers_off(void **state unused)
{
	vm->keeper = host_task_self();
	assert_true(call(SBI_EXT_LEGACY_SHUTDOWN, 0, 0, 0, 0).no_return);
	assert_int_equal(vm->end, VM_END_POWEROFF);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(bad_function_ids_are_not_supported),
		test(other_extensions_are_not_supported),
		test(base_tells_versions),
		test(base_probes_what_is_there),
		test(set_timer_takes_guest_time),
		test(set_timer_0_pends_at_once),
		test(set_timer_minus_1_clears),
		test(ipi_reaches_the_named_harts),
		test(mask_base_minus_1_names_every_hart),
		test(an_empty_mask_succeeds),
		test(an_absent_hart_is_an_invalid_parameter),
		test(fence_i_reaches_every_hart_once),
		test(sfence_vma_carries_its_range),
		test(sfence_vma_asid_carries_its_asid),
		test(a_whole_address_space_can_be_fenced),
		test(a_fence_to_an_absent_hart_does_nothing),
		test(hypervisor_fences_are_not_supported),
		test(an_engine_may_fence_its_own_vcpu),
		test(hart_start_starts_a_stopped_hart),
		test(pending_states_are_visible),
		test(a_running_hart_is_already_available),
		test(of_two_starters_the_first_wins),
		test(unknown_harts_are_invalid_parameters),
		test(hart_start_needs_an_address_in_ram),
		test(hart_stop_does_not_return),
		test(retentive_suspend_returns),
		test(non_retentive_suspend_resumes_elsewhere),
		test(non_retentive_suspend_needs_an_address_in_ram),
		test(suspend_types_are_cut_to_32_bits),
		test(other_suspend_types_are_invalid_parameters),
		test(system_reset_ends_the_vm),
		test(other_resets_are_invalid_parameters),
		test(console_write_shows_guest_memory),
		test(a_buffer_may_cross_4_gib),
		test(a_long_write_is_done_in_part),
		test(console_read_fills_guest_memory),
		test(a_long_read_crosses_pieces),
		test(a_bad_console_buffer_is_an_invalid_parameter),
		test(write_byte_uses_8_bits),
		test(without_a_console_bytes_go_nowhere),
		test(legacy_console_moves_bytes),
		test(legacy_timer_and_clear_ipi),
		test(legacy_masks_are_null_or_not_supported),
		test(legacy_shutdown_powers_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
