/* What the harts can do, found at run time. */
#ifndef HOST_BARE_CPU_H
#define HOST_BARE_CPU_H

#include "riscv/isa.h"

struct cpu_features {
	struct isa isa;   /* what every hart has, by the device tree, less what is hidden */
	bool h;           /* hypervisor extension: tree and hgatp */
	bool sstc;        /* stimecmp: tree and register */
	bool svinval;
	bool svpbmt;
	bool svadu;       /* (as menvcfg allows; unprobed) */
	bool henvcfg;     /* the register exists */
	bool senvcfg;
	bool stateen;     /* hstateen0 exists */
	bool f, d, v;
	bool zicboz;
	bool cbo_zero;    /* may be executed by us, and zeroes 64 bytes */
	bool misaligned;  /* loads and stores at any address, at about the price of others */
	bool aia;         /* Ssaia: tree and stopi; not used yet */
	bool zkr;         /* seed may be read */
	/* By hide= only, for tests and benchmarks of what a lesser machine or engine would do: */
	bool no_htinst;   /* do as if traps left htinst 0 */
	bool no_light;    /* every exit takes the engine's plain path */
	u64 vlenb;        /* bytes of a vector register, 0 without v */
	unsigned asids;   /* a power of two; 1: no address-space identifiers */
	u64 timebase;     /* host_timebase() */
};

/* Whole before bare_main() runs. */
extern struct cpu_features cpu_features;

/* One line of what was found and what is missing, cut to @size. */
void cpu_describe(char *text, size_t size);

/* Boot only: reads the tree and probes the boot hart; then each other hart once. */
void cpu_init(void);
void cpu_probe_hart(void);

#endif
