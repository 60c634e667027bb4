/*
 * The device tree: generated, never written by hand. Devices describe
 * themselves; here is what belongs to the machine. Devicetree Specification 0.4,
 * and Linux' bindings for RISC-V cpus.
 */
#include "board/virt_fdt.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "board/virt.h"
#include "board/virt_devices.h"
#include "riscv/isa.h"
#include "vm/fdt.h"

/* Scratch space of a tree being written; in the VM's own memory. */
struct virt_tree {
	u8 fdt[LOAD_FDT_MAX];
	char isa[2048];
	char isa_list[2048];
};

static int fdt_u32(void *fdt, const char *name, u32 value)
{
	return fdt_property_u32(fdt, name, value);
}

static int fdt_flag(void *fdt, const char *name)
{
	return fdt_property(fdt, name, NULL, 0);
}

/* A fresh seed at every start: without one, a Linux boot spends longer on gathering entropy
 * than on everything else. */
static int fdt_rng_seed(void *fdt)
{
	u64 seed[8];

	for (unsigned i = 0; i < ARRAY_SIZE(seed); i++)
		seed[i] = host_random();
	return fdt_property(fdt, "rng-seed", seed, sizeof(seed));
}

static int fdt_chosen(void *fdt, const struct vm *vm, const struct load_layout *l)
{
	char stdout_path[40];
	int err = fdt_begin_node(fdt, "chosen");

	snprintf(stdout_path, sizeof(stdout_path), "/soc/serial@%x:115200n8", VIRT_UART);
	err = err ?: fdt_text(fdt, "stdout-path", stdout_path) ?: fdt_rng_seed(fdt);
	if (vm->config.bootargs[0])
		err = err ?: fdt_text(fdt, "bootargs", vm->config.bootargs);
	if (l->initrd_end > l->initrd_start)
		err = err ?: fdt_property_u64(fdt, "linux,initrd-start", l->initrd_start) ?:
			     fdt_property_u64(fdt, "linux,initrd-end", l->initrd_end);
	return err ?: fdt_end_node(fdt);
}

static int fdt_memory(void *fdt, const struct load_layout *l)
{
	char name[32];

	snprintf(name, sizeof(name), "memory@%lx", l->ram_base);
	return fdt_begin_node(fdt, name) ?: fdt_text(fdt, "device_type", "memory") ?:
	       fdt_reg(fdt, l->ram_base, l->ram_size) ?: fdt_end_node(fdt);
}

static int fdt_cpu_intc(void *fdt, u32 id)
{
	return fdt_begin_node(fdt, "interrupt-controller") ?:
	       fdt_text(fdt, "compatible", "riscv,cpu-intc") ?: fdt_u32(fdt, "#interrupt-cells", 1) ?:
	       fdt_u32(fdt, "#address-cells", 0) ?: fdt_flag(fdt, "interrupt-controller") ?:
	       fdt_u32(fdt, "phandle", FDT_PHANDLE_CPU_INTC + id) ?: fdt_end_node(fdt);
}

static int fdt_cpu_isa(struct virt_tree *t, const struct vm *vm)
{
	const struct isa *isa = vm->engine->guest_isa(vm);
	size_t list = isa_list(isa, t->isa_list, sizeof(t->isa_list));
	int err;

	if (isa_string(isa, t->isa, sizeof(t->isa)) >= sizeof(t->isa) || list > sizeof(t->isa_list))
		return -FDT_ERR_NOSPACE;
	err = fdt_text(t->fdt, "riscv,isa", t->isa) ?: fdt_text(t->fdt, "riscv,isa-base", "rv64i") ?:
	      fdt_property(t->fdt, "riscv,isa-extensions", t->isa_list, (int)list);
	if (isa_has(isa, ISA_ZICBOM))
		err = err ?: fdt_u32(t->fdt, "riscv,cbom-block-size", 64);
	if (isa_has(isa, ISA_ZICBOZ))
		err = err ?: fdt_u32(t->fdt, "riscv,cboz-block-size", 64);
	return err;
}

static int fdt_cpu(struct virt_tree *t, const struct vm *vm, u32 id)
{
	char name[16];

	snprintf(name, sizeof(name), "cpu@%x", id);
	return fdt_begin_node(t->fdt, name) ?: fdt_text(t->fdt, "device_type", "cpu") ?:
	       fdt_text(t->fdt, "compatible", "riscv") ?: fdt_u32(t->fdt, "reg", id) ?:
	       fdt_text(t->fdt, "status", "okay") ?:
	       fdt_text(t->fdt, "mmu-type", vm->engine->mmu_type(vm)) ?: fdt_cpu_isa(t, vm) ?:
	       fdt_cpu_intc(t->fdt, id) ?: fdt_end_node(t->fdt);
}

static int fdt_cpus(struct virt_tree *t, const struct vm *vm)
{
	int err = fdt_begin_node(t->fdt, "cpus") ?: fdt_u32(t->fdt, "#address-cells", 1) ?:
		  fdt_u32(t->fdt, "#size-cells", 0) ?:
		  fdt_u32(t->fdt, "timebase-frequency", (u32)host_timebase());

	for (u32 id = 0; id < vm->config.vcpus; id++)
		err = err ?: fdt_cpu(t, vm, id);
	return err ?: fdt_end_node(t->fdt);
}

static int fdt_soc(void *fdt, const struct vm *vm)
{
	int err = fdt_begin_node(fdt, "soc") ?: fdt_u32(fdt, "#address-cells", 2) ?:
		  fdt_u32(fdt, "#size-cells", 2) ?: fdt_text(fdt, "compatible", "simple-bus") ?:
		  fdt_flag(fdt, "ranges");

	for (unsigned i = 0; i < vm->bus.count; i++) {
		const struct dev *d = vm->bus.devices[i];

		if (d->ops->describe)
			err = err ?: d->ops->describe(d, fdt);
	}
	return err ?: virt_lent_describe(&vm->board->lent, fdt) ?: fdt_end_node(fdt);
}

static int virt_tree_write(struct virt_tree *t, const struct vm *vm, const struct load_layout *l)
{
	static const char *const compatible[] = { "bulkhead,virt", "riscv-virtio" };
	void *fdt = t->fdt;

	return fdt_create(fdt, sizeof(t->fdt)) ?: fdt_finish_reservemap(fdt) ?: fdt_begin_node(fdt, "") ?:
	       fdt_u32(fdt, "#address-cells", 2) ?: fdt_u32(fdt, "#size-cells", 2) ?:
	       fdt_string_list(fdt, "compatible", compatible, ARRAY_SIZE(compatible)) ?:
	       fdt_text(fdt, "model", "Bulkhead virtual machine") ?: fdt_chosen(fdt, vm, l) ?:
	       fdt_memory(fdt, l) ?: fdt_cpus(t, vm) ?: fdt_soc(fdt, vm) ?: fdt_end_node(fdt) ?:
	       fdt_finish(fdt);
}

int virt_fdt(struct vm *vm, const struct load_layout *l)
{
	struct virt_tree *t = host_private_alloc(vm->space, sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	err = virt_tree_write(t, vm, l);
	if (err)
		snprintf(vm->failure, sizeof(vm->failure), "device tree: %s", fdt_strerror(err));
	else if (!guest_write(&vm->mem, l->fdt, t->fdt, fdt_totalsize(t->fdt)))
		err = -EFAULT;
	host_private_free(vm->space, t, sizeof(*t));
	return err ? -EINVAL : 0;
}
