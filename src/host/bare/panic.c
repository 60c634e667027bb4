/* The end by our own bug: says all it knows, then stops the machine. */
#include <stdarg.h>
#include <stdio.h>

#include "host/bare/bare.h"
#include "host/bare/console.h"
#include "host/bare/panic.h"
#include "host/bare/percpu.h"
#include "host/bare/table.h"
#include "host/bare/task.h"
#include "riscv/csr.h"
#include "riscv/csr_access.h"

#define FRAMES_MAX 24

u64 bare_panic_hart;
u64 bare_panic_regs[32];

static char text[256];

static const char *const register_names[32] = {
	"pc", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
	"a1", "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
	"s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};

static const char *const cause_names[] = {
	[CAUSE_INSN_MISALIGNED] = "misaligned jump",
	[CAUSE_INSN_ACCESS] = "instruction access fault",
	[CAUSE_ILLEGAL_INSN] = "illegal instruction",
	[CAUSE_BREAKPOINT] = "breakpoint",
	[CAUSE_LOAD_MISALIGNED] = "misaligned load",
	[CAUSE_LOAD_ACCESS] = "load access fault",
	[CAUSE_STORE_MISALIGNED] = "misaligned store",
	[CAUSE_STORE_ACCESS] = "store access fault",
	[CAUSE_INSN_PAGE_FAULT] = "instruction page fault",
	[CAUSE_LOAD_PAGE_FAULT] = "load page fault",
	[CAUSE_STORE_PAGE_FAULT] = "store page fault",
};

static void text_print(int len)
{
	if (len > 0)
		bare_console_log(text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
}

/* ---- Backtrace */

/* Where the table of tools/symtab ends up; empty in the first of two links. */
struct bare_symbol {
	u32 offset; /* from image_start */
	u32 name;   /* in the names */
};
extern const struct bare_symbol bare_symtab[];
extern const u32 bare_symtab_count;
extern const char bare_symtab_names[];

/* A return address may be the first byte of the next function: @back looks that far before. */
static void symbol_print(const char *what, u64 pc, u64 back)
{
	u64 offset = pc - back - (u64)(uintptr_t)image_start;
	u32 low = 0, high = bare_symtab_count;

	if (offset >= (u64)(image_text_end - image_start)) {
		text_print(snprintf(text, sizeof(text), "  %s %016lx", what, pc));
		return;
	}
	/* The last symbol at or below. */
	while (low < high) {
		u32 mid = (low + high) / 2;

		if (bare_symtab[mid].offset <= offset)
			low = mid + 1;
		else
			high = mid;
	}
	offset += back;
	text_print(snprintf(text, sizeof(text), "  %s %016lx %s+%#lx", what, pc,
			    low ? bare_symtab_names + bare_symtab[low - 1].name : "?",
			    low ? offset - bare_symtab[low - 1].offset : offset));
}

/* The end of the stack that holds @sp: the running task's, or, early, one within the image. */
static u64 stack_end(u64 sp)
{
	u64 stack = percpu()->task ? task_stack(percpu()->task) : 0;
	u64 bss = (u64)(uintptr_t)image_bss, end = (u64)(uintptr_t)image_end;

	if (stack && range_within(sp, 8, stack, STACK_SIZE))
		return stack + STACK_SIZE;
	return range_within(sp, 8, bss, end - bss) ? min_u64(sp + STACK_SIZE, end) : 0;
}

static u32 parcel(u64 pc)
{
	return *(const u16 *)(uintptr_t)pc;
}

/* True if a call stands right before @pc: jal ra, jalr ra or c.jalr. */
static bool follows_call(u64 pc)
{
	u64 text_start = (u64)(uintptr_t)image_start, text_end = (u64)(uintptr_t)image_text_end;
	u32 call, short_call;

	if (!is_aligned(pc, 2) || pc < text_start + 4 || pc >= text_end)
		return false;
	call = parcel(pc - 4) & 0xfff;
	short_call = parcel(pc - 2);
	return call == 0x0ef || call == 0x0e7 || ((short_call & 0xf07f) == 0x9002 && short_call != 0x9002);
}

/* There are no frame pointers, which would cost every function some instructions: what looks like
 * a return address is shown, and an old one that nobody overwrote may be among them. */
static void backtrace_print(u64 sp)
{
	u64 at = align_up(sp, 8), end = stack_end(at);
	unsigned shown = 0;

	for (; at < end && shown < FRAMES_MAX; at += 8) {
		u64 pc = *(const u64 *)(uintptr_t)at;

		if (!follows_call(pc))
			continue;
		symbol_print("from", pc, 1);
		shown++;
	}
}

/* ---- */

static void where_print(void)
{
	const struct percpu *pc = percpu();

	text_print(snprintf(text, sizeof(text), "hart %u (id %lu), task %s, %s%s", pc->index, pc->hart_id,
			    pc->task ? task_name(pc->task) : "none",
			    pc->serving ? "serving VM " : "serving no VM",
			    pc->serving ? pc->serving : ""));
}

static void registers_print(const u64 *regs)
{
	for (unsigned i = 0; i < 32; i += 4)
		text_print(snprintf(text, sizeof(text),
				    "  %3s %016lx %3s %016lx %3s %016lx %3s %016lx", register_names[i],
				    regs[i], register_names[i + 1], regs[i + 1], register_names[i + 2],
				    regs[i + 2], register_names[i + 3], regs[i + 3]));
}

static void others_stop(void)
{
	bare_console_panic();
	harts_stop();
}

void bare_panic_trap(u64 *regs)
{
	u64 cause = csr_read(CSR_SCAUSE);
	const char *name = cause < ARRAY_SIZE(cause_names) ? cause_names[cause] : NULL;

	others_stop();
	regs[0] = csr_read(CSR_SEPC);
	text_print(snprintf(text, sizeof(text), "PANIC: %s (scause %#lx) at %#lx",
			    name ? name : "unexpected trap", cause, csr_read(CSR_STVAL)));
	where_print();
	registers_print(regs);
	symbol_print("at  ", regs[0], 0);
	symbol_print("ra  ", regs[1], 1);
	backtrace_print(regs[2]);
	bare_shutdown(true);
}

/* The report itself went wrong. */
void bare_panic_again(void)
{
	bare_shutdown(true);
}

void host_panic(const char *fmt, ...)
{
	u64 me = (u64)(uintptr_t)percpu(), owner = 0;
	va_list args;
	int n;

	if (!__atomic_compare_exchange_n(&bare_panic_hart, &owner, me, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE)) {
		if (owner == me)
			bare_shutdown(true);
		for (;;)
			__asm__ volatile("wfi");
	}
	others_stop();
	n = snprintf(text, sizeof(text), "PANIC: ");
	va_start(args, fmt);
	n += vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, args);
	va_end(args);
	text_print(n);
	where_print();
	backtrace_print((u64)(uintptr_t)__builtin_frame_address(0));
	bare_shutdown(true);
}
