/* What this machine has, found by trying: WARL fields say what they can hold. */
#include "engine/classic/classic.h"
#include "host/bare/bare.h"
#include "host/bare/cpu.h"
#include "host/bare/probe.h"
#include "host/bare/sbi_call.h"
#include "lib/log.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"
#include "riscv/sbi.h"

static u64 probe_senvcfg(void)
{
	u64 before = csr_read(CSR_SENVCFG), mask;

	csr_write(CSR_SENVCFG, SENVCFG_FIOM | SENVCFG_CBIE_FLUSH | SENVCFG_CBCFE | SENVCFG_CBZE);
	mask = csr_read(CSR_SENVCFG);
	csr_write(CSR_SENVCFG, before);
	return mask;
}

static u32 probe_counters(void)
{
	u64 before = csr_read(CSR_SCOUNTEREN);
	u32 counters;

	csr_write(CSR_SCOUNTEREN, COUNTEREN_CY | COUNTEREN_TM | COUNTEREN_IR);
	counters = (u32)csr_read(CSR_SCOUNTEREN);
	csr_write(CSR_SCOUNTEREN, before);
	return counters;
}

/*
 * Whether illegal instructions come here, or by a detour of the firmware's, nobody tells. Our own
 * firmware delegates them; any other one shows by the instructions that one takes, where those can
 * be counted.
 */
static bool illegal_is_delegated(void)
{
	u64 before, scratch;

	if (sbi_call(SBI_EXT_BASE, SBI_BASE_GET_IMPL_ID, 0, 0, 0, 0, 0).value ==
	    SBI_IMPL_BULKHEAD_FW)
		return true;
	if (!probe_csr(CSR_INSTRET, &before))
		return false;
	before = csr_read(CSR_INSTRET);
	/* mscratch, which is never S-mode's. */
	probe_insn("csrr %1, 0x340", &scratch);
	return csr_read(CSR_INSTRET) - before < 100;
}

/* The gate is mapped at each of its places, for ever. */
static bool map_gate(struct classic_machine *m)
{
	for (unsigned n = 0; n < SHADOW_GATES; n++)
		if (!bare_map_code(SHADOW_GATE_VA(n), m->gate))
			return false;
	m->gate_pa = host_pa(m->gate);
	return true;
}

bool classic_probe(void)
{
	struct classic_machine *m = &classic_machine;

	m->isa = cpu_features.isa;
	m->fp = cpu_features.f && cpu_features.d;
	m->vlenb = cpu_features.vlenb;
	m->senvcfg = cpu_features.senvcfg;
	m->asids = cpu_features.asids;
	m->no_light = cpu_features.no_light;
	m->satp_modes = bare_satp_modes();
	m->senvcfg_mask = m->senvcfg ? probe_senvcfg() : 0;
	m->counters = probe_counters();
	m->rewrite = !illegal_is_delegated();
	m->gate = m->asids >= 512 ? classic_gate_asid : classic_gate_flush;
	if (m->asids < 512)
		m->asids = 1;
	if (!map_gate(m)) {
		log_line("classic: no memory for its gate");
		return false;
	}
	log_line("classic: guests up to Sv%u, %s, %s", m->satp_modes & BIT(SATP_MODE_SV57) ? 57 :
		 m->satp_modes & BIT(SATP_MODE_SV48) ? 48 : 39,
		 m->asids > 1 ? "shadow tables tagged by ASID" :
				"no ASIDs: each change of modes flushes",
		 m->rewrite ? "text rewritten as the firmware keeps illegal instructions" :
			      "illegal instructions delegated");
	return true;
}
