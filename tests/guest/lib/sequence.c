/* The frame around a random program: trap handler, entry, exit, and what is compared. */
#include "lib/sequence.h"

/* Memory that the program reaches through its own register; all within 2 KiB. */
struct context {
	u64 x[32];
	u64 csr[SEQUENCE_CSRS];
	u64 host[16];
	u64 spill[2];
	struct trap_log *log, *log_end;
	u64 resume, plain;
};

#define CTX(field) ((s64)offsetof(struct context, field))

_Static_assert(offsetof(struct context, host) == 384, "sequence_enter");
_Static_assert(sizeof(struct context) < 2048, "offsets of 12 bits");

/* Used by the assembly below only. */
u64 sequence_enter(struct context *ctx, const u32 *code);
extern const u8 sequence_leave[];

/* The code starts by loading t0, which is lost here. */
asm(".text\n.balign 4\n"
    ".macro each_kept op\n"
    "\t\\op ra, 384(a0)\n\t\\op sp, 392(a0)\n\t\\op gp, 400(a0)\n\t\\op tp, 408(a0)\n"
    "\t.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n\t\\op s\\n, (416 + \\n * 8)(a0)\n\t.endr\n"
    ".endm\n"
    "sequence_enter:\n\teach_kept sd\n\tmv t0, a1\n"
    "\t.irp n, 1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, "
    "25, 26, 27, 28, 29, 30, 31\n\tld x\\n, (\\n * 8)(a0)\n\t.endr\n"
    "\tld a0, 80(a0)\n\tjr t0\n"
    "sequence_leave:\n\teach_kept ld\n\tret\n");

const u32 sequence_csrs[SEQUENCE_CSRS] = {
	CSR_SSTATUS, CSR_SIE, CSR_SIP, CSR_STVEC, CSR_SSCRATCH, CSR_SEPC, CSR_SCAUSE, CSR_STVAL,
	CSR_SATP, CSR_SCOUNTEREN, CSR_SENVCFG, CSR_STIMECMP,
};

static u32 text[TEXT_SIZE] __attribute__((aligned(4096)));
static u64 pool[POOL_SIZE] __attribute__((aligned(4096)));
u64 sequence_data[DATA_SIZE] __attribute__((aligned(4096)));
static struct trap_log log_entries[LOG_SIZE];
static struct context context;
static u64 *roots[2];

static void alias_map(u64 *root, const void *from, u64 size, u64 flags)
{
	for (u64 at = 0; at < size; at += PAGE_SIZE)
		table_map(root, ((u64)from + at) | USER_ALIAS, (u64)from + at,
			  flags | PTE_V | PTE_U | PTE_A | PTE_D);
}

void sequence_init(void)
{
	for (u64 i = 0; i < 2; i++) {
		u64 *probe = page_get();

		*probe = 0x1111 * (i + 1);
		roots[i] = compare_root(3);
		table_map(roots[i], PROBE_VA, (u64)probe, PTE_RW);
		alias_map(roots[i], text, sizeof(text), PTE_R | PTE_X);
		alias_map(roots[i], pool, sizeof(pool), PTE_R);
		alias_map(roots[i], sequence_data, sizeof(sequence_data), PTE_R | PTE_W);
	}
	sfence_vma();
}

u64 sequence_satp(const struct compare *c, u64 space, u64 *rng)
{
	u64 asid = (random_next(rng) & ~1ul) | space;

	return compare_satp(roots[space], 3, asid & (BIT(c->asid_bits) - 1));
}

u64 sequence_stvec(u64 mode)
{
	return (u64)text | mode;
}

u32 sequence_register(const struct sequence *s, bool not_own)
{
	u32 r = 1 + (u32)random_below(s->rng, 31);

	return not_own && r == s->own ? r % 31 + 1 : r;
}

/* -- The exit ------------------------------------------------------------------------------- */

static bool csr_present(const struct compare *c, u32 csr)
{
	if (csr == CSR_SENVCFG)
		return compare_has(c, FEATURE_SENVCFG);
	if (csr == CSR_STIMECMP)
		return compare_has(c, FEATURE_SSTC);
	return csr != 0;
}

