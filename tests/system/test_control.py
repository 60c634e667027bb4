"""The control of VMs in a process from outside: the command's client against a server of this file,
and against VMs over KVM that hang."""

import json
import os
import re
import socket
import struct
import subprocess
import threading

import guestlib
import kvmlib
import pytest

COMMAND = guestlib.BUILD / "bulkhead"


# ---- The client, with a server that is not ours


class Server:
    """Answers in the way of a system that runs; requests are kept."""

    def __init__(self, runtime, name, pid, answers):
        self.requests = []
        self.answers = answers
        self.socket = socket.socket(socket.AF_UNIX)
        self.path = runtime / "bulkhead" / f"{name}.{pid}.sock"
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        self.socket.bind(str(self.path))
        self.socket.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client = self.socket.accept()[0]
            except OSError:
                return
            with client:
                request = client.makefile().readline().rstrip("\n")
                if request:
                    self.requests.append(request)
                    client.sendall(self.answers.get(request, b"failed 3\nno\n"))

    def kill(self):
        """As a kill -9 does: the file stays."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def ok(text):
    return f"ok {len(text)}\n{text}".encode()


@pytest.fixture(name="runtime")
def runtime_fixture(tmp_path):
    os.chmod(tmp_path, 0o700)
    return tmp_path


def bulkhead(runtime, *args):
    return subprocess.run([COMMAND, *args], capture_output=True, text=True, timeout=20, check=False,
                          env=os.environ | {"XDG_RUNTIME_DIR": str(runtime)})


@pytest.mark.parametrize("name", ["list", "info", "log", "start", "stop", "kill", "pause", "resume",
                                  "restart"])
def test_help(runtime, name):
    done = bulkhead(runtime, name, "--help")
    assert done.returncode == 0 and done.stdout.startswith(f"usage: bulkhead {name} [options]")
    assert "--json" in done.stdout and not done.stderr


def test_nothing_runs(runtime):
    done = bulkhead(runtime, "list")
    assert done.returncode == 0 and "No system runs here" in done.stdout
    assert json.loads(bulkhead(runtime, "list", "--json").stdout) == []
    done = bulkhead(runtime, "stop", "vm")
    assert done.returncode == 1 and "no system runs here" in done.stderr and not done.stdout


def test_finds_by_name(runtime):
    names = ok("running 1 linux\nrunning 1 rt\n")
    one = Server(runtime, "one", 11, {"names": names, "stop linux": ok("linux: stopping\n")})
    two = Server(runtime, "two", 12, {"names": names.replace(b"rt", b"db"), "list": ok("rows\n")})
    done = bulkhead(runtime, "stop", "linux")
    assert done.returncode == 1
    assert "several VMs 'linux'" in done.stderr and "11/linux of one" in done.stderr
    for word in ("one/linux", "11/linux"):
        done = bulkhead(runtime, "stop", word)
        assert done.returncode == 0 and done.stdout == "linux: stopping\n"
    assert one.requests.count("stop linux") == 2 and "stop linux" not in two.requests
    done = bulkhead(runtime, "pause", "db2")
    assert done.returncode == 1 and "did you mean 'db'?" in done.stderr
    one.kill()
    done = bulkhead(runtime, "list")
    assert done.returncode == 0 and done.stdout == "two (process 12)\nrows\n"
    assert not one.path.exists() and two.path.exists()
    two.kill()


@pytest.mark.parametrize("answer", [b"", b"ok\n", b"ok 5\nfour", b"ok 3\nfour", b"x" * 300000,
                                    b"ok -1\n", b"\0\n\xff"], ids=range(7))
def test_bears_nonsense(runtime, answer):
    """A message and an exit code, whatever comes."""
    server = Server(runtime, "odd", 1, {"names": answer, "list": answer, "json list": answer})
    for args in (["list"], ["list", "--json"], ["info"], ["stop", "vm"]):
        done = bulkhead(runtime, *args)
        assert done.returncode == 1 and "bulkhead: odd (process 1): " in done.stderr
    server.kill()


# ---- Over KVM


def spinning_elf():
    """A guest that answers nothing: `j .` at the start of its RAM."""
    start = 0x80200000
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 243, 1, start, 64, 0, 0,
                         64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 120, start, start, 4, 4, 8)
    return header + segment + struct.pack("<I", 0x0000006F)


SYSTEM = """/dts-v1/;

