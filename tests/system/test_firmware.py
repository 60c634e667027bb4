"""bulkhead-fw, the M-mode stage: what it does for S-mode, and the systems that boot on it."""

import os
import re
import subprocess

import guestlib
import pytest
import systemlib
from guestlib import BUILD, QEMU
from systemlib import batch, guest, program, qemu_run, system

FIRMWARE = BUILD / "bulkhead-fw.bin"
BIOS = ["-bios", FIRMWARE]
CROSS = os.environ.get("CROSS", "riscv64-unknown-elf-")


@pytest.fixture(scope="module", autouse=True)
def built():
	assert FIRMWARE.exists(), f"{FIRMWARE} is missing: make firmware"


def line(harts, *features):
	"""The only line that it prints."""
	harts = f"{harts} hart{'s' if harts > 1 else ''}"
	return f"^bulkhead-fw: {', '.join([harts, *features])}$"


# --- what S-mode sees -------------------------------------------------------------------------

# The interrupt controller's failures are QEMU's: the transcript is that of a VM. A hart without a
# time CSR has its illegal instructions emulated or given on, one by one.
PROGRAMS = ["sbi", "sbi_edges", "timer", "smp", "traps", "fpv", "hostile"]
MACHINES = [
	("rv64", "virt"), ("max", "virt"), ("rva23s64", "virt"), ("rv64,sstc=off", "virt"),
	("rv64,h=false,svadu=off", "virt,aclint=on"), ("rv64,pmp=off", "virt"),
	("rv64,h=false,sstc=off,priv_spec=v1.10.0", "virt"), ("rv64,zicntr=off,sstc=off", "virt"),
]

# Failures of the firmware's alone are not forgiven.
OF_QEMU = {"table in a hole", "s-mode csrr htimedelta"}


@pytest.mark.parametrize("cpu, machine", MACHINES, ids=lambda text: text)
@pytest.mark.parametrize("name", PROGRAMS)
def test_guest_program(name, cpu, machine):
	p = guestlib.program_read(name)
	p.native_skip &= OF_QEMU
	result = guestlib.native_run(p, cpu, ["-M", machine, *BIOS], systemlib.LIMIT)
	lines = guestlib.native_forgive(p, guestlib.guest_lines(result.output))
	wrong = guestlib.mismatch(p, lines)
	assert not wrong, f"{wrong}\n--- the end of the output:\n{result.output[-3000:]}"
	assert result.status is not None, "it did not end"


# S-mode at 0x80200000. Every trap counts in s1, leaves its cause in s0, and goes on at s2. The end
# is a power-off, with an exit code if something was wrong.
HEAD = """
	.globl _start
_start:
	la t0, vector
	csrw stvec, t0
	li s5, 0
	j begin
	.balign 4
vector:
	bnez s5, reset
	addi s1, s1, 1
	csrr s0, scause
	csrw sepc, s2
	sret
wrong:
	li a0, 0	/* shut down, system failure */
	li a1, 1
	j reset
right:
	li a0, 0
	li a1, 0
reset:
	li s5, 1	/* if this is U-mode, by way of the vector */
	li a6, 0
	li a7, 0x53525354
	ecall
	.macro trapping cause, insn:vararg
	la s2, 1f
	\\insn
	j wrong
1:	li t0, \\cause
	bne s0, t0, wrong
	.endm
	.macro call ext, fid, error
	li a7, \\ext
	li a6, \\fid
	ecall
	li t0, \\error
	bne a0, t0, wrong
	.endm
begin:
"""

# Own RAM is M-mode's: not to be read, written, executed, nor by way of a call.
PROTECTED = """
	xori s6, a0, 1		/* the other hart */
	li s3, 0x80000000
	li s4, 0x8003fff8
	trapping 5, ld t0, 0(s3)
	trapping 5, ld t0, 0(s4)
	trapping 7, sd t0, 0(s4)
	trapping 1, jr s3
	li s4, 0x80040000
	ld t0, 0(s4)
	li a0, 16
	mv a1, s3
	li a2, 0
	call 0x4442434e, 0, -3
	li a0, 16
	li a1, 0x8003fff8
	call 0x4442434e, 1, -3
	mv a0, s6
	mv a1, s3
	call 0x48534d, 0, -5
	j right
"""

