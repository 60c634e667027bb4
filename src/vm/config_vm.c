/* One VM of a system description: what its properties must be, and its devices. */
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "vm/config_read.h"

/* A VM while it is read, and what does not go into its struct. */
struct vm_reading {
	struct vm_config *vm;
	u32 batch_bootargs;            /* length */
	struct config_value passthrough; /* NULL and 0, or a list of strings that were checked */
	bool dma_unconfined;
};

static struct vm_config *vm_of(struct config_reader *r)
{
	return ((struct vm_reading *)r->out)->vm;
}

/* --- the properties ----------------------------------------------------------- */

static bool read_vcpus(struct config_reader *r, const struct config_value *v)
{
	static const struct config_range range = {
		1, CONFIG_VCPUS_MAX, "vcpus = <2>", "a VM has 1 to 32 vCPUs",
	};

	return config_value_number(r, v, &range, &vm_of(r)->vcpus);
}

static bool read_memory(struct config_reader *r, const struct config_value *v)
{
	static const struct config_sizes sizes = {
		CONFIG_MEMORY_UNIT, CONFIG_MEMORY_MAX, CONFIG_MEMORY_UNIT, "256M", "a VM has",
	};
	u64 bytes = 0;
	bool right = config_value_size(r, v, &sizes, &bytes);

	if (right)
		vm_of(r)->memory = bytes;
	return right;
}

static bool read_kernel(struct config_reader *r, const struct config_value *v)
{
	return config_value_text(r, v, CONFIG_PATH_MAX, "a file", "path/to/file",
				 vm_of(r)->kernel);
}

static bool read_initrd(struct config_reader *r, const struct config_value *v)
{
	return config_value_text(r, v, CONFIG_PATH_MAX, "a file", "path/to/file",
				 vm_of(r)->initrd);
}

static bool read_bootargs(struct config_reader *r, const struct config_value *v)
{
	const char *text = config_value_string(r, v, CONFIG_BOOTARGS_MAX, "bootargs = \"quiet\"");

	if (text)
		memcpy(vm_of(r)->bootargs, text, v->size);
	return text;
}

/* The `bulkhead` command appends it to the boot arguments; only its form counts here. */
static bool read_batch_bootargs(struct config_reader *r, const struct config_value *v)
{
	const char *text = config_value_string(r, v, CONFIG_BOOTARGS_MAX,
					       "batch-bootargs = \"quiet\"");

	if (text)
		((struct vm_reading *)r->out)->batch_bootargs = v->size - 1;
	return text;
}

static bool read_harts(struct config_reader *r, const struct config_value *v)
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
	vm_of(r)->harts = harts;
	return true;
}

static bool read_dedicated(struct config_reader *r, const struct config_value *v)
{
	vm_of(r)->dedicated = config_value_flag(r, v);
	return vm_of(r)->dedicated;
}

static bool read_console(struct config_reader *r, const struct config_value *v)
{
	static const char *const words[] = { "none", "operator" };
	int word = config_value_word(r, v, words, ARRAY_SIZE(words));

	vm_of(r)->console = word != 0;
	return word >= 0;
}

static bool read_start(struct config_reader *r, const struct config_value *v)
{
	static const char *const words[] = { [START_AUTO] = "auto", [START_MANUAL] = "manual" };
	int word = config_value_word(r, v, words, ARRAY_SIZE(words));

	if (word >= 0)
		vm_of(r)->start = (enum config_start)word;
	return word >= 0;
}

static bool read_restart(struct config_reader *r, const struct config_value *v)
{
	static const char *const words[] = {
		[RESTART_NEVER] = "never",
		[RESTART_ON_FAILURE] = "on-failure",
		[RESTART_ALWAYS] = "always",
	};
	int word = config_value_word(r, v, words, ARRAY_SIZE(words));

	if (word >= 0)
		vm_of(r)->restart = (enum config_restart)word;
	return word >= 0;
}

static bool read_engine(struct config_reader *r, const struct config_value *v)
{
	const enum config_engine first = CONFIG_ENGINE_HEXT;
	int word = config_value_word(r, v, config_engine_words + first, CONFIG_ENGINES - first);

	if (word >= 0)
		vm_of(r)->engine = (enum config_engine)((unsigned)word + first);
	return word >= 0;
}

/* A list of strings, each the path of a node in the host's device tree. */
static bool read_passthrough(struct config_reader *r, const struct config_value *v)
{
	static const char example[] = "passthrough = \"/soc/rtc@101000\"";

	if (!v->size || v->data[v->size - 1]) {
		config_report(r->report, r->path, v->name, "must be a list of strings, as in %s",
			      example);
		return false;
	}
	for (u32 at = 0; at < v->size;) {
		struct config_value path = { v->name, v->data + at, 0 };
		const char *text;

		path.size = (u32)strlen((const char *)path.data) + 1;
		text = config_value_string(r, &path, CONFIG_PATH_MAX, example);
		if (!text)
			return false;
		if (text[0] != '/' || text[strlen(text) - 1] == '/') {
			config_report(r->report, r->path, v->name, "\"%.40s\" is no path in the "
				      "host's device tree, as in %s", text, example);
			return false;
		}
		at += path.size;
	}
	((struct vm_reading *)r->out)->passthrough = *v;
	return true;
}

