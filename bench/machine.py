"""Runs guests for bench/run: on bare QEMU and in a VM of Bulkhead, on one hart, repeatably."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time


def cache():
	"""Where tools/setup puts what comes from packages."""
	caches = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
	return pathlib.Path(os.environ.get("BULKHEAD_CACHE") or pathlib.Path(caches) / "bulkhead")


# One instruction is one nanosecond of the machine's clock, which jumps over idle time.
ICOUNT = ["-icount", "shift=0,sleep=off", "-seed", "1", "-rtc", "base=2026-01-01,clock=vm"]
TICK = 100  # instructions in a tick of QEMU's 10 MHz timebase
CPU, COUNTING_CPU, CLASSIC_CPU = "rv64", "rv64,smcntrpmf=true", "rv64,h=false"
LINUX_MEMORY = "256M"
NOW = "bulkhead.exec=/bin/bench-now"
NEWEST_OPENSBI = cache() / "firmware/opensbi-newest.bin"
# The kernel tests its ciphers in the background for a while after userspace is there.
WORK = "cryptomgr.notests bulkhead.exec=/bin/bench-work"
PROGRAMS = ["now", "work", "nothing", "disk", "network"]  # bench/linux/*.c: /bin/bench-* in guests
PROGRAM_FLAGS = ("-march=rv64imac -misa-spec=2.2 -mabi=lp64 -O2 -ffreestanding -nostdlib -static"
	" -Wall -Wextra -Werror -Wl,--no-relax,--build-id=none,-Tdata=0x100000 -s").split()
CROSS = os.environ.get("CROSS", "riscv64-unknown-elf-")
DATA_SIZE = 256 << 10  # of the kernel's image, for programs to work on

DESCRIPTION = """/dts-v1/;

