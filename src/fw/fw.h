/* The firmware's parts: boot, console, reset, and what the trap vector calls. */
#ifndef FW_FW_H
#define FW_FW_H

#include "fw/hart.h"
#include "fw/machine.h"

struct tree_uart;

/* In start.S: set when the boot is over and the other harts may look at their structs. */
extern u32 fw_ready;

/* The firmware's own RAM, [fw_base, fw_end): the link script's. */
extern u8 fw_base[], fw_end[];

/* From start.S, on the hart that came first, with its mscratch and mtvec set. @info: struct
 * fw_next's address, or anything. Returns with every hart's struct filled in. */
void fw_boot(u64 hart_id, void *fdt, u64 info);

/* Some hart's ISA string names Svade. */
extern bool fw_has_svade;

/* True if S-mode may have the firmware read, write or jump there: RAM, and not the firmware's. */
bool fw_memory_is_theirs(u64 base, u64 size);

/* From start.S: a trap from S-mode or below that assembly did not finish. */
void fw_trap_handle(struct fw_frame *f);
/* A trap in M-mode that was not foreseen. */
_Noreturn void fw_panic(void);

/* Answers the call in @f: a0 and a1, or it does not return. mepc is behind the ecall already. */
void fw_sbi_call(struct fw_frame *f);
s64 fw_sbi_hsm(const u64 *args, u64 fid, u64 *value);
s64 fw_sbi_dbcn(const u64 *args, u64 fid, u64 *value);
/* SBI_RFENCE_*, with the call's arguments. Returns when all harts have done it. */
s64 fw_sbi_rfence(const u64 *args, u64 fid);
/* This hart's part in another's remote fence, if it has one. */
void fw_rfence_serve(void);

/* Address of the clock's register, for harts that cannot read the time CSR; 0: there is none. */
extern u64 fw_mtime;

/* Without fw_uart_init() there is no console. One byte at a time; get: -1 when there is none. */
void fw_uart_init(const struct tree_uart *uart);
bool fw_uart_present(void);
void fw_uart_put(u8 byte);
int fw_uart_get(void);
/* Text, where \n becomes \r\n. */
void fw_print(const char *text);
void fw_print_number(u64 n);
void fw_print_hex(u64 n);

void fw_reset_init(const struct machine *machine, u64 finisher);
bool fw_reset_present(void);
/* Ends or restarts the machine; if it cannot, stays here for ever. */
_Noreturn void fw_reset(bool reboot, bool failure);

#endif
