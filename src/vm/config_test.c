#include "vm/config_test.h"

static void reads_defaults(void **state unused)
{
	expect("");
	assert_int_equal(sys.vm_count, 1);
	assert_string_equal(sys.vms[0].name, "a");
	assert_int_equal(sys.vms[0].vcpus, 1);
	assert_int_equal(sys.vms[0].memory, 64 * MIB);
	assert_string_equal(sys.vms[0].kernel, "Image");
	assert_string_equal(sys.vms[0].initrd, "");
	assert_string_equal(sys.vms[0].bootargs, "");
	assert_int_equal(sys.vms[0].engine, CONFIG_ENGINE_ANY);
	assert_int_equal(sys.vms[0].harts, 0);
	assert_false(sys.vms[0].dedicated);
	assert_true(sys.vms[0].console);
	assert_int_equal(sys.vms[0].start, START_AUTO);
	assert_int_equal(sys.vms[0].restart, RESTART_NEVER);
}

static void reads_everything(void **state unused)
{
	set_u32("/vms/a", "vcpus", 2);
	set_string("/vms/a", "initrd", "../initrd.gz");
	set_string("/vms/a", "bootargs", "console=ttyS0");
	set_string("/vms/a", "batch-bootargs", "once");
	set_harts("/vms/a", 2, (const u32[]){ 3, 63 });
	assert_int_equal(fdt_setprop_empty(tree, node("/vms/a"), "dedicated"), 0);
	set_string("/vms/a", "console", "none");
	set_string("/vms/a", "start", "manual");
	set_string("/vms/a", "restart", "on-failure");
	set_string("/vms/a", "engine", "classic");
	set_string("/vms/a", "memory", "2M");
	expect("");
	assert_int_equal(sys.vms[0].vcpus, 2);
	assert_int_equal(sys.vms[0].memory, 2 * MIB);
	assert_string_equal(sys.vms[0].initrd, "../initrd.gz");
	assert_string_equal(sys.vms[0].bootargs, "console=ttyS0");
	assert_int_equal(sys.vms[0].harts, BIT(3) | BIT(63));
	assert_true(sys.vms[0].dedicated);
	assert_false(sys.vms[0].console);
	assert_int_equal(sys.vms[0].start, START_MANUAL);
	assert_int_equal(sys.vms[0].restart, RESTART_ON_FAILURE);
	assert_int_equal(sys.vms[0].engine, CONFIG_ENGINE_CLASSIC);
}

static void refuses_what_is_no_tree(void **state unused)
{
	u8 *garbage = calloc(1, 64);

	reports[0] = '\0';
	assert_int_equal(config_read(garbage, 64, &sys, collect, reports), 1);
	assert_non_null(strstr(reports, "not a compiled device tree"));
	assert_int_equal(config_read(garbage, 0, &sys, collect, reports), 1);
	assert_int_equal(config_read(garbage + 1, 32, &sys, collect, reports), 1);
	assert_int_equal(config_read(garbage, CONFIG_DTB_MAX + 1, &sys, collect, reports), 1);
	/* libfdt would read a whole header here. */
	fdt_set_magic(garbage, FDT_MAGIC);
	fdt_set_version(garbage, 17);
	memmove(garbage + 32, garbage, 32);
	assert_int_equal(config_read(garbage + 32, 32, &sys, collect, reports), 1);
	fdt_set_version(garbage, 16);
	assert_int_equal(config_read(garbage, 64, &sys, collect, reports), 1);
	assert_non_null(strstr(reports, "FDT_ERR_BADVERSION"));
	free(garbage);
	assert_int_equal(config_read(tree, fdt_totalsize(tree) - 1, &sys, collect, reports), 1);
}

