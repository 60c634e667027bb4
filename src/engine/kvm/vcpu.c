/* A vCPU: its exits from the kernel become the core's, and the core's answers the kernel's. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/kvm/kvm.h"
#include "engine/kvm/reg.h"
#include "host/linux/linux.h"
#include "riscv/sbi.h"

/* ---- The answer */

static void answer_mmio(struct kvm_vcpu *k)
{
	const struct vmexit *e = &k->vcpu->priv->exit;

	if (k->own) {
		kvm_answer_own(k);
	} else if (e->mmio.failed) {
		kvm_answer_failed(k);
	} else if (!e->mmio.write) {
		memcpy(k->run->mmio.data, &e->mmio.value, sizeof(k->run->mmio.data));
		/* Kernels up to 6.17 do not extend the sign, which is only seen where there is one. */
		if (e->mmio.size < 8 && e->mmio.value >> (8 * e->mmio.size - 1))
			kvm_answer_signed(k);
	}
}

static void kvm_answer(struct kvm_vcpu *k)
{
	struct vmexit *e = &k->vcpu->priv->exit;

	if (e->kind == EXIT_MMIO) {
		answer_mmio(k);
	} else if (e->kind == EXIT_SBI) {
		k->run->riscv_sbi.ret[0] = e->sbi.error;
		k->run->riscv_sbi.ret[1] = e->sbi.value;
	}
	e->kind = EXIT_NONE;
}

/* ---- The question */

static void fatal(struct vmexit *e, const char *why)
{
	e->kind = EXIT_FATAL;
	e->why = why;
}

static void ask_mmio(struct kvm_vcpu *k)
{
	const struct kvm_run *run = k->run;
	struct vmexit *e = &k->vcpu->priv->exit;

	e->kind = EXIT_MMIO;
	e->mmio.gpa = run->mmio.phys_addr;
	e->mmio.size = (u8)run->mmio.len;
	e->mmio.write = run->mmio.is_write;
	k->own = false;
	if (!e->mmio.write)
		return;
	memcpy(&e->mmio.value, run->mmio.data, sizeof(run->mmio.data));
	if (e->mmio.size < 8)
		e->mmio.value &= BIT(8 * e->mmio.size) - 1;
}

static void ask_sbi(struct kvm_vcpu *k)
{
	const struct kvm_run *run = k->run;
	struct vmexit *e = &k->vcpu->priv->exit;

	e->kind = EXIT_SBI;
	e->sbi.ext = run->riscv_sbi.extension_id;
	e->sbi.fid = run->riscv_sbi.function_id;
	for (unsigned i = 0; i < 6; i++)
		e->sbi.args[i] = run->riscv_sbi.args[i];
}

/* SBI's system reset: the kernel has looked at the type and stopped all vCPUs, so that it cannot be
 * refused any more; a reason that is none counts as none. */
static void ask_reset(struct kvm_vcpu *k)
{
	const struct kvm_run *run = k->run;
	struct vmexit *e = &k->vcpu->priv->exit;
	bool failure = run->system_event.ndata && run->system_event.data[0] == SBI_SRST_REASON_SYSTEM_FAILURE;

	e->kind = EXIT_SBI;
	e->sbi.ext = SBI_EXT_SRST;
	e->sbi.fid = SBI_SRST_SYSTEM_RESET;
	e->sbi.args[0] = run->system_event.type == KVM_SYSTEM_EVENT_RESET ? SBI_SRST_TYPE_COLD_REBOOT :
									     SBI_SRST_TYPE_SHUTDOWN;
	e->sbi.args[1] = failure ? SBI_SRST_REASON_SYSTEM_FAILURE : 0;
	if (run->system_event.type == KVM_SYSTEM_EVENT_CRASH)
		fatal(e, "it crashed, as KVM says");
}

/* "Entropy Source": the only CSR that the kernel leaves to us is Zkr's seed. */
static void answer_csr(struct kvm_vcpu *k)
{
	enum { CSR_SEED_NUMBER = 0x015, SEED_ES16 = 2 };

	k->run->riscv_csr.ret_value = 0;
	if (k->run->riscv_csr.csr_num == CSR_SEED_NUMBER)
		k->run->riscv_csr.ret_value = (u64)SEED_ES16 << 30 | (host_random() & 0xffff);
}

/* False: nothing is asked of the core, and the guest goes on. */
static bool kvm_ask(struct kvm_vcpu *k)
{
	struct vmexit *e = &k->vcpu->priv->exit;

	k->outstanding = true;
	switch (k->run->exit_reason) {
	case KVM_EXIT_MMIO:
		ask_mmio(k);
		break;
	case KVM_EXIT_RISCV_SBI:
		ask_sbi(k);
		break;
	case KVM_EXIT_RISCV_CSR:
		answer_csr(k);
		return false;
	case KVM_EXIT_SYSTEM_EVENT:
		ask_reset(k);
		break;
	case KVM_EXIT_INTR:
		e->kind = EXIT_INTERRUPT;
		break;
	default:
		fatal(e, "KVM left the guest for a reason that is not known here");
	}
	return true;
}

