/*
 * How a node of the system description is read: by a table of its properties, each with
 * a function that knows what its value must be, made of the kinds of values below.
 */
#ifndef VM_CONFIG_VALUE_H
#define VM_CONFIG_VALUE_H

#include "vm/config_text.h"

#define CONFIG_NODE_PATH 128

struct config_value {
	const char *name; /* the property's */
	const u8 *data;
	u32 size;
};

struct config_node {
	const char *what; /* the node is: "a VM" */
	const struct config_property *properties;
	u32 property_count; /* 32 at most */
};

struct config_reader {
	struct config_report *report;
	char path[CONFIG_NODE_PATH];
	const struct config_node *node;
	void *out;                       /* what the node's table reads into */
	const struct system_config *sys; /* for names of what was read before */
	u32 seen;                        /* bit n: property n of the table is there */
	u32 wrong;                       /* bit n: and has been reported */
};

struct config_property {
	const char *name;
	/* False when it has reported a mistake. */
	bool (*read)(struct config_reader *r, const struct config_value *v);
	const char *required; /* what to write when it is missing; NULL: it may be */
};

/* Reads the properties of @node by the reader's table, and reports what is unknown, given twice
 * or missing. */
void config_read_properties(struct config_reader *r, const void *fdt, int node);
/* For a node that has only properties. */
void config_read_no_nodes(struct config_reader *r, const void *fdt, int node);
/* For a node at @path that has only nodes, one for each @what. */
void config_read_only_nodes(struct config_report *report, const void *fdt, int node,
			    const char *path, const char *what);
/* The node's name into @out of CONFIG_NAME_MAX + 1 bytes; @whose says what it names: "a VM's". */
void config_read_name(struct config_reader *r, const char *name, const char *whose, char *out);

/* All of these report at v->name what is wrong, and then return false, NULL or -1. */

/* No value: the property being there is what counts. */
bool config_value_flag(struct config_reader *r, const struct config_value *v);

struct config_range {
	u32 min, max;
	const char *example; /* "vcpus = <2>" */
	const char *right;   /* "a VM has 1 to 32 vCPUs" */
};
bool config_value_number(struct config_reader *r, const struct config_value *v,
			 const struct config_range *range, u32 *number);

struct config_sizes {
	u64 min, max, unit; /* bytes; the unit is a power of two */
	const char *example; /* "256M" */
	const char *subject; /* "a VM has" */
};
bool config_value_size(struct config_reader *r, const struct config_value *v,
		       const struct config_sizes *sizes, u64 *bytes);

/* One string of at most @max bytes, printable: it is shown to operators and put in guests'
 * command lines. @example says how it is written. */
const char *config_value_string(struct config_reader *r, const struct config_value *v, u32 max,
				const char *example);
/* The same, not empty, into @out of @max + 1 bytes. @what must be named: "a file". */
bool config_value_text(struct config_reader *r, const struct config_value *v, u32 max,
		       const char *what, const char *example, char *out);
/* The number of the word in @words. */
int config_value_word(struct config_reader *r, const struct config_value *v,
		      const char *const *words, unsigned count);
/* The place in @names of the @what ("switch") that the value names; @where they are described. */
int config_value_name(struct config_reader *r, const struct config_value *v,
		      const char *const *names, unsigned count, const char *what,
		      const char *where);
/* A VLAN's number. */
bool config_value_vlan(struct config_reader *r, const struct config_value *v, u16 *vlan);

#endif
