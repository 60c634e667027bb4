#include "riscv/isa.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct isa parse(const char *text)
{
	struct isa isa;

	assert_true(isa_parse_string(&isa, text, strlen(text) + 1));
	return isa;
}

static void assert_string(const struct isa *isa, const char *want)
{
	char buf[ISA_TEXT_MAX];

	assert_int_equal(isa_string(isa, buf, sizeof(buf)), strlen(want));
	assert_string_equal(buf, want);
}

static bool same(const struct isa *a, const struct isa *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool is_subset(const struct isa *part, const struct isa *whole)
{
	struct isa common = *part;

	isa_intersect(&common, whole);
	return same(&common, part);
}

static struct isa only(enum isa_ext ext)
{
	struct isa isa = { 0 };

	isa_set(&isa, ext);
	return isa;
}

static struct isa all(void)
{
	struct isa isa = { 0 };

	for (enum isa_ext e = 0; e < ISA_COUNT; e++)
		isa_set(&isa, e);
	return isa;
}

static bool is_closed(const struct isa *isa)
{
	for (enum isa_ext e = 0; e < ISA_COUNT; e++) {
		struct isa with = only(e);

		if (isa_has(isa, e) && !is_subset(&with, isa))
			return false;
	}
	return true;
}

/* Single letters in their own order, then Z*, Su*, Ss*, Sv*, Sh*, Sm*; Z* by category. */
static unsigned name_rank(const char *name)
{
	static const char letters[] = "imafdqcbvh", categories[] = "imafdqcbktvh";
	static const char *const prefixes[] = { "su", "ss", "sv", "sh", "sm" };

	if (!name[1])
		return (unsigned)(strchr(letters, name[0]) - letters);
	if (name[0] == 'z')
		return 100 + (unsigned)(strchr(categories, name[1]) - categories);
	for (unsigned i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(name, prefixes[i], 2))
			return 200 + i;
	fail_msg("%s has no place", name);
	return 0;
}

static void table_is_whole_and_in_order(void **state unused)
{
	for (enum isa_ext e = 0; e < ISA_COUNT; e++) {
		const char *name = isa_ext_name(e);

		assert_non_null(name);
		assert_int_equal(isa_from_name(name, strlen(name)), e);
		assert_false(isdigit((unsigned char)name[strlen(name) - 1]));
		if (e == 0)
			continue;
		assert_true(name_rank(isa_ext_name(e - 1)) <= name_rank(name));
		/* zvl* goes by length, everything else by the alphabet */
		if (name_rank(isa_ext_name(e - 1)) == name_rank(name) && strncmp(name, "zvl", 3))
			assert_true(strcmp(isa_ext_name(e - 1), name) < 0);
	}
}

static void the_plain_imply_only_the_plain(void **state unused)
{
	for (enum isa_ext e = 0; e < ISA_COUNT; e++) {
		struct isa isa = only(e);

		for (enum isa_ext i = 0; i < ISA_COUNT; i++)
			if (isa_has(&isa, i) && isa_ext_class(e) == ISA_CLASS_USER)
				assert_int_equal(isa_ext_class(i), ISA_CLASS_USER);
	}
}

static void reads_plain_strings(void **state unused)
{
	struct isa isa = parse("rv64imac");

	assert_string(&isa, "rv64imac_zmmul_zaamo_zalrsc_zca");
	isa = parse("rv64i");
	assert_string(&isa, "rv64i");
	isa = parse("rv64gc");
	assert_string(&isa, "rv64imafdc_zicsr_zifencei_zmmul_zaamo_zalrsc_zca");
	isa = parse("rv64imafdch_zicsr_zifencei_zba_zbb_zbs_sstc");
	assert_true(isa_has(&isa, ISA_H) && isa_has(&isa, ISA_SSTC) && isa_has(&isa, ISA_ZBB));
	assert_false(isa_has(&isa, ISA_B));
}

static void reads_case_versions_and_unknown_names(void **state unused)
{
	struct isa want = parse("rv64imafdc_zicsr_zba_zve32x_zvl128b_sstc");
	struct isa got;

	got = parse("RV64IMAFDC_Zicsr_ZBA_Zve32x_zvl128b_Sstc");
	assert_true(same(&got, &want));
	got = parse("rv64i2p1m2a2p1f2p2d2p2c2_zicsr2p0_zba1p0_zve32x1_zvl128b1p0_sstc1p0");
	assert_true(same(&got, &want));
	got = parse("rv64i2p1_m2_a_f_d_c__zicsr_zba_zve32x_zvl128b_sstc_");
	assert_true(same(&got, &want));
	got = parse("rv64imafdc_xtheadba1p0_zwhatever_zicsr_zba_zbaa_zve32x_zvl128b_svnone_sstc");
	assert_true(same(&got, &want));
	/* An old emulator's "su", and long names that follow the letters at once. */
	got = parse("rv64imafdcsu");
	want = parse("rv64imafdc");
	assert_true(same(&got, &want));
	got = parse("rv64imafdczicsr_sstc");
	assert_true(isa_has(&got, ISA_ZICSR) && isa_has(&got, ISA_SSTC));
}

static void refuses_other_machines(void **state unused)
{
	static const char *const bad[] = { "",       "rv64", "rv32imac", "rv64e",
					   "rv128i", "r",    "x86",      "rv64mi" };
	struct isa isa, empty = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		isa = all();
		assert_false(isa_parse_string(&isa, bad[i], strlen(bad[i])));
		assert_true(same(&isa, &empty));
	}
	isa = all();
	assert_false(isa_parse_list(&isa, "m\0a", 4));
	assert_true(same(&isa, &empty));
	assert_false(isa_parse_list(&isa, "", 0));
}

