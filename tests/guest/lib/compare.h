/*
 * What the programs that compare machines share: boot arguments, what both machines have, and a
 * digest of what was seen, printed after each batch.
 *
 * Boot arguments, all decimal: seed=N, count=N steps, trace=BATCH (every value of that batch is
 * printed), features=MASK and asid=BITS (use no more than that, so that two machines that differ
 * do the same steps).
 */
#ifndef GUEST_COMPARE_H
#define GUEST_COMPARE_H

#include "lib/guest.h"

enum feature {
	FEATURE_NO_H = 1 << 0, /* an H instruction is illegal */
	FEATURE_F = 1 << 1,
	FEATURE_D = 1 << 2,
	FEATURE_V = 1 << 3,
	FEATURE_SSTC = 1 << 4,
	FEATURE_SENVCFG = 1 << 5,
	FEATURE_COUNTERS = 1 << 6, /* cycle and instret can be read in S-mode */
	FEATURE_SVINVAL = 1 << 7,
	FEATURE_ZICBOM = 1 << 8,
	FEATURE_ZICBOZ = 1 << 9,
	FEATURE_SV48 = 1 << 10,
	FEATURE_SV57 = 1 << 11,
	FEATURE_NO_F = 1 << 12,
	FEATURE_NO_V = 1 << 13,
	FEATURE_NO_SVPBMT = 1 << 14,
};

enum { COMPARE_BATCH = 25 };

struct compare {
	const char *name;
	u64 seed, count, trace;
	u64 features;
	u64 asid_bits;
	u64 digest;
	bool tracing;
	void (*step)(struct compare *c, u64 *rng);
};

/* Reads the arguments, probes the machine, and runs @step @count times, each with its own seed. */
void compare_run(struct compare *c, u64 count);

/* Takes a value into the digest; @label is for the trace only. */
void compare_note(struct compare *c, const char *label, u64 value);

static inline bool compare_has(const struct compare *c, u64 features)
{
	return (c->features & features) == features;
}

/* A number below @n, which is not 0. */
static inline u64 random_below(u64 *rng, u64 n)
{
	return (random_next(rng) >> 16) % n;
}

static inline bool random_bool(u64 *rng)
{
	return random_next(rng) >> 40 & 1;
}

/* A root of @levels (3 to 5) that maps the first 4 GiB one to one for S-mode, and its satp. */
u64 *compare_root(u64 levels);
u64 compare_satp(const u64 *root, u64 levels, u64 asid);

#endif
