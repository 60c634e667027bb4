"""The life of VMs: restarts in great number, the operator's commands, crashes and what follows
them, a hostile VM beside good ones."""

import re

import pytest
from systemlib import PROMPT, batch, each_engine, guest, linux, program, start, system, vm

RESTARTS = 1000


def ticker(name="ticker", **properties):
	"""A neighbour that prints a histogram each second and counts them."""
	return vm(name, guest("rt.elf"), memory="16M", bootargs="rt.seconds=1", **properties)


def histogram(machine):
	"""The number of the next histogram that appears in the overview."""
	return int(machine.expect(r"rt: histogram (\d+): ")[1])


# --- restarts ---------------------------------------------------------------------------------

@each_engine
def test_thousand_restarts(host, tmp_path):
	"""The same memory is free before and after, and the neighbour runs on."""
	victim = program("reboot", "victim", memory="4M", start="manual")
	with start(system(tmp_path, ticker(), victim), "--harts", 2, *host) as machine:
		histogram(machine)
		machine.shell()
		before = machine.free_memory()
		machine.ask("start victim", "victim: starting")
		# Watched from another view: the shell would show a line for each restart.
		while machine.row("victim")[1] < RESTARTS:
			machine.view(1, "ticker")
			for _ in range(2):
				machine.expect(r"\nrt: histogram")
			machine.shell()
		machine.ask("stop victim", "victim: stopping")
		# Stopped, or at once at the end of its last run.
		_, restarts, end = machine.wait_state("victim", "off")
		assert restarts >= RESTARTS and end in ("stopped", "reboot")
		after = machine.free_memory()
		# The shell says it in tenths of a MiB: that is a hundred bytes for each restart.
		assert abs(after - before) <= 103, f"free: {before} KiB, then {after} KiB"
		assert machine.row("ticker")[:2] == ("running", 0)
		machine.key("o")
		last = histogram(machine)
		assert histogram(machine) > last


@each_engine
def test_free_memory_is_exact(host, tmp_path):
	"""To the byte, as the boot argument `count` logs it: after a first run nothing is lost."""
	victim = program("reboot", "victim", memory="4M")
	with start(system(tmp_path, victim), "--append", "count", *host) as machine:
		lines = []
		for _ in range(60):
			machine.expect("count: victim: own instructions|count: memory: [^\r]*?"
				       r"lent (\d+), free (\d+) bytes")
			lines.append(machine.child.match.groups())
	seen = [line for line in lines if line[0]]
	starts, ends = set(seen[10::2]), set(seen[11::2])
	assert len(starts) == 1 and len(ends) == 1, f"at starts {starts}, at ends {ends}"


def test_always(tmp_path):
	"""restart = "always": a VM that powers off comes again, and a batch run does not wait for it."""
	description = system(tmp_path, program("hello", restart="always"),
			     linux(bootargs="bulkhead.poweroff"))
	run = batch(description, "--harts", 2)
	run.succeeded()
	assert run.output.count("bulkhead: [hello] powered off") > 1, run.explain("one run only")


# --- the operator ---------------------------------------------------------------------------------

@each_engine
def test_operator(host, tmp_path):
	description = system(tmp_path, ticker(), ticker("other", start="manual"))
	with start(description, "--harts", 2, *host) as machine:
		histogram(machine)
		machine.shell()
		assert machine.row("other") == ("off", 0, "-")
		machine.ask("start other", "other: starting")
		machine.wait_state("other", "running")
		machine.ask("start other", "other is running")
		machine.ask("pause ticker other", "ticker: pausing", "other: pausing")
		machine.wait_state("ticker", "paused")
		machine.wait_state("other", "paused")
		machine.ask("pause other", "other is paused")
		machine.ask("info other", r"state +paused[^\r]*\r(?:.|\n)*0 paused ")
		machine.ask("start other", "other is paused; 'resume' lets it go on")
		machine.ask("resume ticker", "ticker: resuming")
		machine.wait_state("ticker", "running")
		assert machine.row("other")[0] == "paused"
		machine.ask("stop other", "other: stopping")
		assert machine.wait_state("other", "off")[2] == "stopped"
		machine.ask("stop other", "other is off")
		machine.ask("restart other", "other is off; 'start' starts it")
		machine.ask("restart ticker", "ticker: restarting")
		row = machine.wait_row("ticker", lambda state, restarts, end:
				       restarts == 1 and state == "running")
		assert row[0] == "running"
		machine.key("o")
		assert histogram(machine) >= 1


@each_engine
def test_pause_holds_still(host, tmp_path):
	"""A paused VM prints nothing, and goes on with its next line where it stood."""
	with start(system(tmp_path, ticker(), ticker("clock")), "--harts", 2, *host) as machine:
		machine.expect(r"\[ticker\] rt: histogram 2:")
		machine.shell()
		machine.ask("pause ticker", "ticker: pausing")
		machine.wait_state("ticker", "paused")
		machine.key("o")
		# What was printed before comes first; three of the neighbour's come after that.
		for _ in range(3):
			machine.expect(r"\[clock\] rt: histogram \d+:")
		machine.seen = ""
		for _ in range(2):
			machine.expect(r"\[clock\] rt: histogram \d+:")
		assert "[ticker]" not in machine.seen
		machine.shell()
		machine.ask("resume ticker", "ticker: resuming")
		machine.key("o")
		found = machine.expect(r"\[ticker\] rt: histogram (\d+):")
		assert 3 <= int(found[1]) <= 5


