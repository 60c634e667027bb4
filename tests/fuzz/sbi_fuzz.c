/*
 * A guest of three harts makes SBI calls with whatever arguments the input
 * gives. After each one: errors that the specification knows, nothing in a1
 * beside them, legal hart states, bounded work.
 */
#include <string.h>

#include "engine/script/script_vm.h"
#include "host/fake/fake.h"
#include "io/char.h"
#include "riscv/sbi.h"
#include "vm/sbi.h"

enum { HARTS = 3, CALLS_MAX = 64, CONSOLE_MAX = 4096 };
#define RAM_SIZE (32 * KIB)

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* ---- The input ---- */

struct input {
	const u8 *data;
	size_t size;
};

static u8 input_byte(struct input *in)
{
	if (!in->size)
		return 0;
	in->size--;
	return *in->data++;
}

static u64 input_word(struct input *in)
{
	u64 word = 0;

	for (unsigned i = 0; i < 8; i++)
		word = word << 8 | input_byte(in);
	return word;
}

/* Values near every edge that the calls have, or any. */
static u64 input_arg(struct input *in)
{
	static const u64 edges[] = {
		0, SCRIPT_RAM, SCRIPT_RAM + RAM_SIZE, RAM_SIZE, 4096, 256, 1ul << 31, 1ul << 32,
		1ul << 63, ~0ul, 32, 64, 0x10000000, 0xe0000000, 0xf0000000, HARTS,
	};
	u8 choice = input_byte(in);

	if (choice < 64)
		return choice;
	if (choice < 240)
		return edges[choice & 15] + (u64)(choice >> 4) - 8;
	return input_word(in);
}

static u64 input_ext(struct input *in)
{
	static const u64 known[] = { SBI_EXT_BASE, SBI_EXT_TIME, SBI_EXT_IPI, SBI_EXT_RFENCE,
				     SBI_EXT_HSM,  SBI_EXT_SRST, SBI_EXT_DBCN };
	u8 choice = input_byte(in);

	if (choice < 16)
		return choice;
	return choice == 255 ? input_word(in) : known[choice % ARRAY_SIZE(known)];
}

/* ---- The console ---- */

static unsigned console_moved;
static u8 console_input;

static void console_put(struct char_backend *b unused, u8 byte unused)
{
	console_moved++;
}

static int console_get(struct char_backend *b unused)
{
	console_moved++;
	return console_input++ % 251 ? console_input : -1;
}

static const struct char_ops console_ops = { .put = console_put, .get = console_get };
static struct char_backend console = { .ops = &console_ops };

/* ---- What must hold ---- */

static void check_answer(const struct vmexit *exit)
{
	s64 error = (s64)exit->sbi.error;

	if (exit->sbi.legacy) {
		host_assert(exit->sbi.ext <= SBI_EXT_LEGACY_SHUTDOWN);
		host_assert(error >= SBI_ERR_NOT_SUPPORTED && error <= 255);
		return;
	}
	host_assert(error <= SBI_SUCCESS && error >= SBI_ERR_ALREADY_AVAILABLE);
	host_assert(!error || (!exit->sbi.value && !exit->sbi.no_return));
	if (exit->sbi.ext == SBI_EXT_DBCN)
		host_assert(exit->sbi.value <= min_u64(exit->sbi.args[0], CONSOLE_MAX));
	else if (exit->sbi.ext == SBI_EXT_HSM)
		host_assert(exit->sbi.value <= SBI_HSM_RESUME_PENDING);
	else if (exit->sbi.ext != SBI_EXT_BASE)
		host_assert(!exit->sbi.value);
}

/* A call starts stopped harts and stops or suspends its own. */
static void check_states(const struct vm *vm, const u32 *before, u32 caller)
{
	for (u32 i = 0; i < HARTS; i++) {
		const struct vcpu *v = vm->vcpus[i];

		if (v->hsm == before[i])
			continue;
		if (i == caller)
			host_assert(v->hsm == SBI_HSM_STOP_PENDING ||
				    v->hsm == SBI_HSM_SUSPEND_PENDING);
		else
			host_assert(before[i] == SBI_HSM_STOPPED &&
				    v->hsm == SBI_HSM_START_PENDING &&
				    (v->requests & VCPU_REQ_START) &&
				    guest_mem_contains(&vm->mem, v->start_pc, 2));
	}
}

static void check_fences(const struct vm *vm)
{
	for (u32 i = 0; i < HARTS; i++) {
		const struct script_vcpu *s = script_of(vm->vcpus[i]);

		host_assert(s->last_fence.kind <= FENCE_VMA_ASID);
		host_assert(s->last_fence.start + s->last_fence.size >= s->last_fence.start);
	}
}

/* ---- A run ---- */

static void make_call(struct vm *vm, struct input *in)
{
	u32 caller = input_byte(in) % HARTS, before[HARTS];
	struct vmexit *exit = &vm->vcpus[caller]->priv->exit;

	vm->vcpus[caller]->hsm = SBI_HSM_STARTED;
	for (u32 i = 0; i < HARTS; i++)
		before[i] = vm->vcpus[i]->hsm;
	memset(exit, 0xa5, sizeof(*exit));
	exit->kind = EXIT_SBI;
	exit->sbi.ext = input_ext(in);
	exit->sbi.fid = input_byte(in) % 9;
	for (unsigned i = 0; i < ARRAY_SIZE(exit->sbi.args); i++)
		exit->sbi.args[i] = input_arg(in);
	exit->sbi.legacy = exit->sbi.no_return = false;
	console_moved = 0;
	sbi_handle(vm->vcpus[caller]);
	check_answer(exit);
	check_states(vm, before, caller);
	check_fences(vm);
	host_assert(console_moved <= CONSOLE_MAX + 1);
}

/* What vcpu_loop() would do in between. */
static void settle(struct vm *vm, u8 choice)
{
	struct vcpu *v = vm->vcpus[choice % HARTS];

	if (choice & 0x80)
		return;
	if (v->hsm == SBI_HSM_STOP_PENDING)
		v->hsm = SBI_HSM_STOPPED;
	else if (v->hsm != SBI_HSM_STOPPED)
		v->hsm = SBI_HSM_STARTED;
	v->requests = 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	struct vm *vm;

	/* Pieces of a page: buffers cross them. */
	fake_ram_set(GIB, 4096);
	vm = script_vm_open(HARTS, RAM_SIZE);
	host_assert(vm);
	vm->keeper = host_task_self();
	vm->parts.console = &console;
	for (unsigned i = 0; i < CALLS_MAX && in.size; i++) {
		make_call(vm, &in);
		settle(vm, input_byte(&in));
	}
	host_assert(vm->end <= VM_END_CRASH);
	script_vm_close(vm);
	return 0;
}