static void emit_exit(struct sequence *s)
{
	u32 t = s->own == 1 ? 2 : 1;

	s->exit = s->e.at;
	emit_address(&s->e, s->own, &context);
	for (u32 i = 1; i < 32; i++)
		emit(&s->e, code_sd(i, CTX(x) + i * 8, s->own));
	for (u32 i = 0; i < SEQUENCE_CSRS; i++) {
		if (!csr_present(s->c, sequence_csrs[i]))
			continue;
		emit(&s->e, code_csrr(t, sequence_csrs[i]));
		emit(&s->e, code_sd(t, CTX(csr) + i * 8, s->own));
		if (sequence_csrs[i] == CSR_SSTATUS)
			emit(&s->e, code_csr(CSRRCI, 0, CSR_SSTATUS, SSTATUS_SIE));
	}
	emit(&s->e, code_addi(10, s->own, 0));
	emit_constant(&s->e, 5, (u64)sequence_leave);
	emit(&s->e, code_i(OP_JALR, 0, 0, 5, 0));
}

/* -- The handler -----------------------------------------------------------------------------
 *
 * own: the context; t and u, whose values are put away in it, are free.
 */

struct handler {
	u32 own, t, u;
	const u32 *back, *resume, *interrupt, *common;
};

static void emit_restore(struct emit *e, const struct handler *h)
{
	emit(e, code_ld(h->u, CTX(spill[1]), h->own));
	emit(e, code_ld(h->t, CTX(spill[0]), h->own));
}

/* Goes on at context.resume: by sret to S-mode, or by a jump, with the trap still open. */
static void emit_resume(struct emit *e, struct handler *h)
{
	const u32 *plain = e->at;

	emit_restore(e, h);
	emit(e, code_ld(h->own, CTX(resume), h->own));
	emit(e, code_i(OP_JALR, 0, 0, h->own, 0));
	h->resume = e->at;
	emit(e, code_ld(h->t, CTX(plain), h->own));
	emit_branch(e, 1, h->t, 0, plain);
	emit(e, code_ld(h->t, CTX(resume), h->own));
	emit(e, code_csrw(CSR_SEPC, h->t));
	emit(e, code_addi(h->t, 0, SSTATUS_SPP));
	emit(e, code_csr(CSRRS, 0, CSR_SSTATUS, h->t));
	emit_jump(e, 0, h->back);
}

/* Clears SSIP, which is the only writable bit of sip; else the interrupt's bit of sie. */
static void emit_interrupt(struct emit *e, struct handler *h)
{
	h->interrupt = e->at;
	emit(e, code_i(OP_IMM, 7, h->t, h->t, 31));
	emit(e, code_addi(h->u, 0, 1));
	emit(e, code_r(OP_REG, 1, 0, h->u, h->u, h->t));
	emit(e, code_csr(CSRRC, 0, CSR_SIP, h->u));
	emit(e, code_i(OP_IMM, 7, h->u, h->u, (s64)~BIT(IRQ_SSI)));
	emit(e, code_csr(CSRRC, 0, CSR_SIE, h->u));
	emit_jump(e, 0, h->back);
}

/* stval goes to the log alone: what an illegal instruction leaves there is compared normalised. */
static void emit_log(struct emit *e, const struct handler *h, const u32 *full)
{
	static const u32 csrs[] = { CSR_SCAUSE, CSR_SEPC, CSR_STVAL, CSR_SSTATUS, CSR_SIP };

	emit(e, code_sd(h->u, CTX(spill[1]), h->own));
	emit(e, code_ld(h->u, CTX(log), h->own));
	emit(e, code_sd(h->t, offsetof(struct trap_log, slot), h->u));
	for (u32 i = 0; i < ARRAY_SIZE(csrs); i++) {
		emit(e, code_csrr(h->t, csrs[i]));
		emit(e, code_sd(h->t, 8 + 8 * i, h->u));
	}
	emit(e, code_csrw(CSR_STVAL, 0));
	emit(e, code_addi(h->u, h->u, sizeof(struct trap_log)));
	emit(e, code_sd(h->u, CTX(log), h->own));
	emit(e, code_ld(h->t, CTX(log_end), h->own));
	emit_branch(e, 7, h->u, h->t, full);
}

static void emit_dispatch(struct emit *e, const struct handler *h)
{
	static const u32 resumes[] = { TRAP_INSN_ACCESS, TRAP_ECALL_U, TRAP_INSN_PAGE };

	emit(e, code_csrr(h->t, CSR_SCAUSE));
	emit_branch(e, 4, h->t, 0, h->interrupt);
	for (u32 i = 0; i < ARRAY_SIZE(resumes); i++) {
		emit(e, code_addi(h->u, 0, resumes[i]));
		emit_branch(e, 0, h->t, h->u, h->resume);
	}
}

