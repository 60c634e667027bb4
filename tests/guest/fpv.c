/* guest: vcpus=2 memory=64M */
/*
 * Floating-point and vector state: off is off, dirty is seen, and every register survives
 * interrupts, SBI calls, device accesses and the other hart, which has its own. Passes at once
 * without F, D or V.
 */
#include "lib/guest.h"

enum { ROUNDS = 300 };

#define FS_INITIAL (1ul << 13)
#define FS_CLEAN (2ul << 13)
#define VS_INITIAL (1ul << 9)
#define VS_CLEAN (2ul << 9)
#define ALL_REGISTERS ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23," \
	"24,25,26,27,28,29,30,31\n\t"
#define WITH_FV(text) ".option push\n\t.option arch, +d, +v\n\t" text "\n\t.option pop"

INSN(do_fadd, ".4byte 0x00000053");
INSN(do_fld, ".4byte 0x00053007");
INSN(do_fmv_x_d, ".4byte 0xe2000553");
INSN(do_fmv_d_x, ".4byte 0xf2050053");
INSN(read_fcsr, "csrr a0, 0x003");
INSN(write_fcsr, "csrw 0x003, a0");
INSN(f_fill, WITH_FV(ALL_REGISTERS "fld f\\n, \\n * 8(a0)\n\t.endr"));
INSN(f_store, WITH_FV(ALL_REGISTERS "fsd f\\n, \\n * 8(a0)\n\t.endr"));

INSN(read_vlenb, "csrr a0, 0xc22");
INSN(read_vtype, "csrr a0, 0xc21");
INSN(read_vl, "csrr a0, 0xc20");
INSN(v_set, WITH_FV("vsetvli a0, zero, e8, m8, ta, ma"));
INSN(v_set_odd, WITH_FV("vsetvli a0, a0, e16, m2, tu, mu"));
INSN(v_add, WITH_FV("vadd.vv v0, v0, v0"));
INSN(v_fill, WITH_FV("vle8.v v0, (a0)\n\tadd a0, a0, a1\n\tvle8.v v8, (a0)\n\tadd a0, a0, a1\n\t"
	"vle8.v v16, (a0)\n\tadd a0, a0, a1\n\tvle8.v v24, (a0)"));
INSN(v_store, WITH_FV("vse8.v v0, (a0)\n\tadd a0, a0, a1\n\tvse8.v v8, (a0)\n\tadd a0, a0, a1\n\t"
	"vse8.v v16, (a0)\n\tadd a0, a0, a1\n\tvse8.v v24, (a0)"));

static bool has_f, has_v;

static void check_if(bool has, const char *name, bool ok)
{
	check(name, ok || !has);
}

static u64 fs(void) { return csr_read(sstatus) & SSTATUS_FS; }
static u64 vs(void) { return csr_read(sstatus) & SSTATUS_VS; }
static bool sd(void) { return csr_read(sstatus) & SSTATUS_SD; }

static void fs_set(u64 v)
{
	csr_clear(sstatus, SSTATUS_FS);
	csr_set(sstatus, v);
}

static void vs_set(u64 v)
{
	csr_clear(sstatus, SSTATUS_VS);
	csr_set(sstatus, v);
}

static u64 data[32];

static void float_status(void)
{
	fs_set(0);
	vs_set(0);
	check("FS off: fadd.s is illegal", try_insn(do_fadd, 0, 0) == TRAP_ILLEGAL);
	check("FS off: fld is illegal", try_insn(do_fld, (u64)data, 0) == TRAP_ILLEGAL);
	check("FS off: fcsr is illegal", try_insn(read_fcsr, 0, 0) == TRAP_ILLEGAL);
	check_equal("u-mode, FS off: fadd.s is illegal", try_user(0x00000053, 0), TRAP_ILLEGAL);
	check("FS off stays off", fs() == 0 && !sd());
	if (!has_f) {
		fs_set(SSTATUS_FS);
		check("without F: fadd.s is illegal", try_insn(do_fadd, 0, 0) == TRAP_ILLEGAL);
		fs_set(0);
		return;
	}
	check("without F: fadd.s is illegal", true);
}

/* Hardware may call more dirty than is (privileged specification, section 12.1.1), never less. */
static void float_dirty(void)
{
	fs_set(FS_INITIAL);
	check_if(has_f, "FS initial: reading works", try_insn(do_fmv_x_d, 0, 0) == TRAP_NONE);
	check_if(has_f, "FS initial: not off", fs() != 0);
	fs_set(FS_CLEAN);
	check_if(has_f, "FS clean stays so while nothing is done", fs() == FS_CLEAN && !sd());
	try_insn(do_fmv_d_x, 0x1234, 0);
	check_if(has_f, "a written register makes FS dirty", fs() == SSTATUS_FS && sd());
	check_if(has_f, "and has its value", try_value(do_fmv_x_d, 0, 0) == 0x1234);
	fs_set(FS_CLEAN);
	try_insn(write_fcsr, 0x61, 0);
	check_if(has_f, "a write of fcsr makes FS dirty", fs() == SSTATUS_FS && sd());
	check_if(has_f, "fcsr keeps its value", try_value(read_fcsr, 0, 0) == 0x61);
	fs_set(FS_CLEAN);
	try_insn(do_fld, (u64)data, 0);
	check_if(has_f, "fld makes FS dirty", fs() == SSTATUS_FS);
	fs_set(FS_INITIAL);
	check_if(has_f, "u-mode fld", try_user(0x00053007, (u64)data) == TRAP_ECALL_U);
	check_if(has_f, "u-mode fld makes FS dirty", fs() == SSTATUS_FS);
	try_insn(do_fmv_d_x, 77, 0);
	fs_set(0);
	try_insn(do_fmv_d_x, 1, 0);
	fs_set(FS_CLEAN);
	check_if(has_f, "registers survive FS off", try_value(do_fmv_x_d, 0, 0) == 77);
	fs_set(0);
}

