/* guest: vcpus=2 memory=32M match=lines */
/*
 * A driver that means no good, for all virtio devices of a VM: rings that the second hart
 * scribbles over while the first one uses them, registers at random, resets at every point, and
 * requests that name all memory again and again. The hypervisor must survive, and so must this
 * program; what one access takes at most is printed, for those who look. Boot arguments: seed,
 * rounds.
 */
#include <string.h>

#include "lib/guest.h"

#define BASE 0x10001000ul
#define STRIDE 0x1000ul
#define ARENA_SIZE 0x8000ul
#define VICTIM_SIZE 0x100000ul

enum { MAGIC = 0, DEVICE_ID = 8, DEVICE_FEATURES = 0x10, DEVICE_FEATURES_SEL = 0x14,
	DRIVER_FEATURES = 0x20, DRIVER_FEATURES_SEL = 0x24, QUEUE_SEL = 0x30, QUEUE_SIZE = 0x38,
	QUEUE_READY = 0x44, NOTIFY = 0x50, ISR = 0x60, ACK = 0x64, STATUS = 0x70, DESC = 0x80,
	DRIVER = 0x90, DEVICE = 0xa0, CONFIG = 0x100 };
enum { OK = 15, FEATURES_OK = 11 };
enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };

INSN(load, "lw a0, 0(a0)");

struct desc { u64 addr; u32 len; u16 flags, next; };

/* What devices may write to; the last is for what begins before it. */
static struct {
	u8 arena[ARENA_SIZE], victim[VICTIM_SIZE], rest[0x20000];
} all __attribute__((aligned(4096)));
#define arena all.arena
#define victim all.victim
static volatile bool scribbling;
static u64 state, slowest, slowest_at, devices;

static u64 any(u64 below) { return random_next(&state) % below; }

/* With the time that it takes. */
static void poke(u64 address, u32 value)
{
	u64 before = time_read(), took;

	write32(address, value);
	took = time_read() - before;
	if (took > slowest) {
		slowest = took;
		slowest_at = address;
	}
}

static void set64(u64 address, u64 value)
{
	poke(address, (u32)value);
	poke(address + 4, (u32)(value >> 32));
}

/* -- What lies in the rings --------------------------------------------------------------- */

static u64 any_address(u64 *seed)
{
	switch (random_next(seed) % 8) {
	case 0: return random_next(seed);
	case 1: return RAM_BASE - 16 + random_next(seed) % 16;
	case 2: return RAM_BASE + ram_size() + random_next(seed) % 64;
	case 3: return (u64)arena + random_next(seed) % ARENA_SIZE;
	default: return (u64)victim + random_next(seed) % VICTIM_SIZE;
	}
}

static u32 any_size(u64 *seed)
{
	static const u32 sizes[] = { 0, 1, 2, 10, 12, 14, 16, 60, 512, 1526, 4096, 65536, 0xffffffff };

	return sizes[random_next(seed) % (sizeof(sizes) / sizeof(sizes[0]))];
}

static void scribble(u64 *seed)
{
	u64 at = random_next(seed) % (ARENA_SIZE / 16) * 16;
	struct desc d = { any_address(seed), any_size(seed), (u16)(random_next(seed) & 0x8087),
		(u16)(random_next(seed) % 8) };

	if (random_next(seed) % 4)
		*(volatile struct desc *)(arena + at) = d;
	else
		*(volatile u16 *)(arena + at + 2) = (u16)(random_next(seed) % 64);
}

static void second_hart(u64 arg unused)
{
	u64 seed = 0x5eed;

	while (scribbling)
		scribble(&seed);
}

/* -- Devices at random ------------------------------------------------------------------------ */

static u64 offered(u64 base)
{
	u64 low;

	poke(base + DEVICE_FEATURES_SEL, 0);
	low = read32(base + DEVICE_FEATURES);
	poke(base + DEVICE_FEATURES_SEL, 1);
	return low | (u64)read32(base + DEVICE_FEATURES) << 32;
}

/* Up to FEATURES_OK, with some of the features. */
static void begin(u64 base, u64 features)
{
	poke(base + STATUS, 0);
	for (u64 tries = 0; read32(base + STATUS) && tries < 1000; tries++)
		;
	poke(base + STATUS, 3);
	poke(base + DRIVER_FEATURES_SEL, 0);
	poke(base + DRIVER_FEATURES, (u32)features);
	poke(base + DRIVER_FEATURES_SEL, 1);
	poke(base + DRIVER_FEATURES, (u32)(features >> 32));
	poke(base + STATUS, FEATURES_OK);
}

