/* SBI 3.0, "Hart State Management Extension". */
#include "fw/fw.h"
#include "lib/lock.h"
#include "riscv/sbi.h"

/* Compressed code is everywhere that this firmware runs. */
static bool may_run_at(u64 pc)
{
	return is_aligned(pc, 2) && fw_memory_is_theirs(pc, 2);
}

static bool hart_exists(u64 id)
{
	return id < FW_HARTS_MAX && (fw_hart_mask & BIT(id));
}

/* Of two that start the same hart one wins. The hart may look at any time, woken by something else:
 * state changes last. */
static s64 hart_start(u64 id, u64 pc, u64 arg)
{
	static struct lock lock;
	struct fw_hart *hart = &fw_harts[id % FW_HARTS_MAX];
	s64 err = SBI_ERR_ALREADY_AVAILABLE;

	if (!hart_exists(id))
		return SBI_ERR_INVALID_PARAM;
	if (!may_run_at(pc))
		return SBI_ERR_INVALID_ADDRESS;
	lock_take(&lock);
	if (__atomic_load_n(&hart->state, __ATOMIC_ACQUIRE) == SBI_HSM_STOPPED) {
		hart->start_pc = pc;
		hart->start_arg = arg;
		__atomic_store_n(&hart->state, SBI_HSM_START_PENDING, __ATOMIC_RELEASE);
		err = SBI_SUCCESS;
	}
	lock_drop(&lock);
	if (err == SBI_SUCCESS)
		fw_hart_request(hart->mask, 0);
	return err;
}

static _Noreturn void hart_stop(void)
{
	__atomic_store_n(&fw_hart()->state, SBI_HSM_STOP_PENDING, __ATOMIC_RELEASE);
	fw_hart_restart();
}

static s64 hart_get_status(u64 id, u64 *value)
{
	if (!hart_exists(id))
		return SBI_ERR_INVALID_PARAM;
	*value = __atomic_load_n(&fw_harts[id].state, __ATOMIC_ACQUIRE);
	return SBI_SUCCESS;
}

/* The type is 32 bits wide; there are no platform's own. No state is ever lost, so that a suspend
 * that loses it is the other one with another way back. */
static s64 hart_suspend(u32 type, u64 pc, u64 arg)
{
	struct fw_hart *hart = fw_hart();

	if (type != SBI_HSM_SUSPEND_RETENTIVE && type != SBI_HSM_SUSPEND_NON_RETENTIVE)
		return SBI_ERR_INVALID_PARAM;
	if (type == SBI_HSM_SUSPEND_NON_RETENTIVE && !may_run_at(pc))
		return SBI_ERR_INVALID_ADDRESS;
	fw_hart_suspend();
	if (type == SBI_HSM_SUSPEND_RETENTIVE)
		return SBI_SUCCESS;
	hart->start_pc = pc;
	hart->start_arg = arg;
	fw_hart_launch();
}

s64 fw_sbi_hsm(const u64 *args, u64 fid, u64 *value)
{
	switch (fid) {
	case SBI_HSM_HART_START:
		return hart_start(args[0], args[1], args[2]);
	case SBI_HSM_HART_STOP:
		hart_stop();
	case SBI_HSM_HART_GET_STATUS:
		return hart_get_status(args[0], value);
	case SBI_HSM_HART_SUSPEND:
		return hart_suspend((u32)args[0], args[1], args[2]);
	default:
		return SBI_ERR_NOT_SUPPORTED;
	}
}
