"""Operating systems as they come: Debian's Linux in many ways, its U-Boot, its installer, and
Bulkhead itself started by U-Boot."""

import re
import shutil

import pytest
import systemlib
from systemlib import (LIMIT, QEMU, batch, classic, each_engine, firmware, guest, linux, pack, shipped,
		       start, system, vm)


def userspace(run, name, cpus, memory=256):
	text = f"bulkhead-guest: userspace on {cpus} CPUs, {memory} MiB"
	assert text in "".join(run.lines(name)), run.explain(f"{name}: there is no {text!r}")


# --- Linux VMs in batch runs --------------------------------------------------------------------

@each_engine
def test_demo(host, tmp_path):
	run = batch(shipped(tmp_path, "demo"), *host)
	run.succeeded()
	userspace(run, "linux1", 2)
	userspace(run, "linux2", 2)
	rt = "".join(run.lines("rt"))
	assert "rt: histogram 1:" in rt and "rt: done" in rt, run.explain("no histogram")


@pytest.mark.parametrize("cpu, harts", [
	("rv64", 4), ("max", 2), classic("rv64,h=false", 4), classic("max,h=false", 2),
])
def test_four_vcpus(cpu, harts, tmp_path):
	run = batch(shipped(tmp_path, "smp"), "--cpu", cpu, "--harts", harts)
	run.succeeded()
	userspace(run, "linux", 4)


@each_engine
def test_more_vcpus_than_harts(host, tmp_path):
	run = batch(system(tmp_path, linux("a", "bulkhead.poweroff", vcpus=2),
			   linux("b", "bulkhead.poweroff", vcpus=2)), "--harts", 1, *host)
	run.succeeded()
	userspace(run, "a", 2)
	userspace(run, "b", 2)


@each_engine
def test_dedicated(host, tmp_path):
	run = batch(shipped(tmp_path, "dedicated"), *host)
	run.succeeded()
	userspace(run, "alone", 2)
	userspace(run, "shared", 1)


@each_engine
def test_one_with_full_output(host, tmp_path):
	run = batch(shipped(tmp_path, "one-linux"), *host)
	run.succeeded()
	userspace(run, "linux", 1)
	lines = "".join(run.lines("linux"))
	assert "Linux version 6." in lines and "SBI specification v" in lines, run.explain("dmesg")


@pytest.mark.parametrize("options", [
	["--cpu", "rv64,sstc=off"],
	["--cpu", "max", "--append", "hide=henvcfg,sstc,svinval,stateen,senvcfg,htinst"],
	["--cpu", "rva23s64"],
	["--no-h", "--cpu", "rv64,sstc=off"],
	["--no-h", "--cpu", "rv64,svadu=off"],
	["--cpu", "max", "--append", "hide=h,sstc,svinval,svpbmt,svadu,v"],
	["--append", "engine=classic"],
], ids=["sstc-off", "hidden", "rva23s64", "classic-sstc-off", "classic-svadu-off", "classic-hidden",
	"classic-beside-h"])
def test_host(options, tmp_path):
	run = batch(system(tmp_path, linux("linux", "bulkhead.poweroff", vcpus=2)), *options)
	run.succeeded()
	userspace(run, "linux", 2)


@pytest.mark.parametrize("version", ["1.6", "newest"])
def test_classic_firmware(version, tmp_path):
	"""Firmware that answers a guest's privileged instructions itself, slowly and loudly."""
	run = batch(system(tmp_path, linux("linux", "bulkhead.poweroff", vcpus=2)), "--no-h",
		    "--firmware", firmware(version))
	run.succeeded()
	userspace(run, "linux", 2)


def test_classic_and_hext(tmp_path):
	"""Side by side on a machine with H."""
	run = batch(system(tmp_path, linux("a", "bulkhead.poweroff", vcpus=2, engine="hext"),
			   linux("b", "bulkhead.poweroff", vcpus=2, engine="classic")), "--harts", 2)
	run.succeeded()
	userspace(run, "a", 2)
	userspace(run, "b", 2)


@each_engine
def test_what_the_guest_has(host, tmp_path):
	"""What Linux reads of its machine: the ISA with vectors, the timer, the tables' depth."""
	command = ("grep -m1 ^isa /proc/cpuinfo; cat /sys/devices/system/clocksource/*/current*; "
		   "grep -m1 ^mmu /proc/cpuinfo")
	run = batch(system(tmp_path, linux("linux", f'bulkhead.exec="{command}"')), "--cpu", "max",
		    *host)
	run.succeeded()
	text = "\n".join(run.lines("linux"))
	found = re.search(r"isa\s*: rv64([a-z]+)_", text)
	assert found and "v" in found[1] and "h" not in found[1], run.explain("isa")
	assert "sstc" in text and "riscv_clocksource" in text, run.explain("timer")
	assert re.search(r"^mmu\s*: sv[345]", text, re.M), run.explain("mmu")


