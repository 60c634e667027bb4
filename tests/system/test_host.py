"""The hosts that Bulkhead boots on: CPU models, numbers of harts, firmware, features that are
hidden, load addresses, device trees with holes. Pairs of them, not all combinations: what is
tested is the boot and that guests of every kind work, which takes a second or two each."""

import re
import struct
import subprocess

import pytest
import systemlib
from systemlib import IMAGE, batch, classic, firmware, pack, program, qemu_run, system


# The smp guest's harts wait for each other: with fewer harts, or many at a time, they take long.
TWO = ("hello", "sbi")
THREE = ("hello", "sbi", "smp")


def several(directory, names):
	"""One system with guests that try most of what a host gives them."""
	return system(directory, *map(program, names))


def passed(run, names):
	run.succeeded()
	for name in names:
		run.printed(name)


def host_line(run, harts):
	run.has(rf"^host: {harts} harts?, rv64ima")


# --- CPU models and harts ---------------------------------------------------------------------

@pytest.mark.parametrize("cpu, harts, names", [
	("rv64", 1, TWO), ("rv64,sstc=off", 1, TWO), ("rv64,v=true", 1, TWO), ("rva23s64", 1, TWO),
	("max", 1, TWO), ("rv64", 2, TWO), ("rv64,sstc=off", 4, TWO), ("rv64,v=true", 2, TWO),
	("rva23s64", 4, THREE), ("max", 4, THREE), ("rv64", 32, THREE), ("max", 32, TWO),
	("rv64", 1, ("smp",)), classic("rv64,h=false", 1, TWO), classic("rv64,h=false,sstc=off", 4, TWO),
	classic("max,h=false", 4, THREE), classic("rv64,h=false", 32, THREE),
])
def test_cpu(cpu, harts, names, tmp_path):
	run = batch(several(tmp_path, names), "--cpu", cpu, "--harts", harts)
	passed(run, names)
	host_line(run, harts)


# --- firmware -----------------------------------------------------------------------------------

@pytest.mark.parametrize("version, cpu, harts", [
	("1.5", "rv64", 4), ("1.5", "rv64,sstc=off", 2), ("1.6", "max", 2),
	("1.6", "rv64,sstc=off", 4), ("newest", "rv64", 32), ("newest", "rva23s64", 2),
	("newest", "rv64,sstc=off", 2), classic("1.5", "rv64,h=false", 4),
	classic("1.6", "rv64,h=false,sstc=off", 2), classic("newest", "rv64,h=false", 2),
])
def test_firmware(version, cpu, harts, tmp_path):
	run = batch(several(tmp_path, TWO), "--cpu", cpu, "--harts", harts, "--bios",
		    firmware(version))
	passed(run, TWO)
	host_line(run, harts)
	run.has(r"^OpenSBI v" + (version if version != "newest" else r"\d"))


# --- what is hidden, what is missing -----------------------------------------------------------

# As the boot log names them.
ALL = {"sstc": "Sstc", "svinval": "Svinval", "henvcfg": "henvcfg", "stateen": "stateen",
       "svpbmt": "Svpbmt", "svadu": "Svadu", "v": "V", "aia": "AIA"}


@pytest.mark.parametrize("hidden", [
	"sstc", "henvcfg", "svinval,svpbmt", "stateen,senvcfg", "v,aia", "svadu", "htinst", "light",
	"henvcfg,sstc,svinval,svpbmt,stateen,senvcfg,svadu,v,aia,htinst,light",
], ids=lambda hidden: "all" if hidden.count(",") > 5 else hidden)
def test_hidden(hidden, tmp_path):
	names = ("sbi", "timer", "smp") if hidden.count(",") > 5 else ("sbi", "timer")
	run = batch(several(tmp_path, names), "--cpu", "max", "--harts", 4, "--append",
		    f"hide={hidden}")
	passed(run, names)
	have = [line for line in run.output.split("\n") if line.startswith("host: H ")][0]
	have = have[len("host: "):].split("; no ")[0].split()
	for feature, shown in ALL.items():
		assert (shown in have) == (feature not in hidden.split(",")), run.explain(shown)


def test_unknown_hidden(tmp_path):
	run = batch(system(tmp_path, program("hello")), "--append", "hide=nonsense,,sstc,")
	run.succeeded()
	run.has('nothing is called "nonsense"')


@pytest.mark.parametrize("hidden", ["", "svadu", "sstc,svinval,svpbmt,senvcfg,svadu,v,aia"],
			 ids=["classic", "classic-svadu", "classic-all"])
def test_hidden_h(hidden, tmp_path):
	"""Where H is hidden, the other engine takes over."""
	names = ("sbi", "timer")
	run = batch(several(tmp_path, names), "--cpu", "max", "--harts", 4, "--append",
		    f"hide=h,{hidden}")
	passed(run, names)
	run.has("^host: .*no H ")


