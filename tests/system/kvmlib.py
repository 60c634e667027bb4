"""A machine with RISC-V Linux, Debian's kernel and its KVM, on which the hosted command runs: QEMU's
`virt` with the H extension. What runs there is a shell script; its output comes back in parts."""

import re
import shutil
import subprocess
from pathlib import Path

from guestlib import BUILD, QEMU, ROOT
from systemlib import CACHE

COMMAND = BUILD / "hosted" / "bulkhead"
MODULES = CACHE / "guest" / "host-modules"
IMAGE = BUILD / "guest" / "Image"
INITRAMFS = BUILD / "guest" / "initramfs.cpio.gz"

INIT = """#!/bin/sh
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir /dev/pts
mount -t devpts pts /dev/pts
modprobe kvm
cd /
dmesg -n 1
sh /script 2>&1
echo "@@ end"
poweroff -f
"""


class Machine:
    """Its files, then what it runs."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.files = self.directory / "files"
        self.files.mkdir(parents=True)
        self.script = ""
        self.add(COMMAND)

    def add(self, path, name=None):
        """A file for its root."""
        shutil.copy(path, self.files / (name or Path(path).name))

    def part(self, name, script):
        """A part of the script; its exit status is its own."""
        self.script += f"echo; echo '@@ {name}'\n( {script} )\necho \"@status $?\"\n"

    def command(self, harts=2, memory="1G", cpu="rv64", append="quiet"):
        """Packs its files; what starts it."""
        init, archive = self.directory / "init", self.directory / "initramfs"
        init.write_text(INIT)
        (self.files / "script").write_text(self.script)
        subprocess.run(
            [ROOT / "tools" / "make-initramfs", CACHE / "guest" / "busybox", init, MODULES, archive,
             self.files],
            check=True,
        )
        return [QEMU, "-M", "virt", "-cpu", cpu, "-smp", str(harts), "-m", memory, "-nographic",
                "-no-reboot", "-kernel", str(IMAGE), "-initrd", str(archive), "-append",
                f"console=ttyS0 {append}"]

    def run(self, timeout=300, **machine):
        """Runs all parts: a dict of (lines, status) by name."""
        with open(self.directory / "output", "wb") as output:
            subprocess.run(["timeout", str(timeout), *self.command(**machine)],
                           stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False)
        return self.parts((self.directory / "output").read_bytes().decode("utf-8", "replace"))

    @staticmethod
    def parts(output):
        found = {}
        for text in re.split(r"^@@ ", output.replace("\r", ""), flags=re.M)[1:]:
            name, *lines = text.split("\n")
            status = next((int(line[8:]) for line in lines if line.startswith("@status ")), None)
            found[name] = lines, status
        return found


def run_command(program=None, options="", timeout=60):
    """The command that runs a guest program, or with what options say."""
    words = ["/bulkhead run", f"--timeout {timeout}", options]
    if program:
        words += [f"--kernel /{program.elf.name} --memory {program.memory} --cpus {program.vcpus}",
                  f"--append '{program.args} kvm=1'"]
    return " ".join(words)
