"""VMs in a process on RISC-V Linux, over KVM: the guest programs, Linux, and the command's manners."""

import dataclasses
import re

import guestlib
import kvmlib
import pexpect
import pytest
from systemlib import KEY, PROMPT

# The kernel's KVM counts the pages of a fence one by one, up to 2^52 of them, and comes back when it
# is through: nothing for a test.
PROGRAMS = [program for program in guestlib.programs() if program.name != "sbi_edges"]

programs = pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)



def explain(part, text):
    lines, status = part
    end = "\n".join(lines[-40:])
    return f"{text}\n--- the end of the output, status {status}:\n{end}"


# ---- The guest programs


@pytest.fixture(scope="session", name="transcripts")
def transcripts_fixture(tmp_path_factory):
    """All programs, one after the other on one machine."""
    machine = kvmlib.Machine(tmp_path_factory.mktemp("programs"))
    for program in PROGRAMS:
        machine.add(program.elf)
        timeout = {"reboot": 5, "wfi": 20}.get(program.name, 100)
        command = kvmlib.run_command(program, timeout=timeout) + " </dev/null"
        if program.name == "wfi":  # a wake-up is lost in one run of five, in the kernel
            command = f"for n in 1 2 3 4 5 6; do {command} >out && break; done; code=$?; cat out; exit $code"
        machine.part(program.name, command)
    return machine.run(timeout=500)


def forget(lines, names):
    """Without the checks of these names, and how many there were."""
    kept = []
    for line in lines:
        check = re.match(r"(?:ok|FAIL) (.*?)(: (got|not so).*)?$", line)
        if line and line not in names and not (check and check[1] in names):
            kept.append("done" if line.startswith("done: ") else line)
    return kept


@programs
def test_program(program, transcripts):
    """The transcript that there is on every engine, but for what is the kernel's doing."""
    part = transcripts.get(program.name, ([], None))
    lines, status = part
    skip = set(guestlib.lines_of(guestlib.GUESTS / f"{program.name}.kvm-skip"))
    wanted = dataclasses.replace(program, expect=forget(program.expect, skip))
    wrong = guestlib.mismatch(wanted, forget(lines, skip))
    assert not wrong, explain(part, wrong)
    assert status == (0 if program.end == "poweroff" else 1), explain(part, "another status")


# ---- Linux, and the command

RUN = "/bulkhead run --kernel /Image --initrd /initramfs.cpio.gz --memory 256M --cpus 2"
QUIET = "--append 'console=ttyS0 quiet'"

SYSTEM = """/dts-v1/;

/ {
	compatible = "bulkhead,system";
	vms {
		one { memory = "64M"; kernel = "hello.elf"; };
		two { memory = "64M"; kernel = "hello.elf"; restart = "always"; start = "manual"; };
		bad { memory = "64M"; kernel = "crash.elf"; };
	};
};
"""

PARTS = {
    "poweroff": f"{RUN} --batch --append 'quiet bulkhead.poweroff'",
    "reboot": f"""mkfifo in; {RUN} {QUIET} <in >out 2>&1 & exec 3>in
        until [ $(grep -c 'guest:~#' out) = 1 ]; do sleep 1; done; echo reboot -f >&3
        until [ $(grep -c 'is "guest"' out) = 2 ]; do sleep 1; done; sleep 2; echo poweroff -f >&3
        wait $!; code=$?; cat out; exit $code""",
    "sigterm": f"{RUN} {QUIET} </dev/null & sleep 5; kill -TERM $!; wait $!",
    "sigint": f"{RUN} {QUIET} </dev/null & sleep 1; kill -INT $!; wait $!",
    "image": "/bulkhead run --batch /system.img",
    "missing": f"mv /dev/kvm /kvm; {RUN}; code=$?; mv /kvm /dev/kvm; exit $code",
    "permission": f"su joe -s /bin/sh -c '{RUN}'",
    "usage": "/bulkhead run --kernel /Image --cpus 99",
    "script": "/bulkhead run --kernel /init --batch",
    "memory": "/bulkhead run --kernel /Image --memory 64G --batch",
    "left": "ps | grep -c '[b]ulkhead run'",
}