@pytest.mark.parametrize("cpu, append", [("rv64,h=false", ""), ("max", "hide=h")])
def test_no_h(cpu, append, tmp_path):
	"""A VM that asks for what is not there: nothing starts."""
	description = system(tmp_path, program("hello", engine="hext"), program("sbi"))
	run = batch(description, "--cpu", cpu, "--harts", 2, "--append", append)
	run.failed("the system did not start")
	run.has(r"/vms/hello/engine: the host cannot run \"hext\": its harts have no H extension")
	run.has("1 mistake in the system description: nothing is started")


def test_firmware_console(tmp_path):
	"""The UART left to the firmware: output and input through its debug console."""
	description = system(tmp_path, program("hello"))
	run = batch(description, "--append", "console=sbi")
	run.succeeded()
	run.printed("hello")
	with systemlib.start(description, "--append", "console=sbi") as machine:
		machine.expect(r"\[hello\] hello from a guest")
		machine.shell()
		machine.ask("version", r"Bulkhead \d")


@pytest.mark.parametrize("aia", ["aplic", "aplic-imsic"])
def test_no_plic(aia, tmp_path):
	"""An interrupt controller that is not used: slower input, but all works."""
	passed(batch(several(tmp_path, TWO), "--harts", 4, qemu=["-M", f"virt,aia={aia}"]), TWO)


# --- where the image lies ------------------------------------------------------------------------

def jump_to(address, shift):
	"""A program of three instructions at the firmware's next address: li, slli, jr t0."""
	assert (address >> shift) << shift == address and address >> shift < 2048
	return struct.pack("<III", 0x293 | address >> shift << 20, 0x29293 | shift << 20, 0x28067)


@pytest.mark.parametrize("address, shift, memory", [
	(0x84600000, 21, "512M"), (0x100400000, 22, "2304M"),
], ids=["84600000", "above-4G"])
def test_loaded_elsewhere(address, shift, memory, tmp_path):
	(tmp_path / "jump").write_bytes(jump_to(address, shift))
	run = qemu_run("-smp", 4, "-cpu", "rv64", "-m", memory, "-kernel", tmp_path / "jump",
		       "-initrd", pack(several(tmp_path, THREE)), "-append", "bulkhead.batch", "-device",
		       f"loader,file={IMAGE},addr={address:#x},force-raw=on")
	passed(run, THREE)


# --- device trees -----------------------------------------------------------------------------------

def tree_edit(directory, description, harts, edit):
	"""QEMU's own tree for this system, edited by fdtput: edit(path of it)."""
	tree = directory / "host.dtb"
	batch(description, "--harts", harts, qemu=["-machine", f"dumpdtb={tree}"])
	edit(tree)
	return ["-dtb", tree]


def fdtput(tree, *args):
	subprocess.run(["fdtput", *args[:-1], tree, *args[-1]], check=True)


@pytest.mark.parametrize("disabled", [[1], [0, 2], [5], [0, 1, 2, 3, 4]],
			 ids=lambda harts: "-".join(map(str, harts)))
def test_disabled_harts(disabled, tmp_path):
	"""Hart ids with holes, and a boot hart that is not 0."""
	def disable(tree):
		for hart in disabled:
			fdtput(tree, "-t", "s", [f"/cpus/cpu@{hart}", "status", "disabled"])

	description = several(tmp_path, TWO)
	run = batch(description, "--harts", 6, qemu=tree_edit(tmp_path, description, 6, disable))
	passed(run, TWO)
	host_line(run, 6 - len(disabled))
	run.has_not("does not start|does not answer")


def test_old_isa_string(tmp_path):
	"""A tree without riscv,isa-extensions, and the timebase in each hart's node."""
	def age(tree):
		for hart in range(4):
			node = f"/cpus/cpu@{hart}"
			fdtput(tree, "-d", [node, "riscv,isa-extensions"])
			fdtput(tree, "-d", [node, "riscv,isa-base"])
			fdtput(tree, "-t", "u", [node, "timebase-frequency", "10000000"])

	description = several(tmp_path, TWO)
	run = batch(description, "--harts", 4, qemu=tree_edit(tmp_path, description, 4, age))
	passed(run, TWO)
	run.has("^host: H Sstc")


def test_reserved_memory(tmp_path):
	"""What the tree reserves is nobody's: the free memory is less by it."""
	def reserve(tree):
		node = "/reserved-memory/held@8a000000"
		subprocess.run(["fdtput", "-p", "-c", tree, node], check=True)
		for name in ("#address-cells", "#size-cells"):
			fdtput(tree, "-t", "u", ["/reserved-memory", name, "2"])
		fdtput(tree, ["/reserved-memory", "ranges"])
		fdtput(tree, "-t", "x", [node, "reg", "0", "8a000000", "0", "2000000"])

	def free(run):
		return int(re.search(r"^host: (\d+) MiB free", run.output, re.M)[1])

	description = system(tmp_path, program("hello"))
	qemu = tree_edit(tmp_path, description, 2, reserve)
	run = batch(description, "--harts", 2, qemu=qemu)
	run.succeeded()
	assert free(batch(description, "--harts", 2)) - free(run) in (31, 32, 33), run.explain("")