static void refuses_foreign_roots(void **state unused)
{
	delete("/", "compatible");
	set_string("/", "compatable", "bulkhead,system");
	set_string("/", "model", "x");
	assert_true(fdt_add_subnode(tree, 0, "chosen") >= 0);
	expect("/model: unknown property: only \"compatible\" is known here\n"
	       "/compatable: unknown property: did you mean \"compatible\"?\n"
	       "/chosen: unknown node: only \"vms\", \"switches\" and \"shared\" are "
	       "known here\n");
}

static void refuses_another_compatible(void **state unused)
{
	set_string("/", "compatible", "bulkhead,sistem");
	set_string("/vms", "memory", "1G");
	expect("/compatible: must be \"bulkhead,system\"\n"
	       "/vms/memory: unknown property: /vms has only nodes, one for each VM\n");
}

static void wants_a_vm(void **state unused)
{
	fdt_del_node(tree, node("/vms/a"));
	expect("/vms: has no VM: add a node for each, such as linux1 { ... };\n");
	fdt_del_node(tree, node("/vms"));
	assert_true(fdt_add_subnode(tree, 0, "vm") >= 0);
	expect("/vm: unknown node: did you mean \"vms\"?\n");
	fdt_del_node(tree, node("/vm"));
	delete("/", "compatible");
	expect("/: has no compatible = \"bulkhead,system\", as every system description must\n"
	       "/: has no node \"vms\": it holds the VMs, a node for each\n");
}

static void names_what_is_missing(void **state unused)
{
	delete("/vms/a", "kernel");
	delete("/vms/a", "memory");
	expect("/vms/a: has no memory, as in memory = \"256M\"\n"
	       "/vms/a: has no kernel, as in kernel = \"path/to/Image\"\n");
}

static void suggests_properties(void **state unused)
{
	set_u32("/vms/a", "cpus", 2);
	expect("/vms/a/cpus: unknown property: did you mean \"vcpus\"?\n");
	delete("/vms/a", "cpus");
	set_u32("/vms/a", "flavour", 2);
	expect("/vms/a/flavour: unknown property: a VM has none of this name\n");
}

static void checks_vcpus(void **state unused)
{
	set_u32("/vms/a", "vcpus", 0);
	expect("/vms/a/vcpus: is 0: a VM has 1 to 32 vCPUs\n");
	set_u32("/vms/a", "vcpus", 33);
	expect("/vms/a/vcpus: is 33: a VM has 1 to 32 vCPUs\n");
	set_string("/vms/a", "vcpus", "2");
	expect("/vms/a/vcpus: must be one number, as in vcpus = <2>\n");
	set_u32("/vms/a", "vcpus", 32);
	expect("");
}

static void checks_memory(void **state unused)
{
	static const struct {
		const char *text, *wrong;
	} cases[] = {
		{ "0M", "\"0M\" is too little: a VM has at least 2M" },
		{ "1024K", "\"1024K\" is too little: a VM has at least 2M" },
		{ "3M", "\"3M\" is not a multiple of 2M: the next one is \"4M\"" },
		{ "2049K", "\"2049K\" is not a multiple of 2M: the next one is \"4M\"" },
		{ "1025G", "\"1025G\" is too much: a VM has at most 1T" },
		{ "99999999999999999999999G",
		  "\"99999999999999999999999G\" is too much: a VM has at most 1T" },
		{ "256", "\"256\" is not a size: write a whole number and K, M, G or T, as in "
		  "\"256M\"" },
	};
	char line[200];

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		set_string("/vms/a", "memory", cases[i].text);
		snprintf(line, sizeof(line), "/vms/a/memory: %s\n", cases[i].wrong);
		expect(line);
	}
	set_u32("/vms/a", "memory", 256);
	expect("/vms/a/memory: must be one string, as in memory = \"256M\"\n");
	set_string("/vms/a", "memory", "1T");
	expect("");
	assert_int_equal(sys.vms[0].memory, 1024 * GIB);
}

static void checks_the_sum_of_memory(void **state unused)
{
	set_string("/vms/a", "memory", "1T");
	add_vm("b");
	expect("/vms: the VMs have 1048640M of memory together: a system has at most 1T\n");
}

