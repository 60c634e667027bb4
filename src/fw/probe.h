/* Instructions that may trap: the trap vector goes on at fw_hart()->fixup. */
#ifndef FW_PROBE_H
#define FW_PROBE_H

#include "fw/hart.h"
#include "riscv/csr_access.h"

/* @insn reads or writes %1, which is the variable @value; what follows are more operands that it
 * reads. True if it did not trap. A trap changes mepc and mstatus, and clears MPRV. */
#define fw_probe(insn, value, ...)                                                                \
	({                                                                                        \
		u64 probe_ok_;                                                                    \
		__asm__ volatile("la %0, 1f\n\t"                                                  \
				 "sd %0, " CSR_TEXT(FW_HART_FIXUP) "(tp)\n\t" insn "\n"           \
				 "1:\tld %0, " CSR_TEXT(FW_HART_FIXUP) "(tp)\n\t"                 \
				 "sd zero, " CSR_TEXT(FW_HART_FIXUP) "(tp)"                       \
				 : "=&r"(probe_ok_), "+&r"(value)                                 \
				 : __VA_ARGS__                                                    \
				 : "memory");                                                     \
		probe_ok_ != 0;                                                                   \
	})

#define fw_probe_read(csr, value) fw_probe("csrr %1, " CSR_TEXT(csr), value)
#define fw_probe_write(csr, value) fw_probe("csrw " CSR_TEXT(csr) ", %1", value)

#endif
