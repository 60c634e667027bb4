#include "engine/script/script.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "riscv/isa.h"

static char failure[160];

const char *script_failure(void)
{
	return failure;
}

void script_clear(void)
{
	failure[0] = '\0';
}

void script_set(struct vcpu *vcpu, const struct script_step *steps, unsigned count)
{
	struct script_vcpu *s = script_of(vcpu);

	s->steps = steps;
	s->count = count;
	s->next = 0;
	s->asked = false;
}

/* ---- The guest ---- */

static bool answer_is(const struct script_step *step, const struct vmexit *answer)
{
	switch (step->ask.kind) {
	case EXIT_SBI:
		return !answer->sbi.no_return && answer->sbi.error == step->error &&
		       (answer->sbi.legacy || answer->sbi.value == step->value);
	case EXIT_MMIO:
		if (answer->mmio.failed || step->failed || answer->mmio.write)
			return answer->mmio.failed == step->failed;
		return answer->mmio.value == step->value;
	default:
		return true;
	}
}

static void answer_report(const struct vcpu *vcpu, const struct vmexit *answer)
{
	unsigned step = script_of(vcpu)->next - 1;

	if (failure[0])
		return;
	if (answer->kind == EXIT_SBI)
		snprintf(failure, sizeof(failure), "vcpu %u step %u: a0 %ld, a1 0x%lx%s", vcpu->id,
			 step, (long)answer->sbi.error, (unsigned long)answer->sbi.value,
			 answer->sbi.no_return ? ", no return" : "");
	else
		snprintf(failure, sizeof(failure), "vcpu %u step %u: value 0x%lx%s", vcpu->id, step,
			 (unsigned long)answer->mmio.value, answer->mmio.failed ? ", fault" : "");
}

/* A hart that was stopped, reset or resumed elsewhere in between has EXIT_NONE here: it
 * sees no answer. */
static void answer_check(const struct vcpu *vcpu)
{
	struct script_vcpu *s = script_of(vcpu);
	const struct script_step *step = &s->steps[s->next - 1];
	const struct vmexit *answer = &vcpu->priv->exit;

	s->asked = false;
	if (!step->any && answer->kind == step->ask.kind && !answer_is(step, answer))
		answer_report(vcpu, answer);
}

static void script_run(struct vcpu *vcpu)
{
	struct script_vcpu *s = script_of(vcpu);
	const struct script_step *step;

	s->runs++;
	__atomic_fetch_and(&vcpu->requests, ~(u32)VCPU_REQ_ENGINE, __ATOMIC_ACQ_REL);
	if (s->asked)
		answer_check(vcpu);
	vcpu->priv->exit.kind = EXIT_NONE;
	if (__atomic_load_n(&vcpu->requests, __ATOMIC_ACQUIRE))
		return;
	if (s->next == s->count) {
		host_sleep(HOST_FOREVER);
		vcpu->priv->exit.kind = EXIT_INTERRUPT;
		return;
	}
	step = &s->steps[s->next++];
	if (step->act)
		step->act(vcpu);
	vcpu->priv->exit = step->ask;
	s->asked = true;
}

static void script_put(struct vcpu *vcpu)
{
	script_of(vcpu)->puts++;
}

static void script_vcpu_reset(struct vcpu *vcpu, u64 pc, u64 a0, u64 a1)
{
	struct script_vcpu *s = script_of(vcpu);

	s->resets++;
	s->reset_pc = pc;
	s->reset_a0 = a0;
	s->reset_a1 = a1;
	s->asked = false;
}

/* ---- Interrupts, timers and fences ---- */

static void script_irq(struct vcpu *vcpu, enum engine_irq irq, bool level)
{
	struct script_vcpu *s = script_of(vcpu);

	s->irqs += level;
	s->pending = level ? s->pending | BIT(irq) : s->pending & ~BIT(irq);
	if (level && vcpu->task)
		host_wake(vcpu->task);
}

