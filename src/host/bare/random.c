/*
 * host_random(): a ChaCha core (RFC 8439, section 2.3; 20 rounds) keyed by the
 * boot loader's seed, into which clocks and Zkr's entropy are mixed. Each block
 * gives half of itself as the next key, so that what was given out cannot be
 * computed afterwards.
 */
#include "host/bare/random.h"

#include "host/bare/boot.h"
#include "host/bare/cpu.h"
#include "host/host.h"
#include "lib/lock.h"

#define ROUNDS 20
#define POLLS 64 /* of the entropy source, for 16 bits */

static struct lock lock;
static u32 key[8];
static u64 counter;

static void quarter(u32 *x, unsigned a, unsigned b, unsigned c, unsigned d)
{
	static const u8 turn[] = { 16, 12, 8, 7 };

	for (unsigned i = 0; i < 4; i += 2) {
		x[a] += x[b];
		x[d] = (x[d] ^ x[a]) << turn[i] | (x[d] ^ x[a]) >> (32 - turn[i]);
		x[c] += x[d];
		x[b] = (x[b] ^ x[c]) << turn[i + 1] | (x[b] ^ x[c]) >> (32 - turn[i + 1]);
	}
}

static void chacha_block(const u32 *in, u32 *x)
{
	for (unsigned i = 0; i < 16; i++)
		x[i] = in[i];
	for (unsigned round = 0; round < ROUNDS; round += 2) {
		for (unsigned i = 0; i < 4; i++)
			quarter(x, i, 4 + i, 8 + i, 12 + i);
		for (unsigned i = 0; i < 4; i++)
			quarter(x, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
	}
	for (unsigned i = 0; i < 16; i++)
		x[i] += in[i];
}

/* Turns the key over, with @extra in the nonce's place; 64 bits come out. */
static u64 turn_over(u64 extra)
{
	u32 in[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 }, out[16];

	for (unsigned i = 0; i < 8; i++)
		in[4 + i] = key[i];
	counter++;
	in[12] = (u32)counter;
	in[13] = (u32)(counter >> 32);
	in[14] = (u32)extra;
	in[15] = (u32)(extra >> 32);
	chacha_block(in, out);
	for (unsigned i = 0; i < 8; i++)
		key[i] = out[i];
	return out[8] | (u64)out[9] << 32;
}

/* 16 bits of the seed CSR ("Entropy Source"): OPST in the two highest bits is 2 when good. */
static u64 seed_poll(void)
{
	for (unsigned i = 0; cpu_features.zkr && i < POLLS; i++) {
		u64 v;

		__asm__ volatile("csrrw %0, 0x015, zero" : "=r"(v));
		if ((v >> 30 & 3) == 2)
			return v & 0xffff;
	}
	return 0;
}

void random_init(void)
{
	u8 seed[128];
	size_t n = tree_seed(&host_tree, seed, sizeof(seed));

	turn_over(host_time());
	for (size_t i = 0; i < n; i++)
		turn_over(seed[i]);
	for (unsigned i = 0; i < 16; i++)
		turn_over(seed_poll() ^ host_time());
}

u64 host_random(void)
{
	u64 v;

	lock_take(&lock);
	v = turn_over(host_time());
	lock_drop(&lock);
	return v;
}
