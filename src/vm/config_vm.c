/* One VM of a system description: a table of its properties, and what each must be. */
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "vm/config_read.h"

enum { VM_PATH_SIZE = 96 };

struct value {
	const char *name; /* the property's */
	const u8 *data;
	u32 size;
};

struct reader {
	struct config_report *report;
	char path[VM_PATH_SIZE];
	struct vm_config *vm;
	u32 batch_bootargs; /* length */
	u32 seen;           /* bit n: property n of the table is there */
	u32 wrong;          /* bit n: and has been reported */
};

struct property {
	const char *name;
	/* False when it has reported a mistake. */
	bool (*read)(struct reader *r, const struct value *v);
	const char *required; /* what to write when it is missing; NULL: it may be */
};

/* --- kinds of values -------------------------------------------------------- */

/* One number, a <u32>; @example says how it is written. */
static bool value_number(struct reader *r, const struct value *v, const char *example, u32 *number)
{
	fdt32_t cell;

	if (v->size != sizeof(cell)) {
		config_report(r->report, r->path, v->name, "must be one number, as in %s", example);
		return false;
	}
	memcpy(&cell, v->data, sizeof(cell));
	*number = fdt32_to_cpu(cell);
	return true;
}

/* One string of at most @max bytes, printable: it is shown to operators and put in guests'
 * command lines. @example says how it is written. */
