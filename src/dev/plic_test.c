#include "dev/plic.h"

#include "dev/dev_test.h"
#include "vm/fdt.h"

#define BASE 0x0c000000
#define HARTS 3
#define CONTEXTS (2 * HARTS)

static struct dev *plic;
static unsigned hart_count;
static bool outputs[PLIC_HARTS_MAX];
static unsigned output_changes;

static void record(void *arg, unsigned hart, bool level)
{
	assert_ptr_equal(arg, outputs);
	assert_true(hart < hart_count);
	output_changes += outputs[hart] != level;
	outputs[hart] = level;
}

static void plic_new(unsigned harts)
{
	hart_count = harts;
	memset(outputs, 0, sizeof(outputs));
	output_changes = 0;
	plic = plic_create(BASE, harts, record, outputs, &test_account);
	assert_non_null(plic);
}

static int plic_setup(void **state unused)
{
	plic_new(HARTS);
	return 0;
}

static int plic_teardown(void **state unused)
{
	plic->ops->destroy(plic);
	return 0;
}

static u32 in(u64 off) { return (u32)test_read(plic, off, 4); }
static void out(u64 off, u32 value) { test_write(plic, off, 4, value); }
static u64 enable_reg(u64 context, u64 reg) { return 0x2000 + 0x80 * context + 4 * reg; }
static u64 threshold_reg(u64 context) { return 0x200000 + 0x1000 * context; }
static u64 claim_reg(u64 context) { return threshold_reg(context) + 4; }

static void set_wire(unsigned source, bool level)
{
	struct irq_line wire = plic_line(plic, source);

	irq_set(&wire, level);
}

static void enable(unsigned context, unsigned source)
{
	u64 reg = enable_reg(context, source / 32);

	out(reg, in(reg) | 1u << source % 32);
}

static void delivers_one_interrupt(void **state unused)
{
	out(4 * 10, 1);
	enable(1, 10);
	assert_int_equal(in(claim_reg(1)), 0);
	set_wire(10, true);
	assert_true(outputs[0]);
	assert_false(outputs[1]);
	assert_int_equal(in(0x1000), 1u << 10);
	assert_int_equal(in(claim_reg(1)), 10);
	assert_false(outputs[0]);
	assert_int_equal(in(0x1000), 0);
	assert_int_equal(in(claim_reg(1)), 0);
	set_wire(10, false);
	out(claim_reg(1), 10);
	assert_false(outputs[0]);
	set_wire(10, true);
	assert_true(outputs[0]);
}

static void repeats_while_the_level_stays(void **state unused)
{
	out(4 * 95, 7);
	enable(3, 95);
	set_wire(95, true);
	for (int i = 0; i < 3; i++) {
		assert_true(outputs[1]);
		assert_int_equal(in(0x1008), 1u << 31);
		assert_int_equal(in(claim_reg(3)), 95);
		assert_false(outputs[1]);
		set_wire(95, true); /* waits for the completion */
		assert_false(outputs[1]);
		out(claim_reg(3), 95);
	}
	assert_true(outputs[1]);
}

/* "Interrupt Gateways": a request that was sent is not taken back. */
static void keeps_a_request_when_the_wire_falls(void **state unused)
{
	out(4 * 5, 1);
	enable(1, 5);
	set_wire(5, true);
	set_wire(5, false);
	assert_true(outputs[0]);
	assert_int_equal(in(claim_reg(1)), 5);
	out(claim_reg(1), 5);
	assert_false(outputs[0]);
}

static void obeys_priority_and_threshold(void **state unused)
{
	enable(1, 3);
	enable(1, 64);
	enable(1, 70);
	set_wire(3, true);
	set_wire(64, true);
	set_wire(70, true);
	assert_false(outputs[0]); /* priority 0 */
	assert_int_equal(in(claim_reg(1)), 0);
	out(4 * 3, 2);
	out(4 * 64, 5);
	out(4 * 70, 5);
	for (u32 t = 0; t < 8; t++) {
		out(threshold_reg(1), t);
		assert_int_equal(in(threshold_reg(1)), t);
		assert_int_equal(outputs[0], t < 5);
	}
	/* A claim does not look at the threshold, which is 7. */
	assert_int_equal(in(claim_reg(1)), 64);
	assert_int_equal(in(claim_reg(1)), 70);
	assert_int_equal(in(claim_reg(1)), 3);
	assert_int_equal(in(claim_reg(1)), 0);
}

static void gives_an_interrupt_to_one_claimer(void **state unused)
{
	out(4 * 8, 1);
	for (unsigned c = 0; c < CONTEXTS; c++)
		enable(c, 8);
	set_wire(8, true);
	assert_true(outputs[0] && outputs[1] && outputs[2]);
	assert_int_equal(in(claim_reg(3)), 8);
	assert_false(outputs[0] || outputs[1] || outputs[2]);
	assert_int_equal(in(claim_reg(1)), 0);
	out(claim_reg(5), 8); /* anyone who enables it may complete */
	assert_true(outputs[0] && outputs[1] && outputs[2]);
	assert_int_equal(in(claim_reg(0)), 8); /* the M-mode context as well */
}