/ {
	compatible = "bulkhead,system";
	vms {
		spin1 { memory = "32M"; vcpus = <2>; kernel = "spin.elf"; };
		spin2 { memory = "32M"; kernel = "spin.elf"; };
		spare { memory = "32M"; kernel = "spin.elf"; start = "manual"; };
	};
};
"""

# Hundredths of seconds that a command takes, as its last line.
TIMED = ("t=$(sed 's/ .*//;s/[.]//' /proc/uptime); %s; "
         "echo \"took $(( $(sed 's/ .*//;s/[.]//' /proc/uptime) - t ))\"")

PARTS = {
    "nothing": "/bulkhead list",
    "start": "/bulkhead run --batch /demo.img </dev/null >/out 2>&1 & sleep 3; cat /out",
    "list": TIMED % "/bulkhead list",
    "listjson": "/bulkhead list --json",
    "info": TIMED % "/bulkhead info spin1",
    "infojson": "/bulkhead info --json",
    "pause": "/bulkhead pause --wait 5 spin1 && /bulkhead info spin1",
    "resume": "/bulkhead resume --wait 5 spin1 && /bulkhead list",
    "restart": "/bulkhead restart --wait 10 demo/spin1 && /bulkhead list",
    "manual": "/bulkhead start --wait 10 spare && /bulkhead stop --wait 10 spare && /bulkhead list",
    "log": "/bulkhead log spin1",
    "logjson": "/bulkhead log --json",
    "unknown": "/bulkhead stop spin3",
    "already": "/bulkhead resume spin2",
    "joe": "su joe -s /bin/sh -c '/bulkhead list'; ls -ld /run/bulkhead",
    "second": "/bulkhead run --batch /demo.img </dev/null >/out2 2>&1 & sleep 3; "
              "/bulkhead stop spin1; kill -9 $!; sleep 1; /bulkhead list; ls -a /run/bulkhead",
    "kill": "/bulkhead kill spin1 && /bulkhead list",
    "sigterm": "kill -TERM $(pidof bulkhead); sleep 2; pidof bulkhead; /bulkhead list; "
               "ls -a /run/bulkhead; cat /out",
}


@pytest.fixture(scope="session", name="parts")
def parts_fixture(tmp_path_factory):
    directory = tmp_path_factory.mktemp("control")
    machine = kvmlib.Machine(directory)
    (directory / "spin.elf").write_bytes(spinning_elf())
    (directory / "demo.dts").write_text(SYSTEM)
    packed = guestlib.command_run([COMMAND, "pack", directory / "demo.dts", "-o",
                                   directory / "demo.img"], 60)
    assert packed.status == 0, packed.output
    machine.add(directory / "demo.img")
    machine.script = "mkdir -p /run; echo 'joe:x:1000:1000::/:/bin/sh' >>/etc/passwd\n"
    for name, script in PARTS.items():
        machine.part(name, script)
    return machine.run(timeout=200)


def check(parts, name, status, *patterns):
    lines, found = parts.get(name, ([], None))
    text = "\n".join(lines)
    for pattern in patterns:
        assert re.search(pattern, text), f"{name}: no {pattern} in\n{text}"
    assert found == status, f"{name}: status {found} instead of {status}\n{text}"
    return text


def check_json(parts, name):
    lines, status = parts[name]
    assert status == 0
    return json.loads("\n".join(line for line in lines if not line.startswith("@status")))




def test_shows_what_hangs(parts):
    check(parts, "nothing", 0, "No system runs here")
    check(parts, "start", 0)
    text = check(parts, "list", 0, r"^demo \(process \d+\)\n",
                 r" 1  spin1 +running +2 +32 MiB", r" 3  spare +off")
    took = [int(n) for n in re.findall(r"took (\d+)", text + check(parts, "info", 0, "kvm"))]
    # Hundredths of seconds, on an emulated machine that may itself wait for others; 10 ms where an
    # instruction takes a nanosecond. A command that waits for a guest would never come back.
    assert len(took) == 2 and max(took) < 300
    system, = check_json(parts, "listjson")
    assert [vm["state"] for vm in system["vms"]] == ["running", "running", "off"]
    info = check_json(parts, "infojson")
    assert [vm["name"] for vm in info] == ["spin1", "spin2", "spare"]
    assert [len(vm["vcpu"]) for vm in info] == [2, 1, 0]


def test_commands_what_hangs(parts):
    check(parts, "pause", 0, "spin1: pausing", "state +paused", r"   0 paused")
    check(parts, "resume", 0, "spin1: resuming", "spin1 +running")
    check(parts, "restart", 0, "spin1: restarting", r"spin1 +running .* 1  -")
    check(parts, "manual", 0, "spare: starting", "spare: stopping", r"spare +off .* stopped")
    check(parts, "kill", 0, "spin1: stopping", r"spin1 +off .* stopped")


def test_log(parts):
    text = check(parts, "log", 0, r"\[spin1\] restarted by the operator")
    assert "spare" not in text
    system, = check_json(parts, "logjson")
    assert system["system"] == "demo" and any("[spare] " in line for line in system["lines"])


def test_errors(parts):
    check(parts, "unknown", 1, r"no VM 'spin3': did you mean 'spin[12]'\?")
    check(parts, "already", 1, r"resume: spin2 is running\.")
    check(parts, "joe", 0, "No system runs here", r"drwx------ ")


def test_leaves_nothing(parts):
    """Neither a process that was killed nor one that was asked to end."""
    text = check(parts, "second", 0, r"several VMs 'spin1'")
    assert text.count("demo (process") == 1 and text.count(".sock") == 1
    text = check(parts, "sigterm", 0, "No system runs here", r"\[spin2\] stopped by the operator")
    assert ".sock" not in text and not re.search(r"^\d+$", text, re.M)