static void reads_no_further_than_told(void **state unused)
{
	const char text[] = "rv64imafdch_sstc";
	struct isa isa;

	assert_true(isa_parse_string(&isa, text, 6));
	assert_string(&isa, "rv64im_zmmul");
	assert_true(isa_parse_string(&isa, "rv64im\0afd", 10));
	assert_string(&isa, "rv64im_zmmul");
	assert_true(isa_parse_list(&isa, "i\0m\0zbbx", 7));
	assert_string(&isa, "rv64im_zmmul_zbb");
}

static void reads_lists(void **state unused)
{
	static const char list[] = "i\0m\0a\0zicsr\0xvendor\0\0zbb\0sstc";
	struct isa isa, want = parse("rv64ima_zicsr_zbb_sstc");

	assert_true(isa_parse_list(&isa, list, sizeof(list)));
	assert_true(same(&isa, &want));
}

static void knows_what_implies_what(void **state unused)
{
	struct isa isa = parse("rv64iv");

	assert_true(isa_has(&isa, ISA_F) && isa_has(&isa, ISA_D) && isa_has(&isa, ISA_ZICSR));
	assert_true(isa_has(&isa, ISA_ZVE32X) && isa_has(&isa, ISA_ZVL128B));
	assert_false(isa_has(&isa, ISA_ZVL256B));
	isa = parse("rv64ib");
	assert_string(&isa, "rv64ib_zba_zbb_zbs");
	isa = parse("rv64i_zk");
	assert_true(isa_has(&isa, ISA_ZKNH) && isa_has(&isa, ISA_ZKR));
}

static void hides_with_all_that_depends(void **state unused)
{
	struct isa isa = parse("rv64imafdcbvh_zfh_zfa_zcd_zvbb_zvkng_zicond");

	isa_clear(&isa, ISA_ZBS);
	assert_false(isa_has(&isa, ISA_B));
	assert_true(isa_has(&isa, ISA_ZBA));
	isa_clear(&isa, ISA_F);
	assert_string(&isa, "rv64imach_zicond_zicsr_zmmul_zaamo_zalrsc_zca_zba_zbb_zvbb_zve32x"
			    "_zve64x_zvkb_zvkg_zvkn_zvkned_zvkng_zvknha_zvknhb_zvkt_zvl32b"
			    "_zvl64b_zvl128b");
}

static void stays_closed(void **state unused)
{
	const struct isa whole = all();

	assert_true(is_closed(&whole));
	for (enum isa_ext e = 0; e < ISA_COUNT; e++) {
		struct isa one = only(e), rest = whole;

		assert_true(isa_has(&one, e) && is_closed(&one));
		isa_clear(&rest, e);
		assert_true(!isa_has(&rest, e) && is_closed(&rest));
		isa_intersect(&one, &rest);
		assert_true(!isa_has(&one, e) && is_closed(&one));
	}
}