static void ignores_a_completion_from_a_stranger(void **state unused)
{
	static const u32 odd[] = { 0, 9, 96, 127, 128, 1024, ~0u };

	out(4 * 8, 1);
	enable(1, 8);
	set_wire(8, true);
	assert_int_equal(in(claim_reg(1)), 8);
	out(claim_reg(3), 8);
	for (unsigned i = 0; i < ARRAY_SIZE(odd); i++)
		out(claim_reg(1), odd[i]);
	assert_false(outputs[0]);
	out(enable_reg(1, 0), 0);
	out(claim_reg(1), 8);
	assert_int_equal(in(0x1000), 0);
	enable(1, 8);
	out(claim_reg(1), 8);
	assert_true(outputs[0]);
}

static void follows_enable_bits(void **state unused)
{
	out(4 * 40, 1);
	set_wire(40, true);
	assert_false(outputs[2]);
	out(enable_reg(5, 1), 1u << 8);
	assert_true(outputs[2]);
	out(enable_reg(5, 1), 0);
	assert_false(outputs[2]);
	assert_int_equal(in(claim_reg(5)), 0);
	out(enable_reg(4, 1), 1u << 8); /* M-mode: no output */
	assert_int_equal(output_changes, 2);
}

static void has_only_the_registers_that_it_has(void **state unused)
{
	out(0, 7);
	assert_int_equal(in(0), 0);
	out(4, 0xffffffff);
	assert_int_equal(in(4), 7);
	out(4, 8);
	assert_int_equal(in(4), 0);
	out(4 * PLIC_SOURCES, 7);
	assert_int_equal(in(4 * PLIC_SOURCES), 0);
	out(enable_reg(1, 0), ~0u);
	assert_int_equal(in(enable_reg(1, 0)), ~1u);
	out(enable_reg(1, 3), ~0u);
	assert_int_equal(in(enable_reg(1, 3)), 0);
	out(enable_reg(CONTEXTS, 0), ~0u);
	assert_int_equal(in(enable_reg(CONTEXTS, 0)), 0);
	out(threshold_reg(CONTEXTS), 1);
	assert_int_equal(in(threshold_reg(CONTEXTS)), 0);
	assert_int_equal(in(claim_reg(CONTEXTS)), 0);
	out(threshold_reg(1), 0xfffffffa);
	assert_int_equal(in(threshold_reg(1)), 2);
	out(0x1000, ~0u);
	assert_int_equal(in(0x1000), 0);
	assert_int_equal(in(0x100c), 0);
	assert_int_equal(in(PLIC_SIZE - 4), 0);
	out(PLIC_SIZE - 4, ~0u);
	out(0x1ffffc, ~0u);
	assert_int_equal(in(0x1ffffc), 0);
	assert_int_equal(in(threshold_reg(1) + 8), 0);
	assert_int_equal(output_changes, 0);
}

static void forgets_all_in_a_reset(void **state unused)
{
	out(4 * 8, 1);
	enable(1, 8);
	set_wire(8, true);
	assert_true(outputs[0]);
	test_reset(plic);
	assert_false(outputs[0]);
	assert_int_equal(in(4 * 8) | in(enable_reg(1, 0)) | in(0x1000), 0);
	out(4 * 8, 1);
	enable(1, 8);
	assert_false(outputs[0]);
	set_wire(8, true);
	assert_true(outputs[0]);
}

static void serves_many_harts(void **state unused)
{
	plic_teardown(NULL);
	plic_new(PLIC_HARTS_MAX);
	for (unsigned s = 1; s < PLIC_SOURCES; s++) {
		unsigned hart = s % PLIC_HARTS_MAX;

		out(4 * s, 1);
		enable(2 * hart + 1, s);
		set_wire(s, true);
		assert_true(outputs[hart]);
		assert_int_equal(in(claim_reg(2 * hart + 1)), s);
		assert_false(outputs[hart]);
	}
	assert_int_equal(output_changes, 2 * (PLIC_SOURCES - 1));
}

static void is_found_by_its_node(void **state unused)
{
	const char *path = "/plic@c000000";
	const void *fdt = test_describe(plic);
	int len = 0;

	test_compatible(fdt, path, "sifive,plic-1.0.0");
	test_compatible(fdt, path, "riscv,plic0");
	assert_int_equal(test_cell(fdt, path, "phandle", 0), FDT_PHANDLE_PLIC);
	assert_int_equal(test_cell(fdt, path, "reg", 1), BASE);
	assert_int_equal(test_cell(fdt, path, "reg", 3), PLIC_SIZE);
	assert_int_equal(test_cell(fdt, path, "riscv,ndev", 0), 95);
	assert_int_equal(test_cell(fdt, path, "#interrupt-cells", 0), 1);
	assert_int_equal(test_cell(fdt, path, "#address-cells", 0), 0);
	assert_non_null(fdt_getprop(fdt, fdt_path_offset(fdt, path), "interrupt-controller", &len));
	assert_int_equal(len, 0);
	for (int c = 0; c < CONTEXTS; c++) {
		assert_int_equal(test_cell(fdt, path, "interrupts-extended", 2 * c),
				 FDT_PHANDLE_CPU_INTC + c / 2);
		assert_int_equal(test_cell(fdt, path, "interrupts-extended", 2 * c + 1),
				 c & 1 ? 9 : 0xffffffff);
	}
	fdt_getprop(fdt, fdt_path_offset(fdt, path), "interrupts-extended", &len);
	assert_int_equal(len, 8 * CONTEXTS);
	test_describe_short(plic);
	plic_teardown(NULL);
	plic_new(PLIC_HARTS_MAX);
	test_describe(plic);
}

