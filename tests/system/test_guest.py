"""The guest programs, bare on QEMU (which keeps them honest) and in a VM on every kind of host."""

import dataclasses
import re

import comparelib
import guestlib
import pytest
from systemlib import each_engine

PROGRAMS = guestlib.programs()
BY_NAME = {program.name: program for program in PROGRAMS}

# Bare: with and without what the programs look for in the ISA string.
NATIVE_CPUS = ["rv64", "rv64,h=false", "rv64,sstc=off", "rv64,h=false,svadu=off", "max"]

# Hosts of the VM: with the H extension, and without it, for the classic engine.
HOST_CPUS = ["rv64", "rv64,sstc=off", "rv64,v=true,vlen=256", "max"]
CLASSIC_CPUS = ["rv64,h=false", "rv64,h=false,sstc=off", "rv64,h=false,svadu=off"]

# Enough where all programs would take too long.
CHOICE = [BY_NAME[name] for name in ("hello", "fpv", "smp", "timer", "traps", "wfi")]

programs = pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
choice = pytest.mark.parametrize("program", CHOICE, ids=lambda program: program.name)


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


def vm_check(program, tmp_path, cpu, options=(), engine=None):
    # A reboot that is granted goes on for ever.
    timeout = 10 if program.end == "reboot" else 300  # a loaded workstation wakes its threads late
    result = guestlib.vm_run(
        program, tmp_path, timeout=timeout, options=["--cpu", cpu, *options], engine=engine
    )
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


@pytest.mark.usefixtures("command")
@programs
def test_classic(program, tmp_path):
    vm_check(program, tmp_path, CLASSIC_CPUS[0])


@pytest.mark.usefixtures("command")
@pytest.mark.parametrize("cpu", CLASSIC_CPUS[1:])
@choice
def test_classic_lesser(program, cpu, tmp_path):
    vm_check(program, tmp_path, cpu)


@pytest.mark.usefixtures("command")
@choice
def test_classic_beside_h(program, tmp_path):
    """Where there is H, because the description says so."""
    vm_check(program, tmp_path, "rv64", engine="classic")


@pytest.mark.usefixtures("command")
@choice
def test_classic_own_firmware(program, tmp_path):
    """Under Bulkhead's own firmware: other traps, the same transcript."""
    firmware = guestlib.BUILD / "bulkhead-fw.bin"
    assert firmware.exists(), f"{firmware} is not built"
    vm_check(program, tmp_path, CLASSIC_CPUS[0], ["--firmware", firmware])


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
@each_engine
def test_rt_vm(host, tmp_path):
    rt_check(guestlib.vm_run(RT, tmp_path, options=host))


def test_ops_native():
    ops_check(guestlib.native_run(OPS, args=["-icount", "shift=0,sleep=off"]))


@pytest.mark.usefixtures("command")
@each_engine
def test_ops_vm(host, tmp_path):
    icount = ["-icount", "shift=0,sleep=off"]
    ops_check(guestlib.vm_run(OPS, tmp_path, icount, options=host))


@pytest.mark.usefixtures("command")
@each_engine
@pytest.mark.parametrize("end", ["triple", "jump"])
def test_hostile_end(end, host, tmp_path):
    """However it ends, the hypervisor stays; the run ends by itself or by its time limit."""
    program = dataclasses.replace(BY_NAME["hostile"], args=f"hostile.end={end}", end="any")
    result = guestlib.vm_run(program, tmp_path, timeout=30, options=host)
    wrong = guestlib.mismatch(program, guestlib.guest_lines(result.output))
    assert not wrong, explain(result, wrong)
    assert "panic" not in result.output.lower(), explain(result, "the hypervisor died")


# Random steps that must leave the same on both machines; tests/compare does the same by hand.
COMPARED = [*HOST_CPUS, *CLASSIC_CPUS[:1], "rv64,h=false,sstc=off,svadu=off", "max,h=false"]


@pytest.mark.usefixtures("command")
@pytest.mark.parametrize("cpu", COMPARED)
@pytest.mark.parametrize("name", comparelib.PROGRAMS)
def test_compare(name, cpu):
    wrong = comparelib.compare(name, cpu, seed=1 + COMPARED.index(cpu))
    assert not wrong, wrong[-20000:]


@pytest.mark.usefixtures("command")
@pytest.mark.parametrize("cpu", ["rv64", "rv64,h=false"])
def test_compare_vectored(cpu):
    """OpenSBI does not return to a vectored stvec properly: Bulkhead's own firmware does."""
    firmware = guestlib.BUILD / "bulkhead-fw.bin"
    assert firmware.exists(), f"{firmware} is not built"
    wrong = comparelib.compare("privileged", cpu, seed=20, redirects=True, bios=firmware,
                               host_bios=firmware)
    assert not wrong, wrong[-20000:]
