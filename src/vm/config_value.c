#include "vm/config_value.h"

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

/* --- kinds of values -------------------------------------------------------- */

bool config_value_flag(struct config_reader *r, const struct config_value *v)
{
	if (v->size)
		config_report(r->report, r->path, v->name,
			      "takes no value: write %.40s; or leave it out", v->name);
	return !v->size;
}

bool config_value_number(struct config_reader *r, const struct config_value *v,
			 const struct config_range *range, u32 *number)
{
	fdt32_t cell;

	if (v->size != sizeof(cell)) {
		config_report(r->report, r->path, v->name, "must be one number, as in %s",
			      range->example);
		return false;
	}
	memcpy(&cell, v->data, sizeof(cell));
	*number = fdt32_to_cpu(cell);
	if (*number >= range->min && *number <= range->max)
		return true;
	config_report(r->report, r->path, v->name, "is %u: %s", (unsigned)*number, range->right);
	return false;
}

const char *config_value_string(struct config_reader *r, const struct config_value *v, u32 max,
				const char *example)
{
	const char *text = (const char *)v->data;

	if (!v->size || text[v->size - 1] || strlen(text) != v->size - 1) {
		config_report(r->report, r->path, v->name, "must be one string, as in %s", example);
		return NULL;
	}
	if (v->size - 1 > max) {
		config_report(r->report, r->path, v->name, "has %u characters: at most %u fit",
			      (unsigned)v->size - 1, (unsigned)max);
		return NULL;
	}
	for (u32 i = 0; text[i]; i++)
		if (text[i] < ' ' || text[i] > '~') {
			config_report(r->report, r->path, v->name,
				      "has a character that is not printable ASCII (0x%02x)",
				      (u8)text[i]);
			return NULL;
		}
	return text;
}

bool config_value_text(struct config_reader *r, const struct config_value *v, u32 max,
		       const char *what, const char *example, char *out)
{
	const char *text;
	char whole[96];

	snprintf(whole, sizeof(whole), "%s = \"%s\"", v->name, example);
	text = config_value_string(r, v, max, whole);
	if (!text)
		return false;
	if (!*text) {
		config_report(r->report, r->path, v->name, "is empty: it must name %s, as in %s",
			      what, whole);
		return false;
	}
	memcpy(out, text, v->size);
	return true;
}

bool config_value_size(struct config_reader *r, const struct config_value *v,
		       const struct config_sizes *sizes, u64 *bytes)
{
	char example[96], bound[CONFIG_SIZE_TEXT], near[CONFIG_SIZE_TEXT];
	const char *text;

	snprintf(example, sizeof(example), "%s = \"%s\"", v->name, sizes->example);
	text = config_value_string(r, v, CONFIG_BOOTARGS_MAX, example);
	if (!text)
		return false;
	if (!config_size_parse(text, bytes))
		config_report(r->report, r->path, v->name, "\"%.40s\" is not a size: write a whole "
			      "number and K, M, G or T, as in \"%s\"", text, sizes->example);
	else if (*bytes < sizes->min)
		config_report(r->report, r->path, v->name, "\"%.40s\" is too little: %s at least %s",
			      text, sizes->subject, config_size_text(bound, sizes->min));
	else if (*bytes > sizes->max)
		config_report(r->report, r->path, v->name, "\"%.40s\" is too much: %s at most %s",
			      text, sizes->subject, config_size_text(bound, sizes->max));
	else if (!is_aligned(*bytes, sizes->unit))
		config_report(r->report, r->path, v->name, "\"%.40s\" is not a multiple of %s: the "
			      "next one is \"%s\"", text, config_size_text(bound, sizes->unit),
			      config_size_text(near, align_up(*bytes, sizes->unit)));
	else
		return true;
	return false;
}

/* Lists the words as: "a", "b" or "c". */
static void words_list(char *text, size_t size, const char *const *words, unsigned count)
{
	size_t used = 0;

	for (unsigned i = 0; i < count && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s\"%s\"",
					 !i ? "" : i + 1 < count ? ", " : " or ", words[i]);
}

int config_value_word(struct config_reader *r, const struct config_value *v,
		      const char *const *words, unsigned count)
{
	char list[80], example[64];
	const char *text, *near;

	snprintf(example, sizeof(example), "%s = \"%s\"", v->name, words[0]);
	text = config_value_string(r, v, CONFIG_BOOTARGS_MAX, example);
	if (!text)
		return -1;
	for (unsigned i = 0; i < count; i++)
		if (!strcmp(text, words[i]))
			return (int)i;
	near = config_nearest(text, words, count);
	words_list(list, sizeof(list), words, count);
	if (near)
		config_report(r->report, r->path, v->name,
			      "\"%.40s\" is unknown: did you mean \"%s\"?", text, near);
	else
		config_report(r->report, r->path, v->name, "\"%.40s\" is unknown: must be %s",
			      text, list);
	return -1;
}