static void checks_strings(void **state unused)
{
	char text[1100];

	assert_int_equal(fdt_setprop(tree, node("/vms/a"), "kernel", "a\0b", 4), 0);
	expect("/vms/a/kernel: must be one string, as in kernel = \"path/to/file\"\n");
	assert_int_equal(fdt_setprop(tree, node("/vms/a"), "kernel", "ab", 2), 0);
	expect("/vms/a/kernel: must be one string, as in kernel = \"path/to/file\"\n");
	set_string("/vms/a", "kernel", "");
	expect("/vms/a/kernel: is empty: it must name a file, as in kernel = \"path/to/file\"\n");
	set_string("/vms/a", "kernel", "a\nb");
	expect("/vms/a/kernel: has a character that is not printable ASCII (0x0a)\n");
	memset(text, 'x', sizeof(text));
	text[256] = '\0';
	set_string("/vms/a", "kernel", text);
	expect("/vms/a/kernel: has 256 characters: at most 255 fit\n");
	text[255] = '\0';
	set_string("/vms/a", "kernel", text);
	expect("");
	assert_string_equal(sys.vms[0].kernel, text);
}

static void checks_the_length_of_bootargs(void **state unused)
{
	char text[1100];

	memset(text, 'x', sizeof(text));
	text[1024] = '\0';
	set_string("/vms/a", "bootargs", text);
	expect("/vms/a/bootargs: has 1024 characters: at most 1023 fit\n");
	text[1000] = '\0';
	set_string("/vms/a", "bootargs", text);
	set_string("/vms/a", "batch-bootargs", text + 978);
	expect("");
	set_string("/vms/a", "batch-bootargs", text + 977);
	expect("/vms/a/batch-bootargs: has 1024 characters together with bootargs: "
	       "at most 1023 fit\n");
}

static void checks_words(void **state unused)
{
	set_string("/vms/a", "restart", "on-failrue");
	set_string("/vms/a", "start", "later");
	set_u32("/vms/a", "console", 1);
	set_string("/vms/a", "engine", "hex");
	assert_int_equal(read_tree(), 4);
	assert_non_null(strstr(reports, "/vms/a/restart: \"on-failrue\" is unknown: did you mean "
			       "\"on-failure\"?\n"));
	assert_non_null(strstr(reports, "/vms/a/start: \"later\" is unknown: must be \"auto\" or "
			       "\"manual\"\n"));
	assert_non_null(strstr(reports, "/vms/a/console: must be one string, as in "
			       "console = \"none\"\n"));
	assert_non_null(strstr(reports, "/vms/a/engine: \"hex\" is unknown: did you mean \"hext\"?\n"));
}

static void checks_engines(void **state unused)
{
	set_string("/vms/a", "engine", "hext");
	expect("");
	assert_int_equal(sys.vms[0].engine, CONFIG_ENGINE_HEXT);
	set_string("/vms/a", "engine", "clasic");
	expect("/vms/a/engine: \"clasic\" is unknown: did you mean \"classic\"?\n");
	set_string("/vms/a", "engine", "");
	expect("/vms/a/engine: \"\" is unknown: must be \"hext\" or \"classic\"\n");
	set_string("/vms/a", "engine", "kvm");
	expect("/vms/a/engine: \"kvm\" is unknown: must be \"hext\" or \"classic\"\n");
	set_u32("/vms/a", "engine", 1);
	expect("/vms/a/engine: must be one string, as in engine = \"hext\"\n");
}

static void checks_harts(void **state unused)
{
	assert_int_equal(fdt_setprop_empty(tree, node("/vms/a"), "harts"), 0);
	expect("/vms/a/harts: must be a list of numbers, as in harts = <0 1>\n");
	set_harts("/vms/a", 1, (const u32[]){ 64 });
	expect("/vms/a/harts: names hart 64: harts are counted from 0 to 63\n");
	set_harts("/vms/a", 3, (const u32[]){ 1, 2, 1 });
	expect("/vms/a/harts: names hart 1 twice\n");
	set_string("/vms/a", "harts", "01");
	expect("/vms/a/harts: must be a list of numbers, as in harts = <0 1>\n");
}