static const char *value_string(struct reader *r, const struct value *v, u32 max,
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

/* Lists the words as: "a", "b" or "c". */
static void words_list(char *text, size_t size, const char *const *words, unsigned count)
{
	size_t used = 0;

	for (unsigned i = 0; i < count && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s\"%s\"",
					 !i ? "" : i + 1 < count ? ", " : " or ", words[i]);
}

/* The number of the word in @words; -1 after a report. */
static int value_word(struct reader *r, const struct value *v, const char *const *words,
		      unsigned count)
{
	char list[80], example[64];
	const char *text, *near;

	snprintf(example, sizeof(example), "%s = \"%s\"", v->name, words[0]);
	text = value_string(r, v, CONFIG_BOOTARGS_MAX, example);
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

/* --- the properties ----------------------------------------------------------- */

static bool read_vcpus(struct reader *r, const struct value *v)
{
	if (!value_number(r, v, "vcpus = <2>", &r->vm->vcpus))
		return false;
	if (r->vm->vcpus < 1 || r->vm->vcpus > CONFIG_VCPUS_MAX) {
		config_report(r->report, r->path, v->name, "is %u: a VM has 1 to %d vCPUs",
			      (unsigned)r->vm->vcpus, CONFIG_VCPUS_MAX);
		return false;
	}
	return true;
}

/* True when @bytes are a VM's memory; it says what would be right. */
static bool memory_check(struct reader *r, const struct value *v, const char *text, u64 bytes)
{
	char near[CONFIG_SIZE_TEXT];

	if (bytes < CONFIG_MEMORY_UNIT)
		config_report(r->report, r->path, v->name,
			      "\"%.40s\" is too little: a VM has at least 2M", text);
	else if (bytes > CONFIG_MEMORY_MAX)
		config_report(r->report, r->path, v->name,
			      "\"%.40s\" is too much: a VM has at most 1T", text);
	else if (!is_aligned(bytes, CONFIG_MEMORY_UNIT))
		config_report(r->report, r->path, v->name,
			      "\"%.40s\" is not a multiple of 2M: the next one is \"%s\"", text,
			      config_size_text(near, align_up(bytes, CONFIG_MEMORY_UNIT)));
	else
		return true;
	return false;
}

static bool read_memory(struct reader *r, const struct value *v)
{
	const char *text = value_string(r, v, CONFIG_BOOTARGS_MAX, "memory = \"256M\"");
	u64 bytes = 0;

	if (!text)
		return false;
	if (!config_size_parse(text, &bytes)) {
		config_report(r->report, r->path, v->name, "\"%.40s\" is not a size: write a whole "
			      "number and K, M, G or T, as in \"256M\"", text);
		return false;
	}
	if (!memory_check(r, v, text, bytes))
		return false;
	r->vm->memory = bytes;
	return true;
}

static bool file_read(struct reader *r, const struct value *v, char *out)
{
	char example[64];
	const char *text;

	snprintf(example, sizeof(example), "%s = \"path/to/file\"", v->name);
	text = value_string(r, v, CONFIG_PATH_MAX, example);
	if (!text)
		return false;
	if (!*text) {
		config_report(r->report, r->path, v->name, "is empty: it must name a file, as in %s",
			      example);
		return false;
	}
	memcpy(out, text, v->size);
	return true;
}

static bool read_kernel(struct reader *r, const struct value *v)
{
	return file_read(r, v, r->vm->kernel);
}

static bool read_initrd(struct reader *r, const struct value *v)
{
	return file_read(r, v, r->vm->initrd);
}

static bool read_bootargs(struct reader *r, const struct value *v)
{
	const char *text = value_string(r, v, CONFIG_BOOTARGS_MAX, "bootargs = \"quiet\"");

	if (text)
		memcpy(r->vm->bootargs, text, v->size);
	return text;
}

/* The `bulkhead` command appends it to the boot arguments; only its form counts here. */
static bool read_batch_bootargs(struct reader *r, const struct value *v)
{
	const char *text = value_string(r, v, CONFIG_BOOTARGS_MAX, "batch-bootargs = \"quiet\"");

	if (text)
		r->batch_bootargs = v->size - 1;
	return text;
}

static bool read_harts(struct reader *r, const struct value *v)
{
	u64 harts = 0;

	if (!v->size || v->size % sizeof(fdt32_t)) {
		config_report(r->report, r->path, v->name,
			      "must be a list of numbers, as in harts = <0 1>");
		return false;
	}
	for (u32 at = 0; at < v->size; at += (u32)sizeof(fdt32_t)) {
		fdt32_t cell;
		u32 hart;

		memcpy(&cell, v->data + at, sizeof(cell));
		hart = fdt32_to_cpu(cell);
		if (hart >= CONFIG_HARTS_MAX || harts & BIT(hart)) {
			config_report(r->report, r->path, v->name, hart < CONFIG_HARTS_MAX ?
				      "names hart %u twice" : "names hart %u: harts are counted "
				      "from 0 to 63", (unsigned)hart);
			return false;
		}
		harts |= BIT(hart);
	}
	r->vm->harts = harts;
	return true;
}

static bool read_dedicated(struct reader *r, const struct value *v)
{
	if (v->size) {
		config_report(r->report, r->path, v->name,
			      "takes no value: write dedicated; or leave it out");
		return false;
	}
	r->vm->dedicated = true;
	return true;
}

static bool read_console(struct reader *r, const struct value *v)
{
	static const char *const words[] = { "none", "operator" };
	int word = value_word(r, v, words, ARRAY_SIZE(words));

	r->vm->console = word != 0;
	return word >= 0;
}

static bool read_start(struct reader *r, const struct value *v)
{
	static const char *const words[] = { [START_AUTO] = "auto", [START_MANUAL] = "manual" };
	int word = value_word(r, v, words, ARRAY_SIZE(words));

	if (word >= 0)
		r->vm->start = (enum config_start)word;
	return word >= 0;
}

static bool read_restart(struct reader *r, const struct value *v)
{
	static const char *const words[] = {
		[RESTART_NEVER] = "never",
		[RESTART_ON_FAILURE] = "on-failure",
		[RESTART_ALWAYS] = "always",
	};
	int word = value_word(r, v, words, ARRAY_SIZE(words));

	if (word >= 0)
		r->vm->restart = (enum config_restart)word;
	return word >= 0;
}

static bool read_engine(struct reader *r, const struct value *v)
{
	const enum config_engine first = CONFIG_ENGINE_HEXT;
	int word = value_word(r, v, config_engine_words + first, CONFIG_ENGINES - first);

	if (word >= 0)
		r->vm->engine = (enum config_engine)((unsigned)word + first);
	return word >= 0;
}

enum {
	PROP_VCPUS, PROP_MEMORY, PROP_KERNEL, PROP_INITRD, PROP_BOOTARGS, PROP_BATCH_BOOTARGS,
	PROP_HARTS, PROP_DEDICATED, PROP_CONSOLE, PROP_START, PROP_RESTART, PROP_ENGINE,
};

static const struct property properties[] = {
	[PROP_VCPUS] = { "vcpus", read_vcpus, NULL },
	[PROP_MEMORY] = { "memory", read_memory, "memory = \"256M\"" },
	[PROP_KERNEL] = { "kernel", read_kernel, "kernel = \"path/to/Image\"" },
	[PROP_INITRD] = { "initrd", read_initrd, NULL },
	[PROP_BOOTARGS] = { "bootargs", read_bootargs, NULL },
	[PROP_BATCH_BOOTARGS] = { "batch-bootargs", read_batch_bootargs, NULL },
	[PROP_HARTS] = { "harts", read_harts, NULL },
	[PROP_DEDICATED] = { "dedicated", read_dedicated, NULL },
	[PROP_CONSOLE] = { "console", read_console, NULL },
	[PROP_START] = { "start", read_start, NULL },
	[PROP_RESTART] = { "restart", read_restart, NULL },
	[PROP_ENGINE] = { "engine", read_engine, NULL },
};

/* --- the VM ---------------------------------------------------------------------- */

static void unknown_property(struct reader *r, const char *name)
{
	const char *known[ARRAY_SIZE(properties)], *near;

	for (unsigned i = 0; i < ARRAY_SIZE(properties); i++)
		known[i] = properties[i].name;
	near = config_nearest(name, known, ARRAY_SIZE(known));
	if (near)
		config_report(r->report, r->path, name, "unknown property: did you mean \"%s\"?",
			      near);
	else
		config_report(r->report, r->path, name, "unknown property: a VM has none "
			      "of this name");
}

static void property_read(struct reader *r, const struct value *v)
{
	for (u32 i = 0; i < ARRAY_SIZE(properties); i++) {
		if (strcmp(v->name, properties[i].name))
			continue;
		if (r->seen & BIT(i))
			config_report(r->report, r->path, v->name, "is given twice");
		else if (!properties[i].read(r, v))
			r->wrong |= (u32)BIT(i);
		r->seen |= (u32)BIT(i);
		return;
	}
	unknown_property(r, v->name);
}

static void name_read(struct reader *r, const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

	if (strlen(name) > CONFIG_NAME_MAX)
		config_report(r->report, r->path, NULL, "the name has %u characters: at most %d fit",
			      (unsigned)strlen(name), CONFIG_NAME_MAX);
	if (name[strspn(name, allowed)] || name[0] == '-' || !name[0])
		config_report(r->report, r->path, NULL, "this cannot be a VM's name: use a to z, "
			      "0 to 9 and, but not first, '-'");
	snprintf(r->vm->name, sizeof(r->vm->name), "%s", name);
}

/* True if none of the properties in @mask was wrong, so that comparing them makes sense. */
static bool all_right(const struct reader *r, u64 mask)
{
	return !(r->wrong & mask);
}

static void dedicated_check(struct reader *r)
{
	unsigned harts = (unsigned)__builtin_popcountll(r->vm->harts);

	if (!r->vm->dedicated || !all_right(r, BIT(PROP_HARTS) | BIT(PROP_VCPUS)))
		return;
	if (!harts)
		config_report(r->report, r->path, "dedicated", "must say which harts: list one for "
			      "each vCPU, as in harts = <2 3>");
	else if (harts != r->vm->vcpus)
		config_report(r->report, r->path, "harts", "%u dedicated hart%s for %u vCPU%s: "
			      "list one for each vCPU", harts, harts == 1 ? "" : "s",
			      (unsigned)r->vm->vcpus, r->vm->vcpus == 1 ? "" : "s");
}

static void vm_check(struct reader *r)
{
	size_t length = strlen(r->vm->bootargs) + 1 + r->batch_bootargs;

	for (u32 i = 0; i < ARRAY_SIZE(properties); i++)
		if (properties[i].required && !(r->seen & BIT(i)))
			config_report(r->report, r->path, NULL, "has no %s, as in %s",
				      properties[i].name, properties[i].required);
	dedicated_check(r);
	if (length > CONFIG_BOOTARGS_MAX && r->batch_bootargs)
		config_report(r->report, r->path, "batch-bootargs", "has %u characters together "
			      "with bootargs: at most %d fit",
			      (unsigned)length, CONFIG_BOOTARGS_MAX);
}

void config_read_vm(const void *fdt, int node, const char *name, struct vm_config *vm,
		    struct config_report *report)
{
	struct reader r = { .report = report, .vm = vm };
	int child, prop;

	vm->vcpus = 1;
	vm->console = true;
	snprintf(r.path, sizeof(r.path), "/vms/%s", name);
	name_read(&r, name);
	fdt_for_each_property_offset(prop, fdt, node) {
		struct value v = { NULL, NULL, 0 };
		int size = 0;

		v.data = fdt_getprop_by_offset(fdt, prop, &v.name, &size);
		v.size = (u32)size;
		if (v.data && v.name && size >= 0)
			property_read(&r, &v);
	}
	fdt_for_each_subnode(child, fdt, node) {
		const char *unknown = fdt_get_name(fdt, child, NULL);

		if (unknown)
			config_report(report, r.path, unknown, "unknown node: a VM has only properties");
	}
	vm_check(&r);
}