static void give_queue(u64 base, u32 queue, u32 size, u64 desc, u64 driver, u64 device)
{
	poke(base + QUEUE_SEL, queue);
	poke(base + QUEUE_SIZE, size);
	set64(base + DESC, desc);
	set64(base + DRIVER, driver);
	set64(base + DEVICE, device);
	poke(base + QUEUE_READY, 1);
}

static u64 place(u64 align)
{
	return (u64)arena + any(ARENA_SIZE / 2 / align) * align;
}

static void start(u64 base)
{
	begin(base, (offered(base) & (any(2) ? random_next(&state) : ~0ul)) | 1ul << 32);
	for (u32 q = 0; q < 5; q++)
		give_queue(base, q, 1u << any(9), place(16), place(4), place(4));
	poke(base + STATUS, OK);
}

static void step(u64 base)
{
	static const u64 registers[] = { DEVICE_FEATURES_SEL, DRIVER_FEATURES, QUEUE_SEL, QUEUE_SIZE,
		QUEUE_READY, NOTIFY, ACK, STATUS, DESC, DRIVER, DEVICE, 0xc0, CONFIG + 32 };

	switch (any(16)) {
	case 0:
		start(base);
		break;
	case 1:
		poke(base + registers[any(sizeof(registers) / 8)], (u32)random_next(&state));
		break;
	case 2:
		read32(base + any(0x200 / 4) * 4);
		poke(base + ACK, 3);
		break;
	case 3:
		poke(base + QUEUE_SEL, (u32)any(4));
		poke(base + 0xc0, 1);
		break;
	default:
		for (u64 i = any(20); i; i--)
			scribble(&state);
		poke(base + NOTIFY, (u32)any(5));
	}
}

/* -- Requests that take long --------------------------------------------------------------------- */

#define READS 64
#define BUFFERS 60

/* Reads of a disk that cannot be, into all memory from the program's on, many times. */
static void read_too_much(u64 base)
{
	struct desc *ring = (struct desc *)arena, *table = (struct desc *)victim;
	u16 *avail = (u16 *)(arena + 0x1000);
	u64 *header = (u64 *)(victim + 0x8000);
	u64 before;

	memset(arena, 0, ARENA_SIZE);
	header[0] = 0;
	header[1] = 0;
	table[0] = (struct desc){ (u64)header, 16, NEXT, 1 };
	for (u16 i = 1; i <= BUFFERS; i++)
		table[i] = (struct desc){ RAM_BASE, (u32)ram_size(), NEXT | WRITE, (u16)(i + 1) };
	table[BUFFERS + 1] = (struct desc){ (u64)header + 16, 1, WRITE, 0 };
	for (u16 i = 0; i < READS; i++) {
		ring[i] = (struct desc){ (u64)table, 16 * (BUFFERS + 2), INDIRECT, 0 };
		avail[2 + i] = i;
	}
	avail[1] = READS;
	begin(base, 1ul << 32 | 1ul << 28);
	give_queue(base, 0, READS, (u64)ring, (u64)avail, (u64)arena + 0x2000);
	poke(base + STATUS, OK);
	before = time_read();
	poke(base + NOTIFY, 0);
	print("%u reads took %lu us\n", READS, (time_read() - before) * 1000000 / timer_frequency());
	check("reads were answered", *(volatile u16 *)(arena + 0x2002) == READS);
}

void guest_main(void)
{
	u64 rounds = bootarg_number("rounds", 20000);

	state = bootarg_number("seed", 1) * 0x9e3779b97f4a7c15ul + 1;
	while (try_insn(load, BASE + devices * STRIDE, 0) == TRAP_NONE)
		devices++;
	check("there are devices", devices);
	for (u64 i = 0; i < devices; i++)
		if (read32(BASE + i * STRIDE + DEVICE_ID) == 2)
			read_too_much(BASE + i * STRIDE);
	slowest = 0;
	scribbling = true;
	hart_run(1 - boot_hart, second_hart, 0);
	for (u64 i = 0; i < rounds && devices; i++)
		step(BASE + any(devices) * STRIDE);
	scribbling = false;
	check("the second hart stopped", hart_wait(1 - boot_hart, HSM_STOPPED));
	for (u64 i = 0; i < devices; i++)
		poke(BASE + i * STRIDE + STATUS, 0);
	print("slowest %lu us at %lx\n", slowest * 1000000 / timer_frequency(), slowest_at);
	check_report();
}
