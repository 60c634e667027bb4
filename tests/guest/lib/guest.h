/*
 * The runtime of the guest programs: an S-mode payload with a console, traps that a test can
 * expect, more harts, Sv39 tables, the device tree, and a small test framework.
 *
 * A program defines guest_main(), which runs on the boot hart with satp 0 and interrupts off;
 * when it returns the machine is powered off. The other harts stay stopped until hart_run()
 * starts them.
 */
#ifndef GUEST_H
#define GUEST_H

#include "lib/types.h"
#include "lib/asm.h"

/* -- The machine: the memory map of QEMU's virt ----------------------------------------- */

enum {
	SYSCON_BASE = 0x00100000,
	RTC_BASE = 0x00101000,
	PLIC_BASE = 0x0c000000,
	UART_BASE = 0x10000000,
	HOLE_BASE = 0x18000000, /* nothing answers here, in a VM or on QEMU's virt */
	UART_IRQ = 10,
};
#define RAM_BASE 0x80000000ul

enum uart_reg { UART_RBR, UART_IER, UART_IIR, UART_LCR, UART_MCR, UART_LSR, UART_MSR, UART_SCR };
enum { UART_THR = UART_RBR, UART_FCR = UART_IIR, UART_LSR_THRE = 0x20, UART_LSR_TEMT = 0x40,
	UART_MCR_LOOP = 0x10 };

/* -- CSRs ------------------------------------------------------------------------------- */

#define SSTATUS_SIE BIT(1)
#define SSTATUS_SPIE BIT(5)
#define SSTATUS_SPP BIT(8)
#define SSTATUS_VS (3ul << 9)
#define SSTATUS_FS (3ul << 13)
#define SSTATUS_XS (3ul << 15)
#define SSTATUS_SUM BIT(18)
#define SSTATUS_MXR BIT(19)
#define SSTATUS_UXL (3ul << 32)
#define SSTATUS_SD BIT(63)

#define INTERRUPT BIT(63)
enum { IRQ_SSI = 1, IRQ_STI = 5, IRQ_SEI = 9 };

enum cause {
	TRAP_NONE = 0, /* instruction address misaligned: cannot happen with the C extension */
	TRAP_INSN_ACCESS = 1,
	TRAP_ILLEGAL = 2,
	TRAP_BREAKPOINT = 3,
	TRAP_LOAD_MISALIGNED = 4,
	TRAP_LOAD_ACCESS = 5,
	TRAP_STORE_MISALIGNED = 6,
	TRAP_STORE_ACCESS = 7,
	TRAP_ECALL_U = 8,
	TRAP_ECALL_S = 9,
	TRAP_INSN_PAGE = 12,
	TRAP_LOAD_PAGE = 13,
	TRAP_STORE_PAGE = 15,
};