static void script_fence(struct vcpu *vcpu, const struct fence *fence)
{
	script_of(vcpu)->fences++;
	script_of(vcpu)->last_fence = *fence;
	vcpu_request(vcpu, VCPU_REQ_ENGINE);
}

static void script_set_timer(struct vcpu *vcpu, u64 deadline)
{
	script_of(vcpu)->deadline = deadline;
}

static bool script_wakeup_pending(struct vcpu *vcpu)
{
	const struct script_vcpu *s = script_of(vcpu);
	u64 pending = s->pending;

	if (s->deadline != ~0ul && vm_time(vcpu->vm) >= s->deadline)
		pending |= BIT(VIRQ_TIMER);
	return pending & s->enabled;
}

static u64 script_timer_due(struct vcpu *vcpu)
{
	const struct script_vcpu *s = script_of(vcpu);
	u64 due = s->deadline + vcpu->vm->time_base;

	/* A timer that the guest does not wait for must not end its sleep again and again. */
	if (!(s->enabled & BIT(VIRQ_TIMER)) || due < s->deadline)
		return HOST_FOREVER;
	return s->deadline == ~0ul ? HOST_FOREVER : due;
}

/* ---- Life ---- */

static int script_vm_init(struct vm *vm)
{
	vm->engine_state = host_alloc(sizeof(struct script_vm), &vm->account);
	return vm->engine_state ? 0 : -ENOMEM;
}

static void script_vm_fini(struct vm *vm)
{
	host_free(vm->engine_state, sizeof(struct script_vm), &vm->account);
	vm->engine_state = NULL;
}

static int script_map(struct vm *vm, u64 gpa, u64 pa, u64 size, unsigned prot unused)
{
	struct script_vm *s = vm->engine_state;

	host_assert(is_aligned(gpa | pa | size, 4096));
	s->maps++;
	s->mapped += size;
	return 0;
}

static void script_unmap(struct vm *vm, u64 gpa unused, u64 size)
{
	struct script_vm *s = vm->engine_state;

	s->mapped -= size;
}

static int script_vcpu_init(struct vcpu *vcpu)
{
	struct script_vcpu *s = host_alloc(sizeof(*s), &vcpu->vm->account);

	if (!s)
		return -ENOMEM;
	s->enabled = ~0ul;
	s->deadline = ~0ul;
	vcpu->engine = s;
	return 0;
}

static void script_vcpu_fini(struct vcpu *vcpu)
{
	host_free(vcpu->engine, sizeof(struct script_vcpu), &vcpu->vm->account);
	vcpu->engine = NULL;
}

static void script_get_regs(struct vcpu *vcpu, struct engine_regs *regs)
{
	*regs = script_of(vcpu)->regs;
}

static void script_set_regs(struct vcpu *vcpu, const struct engine_regs *regs)
{
	script_of(vcpu)->regs = *regs;
}

static const struct isa *script_guest_isa(const struct vm *vm unused)
{
	static struct isa isa;

	isa_parse_string(&isa, "rv64imac", strlen("rv64imac"));
	return &isa;
}

static const char *script_mmu_type(const struct vm *vm unused)
{
	return "sv39";
}

const struct engine_ops script_engine = {
	.name = "script",
	.vm_init = script_vm_init,
	.vm_fini = script_vm_fini,
	.map = script_map,
	.unmap = script_unmap,
	.vcpu_init = script_vcpu_init,
	.vcpu_fini = script_vcpu_fini,
	.vcpu_reset = script_vcpu_reset,
	.run = script_run,
	.put = script_put,
	.irq = script_irq,
	.fence = script_fence,
	.set_timer = script_set_timer,
	.wakeup_pending = script_wakeup_pending,
	.timer_due = script_timer_due,
	.get_regs = script_get_regs,
	.set_regs = script_set_regs,
	.guest_isa = script_guest_isa,
	.mmu_type = script_mmu_type,
};
