"""What tests of disks and networks share: VMs with devices, scripts for Linux VMs, disk images."""

import hashlib
import random
import re
import socket
import struct
import subprocess
import threading
import uuid
import zlib
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import systemlib
from systemlib import guest, property_text, vm

SECTOR = 512
MIB = 1 << 20

# --- descriptions --------------------------------------------------------------------------


def node(name, **properties):
	"""A device of a VM, a switch, a piece of shared memory."""
	lines = "".join(f"\t{property_text(*p)}\n" for p in properties.items())
	return f"{name} {{\n{lines}}};\n"


def indented(text, tabs):
	return "".join("\t" * tabs + line + "\n" for line in text.splitlines())


def with_devices(vm_text, devices):
	"""A VM's node with its devices behind its properties."""
	end = vm_text.rindex("\t\t};")
	return vm_text[:end] + "".join(indented(d, 3) for d in devices) + vm_text[end:]


def system(directory, *vms, switches=(), shared=(), name="system"):
	"""A description; switches and shared are nodes."""
	path = systemlib.system(directory, *vms, name=name)
	more = "".join(f"\t{what} {{\n{indented(''.join(nodes), 2)}\t}};\n"
		for what, nodes in (("switches", switches), ("shared", shared)) if nodes)
	path.write_text(path.read_text().replace("\tvms {\n", more + "\tvms {\n", 1))
	return path


# --- scripts for Linux VMs -------------------------------------------------------------------

BEGIN = """#!/bin/sh
set -eu
trap '[ $? = 0 ] || echo "script: failed at line $LINENO"' EXIT
die() {
	echo "script: $*"
	exit 1
}
# Tries a command once a second until it succeeds.
until_good() {
	for try in $(seq 60); do
		"$@" && return
		sleep 1
	done
	die "in vain: $*"
}
"""
END = '\necho "script: passed"\n'


class Scripts:
	"""An initramfs with programs of Debian and a script for each VM."""

	def __init__(self, directory):
		self.folder = Path(directory) / "scripts"
		(self.folder / "bin").mkdir(parents=True)
		self.names = []
		self.initrd = Path(directory) / "initramfs"

	def add(self, name, text):
		path = self.folder / "bin" / f"script-{name}"
		path.write_text(BEGIN + text + END)
		path.chmod(0o755)
		self.names.append(f"bin/{path.name}")
		self.write()

	def write(self):
		archive = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], check=True,
			cwd=self.folder, input="\n".join(self.names).encode(), capture_output=True)
		base = guest("initramfs-tools.cpio.gz").read_bytes()
		self.initrd.write_bytes(base + bytes(-len(base) % 4) + archive.stdout)

	def linux(self, name, text, *devices, bootargs="", **properties):
		"""A Linux VM that runs the script and powers off."""
		self.add(name, text)
		properties = {"memory": "256M", "initrd": self.initrd, **properties}
		args = (f"console=ttyS0 quiet cryptomgr.notests bulkhead.name={name} {bootargs}"
			f" bulkhead.exec=/bin/script-{name}")
		return with_devices(vm(name, guest("Image"), bootargs=args, **properties), devices)


def passed(run, *names):
	"""The batch run succeeded, and the scripts of these VMs went through."""
	run.succeeded()
	for name in names:
		text = "".join(run.lines(name))
		assert "script: passed" in text, run.explain(f"the script of {name} failed")


def said(run, name, pattern):
	"""The first group of a pattern in a VM's output, where a line may be broken in two."""
	found = re.search(pattern, "".join(run.lines(name)))
	assert found, run.explain(f"{name} did not say {pattern!r}")
	return found[1]


# --- disk images ---------------------------------------------------------------------------

def noise(size, seed=1):
	"""Bytes that are the same each time, and do not compress."""
	return random.Random(seed).randbytes(size)


def sha256(data):
	return hashlib.sha256(data).hexdigest()


def disk_make(path, size, content=b""):
	with open(path, "wb") as file:
		file.write(content)
		file.truncate(size)
	return path


def gpt_header(place, other, first, last, table_at, table):
	fields = [b"EFI PART", 0x10000, 92, 0, 0, place, other, first, last, uuid.uuid4().bytes_le,
		table_at, 128, 128, zlib.crc32(table)]
	layout = "<8sIIIIQQQQ16sQIII"
	fields[3] = zlib.crc32(struct.pack(layout, *fields))
	return struct.pack(layout, *fields).ljust(SECTOR, b"\0")


def gpt_make(path, size, *partitions):
	"""A disk with a GPT (UEFI 2.10, 5.3): partitions are (name, offset, size) in bytes."""
	linux = uuid.UUID("0FC63DAF-8483-4772-8E79-3D69D8477DE4").bytes_le
	table = b"".join(struct.pack("<16s16sQQQ72s", linux, uuid.uuid4().bytes_le, offset // SECTOR,
		(offset + length) // SECTOR - 1, 0, name.encode("utf-16-le")) for name, offset, length in
		partitions).ljust(128 * 128, b"\0")
	end = size // SECTOR - 1
	header = partial(gpt_header, first=34, last=end - 33, table=table)
	protective = struct.pack("<446xB3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff\xff\xff", 1, end)
	first = protective.ljust(510, b"\0") + b"\x55\xaa"
	disk_make(path, size, first + header(1, end, table_at=2) + table)
	with open(path, "r+b") as file:
		file.seek((end - 32) * SECTOR)
		file.write(table + header(end, 1, table_at=end - 32))
	return path


# --- this machine's side of a network ----------------------------------------------------------

class Quiet(SimpleHTTPRequestHandler):
	def log_message(self, *_):
		pass


@contextmanager
def web_server(folder):
	"""Serves a folder on this machine's loopback; the VMs see it at 10.0.2.2. Gives the port."""
	server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
	thread = threading.Thread(target=server.serve_forever, daemon=True)
	thread.start()
	try:
		yield server.server_port
	finally:
		server.shutdown()
		server.server_close()


def free_port():
	with socket.socket() as s:
		s.bind(("127.0.0.1", 0))
		return s.getsockname()[1]
