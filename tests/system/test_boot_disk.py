"""A VM that boots from its disk as a computer does: U-Boot, GRUB, a kernel and a root file system
that are all on the disk."""

import shutil

import pytest
from systemlib import each_engine, guest, shipped, start


@pytest.fixture
def image(tmp_path):
	return shutil.copy(guest("boot-disk.img"), tmp_path / "disk.img")


def boots(machine):
	"""From the firmware to a shell on the disk's root."""
	machine.expect("U-Boot 20")
	machine.expect("Booting: virtio 0")
	machine.expect("GNU GRUB")
	machine.expect("bulkhead-guest: userspace on 1 CPUs, 256 MiB")
	machine.expect("disk:~# ")


def asked(machine, command, answer):
	machine.send(command + "\r")
	machine.expect(rf"\n{answer}\r")
	machine.expect("disk:~# ")


@each_engine
def test_boot_disk(host, image, tmp_path):
	"""A file is there after the guest's reboot, and after the machine's end."""
	description = shipped(tmp_path, "boot-disk")
	with start(description, "--disk", f"{image},serial=boot", *host) as machine:
		machine.view(1, "computer")
		boots(machine)
		asked(machine, "grep -c ' / ext4 ' /proc/mounts", "1")
		asked(machine, "echo kept >/root/file; sync; echo $?", "0")
		machine.send("reboot -f\r")
		boots(machine)
		asked(machine, "cat /root/file", "kept")
		machine.send("echo 'kept again' >>/root/file; sync; poweroff -f\r")
		machine.expect(r"\[computer\] powered off")
	text = image.read_bytes()
	assert b"kept\nkept again\n" in text


def test_private_copy(tmp_path):
	"""The same disk as a file of the system image: each boot finds it fresh."""
	def change(text):
		return text.replace('host-disk = "boot"', f'file = "{guest("boot-disk.img")}"')

	with start(shipped(tmp_path, "boot-disk", change)) as machine:
		machine.view(1, "computer")
		boots(machine)
		asked(machine, "echo lost >/root/file; sync; ls /root", "file")
		machine.send("reboot -f\r")
		boots(machine)
		asked(machine, "ls -A /root | grep -c file", "0")
