/* The dispatcher of SBI 3.0 calls, and the extensions of a few lines: Base, Timer, IPI, System
 * Reset, four of the legacy ones. Set_timer and IPIs to oneself are answered in start.S. */
#include "fw/fw.h"
#include "fw/mcsr.h"
#include "riscv/csr_access.h"
#include "riscv/sbi.h"

enum { FW_IMPL_VERSION = 0x1 }; /* major << 16 | minor */

static bool timer_present(void)
{
	return fw_hart()->sstc || fw_hart()->mtimecmp;
}

static bool extension_present(u64 ext)
{
	switch (ext) {
	case SBI_EXT_BASE:
	case SBI_EXT_IPI:
	case SBI_EXT_RFENCE:
	case SBI_EXT_HSM:
		return true;
	case SBI_EXT_LEGACY_CLEAR_IPI:
		return true;
	case SBI_EXT_TIME:
		return timer_present();
	case SBI_EXT_SRST:
	case SBI_EXT_LEGACY_SHUTDOWN:
		return fw_reset_present();
	case SBI_EXT_DBCN:
	case SBI_EXT_LEGACY_CONSOLE_PUTCHAR:
	case SBI_EXT_LEGACY_CONSOLE_GETCHAR:
		return fw_uart_present();
	default:
		return false;
	}
}

static s64 base(u64 arg, u64 fid, u64 *value)
{
	switch (fid) {
	case SBI_BASE_GET_SPEC_VERSION:
		*value = SBI_VERSION_3_0;
		return SBI_SUCCESS;
	case SBI_BASE_GET_IMPL_ID:
		*value = SBI_IMPL_BULKHEAD_FW;
		return SBI_SUCCESS;
	case SBI_BASE_GET_IMPL_VERSION:
		*value = FW_IMPL_VERSION;
		return SBI_SUCCESS;
	case SBI_BASE_PROBE_EXTENSION:
		*value = extension_present(arg);
		return SBI_SUCCESS;
	case SBI_BASE_GET_MVENDORID:
		*value = csr_read(CSR_MVENDORID);
		return SBI_SUCCESS;
	case SBI_BASE_GET_MARCHID:
		*value = csr_read(CSR_MARCHID);
		return SBI_SUCCESS;
	case SBI_BASE_GET_MIMPID:
		*value = csr_read(CSR_MIMPID);
		return SBI_SUCCESS;
	default:
		return SBI_ERR_NOT_SUPPORTED;
	}
}

/* An IPI to a hart that is stopped is granted, and nothing comes of it. */
static s64 ipi(const u64 *args, u64 fid)
{
	u64 harts;

	if (fid != SBI_IPI_SEND)
		return SBI_ERR_NOT_SUPPORTED;
	if (!fw_hart_list(args[0], args[1], &harts))
		return SBI_ERR_INVALID_PARAM;
	fw_hart_request(fw_hart_running(harts), FW_REQUEST_IPI);
	return SBI_SUCCESS;
}

/* Both arguments are 32 bits wide. */
static s64 srst(const u64 *args, u64 fid)
{
	u32 type = (u32)args[0], reason = (u32)args[1];

	if (fid != SBI_SRST_SYSTEM_RESET)
		return SBI_ERR_NOT_SUPPORTED;
	if (type > SBI_SRST_TYPE_WARM_REBOOT || reason > SBI_SRST_REASON_SYSTEM_FAILURE)
		return SBI_ERR_INVALID_PARAM;
	fw_reset(type != SBI_SRST_TYPE_SHUTDOWN, reason == SBI_SRST_REASON_SYSTEM_FAILURE);
}

/* Answers whether there was one. */
static s64 clear_ipi(void)
{
	bool was = csr_read(CSR_MIP) & SIP_SSIP;

	csr_clear(CSR_MIP, SIP_SSIP);
	return was;
}

static s64 legacy(u64 ext, u64 arg)
{
	switch (ext) {
	case SBI_EXT_LEGACY_CONSOLE_PUTCHAR:
		fw_uart_put((u8)arg);
		return SBI_SUCCESS;
	case SBI_EXT_LEGACY_CONSOLE_GETCHAR:
		return fw_uart_get();
	case SBI_EXT_LEGACY_CLEAR_IPI:
		return clear_ipi();
	case SBI_EXT_LEGACY_SHUTDOWN:
		fw_reset(false, false);
	default:
		return SBI_ERR_NOT_SUPPORTED;
	}
}

static s64 call(u64 ext, u64 fid, const u64 *args, u64 *value)
{
	if (!extension_present(ext))
		return SBI_ERR_NOT_SUPPORTED;
	switch (ext) {
	case SBI_EXT_BASE:
		return base(args[0], fid, value);
	case SBI_EXT_IPI:
		return ipi(args, fid);
	case SBI_EXT_RFENCE:
		return fw_sbi_rfence(args, fid);
	case SBI_EXT_HSM:
		return fw_sbi_hsm(args, fid, value);
	case SBI_EXT_SRST:
		return srst(args, fid);
	case SBI_EXT_DBCN:
		return fw_sbi_dbcn(args, fid, value);
	default: /* of TIME, what start.S did not take */
		return SBI_ERR_NOT_SUPPORTED;
	}
}

void fw_sbi_call(struct fw_frame *f)
{
	u64 ext = f->x[FW_A7], value = 0;

	/* "Legacy Extensions": the answer is in a0 alone. */
	if (ext <= SBI_EXT_LEGACY_LAST) {
		f->x[FW_A0] = (u64)(extension_present(ext) ? legacy(ext, f->x[FW_A0]) :
							     SBI_ERR_NOT_SUPPORTED);
		return;
	}
	f->x[FW_A0] = (u64)call(ext, f->x[FW_A6], &f->x[FW_A0], &value);
	f->x[FW_A1] = value;
}
