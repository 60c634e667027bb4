#include "host/bare/count.h"

#include "host/bare/bare.h"
#include "host/bare/sbi_call.h"
#include "host/host.h"
#include "lib/log.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"

/* SBI, "Performance Monitoring Unit Extension": events, flags of counter_config_matching, and
 * what counter_get_info answers. */
enum { EVENT_INSTRUCTIONS = 2 };
enum {
	CONFIG_VUINH = BIT(3),
	CONFIG_VSINH = BIT(4),
	CONFIG_UINH = BIT(5),
	CONFIG_MINH = BIT(7),
};
#define INFO_CSR MASK(11, 0)
#define INFO_FIRMWARE BIT(63)

/* What a base call costs at most where only HS-mode counts; with the firmware's instructions it
 * is some hundreds. */
enum { CALL_MAX = 64 };

static bool enabled, counting;
static struct {
	bool begun;
	u64 start;
} spans[COUNT_SLOTS];

static struct sbi_result pmu(u64 fn, u64 arg0, u64 arg1, u64 arg2, u64 arg3)
{
	return sbi_call(SBI_EXT_PMU, fn, arg0, arg1, arg2, arg3, 0);
}

/* The firmware's number for instret, or -1. */
static int find_instret(void)
{
	struct sbi_result count = pmu(SBI_PMU_NUM_COUNTERS, 0, 0, 0, 0);

	for (u64 i = 0; !count.error && i < count.value && i < 64; i++) {
		struct sbi_result info = pmu(SBI_PMU_COUNTER_GET_INFO, i, 0, 0, 0);

		if (!info.error && !(info.value & INFO_FIRMWARE) && (info.value & INFO_CSR) == CSR_INSTRET)
			return (int)i;
	}
	return -1;
}

/* Firmware without Smcntrpmf takes the flags and counts all the same: only a try tells. */
static bool firmware_counts(void)
{
	u64 before = csr_read(CSR_INSTRET);

	sbi_has(SBI_EXT_PMU);
	return csr_read(CSR_INSTRET) - before > CALL_MAX;
}

static const char *start_counting(void)
{
	struct sbi_result config;
	int instret;

	if (host_harts() > 1)
		return "only with one hart";
	if (!sbi_has(SBI_EXT_PMU))
		return "the firmware has no PMU extension";
	instret = find_instret();
	if (instret < 0)
		return "the firmware offers no instret";
	config = pmu(SBI_PMU_COUNTER_CONFIG_MATCHING, (u64)instret, 1,
		     CONFIG_VUINH | CONFIG_VSINH | CONFIG_UINH | CONFIG_MINH, EVENT_INSTRUCTIONS);
	if (config.error)
		return "the firmware does not configure instret";
	/* It mostly runs already, which is an error that says the same. */
	pmu(SBI_PMU_COUNTER_START, config.value, 1, 0, 0);
	return firmware_counts() ? "the harts have no Smcntrpmf" : NULL;
}

void count_init(void)
{
	const char *why;

	enabled = bare_bootarg("count", NULL, 0);
	if (!enabled)
		return;
	why = start_counting();
	counting = !why;
	if (why)
		log_line("count: own instructions are not counted: %s", why);
	else
		log_line("count: instret counts the hypervisor's own instructions");
}

u64 count_own(void)
{
	return counting ? csr_read(CSR_INSTRET) : 0;
}

static void log_memory(void)
{
	struct bare_memory m;

	bare_memory_get(&m);
	log_line("count: memory: image %lu, common %lu, lent %lu, free %lu bytes", m.image, m.common,
		 m.lent, m.free);
}

void count_begin(unsigned slot, const char *name)
{
	if (!enabled || slot >= COUNT_SLOTS || spans[slot].begun)
		return;
	spans[slot].begun = true;
	log_memory();
	spans[slot].start = count_own();
	if (counting)
		log_line("count: %s begins at own instruction %lu", name, spans[slot].start);
}

void count_end(unsigned slot, const char *name)
{
	u64 own = count_own();

	if (!enabled || slot >= COUNT_SLOTS || !spans[slot].begun)
		return;
	spans[slot].begun = false;
	if (counting)
		log_line("count: %s: own instructions: %lu", name, own - spans[slot].start);
	log_memory();
}
