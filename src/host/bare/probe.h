/* Reading a CSR that may not be there: the trap vector goes on at percpu->fixup. */
#ifndef HOST_BARE_PROBE_H
#define HOST_BARE_PROBE_H

#include "host/bare/percpu.h"
#include "riscv/csr_access.h"

/* @insn: an instruction that writes %1. True if it did not trap; else *(value) is undefined. */
#define probe_insn(insn, value)                                                                   \
	({                                                                                        \
		u64 probe_ok_, probe_value_;                                                      \
		__asm__ volatile("la %0, 1f\n\t"                                                  \
				 "sd %0, " CSR_TEXT(PERCPU_FIXUP) "(tp)\n\t" insn "\n"            \
				 "1:\tld %0, " CSR_TEXT(PERCPU_FIXUP) "(tp)\n\t"                  \
				 "sd zero, " CSR_TEXT(PERCPU_FIXUP) "(tp)"                        \
				 : "=&r"(probe_ok_), "=&r"(probe_value_)                          \
				 :                                                                \
				 : "memory");                                                     \
		*(value) = probe_value_;                                                          \
		probe_ok_ != 0;                                                                   \
	})

#define probe_csr(csr, value) probe_insn("csrr %1, " CSR_TEXT(csr), value)

#endif
