/* What the harts can do: see host/bare/cpu.h. */
#include "host/bare/cpu.h"

#include <stdio.h>
#include <string.h>

#include "host/bare/bare.h"
#include "host/bare/boot.h"
#include "host/bare/probe.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "riscv/csr.h"

struct cpu_features cpu_features;

/* What is no extension by name, for `hide=`. */
static bool hide_henvcfg, hide_senvcfg, hide_stateen, hide_aia, hide_misaligned;

static const struct {
	const char *name;
	bool *flag;
} hidden_flags[] = {
	{ "henvcfg", &hide_henvcfg },
	{ "senvcfg", &hide_senvcfg },
	{ "stateen", &hide_stateen },
	{ "aia", &hide_aia },
	{ "misaligned", &hide_misaligned },
	{ "htinst", &cpu_features.no_htinst },
	{ "light", &cpu_features.no_light },
};

static void hide_one(const char *name, size_t len)
{
	int ext = isa_from_name(name, len);
	bool known = ext >= 0;

	if (known)
		isa_clear(&cpu_features.isa, (enum isa_ext)ext);
	for (size_t i = 0; i < ARRAY_SIZE(hidden_flags); i++)
		if (strlen(hidden_flags[i].name) == len &&
		    memcmp(hidden_flags[i].name, name, len) == 0)
			*hidden_flags[i].flag = known = true;
	if (!known)
		log_line("hide: nothing is called \"%.*s\"", (int)len, name);
}

/* hide=NAME,NAME,... in the boot arguments plays a lesser machine. */
static void hide_all(void)
{
	char list[128];
	const char *at = list;

	if (!bare_bootarg("hide", list, sizeof(list)))
		return;
	while (*at) {
		size_t len = strcspn(at, ",");

		hide_one(at, len);
		at += len + (at[len] == ',');
	}
}

/* Vector registers answer only while sstatus.VS is not off. */
static u64 probe_vlenb(void)
{
	u64 vlenb = 0;
	bool ok;

	csr_set(CSR_SSTATUS, SSTATUS_VS_INITIAL);
	ok = probe_csr(CSR_VLENB, &vlenb);
	csr_clear(CSR_SSTATUS, SSTATUS_VS);
	return ok ? vlenb : 0;
}

static bool probe_fp(void)
{
	u64 v;
	bool ok;

	csr_set(CSR_SSTATUS, SSTATUS_FS_INITIAL);
	ok = probe_csr(CSR_FCSR, &v);
	csr_clear(CSR_SSTATUS, SSTATUS_FS);
	return ok;
}

static bool probe_seed(void)
{
	u64 v;

	return probe_insn("csrrw %1, 0x015, zero", &v);
}

/* Of one block of Zicboz, and its neighbours. */
static u64 scratch[24] __attribute__((aligned(64)));

/* It may be there and yet be firmware's to allow (menvcfg.CBZE); a block may have another size. */
static bool probe_cbo_zero(void)
{
	u64 *block = &scratch[8], v;
	bool ok;

	memset(scratch, 0xff, sizeof(scratch));
	/* cbo.zero: MISC-MEM, funct3 2, immediate 4 */
	ok = probe_insn("la %1, scratch + 64\n\t.insn i 0x0f, 2, x0, %1, 4", &v);
	for (unsigned i = 0; i < 8; i++)
		ok = ok && !block[i];
	return ok && ~block[-1] == 0 && ~block[8] == 0;
}

/* Ticks for some thousand words at @p. */
static u64 loads_ticks(const u8 *p)
{
	u64 start = csr_read(CSR_TIME), word;

	for (unsigned i = 0; i < 4096; i++)
		__asm__ volatile("ld %0, 0(%1)" : "=r"(word) : "r"(p) : "memory");
	return csr_read(CSR_TIME) - start;
}

/* A load that the firmware carries out costs some hundred others: that is not meant by "may". */
static bool probe_misaligned(void)
{
	u64 v, aligned = ~0ul, misaligned = ~0ul;

	if (!probe_insn("la %1, scratch\n\tld %1, 3(%1)", &v))
		return false;
	for (unsigned i = 0; i < 3; i++) {
		aligned = min_u64(aligned, loads_ticks((u8 *)scratch));
		misaligned = min_u64(misaligned, loads_ticks((u8 *)scratch + 3));
	}
	return misaligned < 4 * aligned + 50;
}