@each_engine
def test_linux_under_the_operator(host, tmp_path):
	"""Pause and resume of an SMP Linux, then a restart: it comes to userspace again."""
	with start(system(tmp_path, linux(vcpus=2)), "--harts", 2, *host) as machine:
		machine.expect("userspace on 2 CPUs")
		machine.shell()
		for _ in range(3):
			machine.ask("pause linux", "linux: pausing")
			machine.wait_state("linux", "paused")
			machine.ask("resume linux", "linux: resuming")
			machine.wait_state("linux", "running")
		machine.view(1, "linux")
		machine.send("echo a$((6 * 7))b\r")
		machine.expect("a42b")
		machine.shell()
		machine.ask("restart linux", "linux: restarting")
		machine.key("o")
		machine.expect("userspace on 2 CPUs")


def test_shutdown(tmp_path):
	with start(system(tmp_path, ticker()), "--harts", 2) as machine:
		machine.shell()
		machine.send("shutdown\r")
		machine.expect(r"Sure\? \[y/N\] ")
		machine.send("n\r")
		machine.expect("Nothing happens")
		machine.expect(PROMPT)
		machine.send("shutdown\r")
		machine.expect(r"Sure\? \[y/N\] ")
		machine.send("y\r")
		machine.expect("Powering off")
		assert machine.ended() == 0


# --- crashes ------------------------------------------------------------------------------------------

@each_engine
def test_crash(host, tmp_path):
	"""restart = "never": it stays off and says why; the others run on."""
	with start(system(tmp_path, ticker(), program("crash")), "--harts", 2, *host) as machine:
		machine.expect(r"bulkhead: \[crash\] crashed: [^\r]+")
		machine.shell()
		_, restarts, end = machine.wait_state("crash", "off")
		assert restarts == 0 and end.startswith("crash: ")
		assert machine.row("ticker")[:2] == ("running", 0)
		machine.ask("start crash", "crash: starting")
		machine.wait_row("crash", lambda state, restarts, end: restarts == 1 and state == "off")


def test_crash_in_batch(tmp_path):
	run = batch(system(tmp_path, program("crash"), program("hello")))
	run.failed("crash")
	run.printed("hello")


def test_crash_again_and_again(tmp_path):
	"""restart = "on-failure": longer and longer between its starts, until the operator says stop."""
	description = system(tmp_path, program("crash", restart="on-failure"), ticker())
	with start(description, "--harts", 2) as machine:
		machine.shell()
		machine.wait_row("crash", lambda state, restarts, end:
				 restarts >= 4 and state == "waiting")
		machine.ask("stop crash", "crash: stopping")
		_, restarts, end = machine.wait_state("crash", "off")
		assert end.startswith("crash: ") and restarts < 20
		assert machine.row("ticker")[:2] == ("running", 0)


def test_not_on_failure(tmp_path):
	"""restart = "on-failure" does not mean that a VM which powers off comes again."""
	run = batch(system(tmp_path, program("hello", restart="on-failure")))
	run.succeeded()
	assert run.output.count("hello from a guest") == 1, run.explain("it was restarted")


# --- hostile guests --------------------------------------------------------------------------------

@each_engine
def test_hostile_beside_good_ones(host, tmp_path):
	description = system(tmp_path, program("hostile"), program("smp"),
			     linux("linux", "bulkhead.poweroff", vcpus=2))
	run = batch(description, "--harts", 4, *host)
	run.succeeded()
	run.printed("smp")
	assert "userspace on 2 CPUs" in "".join(run.lines("linux")), run.explain("no userspace")
	survived = [line for line in run.lines("hostile") if line.startswith("survived ")]
	assert len(survived) == 7, run.explain("the hostile guest did not come to its end")


@each_engine
@pytest.mark.parametrize("end", ["loop", "triple", "jump"])
def test_hostile_ends(end, host, tmp_path):
	"""It never ends by itself, on the hart of the others; they come to theirs all the same."""
	description = system(tmp_path, program("hostile", bootargs=f"hostile.end={end}"),
			     linux("linux", "bulkhead.poweroff", start="manual"))
	with start(description, "--harts", 1, *host) as machine:
		machine.expect(r"\[hostile\] done")
		machine.shell()
		machine.ask("start linux", "linux: starting")
		machine.key("o")
		machine.expect("userspace on 1 CPUs")
		machine.shell()
		state, _, why = machine.row("hostile")
		if state == "running":
			machine.ask("stop hostile", "hostile: stopping")
			assert machine.wait_state("hostile", "off")[2] == "stopped"
		else:
			assert re.match("crash: ", why), why
