"""The `bulkhead` command: every bad description and its clear error, system images, and
running QEMU (a stand-in for it, so that these tests take no time)."""
import os
import pathlib
import shlex
import signal
import struct
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
COMMAND = os.environ.get("BULKHEAD_COMMAND", str(BUILD / "bulkhead"))

GOOD_VM = 'memory = "64M"; kernel = "Image";'


def image_riscv(memory=1 << 20, text_offset=2 << 20):
	"""The head of a RISC-V Image that takes so much memory."""
	return struct.pack("<QQQQIIQ8sII", 0, text_offset, memory, 0, 2, 0, 0, b"RISCV\0\0\0",
			   0x05435352, 0) + bytes(4096)


def image_arm64():
	return bytes(56) + b"ARM\x64" + bytes(4096)


def elf(machine=243, bits=2, kind=2, address=0x80000000, memory=4096):
	"""An ELF file with one segment of 16 bytes."""
	head = b"\x7fELF" + bytes([bits, 1, 1]) + bytes(9)
	head += struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, address, 64, 0, 0, 64, 56, 1, 0, 0, 0)
	return head + struct.pack("<IIQQQQQQ", 1, 7, 120, address, address, 16, memory, 8) + bytes(16)


def system(vms, root='compatible = "bulkhead,system";', more=""):
	return f"/dts-v1/;\n/ {{\n\t{root}\n\tvms {{\n{vms}\n\t}};\n{more}}};\n"


def vm(name="a", properties=GOOD_VM):
	return f"\t\t{name} {{ {properties} }};\n"


@pytest.fixture
def folder(tmp_path):
	(tmp_path / "Image").write_bytes(image_riscv())
	(tmp_path / "initrd").write_bytes(b"I" * 5000)
	(tmp_path / "rt.elf").write_bytes(elf())
	(tmp_path / "bulkhead.img").write_bytes(b"hypervisor")
	return tmp_path


def bulkhead(folder, *args, env=None, timeout=60):
	return subprocess.run([COMMAND, *map(str, args)], cwd=folder, text=True, timeout=timeout,
			      capture_output=True, stdin=subprocess.DEVNULL,
			      env=dict(os.environ, **(env or {})))


def check(folder, text, *args):
	(folder / "s.dts").write_text(text)
	return bulkhead(folder, "check", "s.dts", *args)


# --- check: good ones -----------------------------------------------------------------

def test_check_good(folder):
	done = check(folder, system(vm("a") + vm("b", 'vcpus = <2>; memory = "16M"; kernel = "rt.elf";')))
	assert done.returncode == 0 and not done.stderr
	assert "s.dts: right: 2 VMs, 3 vCPUs, 80M of memory" in done.stdout


@pytest.mark.parametrize("name", sorted(p.name for p in (ROOT / "systems").glob("*.dts")))
def test_check_shipped(name):
	if not (BUILD / "guest/Image").exists() or BUILD != ROOT / "build":
		pytest.skip("the guests are not built where the descriptions look for them")
	done = bulkhead(ROOT, "check", f"systems/{name}")
	assert done.returncode == 0, done.stderr


def test_check_paths_count_from_the_description(folder):
	(folder / "below").mkdir()
	(folder / "below/s.dts").write_text(system(vm(properties='memory = "64M"; kernel = "../Image";')))
	assert bulkhead(folder, "check", "below/s.dts").returncode == 0
	assert bulkhead(folder / "below", "check", "s.dts").returncode == 0
	assert bulkhead("/", "check", folder / "below/s.dts").returncode == 0


# --- check: every bad description --------------------------------------------------------

def props(text):
	return system(vm(properties=text))


