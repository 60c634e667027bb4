/*
 * ISA extensions: which a machine has, and the names by which device trees tell.
 * RISC-V Unprivileged Architecture, "ISA Extension Naming Conventions"; the device-tree
 * properties riscv,isa and riscv,isa-extensions.
 *
 * A set made by these functions is closed: with an extension it holds all that this one
 * implies (v implies d, f, zve64d, ...), so leaving d out leaves out v as well.
 */
#ifndef RISCV_ISA_H
#define RISCV_ISA_H

#include "lib/types.h"

/* Room for any isa_string() or isa_list(). */
enum { ISA_TEXT_MAX = 1024 };

/* In the canonical order of ISA strings; ISA_I is the base and must stay first. */
enum isa_ext {
	ISA_I,
	ISA_M,
	ISA_A,
	ISA_F,
	ISA_D,
	ISA_Q,
	ISA_C,
	ISA_B,
	ISA_V,
	ISA_H,
	ISA_ZIC64B,
	ISA_ZICBOM,
	ISA_ZICBOP,
	ISA_ZICBOZ,
	ISA_ZICCAMOA,
	ISA_ZICCIF,
	ISA_ZICCLSM,
	ISA_ZICCRSE,
	ISA_ZICFILP,
	ISA_ZICFISS,
	ISA_ZICNTR,
	ISA_ZICOND,
	ISA_ZICSR,
	ISA_ZIFENCEI,
	ISA_ZIHINTNTL,
	ISA_ZIHINTPAUSE,
	ISA_ZIHPM,
	ISA_ZIMOP,
	ISA_ZMMUL,
	ISA_ZA64RS,
	ISA_ZAAMO,
	ISA_ZABHA,
	ISA_ZACAS,
	ISA_ZALRSC,
	ISA_ZAMA16B,
	ISA_ZAWRS,
	ISA_ZFA,
	ISA_ZFBFMIN,
	ISA_ZFH,
	ISA_ZFHMIN,
	ISA_ZCA,
	ISA_ZCB,
	ISA_ZCD,
	ISA_ZCMOP,
	ISA_ZCMP,
	ISA_ZCMT,
	ISA_ZBA,
	ISA_ZBB,
	ISA_ZBC,
	ISA_ZBKB,
	ISA_ZBKC,
	ISA_ZBKX,
	ISA_ZBS,
	ISA_ZK,
	ISA_ZKN,
	ISA_ZKND,
	ISA_ZKNE,
	ISA_ZKNH,
	ISA_ZKR,
	ISA_ZKS,
	ISA_ZKSED,
	ISA_ZKSH,
	ISA_ZKT,
	ISA_ZTSO,
	ISA_ZVBB,
	ISA_ZVBC,
	ISA_ZVE32F,
	ISA_ZVE32X,
	ISA_ZVE64D,
	ISA_ZVE64F,
	ISA_ZVE64X,
	ISA_ZVFBFMIN,
	ISA_ZVFBFWMA,
	ISA_ZVFH,
	ISA_ZVFHMIN,
	ISA_ZVKB,
	ISA_ZVKG,
	ISA_ZVKN,
	ISA_ZVKNC,
	ISA_ZVKNED,
	ISA_ZVKNG,
	ISA_ZVKNHA,
	ISA_ZVKNHB,
	ISA_ZVKS,
	ISA_ZVKSC,
	ISA_ZVKSED,
	ISA_ZVKSG,
	ISA_ZVKSH,
	ISA_ZVKT,
	ISA_ZVL32B,
	ISA_ZVL64B,
	ISA_ZVL128B,
	ISA_ZVL256B,
	ISA_ZVL512B,
	ISA_ZVL1024B,
	ISA_SUPM,
	ISA_SSAIA,
	ISA_SSCCPTR,
	ISA_SSCOFPMF,
	ISA_SSCOUNTERENW,
	ISA_SSDBLTRP,
	ISA_SSNPM,
	ISA_SSSTATEEN,
	ISA_SSTC,
	ISA_SSTVALA,
	ISA_SSTVECD,
	ISA_SSU64XL,
	ISA_SVADE,
	ISA_SVADU,
	ISA_SVINVAL,
	ISA_SVNAPOT,
	ISA_SVPBMT,
	ISA_SVVPTC,
	ISA_SHA,
	ISA_SMAIA,
	ISA_SMSTATEEN,
	ISA_COUNT,
};

/* What it takes to show a guest an extension that the host has. */
enum isa_class {
	/* Nothing: unprivileged, stateless, no enable bit; on every engine. */
	ISA_CLASS_USER,
	/* Nothing under two-stage translation; an engine that emulates S-mode must do it itself. */
	ISA_CLASS_SUPERVISOR,
	/* Floating-point state to switch; vector state to switch. */
	ISA_CLASS_FP,
	ISA_CLASS_VECTOR,
	/* Something of its own that the engine does: a bit in henvcfg, an emulated CSR, a register. */
	ISA_CLASS_ENABLE,
	/* Machine level or the hypervisor's own: never by itself. */
	ISA_CLASS_HOST,
};

/* All zero bits: the empty set. */
struct isa {
	u64 bits[(ISA_COUNT + 63) / 64];
};

static inline bool isa_has(const struct isa *isa, enum isa_ext ext)
{
	return isa->bits[ext / 64] >> (ext % 64) & 1;
}

/* Adds an extension and all that it implies; or removes it and all that imply it. */
void isa_set(struct isa *isa, enum isa_ext ext);
void isa_clear(struct isa *isa, enum isa_ext ext);

/* Leaves in @isa what both have. */
void isa_intersect(struct isa *isa, const struct isa *other);

/* Adds to @isa every extension of @class that @host has, with what it implies. */
void isa_add_class(struct isa *isa, const struct isa *host, enum isa_class class);

enum isa_class isa_ext_class(enum isa_ext ext);

/* In lower case, for ever valid. */
const char *isa_ext_name(enum isa_ext ext);

/* The extension of that name in any case, without a version; -1 if it is not known. */
int isa_from_name(const char *name, size_t len);

/*
 * Reads the riscv,isa property: up to @len bytes or the first NUL. Version numbers are
 * skipped, "g" stands for imafd_zicsr_zifencei, unknown extensions are ignored. False,
 * with @isa empty, if it does not begin with rv64i or rv64g.
 */
bool isa_parse_string(struct isa *isa, const char *text, size_t len);

/*
 * Reads riscv,isa-extensions: NUL-separated names in @len bytes, the last of which need not
 * end in NUL. False, with @isa empty, if "i" is not among them.
 */
bool isa_parse_list(struct isa *isa, const char *list, size_t len);

/*
 * "rv64imafdc_zicsr_..." in canonical order. Returns the length without the final NUL; the
 * text is whole only if that is less than @size, otherwise it is cut (and NUL-terminated).
 */
size_t isa_string(const struct isa *isa, char *buf, size_t size);

/*
 * The riscv,isa-extensions list. Returns its bytes, all NULs included; the list is whole
 * only if that is at most @size, otherwise nothing usable was written.
 */
size_t isa_list(const struct isa *isa, char *buf, size_t size);

#endif
