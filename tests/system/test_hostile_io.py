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