/ {{
	compatible = "bulkhead,system";

	vms {{
		bench {{
{properties}
		}};
	}};
}};
"""


class Failure(Exception):
	"""A run that gave no result; the text says why."""


def live():
	return sys.stdout.isatty()


class Output:
	"""What a run printed."""

	def __init__(self, text):
		self.text = text.replace("\r", "")

	def bench(self):
		"""The lines `bench NAME NUMBER`, whatever stands before them."""
		found = re.findall(r"\bbench (\w+) (\d+)[ \t]*$", self.text, re.M)
		return {name: int(number) for name, number in found}

	def now(self, name):
		"""Instructions until userspace."""
		numbers = self.bench()
		if "now" not in numbers:
			raise Failure(f"{name}: userspace told no time\n{self.tail()}")
		return numbers["now"] * TICK

	def find(self, pattern):
		"""The first group of the first match, or None."""
		found = re.search(pattern, self.text, re.M)
		return found and found[1]

	def tail(self, lines=12):
		return "\n".join("    | " + line for line in self.text.splitlines()[-lines:])


def wait_for(child, name, timeout):
	"""Waits for the end of the child, showing on a terminal that time passes; False: too long."""
	start = time.monotonic()
	while True:
		passed = time.monotonic() - start
		try:
			child.wait(1)
			return True
		except subprocess.TimeoutExpired:
			if live():
				print(f"\r  {name} ... {passed + 1:.0f} s ", end="", flush=True)
		if passed > timeout:
			return False


def execute(name, command, timeout):
	"""Runs a command to its end and returns (exit code, Output)."""
	start = time.monotonic()
	print(f"  {name} ...", end="", flush=True)
	with tempfile.TemporaryFile() as out:
		child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out,
			stderr=subprocess.STDOUT, start_new_session=True)
		try:
			ended = wait_for(child, name, timeout)
		finally:
			if child.poll() is None:
				os.killpg(child.pid, signal.SIGTERM)
				child.wait()
		out.seek(0)
		output = Output(out.read().decode(errors="replace"))
	begin = f"\r  {name} ..." if live() else ""
	print(f"{begin} {time.monotonic() - start:.1f} s  ")
	if not ended:
		raise Failure(f"{name}: not ended after {timeout} s\n{output.tail()}")
	return child.returncode, output


class Bench:
	"""The files of one build, and the machines that they run on."""

	def __init__(self, root, build):
		self.root = pathlib.Path(root)
		self.build = pathlib.Path(build).resolve()
		self.folder = self.build / "bench"
		self.folder.mkdir(parents=True, exist_ok=True)

	def missing(self, linux, classic):
		"""Files of the build that are not there."""
		wanted = ["bulkhead.img", "bulkhead", "guest/bench-ops.elf", "guest/bench-entry.elf"]
		if linux:
			wanted += ["guest/Image", "guest/initramfs.cpio.gz", "guest/rt.elf"]
		if classic:
			wanted += ["bare/bulkhead.elf", "bulkhead-fw.bin", NEWEST_OPENSBI]
		return [str(self.build / w) for w in wanted if not (self.build / w).exists()]

	def qemu(self, name, kernel, memory, *arguments, cpu=CPU, timeout=300):
		"""A guest on bare QEMU."""
		command = ["qemu-system-riscv64", "-M", "virt", "-cpu", cpu, "-smp", "1", "-m", memory,
			"-nographic", "-kernel", str(self.build / kernel), *arguments, *ICOUNT]
		code, output = execute(name, command, timeout)
		if code:
			raise Failure(f"{name}: QEMU ended with exit code {code}\n{output.tail()}")
		return output

	def vm(self, name, properties, *options, harts=1, qemu=(), timeout=300):
		"""A guest as the only VM of a system."""
		system = self.folder / "system.dts"
		text = "\n".join(f"\t\t\t{key} = {value};" if value else f"\t\t\t{key};"
			for key, value in properties.items())
		system.write_text(DESCRIPTION.format(properties=text))
		return self.system(name, system, *options, "--harts", str(harts),
			qemu=[*ICOUNT, *qemu], timeout=timeout)

	def system(self, name, description, *options, qemu=(), timeout=300):
		"""A whole system, until its VMs have powered off."""
		command = [str(self.build / "bulkhead"), "run", str(description), "--batch", *options,
			"--timeout", str(timeout), "--", *qemu]
		code, output = execute(name, command, timeout + 30)
		if code:
			raise Failure(f"{name}: not well ended (exit code {code})\n{output.tail()}")
		return output

	def program(self, name):
		"""The bytes of bench/linux/NAME.c, compiled."""
		target = self.folder / f"bench-{name}"
		subprocess.run([CROSS + "gcc", *PROGRAM_FLAGS, "-I", str(self.root / "bench"), "-o", str(target),
			str(self.root / f"bench/linux/{name}.c")], check=True)
		return target.read_bytes()

	def initramfs(self):
		"""The build's initramfs, and behind it an archive with the programs of bench/linux."""
		target = self.folder / "initramfs"
		with open(target, "wb") as out, open(self.build / "guest/initramfs.cpio.gz", "rb") as base, \
				open(self.build / "guest/Image", "rb") as kernel:
			shutil.copyfileobj(base, out)
			out.write(bytes(-out.tell() % 4))
			for name in PROGRAMS:
				out.write(cpio_entry(f"bin/bench-{name}", 0o100755, self.program(name)))
			out.write(cpio_entry("bin/bench-data", 0o100644, kernel.read(DATA_SIZE)))
			out.write(cpio_entry("TRAILER!!!", 0, b""))
		return target


def cpio_entry(name, mode, data):
	"""One file in a newc archive (Linux, Documentation/driver-api/early-userspace/buffer-format)."""
	text = name.encode() + b"\0"
	fields = (900001, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(text), 0)
	header = b"070701" + b"".join(b"%08x" % f for f in fields) + text
	header += bytes(-len(header) % 4)
	return header + data + bytes(-len(data) % 4)


def quoted(text):
	return '"%s"' % text
