"""The benchmarks of disks and networks.

Each on bare QEMU (a loop device on tmpfs, the loopback network) and in VMs (a RAM disk, a switch
between two VMs on the same hart), in instructions of everybody.
"""
import machine
import reference
from machine import quoted

# The kernel tests its ciphers in the background for a while after userspace is there.
BOOT = "console=ttyS0 quiet cryptomgr.notests"

BARE = ("modprobe loop; mount -t tmpfs tmpfs /mnt;"
	" dd if=/dev/zero of=/mnt/disk bs=1M count=32 2>/dev/null; losetup /dev/loop0 /mnt/disk;"
	" bench-disk /dev/loop0; bench-network server & bench-network client 127.0.0.1; wait")

SYSTEM = """/dts-v1/;

/ {{
	compatible = "bulkhead,system";

	switches {{
		lan {{ }};
	}};

	vms {{
{vms}
	}};
}};
"""

VM = """		{name} {{
			memory = {memory};
			kernel = {kernel};
			initrd = {initrd};
			bootargs = {bootargs};

			{device}
		}};"""

DISK = 'disk { size = "32M"; };'
NET = 'net { switch = "lan"; };'


class Devices:
	"""Measures into kit.results["devices"]: for each engine {"bare": {}, "vm": {}}."""

	def __init__(self, kit):
		self.kit, self.bench = kit, kit.bench
		self.initramfs = self.bench.initramfs()
		self.results = kit.results["devices"]

	def bare(self, results, engine):
		cpu = machine.CPU if engine == "hext" else machine.CLASSIC_CPU
		output = self.bench.qemu(f"disk and network, bare QEMU for {engine}", "guest/Image",
			machine.LINUX_MEMORY, "-initrd", str(self.initramfs), "-append",
			f'{BOOT} bulkhead.exec="{BARE}"', cpu=cpu)
		results["bare"] = output.bench()

	def vm(self, name, device, command, ip=None):
		"""The node of a VM that runs a command."""
		address = f"bulkhead.ip={ip}/24 " if ip else ""
		arguments = f'{BOOT} bulkhead.name={name} {address}bulkhead.exec=\\"{command}\\"'
		return VM.format(name=name, device=device, memory=quoted(machine.LINUX_MEMORY),
			kernel=quoted(self.bench.build / "guest/Image"),
			initrd=quoted(self.initramfs), bootargs=quoted(arguments))

	def system(self, results, engine, title, *vms):
		path = self.bench.folder / "devices.dts"
		path.write_text(SYSTEM.format(vms="\n".join(vms)))
		options = ["--no-h"] if engine == "classic" else []
		output = self.bench.system(f"{title}, VM, {engine}", path, "--harts", "1", *options,
			qemu=machine.ICOUNT, timeout=600)
		results["vm"].update(output.bench())

	def disk(self, results, engine):
		self.system(results, engine, "disk", self.vm("disk", DISK, "bench-disk /dev/vda"))

	def network(self, results, engine):
		self.system(results, engine, "network",
			self.vm("server", NET, "bench-network server", "10.0.9.3"),
			self.vm("client", NET, "bench-network client 10.0.9.3", "10.0.9.4"))

	def run(self, engine):
		results = self.results[engine] = {"bare": {}, "vm": {}}
		for measure in (self.bare, self.disk, self.network):
			self.kit.attempt(measure, results, engine)
		for where, numbers in results.items():
			lost = [name for name in reference.DEVICES if name not in numbers]
			if lost:
				self.kit.failures.append(f"{engine}, {where}: no number for {', '.join(lost)}")