/* Steps over the instruction, 2 or 4 bytes, which is read without the alias of U-mode. */
static void emit_skip(struct emit *e, const struct handler *h)
{
	emit(e, code_csrr(h->t, CSR_SEPC));
	emit(e, code_i(OP_IMM, 1, h->t, h->t, 28));
	emit(e, code_i(OP_IMM, 5, h->t, h->t, 28));
	emit(e, code_i(OP_LOAD, 5, h->u, h->t, 0));
	emit(e, code_i(OP_IMM, 7, h->u, h->u, 3));
	emit(e, code_addi(h->u, h->u, -3));
	emit(e, code_csrr(h->t, CSR_SEPC));
	emit(e, code_addi(h->t, h->t, 2));
	emit_branch(e, 1, h->u, 0, e->at + 2);
	emit(e, code_addi(h->t, h->t, 2));
	emit(e, code_csrw(CSR_SEPC, h->t));
	emit_jump(e, 0, h->back);
}

/* Sixteen vectors, each of which says which one it was. */
static void emit_vectors(struct emit *e, const struct handler *h)
{
	for (u32 i = 0; i < 16; i++) {
		struct emit vector = { .at = text + i };

		emit_jump(&vector, 0, e->at);
		emit_address(e, h->own, &context);
		emit(e, code_sd(h->t, CTX(spill[0]), h->own));
		emit(e, code_addi(h->t, 0, i));
		emit_jump(e, 0, h->common);
	}
}

static void emit_handler(struct sequence *s)
{
	struct emit *e = &s->e;
	struct handler h = { .own = s->own, .t = s->own % 31 + 1 };

	h.u = h.t % 31 + 1;
	h.back = e->at;
	emit_restore(e, &h);
	emit(e, WORD_SRET);
	emit_resume(e, &h);
	emit_interrupt(e, &h);
	h.common = e->at;
	emit_log(e, &h, s->exit);
	emit_dispatch(e, &h);
	emit_skip(e, &h);
	emit_vectors(e, &h);
}

u64 *sequence_resume(struct sequence *s, bool plain)
{
	u32 x = sequence_register(s, true);
	u64 *place;

	emit_address(&s->e, s->own, &context);
	place = emit_constant(&s->e, x, 0);
	emit(&s->e, code_sd(x, CTX(resume), s->own));
	emit(&s->e, code_addi(x, 0, plain));
	emit(&s->e, code_sd(x, CTX(plain), s->own));
	return place;
}

/* -- A program's life ------------------------------------------------------------------------- */

static u32 *start;

void sequence_begin(struct sequence *s, const struct compare *c, u64 *rng)
{
	*s = (struct sequence){ .c = c, .rng = rng, .e = { text + 16, pool } };
	s->own = sequence_register(s, false);
	for (u32 i = 1; i < 32; i++)
		s->x[i] = random_next(rng) >> random_below(rng, 64);
	for (u32 i = 0; i < DATA_SIZE; i++)
		sequence_data[i] = random_next(rng);
	emit_exit(s);
	emit_handler(s);
	start = s->e.at;
	emit_constant(&s->e, 5, s->x[5]);
}

/* Room for one more piece, the longest of which is a stay in U-mode. */
bool sequence_full(const struct sequence *s)
{
	return s->e.at > text + TEXT_SIZE - 400 || s->e.pool > pool + POOL_SIZE - 100;
}

static void code_trace(const struct sequence *s)
{
	for (const u32 *p = start; p < s->e.at; p++)
		print("code %lx: %08x\n", (u64)p, *p);
	for (const u64 *p = pool; p < s->e.pool; p++)
		print("pool %lx: %lx\n", (u64)p, *p);
}

/* What another machine may do otherwise, though it is as the specification says, is left out. */

#define SSTATUS_COMPARED (SSTATUS_SIE | SSTATUS_SPIE | SSTATUS_SPP | SSTATUS_VS | SSTATUS_FS | \
			  SSTATUS_SUM | SSTATUS_MXR | SSTATUS_UXL | SSTATUS_SD)
#define IRQS_COMPARED (BIT(IRQ_SSI) | BIT(IRQ_STI) | BIT(IRQ_SEI))

