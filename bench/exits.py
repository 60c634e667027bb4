"""Where a classic VM's instructions go: every exit by its kind, and who executed what for it.

QEMU logs the traps, and each translation block that it executes in the ranges of the firmware, of
the gate and of the image; the listing of a block says how many instructions it has. So all that
is executed between a trap of the guest and its next one is counted, as what that trap cost.
"""
import bisect
import collections
import os
import re
import subprocess
import threading

# src/engine/classic/shadow.h, and where firmware lies on QEMU's virt.
GATES = (0xffff_ffff_ffff_0000, 0x10000)
FIRMWARE = (0x8000_0000, 0x80000)

# Where Linux runs: before and after it turns translation on.
KERNEL_BASES = (0x8020_0000, 0xffff_ffff_8000_0000)

# Who executes: key, title; the image's functions by the folder of their source, which those of the
# C library (memset and the like) have not.
PLACES = [
	("firmware", "firmware"),
	("gate", "gate"),
	("engine", "engine"),
	("core", "core"),
	("devices", "devices"),
	("host", "host"),
	("library", "library"),
]
FOLDERS = {"engine": "engine", "riscv": "engine", "vm": "core", "board": "core", "manage": "core",
	"main": "core", "dev": "devices", "host": "host", "sched": "host"}
KEYS = [key for key, _ in PLACES]
FIRMWARE_PLACE, GATE_PLACE, DEVICES_PLACE = map(KEYS.index, ("firmware", "gate", "devices"))

KINDS = [
	("sstatus", "`sstatus`"),
	("csr", "other CSRs"),
	("sfence", "`sfence.vma`"),
	("sret", "`sret`"),
	("wfi", "`wfi`"),
	("page", "page faults, shadow fills"),
	("device", "device registers"),
	("sbi", "SBI calls"),
	("call", "system calls"),
	("interrupt", "interrupts"),
	("other", "all else"),
]

CSR_SSTATUS = 0x100
CAUSES = {5: "device", 7: "device", 12: "page", 13: "page", 15: "page"}
SYSTEM = {0x10200073: "sret", 0x10500073: "wfi"}
TRAP = re.compile(rb"async:(\d), cause:(\w+), epc:0x(\w+), tval:0x(\w+)")
BLOCK = re.compile(rb"\[\w+/(\w+)/(\w+)/(\w+)\]")


def instruction_kind(word):
	"""Of an illegal instruction."""
	if word in SYSTEM:
		return SYSTEM[word]
	if word >> 25 == 9 and word & 0x7fff == 0x73:
		return "sfence"
	if word & 0x7f == 0x73 and word >> 12 & 3:
		return "sstatus" if word >> 20 == CSR_SSTATUS else "csr"
	return "other"


class Functions:
	"""The image's functions by address, and the place of each."""

	def __init__(self, elf, nm):
		text = subprocess.run([nm, "-n", "-l", "--defined-only", str(elf)], capture_output=True,
			text=True, check=True).stdout
		found = re.findall(r"^(\w+) [tT] \S+(?:\t.*?src/(\w+)/)?", text, re.M)
		self.starts = [int(address, 16) for address, _ in found]
		self.places = [KEYS.index(FOLDERS.get(folder, "library")) for _, folder in found]
		ends = re.findall(r"^(\w+) \w image_text_end", text, re.M)
		self.end = int(ends[0], 16)

	def place(self, pc):
		"""Of a pc within the image's code, else None."""
		if not self.starts or not self.starts[0] <= pc < self.end:
			return None
		return self.places[bisect.bisect_right(self.starts, pc) - 1]

	def filter(self):
		"""QEMU's -dfilter for all that is counted."""
		image = (self.starts[0], self.end - self.starts[0])
		return ",".join(f"{start:#x}+{size:#x}" for start, size in (FIRMWARE, GATES, image))