static bool read_dma_unconfined(struct config_reader *r, const struct config_value *v)
{
	struct vm_reading *reading = r->out;

	reading->dma_unconfined = config_value_flag(r, v);
	return reading->dma_unconfined;
}

enum {
	PROP_VCPUS, PROP_MEMORY, PROP_KERNEL, PROP_INITRD, PROP_BOOTARGS, PROP_BATCH_BOOTARGS,
	PROP_HARTS, PROP_DEDICATED, PROP_CONSOLE, PROP_START, PROP_RESTART, PROP_ENGINE,
	PROP_PASSTHROUGH, PROP_DMA_UNCONFINED,
};

static const struct config_property properties[] = {
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
	[PROP_PASSTHROUGH] = { "passthrough", read_passthrough, NULL },
	[PROP_DMA_UNCONFINED] = { "dma-unconfined", read_dma_unconfined, NULL },
};

static const struct config_node vm_node = { "a VM", properties, ARRAY_SIZE(properties) };

/* --- the devices ------------------------------------------------------------------ */

/* One more device of the VM that is read, all zero; NULL after a report. */
static struct device_config *device_add(struct config_reader *r, struct system_config *sys)
{
	struct vm_config *vm = vm_of(r);

	if (vm->device_count == CONFIG_DEVICES_MAX) {
		config_report(r->report, r->path, NULL, "has more than %d devices",
			      CONFIG_DEVICES_MAX);
		return NULL;
	}
	if (sys->device_count == CONFIG_DEVICES_TOTAL) {
		config_report(r->report, r->path, NULL, "has no room for its devices: all VMs "
			      "together have at most %d", CONFIG_DEVICES_TOTAL);
		return NULL;
	}
	vm->device_count++;
	return &sys->devices[sys->device_count++];
}

static void nodes_read(struct config_reader *r, const void *fdt, int node,
		       struct system_config *sys)
{
	int child;

	fdt_for_each_subnode(child, fdt, node) {
		const char *name = fdt_get_name(fdt, child, NULL);

		if (!name)
			continue;
		if (!device_add(r, sys))
			return;
		config_read_device(fdt, child, name, sys, vm_of(r), r->report);
	}
}

/* What is passed through comes behind the nodes; each is called by its own node's name. */
static void passthrough_add(struct config_reader *r, struct system_config *sys)
{
	const struct vm_reading *reading = r->out;
	const char *path = (const char *)reading->passthrough.data;
	u32 left = reading->passthrough.size;

	while (left) {
		struct device_config *device = device_add(r, sys);
		u32 size = (u32)strlen(path) + 1;

		if (!device)
			return;
		device->kind = DEVICE_HOST;
		snprintf(device->name, sizeof(device->name), "%.31s", strrchr(path, '/') + 1);
		memcpy(device->host.path, path, size);
		device->host.dma_unconfined = reading->dma_unconfined;
		path += size;
		left -= size;
	}
}

/* --- the VM ---------------------------------------------------------------------- */

/* True if none of the properties in @mask was wrong, so that comparing them makes sense. */
static bool all_right(const struct config_reader *r, u64 mask)
{
	return !(r->wrong & mask);
}

static void dedicated_check(struct config_reader *r)
{
	const struct vm_config *vm = vm_of(r);
	unsigned harts = (unsigned)__builtin_popcountll(vm->harts);

	if (!vm->dedicated || !all_right(r, BIT(PROP_HARTS) | BIT(PROP_VCPUS)))
		return;
	if (!harts)
		config_report(r->report, r->path, "dedicated", "must say which harts: list one for "
			      "each vCPU, as in harts = <2 3>");
	else if (harts != vm->vcpus)
		config_report(r->report, r->path, "harts", "%u dedicated hart%s for %u vCPU%s: "
			      "list one for each vCPU", harts, harts == 1 ? "" : "s",
			      (unsigned)vm->vcpus, vm->vcpus == 1 ? "" : "s");
}

static void vm_check(struct config_reader *r)
{
	const struct vm_reading *reading = r->out;
	size_t length = strlen(reading->vm->bootargs) + 1 + reading->batch_bootargs;

	dedicated_check(r);
	if (length > CONFIG_BOOTARGS_MAX && reading->batch_bootargs)
		config_report(r->report, r->path, "batch-bootargs", "has %u characters together "
			      "with bootargs: at most %d fit",
			      (unsigned)length, CONFIG_BOOTARGS_MAX);
	if (r->seen & BIT(PROP_DMA_UNCONFINED) && !(r->seen & BIT(PROP_PASSTHROUGH)))
		config_report(r->report, r->path, "dma-unconfined", "goes with passthrough, which "
			      "names the host's devices that the VM gets");
}

void config_read_vm(const void *fdt, int node, const char *name, struct system_config *sys,
		    struct vm_config *vm, struct config_report *report)
{
	struct vm_reading reading = { .vm = vm };
	struct config_reader r = {
		.report = report, .node = &vm_node, .out = &reading, .sys = sys,
	};

	vm->vcpus = 1;
	vm->console = true;
	vm->devices = &sys->devices[sys->device_count];
	snprintf(r.path, sizeof(r.path), "/vms/%s", name);
	config_read_name(&r, name, "a VM's", vm->name);
	config_read_properties(&r, fdt, node);
	nodes_read(&r, fdt, node, sys);
	passthrough_add(&r, sys);
	vm_check(&r);
}