int config_value_name(struct config_reader *r, const struct config_value *v,
		      const char *const *names, unsigned count, const char *what,
		      const char *where)
{
	char name[CONFIG_NAME_MAX + 1];
	const char *near;

	if (!config_value_text(r, v, CONFIG_NAME_MAX, "one of those that are described", "lan",
			       name))
		return -1;
	for (unsigned i = 0; i < count; i++)
		if (!strcmp(name, names[i]))
			return (int)i;
	near = config_nearest(name, names, count);
	if (near)
		config_report(r->report, r->path, v->name, "there is no %s \"%s\": did you mean "
			      "\"%s\"?", what, name, near);
	else
		config_report(r->report, r->path, v->name, "there is no %s \"%s\": describe it in "
			      "%s", what, name, where);
	return -1;
}

bool config_value_vlan(struct config_reader *r, const struct config_value *v, u16 *vlan)
{
	static const struct config_range range = {
		1, 4094, "vlan = <7>", "a VLAN has a number from 1 to 4094",
	};
	u32 number = 0;
	bool right = config_value_number(r, v, &range, &number);

	if (right)
		*vlan = (u16)number;
	return right;
}

/* --- nodes ----------------------------------------------------------------------- */

static void unknown_property(struct config_reader *r, const char *name)
{
	const char *known[32], *near;
	unsigned count = r->node->property_count;

	for (unsigned i = 0; i < count; i++)
		known[i] = r->node->properties[i].name;
	near = config_nearest(name, known, count);
	if (near)
		config_report(r->report, r->path, name, "unknown property: did you mean \"%s\"?",
			      near);
	else
		config_report(r->report, r->path, name, "unknown property: %s has none "
			      "of this name", r->node->what);
}

static void property_read(struct config_reader *r, const struct config_value *v)
{
	for (u32 i = 0; i < r->node->property_count; i++) {
		if (strcmp(v->name, r->node->properties[i].name))
			continue;
		if (r->seen & BIT(i))
			config_report(r->report, r->path, v->name, "is given twice");
		else if (!r->node->properties[i].read(r, v))
			r->wrong |= (u32)BIT(i);
		r->seen |= (u32)BIT(i);
		return;
	}
	unknown_property(r, v->name);
}

void config_read_properties(struct config_reader *r, const void *fdt, int node)
{
	const struct config_property *p = r->node->properties;
	int prop;

	fdt_for_each_property_offset(prop, fdt, node) {
		struct config_value v = { NULL, NULL, 0 };
		int size = 0;

		v.data = fdt_getprop_by_offset(fdt, prop, &v.name, &size);
		v.size = (u32)size;
		if (v.data && v.name && size >= 0)
			property_read(r, &v);
	}
	for (u32 i = 0; i < r->node->property_count; i++)
		if (p[i].required && !(r->seen & BIT(i)))
			config_report(r->report, r->path, NULL, "has no %s, as in %s", p[i].name,
				      p[i].required);
}

void config_read_no_nodes(struct config_reader *r, const void *fdt, int node)
{
	int child;

	fdt_for_each_subnode(child, fdt, node) {
		const char *name = fdt_get_name(fdt, child, NULL);

		if (name)
			config_report(r->report, r->path, name, "unknown node: %s has only "
				      "properties", r->node->what);
	}
}

void config_read_only_nodes(struct config_report *report, const void *fdt, int node,
			    const char *path, const char *what)
{
	int prop;

	fdt_for_each_property_offset(prop, fdt, node) {
		const char *name = NULL;

		if (fdt_getprop_by_offset(fdt, prop, &name, NULL) && name)
			config_report(report, path, name, "unknown property: %s has only nodes, "
				      "one for each %s", path, what);
	}
}

void config_read_name(struct config_reader *r, const char *name, const char *whose, char *out)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

	if (strlen(name) > CONFIG_NAME_MAX)
		config_report(r->report, r->path, NULL, "the name has %u characters: at most %d fit",
			      (unsigned)strlen(name), CONFIG_NAME_MAX);
	if (name[strspn(name, allowed)] || name[0] == '-' || !name[0])
		config_report(r->report, r->path, NULL, "this cannot be %s name: use a to z, "
			      "0 to 9 and, but not first, '-'", whose);
	snprintf(out, CONFIG_NAME_MAX + 1, "%s", name);
}