class Profile:
	"""Reads QEMU's log. costs[kind][place] are instructions, counts[kind] exits.

	@kernel is the guest's image: a breakpoint in it stands for the instruction that was there.
	"""

	def __init__(self, functions, kernel):
		self.functions, self.kernel = functions, kernel
		self.blocks = {} # line of the log -> (place, instructions)
		self.counts = collections.Counter()
		self.costs = {kind: [0] * len(PLACES) for kind, _ in KINDS}
		self.kind = None # of the exit that is being served; None before the first guest
		self.current = [0] * len(PLACES)
		self.last = None # place of the last block
		self.listed = 0

	def read(self, lines):
		blocks = self.blocks
		for line in lines:
			block = blocks.get(line)
			if block:
				place, instructions = block
				self.current[place] += instructions
				self.last = place
			elif line.startswith(b"Trace"):
				self.new_block(line)
			elif line.startswith(b"0x"):
				self.listed += 1
			elif line.startswith(b"---"):
				self.listed = 0
			elif line.startswith(b"riscv_cpu_do_interrupt"):
				self.trap(line)
		# The last exit has no end: the guest has powered off, and what follows is not its own.

	def new_block(self, line):
		"""Its listing stands before its first execution; of the guest's blocks none is wanted."""
		pc, flags, compiled = (int(field, 16) for field in BLOCK.search(line).groups())
		mode = flags & 7
		if mode == 3:
			place = FIRMWARE_PLACE
		elif mode == 0:
			return
		else:
			place = GATE_PLACE if pc >= GATES[0] else self.functions.place(pc)
		if place is None or not self.listed:
			return
		count = min(self.listed, compiled & 0x1ff or self.listed)
		self.current[place] += count
		self.last = place
		self.blocks[line] = (place, count)

	def from_guest(self):
		"""The guest is entered through the gate, or firmware went back to it on its own."""
		return self.last == GATE_PLACE or self.kind and self.last == FIRMWARE_PLACE and \
			sum(self.current) == self.current[FIRMWARE_PLACE]

	def trap(self, line):
		if not self.from_guest():
			return
		self.finish()
		asynchronous, cause, epc, tval = (int(n, 16) for n in TRAP.search(line).groups())
		self.kind = "interrupt" if asynchronous else self.exception(cause, epc, tval)

	def exception(self, cause, epc, tval):
		if cause == 2:
			return instruction_kind(tval)
		if cause == 3:
			return instruction_kind(self.replaced(epc))
		if cause == 8:
			return "sbi" if epc >> 63 else "call"
		return CAUSES.get(cause, "other")

	def replaced(self, pc):
		"""What the kernel's image has there; 0 for what is not in it."""
		for base in KERNEL_BASES:
			if 0 <= pc - base < len(self.kernel):
				return int.from_bytes(self.kernel[pc - base:pc - base + 4], "little")
		return 0

	def finish(self):
		"""Adds up the exit that is over."""
		kind = self.kind
		if kind == "page" and self.current[DEVICES_PLACE]:
			kind = "device"
		if kind:
			self.counts[kind] += 1
			costs = self.costs[kind]
			for place, instructions in enumerate(self.current):
				costs[place] += instructions
		self.kind, self.current = None, [0] * len(PLACES)

	def results(self):
		return {kind: {"count": self.counts[kind], **dict(zip(KEYS, self.costs[kind]))}
			for kind, _ in KINDS if self.counts[kind]}


class Reader(threading.Thread):
	"""Reads the log while QEMU writes it: it is too much for a file."""

	def __init__(self, pipe, profile):
		super().__init__(daemon=True)
		self.pipe, self.profile = pipe, profile
		self.error = None
		pipe.unlink(missing_ok=True)
		os.mkfifo(pipe)

	def run(self):
		try:
			with open(self.pipe, "rb") as log:
				self.profile.read(log)
		except (ValueError, AttributeError) as error:
			self.error = error

	def end(self):
		"""After QEMU's end, even if it has never opened the pipe."""
		try:
			os.close(os.open(self.pipe, os.O_WRONLY | os.O_NONBLOCK))
		except OSError:
			pass # nobody reads: all is read
		self.join()
		self.pipe.unlink()

	def qemu_arguments(self):
		return ["-d", "in_asm,exec,nochain,int", "-dfilter", self.profile.functions.filter(),
			"-D", str(self.pipe)]
