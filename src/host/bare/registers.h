/*
 * The floating-point and vector register files between the hart and memory. Each function
 * leaves them accessible in sstatus; the hypervisor itself uses neither.
 */
#ifndef HOST_BARE_REGISTERS_H
#define HOST_BARE_REGISTERS_H

#include "lib/types.h"

/* Returns fcsr. */
u64 registers_save_f(u64 f[32]);
void registers_load_f(const u64 f[32], u64 fcsr);
/* 32 * vlenb bytes. The vector CSRs must have been saved before. */
void registers_save_v(u8 *regs);
/* vl and vtype as they were read; an illegal vtype becomes vill again. The caller then sets
 * vstart and vcsr. */
void registers_load_v(const u8 *regs, u64 vl, u64 vtype);

#endif
