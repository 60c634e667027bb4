/* The ISA that KVM gives to guests, extension by extension. */
#include <errno.h>
#include <string.h>

#include "engine/kvm/kvm.h"
#include "engine/kvm/reg.h"

/* By KVM's number (enum KVM_RISCV_ISA_EXT_ID). A kernel that is newer than this table has more of
 * them, and guests are not told. */
static const char *const names[] = {
	"a", "c", "d", "f", "h", "i", "m", "svpbmt", "sstc", "svinval", "zihintpause", "zicbom", "zicboz",
	"zbb", "ssaia", "v", "svnapot", "zba", "zbs", "zicntr", "zicsr", "zifencei", "zihpm", "smstateen",
	"zicond", "zbc", "zbkb", "zbkc", "zbkx", "zknd", "zkne", "zknh", "zkr", "zksed", "zksh", "zkt",
	"zvbb", "zvbc", "zvkb", "zvkg", "zvkned", "zvknha", "zvknhb", "zvksed", "zvksh", "zvkt", "zfh",
	"zfhmin", "zihintntl", "zvfh", "zvfhmin", "zfa", "ztso", "zacas", "sscofpmf", "zimop", "zca",
	"zcb", "zcd", "zcf", "zcmop", "zawrs", "smnpm", "ssnpm", "svade", "svadu", "svvptc", "zabha",
	"ziccrse",
};

/* Nested guests are not for ours; an interrupt file comes with an AIA only. */
static const char *const withheld[] = { "h", "ssaia" };

static bool is_withheld(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(withheld); i++)
		if (strcmp(name, withheld[i]) == 0)
			return true;
	return false;
}

static void add(struct isa *isa, const char *name)
{
	int ext = isa_from_name(name, strlen(name));

	/* KVM's name for what guests see of it. */
	if (ext == ISA_SMSTATEEN)
		ext = ISA_SSSTATEEN;
	if (ext >= 0 && isa_ext_class((enum isa_ext)ext) != ISA_CLASS_HOST)
		isa_set(isa, (enum isa_ext)ext);
}

/* The device tree says that blocks are of 64 bytes, as they are everywhere so far. */
static void check_blocks(int vcpu_fd, struct isa *isa)
{
	if (isa_has(isa, ISA_ZICBOM) && reg_read(vcpu_fd, REG_CONFIG, REG_ZICBOM_BLOCK) != 64)
		isa_clear(isa, ISA_ZICBOM);
	if (isa_has(isa, ISA_ZICBOZ) && reg_read(vcpu_fd, REG_CONFIG, REG_ZICBOZ_BLOCK) != 64)
		isa_clear(isa, ISA_ZICBOZ);
}

void kvm_read_isa(int vcpu_fd, struct isa *isa)
{
	*isa = (struct isa){ 0 };
	for (u64 i = 0; i < ARRAY_SIZE(names); i++) {
		u64 enabled = 0;

		if (reg_get(vcpu_fd, REG_ISA_EXT, i, &enabled) || !enabled)
			continue;
		if (is_withheld(names[i]))
			reg_set(vcpu_fd, REG_ISA_EXT, i, 0);
		else
			add(isa, names[i]);
	}
	check_blocks(vcpu_fd, isa);
}

const char *kvm_read_mmu_type(int vcpu_fd)
{
	/* satp's MODE: 8 is Sv39. Kernels before 6.8 do not tell; every one of them has Sv39. */
	switch (reg_read(vcpu_fd, REG_CONFIG, REG_SATP_MODE)) {
	case 9: return "riscv,sv48";
	case 10: return "riscv,sv57";
	default: return "riscv,sv39";
	}
}
