/*
 * What the kernel leaves to us: accesses that it cannot decode, and those that nobody answers. It has
 * no call for giving a guest a trap, but all registers are at hand. Privileged Architecture,
 * "Supervisor Trap ...": what hardware would do is done here.
 */
#include "engine/kvm/kvm.h"
#include "engine/kvm/reg.h"
#include "riscv/csr.h"
#include "riscv/walk.h"

/* The guest as it is in the middle of an instruction. */
struct context {
	struct kvm_vcpu *k;
	struct engine_regs regs;
	u64 sstatus, satp;
	bool user;
};

/* As much as fetch() needs. */
static void context_read_place(struct context *c, struct kvm_vcpu *k)
{
	c->k = k;
	c->regs.pc = reg_read(k->fd, REG_CORE, REG_PC);
	c->satp = reg_read(k->fd, REG_CSR, REG_SATP);
}

static void context_read(struct context *c, struct kvm_vcpu *k)
{
	context_read_place(c, k);
	k->vcpu->vm->engine->get_regs(k->vcpu, &c->regs);
	c->sstatus = reg_read(k->fd, REG_CSR, REG_SSTATUS);
	c->user = reg_read(k->fd, REG_CORE, REG_MODE) == REG_MODE_U;
}

static void inject(const struct context *c, u64 cause, u64 tval)
{
	u64 status = c->sstatus & ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE);
	int fd = c->k->fd;

	if (!c->user)
		status |= SSTATUS_SPP;
	if (c->sstatus & SSTATUS_SIE)
		status |= SSTATUS_SPIE;
	reg_set(fd, REG_CSR, REG_SSTATUS, status);
	reg_set(fd, REG_CSR, REG_SEPC, c->regs.pc);
	reg_set(fd, REG_CSR, REG_SCAUSE, cause);
	reg_set(fd, REG_CSR, REG_STVAL, tval);
	reg_set(fd, REG_CORE, REG_PC, reg_read(fd, REG_CSR, REG_STVEC) & ~3ul);
	reg_set(fd, REG_CORE, REG_MODE, REG_MODE_S);
}

/* ---- The instruction */

static bool table_read(void *ctx, u64 address, u64 *pte)
{
	return guest_read(ctx, address, pte, sizeof(*pte));
}

/* A probe: the hardware has judged permissions already. */
static bool translate(const struct context *c, u64 va, u64 *gpa)
{
	static const struct walk_ops ops = { .read = table_read };
	const struct walk_request req = {
		.va = va,
		.root_ppn = c->satp & MASK(43, 0),
		.mode = (u8)(c->satp >> 60),
		.access = WALK_PROBE,
		.napot = true,
		.pbmt = true,
	};
	struct walk_result out;

	if (walk_page(&ops, &c->k->vcpu->vm->mem, &req, &out) != WALK_OK)
		return false;
	*gpa = out.pa;
	return true;
}

static bool fetch_parcel(const struct context *c, u64 va, u16 *parcel)
{
	u64 gpa;

	return translate(c, va, &gpa) && guest_read(&c->k->vcpu->vm->mem, gpa, parcel, sizeof(*parcel));
}

/* 0, which is an illegal instruction, where there is none. */
static u32 fetch(const struct context *c)
{
	u16 low, high = 0;

	if (!fetch_parcel(c, c->regs.pc, &low))
		return 0;
	if (insn_length(low) == 4 && !fetch_parcel(c, c->regs.pc + 2, &high))
		return 0;
	return low | (u32)high << 16;
}

static u64 address_of(const struct context *c, u32 insn)
{
	struct insn_address a;

	if (insn_decode_address(insn, &a))
		return c->regs.x[a.base] + (u64)(s64)a.offset;
	return insn_is_atomic(insn) ? c->regs.x[insn_rs1(insn)] : 0;
}

/* ---- Accesses that the kernel would not decode: floating-point registers, atomics */