/* What the tree promises and the registers keep. */
static void probe(struct cpu_features *c, const struct isa *isa)
{
	u64 v;

	c->isa = *isa;
	c->h = isa_has(isa, ISA_H) && probe_csr(CSR_HGATP, &v);
	c->sstc = isa_has(isa, ISA_SSTC) && probe_csr(CSR_STIMECMP, &v);
	c->svinval = isa_has(isa, ISA_SVINVAL);
	c->svpbmt = isa_has(isa, ISA_SVPBMT);
	c->svadu = isa_has(isa, ISA_SVADU);
	c->zicboz = isa_has(isa, ISA_ZICBOZ);
	c->cbo_zero = c->zicboz && probe_cbo_zero();
	c->misaligned = !hide_misaligned && probe_misaligned();
	c->henvcfg = !hide_henvcfg && c->h && probe_csr(CSR_HENVCFG, &v);
	c->senvcfg = !hide_senvcfg && probe_csr(CSR_SENVCFG, &v);
	c->stateen = !hide_stateen && c->h && probe_csr(CSR_HSTATEEN0, &v);
	c->f = isa_has(isa, ISA_F) && probe_fp();
	c->d = isa_has(isa, ISA_D) && c->f;
	c->vlenb = isa_has(isa, ISA_V) ? probe_vlenb() : 0;
	c->v = c->vlenb != 0;
	c->aia = !hide_aia && isa_has(isa, ISA_SSAIA) && probe_csr(CSR_STOPI, &v);
	c->zkr = isa_has(isa, ISA_ZKR) && probe_seed();
}

void cpu_init(void)
{
	struct isa isa = host_tree.hart[0].isa;

	for (u32 h = 1; h < host_tree.harts; h++)
		isa_intersect(&isa, &host_tree.hart[h].isa);
	cpu_features.isa = isa;
	hide_all();
	isa = cpu_features.isa;
	probe(&cpu_features, &isa);
	cpu_features.timebase = host_tree.timebase;
}

/* Another hart: what it lacks nobody has. Registers that the boot hart uses already (stimecmp)
 * must be there: the tree said so for each. */
void cpu_probe_hart(void)
{
	static struct lock lock;
	struct cpu_features mine, *all = &cpu_features;

	lock_take(&lock);
	probe(&mine, &all->isa);
	all->h &= mine.h;
	all->henvcfg &= mine.henvcfg;
	all->senvcfg &= mine.senvcfg;
	all->stateen &= mine.stateen;
	all->f &= mine.f;
	all->d &= mine.d;
	all->v &= mine.v && mine.vlenb == all->vlenb;
	all->vlenb = all->v ? all->vlenb : 0;
	all->aia &= mine.aia;
	all->zkr &= mine.zkr;
	all->cbo_zero &= mine.cbo_zero;
	all->misaligned &= mine.misaligned;
	lock_drop(&lock);
}

static size_t text_add(char *text, size_t size, size_t at, const char *more)
{
	int n = at < size ? snprintf(text + at, size - at, "%s", more) : 0;

	return at + (n > 0 ? (size_t)n : 0);
}

void cpu_describe(char *text, size_t size)
{
	const struct cpu_features *c = &cpu_features;
	const struct {
		bool have;
		const char *name, *cost;
	} part[] = {
		{ c->h, "H", "no hardware virtualization" },
		{ c->sstc, "Sstc", "timers by firmware calls" },
		{ c->svinval, "Svinval", "fences one by one" },
		{ c->henvcfg, "henvcfg", "no cache-block operations or memory types for guests" },
		{ c->stateen, "stateen", NULL },
		{ c->svpbmt, "Svpbmt", NULL },
		{ c->svadu, "Svadu", NULL },
		{ c->d, "FD", "guests without floating point" },
		{ c->v, "V", NULL },
		{ c->aia, "AIA", NULL },
		{ c->misaligned, "misaligned", NULL },
		{ c->asids > 1, "ASIDs", "every switch of spaces flushes" },
	};
	size_t at = 0;

	for (size_t i = 0; i < ARRAY_SIZE(part); i++) {
		if (!part[i].have)
			continue;
		at = text_add(text, size, at, at ? " " : "");
		at = text_add(text, size, at, part[i].name);
	}
	for (size_t i = 0, n = 0; i < ARRAY_SIZE(part); i++) {
		if (part[i].have || !part[i].cost)
			continue;
		at = text_add(text, size, at, n++ ? ", no " : "; no ");
		at = text_add(text, size, at, part[i].name);
		at = text_add(text, size, at, " (");
		at = text_add(text, size, at, part[i].cost);
		at = text_add(text, size, at, ")");
	}
}
