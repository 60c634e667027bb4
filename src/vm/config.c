/*
 * The whole of a system description: its root, and /vms with the list of VMs. Devicetree
 * Specification v0.4, chapter 5, is the format; libfdt reads it.
 */
#include "vm/config.h"

#include <libfdt.h>
#include <string.h>

#include "vm/config_read.h"

/*
 * fdt_check_full() walks the whole structure, so that what follows may trust every length. Its
 * own first look at the header needs all of version 17's, which dtc has written since 2005;
 * older versions keep whole paths in the nodes as well.
 */
static int tree_check_full(const void *dtb, u64 size)
{
	if (size < FDT_V17_SIZE)
		return -FDT_ERR_TRUNCATED;
	if (fdt_magic(dtb) != FDT_MAGIC)
		return -FDT_ERR_BADMAGIC;
	if (fdt_version(dtb) < 17)
		return -FDT_ERR_BADVERSION;
	return fdt_check_full(dtb, (size_t)size);
}

static bool tree_check(const void *dtb, u64 size, struct config_report *report)
{
	int error;

	if (!is_aligned((uintptr_t)dtb, 8)) {
		config_report(report, "", NULL, "the description must lie at a multiple of 8 bytes");
		return false;
	}
	if (size > CONFIG_DTB_MAX) {
		config_report(report, "", NULL, "the compiled description is larger than 512K");
		return false;
	}
	error = tree_check_full(dtb, size);
	if (error)
		config_report(report, "", NULL, "this is not a compiled device tree (%s): "
			      "compile the .dts with dtc -O dtb", fdt_strerror(error));
	return !error;
}

/* True when "compatible" was probably meant. */
static bool property_unknown(const char *name, struct config_report *report)
{
	static const char *const known[] = { "compatible" };
	const char *near = config_nearest(name, known, 1);

	if (near)
		config_report(report, "/", name, "unknown property: did you mean \"%s\"?", near);
	else
		config_report(report, "/", name, "unknown property: only \"compatible\" is known "
			      "here");
	return near;
}

static void root_properties(const void *fdt, struct config_report *report)
{
	bool compatible = false;
	int prop;

	fdt_for_each_property_offset(prop, fdt, 0) {
		const char *name = NULL;
		int size = 0;
		const char *value = fdt_getprop_by_offset(fdt, prop, &name, &size);

		if (!value || !name)
			continue;
		if (strcmp(name, "compatible")) {
			compatible |= property_unknown(name, report);
			continue;
		}
		compatible = true;
		if (size != sizeof(CONFIG_COMPATIBLE) || memcmp(value, CONFIG_COMPATIBLE, (size_t)size))
			config_report(report, "/", name, "must be \"" CONFIG_COMPATIBLE "\"");
	}
	if (!compatible)
		config_report(report, "/", NULL, "has no compatible = \"" CONFIG_COMPATIBLE
			      "\", as every system description must");
}

static bool name_taken(const struct system_config *sys, const char *name)
{
	for (u32 i = 0; i < sys->vm_count; i++)
		if (!strcmp(sys->vms[i].name, name))
			return true;
	return false;
}

static void vms_read(const void *fdt, int vms, struct system_config *out,
		     struct config_report *report)
{
	int node;

	config_read_only_nodes(report, fdt, vms, "/vms", "VM");
	fdt_for_each_subnode(node, fdt, vms) {
		const char *name = fdt_get_name(fdt, node, NULL);

		if (!name)
			continue;
		if (out->vm_count == CONFIG_VMS_MAX) {
			config_report(report, "/vms", NULL, "has more than %d VMs", CONFIG_VMS_MAX);
			return;
		}
		if (name_taken(out, name))
			config_report(report, "/vms", name, "there are two VMs of this name");
		config_read_vm(fdt, node, name, out, &out->vms[out->vm_count++], report);
	}
	if (!out->vm_count)
		config_report(report, "/vms", NULL,
			      "has no VM: add a node for each, such as linux1 { ... };");
}

/* The nodes below the root, in the order in which they are read: VMs name what the others hold. */
enum { ROOT_SWITCHES, ROOT_SHARED, ROOT_VMS, ROOT_NODES };

static const char *const root_names[ROOT_NODES] = {
	[ROOT_SWITCHES] = "switches",
	[ROOT_SHARED] = "shared",
	[ROOT_VMS] = "vms",
};

/* True when "vms" was probably meant. */
static bool node_unknown(const char *name, struct config_report *report)
{
	const char *near = config_nearest(name, root_names, ROOT_NODES);

	if (near)
		config_report(report, "/", name, "unknown node: did you mean \"%s\"?", near);
	else
		config_report(report, "/", name, "unknown node: only \"vms\", \"switches\" and "
			      "\"shared\" are known here");
	return near == root_names[ROOT_VMS];
}

/* Finds the nodes, -1 where there is none; true if "vms" is there, or was probably meant. */
static bool root_find(const void *fdt, int nodes[ROOT_NODES], struct config_report *report)
{
	bool misspelled = false;
	int node;

	for (unsigned i = 0; i < ROOT_NODES; i++)
		nodes[i] = -1;
	fdt_for_each_subnode(node, fdt, 0) {
		const char *name = fdt_get_name(fdt, node, NULL);
		unsigned i = 0;

		if (!name)
			continue;
		while (i < ROOT_NODES && strcmp(name, root_names[i]))
			i++;
		if (i == ROOT_NODES)
			misspelled |= node_unknown(name, report);
		else if (nodes[i] >= 0)
			config_report(report, "/", name, "there are two nodes of this name");
		else
			nodes[i] = node;
	}
	return nodes[ROOT_VMS] >= 0 || misspelled;
}

static void root_nodes(const void *fdt, struct system_config *out, struct config_report *report)
{
	int nodes[ROOT_NODES];

	if (!root_find(fdt, nodes, report))
		config_report(report, "/", NULL,
			      "has no node \"vms\": it holds the VMs, a node for each");
	if (nodes[ROOT_SWITCHES] >= 0)
		config_read_switches(fdt, nodes[ROOT_SWITCHES], out, report);
	if (nodes[ROOT_SHARED] >= 0)
		config_read_shared(fdt, nodes[ROOT_SHARED], out, report);
	if (nodes[ROOT_VMS] >= 0)
		vms_read(fdt, nodes[ROOT_VMS], out, report);
}

unsigned config_read(const void *dtb, u64 size, struct system_config *out,
		     config_error_fn *error, void *arg)
{
	struct config_report report = { .error = error, .arg = arg };

	memset(out, 0, sizeof(*out));
	if (!tree_check(dtb, size, &report))
		return report.count;
	root_properties(dtb, &report);
	root_nodes(dtb, out, &report);
	config_check_system(out, &report);
	return report.count;
}
