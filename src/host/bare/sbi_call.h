/* Calls of the firmware. SBI specification, "Binary Encoding". */
#ifndef HOST_BARE_SBI_CALL_H
#define HOST_BARE_SBI_CALL_H

#include "lib/types.h"
#include "riscv/sbi.h"

struct sbi_result {
	s64 error; /* SBI_SUCCESS or SBI_ERR_*; legacy extensions: the value */
	u64 value;
};

static inline struct sbi_result sbi_call(u64 ext, u64 fn, u64 arg0, u64 arg1, u64 arg2, u64 arg3,
					 u64 arg4)
{
	register u64 a0 __asm__("a0") = arg0;
	register u64 a1 __asm__("a1") = arg1;
	register u64 a2 __asm__("a2") = arg2;
	register u64 a3 __asm__("a3") = arg3;
	register u64 a4 __asm__("a4") = arg4;
	register u64 a6 __asm__("a6") = fn;
	register u64 a7 __asm__("a7") = ext;

	__asm__ volatile("ecall"
			 : "+r"(a0), "+r"(a1)
			 : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7)
			 : "memory");
	return (struct sbi_result){ (s64)a0, a1 };
}

static inline bool sbi_has(u64 ext)
{
	return sbi_call(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, ext, 0, 0, 0, 0).value != 0;
}

#endif