static u64 store_value(const struct context *c, const struct insn_access *a)
{
	u64 value = a->fp ? reg_read(c->k->fd, REG_FP_D, a->reg) : c->regs.x[a->reg];

	return a->size == 8 ? value : value & (BIT(8 * a->size) - 1);
}

static bool ask_own(const struct context *c, u32 insn, u64 gpa)
{
	struct kvm_vcpu *k = c->k;
	struct vmexit *e = &k->vcpu->priv->exit;

	if (!insn_decode_access(insn, &k->access))
		return false;
	k->own = true;
	e->kind = EXIT_MMIO;
	e->mmio.gpa = gpa;
	e->mmio.size = k->access.size;
	e->mmio.write = k->access.store;
	e->mmio.value = k->access.store ? store_value(c, &k->access) : 0;
	return true;
}

void kvm_answer_own(struct kvm_vcpu *k)
{
	const struct vmexit *e = &k->vcpu->priv->exit;
	const struct insn_access *a = &k->access;
	struct context c;

	context_read(&c, k);
	if (e->mmio.failed) {
		inject(&c, a->store ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS, k->address);
		return;
	}
	reg_set(k->fd, REG_CORE, REG_PC, c.regs.pc + a->length);
	if (a->store)
		return;
	if (a->fp)
		reg_set(k->fd, REG_FP_D, a->reg, insn_load_result(a, e->mmio.value));
	else if (a->reg)
		reg_set(k->fd, REG_CORE, REG_X0 + a->reg, insn_load_result(a, e->mmio.value));
}

/* Where traps lead there is no memory either: this goes on for ever, and the kernel logs it each
 * time. */
static void refuse_fetch(const struct context *c)
{
	if (c->regs.pc == (reg_read(c->k->fd, REG_CSR, REG_STVEC) & ~3ul))
		host_sleep(host_time() + host_timebase() / 10);
	inject(c, CAUSE_INSN_ACCESS, c->regs.pc);
}

static bool is_store(u32 insn)
{
	struct insn_access a;

	return insn_is_atomic(insn) || (insn_decode_access(insn, &a) && a.store);
}

bool kvm_refused(struct kvm_vcpu *k)
{
	struct vmexit *e = &k->vcpu->priv->exit;
	struct context c;
	bool leads;
	u64 gpa;
	u32 insn;

	context_read(&c, k);
	insn = fetch(&c);
	if (!insn) {
		refuse_fetch(&c);
		return false;
	}
	k->address = address_of(&c, insn);
	/* If it does not lead anywhere, then because a table lies where no memory is. */
	leads = translate(&c, k->address, &gpa);
	if (leads && guest_mem_contains(&k->vcpu->vm->mem, gpa, 1)) {
		e->kind = EXIT_FATAL;
		e->why = "KVM cannot go on with an instruction of it";
		return true;
	}
	if (leads && ask_own(&c, insn, gpa))
		return true;
	inject(&c, is_store(insn) ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS, k->address);
	return false;
}

/* ---- Accesses that it has decoded */

void kvm_answer_signed(struct kvm_vcpu *k)
{
	u64 value = k->vcpu->priv->exit.mmio.value;
	struct insn_access a;
	struct context c;

	context_read_place(&c, k);
	if (!insn_decode_access(fetch(&c), &a) || !a.sign_extend || !a.reg)
		return;
	kvm_complete(k);
	reg_set(k->fd, REG_CORE, REG_X0 + a.reg, insn_load_result(&a, value));
}

void kvm_answer_failed(struct kvm_vcpu *k)
{
	bool write = k->vcpu->priv->exit.mmio.write;
	struct context c;

	context_read(&c, k);
	/* The kernel writes rd and steps over the instruction: that is undone. */
	kvm_complete(k);
	k->vcpu->vm->engine->set_regs(k->vcpu, &c.regs);
	inject(&c, write ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS, address_of(&c, fetch(&c)));
}