static void guests_get_what_the_host_has(void **state unused)
{
	struct isa host = parse("rv64imafdcvh_zicbom_zicond_zba_zfh_zvbb_svinval_svpbmt_smaia");
	struct isa guest = { 0 };

	isa_add_class(&guest, &host, ISA_CLASS_USER);
	assert_string(&guest, "rv64imac_zicond_zicsr_zmmul_zaamo_zalrsc_zca_zba");
	isa_add_class(&guest, &host, ISA_CLASS_SUPERVISOR);
	assert_true(isa_has(&guest, ISA_SVINVAL) && !isa_has(&guest, ISA_SVPBMT));
	isa_add_class(&guest, &host, ISA_CLASS_FP);
	assert_true(isa_has(&guest, ISA_D) && isa_has(&guest, ISA_ZFH));
	assert_false(isa_has(&guest, ISA_V) || isa_has(&guest, ISA_ZVBB));
	isa_add_class(&guest, &host, ISA_CLASS_VECTOR);
	assert_true(isa_has(&guest, ISA_V) && isa_has(&guest, ISA_ZVBB));
	assert_false(isa_has(&guest, ISA_H) || isa_has(&guest, ISA_SMAIA));
	assert_true(is_subset(&guest, &host));
}

static void assert_round_trip(const struct isa *isa)
{
	char buf[ISA_TEXT_MAX];
	struct isa back;
	size_t len = isa_string(isa, buf, sizeof(buf));

	assert_true(len < sizeof(buf));
	assert_true(isa_parse_string(&back, buf, len));
	assert_true(same(&back, isa));
	len = isa_list(isa, buf, sizeof(buf));
	assert_true(len <= sizeof(buf));
	assert_true(isa_parse_list(&back, buf, len));
	assert_true(same(&back, isa));
}

static void writes_what_it_reads(void **state unused)
{
	struct isa isa = all();

	assert_round_trip(&isa);
	for (enum isa_ext e = 0; e < ISA_COUNT; e++) {
		isa = only(e);
		isa_set(&isa, ISA_I);
		assert_round_trip(&isa);
	}
}

static void writes_no_more_than_there_is_room(void **state unused)
{
	struct isa isa = parse("rv64i_zicond");
	char buf[16];

	for (size_t size = 0; size <= 13; size++) {
		memset(buf, '#', sizeof(buf));
		assert_int_equal(isa_string(&isa, buf, size), 12);
		assert_int_equal(buf[size], '#');
		if (size) {
			assert_int_equal(strlen(buf), size - 1);
			assert_memory_equal(buf, "rv64i_zicond", size - 1);
		}
	}
	memset(buf, '#', sizeof(buf));
	assert_int_equal(isa_list(&isa, buf, 9), 9);
	assert_memory_equal(buf, "i\0zicond\0#", 10);
	assert_int_equal(isa_list(&isa, buf, 3), 9);
}

static void names_are_exact(void **state unused)
{
	assert_int_equal(isa_from_name("ZBB", 3), ISA_ZBB);
	assert_int_equal(isa_from_name("zbbx", 3), ISA_ZBB);
	assert_int_equal(isa_from_name("zb", 2), -1);
	assert_int_equal(isa_from_name("zbbb", 4), -1);
	assert_int_equal(isa_from_name("zbb1p0", 6), -1);
	assert_int_equal(isa_from_name("", 0), -1);
	assert_int_equal(isa_from_name("zbb\0", 4), -1);
}

static void survives_rubbish(void **state unused)
{
	u64 seed = 1;

	for (unsigned round = 0; round < 20000; round++) {
		static const char alphabet[] = "rv64imafdcpzsx_012psbhgZ\xff";
		char text[32] = "rv64i";
		size_t len;
		struct isa isa;

		for (size_t i = 5; i < sizeof(text); i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			text[i] = alphabet[(seed >> 33) % sizeof(alphabet)];
		}
		len = (seed >> 40) % (sizeof(text) + 1);
		if (isa_parse_string(&isa, text, len))
			assert_true(isa_has(&isa, ISA_I) && is_closed(&isa));
		isa_parse_list(&isa, text, len);
		assert_true(is_closed(&isa));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_whole_and_in_order),
		cmocka_unit_test(the_plain_imply_only_the_plain),
		cmocka_unit_test(reads_plain_strings),
		cmocka_unit_test(reads_case_versions_and_unknown_names),
		cmocka_unit_test(refuses_other_machines),
		cmocka_unit_test(reads_no_further_than_told),
		cmocka_unit_test(reads_lists),
		cmocka_unit_test(knows_what_implies_what),
		cmocka_unit_test(hides_with_all_that_depends),
		cmocka_unit_test(stays_closed),
		cmocka_unit_test(guests_get_what_the_host_has),
		cmocka_unit_test(writes_what_it_reads),
		cmocka_unit_test(writes_no_more_than_there_is_room),
		cmocka_unit_test(names_are_exact),
		cmocka_unit_test(survives_rubbish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
