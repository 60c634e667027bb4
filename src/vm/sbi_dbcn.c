/* SBI 3.0, "Debug Console Extension". */
#include "io/char.h"
#include "riscv/sbi.h"
#include "vm/sbi_ext.h"

/* A call moves DBCN_CALL_MAX bytes at most and says so: a partial transfer is allowed, and a
 * guest must not keep the hypervisor busy for as long as it likes. */
enum { DBCN_CHUNK = 256, DBCN_CALL_MAX = 4096 };

void sbi_console_put(struct vm *vm, u8 byte)
{
	struct char_backend *console = vm->parts.console;

	if (console)
		console->ops->put(console, byte);
}

int sbi_console_get(struct vm *vm)
{
	struct char_backend *console = vm->parts.console;

	return console ? console->ops->get(console) : -1;
}

static u64 dbcn_write(struct vm *vm, u64 gpa, u64 size)
{
	u8 chunk[DBCN_CHUNK];
	u64 done = 0;

	while (done < size) {
		u64 n = min_u64(size - done, sizeof(chunk));

		if (!guest_read(&vm->mem, gpa + done, chunk, n))
			break;
		for (u64 i = 0; i < n; i++)
			sbi_console_put(vm, chunk[i]);
		done += n;
	}
	return done;
}

static u64 dbcn_read_chunk(struct vm *vm, u8 *chunk, u64 size)
{
	u64 n = 0;
	int byte;

	while (n < size && (byte = sbi_console_get(vm)) >= 0)
		chunk[n++] = (u8)byte;
	return n;
}

static u64 dbcn_read(struct vm *vm, u64 gpa, u64 size)
{
	u8 chunk[DBCN_CHUNK];
	u64 done = 0, n;

	do {
		n = dbcn_read_chunk(vm, chunk, min_u64(size - done, sizeof(chunk)));
		if (!vm_write(vm, gpa + done, chunk, n))
			break;
		done += n;
	} while (n == sizeof(chunk) && done < size);
	return done;
}

/* a0 is the number of bytes, a1 and a2 are the low and the high half of their address. */
static s64 dbcn_transfer(struct vm *vm, struct vmexit *exit,
			 u64 (*transfer)(struct vm *vm, u64 gpa, u64 size))
{
	u64 size = exit->sbi.args[0], gpa = exit->sbi.args[1];

	if (exit->sbi.args[2] || !guest_mem_contains(&vm->mem, gpa, size))
		return SBI_ERR_INVALID_PARAM;
	exit->sbi.value = transfer(vm, gpa, min_u64(size, DBCN_CALL_MAX));
	return SBI_SUCCESS;
}

s64 sbi_dbcn(struct vcpu *vcpu, struct vmexit *exit)
{
	switch (exit->sbi.fid) {
	case SBI_DBCN_CONSOLE_WRITE:
		return dbcn_transfer(vcpu->vm, exit, dbcn_write);
	case SBI_DBCN_CONSOLE_READ:
		return dbcn_transfer(vcpu->vm, exit, dbcn_read);
	case SBI_DBCN_CONSOLE_WRITE_BYTE:
		sbi_console_put(vcpu->vm, (u8)exit->sbi.args[0]);
		return SBI_SUCCESS;
	default:
		return SBI_ERR_NOT_SUPPORTED;
	}
}