/*
 * An illegal instruction's stval may be 0 or the instruction, a breakpoint's 0 or its address
 * (section 12.1.9).
 */
static u64 stval_normal(const struct trap_log *l)
{
	const u16 *at = (const u16 *)(l->sepc & ~USER_ALIAS);
	u64 word;

	if (l->scause == TRAP_BREAKPOINT)
		return l->stval == l->sepc ? 0 : l->stval;
	if (l->scause != TRAP_ILLEGAL || (u64)at < (u64)text || (u64)at >= (u64)(text + TEXT_SIZE))
		return l->stval;
	word = (at[0] & 3) == 3 ? (u64)at[1] << 16 | at[0] : at[0];
	return l->stval == word ? 0 : l->stval;
}

static void log_note(struct compare *c, const struct trap_log *l)
{
	if (c->tracing)
		print("trap\n");
	compare_note(c, " vector", l->slot);
	compare_note(c, " scause", l->scause);
	compare_note(c, " sepc", l->sepc);
	compare_note(c, " stval", stval_normal(l));
	compare_note(c, " sstatus", l->sstatus & SSTATUS_COMPARED);
	compare_note(c, " sip", l->sip & IRQS_COMPARED);
}

static u64 csr_normal(u32 csr, u64 v)
{
	switch (csr) {
	case CSR_SSTATUS:
		return v & SSTATUS_COMPARED;
	case CSR_SIE:
	case CSR_SIP:
		return v & IRQS_COMPARED;
	case CSR_SCOUNTEREN:
		return v & 7;
	case CSR_SENVCFG:
		return v & 0xf1;
	}
	return v;
}

static void results_note(const struct sequence *s, struct compare *c)
{
	static const char *const names[] = { "sstatus", "sie", "sip", "stvec", "sscratch", "sepc",
		"scause", "stval", "satp", "scounteren", "senvcfg", "stimecmp" };
	u64 data = 0;

	for (const struct trap_log *l = log_entries; l < context.log; l++)
		log_note(c, l);
	for (u32 i = 1; i < 32; i++) {
		if (c->tracing)
			print("x%u=", i);
		compare_note(c, "", i == s->own ? 0 : context.x[i]);
	}
	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		compare_note(c, names[i], csr_normal(sequence_csrs[i], context.csr[i]));
	for (u32 i = 0; i < DATA_SIZE; i++)
		data = data * 31 + sequence_data[i];
	compare_note(c, "data", data);
}

/* The deadline has come, or is gone: some machines take a moment. */
static void timer_await(u64 deadline, u64 pending)
{
	u64 end = time_read() + timer_frequency();

	timer_set(deadline);
	while ((csr_read(sip) & BIT(IRQ_STI)) != pending && time_read() < end)
		;
}

static void csrs_write(const struct sequence *s)
{
	csr_write(sstatus, s->csr[0]);
	csr_write(sie, s->csr[1]);
	csr_write(sip, s->csr[2]);
	csr_write(stvec, s->csr[3]);
	csr_write(sscratch, s->csr[4]);
	csr_write(sepc, s->csr[5]);
	csr_write(scause, s->csr[6]);
	csr_write(stval, s->csr[7]);
	csr_write(scounteren, s->csr[9]);
	if (compare_has(s->c, FEATURE_SENVCFG))
		csr_write(0x10a, s->csr[10]);
}

void sequence_end(struct sequence *s, struct compare *c)
{
	u64 stvec = csr_read(stvec), sscratch = csr_read(sscratch);

	emit_jump(&s->e, 0, s->exit);
	if (c->tracing)
		code_trace(s);
	fence_i();
	context = (struct context){ .log = log_entries, .log_end = log_entries + LOG_SIZE - 1,
		.resume = (u64)s->exit };
	for (u32 i = 1; i < 32; i++)
		context.x[i] = s->x[i];
	if (s->timer)
		timer_await(0, BIT(IRQ_STI));
	else
		timer_await(~0ul, 0);
	csrs_write(s);
	sequence_enter(&context, start);
	csr_write(sie, 0);
	csr_write(sip, 0);
	csr_write(satp, 0);
	csr_write(stvec, stvec);
	csr_write(sscratch, sscratch);
	csr_write(sstatus, SSTATUS_UXL & 2ul << 32);
	csr_write(scounteren, 7);
	results_note(s, c);
}
