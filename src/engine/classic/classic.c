/* The engine's table: VMs, and the loop around the guest. */
#include "engine/classic/classic.h"

#include <errno.h>

#include "host/bare/bare.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"

_Static_assert(offsetof(struct classic_frame, pc) == CLASSIC_PC, "entry.S");
_Static_assert(offsetof(struct classic_frame, sstatus) == CLASSIC_SSTATUS, "entry.S");
_Static_assert(offsetof(struct classic_frame, scause) == CLASSIC_SCAUSE, "entry.S");
_Static_assert(offsetof(struct classic_frame, self) == CLASSIC_SELF, "entry.S");
_Static_assert(offsetof(struct classic_frame, host_satp) == CLASSIC_HOST_SATP, "entry.S");
_Static_assert(offsetof(struct classic_frame, host_sp) == CLASSIC_HOST_SP, "entry.S");
_Static_assert(offsetof(struct classic_frame, host_tp) == CLASSIC_HOST_TP, "entry.S");
_Static_assert(offsetof(struct classic_frame, guest_satp) == CLASSIC_GUEST_SATP, "entry.S");
_Static_assert(offsetof(struct classic_frame, gate_exit) == CLASSIC_GATE_EXIT, "entry.S");
_Static_assert(offsetof(struct classic_frame, gate_data) == CLASSIC_GATE_DATA, "entry.S");
_Static_assert(offsetof(struct classic_frame, light) == CLASSIC_LIGHT, "entry.S");
_Static_assert(offsetof(struct classic_frame, gate_back) == CLASSIC_GATE_BACK, "quick.S");
_Static_assert(offsetof(struct classic_frame, quick) == CLASSIC_QUICK, "quick.S");
_Static_assert(offsetof(struct classic_frame, quick_user) == CLASSIC_QUICK_USER, "quick.S");
_Static_assert(offsetof(struct classic_frame, quick_kernel) == CLASSIC_QUICK_KERNEL, "quick.S");
_Static_assert(offsetof(struct classic_frame, cache) == CLASSIC_CACHE, "quick.S");
_Static_assert(offsetof(struct classic_frame, state_mask) == CLASSIC_STATE_MASK, "quick.S");
_Static_assert(offsetof(struct classic_frame, writable) == CLASSIC_WRITABLE, "quick.S");
_Static_assert(offsetof(struct classic_frame, user_differs) == CLASSIC_USER_DIFFERS, "quick.S");
_Static_assert(offsetof(struct classic_frame, entry) == CLASSIC_ENTRY, "quick.S");
_Static_assert(offsetof(struct classic_frame, operand) == CLASSIC_OPERAND, "quick.S");
_Static_assert(offsetof(struct classic_frame, operand2) == CLASSIC_OPERAND2, "quick.S");
_Static_assert(offsetof(struct classic_frame, result) == CLASSIC_RESULT, "quick.S");
_Static_assert(offsetof(struct classic_frame, loaded) == CLASSIC_LOADED, "quick.S");
_Static_assert(offsetof(struct classic_frame, dirtied) == CLASSIC_DIRTIED, "quick.S");
_Static_assert(offsetof(struct classic_frame, views[SHADOW_U]) == CLASSIC_VIEW_U, "quick.S");
_Static_assert(offsetof(struct classic_frame, views[SHADOW_S]) == CLASSIC_VIEW_S, "quick.S");
_Static_assert(offsetof(struct classic_frame, views[SHADOW_SUM]) == CLASSIC_VIEW_SUM, "quick.S");
_Static_assert(offsetof(struct classic_vcpu, vs.sstatus) == CLASSIC_VS_SSTATUS, "quick.S");
_Static_assert(offsetof(struct classic_vcpu, vs.sie) == CLASSIC_VS_SIE, "quick.S");
_Static_assert(offsetof(struct classic_vcpu, vs.sip) == CLASSIC_VS_SIP, "quick.S");
_Static_assert(offsetof(struct classic_vcpu, vs.stvec) == CLASSIC_VS_STVEC, "quick.S");
_Static_assert(offsetof(struct classic_vcpu, vs.sscratch) == CLASSIC_VS_SSCRATCH, "quick.S");
_Static_assert(offsetof(struct classic_vcpu, vs.sepc) == CLASSIC_VS_SEPC, "quick.S");
_Static_assert(offsetof(struct classic_vcpu, vs.scause) == CLASSIC_VS_SCAUSE, "quick.S");
_Static_assert(offsetof(struct classic_vcpu, vs.stval) == CLASSIC_VS_STVAL, "quick.S");
_Static_assert(offsetof(struct classic_vcpu, vs.user) == CLASSIC_VS_USER, "quick.S");
_Static_assert(offsetof(struct classic_insn, pc) == CLASSIC_INSN_PC, "quick.S");
_Static_assert(offsetof(struct classic_insn, word) == CLASSIC_INSN_WORD, "quick.S");
_Static_assert(offsetof(struct classic_insn, serve) == CLASSIC_INSN_DO, "quick.S");
_Static_assert(offsetof(struct classic_insn, get) == CLASSIC_INSN_GET, "quick.S");
_Static_assert(offsetof(struct classic_insn, get2) == CLASSIC_INSN_GET2, "quick.S");
_Static_assert(offsetof(struct classic_insn, set) == CLASSIC_INSN_SET, "quick.S");
_Static_assert(offsetof(struct classic_insn, immediate) == CLASSIC_INSN_IMMEDIATE, "quick.S");
_Static_assert(offsetof(struct classic_insn, patched) == CLASSIC_INSN_PATCHED, "quick.S");
_Static_assert(offsetof(struct classic_vcpu, frame) == 0, "entry.S");
_Static_assert(sizeof(struct classic_vcpu) <= 4096, "the gate's data page");

