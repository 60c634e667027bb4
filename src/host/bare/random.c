/*
 * host_random(): a ChaCha core (RFC 8439, section 2.3; 20 rounds) keyed by the
 * boot loader's seed, into which clocks, Zkr's entropy and that of a virtio device
 * are mixed. Each block gives half of itself as the next key, so that what was given
 * out cannot be computed afterwards.
 */
#include "host/bare/random.h"

#include <string.h>

#include "host/bare/boot.h"
#include "host/bare/cpu.h"
#include "host/host.h"
#include "lib/lock.h"

#define ROUNDS 20
#define POLLS 64 /* of the entropy source, for 16 bits */
#define SEED_MIN 16 /* bytes of a boot loader's seed that count as random */
#define DRAWN_MAX (4 * KIB) /* then more entropy is asked for */

enum random_from { FROM_SEED = 1, FROM_ZKR = 2, FROM_DEVICE = 4 };

static struct lock lock; /* guards all below */
static u32 key[8];
static u64 counter;
static u32 sources; /* enum random_from, of those that gave something */
static u64 drawn;   /* bytes, since more was asked for */
static void (*refill)(void);

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
		if ((v >> 30 & 3) == 2) {
			sources |= FROM_ZKR;
			return v & 0xffff;
		}
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
	if (n >= SEED_MIN)
		sources |= FROM_SEED;
}

void random_mix(const u8 *bytes, u64 size)
{
	lock_take(&lock);
	for (u64 i = 0; i < size; i += sizeof(u64)) {
		u64 word = 0;

		memcpy(&word, bytes + i, min_u64(size - i, sizeof(word)));
		turn_over(word);
	}
	if (size)
		sources |= FROM_DEVICE;
	lock_drop(&lock);
}

void random_set_refill(void (*ask)(void))
{
	lock_take(&lock);
	refill = ask;
	lock_drop(&lock);
}

const char *random_source(void)
{
	static const char *const names[] = {
		"nothing but clocks", "the boot loader's seed", "Zkr", "the boot loader's seed and Zkr",
		"virtio-rng", "the boot loader's seed and virtio-rng", "Zkr and virtio-rng",
		"the boot loader's seed, Zkr and virtio-rng",
	};

	return names[sources];
}

/* Counts what is drawn, with the lock held; true when more entropy is to be asked for. Zkr is at
 * hand: it is asked at once. */
static bool draw(u64 bytes)
{
	drawn += bytes;
	if (drawn < DRAWN_MAX)
		return false;
	drawn = 0;
	if (cpu_features.zkr)
		for (unsigned i = 0; i < 16; i++)
			turn_over(seed_poll());
	return refill;
}

u64 host_random(void)
{
	bool ask;
	u64 v;

	lock_take(&lock);
	ask = draw(sizeof(v));
	v = turn_over(host_time());
	lock_drop(&lock);
	if (ask)
		refill();
	return v;
}

bool host_entropy(void *buffer, u64 size)
{
	u8 *to = buffer;

	if (!sources)
		return false;
	for (u64 i = 0; i < size; i += sizeof(u64)) {
		u64 word = host_random();

		memcpy(to + i, &word, min_u64(size - i, sizeof(word)));
	}
	return true;
}
