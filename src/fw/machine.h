/*
 * The parts of the device tree that only M-mode uses: each hart's software interrupt and timer
 * (the kernel's bindings "sifive,clint" and "riscv,aclint-*"), and power by syscon. Pure code over
 * libfdt. Addresses below /soc are taken as they are.
 */
#ifndef FW_MACHINE_H
#define FW_MACHINE_H

#include "fw/hart.h"
#include "lib/types.h"

/* A 32-bit register, and what to write there; address 0: there is none. */
struct machine_poke {
	u64 address;
	u32 value;
};

/* Addresses by hart id; 0: there is none. */
struct machine {
	u64 msip[FW_HARTS_MAX];
	u64 mtimecmp[FW_HARTS_MAX];
	u64 mtime;
	struct machine_poke power_off, reboot;
};

/* @fdt must be a valid tree. */
void machine_read(struct machine *m, const void *fdt);

/* Bytes that machine_reserve() may add to a tree. */
#define MACHINE_RESERVE_ROOM 512

/* Adds a node to /reserved-memory that keeps S-mode from mapping the range. @fdt must have
 * room. 0, or an error of libfdt. */
int machine_reserve(void *fdt, u64 base, u64 size);

#endif
