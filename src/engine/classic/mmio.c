/*
 * A load or store that is not RAM: the instruction is fetched and decoded, the core answers, the
 * next entry delivers the answer.
 */
#include "engine/classic/classic.h"
#include "riscv/csr.h"

/* False if it is not a plain load or store, or in a misaligned one that crosses a page, where va is
 * where the second page begins. */
static bool decode(struct classic_vcpu *c, u64 va, struct insn_access *a)
{
	struct insn_address address;
	u32 insn;

	return classic_fetch(c, c->frame.pc, &insn) && insn_decode_access(insn, a) &&
	       insn_decode_address(insn, &address) &&
	       c->frame.x[address.base] + (u64)(s64)address.offset == va;
}

static u64 store_value(struct classic_vcpu *c, const struct insn_access *a)
{
	u64 value = a->fp ? classic_fp_get(c, a->reg) : c->frame.x[a->reg];

	return a->size == 8 ? value : value & (BIT(8 * a->size) - 1);
}

u64 classic_access_fault(u64 cause)
{
	if (cause == CAUSE_INSN_PAGE_FAULT)
		return CAUSE_INSN_ACCESS;
	return cause == CAUSE_STORE_PAGE_FAULT ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS;
}

bool classic_mmio(struct classic_vcpu *c, u64 cause, u64 va, u64 gpa)
{
	struct vmexit *e = &c->priv->exit;
	struct insn_access a;

	if (cause == CAUSE_INSN_PAGE_FAULT || !decode(c, va, &a)) {
		classic_inject(c, classic_access_fault(cause), va);
		return false;
	}
	e->kind = EXIT_MMIO;
	e->mmio.gpa = gpa;
	e->mmio.size = a.size;
	e->mmio.write = a.store;
	if (a.store)
		e->mmio.value = store_value(c, &a);
	c->access = a;
	c->access_va = va;
	return true;
}

void classic_answer_mmio(struct classic_vcpu *c)
{
	const struct vmexit *e = &c->priv->exit;
	const struct insn_access *a = &c->access;

	if (e->mmio.failed) {
		classic_inject(c, a->store ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS, c->access_va);
		return;
	}
	c->frame.pc += a->length;
	if (a->store)
		return;
	if (a->fp)
		classic_fp_set(c, a->reg, insn_load_result(a, e->mmio.value));
	else if (a->reg)
		c->frame.x[a->reg] = insn_load_result(a, e->mmio.value);
}
