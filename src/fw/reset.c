/* The machine's end: by the "SiFive test finisher" of QEMU's virt machine, which has an exit code,
 * else by the tree's syscon-poweroff and syscon-reboot. */
#include "fw/fw.h"

enum { FINISHER_FAIL = 0x3333, FINISHER_PASS = 0x5555, FINISHER_RESET = 0x7777 };
#define FINISHER_EXIT_1 0x10000

static u64 finisher; /* 0: there is none */
static struct machine_poke power_off, restart;

static void poke(u64 address, u32 value)
{
	if (address)
		*(volatile u32 *)address = value;
}

void fw_reset_init(const struct machine *machine, u64 finisher_address)
{
	finisher = finisher_address;
	power_off = machine->power_off;
	restart = machine->reboot;
}

bool fw_reset_present(void)
{
	return finisher || (power_off.address && restart.address);
}

/* A failure is told from an end by the exit code. */
void fw_reset(bool reboot, bool failure)
{
	const struct machine_poke *other = reboot ? &restart : &power_off;

	/* Not both: they may be the same register, and what is written last counts. */
	if (finisher)
		poke(finisher, reboot  ? FINISHER_RESET :
			       failure ? FINISHER_FAIL | FINISHER_EXIT_1 :
					 FINISHER_PASS);
	else
		poke(other->address, other->value);
	for (;;)
		__asm__ volatile("wfi");
}