# An illegal instruction of U-mode's comes to S-mode at once: what is counted are the instructions
# below, and those of the vector.
DELEGATED = """
	li t0, 0x100		/* sstatus.SPP: U-mode next */
	csrc sstatus, t0
	la t0, user
	csrw sepc, t0
	li t0, 7
	csrw scounteren, t0
	li s1, 0
	rdinstret s3
	sret
user:
	la s2, 1f
	csrr t0, sstatus
1:	la s2, 2f
	sret
2:	la s2, 3f
	sfence.vma
3:	rdinstret s4
	sub s4, s4, s3
	li t0, 40
	bgtu s4, t0, wrong
	li t0, 3
	bne s1, t0, wrong
	li t0, 2
	bne s0, t0, wrong
	j right
"""

# Four harts that fence each other at the same time, both kinds in turn, and interrupt each other:
# nobody waits for ever.
FENCES = """
	.equ ROUNDS, 20
	mv s6, a0
	li s7, 0
next:
	beq s7, s6, 1f
	mv a0, s7
	la a1, worker
	call 0x48534d, 0, 0
1:	addi s7, s7, 1
	li t0, 4
	bltu s7, t0, next
worker:
	li s8, ROUNDS
	li s9, 0
again:
	li a0, 0
	li a1, -1
	li a2, 0x80200000
	li a3, 0x3000
	li a4, 1
	li a7, 0x52464e43
	mv a6, s9
	ecall
	bnez a0, wrong
	addi s9, s9, 1
	andi s9, s9, 1
	li a0, 15
	li a1, 0
	call 0x735049, 0, 0
	addi s8, s8, -1
	bnez s8, again
	la t0, ended
	li t1, 1
	amoadd.w.aqrl t1, t1, (t0)
	li t0, 3
	beq t1, t0, right
	li a7, 0x48534d
	li a6, 1		/* hart_stop */
	ecall
	j wrong
	.balign 4
ended:
	.4byte 0
"""


def assembled(directory, text):
	source, target = directory / "program.S", directory / "program.elf"
	source.write_text(HEAD + text)
	subprocess.run([CROSS + "gcc", "-march=rv64imac", "-misa-spec=2.2", "-mabi=lp64",
			"-mcmodel=medany", "-nostdlib", "-static", "-Wl,-Ttext=0x80200000",
			"-Wl,--build-id=none", "-Wl,-n", "-o", target, source], check=True)
	return target


@pytest.mark.parametrize("cpu", ["rv64", "rv64,h=false,sstc=off", "max"])
def test_own_memory(cpu, tmp_path):
	run = qemu_run("-cpu", cpu, "-smp", 2, *BIOS, "-kernel",
		       assembled(tmp_path, PROTECTED))
	run.succeeded()
	run.has(", PMP$")


@pytest.mark.parametrize("cpu", ["rv64", "rv64,h=false,sstc=off"])
def test_illegal_instructions_are_delegated(cpu, tmp_path):
	program_file = assembled(tmp_path, DELEGATED)
	icount = ["-icount", "shift=0,sleep=off"]
	qemu_run("-cpu", cpu, *BIOS, "-kernel", program_file, *icount).succeeded()


@pytest.mark.parametrize("cpu", ["rv64", "rv64,h=false,sstc=off"])
def test_fences_at_once(cpu, tmp_path):
	qemu_run("-cpu", cpu, "-smp", 4, *BIOS, "-kernel", assembled(tmp_path, FENCES)).succeeded()


def test_costs():
	"""Instructions of calls, the caller's own included."""
	p = guestlib.Program("bench-ops", match="lines", expect=["bench end"])
	for cpu in ("rv64", "rv64,h=false,sstc=off"):
		output = guestlib.native_run(p, cpu, [*BIOS, "-icount", "shift=0,sleep=off"]).output
		cost = {name: int(n) for name, n in re.findall(r"bench (\w+) (\d+)", output)}
		assert cost["set_timer"] < 100 and cost["ipi_self"] < 100, cost
		assert cost["rfence_self"] < 400 and cost["sbi_base"] < 300, cost


# --- the machine's end ------------------------------------------------------------------------