@pytest.fixture(scope="session", name="parts")
def parts_fixture(tmp_path_factory):
    directory = tmp_path_factory.mktemp("parts")
    machine = kvmlib.Machine(directory)
    for name in ("hello", "crash"):
        machine.add(guestlib.BUILD / "guest" / f"{name}.elf")
    machine.add(kvmlib.IMAGE)
    machine.add(kvmlib.INITRAMFS)
    system = directory / "system.dts"
    system.write_text(SYSTEM.replace('"hello', f'"{guestlib.BUILD}/guest/hello')
                      .replace('"crash', f'"{guestlib.BUILD}/guest/crash'))
    packed = guestlib.command_run(
        [guestlib.BUILD / "bulkhead", "pack", system, "-o", directory / "system.img"], 60)
    assert packed.status == 0, packed.output
    machine.add(directory / "system.img")
    machine.script = "echo 'joe:x:1000:1000::/:/bin/sh' >>/etc/passwd\n"
    for name, script in PARTS.items():
        machine.part(name, script)
    return machine.run(timeout=300)


def check(parts, name, status, *patterns):
    part = parts.get(name, ([], None))
    lines, found = part
    text = "\n".join(lines)
    for pattern in patterns:
        assert re.search(pattern, text), explain(part, f"no {pattern}")
    assert found == status, explain(part, f"status {found} instead of {status}")
    return text


def test_linux_poweroff(parts):
    check(parts, "poweroff", 0, r"userspace on 2 CPUs, 256 MiB", r"bulkhead: \[vm\] powered off")


def test_linux_reboot(parts):
    """By what is typed into a pipe."""
    text = check(parts, "reboot", 0, r"bulkhead: \[vm\] reboots", r"bulkhead: \[vm\] powered off")
    assert text.count("userspace on 2 CPUs") == 2, text


def test_signals(parts):
    check(parts, "sigterm", 128 + 15, r"stopped by the operator")
    check(parts, "sigint", 128 + 2, r"stopped by the operator")


def test_system_image(parts):
    """Several VMs: each line says whose it is; one that crashed is a failure."""
    text = check(parts, "image", 1, r"\[one\] hello from a guest", r"\[bad\] crashed")
    assert "[two]" not in text


def test_messages(parts):
    check(parts, "missing", 1, r"/dev/kvm: .*modprobe kvm")
    check(parts, "permission", 1, r"/dev/kvm: .*Permission denied.*group")
    check(parts, "usage", 2, r"--cpus must be a number from 1 to 32")
    check(parts, "script", 1, r"does not start: kernel: is a script")
    check(parts, "memory", 1, r"64G of memory")


def test_nothing_left(parts):
    check(parts, "left", 1, r"^0")


# ---- On a terminal


def test_terminal(tmp_path):
    """The operator's console in front of the one VM, whose keys are its own but Ctrl-]."""
    machine = kvmlib.Machine(tmp_path)
    machine.add(kvmlib.IMAGE)
    machine.add(kvmlib.INITRAMFS)
    machine.part("terminal", f"{RUN} {QUIET}; code=$?; stty -a | grep -o -e '-*icanon'; exit $code")
    words = machine.command()
    with pexpect.spawn(words[0], words[1:], timeout=120, encoding="latin-1") as child:
        child.expect("-- vm: [a-z]+; Ctrl-] \\? explains the keys --")
        child.expect("guest:~# ")
        child.send("sleep 2\r")
        child.send("\x03")  # Ctrl-C is for the guest
        child.expect(r"\^C")
        child.expect("guest:~# ")
        child.send(KEY + "s")
        child.expect(PROMPT)
        child.send("info vm\r")
        child.expect("engine +kvm")
        child.expect("\n +0 started +\\d+ +[1-9]")
        child.expect(PROMPT)
        child.send("pause vm\r")
        child.expect("pausing")
        child.send("resume vm\r")
        child.expect("resuming")
        child.send("console vm\r")
        child.expect("-- vm: running")
        child.send("echo $((6 * 7)) more\r")
        child.expect("42 more")
        child.send("poweroff -f\r")
        child.expect("@status 0")
        assert "\nicanon" in child.before  # the terminal is what it was
        child.expect(pexpect.EOF)