static void checks_dedicated(void **state unused)
{
	assert_int_equal(fdt_setprop_empty(tree, node("/vms/a"), "dedicated"), 0);
	expect("/vms/a/dedicated: must say which harts: list one for each vCPU, "
	       "as in harts = <2 3>\n");
	set_harts("/vms/a", 1, (const u32[]){ 1 });
	set_u32("/vms/a", "vcpus", 2);
	expect("/vms/a/harts: 1 dedicated hart for 2 vCPUs: list one for each vCPU\n");
	set_harts("/vms/a", 3, (const u32[]){ 1, 2, 3 });
	expect("/vms/a/harts: 3 dedicated harts for 2 vCPUs: list one for each vCPU\n");
	set_u32("/vms/a", "dedicated", 1);
	expect("/vms/a/dedicated: takes no value: write dedicated; or leave it out\n");
}

static void keeps_dedicated_harts_apart(void **state unused)
{
	set_harts("/vms/a", 1, (const u32[]){ 1 });
	add_vm("b");
	set_harts("/vms/b", 1, (const u32[]){ 1 });
	expect("");
	/* libfdt adds a node before its siblings: "b" is the first one here. */
	assert_int_equal(fdt_setprop_empty(tree, node("/vms/a"), "dedicated"), 0);
	expect("/vms/a/harts: hart 1 cannot be dedicated: the VM \"b\" uses it too; "
	       "choose another one\n");
	delete("/vms/a", "dedicated");
	assert_int_equal(fdt_setprop_empty(tree, node("/vms/b"), "dedicated"), 0);
	expect("/vms/a/harts: hart 1 is dedicated to the VM \"b\" and can serve no other: "
	       "choose another one\n");
}

static void checks_names(void **state unused)
{
	fdt_del_node(tree, node("/vms/a"));
	add_vm("Linux");
	add_vm("-b");
	add_vm("a0123456789012345678901234567890");
	expect("/vms/a0123456789012345678901234567890: the name has 32 characters: "
	       "at most 31 fit\n"
	       "/vms/-b: this cannot be a VM's name: use a to z, 0 to 9 and, but not first, '-'\n"
	       "/vms/Linux: this cannot be a VM's name: use a to z, 0 to 9 and, but not first, '-'\n");
}

/* libfdt makes no two nodes of one name: they differ first, then their bytes are made equal. */
static void finds_equal_names(void **state unused)
{
	char *name;

	add_vm("b");
	name = (char *)(uintptr_t)fdt_get_name(tree, node("/vms/b"), NULL);
	*name = 'a';
	expect("/vms/a: there are two VMs of this name\n");
}

/* The same of a property's name, which is an offset into the tree's strings. */
static void finds_equal_properties(void **state unused)
{
	struct fdt_property *first, *second;

	set_u32("/vms/a", "vcpus", 1);
	set_u32("/vms/a", "x", 1);
	first = (void *)(uintptr_t)fdt_get_property(tree, node("/vms/a"), "vcpus", NULL);
	second = (void *)(uintptr_t)fdt_get_property(tree, node("/vms/a"), "x", NULL);
	second->nameoff = first->nameoff;
	expect("/vms/a/vcpus: is given twice\n");
}

static void bounds_the_number_of_vms(void **state unused)
{
	char name[16];

	for (int i = 1; i < CONFIG_VMS_MAX; i++) {
		snprintf(name, sizeof(name), "v%d", i);
		add_vm(name);
	}
	expect("");
	assert_int_equal(sys.vm_count, CONFIG_VMS_MAX);
	add_vm("more");
	expect("/vms: has more than 64 VMs\n");
}

