/*
 * A load or store that is not RAM. The instruction comes from htinst where the
 * hart fills that in, else it is fetched; the core answers; the next entry
 * delivers the answer. "Trap Value Registers", "Transformed Instruction".
 */
#include "engine/hext/hext.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"
#include "riscv/insn.h"

static void access_fault(struct hext_vcpu *h, u64 stval)
{
	bool store = h->frame.scause == CAUSE_STORE_GUEST_PAGE_FAULT;

	hext_inject(h, store ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS, stval);
}

/* In a misaligned access that crosses a page, stval is where the second page begins. */
static bool starts_at_fault(const struct hext_vcpu *h, u32 insn, u64 stval)
{
	struct insn_address address;

	return insn_decode_address(insn, &address) &&
	       h->frame.x[address.base] + (u64)(s64)address.offset == stval;
}

/* False with the guest's registers as they were if it is not a plain load or store. */
static bool decode(struct hext_vcpu *h, u64 stval, struct insn_access *a)
{
	u64 htinst = hext_machine.no_htinst ? 0 : csr_read(CSR_HTINST);
	u32 insn;

	if (htinst)
		return insn_decode_htinst(htinst, a) && !a->offset;
	insn = hext_fetch(h->frame.pc);
	return insn && insn_decode_access(insn, a) &&
	       starts_at_fault(h, insn, stval);
}

static u64 store_value(struct hext_vcpu *h, const struct insn_access *a)
{
	u64 value = a->fp ? hext_fp_get(h, a->reg) : h->frame.x[a->reg];

	return a->size == 8 ? value : value & (BIT(8 * a->size) - 1);
}

/* True with the question in exit; false when the guest got its fault and goes on. */
bool hext_guest_page_fault(struct hext_vcpu *h)
{
	struct vmexit *e = &h->vcpu->priv->exit;
	u64 stval = csr_read(CSR_STVAL), htval = csr_read(CSR_HTVAL);
	struct insn_access a;

	if (!decode(h, stval, &a)) {
		access_fault(h, stval);
		return false;
	}
	e->kind = EXIT_MMIO;
	e->mmio.gpa = htval << HTVAL_SHIFT | (stval & 3);
	e->mmio.size = a.size;
	e->mmio.write = a.store;
	if (a.store)
		e->mmio.value = store_value(h, &a);
	h->access = a;
	h->access_stval = stval;
	return true;
}

void hext_answer_mmio(struct hext_vcpu *h)
{
	const struct vmexit *e = &h->vcpu->priv->exit;
	const struct insn_access *a = &h->access;

	if (e->mmio.failed) {
		hext_inject(h, a->store ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS, h->access_stval);
		return;
	}
	h->frame.pc += a->length;
	if (a->store)
		return;
	if (a->fp)
		hext_fp_set(h, a->reg, insn_load_result(a, e->mmio.value));
	else if (a->reg)
		h->frame.x[a->reg] = insn_load_result(a, e->mmio.value);
}
