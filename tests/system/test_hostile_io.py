"""Drivers that mean no good: the hypervisor and the other VMs live on, and end as they should."""

import pytest
from iolib import node, system, with_devices
from systemlib import batch, each_engine, guest, vm

LAN = node("lan")


def hostile(name, seed, rounds):
	devices = [node("disk", size="1M", queues=2), node("net", switch="lan", queues=2),
		node("console", pipe="between"), node("rng"), node("net-b", switch="lan")]
	return with_devices(vm(name, guest("virtio_hostile.elf"), memory="32M", vcpus=2,
			       bootargs=f"seed={seed} rounds={rounds}"), devices)


@each_engine
@pytest.mark.parametrize("seed", [1, 2])
def test_two_hostile_drivers(host, seed, tmp_path):
	"""They are on one switch, and at both ends of a pipe."""
	rounds = 2000 if host else 10000  # QEMU is slow at the classic engine's exits
	run = batch(system(tmp_path, hostile("one", seed, rounds), hostile("two", seed + 100, rounds),
			   switches=[LAN]), *host)
	run.succeeded()
	for name in ("one", "two"):
		assert any("done: " in line and " 0 failed" in line for line in run.lines(name)), \
			run.explain(f"{name} did not end well")


def test_64_vms_on_a_switch(tmp_path):
	"""As many as there can be; each floods all the others."""
	vms = [with_devices(vm(f"vm{n}", guest("virtio_hostile.elf"), memory="4M", vcpus=2,
			       bootargs=f"seed={n + 1} rounds=30"), [node("net", switch="lan")])
	       for n in range(64)]
	run = batch(system(tmp_path, *vms, switches=[LAN]))
	run.succeeded()
	for n in range(64):
		text = "".join(run.lines(f"vm{n}"))  # a line may be broken in two
		assert "done: " in text and " 0 failed" in text, run.explain(f"vm{n} did not end well")