struct classic_machine classic_machine;

/* ---- VMs ---- */

/* What a guest gets: all that needs nothing, the register files that are switched, and what is
 * emulated here. The string never promises more. */
static void guest_isa(struct isa *isa)
{
	const struct classic_machine *m = &classic_machine;

	isa_add_class(isa, &m->isa, ISA_CLASS_USER);
	if (m->fp)
		isa_add_class(isa, &m->isa, ISA_CLASS_FP);
	if (m->fp && m->vlenb)
		isa_add_class(isa, &m->isa, ISA_CLASS_VECTOR);
	if (isa_has(&m->isa, ISA_ZICNTR))
		isa_set(isa, ISA_ZICNTR);
	if (m->senvcfg_mask & SENVCFG_CBZE && isa_has(&m->isa, ISA_ZICBOZ))
		isa_set(isa, ISA_ZICBOZ);
	if (m->senvcfg_mask & SENVCFG_CBCFE && isa_has(&m->isa, ISA_ZICBOM))
		isa_set(isa, ISA_ZICBOM);
	/* The walk in software sets A and D; stimecmp is an alarm of the host. */
	isa_set(isa, ISA_SVADU);
	isa_set(isa, ISA_SSTC);
}

static int classic_vm_init(struct vm *vm)
{
	struct classic_vm *cv = host_alloc(sizeof(*cv), &vm->account);
	const struct classic_machine *m = &classic_machine;

	vm->engine_state = cv;
	if (!cv)
		return -ENOMEM;
	guest_isa(&cv->isa);
	cv->config = (struct vs_config){
		.satp_modes = m->satp_modes,
		.asid_mask = 0xffff,
		.sstatus_mask = VS_SSTATUS | (m->fp ? SSTATUS_FS : 0) |
				(m->fp && m->vlenb ? SSTATUS_VS : 0),
		.sstc = true,
		.senvcfg = m->senvcfg,
		.senvcfg_mask = m->senvcfg_mask | (m->senvcfg_mask & SENVCFG_CBIE ? SENVCFG_CBIE : 0),
		.counteren = m->counters,
	};
	return rewrite_init(vm);
}

static void classic_vm_fini(struct vm *vm)
{
	if (vm->engine_state)
		rewrite_fini(vm);
	host_free(vm->engine_state, sizeof(struct classic_vm), &vm->account);
	vm->engine_state = NULL;
}

static int classic_map(struct vm *vm, u64 gpa, u64 pa, u64 size, unsigned prot)
{
	struct classic_vm *cv = classic_vm_of(vm);

	u64 length = size;
	u8 *ram = guest_ptr(&vm->mem, gpa, &length);

	if (cv->region_count == CLASSIC_REGIONS)
		return -ENOMEM;
	cv->regions[cv->region_count++] = (struct classic_region){
		.gpa = gpa, .pa = pa, .size = size, .prot = prot,
		.ram = length == size ? ram : NULL,
	};
	rewrite_region(vm, &cv->regions[cv->region_count - 1]);
	return 0;
}

