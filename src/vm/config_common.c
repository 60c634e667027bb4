/* What VMs have in common: /switches joins their network devices, /shared is their memory. */
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "vm/config_read.h"

/* --- /switches ------------------------------------------------------------------------- */

/* The host's NIC: its place as a number, or its address, written in one way. */
static bool read_uplink(struct config_reader *r, const struct config_value *v)
{
	static const char example[] = "uplink = \"0\"";
	const char *text = config_value_string(r, v, CONFIG_HOST_NAME_MAX, example);
	struct switch_config *network = r->out;
	size_t digits;
	u8 mac[6];

	if (!text)
		return false;
	network->uplink = true;
	digits = strspn(text, "0123456789");
	if (config_mac_parse(text, mac)) {
		config_mac_text(network->host, mac);
		return true;
	}
	if (digits && digits <= 3 && !text[digits] && (text[0] != '0' || digits == 1)) {
		memcpy(network->host, text, v->size);
		return true;
	}
	config_report(r->report, r->path, v->name, "\"%.40s\" is no NIC of the host: write its place "
		      "as a number, as in %s, or its MAC address", text, example);
	return false;
}

static bool read_vlan(struct config_reader *r, const struct config_value *v)
{
	return config_value_vlan(r, v, &((struct switch_config *)r->out)->vlan);
}

enum { SWITCH_UPLINK, SWITCH_VLAN };

static const struct config_property switch_properties[] = {
	[SWITCH_UPLINK] = { "uplink", read_uplink, NULL },
	[SWITCH_VLAN] = { "vlan", read_vlan, NULL },
};

static const struct config_node switch_node = {
	"a switch", switch_properties, ARRAY_SIZE(switch_properties),
};

static void switch_read(const void *fdt, int node, const char *name, struct system_config *sys,
			struct config_report *report)
{
	struct switch_config *network = &sys->switches[sys->switch_count];
	struct config_reader r = { .report = report, .node = &switch_node, .out = network };

	snprintf(r.path, sizeof(r.path), "/switches/%s", name);
	config_read_name(&r, name, "a switch's", network->name);
	for (u32 i = 0; i < sys->switch_count; i++)
		if (!strcmp(sys->switches[i].name, network->name))
			config_report(report, r.path, NULL, "there are two switches of this name");
	sys->switch_count++;
	config_read_properties(&r, fdt, node);
	config_read_no_nodes(&r, fdt, node);
	if (r.seen & BIT(SWITCH_VLAN) && !(r.seen & BIT(SWITCH_UPLINK)))
		config_report(report, r.path, "vlan", "is the uplink's, and there is none: a VM's "
			      "network device has a vlan of its own");
}

void config_read_switches(const void *fdt, int node, struct system_config *sys,
			  struct config_report *report)
{
	int child;

	config_read_only_nodes(report, fdt, node, "/switches", "switch");
	fdt_for_each_subnode(child, fdt, node) {
		const char *name = fdt_get_name(fdt, child, NULL);

		if (!name)
			continue;
		if (sys->switch_count == CONFIG_SWITCHES_MAX) {
			config_report(report, "/switches", NULL, "has more than %d switches",
				      CONFIG_SWITCHES_MAX);
			return;
		}
		switch_read(fdt, child, name, sys, report);
	}
}

/* --- /shared ----------------------------------------------------------------------------- */

static bool read_size(struct config_reader *r, const struct config_value *v)
{
	static const struct config_sizes sizes = {
		CONFIG_PAGE, CONFIG_MEMORY_MAX, CONFIG_PAGE, "1M", "shared memory has",
	};

	return config_value_size(r, v, &sizes, &((struct shared_config *)r->out)->size);
}

static const struct config_property memory_properties[] = {
	{ "size", read_size, "size = \"1M\"" },
};

static const struct config_node memory_node = {
	"shared memory", memory_properties, ARRAY_SIZE(memory_properties),
};

static void memory_read(const void *fdt, int node, const char *name, struct system_config *sys,
			struct config_report *report)
{
	struct shared_config *memory = &sys->shared[sys->shared_count];
	struct config_reader r = { .report = report, .node = &memory_node, .out = memory };

	snprintf(r.path, sizeof(r.path), "/shared/%s", name);
	config_read_name(&r, name, "a shared memory's", memory->name);
	for (u32 i = 0; i < sys->shared_count; i++)
		if (!strcmp(sys->shared[i].name, memory->name))
			config_report(report, r.path, NULL, "there are two nodes of this name");
	sys->shared_count++;
	config_read_properties(&r, fdt, node);
	config_read_no_nodes(&r, fdt, node);
}

void config_read_shared(const void *fdt, int node, struct system_config *sys,
			struct config_report *report)
{
	int child;

	config_read_only_nodes(report, fdt, node, "/shared", "memory");
	fdt_for_each_subnode(child, fdt, node) {
		const char *name = fdt_get_name(fdt, child, NULL);

		if (!name)
			continue;
		if (sys->shared_count == CONFIG_SHARED_MAX) {
			config_report(report, "/shared", NULL, "has more than %d nodes",
				      CONFIG_SHARED_MAX);
			return;
		}
		memory_read(fdt, child, name, sys, report);
	}
}
