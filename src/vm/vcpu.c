#include "vm/vcpu.h"

#include <errno.h>

#include "riscv/sbi.h"
#include "vm/sbi.h"
#include "vm/vm.h"

static const char *const exit_names[EXIT_KINDS] = {
	[EXIT_NONE] = "internal", [EXIT_INTERRUPT] = "interrupt", [EXIT_MMIO] = "mmio",
	[EXIT_SBI] = "sbi",       [EXIT_WFI] = "wfi",             [EXIT_FATAL] = "fatal",
};

const char *exit_name(enum exit_kind kind)
{
	return exit_names[kind];
}

static u32 vcpu_hsm(const struct vcpu *v)
{
	return __atomic_load_n(&v->hsm, __ATOMIC_ACQUIRE);
}

static void vcpu_set_hsm(struct vcpu *v, u32 state)
{
	__atomic_store_n(&v->hsm, state, __ATOMIC_RELEASE);
}

static u32 vcpu_requests(const struct vcpu *v)
{
	return __atomic_load_n(&v->requests, __ATOMIC_ACQUIRE);
}

void vcpu_request(struct vcpu *v, u32 request)
{
	__atomic_fetch_or(&v->requests, request, __ATOMIC_SEQ_CST);
	if (v->task)
		host_wake(v->task);
}

void vcpu_irq(struct vcpu *v, enum engine_irq irq, bool level)
{
	v->vm->engine->irq(v, irq, level);
}

/* A started hart's last answer is delivered by run(), which then returns at once: only after
 * that are its registers whole. */
static bool vcpu_may_park(const struct vcpu *v)
{
	return v->priv->exit.kind == EXIT_NONE || vcpu_hsm(v) != SBI_HSM_STARTED;
}

static void vcpu_park(struct vcpu *v)
{
	__atomic_store_n(&v->parked, true, __ATOMIC_RELEASE);
	host_wake(v->vm->keeper);
	while ((vcpu_requests(v) & (VCPU_REQ_PAUSE | VCPU_REQ_STOP)) == VCPU_REQ_PAUSE)
		host_sleep(HOST_FOREVER);
	__atomic_store_n(&v->parked, false, __ATOMIC_RELEASE);
}

/* hart_start, or the boot hart's first start. */
static void vcpu_take_start(struct vcpu *v)
{
	__atomic_fetch_and(&v->requests, ~(u32)VCPU_REQ_START, __ATOMIC_ACQ_REL);
	v->priv->exit.kind = EXIT_NONE;
	v->vm->engine->vcpu_reset(v, v->start_pc, v->id, v->start_arg);
	vcpu_set_hsm(v, SBI_HSM_STARTED);
}

/* One look at a suspended hart ("Hart Suspend"): it resumes on a pending enabled interrupt. */
static void vcpu_suspended(struct vcpu *v)
{
	const struct engine_ops *engine = v->vm->engine;

	vcpu_set_hsm(v, SBI_HSM_SUSPENDED);
	if (!engine->wakeup_pending(v)) {
		host_sleep(engine->timer_due(v));
		return;
	}
	vcpu_set_hsm(v, SBI_HSM_RESUME_PENDING);
	if (v->priv->suspend_type & SBI_HSM_SUSPEND_NON_RETENTIVE) {
		v->priv->exit.kind = EXIT_NONE;
		engine->vcpu_reset(v, v->start_pc, v->id, v->start_arg);
	}
	vcpu_set_hsm(v, SBI_HSM_STARTED);
}

/* A hart that is not started waits here for its next state. */
static void vcpu_not_started(struct vcpu *v)
{
	switch (vcpu_hsm(v)) {
	case SBI_HSM_STOP_PENDING:
		vcpu_set_hsm(v, SBI_HSM_STOPPED);
		break;
	case SBI_HSM_SUSPEND_PENDING:
	case SBI_HSM_SUSPENDED:
		vcpu_suspended(v);
		break;
	default:
		host_sleep(HOST_FOREVER);
	}
}

/* Looks at requests and the hart's state until the guest may run: false when the VM ends. */
static bool vcpu_ready(struct vcpu *v)
{
	for (;;) {
		u32 requests = vcpu_requests(v) & ~(u32)VCPU_REQ_ENGINE;

		if (requests & VCPU_REQ_STOP)
			return false;
		if ((requests & VCPU_REQ_PAUSE) && vcpu_may_park(v))
			vcpu_park(v);
		else if (requests & VCPU_REQ_START)
			vcpu_take_start(v);
		else if (vcpu_hsm(v) != SBI_HSM_STARTED)
			vcpu_not_started(v);
		else
			return true; /* also to have an answer delivered, when parking waits for that */
	}
}

/* Waits for an interrupt as the guest would; a request ends the wait, as an early return is
 * always allowed ("Wait for Interrupt"). */
static void vcpu_wait(struct vcpu *v)
{
	const struct engine_ops *engine = v->vm->engine;

	while (!engine->wakeup_pending(v) && !vcpu_requests(v))
		host_sleep(engine->timer_due(v));
}

static void vcpu_handle_exit(struct vcpu *v)
{
	struct vmexit *e = &v->priv->exit;

	v->priv->exits[e->kind]++;
	switch (e->kind) {
	case EXIT_MMIO:
		e->mmio.failed = !bus_access(&v->vm->bus, e->mmio.gpa, e->mmio.size, e->mmio.write,
					     &e->mmio.value);
		break;
	case EXIT_SBI:
		sbi_handle(v);
		break;
	case EXIT_WFI:
		vcpu_wait(v);
		break;
	case EXIT_INTERRUPT:
		host_yield();
		break;
	case EXIT_FATAL:
		vm_kill(v->vm, e->why);
		break;
	case EXIT_NONE:
	case EXIT_KINDS:
		break;
	}
}

void vcpu_loop(void *arg)
{
	struct vcpu *v = arg;
	struct vm *vm = v->vm;

	/* Not by the starter alone: who asks for something before that would wake nobody. */
	__atomic_store_n(&v->task, host_task_self(), __ATOMIC_SEQ_CST);
	while (vcpu_ready(v)) {
		vm->engine->run(v);
		vcpu_handle_exit(v);
	}
	vm->engine->put(v);
	/* Once it says done, the space may be gone. */
	host_space_enter(NULL);
	__atomic_store_n(&v->done, true, __ATOMIC_RELEASE);
	host_wake(vm->keeper);
}

void vcpu_switch_out(void *arg)
{
	struct vcpu *v = arg;

	v->vm->engine->put(v);
}

int vcpu_create(struct vm *vm, u32 id)
{
	struct vcpu *v = host_alloc(sizeof(*v), &vm->account);
	int err;

	if (!v)
		return -ENOMEM;
	vm->vcpus[id] = v;
	v->vm = vm;
	v->id = id;
	v->hsm = vm->engine->own_harts ? SBI_HSM_STARTED : SBI_HSM_STOPPED;
	v->priv = host_private_alloc(vm->space, sizeof(*v->priv));
	err = v->priv ? vm->engine->vcpu_init(v) : -ENOMEM;
	if (err)
		vcpu_destroy(v);
	return err;
}

void vcpu_destroy(struct vcpu *v)
{
	struct vm *vm = v->vm;

	if (v->task)
		host_task_reap(v->task);
	vm->engine->vcpu_fini(v);
	if (v->priv)
		host_private_free(vm->space, v->priv, sizeof(*v->priv));
	vm->vcpus[v->id] = NULL;
	host_free(v, sizeof(*v), &vm->account);
}
