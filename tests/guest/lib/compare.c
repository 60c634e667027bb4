/* What the programs that compare machines share. */
#include "lib/compare.h"

enum { CSR_SENVCFG = 0x10a, CSR_CYCLE = 0xc00, CSR_INSTRET = 0xc02, SATP_ASID_SHIFT = 44 };

u64 *compare_root(u64 levels)
{
	u64 *root = table_new();

	for (; levels > 3; levels--) {
		u64 *above = page_get();
		above[0] = (u64)root >> 2 | PTE_V;
		root = above;
	}
	return root;
}

u64 compare_satp(const u64 *root, u64 levels, u64 asid)
{
	return (levels + 5) << 60 | asid << SATP_ASID_SHIFT | (u64)root >> 12;
}

/* A mode that is not there leaves satp as it was (privileged specification, section 12.1.11). */
static bool mode_found(u64 levels)
{
	u64 satp = compare_satp(compare_root(levels), levels, 0);
	bool found;

	sfence_vma();
	csr_write(satp, satp);
	found = csr_read(satp) == satp;
	csr_write(satp, 0);
	sfence_vma();
	return found;
}

static u64 asid_bits_find(void)
{
	u64 bits = 0, asid;

	csr_write(satp, compare_satp(compare_root(3), 3, 0xffff));
	asid = csr_read(satp) >> SATP_ASID_SHIFT & 0xffff;
	csr_write(satp, 0);
	sfence_vma();
	for (; asid & 1; asid >>= 1)
		bits++;
	return bits;
}

static u64 extensions_find(void)
{
	static const struct {
		const char *name;
		u64 with, without;
	} all[] = {
		{ "h", 0, FEATURE_NO_H },
		{ "f", FEATURE_F, FEATURE_NO_F },
		{ "d", FEATURE_D, 0 },
		{ "v", FEATURE_V, FEATURE_NO_V },
		{ "sstc", FEATURE_SSTC, 0 },
		{ "svinval", FEATURE_SVINVAL, 0 },
		{ "svpbmt", 0, FEATURE_NO_SVPBMT },
		{ "zicbom", FEATURE_ZICBOM, 0 },
		{ "zicboz", FEATURE_ZICBOZ, 0 },
	};
	u64 found = 0;

	for (u64 i = 0; i < ARRAY_SIZE(all); i++)
		found |= isa_has(all[i].name) ? all[i].with : all[i].without;
	return found;
}

static u64 features_find(void)
{
	u64 found = extensions_find();

	if (try_csr_read(CSR_SENVCFG, NULL) == TRAP_NONE)
		found |= FEATURE_SENVCFG;
	if (try_csr_read(CSR_CYCLE, NULL) == TRAP_NONE &&
	    try_csr_read(CSR_INSTRET, NULL) == TRAP_NONE)
		found |= FEATURE_COUNTERS;
	if (mode_found(4))
		found |= FEATURE_SV48;
	if (mode_found(5))
		found |= FEATURE_SV57;
	return found;
}

static u64 mix(u64 h, u64 v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ul;
	return h ^ h >> 29;
}

void compare_note(struct compare *c, const char *label, u64 value)
{
	c->digest = mix(c->digest, value);
	if (c->tracing)
		print("%s %lx\n", label, value);
}

static void step_run(struct compare *c, u64 i)
{
	u64 rng = mix(mix(1, c->seed), i) | 1;

	if (i % COMPARE_BATCH == 0)
		c->digest = 0;
	c->tracing = i / COMPARE_BATCH == c->trace;
	if (c->tracing)
		print("-- step %lu\n", i);
	c->step(c, &rng);
	if ((i + 1) % COMPARE_BATCH == 0 || i + 1 == c->count)
		print("%s %lu: %016lx\n", c->name, i / COMPARE_BATCH, c->digest);
}

void compare_run(struct compare *c, u64 count)
{
	c->seed = bootarg_number("seed", 1);
	c->count = bootarg_number("count", count);
	c->trace = bootarg_number("trace", ~0ul);
	c->features = features_find() & bootarg_number("features", ~0ul);
	c->asid_bits = min_u64(asid_bits_find(), bootarg_number("asid", 16));
	print("%s: features=%lu asid=%lu seed=%lu count=%lu\n", c->name, c->features, c->asid_bits,
	      c->seed, c->count);
	for (u64 i = 0; i < c->count; i++)
		step_run(c, i);
	print("%s: done\n", c->name);
}