/* The specification in its plainest words, to compare with. */
static struct {
	bool level[PLIC_SOURCES], pending[PLIC_SOURCES], claimed[PLIC_SOURCES];
	bool enable[CONTEXTS][PLIC_SOURCES];
	u32 priority[PLIC_SOURCES], threshold[CONTEXTS];
} plain;

static void plain_gateway(u32 s)
{
	if (plain.level[s] && !plain.claimed[s])
		plain.pending[s] = true;
}

static u32 plain_best(u32 context)
{
	u32 best = 0;

	for (u32 s = 1; s < PLIC_SOURCES; s++)
		if (plain.pending[s] && plain.enable[context][s] &&
		    plain.priority[s] > (best ? plain.priority[best] : 0))
			best = s;
	return best;
}

static unsigned relayed_source;

static void note_completed(void *arg, unsigned source)
{
	assert_ptr_equal(arg, outputs);
	relayed_source = source;
}

/* The wire of a host's device falls with the completion, and only then. */
static void a_relay_is_told_of_completions(void **state unused)
{
	struct irq_line wire = plic_relay(plic, 20, note_completed, outputs);

	out(4 * 20, 1);
	enable(1, 20);
	relayed_source = 0;
	irq_set(&wire, true);
	assert_int_equal(in(claim_reg(1)), 20);
	assert_int_equal(relayed_source, 0);
	out(claim_reg(1), 20);
	assert_int_equal(relayed_source, 20);
	assert_int_equal(in(claim_reg(1)), 0);
	irq_set(&wire, true);
	assert_int_equal(in(claim_reg(1)), 20);
}

static void plain_complete(u32 context, u32 s)
{
	if (!plain.enable[context][s])
		return;
	plain.claimed[s] = false;
	plain_gateway(s);
}

static void plain_enable(u32 context, u32 reg, u32 value)
{
	for (u32 bit = 0; bit < 32; bit++)
		plain.enable[context][32 * reg + bit] = value >> bit & (32 * reg + bit > 0);
}

static u32 dice(u32 sides)
{
	static u64 seed = 88172645463325252;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (u32)(seed >> 16) % sides;
}

static void step_both(void)
{
	u32 s = 1 + dice(PLIC_SOURCES - 1), c = dice(CONTEXTS), v = dice(8), kind = dice(16);

	if (kind < 5) {
		plain.level[s] = v & 1;
		plain_gateway(s);
		set_wire(s, v & 1);
	} else if (kind < 7) {
		plain.priority[s] = v;
		out(4 * s, v);
	} else if (kind < 8) {
		plain.threshold[c] = v;
		out(threshold_reg(c), v);
	} else if (kind < 9) {
		v = dice(~0u) & dice(~0u);
		plain_enable(c, s / 32, v);
		out(enable_reg(c, s / 32), v);
	} else if (kind < 13) {
		u32 best = plain_best(c);

		assert_int_equal(in(claim_reg(c)), best);
		plain.pending[best] = false;
		plain.claimed[best] = best != 0;
	} else {
		plain_complete(c, s);
		out(claim_reg(c), s);
	}
}

static void agrees_with_the_plain_model(void **state unused)
{
	memset(&plain, 0, sizeof(plain));
	for (int i = 0; i < 100000; i++) {
		step_both();
		for (u32 hart = 0; hart < HARTS; hart++) {
			u32 best = plain_best(2 * hart + 1);

			assert_int_equal(outputs[hart],
					 plain.priority[best] > plain.threshold[2 * hart + 1]);
		}
	}
	for (u32 s = 0; s < PLIC_SOURCES; s++)
		assert_int_equal(in(0x1000 + s / 32 * 4) >> s % 32 & 1, plain.pending[s]);
	assert_true(output_changes > 1000);
}

#define plic_test(f) cmocka_unit_test_setup_teardown(f, plic_setup, plic_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		plic_test(delivers_one_interrupt),
		plic_test(a_relay_is_told_of_completions),
		plic_test(repeats_while_the_level_stays),
		plic_test(keeps_a_request_when_the_wire_falls),
		plic_test(obeys_priority_and_threshold),
		plic_test(gives_an_interrupt_to_one_claimer),
		plic_test(ignores_a_completion_from_a_stranger),
		plic_test(follows_enable_bits),
		plic_test(has_only_the_registers_that_it_has),
		plic_test(forgets_all_in_a_reset),
		plic_test(serves_many_harts),
		plic_test(is_found_by_its_node),
		plic_test(agrees_with_the_plain_model),
	};

	return cmocka_run_group_tests(tests, NULL, test_leaves_nothing);
}