static void vector_status(void)
{
	vs_set(0);
	check("VS off: vsetvli is illegal", try_insn(v_set, 0, 0) == TRAP_ILLEGAL);
	check("VS off: vlenb is illegal", try_insn(read_vlenb, 0, 0) == TRAP_ILLEGAL);
	vs_set(SSTATUS_VS);
	check("without V: VS is 0", has_v || vs() == 0);
	check("without V: vsetvli is illegal", has_v || try_insn(v_set, 0, 0) == TRAP_ILLEGAL);
	vs_set(VS_INITIAL);
	check_if(has_v, "vsetvli makes VS dirty", try_insn(v_set, 0, 0) == TRAP_NONE &&
		 vs() == SSTATUS_VS && sd());
	vs_set(VS_CLEAN);
	check_if(has_v, "vadd makes VS dirty", try_insn(v_add, 0, 0) == TRAP_NONE &&
		 vs() == SSTATUS_VS);
	check_if(has_v, "vl is 8 registers",
		 try_value(read_vl, 0, 0) == 8 * try_value(read_vlenb, 0, 0));
	vs_set(0);
}

/* -- Registers over time ---------------------------------------------------------------- */

enum { VLENB_MAX = 256 };

static struct area {
	u64 f_want[32], f_got[32];
	u8 v_want[32 * VLENB_MAX], v_got[32 * VLENB_MAX];
	u64 wrong, ticks;
} areas[2];

static void timer_irq(struct frame *f unused)
{
	areas[hart_self()->id & 1].ticks++;
	timer_set(time_read() + timer_frequency() / 20000);
}

static void ssi_irq(struct frame *f unused)
{
	csr_clear(sip, BIT(IRQ_SSI));
}

/* What may lose registers: an exit to whoever runs this guest, or another hart's turn. */
static void disturb(u64 n)
{
	for (u64 i = 0; i < n % 7; i++)
		sbi_call(SBI_BASE, BASE_SPEC_VERSION);
	sbi_call(SBI_IPI, 0, 0, -1);
	read8(UART_BASE + UART_SCR);
	u64 end = time_read() + n % 5 * timer_frequency() / 20000;
	while (time_read() < end)
		;
	if (n % 16 == 0)
		wfi();
}

static void float_round(struct area *a, u64 *seed, u64 n)
{
	for (u64 i = 0; i < 32; i++)
		a->f_want[i] = random_next(seed);
	f_fill((u64)a->f_want, 0);
	write_fcsr(n & 0x7f & ~0x60ul, 0);
	disturb(n);
	a->wrong += read_fcsr(0, 0) != (n & 0x1f);
	f_store((u64)a->f_got, 0);
	for (u64 i = 0; i < 32; i++)
		a->wrong += a->f_want[i] != a->f_got[i];
}

static void vector_round(struct area *a, u64 *seed, u64 n)
{
	u64 vlenb = read_vlenb(0, 0), vl = v_set(0, 0), type = read_vtype(0, 0);

	if (vlenb > VLENB_MAX)
		return;
	for (u64 i = 0; i < 32 * vlenb; i++)
		a->v_want[i] = (u8)(random_next(seed) >> 32);
	v_fill((u64)a->v_want, vl);
	disturb(n);
	a->wrong += read_vl(0, 0) != vl || read_vtype(0, 0) != type;
	v_store((u64)a->v_got, vl);
	for (u64 i = 0; i < 32 * vlenb; i++)
		a->wrong += a->v_want[i] != a->v_got[i];
	vl = v_set_odd(3, 0);
	disturb(1);
	a->wrong += read_vl(0, 0) != vl;
}

static void hold_registers(u64 id)
{
	struct area *a = &areas[id & 1];
	u64 seed = id + 0x9e3779b97f4a7c15;

	fs_set(has_f ? FS_INITIAL : 0);
	vs_set(has_v ? VS_INITIAL : 0);
	csr_write(sie, BIT(IRQ_STI) | BIT(IRQ_SSI));
	irq_enable();
	timer_set(0);
	for (u64 n = 0; n < ROUNDS; n++) {
		if (has_f)
			float_round(a, &seed, n);
		if (has_v)
			vector_round(a, &seed, n);
		disturb(n);
	}
	irq_disable();
	timer_set(~0ul);
}

static void registers_held(void)
{
	u64 other = boot_hart ^ 1;

	irq_handlers[IRQ_STI] = timer_irq;
	irq_handlers[IRQ_SSI] = ssi_irq;
	check("the other hart starts", hart_run(other, hold_registers, other) == SBI_SUCCESS);
	hold_registers(boot_hart);
	u64 end = time_read() + 20 * timer_frequency();
	while (!hart_wait(other, HSM_STOPPED) && time_read() < end)
		;
	check("the other hart ends", hart_wait(other, HSM_STOPPED));
	check_equal("registers changed on the boot hart", areas[boot_hart & 1].wrong, 0);
	check_equal("registers changed on the other hart", areas[other & 1].wrong, 0);
	check("there were interrupts on both", areas[0].ticks > 10 && areas[1].ticks > 10);
}

void guest_main(void)
{
	has_f = isa_has("f") && isa_has("d");
	has_v = isa_has("v");
	float_status();
	float_dirty();
	vector_status();
	registers_held();
	check_report();
}