def test_end():
	"""A shutdown, a failure and a reboot are told apart."""
	run = qemu_run(*BIOS, "-kernel", guest("hello.elf"))
	run.succeeded()
	run.has(line(1, "H", "Sstc", "PMP"))
	assert qemu_run(*BIOS, "-smp", 4, "-kernel", guest("crash.elf")).status == 1
	run = qemu_run(*BIOS, "-kernel", guest("reboot.elf"), limit=10)
	assert run.status is None and run.output.count("bulkhead-fw: 1 hart") > 1, run.explain("")


def test_no_kernel():
	"""Without an address from QEMU the next stage is at 0x80200000."""
	run = qemu_run(*BIOS, "-device", f"loader,file={guest('hello.elf')}")
	run.succeeded()
	run.has("^hello from a guest$")


# --- harts ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("disabled", [[0], [0, 2], [3]], ids=str)
def test_disabled_harts(disabled, tmp_path):
	"""Ids with holes: whichever hart comes first, one that is not disabled starts."""
	tree = tmp_path / "host.dtb"
	description = system(tmp_path, program("sbi"))
	batch(description, "--harts", 4, qemu=["-machine", f"dumpdtb={tree}"])
	for hart in disabled:
		subprocess.run(["fdtput", "-t", "s", tree, f"/cpus/cpu@{hart}", "status", "disabled"],
			       check=True)
	run = batch(description, "--harts", 4, "--bios", FIRMWARE, qemu=["-dtb", tree])
	run.succeeded()
	run.printed("sbi")
	run.has(line(4 - len(disabled), "H", "Sstc", "PMP"))


def test_sockets(tmp_path):
	"""A CLINT for each socket."""
	numa = []
	for node in (0, 1):
		numa += ["-object", f"memory-backend-ram,id=m{node},size=256M", "-numa",
			 f"node,nodeid={node},cpus={2 * node}-{2 * node + 1},memdev=m{node}"]
	p = guestlib.program_read("smp")
	run = qemu_run("-smp", 4, "-m", "512M", "-cpu", "rv64,sstc=off", *BIOS, *numa,
		       "-kernel", p.elf, "-append", "native=1")
	assert not guestlib.mismatch(p, run.output.split("\n")), run.explain("")


# --- systems ------------------------------------------------------------------------------------

@pytest.mark.parametrize("cpu, harts, features", [
	("rv64", 1, ["H", "Sstc", "PMP"]), ("rv64", 4, ["H", "Sstc", "PMP"]),
	("rv64,sstc=off", 2, ["H", "no Sstc", "PMP"]), ("max", 2, ["H", "Sstc", "PMP"]),
	("rva23s64", 2, ["H", "Sstc", "no PMP"]), ("rv64", 64, ["H", "Sstc", "PMP"]),
	("rv64,h=false", 1, ["no H", "Sstc", "PMP"]),
	("rv64,h=false,sstc=off", 4, ["no H", "no Sstc", "PMP"]),
])
def test_bulkhead(cpu, harts, features, tmp_path):
	"""With one engine or the other."""
	run = batch(system(tmp_path, program("hello"), program("sbi")), "--cpu", cpu, "--harts", harts,
		    "--bios", FIRMWARE)
	run.succeeded()
	run.printed("hello")
	run.printed("sbi")
	run.has(line(harts, *features))
	run.has(f"^host: {harts} harts?, rv64ima")


@pytest.mark.parametrize("cpu", ["rv64", "rv64,h=false,sstc=off"])
def test_linux(cpu):
	"""Natively, with the debug console first."""
	run = qemu_run("-cpu", cpu, "-smp", 2, "-m", "512M", *BIOS, "-kernel", guest("Image"),
		       "-initrd", guest("initramfs.cpio.gz"), "-append",
		       "console=ttyS0 earlycon=sbi bulkhead.poweroff")
	run.succeeded()
	run.has("OF: reserved mem: 0x0*80000000.*nomap")
	run.has("bulkhead-guest: userspace on 2 CPUs, 512 MiB")


def test_u_boot():
	with systemlib.Machine([QEMU, "-M", "virt", "-smp", 2, "-m", "256M", "-nographic", *BIOS,
				"-kernel", guest("u-boot.bin")]) as machine:
		machine.expect("Hit any key to stop autoboot")
		machine.send(" ")
		machine.expect("=> ")
		machine.send("version\r")
		machine.expect(r"\nU-Boot 20\d\d\.\d\d")
		machine.expect("=> ")
		machine.send("poweroff\r")
		assert machine.ended() == 0
