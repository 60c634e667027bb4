"""Whole systems under QEMU: descriptions written on the spot, batch runs, and a machine whose
console a test types at. Nothing outlives a test: every QEMU is in a process group of its own."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import guestlib
import pexpect
import pytest
from guestlib import BUILD, QEMU, ROOT

COMMAND = BUILD / "bulkhead"
IMAGE = BUILD / "bulkhead.img"
CACHE = Path(os.environ.get("BULKHEAD_CACHE") or
	     Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bulkhead")

# Seconds for anything: a loaded machine may take long, and a test that passes never waits for it.
LIMIT = int(os.environ.get("TEST_LIMIT", "180"))

# For what every engine must do: a host with the H extension, and one without it, as options of
# `bulkhead run`. Tests of the classic engine, and no others, have "classic" in their name.
each_engine = pytest.mark.parametrize("host", [[], ["--no-h"]], ids=["hext", "classic"])

KEY = "\x1d"  # Ctrl-], the console's own
PROMPT = "bulkhead> "


def classic(*values):
	"""Parameters of a test whose VMs the classic engine runs."""
	words = [str(value) for value in values if isinstance(value, (str, int))]
	return pytest.param(*values, id="-".join(["classic", *words]))


def guest(name):
	"""A guest program, or a file that the build has put beside them."""
	return BUILD / "guest" / name


def firmware(version):
	path = CACHE / "firmware" / f"opensbi-{version}.bin"
	assert path.exists(), f"{path} is missing: run tools/setup test"
	return path


# --- descriptions --------------------------------------------------------------------------

def property_text(name, value):
	name = name.replace("_", "-")
	if value is True:
		return f"{name};"
	if isinstance(value, (list, tuple)):
		return f"{name} = <{' '.join(map(str, value))}>;"
	if isinstance(value, int):
		return f"{name} = <{value}>;"
	quoted = str(value).replace('"', '\\"')
	return f'{name} = "{quoted}";'


def vm(name, kernel, memory="8M", **properties):
	"""A VM's node: numbers, lists, strings and True become what they are in a description."""
	properties = {"memory": memory, "kernel": kernel, **properties}
	lines = "".join(f"\t\t\t{property_text(*p)}\n" for p in properties.items())
	return f"\t\t{name} {{\n{lines}\t\t}};\n"


def program(name, vm_name=None, **properties):
	"""A VM with a guest program of tests/guest, as its first line wants it."""
	p = guestlib.program_read(name)
	properties = {"vcpus": p.vcpus, "memory": p.memory, "bootargs": p.args, **properties}
	return vm(vm_name or name, p.elf, **properties)


def linux(name="linux", bootargs="", **properties):
	properties = {"memory": "256M", "initrd": guest("initramfs.cpio.gz"), **properties}
	args = f"console=ttyS0 quiet bulkhead.name={name} {bootargs}".strip()
	return vm(name, guest("Image"), bootargs=args, **properties)


def system(directory, *vms, name="system"):
	path = Path(directory) / f"{name}.dts"
	path.write_text('/dts-v1/;\n\n/ {\n\tcompatible = "bulkhead,system";\n\tvms {\n' +
			"".join(vms) + "\t};\n};\n")
	return path


def shipped(directory, name, change=lambda text: text):
	"""A description of the folder systems, with the guests of this build."""
	text = (ROOT / "systems" / f"{name}.dts").read_text()
	path = Path(directory) / f"{name}.dts"
	path.write_text(change(text.replace('"../build/', f'"{BUILD}/')))
	return path


# --- batch runs -------------------------------------------------------------------------------

class Run:
	"""What came of a batch run."""

	def __init__(self, result):
		self.status = result.status
		self.output = result.output.replace("\r", "")

	def explain(self, text):
		return f"{text}\n--- status {self.status}, the end of the output:\n{self.output[-4000:]}"

	def lines(self, name):
		"""What a VM printed, without its prefix."""
		prefix = f"[{name}] "
		return [line[len(prefix):] for line in self.output.split("\n")
			if line.startswith(prefix)]

	def has(self, pattern):
		assert re.search(pattern, self.output, re.M), self.explain(f"there is no {pattern!r}")

	def has_not(self, pattern):
		found = re.search(pattern, self.output, re.M)
		assert not found, self.explain(f"there is {pattern!r}")

	def succeeded(self):
		self.has_not("PANIC")
		assert self.status == 0, self.explain("it should have ended with 0")

	def failed(self, why):
		self.has_not("PANIC")
		assert self.status == 1, self.explain("it should have ended with 1")
		self.has(rf"^bulkhead: batch: FAILED: {why}")

	def printed(self, name, vm_name=None):
		"""A guest program's transcript. Where several VMs print, a line may be broken in two."""
		p = guestlib.program_read(name)
		lines = self.lines(vm_name or name)
		if p.match == "exact" and "".join(p.expect) in "".join(lines):
			return
		wrong = guestlib.mismatch(p, lines)
		assert not wrong, self.explain(wrong)


