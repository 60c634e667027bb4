/*
 * What this machine has, found by trying: every register is written and read
 * back, or read where a trap is survived. WARL fields say what they can hold
 * ("Field Specifications in this Manual").
 */
#include "engine/hext/hext.h"
#include "host/bare/cpu.h"
#include "lib/log.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"
#include "riscv/pte.h"

/* Sv39x4 holds all that the virt machine maps; a deeper mode only where it is the only one. */
static u64 probe_gstage_mode(void)
{
	for (u64 mode = HGATP_MODE_SV39X4; mode <= HGATP_MODE_SV57X4; mode++) {
		csr_write(CSR_HGATP, mode << HGATP_MODE_SHIFT);
		if (csr_read(CSR_HGATP) >> HGATP_MODE_SHIFT == mode)
			return mode;
	}
	return 0;
}

static unsigned probe_vmids(u64 mode)
{
	u64 vmids;

	csr_write(CSR_HGATP, mode << HGATP_MODE_SHIFT | HGATP_VMID);
	vmids = (csr_read(CSR_HGATP) & HGATP_VMID) >> HGATP_VMID_SHIFT;
	csr_write(CSR_HGATP, 0);
	return (unsigned)vmids + 1;
}

static unsigned probe_vsatp_levels(void)
{
	unsigned levels = 0;

	for (u64 mode = SATP_MODE_SV39; mode <= SATP_MODE_SV57; mode++) {
		csr_write(CSR_VSATP, mode << SATP_MODE_SHIFT);
		if (csr_read(CSR_VSATP) >> SATP_MODE_SHIFT == mode)
			levels = pte_levels((unsigned)mode);
	}
	csr_write(CSR_VSATP, 0);
	return levels;
}

/* The bits that exist, of those that are switched on for guests. */
static u64 probe_henvcfg(void)
{
	u64 wanted = HENVCFG_CBIE_FLUSH | HENVCFG_CBCFE | HENVCFG_CBZE | HENVCFG_PBMTE;

	if (cpu_features.sstc)
		wanted |= HENVCFG_STCE;
	if (isa_has(&cpu_features.isa, ISA_SVADU))
		wanted |= HENVCFG_ADUE;
	csr_write(CSR_HENVCFG, wanted);
	return csr_read(CSR_HENVCFG);
}

bool hext_probe(void)
{
	struct hext_machine *m = &hext_machine;

	if (!cpu_features.h)
		return false;
	m->isa = cpu_features.isa;
	m->sstc = cpu_features.sstc;
	m->svinval = cpu_features.svinval;
	m->henvcfg = cpu_features.henvcfg;
	m->stateen = cpu_features.stateen;
	m->siselect = cpu_features.aia && !m->stateen;
	m->fp = cpu_features.f && cpu_features.d;
	m->vlenb = cpu_features.vlenb;
	m->no_htinst = cpu_features.no_htinst;
	m->no_light = cpu_features.no_light;
	m->henvcfg_mask = m->henvcfg ? probe_henvcfg() : 0;
	if (!(m->henvcfg_mask & HENVCFG_STCE))
		m->sstc = false;
	m->gstage_mode = probe_gstage_mode();
	if (!m->gstage_mode) {
		log_line("hext: the H extension has no second-stage mode: not usable");
		return false;
	}
	m->vmids = probe_vmids(m->gstage_mode);
	m->vsatp_levels = probe_vsatp_levels();
	log_line("hext: second stage Sv%ux4, %u VMIDs, guests up to Sv%u, henvcfg %#lx%s",
		 pte_va_bits((unsigned)m->gstage_mode), m->vmids,
		 m->vsatp_levels ? 12 + 9 * m->vsatp_levels : 0, m->henvcfg_mask,
		 m->sstc ? "" : "; no Sstc: timers cost an exit each");
	return true;
}
