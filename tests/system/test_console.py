"""The operator's console, as docs/guide/console.md describes it."""

import random
import re

import pytest
from systemlib import KEY, PROMPT, each_engine, guest, linux, program, start, system, vm

UP, DOWN, LEFT, RIGHT = "\x1b[A", "\x1b[B", "\x1b[D", "\x1b[C"
HOME, END, DELETE = "\x1b[H", "\x1b[F", "\x1b[3~"


def rt(name, **properties):
	return vm(name, guest("rt.elf"), memory="16M", bootargs="rt.seconds=1", **properties)


@pytest.fixture(name="console")
def console_fixture(tmp_path):
	"""Two small VMs, one of which is off, and the shell in view."""
	description = system(tmp_path, rt("alpha"), program("hello", "beta", start="manual"))
	with start(description, "--harts", 2) as machine:
		machine.shell()
		machine.wait_state("alpha", "running")
		yield machine


def typed(machine, keys, answer):
	machine.send(keys)
	match = machine.expect(answer)
	machine.expect(PROMPT)
	return match


# --- views ------------------------------------------------------------------------------------

def test_banner_and_overview(tmp_path):
	with start(system(tmp_path, rt("alpha"), rt("beta")), "--harts", 2) as machine:
		assert "This is Bulkhead's console, and its overview" in machine.seen
		assert "Ctrl-] then 1..9: that VM" in machine.seen
		machine.expect(r"\r\n\[alpha\] rt: ")
		machine.expect(r"\r\n\[beta\] rt: ")
		machine.send("?")
		machine.expect("In the overview the keys work without Ctrl-]")
		machine.send("\r")
		machine.expect(PROMPT)


def test_keys(tmp_path):
	with start(system(tmp_path, rt("alpha"), rt("beta"), rt("gamma")), "--harts", 2) as machine:
		machine.expect(r"\[alpha\] rt: histogram")
		machine.view(1, "alpha")
		machine.view("n", "beta")
		machine.view(RIGHT, "gamma")
		machine.view("n", "alpha")
		machine.view("p", "gamma")
		machine.view(LEFT, "beta")
		machine.expect(r"\nrt: histogram")
		machine.key("9")
		machine.expect("-- there is no such VM --")
		machine.key("x")
		machine.expect(r"-- Ctrl-\] then 1\.\.9")
		machine.key(KEY)
		machine.expect(PROMPT)
		machine.key(KEY)
		machine.expect("-- beta: running")
		machine.key("s")
		machine.expect(PROMPT)
		machine.key("0")
		machine.expect("-- overview --")
		machine.expect(r"\r\n\[(alpha|beta|gamma)\] ")
		machine.key("?")
		machine.expect(r"Ctrl-\] twice: the shell and back")


@each_engine
def test_linux_view(host, tmp_path):
	"""Typing to a Linux shell; a Ctrl-] for the VM itself; a VM's view shows only its own."""
	with start(system(tmp_path, linux(vcpus=2), rt("noise")), "--harts", 2, *host) as machine:
		machine.expect(r"\[linux\] linux:~# ")
		machine.view(1, "linux")
		machine.send("\r")
		machine.expect("linux:~# ")
		machine.seen = ""
		machine.send("echo hi; echo $((6 * 7))\r")
		machine.expect(r"\nhi\r+\n42\r+\n")
		machine.expect("linux:~# ")
		machine.send("stty -echo; echo rea''dy; cat -v; stty echo\r")
		machine.expect(r"\nready\r")
		machine.key("]")
		machine.send("\r\x04")
		machine.expect(r"\n\^\]\r")
		machine.expect("linux:~# ")
		machine.send("for i in $(seq 300); do echo line $i of 300; done\r")
		machine.expect(r"\nline 300 of 300\r")
		assert "[noise]" not in machine.seen
		machine.send("sleep 1000\r")
		machine.send("\x03")
		machine.expect("linux:~# ")


