/* The engine's table, VMs, and their memory. */
#include "engine/kvm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "engine/kvm/reg.h"
#include "riscv/csr.h"

static int kvm_fd = -1;
u64 kvm_run_size;

int kvm_fail(struct vm *vm, const char *what)
{
	int err = errno;

	snprintf(vm->failure, sizeof(vm->failure), "KVM: %s: %s", what, strerror(err));
	return err ? -err : -EIO;
}

/* ---- Probe */

static int probe_fail(struct kvm_probe *p, const char *why)
{
	p->why = why;
	return errno ? -errno : -EIO;
}

/* A VM that never runs says what those have that will. */
static int probe_vcpu(struct kvm_probe *p)
{
	int vm = ioctl(kvm_fd, KVM_CREATE_VM, 0), vcpu, err = 0;

	if (vm < 0)
		return probe_fail(p, "it creates no VM");
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0)
		err = probe_fail(p, "it creates no vCPU");
	else if (reg_get(vcpu, REG_TIMER, REG_FREQUENCY, &p->timebase) || !p->timebase)
		err = probe_fail(p, "it does not tell how fast guests' time goes");
	if (vcpu >= 0)
		close(vcpu);
	close(vm);
	return err;
}

int kvm_probe(struct kvm_probe *p)
{
	errno = 0;
	kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm_fd < 0)
		return probe_fail(p, "it cannot be opened");
	if (ioctl(kvm_fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return probe_fail(p, "it is not the KVM that is known here");
	kvm_run_size = (u64)ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	return probe_vcpu(p);
}

/* ---- VMs */

static int kvm_vm_init(struct vm *vm)
{
	struct kvm_vm *kv = host_alloc(sizeof(*kv), &vm->account);

	vm->engine_state = kv;
	if (!kv)
		return -ENOMEM;
	kv->fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	return kv->fd < 0 ? kvm_fail(vm, "no VM") : 0;
}

static void kvm_vm_fini(struct vm *vm)
{
	struct kvm_vm *kv = kvm_vm_of(vm);

	if (!kv)
		return;
	if (kv->fd >= 0)
		close(kv->fd);
	host_free(kv, sizeof(*kv), &vm->account);
	vm->engine_state = NULL;
}

static unsigned slot_find(const struct kvm_vm *kv, u64 gpa, u64 size)
{
	unsigned slot = 0;

	while (slot < KVM_SLOTS_MAX && (kv->slots[slot].size != size || kv->slots[slot].gpa != gpa))
		slot++;
	return slot;
}

static int slot_set(const struct kvm_vm *kv, unsigned slot, u64 pa, unsigned prot)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = prot & PROT_W ? 0 : KVM_MEM_READONLY,
		.guest_phys_addr = kv->slots[slot].gpa,
		.memory_size = kv->slots[slot].size,
		.userspace_addr = pa,
	};

	return ioctl(kv->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

/* On Linux the host-physical address is the one in this process. */
static int kvm_map(struct vm *vm, u64 gpa, u64 pa, u64 size, unsigned prot)
{
	struct kvm_vm *kv = kvm_vm_of(vm);
	unsigned slot = slot_find(kv, 0, 0);

	if (slot == KVM_SLOTS_MAX)
		return -ENOSPC;
	kv->slots[slot].gpa = gpa;
	kv->slots[slot].size = size;
	if (slot_set(kv, slot, pa, prot) == 0)
		return 0;
	kv->slots[slot].gpa = kv->slots[slot].size = 0;
	return kvm_fail(vm, "a piece of memory");
}

static void kvm_unmap(struct vm *vm, u64 gpa, u64 size)
{
	struct kvm_vm *kv = kvm_vm_of(vm);
	unsigned slot = slot_find(kv, gpa, size);

	host_assert(slot < KVM_SLOTS_MAX);
	kv->slots[slot].size = 0;
	slot_set(kv, slot, 0, PROT_W);
	kv->slots[slot].gpa = 0;
}

/* ---- vCPUs */

/* The state in which the SBI starts a hart, which is how KVM creates one, but for its registers. */
static void kvm_reset(struct vcpu *v, u64 pc, u64 a0, u64 a1)
{
	int fd = kvm_of(v)->fd;

	/* A machine may take UXL 0, which KVM writes, for "as it was", and another VM's was anything. */
	reg_set(fd, REG_CSR, REG_SSTATUS, SSTATUS_UXL_64);
	reg_set(fd, REG_CORE, REG_PC, pc);
	reg_set(fd, REG_CORE, REG_X0 + 10, a0);
	reg_set(fd, REG_CORE, REG_X0 + 11, a1);
	reg_set(fd, REG_CORE, REG_MODE, REG_MODE_S);
}

static void kvm_put(struct vcpu *v unused) {}

/* The devices' interrupt only: IPIs and timers never leave the kernel. The chip calls for each
 * vCPU with its lock held, so that what is told last is what holds. */
static void kvm_irq(struct vcpu *v, enum engine_irq irq, bool level)
{
	struct kvm_shared *s = v->engine;
	struct kvm_interrupt told = { .irq = level ? KVM_INTERRUPT_SET : KVM_INTERRUPT_UNSET };

	if (irq == VIRQ_EXT && __atomic_exchange_n(&s->pending, level, __ATOMIC_ACQ_REL) != level)
		ioctl(s->fd, KVM_INTERRUPT, &told);
}

static void kvm_fence(struct vcpu *v unused, const struct fence *fence unused) {}
static void kvm_set_timer(struct vcpu *v unused, u64 deadline unused) {}

/* Guests wait in the kernel: no WFI comes here. */
static bool kvm_wakeup_pending(struct vcpu *v unused) { return true; }
static u64 kvm_timer_due(struct vcpu *v unused) { return HOST_FOREVER; }

static void kvm_get_regs(struct vcpu *v, struct engine_regs *regs)
{
	int fd = kvm_of(v)->fd;

	regs->x[0] = 0;
	for (unsigned i = 1; i < 32; i++)
		regs->x[i] = reg_read(fd, REG_CORE, REG_X0 + i);
	regs->pc = reg_read(fd, REG_CORE, REG_PC);
}

static void kvm_set_regs(struct vcpu *v, const struct engine_regs *regs)
{
	int fd = kvm_of(v)->fd;

	for (unsigned i = 1; i < 32; i++)
		reg_set(fd, REG_CORE, REG_X0 + i, regs->x[i]);
	reg_set(fd, REG_CORE, REG_PC, regs->pc);
}

static const struct isa *kvm_guest_isa(const struct vm *vm) { return &kvm_vm_of(vm)->isa; }
static const char *kvm_mmu_type(const struct vm *vm) { return kvm_vm_of(vm)->mmu_type; }

const struct engine_ops kvm_engine = {
	.name = "kvm",
	.own_harts = true,
	.vm_init = kvm_vm_init,
	.vm_fini = kvm_vm_fini,
	.map = kvm_map,
	.unmap = kvm_unmap,
	.vcpu_init = kvm_vcpu_init,
	.vcpu_fini = kvm_vcpu_fini,
	.vcpu_reset = kvm_reset,
	.run = kvm_run_vcpu,
	.put = kvm_put,
	.irq = kvm_irq,
	.fence = kvm_fence,
	.set_timer = kvm_set_timer,
	.wakeup_pending = kvm_wakeup_pending,
	.timer_due = kvm_timer_due,
	.get_regs = kvm_get_regs,
	.set_regs = kvm_set_regs,
	.guest_isa = kvm_guest_isa,
	.mmu_type = kvm_mmu_type,
};
