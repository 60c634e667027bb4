/*
 * A load or store that is not RAM: the instruction is fetched and decoded, the core answers, the
 * next entry delivers the answer.
 */
#include "engine/classic/classic.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"

/* False if it is not a plain load or store, or in a misaligned one that crosses a page, where va is
 * where the second page begins. */
bool classic_decode(struct classic_vcpu *c, u64 va, struct insn_access *a)
{
	struct insn_address address;
	u32 insn;

	return classic_fetch(c, c->frame.pc, &insn) && insn_decode_access(insn, a) &&
	       insn_decode_address(insn, &address) &&
	       c->frame.x[address.base] + (u64)(s64)address.offset == va;
}

u64 classic_store_value(struct classic_vcpu *c, const struct insn_access *a)
{
	u64 value = a->fp ? classic_fp_get(c, a->reg) : c->frame.x[a->reg];

	return a->size == 8 ? value : value & (BIT(8 * a->size) - 1);
}

/* ---- The light path ---- */

void classic_forget_mmio(struct classic_vcpu *c)
{
	if (c->mmio_text == ~0ul)
		return;
	c->mmio_text = ~0ul;
	for (unsigned i = 0; i < CLASSIC_MMIO_PAGES; i++)
		c->mmio_pages[i].key = 0;
	for (unsigned i = 0; i < CLASSIC_MMIO_INSNS; i++)
		c->mmio_insns[i].key = 0;
	c->mmio_at = c->mmio_text_at = COVERS_NOTHING;
}

static struct classic_mmio_page *page_of(struct classic_vcpu *c, u64 va)
{
	return &c->mmio_pages[va / PTE_PAGE_SIZE % CLASSIC_MMIO_PAGES];
}

static struct classic_mmio_insn *insn_of(struct classic_vcpu *c, u64 pc)
{
	return &c->mmio_insns[pc / 2 % CLASSIC_MMIO_INSNS];
}

static u32 text_word(const u16 *text)
{
	return __atomic_load_n(text, __ATOMIC_RELAXED) |
	       (u32)__atomic_load_n(text + 1, __ATOMIC_RELAXED) << 16;
}

/* Of the guest's page. */
static u64 size_at(struct classic_vcpu *c, u64 va, enum walk_access access)
{
	struct walk_result w;

	return classic_walk(c, va, access, &w) ? PTE_PAGE_SIZE : w.size;
}

/* Not if it goes on in another page. Permissions were checked for this kind of access and root; a
 * store is only remembered apart from loads by its instruction. */
static void remember(struct classic_vcpu *c, u64 va, u64 gpa, const struct insn_access *a)
{
	u64 pc = c->frame.pc;
	const u16 *text = classic_text(c, pc);

	if (!text || (pc + 2) % PTE_PAGE_SIZE == 0)
		return;
	if (c->mmio_text != pc / PTE_PAGE_SIZE)
		classic_forget_mmio(c);
	c->mmio_text = pc / PTE_PAGE_SIZE;
	covers_add(&c->mmio_text_at, pc, size_at(c, pc, WALK_EXECUTE));
	covers_add(&c->mmio_at, va, size_at(c, va, a->store ? WALK_WRITE : WALK_READ));
	*page_of(c, va) = (struct classic_mmio_page){
		.key = c->frame.guest_satp,
		.va = align_down(va, PTE_PAGE_SIZE) | a->store,
		.gpa = align_down(gpa, PTE_PAGE_SIZE),
	};
	*insn_of(c, pc) = (struct classic_mmio_insn){
		.key = c->frame.guest_satp, .pc = pc, .text = text, .word = text_word(text), .access = *a,
	};
}

/* The frame has the caller-saved registers only, and x0: ra, t0-t2, a0-a7, t3-t6. */
#define LIGHT_REGS (BIT(0) | BIT(1) | MASK(7, 5) | MASK(17, 10) | MASK(31, 28))

bool classic_light_mmio(struct classic_vcpu *c, u64 cause, u64 va)
{
	u64 pc = csr_read(CSR_SEPC), key = c->frame.guest_satp, value;
	const struct classic_mmio_page *page = page_of(c, va);
	const struct classic_mmio_insn *insn = insn_of(c, pc);
	struct insn_access a = insn->access;
	bool store = cause == CAUSE_STORE_PAGE_FAULT;

	if (page->key != key || page->va != (align_down(va, PTE_PAGE_SIZE) | store) ||
	    insn->key != key || insn->pc != pc || insn->word != text_word(insn->text) ||
	    a.store != store || a.fp || !(LIGHT_REGS >> a.reg & 1) || !(va % PTE_PAGE_SIZE))
		return false;
	value = c->frame.x[a.reg] & (~0ul >> (64 - 8 * a.size));
	if (!bus_access(&c->vcpu->vm->bus, page->gpa + va % PTE_PAGE_SIZE, a.size, store, &value))
		return false;
	if (!store && a.reg)
		c->frame.x[a.reg] = insn_load_result(&a, value);
	c->frame.pc = pc + a.length;
	c->priv->exits[EXIT_MMIO]++;
	return true;
}

/* ---- The plain path ---- */

u64 classic_access_fault(u64 cause)
{
	if (cause == CAUSE_INSN_PAGE_FAULT)
		return CAUSE_INSN_ACCESS;
	return cause == CAUSE_STORE_PAGE_FAULT ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS;
}

void classic_finish_access(struct classic_vcpu *c, const struct insn_access *a, u64 value)
{
	c->frame.pc += a->length;
	if (a->store)
		return;
	if (a->fp)
		classic_fp_set(c, a->reg, insn_load_result(a, value));
	else if (a->reg)
		c->frame.x[a->reg] = insn_load_result(a, value);
}

bool classic_mmio(struct classic_vcpu *c, u64 cause, u64 va, u64 gpa)
{
	struct vmexit *e = &c->priv->exit;
	struct insn_access a;

	/* Another vCPU may have put a store where a load was, which alone was allowed. */
	if (cause == CAUSE_INSN_PAGE_FAULT || !classic_decode(c, va, &a) ||
	    a.store != (cause == CAUSE_STORE_PAGE_FAULT)) {
		classic_inject(c, classic_access_fault(cause), va);
		return false;
	}
	e->kind = EXIT_MMIO;
	e->mmio.gpa = gpa;
	e->mmio.size = a.size;
	e->mmio.write = a.store;
	if (a.store)
		e->mmio.value = classic_store_value(c, &a);
	c->access = a;
	c->access_va = va;
	remember(c, va, gpa, &a);
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
	classic_finish_access(c, a, e->mmio.value);
}