static void bounds_the_number_of_reports(void **state unused)
{
	char name[16];

	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "q%d", i);
		set_u32("/vms/a", name, 0);
	}
	assert_int_equal(read_tree(), CONFIG_MISTAKES_MAX + 1);
	assert_non_null(strstr(reports, "there are more mistakes, which are not shown\n"));
}

static void cleans_reports(void **state unused)
{
	set_u32("/vms/a", "x\n\x1b[2J", 0);
	expect("/vms/a/x??[2J: unknown property: a VM has none of this name\n");
}

static void checks_the_hosts_memory(void **state unused)
{
	add_vm("b");
	expect("");
	assert_int_equal(check_host(1, 128 * MIB), 0);
	assert_int_equal(check_host(1, 128 * MIB - 1), 1);
	assert_string_equal(reports, "/vms: the VMs need 128M of memory together, "
			    "the host has 127M for them\n");
}

static void checks_the_hosts_harts(void **state unused)
{
	set_harts("/vms/a", 2, (const u32[]){ 0, 2 });
	set_u32("/vms/a", "vcpus", 2);
	assert_int_equal(fdt_setprop_empty(tree, node("/vms/a"), "dedicated"), 0);
	expect("");
	assert_int_equal(check_host(64, GIB), 0);
	assert_int_equal(check_host(3, GIB), 0);
	assert_int_equal(check_host(2, GIB), 1);
	assert_string_equal(reports, "/vms/a/harts: there is no hart 2: the host has 2, "
			    "counted from 0\n");

	set_harts("/vms/a", 2, (const u32[]){ 0, 1 });
	add_vm("b");
	expect("");
	assert_int_equal(check_host(3, GIB), 0);
	assert_int_equal(check_host(2, GIB), 1);
	assert_string_equal(reports, "/vms/b: no hart is left for it: the host has 2, and all "
			    "are dedicated to other VMs\n");
}

static void checks_the_hosts_engines(void **state unused)
{
	struct config_host host = { .harts = 1, .memory = GIB };

	expect("");
	assert_int_equal(check_on(&host), 0);
	set_string("/vms/a", "engine", "hext");
	expect("");
	host.engines = BIT(CONFIG_ENGINE_HEXT);
	assert_int_equal(check_on(&host), 0);
	host.engines = BIT(CONFIG_ENGINE_CLASSIC);
	assert_int_equal(check_on(&host), 1);
	assert_string_equal(reports, "/vms/a/engine: the host cannot run \"hext\": its harts have "
			    "no H extension; without this property the VM runs on what there is\n");
	set_string("/vms/a", "engine", "classic");
	expect("");
	assert_int_equal(check_on(&host), 0);
	host.engines = BIT(CONFIG_ENGINE_HEXT);
	assert_int_equal(check_on(&host), 1);
	assert_string_equal(reports, "/vms/a/engine: the host cannot run \"classic\"; without this "
			    "property the VM runs on what there is\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(reads_defaults),
		CASE(reads_everything),
		CASE(refuses_what_is_no_tree),
		CASE(refuses_foreign_roots),
		CASE(refuses_another_compatible),
		CASE(wants_a_vm),
		CASE(names_what_is_missing),
		CASE(suggests_properties),
		CASE(checks_vcpus),
		CASE(checks_memory),
		CASE(checks_the_sum_of_memory),
		CASE(checks_strings),
		CASE(checks_the_length_of_bootargs),
		CASE(checks_words),
		CASE(checks_engines),
		CASE(checks_harts),
		CASE(checks_dedicated),
		CASE(keeps_dedicated_harts_apart),
		CASE(checks_names),
		CASE(finds_equal_names),
		CASE(finds_equal_properties),
		CASE(bounds_the_number_of_vms),
		CASE(bounds_the_number_of_reports),
		CASE(cleans_reports),
		CASE(checks_the_hosts_memory),
		CASE(checks_the_hosts_harts),
		CASE(checks_the_hosts_engines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