/* Of whole regions, before the guest runs or after it ended: nothing of it is in shadow tables. */
static void classic_unmap(struct vm *vm, u64 gpa, u64 size)
{
	struct classic_vm *cv = classic_vm_of(vm);

	for (unsigned i = cv->region_count; i-- > 0;)
		if (range_within(cv->regions[i].gpa, cv->regions[i].size, gpa, size))
			cv->regions[i] = cv->regions[--cv->region_count];
}

/* ---- vCPUs ---- */

static void classic_answer(struct classic_vcpu *c)
{
	struct vmexit *e = &c->priv->exit;

	switch (e->kind) {
	case EXIT_MMIO:
		classic_answer_mmio(c);
		break;
	case EXIT_SBI:
		if (e->sbi.no_return)
			break;
		exit_answer_sbi(e, c->frame.x);
		c->frame.pc += 4;
		break;
	default:
		break;
	}
	e->kind = EXIT_NONE;
}

/*
 * Into the guest, unless somebody wants something: it counts as inside first and requests are read
 * then, so that whoever makes a request either is seen here or sees us inside and interrupts.
 */
static bool classic_inside(struct classic_vcpu *c)
{
	u32 requests;

	__atomic_store_n(&c->shared->fences.inside, true, __ATOMIC_SEQ_CST);
	requests = __atomic_load_n(&c->vcpu->requests, __ATOMIC_SEQ_CST);
	/* Once: who asks from here on sees us inside, interrupts and waits. */
	if (requests & VCPU_REQ_ENGINE)
		classic_take_fences(c);
	requests &= ~(u32)VCPU_REQ_ENGINE;
	if (!requests) {
		classic_deliver(c);
		classic_enter(&c->frame);
	}
	__atomic_store_n(&c->shared->fences.inside, false, __ATOMIC_RELEASE);
	return !requests;
}

static void classic_run(struct vcpu *v)
{
	struct classic_vcpu *c = classic_of(v);

	if (!c->live)
		classic_arrive(c);
	classic_answer(c);
	classic_check_timer(c);
	while (classic_inside(c))
		if (classic_trap(c))
			return;
}

static void classic_get_regs(struct vcpu *v, struct engine_regs *regs)
{
	const struct classic_vcpu *c = classic_of(v);

	for (unsigned i = 0; i < 32; i++)
		regs->x[i] = c->frame.x[i];
	regs->pc = c->frame.pc;
}

static void classic_set_regs(struct vcpu *v, const struct engine_regs *regs)
{
	struct classic_vcpu *c = classic_of(v);

	for (unsigned i = 1; i < 32; i++)
		c->frame.x[i] = regs->x[i];
	c->frame.pc = regs->pc;
}

static const struct isa *classic_guest_isa(const struct vm *vm)
{
	return &classic_vm_of(vm)->isa;
}

static const char *classic_mmu_type(const struct vm *vm)
{
	u32 modes = classic_vm_of(vm)->config.satp_modes;

	if (modes & BIT(SATP_MODE_SV57))
		return "riscv,sv57";
	return modes & BIT(SATP_MODE_SV48) ? "riscv,sv48" : "riscv,sv39";
}

const struct engine_ops classic_engine = {
	.name = "classic",
	.host_time = true,
	.vm_memory = TEXT_PAGES_MAX * (PTE_PAGE_SIZE + 512ul),
	.vcpu_memory = CLASSIC_TABLES_MAX * PTE_PAGE_SIZE + 128 * KIB,
	.vm_init = classic_vm_init,
	.vm_fini = classic_vm_fini,
	.map = classic_map,
	.unmap = classic_unmap,
	.wrote = rewrite_wrote,
	.vcpu_init = classic_vcpu_init,
	.vcpu_fini = classic_vcpu_fini,
	.vcpu_reset = classic_reset,
	.run = classic_run,
	.put = classic_put,
	.irq = classic_irq,
	.fence = classic_fence,
	.set_timer = classic_set_timer,
	.wakeup_pending = classic_wakeup_pending,
	.timer_due = classic_timer_due,
	.get_regs = classic_get_regs,
	.set_regs = classic_set_regs,
	.guest_isa = classic_guest_isa,
	.mmu_type = classic_mmu_type,
};
