/* The end: by the firmware, and on QEMU by its test device, which has an exit code. */
#include "host/bare/bare.h"
#include "host/bare/console.h"
#include "host/bare/reset.h"
#include "host/bare/sbi_call.h"
#include "host/bare/table.h"
#include "host/bare/tree.h"

/* The "SiFive test finisher" of QEMU's virt machine: what is written ends the emulator. OpenSBI
 * drives it too, but tells no failure from success. */
enum { FINISHER_FAIL = 0x3333, FINISHER_EXIT_1 = 1 << 16 };

static volatile u32 *finisher;

void reset_init(const struct tree *t)
{
	u64 base;

	if (tree_finisher(t, &base))
		finisher = table_map_device(base, 4);
}

static _Noreturn void system_reset(u64 type, u64 reason)
{
	bare_console_drain();
	sbi_call(SBI_EXT_SRST, SBI_SRST_SYSTEM_RESET, type, reason, 0, 0, 0);
	sbi_call(SBI_EXT_LEGACY_SHUTDOWN, 0, 0, 0, 0, 0, 0);
	for (;;)
		__asm__ volatile("wfi");
}

void bare_shutdown(bool failure)
{
	if (failure && finisher) {
		bare_console_drain();
		*finisher = FINISHER_FAIL | FINISHER_EXIT_1;
	}
	system_reset(SBI_SRST_TYPE_SHUTDOWN,
		     failure ? SBI_SRST_REASON_SYSTEM_FAILURE : SBI_SRST_REASON_NONE);
}

void bare_reboot(void)
{
	system_reset(SBI_SRST_TYPE_COLD_REBOOT, SBI_SRST_REASON_NONE);
}