@each_engine
def test_user_mode(host, tmp_path):
	"""A process that reads where there is nothing gets a signal; the machine goes on."""
	command = "devmem 0x40000000 32; echo status $?; echo end"
	run = batch(system(tmp_path, linux("linux", f'bulkhead.exec="{command}"')), *host)
	run.succeeded()
	text = "\n".join(run.lines("linux"))
	assert re.search(r"^status 13[59]$", text, re.M) and "end" in text, run.explain("status")


# --- Linux, U-Boot and the installer, typed at ---------------------------------------------------

@each_engine
def test_reboot(host, tmp_path):
	"""A guest's own reboot starts it again, whatever its restart policy is."""
	with start(system(tmp_path, linux("linux", "bulkhead.reboot")), *host) as machine:
		for _ in range(3):
			machine.expect("userspace on 1 CPUs")
		machine.shell()
		machine.wait_row("linux", lambda state, restarts, end: restarts >= 2)
		machine.ask("stop linux", "stopping")
		machine.wait_state("linux", "off")


@each_engine
def test_u_boot(host, tmp_path):
	description = system(tmp_path, vm("uboot", guest("u-boot.bin"), memory="128M"))
	with start(description, *host) as machine:
		machine.expect("Hit any key to stop autoboot")
		machine.view(1, "uboot")
		machine.send(" ")
		machine.expect("=> ")
		machine.send("version\r")
		machine.expect(r"\nU-Boot 20\d\d\.\d\d")
		machine.expect("=> ")
		machine.send("fdt addr ${fdtcontroladdr}; fdt print / model\r")
		machine.expect("Bulkhead virtual machine")
		machine.expect("=> ")
		machine.send("poweroff\r")
		machine.expect(r"bulkhead: \[uboot\] powered off")


def test_installer(tmp_path):
	"""Debian's installer to its first menu: some minutes of a small Linux's work."""
	description = system(tmp_path, vm("di", guest("di/linux"), initrd=guest("di/initrd.gz"),
					  memory="768M", vcpus=2, bootargs="console=ttyS0 quiet"))
	with start(description) as machine:
		machine.view(1, "di")
		machine.expect("Select a language", limit=3 * LIMIT)
		machine.expect("Go Back")


# --- Bulkhead under U-Boot -------------------------------------------------------------------------

def fat_folder(tmp_path, description):
	"""What would be on a board's card. QEMU makes a FAT file system of a folder."""
	card = tmp_path / "card"
	card.mkdir()
	shutil.copy(systemlib.IMAGE, card / "bulkhead.img")
	pack(description, "--batch").rename(card / "system.img")
	return card


def test_under_u_boot(tmp_path):
	"""The commands of docs/system-description.md, but for the name of the disk."""
	card = fat_folder(tmp_path, shipped(tmp_path, "one-linux"))
	command = [QEMU, "-M", "virt", "-smp", 2, "-m", "512M", "-nographic",
		   "-kernel", guest("u-boot.bin"), "-device", "virtio-blk-device,drive=card",
		   "-drive", f"file=fat:{card},format=raw,if=none,id=card,readonly=on"]
	with systemlib.Machine(command) as machine:
		machine.expect("Hit any key to stop autoboot")
		machine.send(" ")
		machine.expect("=> ")
		machine.send("setenv bootargs bulkhead.batch\r")
		machine.expect("=> ")
		machine.send("load virtio 0:1 ${kernel_addr_r} bulkhead.img\r")
		machine.expect(r"\d+ bytes read")
		machine.expect("=> ")
		machine.send("load virtio 0:1 ${ramdisk_addr_r} system.img\r")
		machine.expect(r"\d+ bytes read")
		machine.expect("=> ")
		machine.send("booti ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} "
			     "${fdtcontroladdr}\r")
		machine.expect("userspace on 1 CPUs, 256 MiB")
		machine.expect("bulkhead: batch: all VMs powered off")
		assert machine.ended() == 0


def test_documented_u_boot_commands():
	"""What test_under_u_boot types is what the documentation says."""
	text = (systemlib.ROOT / "docs/system-description.md").read_text()
	for line in ("${kernel_addr_r} bulkhead.img", "${ramdisk_addr_r} system.img",
		     "booti ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} ${fdtcontroladdr}"):
		assert line in text
