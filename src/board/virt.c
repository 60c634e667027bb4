/* The guest machine: wiring in one straight function, then images and device tree. */
#include "board/virt.h"

#include <errno.h>

#include "board/virt_devices.h"
#include "board/virt_fdt.h"
#include "dev/goldfish_rtc.h"
#include "dev/plic.h"
#include "dev/syscon.h"
#include "dev/uart8250.h"
#include "riscv/sbi.h"
#include "vm/load.h"

static void virt_plic_output(void *arg, unsigned hart, bool level)
{
	struct vm *vm = arg;

	if (hart < vm->vcpu_count)
		vcpu_irq(vm->vcpus[hart], VIRQ_EXT, level);
}

static void virt_syscon(void *arg, enum syscon_event event)
{
	struct vm *vm = arg;

	switch (event) {
	case SYSCON_POWEROFF:
		vm_end(vm, VM_END_POWEROFF, "powered off");
		break;
	case SYSCON_REBOOT:
		vm_end(vm, VM_END_REBOOT, "reboots");
		break;
	case SYSCON_FAIL:
		vm_end(vm, VM_END_CRASH, "ended itself with a failure");
		break;
	}
}

/* There is no wall clock below: guests count from the hypervisor's start. */
static u64 virt_now(void *arg unused)
{
	u64 hz = host_timebase(), ticks = host_time();

	return ticks / hz * 1000000000ul + ticks % hz * 1000000000ul / hz;
}

static int virt_add(struct vm *vm, struct dev *d)
{
	int err = d ? bus_add(&vm->bus, d) : -ENOMEM;

	if (err && d)
		d->ops->destroy(d);
	return err;
}

/* A virtio console takes the operator over from the UART: a key has one reader. */
static struct char_backend *virt_uart_backend(const struct vm *vm)
{
	for (u32 i = 0; i < vm->config.device_count; i++) {
		const struct device_config *d = &vm->config.devices[i];

		if (d->kind == DEVICE_CONSOLE && d->console.operator)
			return NULL;
	}
	return vm->parts.console;
}

static int virt_wire(struct vm *vm)
{
	struct host_account *payer = &vm->account;
	struct goldfish_rtc_clock clock = { .now = virt_now };
	struct dev *plic = plic_create(VIRT_PLIC, vm->config.vcpus, virt_plic_output, vm, payer);
	int err = virt_add(vm, plic);

	if (err)
		return err;
	err = virt_add(vm, syscon_create(VIRT_SYSCON, virt_syscon, vm, payer));
	if (!err)
		err = virt_add(vm, goldfish_rtc_create(VIRT_RTC, plic_line(plic, VIRT_IRQ_RTC), clock, payer));
	if (!err)
		err = virt_add(vm, uart8250_create(VIRT_UART, plic_line(plic, VIRT_IRQ_UART),
						   virt_uart_backend(vm), payer));
	if (!err)
		err = virt_devices(vm, plic);
	return err;
}

static int virt_add_ram(struct vm *vm)
{
	int err = guest_mem_add(&vm->mem, VIRT_RAM, vm->config.memory);

	for (unsigned i = 0; !err && i < vm->mem.count; i++) {
		const struct guest_extent *e = &vm->mem.extents[i];

		err = vm->engine->map(vm, e->gpa, e->host.pa, e->host.size, PROT_R | PROT_W | PROT_X);
	}
	return err;
}

static void virt_boot_hart(struct vm *vm, const struct load_layout *l)
{
	struct vcpu *v = vm->vcpus[0];

	v->start_pc = l->entry;
	v->start_arg = l->fdt;
	v->hsm = SBI_HSM_START_PENDING;
	v->requests = VCPU_REQ_START;
}

int virt_build(struct vm *vm)
{
	struct load_layout l = { .ram_base = VIRT_RAM, .ram_size = vm->config.memory };
	int err;

	vm->board = host_alloc(sizeof(*vm->board), &vm->account);
	err = vm->board ? virt_add_ram(vm) : -ENOMEM;
	if (!err)
		err = virt_wire(vm);
	if (!err)
		err = load_images(vm, &l);
	if (!err)
		err = virt_fdt(vm, &l);
	if (!err)
		virt_boot_hart(vm, &l);
	return err;
}

void virt_unbuild(struct vm *vm)
{
	if (vm->board)
		virt_lent_gone(vm, &vm->board->lent);
	while (vm->bus.count) {
		struct dev *d = vm->bus.devices[--vm->bus.count];

		d->ops->destroy(d);
	}
	if (!vm->board)
		return;
	virt_devices_gone(vm);
	host_free(vm->board, sizeof(*vm->board), &vm->account);
	vm->board = NULL;
}
