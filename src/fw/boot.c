/* The boot, on the hart that came first: reads the device tree, says a line, and lets harts go. */
#include <libfdt.h>

#include "fw/fw.h"
#include "fw/probe.h"
#include "host/bare/tree.h"
#include "riscv/sbi.h"

/* Where the next stage is: what QEMU, and a loader before OpenSBI's fw_dynamic, leave in memory. */
struct fw_next {
	u64 magic, version, address, mode, options, boot_hart;
};

#define NEXT_MAGIC 0x4942534f /* "OSBI" */
#define NEXT_VERSION_BOOT_HART 2 /* boot_hart exists from here on */
#define NEXT_ADDRESS 0x80200000 /* without it, or when it says 0 */

#define RANGES_MAX 8

static struct machine machine;
static struct tree tree;
static struct {
	u64 base, size;
} ranges[RANGES_MAX];
static u32 range_count;

bool fw_has_svade;

static void range_add(u64 base, u64 size)
{
	if (range_count == RANGES_MAX)
		return;
	ranges[range_count].base = base;
	ranges[range_count++].size = size;
}

bool fw_memory_is_theirs(u64 base, u64 size)
{
	bool ram = false;

	for (u32 i = 0; i < range_count; i++)
		ram |= range_within(base, size, ranges[i].base, ranges[i].size);
	return ram && !range_overlaps(base, size, (u64)fw_base, (u64)(fw_end - fw_base));
}

static bool word_read(u64 address, u64 *value)
{
	*value = address;
	return is_aligned(address, 8) && fw_probe("ld %1, 0(%1)", *value);
}

/* The structure grew with its version. What cannot be read is not there. */
static struct fw_next next_read(u64 info)
{
	struct fw_next next = { 0 }, none = { .address = NEXT_ADDRESS, .boot_hart = ~0ul };
	u64 hart = ~0ul;

	if (!word_read(info, &next.magic) || next.magic != NEXT_MAGIC ||
	    !word_read(info + offsetof(struct fw_next, version), &next.version) ||
	    !word_read(info + offsetof(struct fw_next, address), &next.address))
		return none;
	if (next.version >= NEXT_VERSION_BOOT_HART)
		word_read(info + offsetof(struct fw_next, boot_hart), &hart);
	next.boot_hart = hart;
	if (!next.address)
		next.address = NEXT_ADDRESS;
	return next;
}

/* A hart without a software interrupt cannot be woken: it counts only if it is this one. */
static void harts_init(u64 self)
{
	for (u64 id = 0; id < FW_HARTS_MAX; id++) {
		static u8 stacks[FW_HARTS_MAX][FW_STACK_SIZE] __attribute__((aligned(16)));

		fw_harts[id].stack = (u64)stacks[id] + FW_STACK_SIZE;
		fw_harts[id].mask = BIT(id);
		fw_harts[id].msip = (volatile u32 *)machine.msip[id];
		fw_harts[id].mtimecmp = (volatile u64 *)machine.mtimecmp[id];
		fw_harts[id].state = SBI_HSM_STOPPED;
	}
	for (u32 i = 0; i < tree.harts; i++) {
		u64 id = tree.hart[i].id;

		if (id >= FW_HARTS_MAX || (!machine.msip[id] && id != self))
			continue;
		fw_hart_mask |= BIT(id);
		fw_has_svade |= isa_has(&tree.hart[i].isa, ISA_SVADE);
	}
}

/* In place, as S-mode must be able to read it; RAM behind it is nobody's yet. */
static int tree_reserve(void *fdt)
{
	u64 room = fdt_totalsize(fdt) + MACHINE_RESERVE_ROOM;
	int err;

	if (!fw_memory_is_theirs((u64)fdt, room))
		return -FDT_ERR_NOSPACE;
	err = fdt_open_into(fdt, fdt, (int)room);
	return err ? err : machine_reserve(fdt, (u64)fw_base, (u64)(fw_end - fw_base));
}

static void feature_print(bool have, const char *name)
{
	fw_print(have ? ", " : ", no ");
	fw_print(name);
}

/* The only line of a boot that goes well. */
static void features_print(const struct fw_hart *hart)
{
	fw_print("bulkhead-fw: ");
	fw_print_number((u64)__builtin_popcountl(fw_hart_mask));
	fw_print(fw_hart_mask & (fw_hart_mask - 1) ? " harts" : " hart");
	feature_print(hart->has_h, "H");
	feature_print(hart->sstc, "Sstc");
	feature_print(hart->has_pmp, "PMP");
	if (!hart->has_time)
		fw_print(", no time CSR: illegal instructions are not delegated");
	fw_print("\n");
}

static _Noreturn void boot_fail(const char *why)
{
	fw_print("bulkhead-fw: ");
	fw_print(why);
	fw_print("\n");
	fw_reset(false, true);
}

/* The one that the stage before wants, this one, or any that has an S-mode. */
static u64 boot_hart_choose(u64 wanted, u64 self)
{
	if (wanted < FW_HARTS_MAX && (fw_hart_mask & BIT(wanted)))
		return wanted;
	if (fw_hart_mask & BIT(self))
		return self;
	return (u64)__builtin_ctzl(fw_hart_mask);
}

/* Everybody goes to fw_hart_park(), where the chosen hart finds that it is to start. */
static void harts_release(u64 first, const struct fw_next *next, const void *fdt)
{
	struct fw_hart *hart = &fw_harts[first];

	hart->start_pc = next->address;
	hart->start_arg = (u64)fdt;
	hart->state = SBI_HSM_START_PENDING;
	__atomic_store_n(&fw_ready, 1, __ATOMIC_RELEASE);
	fw_hart_request(fw_hart_mask & ~fw_hart()->mask, 0);
}

static void devices_init(const void *fdt)
{
	struct tree_uart uart;
	u64 finisher = 0;

	if (tree_uart(&tree, &uart))
		fw_uart_init(&uart);
	tree_finisher(&tree, &finisher);
	tree_memory(&tree, range_add);
	machine_read(&machine, fdt);
	fw_mtime = machine.mtime;
	fw_reset_init(&machine, finisher);
}

void fw_boot(u64 hart_id, void *fdt, u64 info)
{
	struct fw_next next = next_read(info);

	if (!tree_read(&tree, fdt))
		boot_fail("no device tree");
	devices_init(fdt);
	harts_init(hart_id);
	fw_hart_init();
	if (!fw_hart_mask)
		boot_fail("no hart has an S-mode");
	if (tree_reserve(fdt))
		boot_fail("the device tree has no room for the reserved memory");
	features_print(fw_hart());
	harts_release(boot_hart_choose(next.boot_hart, hart_id), &next, fdt);
}