BAD = {
	# Not a description at all.
	"empty-file": ("", "syntax error: a description begins with the line /dts-v1/;"),
	"no-version": ("/ { };", "s.dts:1:1: syntax error: a description begins with the line /dts-v1/;"),
	"syntax": (system('\t\ta { memory = "64M"\n\t\t\tkernel = "Image"; };'),
		   "s.dts:6:4: syntax error: is there a ';' missing on the line before?\n"
		   "    6 | \t\t\tkernel = \"Image\"; };\n"
		   "      | \t\t\t^"),
	"unquoted": (props('memory = 64M; kernel = "Image";'), "s.dts:5:"),
	"two-nodes": (system(vm() + vm()), "Duplicate node name"),
	"missing-include": ('/dts-v1/;\n/include/ "x.dtsi"\n', "x.dtsi"),
	"root-compatible": (system(vm(), root=""), '/: has no compatible = "bulkhead,system"'),
	"root-other": (system(vm(), root='compatible = "linux";'),
		       '/compatible: must be "bulkhead,system"'),
	"root-property": (system(vm(), root='compatible = "bulkhead,system"; model = "x";'),
			  '/model: unknown property: only "compatible" is known here'),
	"root-node": (system(vm(), more="\tchosen { };\n"),
		      '/chosen: unknown node: only "vms", "switches" and "shared" are known here'),
	"no-vms": ('/dts-v1/;\n/ { compatible = "bulkhead,system"; };\n', '/: has no node "vms"'),
	"vms-misspelled": ('/dts-v1/;\n/ { compatible = "bulkhead,system"; vm { }; };\n',
			   '/vm: unknown node: did you mean "vms"?'),
	"no-vm": (system(""), "/vms: has no VM: add a node for each"),
	"vms-property": (system('memory = "1G";' + vm()), "/vms/memory: unknown property"),
	"name-upper": (system(vm("Linux")), "/vms/Linux: this cannot be a VM's name"),
	"name-unit": (system(vm("linux@1")), "/vms/linux@1: this cannot be a VM's name"),
	"name-long": (system(vm("a" * 31 + "b")), "the name has 32 characters: at most 31 fit"),
	"vm-node": (props(GOOD_VM + "tape { };"), "/vms/a/tape: unknown node: a device is a disk, net,"),
	# Properties.
	"unknown": (props(GOOD_VM + "cpus = <2>;"),
		    '/vms/a/cpus: unknown property: did you mean "vcpus"?'),
	"unknown-far": (props(GOOD_VM + "zzz;"), "/vms/a/zzz: unknown property: a VM has none of this name"),
	"no-memory": (props('kernel = "Image";'), '/vms/a: has no memory, as in memory = "256M"'),
	"no-kernel": (props('memory = "64M";'), "/vms/a: has no kernel, as in"),
	"memory-number": (props('memory = <64>; kernel = "Image";'),
			  '/vms/a/memory: must be one string, as in memory = "256M"'),
	"memory-unit": (props('memory = "64"; kernel = "Image";'), '"64" is not a size'),
	"memory-lower": (props('memory = "64m"; kernel = "Image";'), '"64m" is not a size'),
	"memory-odd": (props('memory = "63M"; kernel = "Image";'),
		       '"63M" is not a multiple of 2M: the next one is "64M"'),
	"memory-zero": (props('memory = "0M"; kernel = "Image";'), '"0M" is too little'),
	"memory-huge": (props('memory = "2T"; kernel = "Image";'), '"2T" is too much'),
	"memory-sum": (system(vm("a", 'memory = "1T"; kernel = "Image";') + vm("b")),
		       "/vms: the VMs have 1048640M of memory together: a system has at most 1T"),
	"vcpus-zero": (props(GOOD_VM + "vcpus = <0>;"), "/vms/a/vcpus: is 0: a VM has 1 to 32 vCPUs"),
	"vcpus-many": (props(GOOD_VM + "vcpus = <33>;"), "/vms/a/vcpus: is 33"),
	"vcpus-string": (props(GOOD_VM + 'vcpus = "2";'), "/vms/a/vcpus: must be one number, as in vcpus = <2>"),
	"vcpus-two": (props(GOOD_VM + "vcpus = <1 2>;"), "/vms/a/vcpus: must be one number"),
	"vcpus-empty": (props(GOOD_VM + "vcpus;"), "/vms/a/vcpus: must be one number"),
	"harts-empty": (props(GOOD_VM + "harts;"), "/vms/a/harts: must be a list of numbers"),
	"harts-range": (props(GOOD_VM + "harts = <64>;"), "names hart 64: harts are counted from 0 to 63"),
	"harts-twice": (props(GOOD_VM + "harts = <1 1>;"), "names hart 1 twice"),
	"dedicated-value": (props(GOOD_VM + "harts = <1>; dedicated = <1>;"), "/vms/a/dedicated: takes no value"),
	"dedicated-any": (props(GOOD_VM + "dedicated;"), "/vms/a/dedicated: must say which harts"),
	"dedicated-few": (props(GOOD_VM + "vcpus = <2>; harts = <1>; dedicated;"),
			  "/vms/a/harts: 1 dedicated hart for 2 vCPUs"),
	"dedicated-shared": (system(vm("a", GOOD_VM + "harts = <1>; dedicated;") +
				    vm("b", GOOD_VM + "harts = <0 1>;")),
			     '/vms/b/harts: hart 1 is dedicated to the VM "a"'),
	"dedicated-later": (system(vm("a", GOOD_VM + "harts = <0 1>;") +
				   vm("b", GOOD_VM + "harts = <1>; dedicated;")),
			    '/vms/b/harts: hart 1 cannot be dedicated: the VM "a" uses it too'),
	"restart": (props(GOOD_VM + 'restart = "on-fail";'),
		    '"on-fail" is unknown: did you mean "on-failure"?'),
	"start": (props(GOOD_VM + 'start = "later";'), 'must be "auto" or "manual"'),
	"console": (props(GOOD_VM + 'console = "uart";'), 'must be "none" or "operator"'),
	"engine": (props(GOOD_VM + 'engine = "fast";'), 'must be "hext" or "classic"'),
	"engine-misspelled": (props(GOOD_VM + 'engine = "clasic";'),
			      '/vms/a/engine: "clasic" is unknown: did you mean "classic"?'),
	"bootargs-list": (props(GOOD_VM + 'bootargs = "a", "b";'), "/vms/a/bootargs: must be one string"),
	"bootargs-long": (props(GOOD_VM + f'bootargs = "{"x" * 1024}";'),
			  "/vms/a/bootargs: has 1024 characters: at most 1023 fit"),
	"bootargs-newline": (props(GOOD_VM + 'bootargs = "a\\nb";'), "not printable ASCII (0x0a)"),
	"batch-long": (props(GOOD_VM + f'bootargs = "{"x" * 600}"; batch-bootargs = "{"y" * 600}";'),
		       "/vms/a/batch-bootargs: has 1201 characters together with bootargs"),
	# Files.
	"kernel-empty": (props('memory = "64M"; kernel = "";'), "/vms/a/kernel: is empty: it must name a file"),
	"kernel-missing": (props('memory = "64M"; kernel = "Imge";'),
			   "/vms/a/kernel: there is no file 'Imge': did you mean 'Image'?"),
	"kernel-nowhere": (props('memory = "64M"; kernel = "no/where";'), "there is no file 'no/where'"),
	"kernel-folder": (props('memory = "64M"; kernel = ".";'), "'.' is not a file"),
	"initrd-missing": (props(GOOD_VM + 'initrd = "ramdisk";'), "/vms/a/initrd: there is no file 'ramdisk'"),
	# Devices, and what they name.
	"device-kind": (props(GOOD_VM + "dsk-data { };"),
			'/vms/a/dsk-data: unknown node: did you mean "disk-data"?'),
	"device-property": (props(GOOD_VM + 'disk { size = "1M"; sereal = "x"; };'),
			    '/vms/a/disk/sereal: unknown property: did you mean "serial"?'),
	"disk-nothing": (props(GOOD_VM + "disk { };"), "/vms/a/disk: has no file, no size and no host-disk"),
	"disk-missing": (props(GOOD_VM + 'disk-root { file = "initrb"; };'),
			 "/vms/a/disk-root/file: there is no file 'initrb': did you mean 'initrd'?"),
	"disk-folder": (props(GOOD_VM + 'disk { file = "."; };'), "/vms/a/disk/file: '.' is not a file"),
	"disk-odd": (props(GOOD_VM + 'disk { file = "initrd"; read-only; };'),
		     "/vms/a/disk/file: 'initrd' has 5000 bytes: a read-only disk has whole sectors of 512, "
		     "as `truncate -s %512 'initrd'` makes them"),
	"disk-clash": (system(vm("a", GOOD_VM + 'disk { host-disk = "0"; };') +
			      vm("b", GOOD_VM + 'disk { host-disk = "0"; };')),
		       '/vms/b/disk/host-disk: "disk" of the VM "a" has the same part of this disk'),
	"net-switch": (props(GOOD_VM + 'net { switch = "lan"; };'),
		       '/vms/a/net/switch: there is no switch "lan": describe it in /switches'),
	"net-mac": (system(vm("a", GOOD_VM + 'net { switch = "lan"; mac = "52:54:00:12:34:56"; };') +
			   vm("b", GOOD_VM + 'net { switch = "lan"; mac = "52:54:00:12:34:56"; };'),
			   more="\tswitches { lan { }; };\n"),
		    '/vms/b/net/mac: 52:54:00:12:34:56 is that of "net" of the VM "a"'),
	"uplink": (system(vm(), more='\tswitches { lan { uplink = "eth0"; }; };\n'),
		   '/switches/lan/uplink: "eth0" is no NIC of the host'),
	"pipe": (props(GOOD_VM + 'console { pipe = "log"; };'),
		 '/vms/a/console/pipe: no other console has the pipe "log"'),
	"shared": (props(GOOD_VM + 'shared { memory = "ring"; };'),
		   '/vms/a/shared/memory: there is no memory "ring": describe it in /shared'),
	"passthrough": (props(GOOD_VM + 'passthrough = "rtc";'),
			"/vms/a/passthrough: \"rtc\" is no path in the host's device tree"),
	"path-long": (props(f'memory = "64M"; kernel = "{"k" * 256}";'), "has 256 characters: at most 255 fit"),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_check_bad(folder, name):
	text, message = BAD[name]
	done = check(folder, text)
	assert done.returncode == 1
	assert message in done.stderr
	assert done.stderr.endswith("s.dts: 1 mistake\n"), done.stderr
	assert not done.stdout


KERNELS = {
	"arm64": (image_arm64(), "is an Image for arm64: a kernel for 64-bit RISC-V is needed"),
	"gzip": (b"\x1f\x8b" + bytes(99), "is compressed by gzip: unpack it first, with gunzip"),
	"xz": (b"\xfd7zXZ\0" + bytes(99), "is compressed by xz"),
	"zstd": (b"\x28\xb5\x2f\xfd" + bytes(99), "is compressed by zstd"),
	"efi": (b"MZ\0\0zimg" + bytes(99), "is a compressed EFI image"),
	"x86": (bytes(0x202) + b"HdrS" + bytes(99), "is a bzImage for x86"),
	"cpio": (b"070701" + bytes(999), "is a cpio archive: it belongs in initrd"),
	"empty": (b"", "is empty"),
	"elf-x86": (elf(machine=62), "is an ELF file for another machine"),
	"elf-32": (elf(bits=1), "is an ELF file for 32-bit RISC-V"),
	"elf-object": (elf(kind=1), "is an ELF file, but not a program: it must be linked"),
	"elf-short": (elf()[:100], "is an ELF file that was cut off"),
	"elf-header": (elf()[:40], "is an ELF file that was cut off"),
	"elf-low": (elf(address=0x10000), "is an ELF file for other addresses"),
}


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_check_bad_kernel(folder, name):
	data, message = KERNELS[name]
	(folder / "kernel").write_bytes(data)
	done = check(folder, props('memory = "64M"; kernel = "kernel";'))
	assert done.returncode == 1
	assert f"s.dts: /vms/a/kernel: 'kernel' {message}" in done.stderr


def test_check_kernel_too_large(folder):
	(folder / "Image").write_bytes(image_riscv(memory=62 << 20))
	done = check(folder, props(GOOD_VM))
	assert done.returncode == 1
	assert "/vms/a/memory: 64M is too little: the kernel needs 65600 KiB" in done.stderr
	(folder / "rt.elf").write_bytes(elf(memory=20 << 20))
	done = check(folder, props('memory = "16M"; kernel = "rt.elf";'))
	assert "/vms/a/memory: 16M is too little: the kernel needs 20544 KiB" in done.stderr


def test_check_initrd_too_large(folder):
	with open(folder / "initrd", "wb") as file:
		file.truncate(62 << 20)
	done = check(folder, props(GOOD_VM + 'initrd = "initrd";'))
	assert done.returncode == 1
	assert "/vms/a/memory: 64M is too little: the kernel and the initrd need" in done.stderr
	with open(folder / "initrd", "wb") as file:
		file.truncate((61 << 20) - 65536)
	assert check(folder, props(GOOD_VM + 'initrd = "initrd";')).returncode == 0


def test_check_reports_all_mistakes(folder):
	done = check(folder, system(vm("a", 'vcpus = <99>; kernel = "nothing"; flags;') + vm("B")))
	assert done.returncode == 1
	lines = done.stderr.splitlines()
	assert len(lines) == 6 and lines[-1] == "s.dts: 5 mistakes"
	assert all(line.startswith("s.dts: /vms/") for line in lines[:5])


def test_check_unreadable(folder):
	done = bulkhead(folder, "check", "none.dts")
	assert done.returncode == 1
	assert "none.dts: cannot be read: No such file or directory" in done.stderr
	assert "is not a file" in bulkhead(folder, "check", ".").stderr
	(folder / "noise.dts").write_bytes(bytes(range(256)) * 16)
	assert bulkhead(folder, "check", "noise.dts").returncode == 1


def test_check_names_missing_dtc(folder):
	(folder / "s.dts").write_text(props(GOOD_VM))
	done = bulkhead(folder, "check", "s.dts", env={"PATH": "/nonexistent"})
	assert done.returncode == 1
	assert "install the package device-tree-compiler" in done.stderr


def test_check_host(folder):
	text = system(vm("a", GOOD_VM + "harts = <3>; dedicated;") + vm("b"))
	assert check(folder, text, "--host", "harts=4,memory=256M").returncode == 0
	done = check(folder, text, "--host=harts=3,memory=128M")
	assert done.returncode == 1
	assert "/vms/a/harts: there is no hart 3: the host has 3, counted from 0" in done.stderr
	assert "/vms: the VMs need 128M of memory together, the host has 63M for them" in done.stderr
	for bad in ("harts=0", "harts=x", "memory=1", "cpus=4", "memory=1G,x", "no-h=1"):
		assert check(folder, text, "--host", bad).returncode == 2


def test_check_host_counts_disks(folder):
	with open(folder / "root.img", "wb") as file:
		file.truncate(100 << 20)
	disk = 'disk { file = "root.img"; }; disk-2 { size = "28M"; };'
	# Of 512 MiB, 64 are taken off, and the image: 101 MiB with the file.
	assert check(folder, props(GOOD_VM + disk), "--host", "memory=512M").returncode == 0
	done = check(folder, props(GOOD_VM + disk), "--host", "memory=256M")
	assert done.returncode == 1
	assert ("/vms: the VMs need 192M of memory together (128M of it for disks and what they share), "
		"the host has 91M for them") in done.stderr
	disk = 'disk { file = "root.img"; read-only; };'
	assert check(folder, props(GOOD_VM + disk), "--host", "memory=256M").returncode == 0


def test_check_shows_devices(folder):
	done = check(folder, system(vm("a", GOOD_VM + 'disk-data { size = "1M"; }; net { switch = "lan"; };'),
				    more="\tswitches { lan { }; };\n"))
	assert done.returncode == 0, done.stderr
	assert "  Image  with disk-data net\n" in done.stdout and "65M of memory" in done.stdout


def test_check_host_without_shared_harts(folder):
	done = check(folder, system(vm("a", GOOD_VM + "harts = <0>; dedicated;") + vm("b")),
		     "--host", "harts=1")
	assert done.returncode == 1
	assert "/vms/b: no hart is left for it" in done.stderr


NO_HEXT = ('/vms/a/engine: the host cannot run "hext": its harts have no H extension; without this '
	   "property the VM runs on what there is")


def test_check_host_without_h(folder):
	text = props(GOOD_VM + 'engine = "hext";')
	assert check(folder, text, "--host", "harts=1").returncode == 0
	done = check(folder, text, "--host", "harts=1,no-h")
	assert done.returncode == 1 and NO_HEXT in done.stderr
	for right in (props(GOOD_VM), props(GOOD_VM + 'engine = "classic";')):
		assert check(folder, right, "--host", "no-h").returncode == 0


# --- usage ---------------------------------------------------------------------------------

@pytest.mark.parametrize("args", [["--help"], ["help"], ["help", "check"], ["check", "--help"],
				  ["pack", "-h"], ["run", "--help"], ["help", "help"]])
def test_help(folder, args):
	done = bulkhead(folder, *args)
	assert done.returncode == 0 and not done.stderr
	assert done.stdout.startswith("usage: bulkhead ")


@pytest.mark.parametrize("args, message", [
	([], "usage: bulkhead"),
	(["chek"], "unknown command 'chek': did you mean 'check'?"),
	(["help", "rum"], "did you mean 'run'?"),
	(["check"], "which system?"),
	(["check", "a.dts", "b.dts"], "one system at a time"),
	(["check", "--hosts=x", "a.dts"], "did you mean '--host'?"),
	(["pack", "a.dts"], "where to?"),
	(["pack", "a.dts", "-o"], "needs a value"),
	(["run", "a.dts", "--timeout", "0"], "--timeout must be a number"),
	(["run", "a.dts", "--bacth"], "did you mean '--batch'?"),
	(["run", "a.dts", "--no-h=1"], "--no-h takes no value"),
	(["run", "a.dts", "--firmware"], "--firmware needs a value: FILE"),
	(["run", "a.dts", "-o", "x"], "--output goes with --print"),
	(["run", "a.dts", "--disk"], "--disk needs a value: FILE"),
])
def test_wrong_usage(folder, args, message):
	done = bulkhead(folder, *args)
	assert done.returncode == 2 and not done.stdout
	assert message in done.stderr


# --- pack ------------------------------------------------------------------------------------

def archive_read(data):
	"""[(name, content, offset)] of a newc archive."""
	files, at = [], 0
	while True:
		assert data[at:at + 6] == b"070701"
		field = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
		name = data[at + 110:at + 110 + field[11]].rstrip(b"\0").decode()
		if name == "TRAILER!!!":
			return files
		assert field[2] == field[3] == field[5] == 0, "owner or time"
		begin = (at + 110 + field[11] + 3) & ~3
		files.append((name, data[begin:begin + field[6]], begin))
		at = (begin + field[6] + 3) & ~3


def pack(folder, text, *args):
	(folder / "s.dts").write_text(text)
	return bulkhead(folder, "pack", "s.dts", "-o", "out.img", *args)


def tree_of(data):
	done = subprocess.run(["dtc", "-q", "-I", "dtb", "-O", "dts"], input=data, capture_output=True,
			      check=True)
	return done.stdout.decode()


def test_pack(folder):
	(folder / "d").mkdir()
	(folder / "d/Image").write_bytes(image_riscv() + b"another")
	os.symlink("Image", folder / "link")
	done = pack(folder, system(
		vm("a", GOOD_VM + 'initrd = "initrd"; bootargs = "x"; batch-bootargs = "y";') +
		vm("b", 'memory = "64M"; kernel = "./link";') +
		vm("c", 'memory = "64M"; kernel = "d/Image";')))
	assert done.returncode == 0, done.stderr
	files = archive_read((folder / "out.img").read_bytes())
	assert [name for name, _, _ in files] == ["system.dtb", "Image", "initrd", "Image-2"]
	assert all(offset % 4096 == 0 for _, _, offset in files)
	assert files[1][1] == (folder / "Image").read_bytes()
	assert files[2][1] == (folder / "initrd").read_bytes()
	assert files[3][1] == (folder / "d/Image").read_bytes()
	tree = tree_of(files[0][1])
	assert tree.count('kernel = "Image";') == 2 and tree.count('kernel = "Image-2";') == 1
	assert 'bootargs = "x";' in tree and "batch-bootargs" not in tree


def test_pack_disks(folder):
	(folder / "d").mkdir()
	(folder / "d/root.img").write_bytes(b"R" * 512)
	text = system(vm("a", GOOD_VM + 'disk { file = "d/root.img"; }; disk-2 { file = "initrd"; };') +
		      vm("b", GOOD_VM + 'disk { file = "./d/root.img"; read-only; }; disk-x { size = "1M"; };'))
	done = pack(folder, text)
	assert done.returncode == 0, done.stderr
	files = archive_read((folder / "out.img").read_bytes())
	assert [name for name, _, _ in files] == ["system.dtb", "Image", "root.img", "initrd"]
	assert files[2][1] == b"R" * 512 and files[2][2] % 4096 == 0
	tree = tree_of(files[0][1])
	assert tree.count('file = "root.img";') == 2 and 'file = "initrd";' in tree


def test_pack_batch(folder):
	text = system(vm("a", GOOD_VM + 'bootargs = "x"; batch-bootargs = "y z";') +
		      vm("b", GOOD_VM + 'batch-bootargs = "only";'))
	assert pack(folder, text, "--batch").returncode == 0
	tree = tree_of(archive_read((folder / "out.img").read_bytes())[0][1])
	assert 'bootargs = "x y z";' in tree and 'bootargs = "only";' in tree
	assert "batch-bootargs" not in tree


def test_pack_is_deterministic(folder):
	text = props(GOOD_VM + 'initrd = "initrd";')
	assert pack(folder, text).returncode == 0
	first = (folder / "out.img").read_bytes()
	os.utime(folder / "Image", (1, 1))
	os.chmod(folder / "Image", 0o600)
	assert pack(folder, text).returncode == 0
	assert (folder / "out.img").read_bytes() == first


def test_pack_of_a_mistake_writes_nothing(folder):
	(folder / "out.img").write_text("old")
	assert pack(folder, props('memory = "64M";')).returncode == 1
	assert (folder / "out.img").read_text() == "old"
	assert sorted(p.name for p in folder.glob("out.img*")) == ["out.img"]


@pytest.mark.parametrize("target, message", [
	("Image", "is part of the system"), ("s.dts", "is the description itself"),
	(".", "is not a file"), ("/dev/null", "is not a file"), ("none/out.img", "cannot be written"),
])
def test_pack_refuses_targets(folder, target, message):
	(folder / "s.dts").write_text(props(GOOD_VM))
	done = bulkhead(folder, "pack", "s.dts", "-o", target)
	assert done.returncode == 1 and message in done.stderr
	assert (folder / "Image").read_bytes() == image_riscv()


def test_pack_is_whole_or_not_at_all(folder):
	"""A failure in between leaves neither a part nor a temporary file."""
	(folder / "s.dts").write_text(props(GOOD_VM))
	done = subprocess.run(["sh", "-c", 'ulimit -f 1; trap "" XFSZ; exec "$0" pack s.dts -o out.img',
			       COMMAND], cwd=folder, text=True, capture_output=True, check=False)
	assert done.returncode == 1 and "the system image cannot be written: File too large" in done.stderr
	assert not list(folder.glob("out.img*"))


# --- run ---------------------------------------------------------------------------------------

@pytest.fixture
def qemu(folder):
	"""Puts a stand-in for QEMU first in PATH; its script can be replaced."""
	(folder / "bin").mkdir()
	path = folder / "bin/qemu-system-riscv64"

	def script(text):
		path.write_text('#!/bin/sh\nprintf "%s\\n" "$@" >args\n' + text)
		path.chmod(0o755)

	script("exit 0")
	return script


def run_env(folder):
	return {"PATH": f"{folder}/bin:{os.environ['PATH']}", "TMPDIR": str(folder)}


def run(folder, *args, text=None, timeout=60):
	(folder / "s.dts").write_text(text or props(GOOD_VM + 'bootargs = "x"; batch-bootargs = "y";'))
	return bulkhead(folder, "run", "s.dts", "--image", "bulkhead.img", *args, env=run_env(folder),
			timeout=timeout)


def args_of(folder):
	"""QEMU's arguments, as pairs where they are."""
	args = (folder / "args").read_text().splitlines()
	return args, {key: value for key, value in zip(args, args[1:]) if key.startswith("-")}


def no_leftovers(folder):
	return not list(folder.glob("bulkhead-system*"))


def test_run_command_line(folder, qemu):
	qemu('for arg; do case $arg in *bulkhead-system*) cp "$arg" seen.img;; esac; done')
	done = run(folder, "--", "-icount", "shift=0,sleep=off")
	assert done.returncode == 0, done.stderr
	args, pairs = args_of(folder)
	assert pairs["-M"] == "virt" and pairs["-cpu"] == "rv64" and pairs["-smp"] == "1"
	assert pairs["-m"] == "256M" and pairs["-kernel"] == "bulkhead.img"
	assert args[-2:] == ["-icount", "shift=0,sleep=off"]
	assert "-append" not in args and "-bios" not in args and "-nographic" in args
	tree = tree_of(archive_read((folder / "seen.img").read_bytes())[0][1])
	assert 'bootargs = "x";' in tree
	assert "1 hart, 256M" in done.stderr
	assert no_leftovers(folder)


def test_run_options(folder, qemu):
	done = run(folder, "--cpu", "rv64,sstc=off", "--bios", "fw.bin", "--harts", "8", "--memory=2G",
		   "--append", "hide=sstc")
	assert done.returncode == 0, done.stderr
	_, pairs = args_of(folder)
	assert pairs["-cpu"] == "rv64,sstc=off" and pairs["-bios"] == "fw.bin"
	assert pairs["-smp"] == "8" and pairs["-m"] == "2048M" and pairs["-append"] == "hide=sstc"


@pytest.mark.parametrize("options, cpu", [
	(["--no-h"], "rv64,h=false"), (["--cpu", "max", "--no-h"], "max,h=false"),
])
def test_run_without_h(folder, qemu, options, cpu):
	done = run(folder, "--firmware", "own fw.bin", *options)
	assert done.returncode == 0, done.stderr
	_, pairs = args_of(folder)
	assert pairs["-cpu"] == cpu and pairs["-bios"] == "own fw.bin"
	assert "1 hart without H, 256M" in done.stderr
	(folder / "args").unlink()
	done = run(folder, *options, text=props(GOOD_VM + 'engine = "hext";'))
	assert done.returncode == 1 and NO_HEXT in done.stderr
	assert not (folder / "args").exists()


def test_run_machine_too_small(folder, qemu):
	done = run(folder, "--memory", "128M", "--harts", "1",
		   text=props(GOOD_VM + "harts = <1>;"))
	assert done.returncode == 1
	assert "/vms/a/harts: there is no hart 1: the host has 1" in done.stderr
	assert "/vms: the VMs need 64M of memory together, the host has 63M for them" in done.stderr
	assert not (folder / "args").exists()


def test_run_print(folder, qemu):
	done = run(folder, "--print", "--batch", "--append", "a 'b'", "--", "-d", "int")
	assert done.returncode == 0 and not done.stderr
	words = shlex.split(done.stdout)
	assert words[0] == "qemu-system-riscv64" and words[-2:] == ["-d", "int"]
	assert words[words.index("-append") + 1] == "bulkhead.batch a 'b'"
	target = words[words.index("-initrd") + 1]
	assert target == "s.system.img"
	assert 'bootargs = "x y";' in tree_of(archive_read((folder / target).read_bytes())[0][1])
	assert not (folder / "args").exists()
	done = run(folder, "--print", "-o", "named.img")
	assert "-initrd named.img" in done.stdout and (folder / "named.img").exists()


LAN = '\tswitches { lan { uplink = "0"; }; };\n'
NET = 'net { switch = "lan"; };'


def test_run_attaches_disks(folder, qemu):
	text = props(GOOD_VM + 'disk { host-disk = "data"; }; disk-2 { host-disk = "1"; read-only; };')
	done = run(folder, "--disk", "initrd,serial=data", text=text)
	assert done.returncode == 1 and not (folder / "args").exists()
	assert "/vms/a/disk-2/host-disk: there is no disk 1: the machine has 1, counted from 0; add --disk FILE" in done.stderr
	done = run(folder, "--disk", "initrd", "--disk", "rt.elf", text=text)
	assert done.returncode == 1
	assert '/vms/a/disk/host-disk: there is no disk "data": add --disk FILE,serial=data' in done.stderr
	done = run(folder, "--disk", "initrd,serial=data", "--disk=rt.elf,read-only", text=text)
	assert done.returncode == 0, done.stderr
	args, _ = args_of(folder)
	assert "virtio-mmio.force-legacy=false" in args
	assert "file=initrd,if=none,id=disk0,format=raw" in args
	assert "virtio-blk-device,drive=disk0,serial=data,bus=virtio-mmio-bus.0" in args
	assert "file=rt.elf,if=none,id=disk1,format=raw,readonly=on" in args
	assert "virtio-blk-device,drive=disk1,bus=virtio-mmio-bus.1" in args
	# Disks that the user gives QEMU are the user's affair.
	done = run(folder, "--", "-device", "virtio-blk-device,drive=mine,serial=data", text=text)
	assert done.returncode == 0, done.stderr


def test_run_attaches_nothing_unasked(folder, qemu):
	assert run(folder).returncode == 0
	args, _ = args_of(folder)
	assert not [arg for arg in args if "virtio" in arg]


def test_run_gives_memory_for_disks(folder, qemu):
	assert run(folder, text=props(GOOD_VM + 'disk { size = "256M"; };')).returncode == 0
	assert args_of(folder)[1]["-m"] == "512M"


def test_run_forwards(folder, qemu):
	qemu('for arg; do case $arg in *bulkhead-system*) cp "$arg" seen.img;; esac; done')
	text = system(vm("a", GOOD_VM + NET) +
		      vm("b", GOOD_VM + 'bootargs = "x"; batch-bootargs = "y";' + NET + 'rng { };'), more=LAN)
	done = run(folder, "--forward", "2222:b:22", "--forward", "udp:53:b:5353", text=text)
	assert done.returncode == 0, done.stderr
	assert ("TCP port 2222 of 127.0.0.1 leads to port 22 of b, 10.0.2.102; it is told by "
		"bulkhead.ip=10.0.2.102/24") in done.stderr
	args, _ = args_of(folder)
	assert ("user,id=net0,net=10.0.2.0/24,hostfwd=tcp:127.0.0.1:2222-10.0.2.102:22,"
		"hostfwd=udp:127.0.0.1:53-10.0.2.102:5353") in args
	assert "virtio-net-device,netdev=net0,bus=virtio-mmio-bus.0" in args
	assert "virtio-rng-device,bus=virtio-mmio-bus.1" in args
	tree = tree_of(archive_read((folder / "seen.img").read_bytes())[0][1])
	assert 'bootargs = "x bulkhead.ip=10.0.2.102/24";' in tree and tree.count("bulkhead.ip") == 1


@pytest.mark.parametrize("forward, message", [
	("2222:a:22", "the VM 'a' is on no switch with an uplink"),
	("2222:c:22", "there is no VM 'c'"),
	("22:b", "--forward must be [tcp:|udp:]PORT:VM:PORT, as in 2222:linux1:22"),
	("99999:b:22", "--forward PORT must be a number from 1 to 65535, not '99999'"),
	("2222:d:22", "'bulkhead.ip=dhcp': leave it out"),
])
def test_run_wrong_forwards(folder, qemu, forward, message):
	text = system(vm("a") + vm("b", GOOD_VM + NET) +
		      vm("d", GOOD_VM + 'bootargs = "bulkhead.ip=dhcp";' + NET), more=LAN)
	done = run(folder, "--forward", forward, text=text)
	assert done.returncode == 2 and message in done.stderr
	assert not (folder / "args").exists()


def test_run_forward_without_room(folder, qemu):
	text = system(vm("a", GOOD_VM + f'bootargs = "{"x" * 1010}";' + NET), more=LAN)
	done = run(folder, "--forward", "2222:a:22", text=text)
	assert done.returncode == 1
	assert "the bootargs of the VM \"a\" have no room for 'bulkhead.ip=10.0.2.101/24'" in done.stderr


@pytest.mark.parametrize("disk, message", [
	("none.img", "the disk 'none.img' cannot be written: No such file"),
	("initrd,ro", "--disk takes FILE, serial=NAME and read-only, not 'ro'"),
	("initrd,serial=" + "x" * 21, "has more than 20 characters"),
])
def test_run_wrong_disks(folder, qemu, disk, message):
	done = run(folder, "--disk", disk)
	assert done.returncode == 2 and message in done.stderr


def test_run_without_image_or_qemu(folder):
	(folder / "s.dts").write_text(props(GOOD_VM))
	done = bulkhead(folder, "run", "s.dts", "--image", "none.img")
	assert done.returncode == 1 and "the hypervisor 'none.img' cannot be read" in done.stderr
	(folder / "bin").mkdir()
	os.symlink("/usr/bin/dtc", folder / "bin/dtc")
	done = bulkhead(folder, "run", "s.dts", "--image", "bulkhead.img", env={"PATH": str(folder / "bin")})
	assert done.returncode == 1 and "qemu-system-riscv64 cannot be started" in done.stderr


DONE = "printf 'hello\\r\\nbulkhead: batch: all VMs powered off\\r\\n'"


def test_batch_success(folder, qemu):
	qemu(DONE)
	done = run(folder, "--batch")
	assert done.returncode == 0, done.stderr
	assert done.stdout == "hello\nbulkhead: batch: all VMs powered off\n"
	assert args_of(folder)[1]["-append"] == "bulkhead.batch"
	assert no_leftovers(folder)


@pytest.mark.parametrize("script, message", [
	("echo 'bulkhead: batch: FAILED: linux2 crashed'", "run: linux2 crashed"),
	("echo 'bulkhead: batch: FAILED: linux2'; exit 1", "run: linux2"),
	("echo '[a] bulkhead: batch: all VMs powered off'", "QEMU ended before the VMs had powered off"),
	("exit 0", "QEMU ended before the VMs had powered off"),
	(DONE + "; exit 3", "QEMU ended with exit code 3"),
	("kill -SEGV $$", "QEMU ended with exit code 139"),
])
def test_batch_failure(folder, qemu, script, message):
	qemu(script)
	done = run(folder, "--batch")
	assert done.returncode == 1
	assert message in done.stderr
	assert no_leftovers(folder)


def test_batch_has_no_stdin(folder, qemu):
	qemu("cat; " + DONE)
	(folder / "s.dts").write_text(props(GOOD_VM))
	done = subprocess.run([COMMAND, "run", "s.dts", "--batch", "--image", "bulkhead.img"], cwd=folder,
			      input="typed", text=True, capture_output=True, timeout=60,
			      env=dict(os.environ, **run_env(folder)), check=False)
	assert done.returncode == 0 and "typed" not in done.stdout


@pytest.mark.parametrize("batch", [[], ["--batch"]])
def test_timeout(folder, qemu, batch):
	qemu("echo $$ >pid; exec sleep 60")
	begin = time.monotonic()
	done = run(folder, "--timeout", "1", *batch)
	assert done.returncode == 1 and time.monotonic() - begin < 20
	assert "ended after 1 second (--timeout)" in done.stderr
	with pytest.raises(ProcessLookupError):
		os.kill(int((folder / "pid").read_text()), 0)
	assert no_leftovers(folder)


def test_timeout_of_a_stubborn_qemu(folder, qemu):
	qemu("trap '' TERM; while :; do sleep 1; done")
	done = run(folder, "--timeout", "1", "--batch")
	assert done.returncode == 1 and "--timeout" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(folder, qemu, number):
	qemu("echo ready; exec sleep 60")
	(folder / "s.dts").write_text(props(GOOD_VM))
	child = subprocess.Popen([COMMAND, "run", "s.dts", "--batch", "--image", "bulkhead.img"],
				 cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
				 env=dict(os.environ, **run_env(folder)))
	assert child.stdout.readline() == "ready\n"
	child.send_signal(number)
	_, errors = child.communicate(timeout=30)
	assert child.returncode == 1 and "run: interrupted" in errors
	assert no_leftovers(folder)


def test_killed_command_leaves_no_qemu(folder, qemu):
	qemu("echo $$; exec sleep 60")
	(folder / "s.dts").write_text(props(GOOD_VM))
	child = subprocess.Popen([COMMAND, "run", "s.dts", "--batch", "--image", "bulkhead.img"],
				 cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
				 env=dict(os.environ, **run_env(folder)))
	pid = int(child.stdout.readline())
	child.kill()
	child.wait()
	for _ in range(100):
		try:
			os.kill(pid, 0)
			# An orphan may stay as a zombie where nobody reaps it.
			if pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
				return
		except (ProcessLookupError, FileNotFoundError):
			return
		time.sleep(0.1)
	pytest.fail("QEMU is still there")