static bool asked(const struct kvm_vcpu *k)
{
	return __atomic_load_n(&k->vcpu->requests, __ATOMIC_SEQ_CST);
}

static bool kvm_failed(struct kvm_vcpu *k, int err)
{
	struct vmexit *e = &k->vcpu->priv->exit;

	switch (err) {
	case EINTR:
	case EAGAIN:
		e->kind = asked(k) ? EXIT_NONE : EXIT_INTERRUPT;
		break;
	case EOPNOTSUPP: /* an instruction that it cannot decode */
	case EIO:        /* a misaligned access */
		return kvm_refused(k);
	case EFAULT:
	case ENOMEM:
	case EHWPOISON:
		fatal(e, "the host has no memory for it");
		break;
	default:
		vm_log(k->vcpu->vm, "vCPU %u: KVM: %s", k->vcpu->id, strerror(err));
		fatal(e, "KVM cannot run it");
	}
	return true;
}

/* ---- Running */

/* ioctl(fd, KVM_RUN, 0) without the C library, whose way is as long as what is done here: 0 or an
 * errno. */
static inline int kvm_run(int fd)
{
	register long a0 __asm__("a0") = fd;
	register long a1 __asm__("a1") = KVM_RUN;
	register long a2 __asm__("a2") = 0;
	register long a7 __asm__("a7") = SYS_ioctl;

	__asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
	return (int)-a0;
}

/*
 * The order is the contract's: the task is known to be in the guest before requests are read. With
 * one there the kernel only completes what was answered, so that registers are whole.
 */
static int enter(struct kvm_vcpu *k)
{
	bool leave;
	int err;

	k->run->immediate_exit = 0;
	linux_guest_enter(&k->run->immediate_exit);
	leave = asked(k);
	if (leave)
		k->run->immediate_exit = 1;
	err = leave && !k->outstanding ? EINTR : kvm_run(k->fd);
	linux_guest_left();
	k->outstanding = false;
	return err;
}

void kvm_complete(struct kvm_vcpu *k)
{
	k->run->immediate_exit = 1;
	kvm_run(k->fd);
	k->outstanding = false;
}

void kvm_run_vcpu(struct vcpu *v)
{
	struct kvm_vcpu *k = kvm_of(v);
	bool left;

	kvm_answer(k);
	do {
		int err = enter(k);

		left = err ? kvm_failed(k, err) : kvm_ask(k);
	} while (!left);
}

/* ---- Making one */

static int vcpu_open(int vm_fd, u32 id)
{
	int fd = ioctl(vm_fd, KVM_CREATE_VCPU, (u64)id);

	if (fd < 0)
		return -1;
	/* The console's calls come to the core, which has it; what nobody here knows does not. Kernels
	 * that cannot do that answer themselves. */
	reg_set(fd, REG_SBI_EXT, REG_SBI_DBCN, 1);
	reg_set(fd, REG_SBI_EXT, REG_SBI_EXPERIMENTAL, 0);
	reg_set(fd, REG_SBI_EXT, REG_SBI_VENDOR, 0);
	return fd;
}

static struct kvm_run *map_run(int fd)
{
	void *run = mmap(NULL, kvm_run_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return run == MAP_FAILED ? NULL : run;
}

int kvm_vcpu_init(struct vcpu *v)
{
	struct kvm_vm *kv = kvm_vm_of(v->vm);
	struct kvm_shared *s = host_alloc(sizeof(*s), &v->vm->account);
	struct kvm_vcpu *k = host_private_alloc(v->vm->space, sizeof(*k));

	v->engine = s;
	v->priv->engine = k;
	if (!s || !k)
		return -ENOMEM;
	k->vcpu = v;
	s->fd = k->fd = vcpu_open(kv->fd, v->id);
	if (k->fd < 0)
		return kvm_fail(v->vm, "no vCPU");
	k->run = map_run(k->fd);
	if (!k->run)
		return kvm_fail(v->vm, "no vCPU");
	kvm_read_isa(k->fd, &kv->isa);
	kv->mmu_type = kvm_read_mmu_type(k->fd);
	return 0;
}

void kvm_vcpu_fini(struct vcpu *v)
{
	struct kvm_vcpu *k = v->priv ? kvm_of(v) : NULL;

	if (k && k->run)
		munmap(k->run, kvm_run_size);
	if (k && k->fd > 0)
		close(k->fd);
	if (k)
		host_private_free(v->vm->space, k, sizeof(*k));
	if (v->engine)
		host_free(v->engine, sizeof(struct kvm_shared), &v->vm->account);
}
