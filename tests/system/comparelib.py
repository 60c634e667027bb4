"""Runs a comparing program (tests/guest/lib/compare.h) on two machines: where do they differ?"""

import difflib
import re
import subprocess
import tempfile

import guestlib

PROGRAMS = ["privileged", "paging"]
CROSS_OBJDUMP = "riscv64-unknown-elf-objdump"


class Machine:
    """One of the two; run() gives the lines that the program printed there."""

    def __init__(self, name, run):
        self.name = name
        self.run = run


def transcript(program, machine, args):
    """The program's own lines, from the first that says what the machine has."""
    program.args = " ".join(f"{key}={value}" for key, value in args.items() if value is not None)
    result = machine.run(program)
    lines = guestlib.guest_lines(result.output)
    head = f"{program.name}: features="
    first = next((number for number, line in enumerate(lines) if line.startswith(head)), None)
    if first is None:
        return [f"({machine.name}: no transcript)"] + lines[-20:]
    return [line for line in lines[first:] if line.strip()]


def found(lines, key):
    match = re.search(rf"\b{key}=(\d+)", lines[0])
    return int(match[1]) if match else 0


def agree(program, machines, args):
    """Both transcripts, from runs that used no more than both machines have."""
    first = transcript(program, machines[0], args)
    args.update(features=found(first, "features"), asid=found(first, "asid"))
    second = transcript(program, machines[1], args)
    if second[0] != first[0]:
        args.update(features=found(second, "features"), asid=found(second, "asid"))
        first = transcript(program, machines[0], args)
    return first, second


def first_difference(first, second):
    for number in range(max(len(first), len(second))):
        if first[number : number + 1] != second[number : number + 1]:
            return number
    return None


def disassemble(lines):
    """The code lines of a step, as the disassembler has them."""
    words = [line.split()[1:] for line in lines if line.startswith("code ")]
    if not words:
        return []
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(b"".join(int(word, 16).to_bytes(4, "little") for _, word in words))
        file.flush()
        done = subprocess.run(
            [CROSS_OBJDUMP, "-D", "-b", "binary", "-m", "riscv:rv64", "-M", "no-aliases",
             "--adjust-vma", "0x" + words[0][0].rstrip(":"), file.name],
            capture_output=True, text=True, check=False,
        )
    return [line for line in done.stdout.splitlines() if re.match(r"\s*[0-9a-f]+:\t", line)]


def step_of(lines, number):
    """The lines of the step that line @number belongs to."""
    starts = [i for i, line in enumerate(lines) if line.startswith("-- step")]
    before = [i for i in starts if i <= number]
    after = [i for i in starts if i > number]
    return lines[before[-1] if before else 0 : after[0] if after else len(lines)]


def details(program, machines, args, batch):
    """Runs again with everything of that batch printed: the first step that differs."""
    args["trace"] = batch
    traces = [transcript(program, machine, args) for machine in machines]
    number = first_difference(*traces)
    if number is None:
        return ["the traced run does not differ"]
    steps = [step_of(trace, number) for trace in traces]
    pool = [line for line in steps[0] if line.startswith("pool ")]
    seen = [[line for line in step if line[:5] not in ("code ", "pool ")] for step in steps]
    return disassemble(steps[0]) + pool + list(
        difflib.unified_diff(*seen, machines[0].name, machines[1].name, lineterm="", n=1000)
    )


def mismatch(program, machines, args):
    first, second = agree(program, machines, args)
    number = first_difference(first, second)
    if number is None:
        return "" if first[-1] == f"{program.name}: done" else "\n".join(first[-20:])
    batch = re.match(rf"{program.name} (\d+): ", (first[number:] or second[number:])[0])
    wrong = list(difflib.unified_diff(first, second, machines[0].name, machines[1].name,
                                      lineterm="", n=0))
    if batch and not first[0].startswith("("):
        wrong += details(program, machines, args, int(batch[1]))
    return "\n".join(wrong)


def compare(name, cpu, native_cpu=None, seed=None, count=None, redirects=False, bios=None,
            host_bios=None, engine=None, native=False, timeout=300):
    """What differs between a VM on @cpu and a bare machine, or an empty string."""
    program = guestlib.program_read(name)
    native_cpu = native_cpu or (cpu if "h=false" in cpu else f"{cpu},h=false")
    args = {"seed": seed, "count": count, "redirects": 1 if redirects else None}
    bare = ["-bios", bios] if bios else []
    host = ["-cpu", cpu] + (["-bios", host_bios] if host_bios else [])

    def bare_run(p, bare_cpu):
        return guestlib.native_run(p, bare_cpu, bare, timeout)

    with tempfile.TemporaryDirectory() as directory:
        if native:
            first = Machine(f"bare {cpu}", lambda p: bare_run(p, cpu))
        else:
            first = Machine(f"VM on {cpu}", lambda p: guestlib.vm_run(
                p, directory, host, timeout, engine=engine))
        second = Machine(f"bare {native_cpu}", lambda p: bare_run(p, native_cpu))
        return mismatch(program, [first, second], args)
