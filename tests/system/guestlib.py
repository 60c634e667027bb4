"""Runs the guest programs of tests/guest, bare on QEMU and in a VM, and compares their transcripts.

A program says in its first line what it needs:

    /* guest: vcpus=2 memory=64M args="key=value" end=crash match=lines */

args are boot arguments; end says how it stops (poweroff, crash or reboot). Its transcript
NAME.expect must come out as it stands (match=exact), or each of its lines in this order with
anything in between (match=lines). NAME.native-skip names the checks that are known to fail on QEMU and its
firmware, and that a VM must pass all the same.
"""

import difflib
import os
import re
import shlex
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
GUESTS = ROOT / "tests" / "guest"
QEMU = os.environ.get("QEMU", "qemu-system-riscv64")

# The VM's name in the description, and the console's prefix before each line of it.
VM_NAME = "guest"
PREFIX = f"[{VM_NAME}] "

DESCRIPTION = """/dts-v1/;

/ {{
	compatible = "bulkhead,system";
	vms {{
		{name} {{
			vcpus = <{vcpus}>;
			memory = "{memory}";
			kernel = "{kernel}";
			bootargs = "{args}";
{more}		}};
	}};
}};
"""


@dataclass
class Program:
    """A guest program, as its first line describes it."""

    name: str
    vcpus: int = 1
    memory: str = "64M"
    args: str = ""
    end: str = "poweroff"
    match: str = "exact"
    expect: list = field(default_factory=list)
    native_skip: set = field(default_factory=set)

    @property
    def elf(self):
        return BUILD / "guest" / f"{self.name}.elf"


def lines_of(path):
    return path.read_text().splitlines() if path.exists() else []


def program_read(name):
    source = GUESTS / f"{name}.c"
    first = source.read_text().splitlines()[0]
    found = re.match(r"/\* guest: (.*) \*/$", first)
    if not found:
        raise ValueError(f"{source}: the first line must be /* guest: ... */")
    words = dict(word.split("=", 1) for word in shlex.split(found[1]))
    words["vcpus"] = int(words.get("vcpus", "1"))
    return Program(
        name,
        expect=lines_of(GUESTS / f"{name}.expect"),
        native_skip=set(lines_of(GUESTS / f"{name}.native-skip")),
        **words,
    )


def programs():
    """Every program that has a transcript."""
    return [program_read(path.stem) for path in sorted(GUESTS.glob("*.expect"))]


@dataclass
class Result:
    output: str
    status: int  # None: it did not end in time


def command_run(command, timeout):
    """Runs a command in a process group of its own, so that nothing outlives the timeout."""
    with subprocess.Popen(
        [str(word) for word in command],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        status = None
        try:
            output, _ = process.communicate(timeout=timeout)
            status = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
    return Result(output.decode("utf-8", "replace"), status)


def native_run(program, cpu="rv64", args=(), timeout=60):
    """The program as the payload of QEMU's own firmware."""
    return command_run(
        [QEMU, "-M", "virt", "-cpu", cpu, "-smp", program.vcpus, "-m", program.memory,
         "-bios", "default", "-kernel", program.elf, "-append", f"{program.args} native=1".strip(),
         "-nographic", "-no-reboot", *args],
        timeout,
    )


def description_write(program, directory, engine=None):
    """A system of one VM that runs the program."""
    path = Path(directory) / f"{program.name}.dts"
    path.write_text(
        DESCRIPTION.format(
            name=VM_NAME,
            vcpus=program.vcpus,
            memory=program.memory,
            kernel=program.elf,
            args=program.args,
            more=f'\t\t\tengine = "{engine}";\n' if engine else "",
        )
    )
    return path


def vm_run(program, directory, qemu_args=(), timeout=60, options=(), engine=None):
    """The program in a VM of Bulkhead; the options are those of `bulkhead run`."""
    description = description_write(program, directory, engine)
    command = [BUILD / "bulkhead", "run", description, "--batch", "--timeout", timeout, *options]
    if qemu_args:
        command += ["--", *qemu_args]
    return command_run(command, timeout + 30)


def guest_lines(output):
    """What the guest wrote: the prefixed lines if there are any, else everything."""
    lines = output.replace("\r", "").split("\n")
    prefixed = [line[len(PREFIX):] for line in lines if line.startswith(PREFIX)]
    return prefixed or lines


def native_forgive(program, lines):
    """Turns each known failure into the success that the transcript has, and counts again."""
    forgiven = 0
    result = []
    for line in lines:
        failed = re.match(r"FAIL (.*?): (got|not so)", line)
        done = re.match(r"done: (\d+) ok, (\d+) failed$", line)
        if failed and failed[1] in program.native_skip:
            forgiven += 1
            line = f"ok {failed[1]}"
        elif done:
            line = f"done: {int(done[1]) + forgiven} ok, {int(done[2]) - forgiven} failed"
        result.append(line)
    return result


def exact_mismatch(expect, lines):
    start = lines.index(expect[0]) if expect[0] in lines else 0
    got = lines[start : start + len(expect)]
    return "\n".join(difflib.unified_diff(expect, got, "expected", "got", lineterm="", n=2))


def ordered_mismatch(expect, lines):
    failed = [line for line in lines if line.startswith("FAIL")]
    if failed:
        return "\n".join(failed)
    rest = iter(lines)
    for line in expect:
        if line not in rest:
            return f"missing, or out of order: {line}"
    return ""


def mismatch(program, lines):
    """What is wrong with a transcript, or an empty string."""
    compare = ordered_mismatch if program.match == "lines" else exact_mismatch
    return compare(program.expect, lines)
