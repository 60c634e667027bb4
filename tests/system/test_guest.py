"""The guest programs, bare on QEMU (which keeps them honest) and in a VM on every kind of host."""

import dataclasses
import re

import guestlib
import pytest

PROGRAMS = guestlib.programs()
BY_NAME = {program.name: program for program in PROGRAMS}

# Bare: with and without what the programs look for in the ISA string.
NATIVE_CPUS = ["rv64", "rv64,h=false", "rv64,sstc=off", "rv64,h=false,svadu=off", "max"]

# Hosts of the VM; another engine adds the hosts that it runs on.
HOST_CPUS = ["rv64", "rv64,sstc=off", "rv64,v=true,vlen=256", "max"]

programs = pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)


# No transcript, as their numbers differ: the lines that must appear.
RT = guestlib.Program(
    "rt", args="rt.histograms=1 rt.seconds=1", match="lines", expect=["rt: done"]
)
OPS = guestlib.Program("bench-ops", match="lines", expect=["bench end"])


def explain(result, text):
    return f"{text}\n--- the end of the output, status {result.status}:\n{result.output[-3000:]}"


@pytest.mark.parametrize("cpu", NATIVE_CPUS)
@programs
def test_native(program, cpu):
    result = guestlib.native_run(program, cpu)
    lines = guestlib.native_forgive(program, guestlib.guest_lines(result.output))
    wrong = guestlib.mismatch(program, lines)
    assert not wrong, explain(result, wrong)
    assert result.status is not None, explain(result, "it did not end")


def vm_check(program, tmp_path, cpu, *qemu_args):
    # A reboot that is granted goes on for ever.
    timeout = 10 if program.end == "reboot" else 300  # a loaded workstation wakes its threads late
    result = guestlib.vm_run(program, tmp_path, ["-cpu", cpu, *qemu_args], timeout)
    wrong = guestlib.mismatch(program, guestlib.guest_lines(result.output))
    assert not wrong, explain(result, wrong)
    if program.end == "poweroff":
        assert result.status == 0, explain(result, "it should have ended with 0")
    elif program.end == "crash":
        assert result.status == 1, explain(result, "it should have ended with 1")


@pytest.fixture(scope="session", name="command")
def command_fixture():
    command = guestlib.BUILD / "bulkhead"
    if not command.exists():
        pytest.skip(f"{command} is not built")
    return command


@pytest.mark.usefixtures("command")
@pytest.mark.parametrize("cpu", HOST_CPUS)
@programs
def test_vm(program, cpu, tmp_path):
    vm_check(program, tmp_path, cpu)


def rt_check(result):
    wrong = guestlib.mismatch(RT, guestlib.guest_lines(result.output))
    assert not wrong, explain(result, wrong)
    assert "rt: histogram 1: " in result.output, explain(result, "no histogram")
    assert result.status == 0, explain(result, "it should have ended with 0")


def ops_check(result):
    wrong = guestlib.mismatch(OPS, guestlib.guest_lines(result.output))
    assert not wrong, explain(result, wrong)
    costs = re.findall(r"bench (\w+) (\d+)", result.output)
    assert len(costs) >= 10, explain(result, "operations are missing")


def test_rt_native():
    rt_check(guestlib.native_run(RT))


@pytest.mark.usefixtures("command")
def test_rt_vm(tmp_path):
    rt_check(guestlib.vm_run(RT, tmp_path))


def test_ops_native():
    ops_check(guestlib.native_run(OPS, args=["-icount", "shift=0,sleep=off"]))


@pytest.mark.usefixtures("command")
def test_ops_vm(tmp_path):
    ops_check(guestlib.vm_run(OPS, tmp_path, ["-icount", "shift=0,sleep=off"]))


@pytest.mark.usefixtures("command")
@pytest.mark.parametrize("end", ["triple", "jump"])
def test_hostile_end(end, tmp_path):
    """However it ends, the hypervisor stays; the run ends by itself or by its time limit."""
    program = dataclasses.replace(BY_NAME["hostile"], args=f"hostile.end={end}", end="any")
    result = guestlib.vm_run(program, tmp_path, timeout=30)
    wrong = guestlib.mismatch(program, guestlib.guest_lines(result.output))
    assert not wrong, explain(result, wrong)
    assert "panic" not in result.output.lower(), explain(result, "the hypervisor died")
