/* From the firmware's hands to the first task: host/bare/entry.S comes before. */
#include "host/bare/boot.h"

#include <string.h>

#include "host/bare/bare.h"
#include "host/bare/common.h"
#include "host/bare/console.h"
#include "host/bare/cpu.h"
#include "host/bare/drivers.h"
#include "host/bare/file.h"
#include "host/bare/interrupt.h"
#include "host/bare/memory.h"
#include "host/bare/percpu.h"
#include "host/bare/random.h"
#include "host/bare/reset.h"
#include "host/bare/sbi_call.h"
#include "host/bare/space.h"
#include "host/bare/stack.h"
#include "host/bare/table.h"
#include "host/bare/task.h"
#include "lib/log.h"

#define SLICE_MS 5

struct tree host_tree;
extern struct percpu boot_percpu; /* entry.S loads tp with it */
struct percpu boot_percpu;

static struct percpu *percpus[HARTS_MAX];

struct percpu *percpu_of(unsigned index)
{
	return index < HARTS_MAX ? __atomic_load_n(&percpus[index], __ATOMIC_ACQUIRE) : NULL;
}

unsigned host_harts(void)
{
	return host_tree.harts;
}

const void *bare_fdt(void)
{
	return host_tree.fdt;
}

bool bare_bootarg(const char *name, char *value, size_t size)
{
	return tree_arg(tree_bootargs(&host_tree), name, value, size);
}

void bare_remote_hfence_gvma_vmid(u64 harts, unsigned vmid)
{
	for (u64 left = harts & ~BIT(percpu()->index); left; left &= left - 1) {
		const struct percpu *pc = percpu_of((unsigned)__builtin_ctzl(left));

		if (pc)
			sbi_call(SBI_EXT_RFENCE, SBI_RFENCE_HFENCE_GVMA_VMID, 1, pc->hart_id, 0, ~0ul, vmid);
	}
}

/* ---- Other harts */

static bool hart_start(u32 index)
{
	struct percpu *pc = host_alloc(sizeof(*pc), NULL);
	u64 stack = stack_alloc(NULL), until = host_time() + host_timebase();
	struct sbi_result r;

	if (!pc || !stack)
		return false;
	pc->index = index;
	pc->hart_id = host_tree.hart[index].id;
	pc->boot_sp = stack + STACK_SIZE;
	r = sbi_call(SBI_EXT_HSM, SBI_HSM_HART_START, pc->hart_id,
		     common_pa((const void *)(uintptr_t)boot_secondary), (u64)(uintptr_t)pc, 0, 0);
	if (r.error) {
		log_line("host: hart %lu does not start: SBI error %ld", pc->hart_id, r.error);
		return false;
	}
	while (!percpu_of(index))
		if (host_time() > until) {
			log_line("host: hart %lu does not answer", pc->hart_id);
			return false;
		}
	return true;
}

void harts_start(void)
{
	unsigned up = 1;

	for (u32 h = 0; h < host_tree.harts; h++)
		if (h != host_hart() && hart_start(h))
			up++;
	if (up < host_tree.harts)
		log_line("host: only %u of %u harts are up", up, host_tree.harts);
}

void bare_boot_secondary(void)
{
	space_init();
	cpu_probe_hart();
	timer_init();
	irqchip_hart_init();
	task_hart_init();
	__atomic_store_n(&percpus[percpu()->index], percpu(), __ATOMIC_RELEASE);
	task_idle();
}

/* ---- The boot hart */

static void boot_index(u64 hart_id)
{
	struct percpu *pc = percpu();

	for (u32 h = 0; h < host_tree.harts; h++)
		if (host_tree.hart[h].id == hart_id) {
			pc->index = h;
			pc->hart_id = hart_id;
			percpus[h] = pc;
			return;
		}
	host_panic("the device tree does not know the boot hart %lu", hart_id);
}

static void boot_report(void)
{
	static char text[ISA_TEXT_MAX];
	struct bare_memory m;

	/* The single letters; the longer names that matter come with the features. */
	isa_string(&cpu_features.isa, text, sizeof(text));
	text[strcspn(text, "_")] = 0;
	log_line("host: %u hart%s, %s, timebase %lu Hz", host_harts(), host_harts() == 1 ? "" : "s",
		 text, host_timebase());
	cpu_describe(text, sizeof(text));
	log_line("host: %s", text);
	bare_memory_get(&m);
	log_line("host: %lu MiB free, %lu KiB own; %s; %s", m.free / MIB,
		 (m.image + m.common) / KIB, bare_console_name(), irqchip_name());
}

static void first_task(void *arg unused)
{
	boot_report();
	devices_start();
	file_init(&host_tree);
	bare_main();
}

static void boot_tasks(void)
{
	static const struct host_task_spec first = { .name = "main", .run = first_task };

	task_init(host_tree.harts, host_timebase() * SLICE_MS / 1000);
	task_hart_init();
	harts_start();
	if (!host_task_start(&first, NULL))
		host_panic("no memory for the first task");
}

void bare_boot(u64 hart_id, u64 fdt, u64 image)
{
	const void *tree;

	table_init(image);
	log_set_sink(bare_console_log);
	tree = table_map_fdt(fdt);
	if (!tree || !tree_read(&host_tree, tree))
		host_panic("no usable device tree at %#lx", fdt);
	boot_index(hart_id);
	memory_init(&host_tree, image, fdt);
	common_init();
	cpu_init();
	space_init();
	irqchip_init(&host_tree);
	irqchip_hart_init();
	timer_init();
	bare_console_init();
	reset_init(&host_tree);
	random_init();
	devices_init(&host_tree);
	boot_tasks();
	task_idle();
}