def batch(description, *options, qemu=(), limit=LIMIT):
	command = [COMMAND, "run", description, "--batch", "--timeout", limit, *options]
	return Run(guestlib.command_run(command + ["--", *qemu], limit + 60))


def qemu_run(*args, limit=LIMIT):
	"""QEMU itself, for what `bulkhead run` does not do."""
	return Run(guestlib.command_run([QEMU, "-M", "virt", "-nographic", *args], limit))


def pack(description, *options):
	path = description.with_suffix(".img")
	subprocess.run([COMMAND, "pack", description, "-o", path, *options], check=True,
		       capture_output=True)
	return path


# --- a machine to type at ------------------------------------------------------------------------

class Machine:
	"""A running system and its console; use it in a with statement."""

	def __init__(self, command):
		self.child = pexpect.spawn(str(command[0]), [str(word) for word in command[1:]],
					   timeout=LIMIT, echo=False, cwd=str(ROOT),
					   encoding="utf-8", codec_errors="replace",
					   env=dict(os.environ, NO_COLOR="1"),
					   dimensions=(24, 200), searchwindowsize=30000)
		self.child.delaybeforesend = None
		self.child.logfile_read = self
		self.seen = ""

	def __enter__(self):
		return self

	def __exit__(self, *_):
		# The child leads a session: QEMU goes with it.
		try:
			os.killpg(self.child.pid, signal.SIGKILL)
		except ProcessLookupError:
			pass
		self.child.close(force=True)

	# As a file, it keeps what was read.
	def write(self, text):
		self.seen = (self.seen + text)[-200000:]

	def flush(self):
		pass

	def fail(self, text):
		raise AssertionError(f"{text}\n--- the end of the output:\n{self.seen[-4000:]}")

	def expect(self, *patterns, limit=LIMIT):
		"""Waits for one of the patterns: its match. A panic or the end is a failure at once."""
		end = ["PANIC: [^\r\n]*\r?\n(?:[^\r\n]*\r?\n){0,4}", pexpect.EOF, pexpect.TIMEOUT]
		found = self.child.expect([*patterns, *end], timeout=limit)
		if found >= len(patterns):
			what = ["the hypervisor panicked", "QEMU ended", f"nothing within {limit} s"]
			self.fail(f"waited for {patterns}: {what[found - len(patterns)]}")
		return self.child.match

	def ended(self):
		"""Waits for QEMU's end: its exit code."""
		if self.child.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=LIMIT):
			self.fail("QEMU does not end")
		self.child.wait()
		return self.child.exitstatus

	def send(self, text):
		"""Types all of it, and keeps reading meanwhile: neither side waits for the other."""
		rest = text.encode("latin-1")
		while rest:
			rest = rest[os.write(self.child.child_fd, rest[:100]):]
			if rest:
				self.read_more()

	def read_more(self):
		"""Takes what has come without looking at it; expect() finds it later."""
		try:
			self.child.buffer += self.child.read_nonblocking(4096, timeout=0.01)
		except pexpect.TIMEOUT:
			pass

	def key(self, key):
		self.send(KEY + key)

	def view(self, number, name):
		"""Goes to a VM's own view."""
		self.key(str(number))
		self.expect(f"-- {name}: [a-z]+;[^\r\n]*\r")

	def shell(self):
		self.key("s")
		self.expect(PROMPT)

	def ask(self, line, *patterns):
		"""Types a line into the shell and waits for an answer and the next prompt."""
		self.send(line + "\r")
		match = self.expect(*patterns)
		self.expect(PROMPT)
		return match

	def row(self, name):
		"""A VM's line in the list: state, restarts and last end."""
		found = self.ask("list", rf"\n *\d+  {name} +([a-z]+) +\d+ +[\d.]+ \w+  \S+ +(\d+)  "
				 r"([^\r\n]*)\r", r"last end\r+\n\r")
		if not found.groups():  # soon after the boot there is none yet
			return "none", 0, ""
		return found[1], int(found[2]), found[3].strip()

	def wait_row(self, name, wanted):
		"""Asks for a VM's line until wanted(state, restarts, end) is true."""
		end = time.monotonic() + LIMIT
		while time.monotonic() < end:
			row = self.row(name)
			if wanted(*row):
				return row
			time.sleep(0.05)
		return self.fail(f"{name} is {row} for {LIMIT} s")

	def wait_state(self, name, state):
		return self.wait_row(name, lambda is_now, *_: is_now == state)

	def free_memory(self):
		"""In KiB, as exact as the shell says it."""
		found = self.ask("system", r"memory +([\d.]+) (\w+) free")
		return float(found[1]) * {"KiB": 1, "MiB": 1024, "GiB": 1024 ** 2}[found[2]]


def start(description, *options, qemu=()):
	"""Starts a system; returns when its console is there."""
	machine = Machine([COMMAND, "run", description, *options, "--", *qemu])
	try:
		machine.expect(r"\?: help\.\r+\n")
	except AssertionError:
		machine.__exit__()
		raise
	return machine