@each_engine
def test_paste(host, tmp_path):
	"""A long paste is held back until the guest has read it: nothing is lost."""
	with start(system(tmp_path, linux()), "--harts", 1, *host) as machine:
		machine.expect(r"\[linux\] linux:~# ")
		machine.view(1, "linux")
		machine.send("stty -echo; echo rea''dy; cat >paste; wc paste\r")
		machine.expect(r"\nready\r")
		machine.send("".join(f"line {number:03} of what is pasted\r" for number in range(100)))
		machine.send("\x04")
		machine.expect(r"\n +100 +600 +(\d+) paste\r")
		assert int(machine.child.match[1]) == 100 * len("line 000 of what is pasted\n")


def test_vm_that_is_off(console):
	console.key("2")
	console.expect(r"-- beta: off; Ctrl-\] s, then 'start beta' starts it --")
	console.send("typed to nobody\r")
	console.shell()
	console.ask("start beta", "beta: starting")
	console.wait_state("beta", "off")
	console.ask("info beta", "last end: power-off")
	console.send("console beta\r")
	console.expect("-- beta: off")
	console.expect("hello from a guest")


# --- the shell ------------------------------------------------------------------------------------

def test_help(console):
	listed = console.ask("help", r"\n  list +\S(?:.|\n)*\n  shutdown(?:.|\n)*Ctrl-\] \? explains")[0]
	for name in ("info", "console", "start", "stop", "pause", "resume", "restart", "log",
		     "system", "version", "exit", "help"):
		assert f"\n  {name} " in listed, listed
	console.ask("help stop", r"stop VM\.\.\.: end VMs at once")
	console.ask("help nothing", "No command 'nothing'; 'help' lists them all")


def test_commands(console):
	found = console.ask("list", r"#  name +state +vCPUs(?:.|\n)*beta[^\r]*\r")[0]
	assert re.search(r" 1  alpha +running +1 +16 MiB", found), found
	assert re.search(r" 2  beta +off +1 +64 MiB", found), found
	found = console.ask("info alpha", r"name +alpha \(number 1\)(?:.|\n)*\n +0 (?:started|suspended)"
			    r"[^\r]*\r")[0]
	assert "engine    hext" in found and "16 MiB for the guest" in found, found
	assert re.search(r"vCPU state +interrupt +mmio +sbi +wfi +fatal", found), found
	console.ask("info 2", r"name +beta(?:.|\n)*none running")
	console.ask("log", r"\d\.\d\d\d Bulkhead \d\.\d on 2 harts")
	console.ask("system", r"harts +2\r+\n(?:.|\n)*free for guests(?:.|\n)*1 running, 1 off")
	console.ask("version", r"\nBulkhead \d")
	console.send("overview\r")
	console.expect("-- overview --")
	console.shell()
	console.send("exit\r")
	console.expect("-- overview --")


def test_engines_shown(tmp_path):
	"""As described; the boot argument is for the VM that leaves it open. None of them runs."""
	description = system(tmp_path, *(rt(name, start="manual", **properties) for name, properties in (
		("open", {}), ("hardware", {"engine": "hext"}), ("classic", {"engine": "classic"}))))
	with start(description, "--append", "engine=classic") as machine:
		machine.shell()
		machine.ask("info open", "engine    classic")
		machine.ask("info hardware", "engine    hext")
		machine.ask("info classic", "engine    classic")
	with start(description, "--append", "engine=none") as machine:
		assert 'engine: this machine has none that is called "none"' in machine.seen
		machine.shell()
		machine.ask("info open", "engine    hext")


def test_mistakes(console):
	console.ask("lsit", "No command 'lsit'; did you mean 'list'")
	console.ask("xyzzy", "No command 'xyzzy'; 'help' lists them all")
	console.ask("stop", "'stop' needs the names of one or more VMs")
	console.ask("info", "'info' needs one VM's name")
	console.ask("list all", "'list' takes nothing after it")
	console.ask("stop alpha betta", "No VM 'betta'; there are: alpha, beta")
	assert console.row("alpha")[0] == "running"
	console.ask("stop 3", "No VM '3'")
	console.ask("stop 99999999999999999999", "No VM '99999999999999999999'")
	console.ask("stop " + "alpha " * 30, "At most [0-9]+ words")
	console.ask("   ", "")
	console.ask("version", "Bulkhead")