#define csr_read(csr) ({ u64 v_; asm volatile("csrr %0, " #csr : "=r"(v_) :: "memory"); v_; })
#define csr_write(csr, v) asm volatile("csrw " #csr ", %0" :: "rK"((u64)(v)) : "memory")
#define csr_set(csr, v) asm volatile("csrs " #csr ", %0" :: "rK"((u64)(v)) : "memory")
#define csr_clear(csr, v) asm volatile("csrc " #csr ", %0" :: "rK"((u64)(v)) : "memory")
#define csr_swap(csr, v) \
	({ u64 v_; asm volatile("csrrw %0, " #csr ", %1" : "=r"(v_) : "r"((u64)(v)) : "memory"); \
	   v_; })

/* stimecmp by number: the assembler's default ISA does not know the name. */
#define CSR_STIMECMP 0x14d

static inline u64 time_read(void) { return csr_read(time); }
static inline void irq_enable(void) { csr_set(sstatus, SSTATUS_SIE); }
static inline void irq_disable(void) { csr_clear(sstatus, SSTATUS_SIE); }
static inline void fence_i(void) { asm volatile("fence.i" ::: "memory"); }
static inline void sfence_vma(void) { asm volatile("sfence.vma" ::: "memory"); }
static inline void wfi(void) { asm volatile("wfi" ::: "memory"); }

/* -- Device registers and RAM ----------------------------------------------------------- */

static inline u8 read8(u64 a) { return *(volatile u8 *)a; }
static inline u32 read32(u64 a) { return *(volatile u32 *)a; }
static inline void write8(u64 a, u8 v) { *(volatile u8 *)a = v; }
static inline void write32(u64 a, u32 v) { *(volatile u32 *)a = v; }

/* -- SBI -------------------------------------------------------------------------------- */

enum sbi_ext {
	SBI_LEGACY_PUTCHAR = 1,
	SBI_LEGACY_GETCHAR = 2,
	SBI_BASE = 0x10,
	SBI_TIME = 0x54494d45,
	SBI_IPI = 0x735049,
	SBI_RFENCE = 0x52464e43,
	SBI_HSM = 0x48534d,
	SBI_SRST = 0x53525354,
	SBI_DBCN = 0x4442434e,
};

enum sbi_error {
	SBI_SUCCESS = 0,
	SBI_ERR_FAILED = -1,
	SBI_ERR_NOT_SUPPORTED = -2,
	SBI_ERR_INVALID_PARAM = -3,
	SBI_ERR_DENIED = -4,
	SBI_ERR_INVALID_ADDRESS = -5,
	SBI_ERR_ALREADY_AVAILABLE = -6,
};

enum { BASE_SPEC_VERSION, BASE_IMPL_ID, BASE_IMPL_VERSION, BASE_PROBE, BASE_MVENDORID, BASE_MARCHID,
	BASE_MIMPID };
enum { RFENCE_FENCE_I, RFENCE_SFENCE_VMA, RFENCE_SFENCE_VMA_ASID };
enum { HSM_START, HSM_STOP, HSM_STATUS, HSM_SUSPEND };
enum { HSM_STARTED, HSM_STOPPED, HSM_START_PENDING, HSM_STOP_PENDING, HSM_SUSPENDED };
enum { SRST_SHUTDOWN, SRST_COLD_REBOOT, SRST_WARM_REBOOT };
enum { DBCN_WRITE, DBCN_READ, DBCN_WRITE_BYTE };

struct sbiret {
	s64 error;
	s64 value;
};

/* Any SBI call; every argument register that is not named is 0. */
#define sbi_call(...) SBI_CALL_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define SBI_CALL_(ext, fn, a, b, c, d, e, ...) \
	sbi_call5((u64)(ext), (u64)(fn), (u64)(a), (u64)(b), (u64)(c), (u64)(d), (u64)(e))
struct sbiret sbi_call5(u64 ext, u64 fn, u64 a, u64 b, u64 c, u64 d, u64 e);

/* Ends the machine: SRST with this type and reason, else the syscon. */
void machine_reset(u64 type, u64 reason) __attribute__((noreturn));
void power_off(void) __attribute__((noreturn));

/* -- Harts ------------------------------------------------------------------------------ */

/* What an exception left behind; cause is TRAP_NONE if there was none. */
struct trap {
	u64 cause;
	u64 tval;
	u64 epc;
	u64 a0; /* the register, if the trap came from U-mode */
};

struct hart {
	u64 libc[8]; /* stands in for thread-local storage: tp points here */
	u64 user_sp;
	u64 saved_sp;
	u64 fixup; /* where to go on after an expected exception, 0 if none is expected */
	u64 start_a0, start_a1; /* as found at the last start of a hart by HSM */
	u64 start_sstatus, start_satp;
	struct trap trap;
	u64 id;
	bool leave_user; /* set by an interrupt handler: return from user_run */
	void (*entry)(u64 arg);
	u64 arg;
	u64 traps; /* every exception taken */
	volatile u64 irqs[16]; /* every interrupt taken, by number */
} __attribute__((aligned(64)));

extern struct hart harts[MAX_HARTS];

static inline struct hart *hart_self(void)
{
	struct hart *h;
	asm("mv %0, tp" : "=r"(h));
	return h;
}

/* Harts the device tree names; boot_hart is the id of the one that runs guest_main(). */
u64 hart_count(void);
extern u64 boot_hart;
extern const u8 start_secondary[];

/*
 * Starts a stopped hart in @entry (@arg is also HSM's opaque value); when that returns the hart
 * stops itself. Returns the SBI error.
 */
s64 hart_run(u64 id, void (*entry)(u64 arg), u64 arg);
/* Waits until HSM reports @state, at most some ten seconds. */
bool hart_wait(u64 id, s64 state);

struct spinlock { u32 held; };
void spin_lock(struct spinlock *l);
void spin_unlock(struct spinlock *l);

/* -- Traps ------------------------------------------------------------------------------ */

struct frame {
	u64 x[32];
	u64 sstatus, sepc, scause, stval;
};

/*
 * Handlers by interrupt number; without one, the interrupt is counted and its bit in sie
 * cleared.
 */
typedef void irq_handler(struct frame *f);
extern irq_handler *irq_handlers[16];

/*
 * Defines `u64 name(u64 a0, u64 a1)`: one instruction (or a few) that finds its arguments in a0
 * and a1 and leaves its result in a0. An exception in it ends it; hart_self()->trap says which.
 * Call through try_insn(), which clears the old one first.
 */
#define INSN(name, text) \
	u64 name(u64 a0, u64 a1); \
	asm(".text\n\t.balign 4\n\t.globl " #name "\n" #name ":\n\t" \
	    "la t0, 7f\n\tsd t0, " GUEST_STR(HART_FIXUP) "(tp)\n\t" text "\n" \
	    "7:\tsd zero, " GUEST_STR(HART_FIXUP) "(tp)\n\tret\n\t")
#define GUEST_STR(x) GUEST_STR_(x)
#define GUEST_STR_(x) #x

typedef u64 insn(u64 a0, u64 a1);
/* Runs an INSN and returns the cause of its exception, or TRAP_NONE. */
u64 try_insn(insn *i, u64 a0, u64 a1);
/* The same, but returns what the instruction left in a0. */
u64 try_value(insn *i, u64 a0, u64 a1);
/* Runs @n instruction words, made on the spot, with this a0 and a1. */
u64 try_code(const u32 *words, u64 n, u64 a0, u64 a1, u64 *result);
/* One CSR instruction on any number; the value read goes to *value (may be NULL). */
u64 try_csr_read(u32 number, u64 *value);
u64 try_csr_write(u32 number, u64 value);

/*
 * Runs U-mode code until it traps with an exception (or an interrupt handler asks to leave), and
 * returns that exception's cause; hart_self()->trap holds the rest. user_stack() is for its sp.
 */
u64 user_run(const void *pc, u64 a0);
u64 user_run_status(const void *pc, u64 a0, u64 sstatus_bits);
u64 user_stack(void);
/* One instruction word in U-mode, without translation; TRAP_ECALL_U means that it went through. */
u64 try_user(u32 word, u64 a0);

/* -- Timer ------------------------------------------------------------------------------ */

/* Absolute deadline in ticks, by SBI; timer_set_direct uses stimecmp. */
void timer_set(u64 deadline);
void timer_set_direct(u64 deadline);
u64 timer_frequency(void);

/* -- Device tree ------------------------------------------------------------------------ */

/* A property of the first node whose name starts with @node; NULL if absent. */
const void *fdt_find(const char *node, const char *prop, u32 *len);
/* The value of "key=value" in the boot arguments up to the next space, or @fallback. */
u64 bootarg_number(const char *key, u64 fallback);
bool bootarg_is(const char *key, const char *value);
/* Whether the ISA string of the first hart names a (single- or multi-letter) extension. */
bool isa_has(const char *extension);
u64 ram_size(void);

/* -- Sv39 ------------------------------------------------------------------------------- */

#define PAGE_SIZE 4096ul
#define PTE_V BIT(0)
#define PTE_R BIT(1)
#define PTE_W BIT(2)
#define PTE_X BIT(3)
#define PTE_U BIT(4)
#define PTE_G BIT(5)
#define PTE_A BIT(6)
#define PTE_D BIT(7)
#define PTE_RWX (PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D)
#define PTE_RW (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)

/* A zeroed page of the program's pool; the pool never gets one back. */
void *page_get(void);
/* A new Sv39 root that maps the first 4 GiB one to one, for S-mode. */
u64 *table_new(void);
/* Maps one page of 4 KiB; a leaf above it must not be in the way. */
void table_map(u64 *root, u64 va, u64 pa, u64 flags);
u64 *table_pte(u64 *root, u64 va);
/* Switches to @root, or to no translation for NULL, with a full sfence.vma. */
void table_use(u64 *root);
u64 table_satp(u64 *root);

/* -- Output and checks ------------------------------------------------------------------ */

void uart_reset(void);
void uart_puts(const char *s);
void uart_flush(void);
void print(const char *fmt, ...) printf_like(1, 2);

/* Print `ok NAME`, or `FAIL NAME: details`; names are unique within a program. */
void check(const char *name, bool ok);
void check_equal(const char *name, u64 got, u64 want);
/* The last line: `done: N ok, M failed`. */
void check_report(void);

/* A deterministic sequence (xorshift64*). */
u64 random_next(u64 *state);

void guest_main(void);

/* Called from start.S. */
void guest_boot(u64 hart, const void *fdt) __attribute__((noreturn));
void hart_enter(void) __attribute__((noreturn));
void trap_handle(struct frame *f);
void user_enter(const void *pc, u64 sp, u64 a0, u64 sstatus_bits);
void user_leave(void) __attribute__((noreturn));
extern const u8 trap_vector[];

/* What the runtime keeps of the machine; set before guest_main(). */
void fdt_set(const void *fdt);

#endif
