"""The classic engine's section of the benchmarks: a machine without H, by firmware."""
import exits
import machine
import reference
from machine import Failure, quoted

BOOT = "console=ttyS0 quiet"
NO_H = ["--no-h"]


def empty_results():
	"""vm has an entry like bare's for each firmware, with `exits` besides."""
	return {"versions": {}, "bare": {"operations": {}, "work": {}, "boots": {}}, "vm": {}}


class Classic:
	"""Measures into kit.results["classic"]."""

	def __init__(self, kit):
		self.kit, self.bench = kit, kit.bench
		self.results = kit.results["classic"] = empty_results()
		self.initramfs = None

	def take(self, place, what, name, numbers):
		"""Notes the numbers of one run; one that is wanted and not there is a failure."""
		place[what] = numbers
		lost = [key for source, key, *_ in reference.CLASSIC if source == what and key not in numbers]
		if lost:
			self.kit.failures.append(f"{name}: no number for {', '.join(lost)}")

	# --- bare QEMU ------------------------------------------------------------------------

	def bare_guest(self, what):
		name = f"{what}, bare QEMU without H"
		output = self.bench.qemu(name, "guest/bench-ops.elf", "64M", cpu=machine.CLASSIC_CPU)
		self.take(self.results["bare"], what, name, output.bench())

	def bare_linux(self, title, arguments):
		name = f"{title}, bare QEMU without H"
		return name, self.bench.qemu(name, "guest/Image", machine.LINUX_MEMORY,
			"-initrd", str(self.initramfs), "-append", f"{BOOT} {arguments}",
			cpu=machine.CLASSIC_CPU)

	def bare_work(self):
		name, output = self.bare_linux("work", machine.WORK)
		self.take(self.results["bare"], "work", name, output.bench())

	def bare_boot(self):
		entry = self.bench.qemu("guest entry, bare QEMU without H", "guest/bench-entry.elf", "64M",
			cpu=machine.CLASSIC_CPU).bench()["entry"]
		name, output = self.bare_linux("Debian", machine.NOW)
		self.take(self.results["bare"], "boots", name, {"quiet": output.now(name) - entry})

	# --- in a VM, with one firmware -------------------------------------------------------

	def options(self, file):
		return NO_H if file is None else [*NO_H, "--firmware", str(self.bench.build / file)]

	def vm_guest(self, vm, title, options):
		"""Returns OpenSBI's version, None if the firmware is none."""
		name = f"operations, classic, {title}"
		output = self.bench.vm(name, {"memory": quoted("64M"),
			"kernel": quoted(self.bench.build / "guest/bench-ops.elf")}, *options)
		self.take(vm, "operations", name, output.bench())
		return output.find(r"^OpenSBI v(\S+)")

	def vm_linux(self, title, options, arguments, qemu=()):
		properties = {
			"memory": quoted(machine.LINUX_MEMORY),
			"kernel": quoted(self.bench.build / "guest/Image"),
			"initrd": quoted(self.initramfs),
			"bootargs": quoted(f"{BOOT} {arguments}"),
		}
		return self.bench.vm(title, properties, *options, qemu=qemu, timeout=900)

	def vm_work(self, vm, title, options):
		name = f"work, classic, {title}"
		self.take(vm, "work", name, self.vm_linux(name, options, machine.WORK).bench())

	def vm_boot(self, vm, title, options):
		name = f"Debian, classic, {title}"
		output = self.vm_linux(name, options, machine.NOW)
		self.take(vm, "boots", name, {"quiet": output.now(name)})

	def vm_exits(self, vm, title, options):
		"""One more boot, in which everything that is executed outside the guest is looked at."""
		name = f"exits of a boot, classic, {title}"
		functions = exits.Functions(self.bench.build / "bare/bulkhead.elf", machine.CROSS + "nm")
		kernel = (self.bench.build / "guest/Image").read_bytes()
		reader = exits.Reader(self.bench.folder / "exits.pipe", exits.Profile(functions, kernel))
		reader.start()
		try:
			self.vm_linux(name, options, machine.NOW, reader.qemu_arguments())
		finally:
			reader.end()
		vm["exits"] = reader.profile.results()
		if reader.error or not vm["exits"]:
			raise Failure(f"{name}: QEMU's log is not as expected: {reader.error}")

	def vm(self, key, title, file, quick):
		vm = self.results["vm"][key] = {"operations": {}, "work": {}, "boots": {}, "exits": {}}
		options = self.options(file)
		version = self.kit.attempt(self.vm_guest, vm, title, options)
		self.results["versions"][key] = version
		if not quick:
			self.kit.attempt(self.vm_boot, vm, title, options)
			self.kit.attempt(self.vm_work, vm, title, options)
		if not quick and key in reference.EXITS_WITH:
			self.kit.attempt(self.vm_exits, vm, title, options)

	def run(self, quick):
		self.kit.attempt(self.bare_guest, "operations")
		if not quick:
			self.initramfs = self.bench.initramfs()
			self.kit.attempt(self.bare_boot)
			self.kit.attempt(self.bare_work)
		for key, title, file, _ in reference.FIRMWARE:
			self.vm(key, title, file, quick)