def test_completion(console):
	typed(console, "ver\t\r", r"\nBulkhead \d")
	typed(console, "info al\t\r", "name +alpha")
	console.send("re\t\t")
	console.expect("resume  restart")
	console.expect(PROMPT + "res")
	typed(console, "u\tbeta\r", "beta is off")
	console.send("info \t")
	console.expect("alpha  beta")
	typed(console, "b\t\r", "name +beta")


def test_history_and_editing(console):
	console.ask("version", r"\nBulkhead \d")
	console.ask("info beta", r"name +beta")
	typed(console, UP + UP + "\r", r"\nBulkhead \d")
	typed(console, UP + UP + DOWN + "\r", r"\nBulkhead \d")
	typed(console, "\x10\x10\x0e\r", r"\nBulkhead \d")
	typed(console, "xversion" + HOME + DELETE + "\r", r"\nBulkhead \d")
	typed(console, "fo beta" + HOME + "in" + END + "\r", "name +beta")
	typed(console, "versXion" + LEFT * 3 + "\x7f\r", r"\nBulkhead \d")
	typed(console, "nonsense\x15version\r", r"\nBulkhead \d")
	typed(console, "version nonsense\x17\r", r"\nBulkhead \d")
	typed(console, "version nonsense" + LEFT * 9 + "\x0b\r", r"\nBulkhead \d")
	typed(console, "stop alpha\x03", r"\^C")
	assert console.row("alpha")[0] == "running"


def test_line_stays(console):
	"""What is typed is there again after a look elsewhere."""
	console.send("vers")
	console.expect("vers")
	console.key("o")
	console.expect("-- overview --")
	console.key("s")
	console.expect(PROMPT + "vers")
	typed(console, "ion\r", r"\nBulkhead \d")


def test_messages_while_typing(console):
	"""The hypervisor's own lines come above the prompt, and the line goes on below."""
	console.send("start beta\rvers")
	console.expect(r"bulkhead: \[beta\] powered off\r+\n")
	console.expect(PROMPT + "vers")
	typed(console, "ion\r", r"\nBulkhead \d")


# --- whatever is typed ---------------------------------------------------------------------------

def nonsense(generator, count):
	"""Bytes of all kinds; not those that end the machine, or QEMU (whose key is Ctrl-A)."""
	words = ["list", "info", "help", "start", "stop", "pause", "resume", "restart", "log", "system",
		 "alpha", "beta", "1", "2", "\t", " ", "\r", KEY, KEY + "s", KEY + "1", "\x1b[",
		 "\x1b[1;5C", UP, DOWN, "\x1b", "overview", "console", "exit", "y"]
	for _ in range(count):
		if generator.randrange(3):
			yield generator.choice(words)
		else:
			yield "".join(chr(generator.randrange(2, 127)) for _ in range(8))


def back_to_shell(console):
	"""From wherever it is, in the middle of a key, too."""
	console.send("x")
	console.key("o")
	console.key("s")
	console.send("\x03")
	console.ask("version", r"\nBulkhead \d")


@pytest.mark.parametrize("seed", [1, 2])
def test_nonsense(seed, console):
	generator = random.Random(seed)
	text = "".join(nonsense(generator, 500))
	# "shutdown" is the one word that would end it, and only with its answer.
	assert "shutdown" not in text
	console.send(text)
	back_to_shell(console)


def test_raw_bytes(console):
	"""Every byte in every view, bytes above 127 too."""
	everything = bytes(b for b in range(256) if b != 1 and chr(b) != KEY)
	for view in ("s", "o", "1", "2"):
		console.key(view)
		console.send(everything.decode("latin-1"))
	back_to_shell(console)
