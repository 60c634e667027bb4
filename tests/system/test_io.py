"""Disks, networks and the other devices of Linux VMs: what they carry is verified, restarts and
power cuts lose nothing, and what leaves the machine comes back."""

import re
import subprocess
import time

import pytest
from iolib import (MIB, Scripts, disk_make, free_port, gpt_make, node, noise, passed, said, sha256,
		   system, web_server)
from systemlib import LIMIT, batch, each_engine, shipped, start

# Verifies what it wrote; the rest of the command says where and how.
VERIFY = ("fio --direct=1 --ioengine=io_uring --iodepth=16 --verify=crc32c --verify_fatal=1"
	  " --output=/tmp/fio.log --name=verify")

FUNCTIONS = f"""
verify() {{
	{VERIFY} "$@" || {{ tail -n 20 /tmp/fio.log; die "fio $*"; }}
}}
# A program's server is there, until stop_serving of the other side.
serve_until_told() {{
	iperf3 -s -D
	nc -l -p 7000 >/dev/null
}}
stop_serving() {{
	echo end | nc "$1" 7000
}}
reached() {{
	ping -c 1 -W 1 "$1" >/dev/null
}}
speed() {{
	iperf3 -f k "$@" | sed -n 's/.* \\([0-9.]*\\) Kbits.*receiver/speed: \\1/p'
}}
"""

LAN = node("lan")
UPLINK = node("lan", uplink="0")
ON_LAN = node("net", switch="lan")


class IoScripts(Scripts):
	def linux(self, name, text, *devices, **properties):
		return super().linux(name, FUNCTIONS + text, *devices, **properties)


@pytest.fixture
def scripts(tmp_path):
	return IoScripts(tmp_path)


# --- disks ------------------------------------------------------------------------------------

@each_engine
def test_ram_disk(host, scripts, tmp_path):
	"""An empty one: sizes of all kinds, several requests and queues at a time, a file system."""
	text = """
	[ "$(cat /sys/block/vda/serial)" = scratch ]
	[ "$(blockdev --getsize64 /dev/vda)" = 50331648 ]
	[ "$(ls /sys/block/vda/mq | wc -l)" = 2 ]
	cmp -n 1048576 /dev/vda /dev/zero
	verify --filename=/dev/vda --rw=write --bs=128k --size=32M
	verify --filename=/dev/vda --rw=write --bs=512-64k --size=8M
	verify --filename=/dev/vda --rw=randwrite --bs=4k --size=8M --numjobs=2 --offset_increment=16M
	blkdiscard /dev/vda
	/usr/sbin/mke2fs -qF -t ext4 /dev/vda
	mount /dev/vda /mnt
	verify --directory=/mnt --rw=randrw --bs=16k --size=12M --fsync=16
	umount /mnt
	/usr/sbin/e2fsck -fn /dev/vda
	"""
	disk = node("disk", size="48M", serial="scratch", queues=2)
	run = batch(system(tmp_path, scripts.linux("linux", text, disk, vcpus=2)), *host)
	passed(run, "linux")


@each_engine
def test_file_disks(host, scripts, tmp_path):
	"""A private copy of a file, fresh at each start; a read-only disk that two VMs share."""
	data = noise(6 * MIB)
	disk_make(tmp_path / "data.img", len(data), data)
	text = """
	echo "copy: $(sha256sum </dev/vda)"
	echo "shared: $(sha256sum </dev/vdb)"
	dd if=/dev/urandom of=/dev/vda bs=64k count=96 conv=fsync 2>/dev/null
	[ "$(cat /sys/block/vdb/ro)" = 1 ]
	if dd if=/dev/zero of=/dev/vdb bs=4k count=1 conv=fsync 2>/dev/null; then die "written"; fi
	"""
	disks = [node("disk", file=tmp_path / "data.img"),
		 node("disk-shared", file=tmp_path / "data.img", read_only=True)]
	description = system(tmp_path, scripts.linux("first", text + "poweroff -f", *disks),
			     scripts.linux("second", text + "reboot -f", *disks))
	wanted = sha256(data)
	with start(description, "--harts", 2, *host) as machine:
		machine.expect(f"first\\S* copy: {wanted}")
		for _ in range(2):
			machine.expect(f"second\\S* copy: {wanted}")
			machine.expect(f"second\\S* shared: {wanted}")
	assert (tmp_path / "data.img").read_bytes() == data


@each_engine
def test_host_disk(host, scripts, tmp_path):
	"""A file survives a reboot of the guest, and the end of the machine."""
	image = disk_make(tmp_path / "disk.img", 64 * MIB)
	text = """
	if cmp -s -n 65536 /dev/vda /dev/zero; then
		verify --filename=/dev/vda --rw=randwrite --bs=16k --size=8M
		/usr/sbin/mke2fs -qF -t ext4 /dev/vda
		mount /dev/vda /mnt
		dd if=/dev/urandom of=/mnt/data bs=64k count=160 2>/dev/null
		sha256sum /mnt/data >/mnt/sum
		sync
		echo "boot: first"
		reboot -f
	fi
	mount /dev/vda /mnt
	sha256sum -c /mnt/sum
	umount /mnt
	/usr/sbin/e2fsck -fn /dev/vda
	"""
	description = system(tmp_path, scripts.linux("linux", text, node("disk", host_disk="data")))
	for _ in range(2):
		run = batch(description, "--disk", f"{image},serial=data", *host)
		passed(run, "linux")
		run.has("/mnt/data: OK")
	run.has_not("boot: first")


@each_engine
def test_power_cut(host, scripts, tmp_path):
	"""What the guest was told to be on the disk is there when QEMU is killed."""
	image = disk_make(tmp_path / "disk.img", 16 * MIB)
	text = """
	i=0
	while :; do
		i=$((i + 1))
		printf '%08d' $i | dd of=/dev/vda bs=4096 seek=$i conv=fsync,notrunc,sync 2>/dev/null
		echo "written: $i."
	done
	"""
	description = system(tmp_path, scripts.linux("linux", text, node("disk", host_disk="0")))
	with start(description, "--disk", image, *host) as machine:
		machine.expect(r"written: 150\.")
	last = int(re.findall(r"written: (\d+)\.", machine.seen)[-1])
	data = image.read_bytes()
	lost = [i for i in range(1, last + 1) if data[4096 * i:4096 * i + 8] != b"%08d" % i]
	assert last >= 150 and not lost, f"of {last} blocks these are not there: {lost}"


def test_parts_of_a_host_disk(scripts, tmp_path):
	"""Partitions by name and by number, a range of bytes; nothing else is touched."""
	image = gpt_make(tmp_path / "disk.img", 32 * MIB, ("boot", MIB, 2 * MIB),
			 ("root", 4 * MIB, 8 * MIB))
	pattern = noise(15 * MIB)
	with open(image, "r+b") as file:
		file.seek(MIB)
		file.write(pattern)
	before = image.read_bytes()
	text = """
	echo "boot: $(sha256sum </dev/vda)"
	[ "$(blockdev --getsize64 /dev/vdb)" = 8388608 ]
	verify --filename=/dev/vdb --rw=randwrite --bs=16k --size=8M
	dd if=/dev/zero of=/dev/vdb bs=64k conv=fsync 2>/dev/null || :
	echo "range: $(sha256sum </dev/vdc)"
	"""
	description = system(tmp_path, scripts.linux("linux", text,
		node("disk-boot", host_disk="data", partition="1", read_only=True),
		node("disk-root", host_disk="data", partition="root"),
		node("disk-range", host_disk="data", offset="13M", size="1M", read_only=True)))
	run = batch(description, "--disk", f"{image},serial=data")
	passed(run, "linux")
	assert said(run, "linux", "boot: (.{64})") == sha256(before[MIB:3 * MIB])
	assert said(run, "linux", "range: (.{64})") == sha256(before[13 * MIB:14 * MIB])
	after = image.read_bytes()
	assert after[4 * MIB:12 * MIB] == bytes(8 * MIB)
	assert after[:4 * MIB] == before[:4 * MIB] and after[12 * MIB:] == before[12 * MIB:]


def test_missing_disk(scripts, tmp_path):
	"""A disk that is described and not given: the message says what to add."""
	description = system(tmp_path, scripts.linux("linux", "", node("disk", host_disk="data")))
	run = batch(description)
	assert run.status and "--disk" in run.output and "serial=data" in run.output, run.explain("?")


# --- networks -----------------------------------------------------------------------------------

@each_engine
def test_two_vms(host, scripts, tmp_path):
	"""TCP both ways and UDP; large packets stay large."""
	server = scripts.linux("server", "serve_until_told", ON_LAN, bootargs="bulkhead.ip=10.0.9.3/24")
	text = """
	# virtio 1.3, 5.1.3: checksums, large TCP segments in and out, merged buffers
	features=$(cat /sys/class/net/eth0/device/features)
	for bit in 0 1 7 11 15; do
		[ "$(expr substr "$features" $((bit + 1)) 1)" = 1 ] || die "no feature $bit"
	done
	until_good reached 10.0.9.3
	ping -c 20 -i 0.1 -s 1400 10.0.9.3 | grep ' 0% packet loss'
	speed -c 10.0.9.3 -t 3
	speed -c 10.0.9.3 -t 3 -R
	speed -c 10.0.9.3 -t 2 -u -b 20M
	stop_serving 10.0.9.3
	"""
	client = scripts.linux("client", text, ON_LAN, bootargs="bulkhead.ip=10.0.9.4/24")
	run = batch(system(tmp_path, server, client, switches=[LAN]), "--harts", 2, *host)
	passed(run, "server", "client")
	speeds = [float(s) for s in re.findall(r"speed: ([\d.]+)", run.output)]
	assert len(speeds) == 3 and min(speeds) > 1000, run.explain(f"Kbits/s: {speeds}")


def test_switch_rules(scripts, tmp_path):
	"""VLANs, isolated ports, and a rate."""
	def devices(vlan, **more):
		return [node("net-vlan", switch="vlans", vlan=vlan), node("net", switch="lan", **more)]

	def addresses(n):
		return f"ip link set eth1 up; ip address add 10.0.8.{n}/24 dev eth1\n"

	first = scripts.linux("first", addresses(1) + "serve_until_told", *devices(5, isolated=True),
			      bootargs="bulkhead.ip=10.0.7.1/24")
	text = addresses(3) + """
	until_good reached 10.0.8.1
	reached 10.0.7.1 && die "another VLAN is reached"
	speed -c 10.0.8.1 -t 4
	stop_serving 10.0.8.1
	"""
	third = scripts.linux("third", text, *devices(6, rate="1M"), bootargs="bulkhead.ip=10.0.7.3/24")
	text = addresses(2) + """
	until_good reached 10.0.7.1
	until_good reached 10.0.8.3
	reached 10.0.8.1 && die "isolated ports reach each other"
	"""
	second = scripts.linux("second", text, *devices(5, isolated=True),
			       bootargs="bulkhead.ip=10.0.7.2/24")
	run = batch(system(tmp_path, first, second, third, switches=[node("vlans"), LAN]), "--harts", 2)
	passed(run, "first", "second", "third")
	speed = float(re.search(r"speed: ([\d.]+)", run.output)[1])
	assert 2000 < speed < 11000, run.explain(f"{speed} Kbits/s at a rate of 8389")


@each_engine
def test_uplink(host, scripts, tmp_path):
	"""Out through the machine's NIC: an address from there, a file from this machine, and back."""
	data = noise(3 * MIB)
	folder = tmp_path / "web"
	folder.mkdir()
	(folder / "data").write_bytes(data)
	with web_server(folder) as port:
		text = f"""
		echo "address: $(ip -4 -o address show eth0)"
		echo "sum: $(wget -q -O - http://10.0.2.2:{port}/data | sha256sum)"
		"""
		description = system(tmp_path,
			scripts.linux("fixed", text, ON_LAN, bootargs="bulkhead.ip=10.0.2.101/24"),
			scripts.linux("dhcp", text, ON_LAN, bootargs="bulkhead.ip=dhcp"),
			switches=[UPLINK])
		run = batch(description, "--harts", 2, *host)
	passed(run, "fixed", "dhcp")
	assert said(run, "fixed", "address: .*?inet ([0-9./]+)") == "10.0.2.101/24"
	assert said(run, "dhcp", "address: .*?inet ([0-9./]+)").startswith("10.0.2.")
	for name in ("fixed", "dhcp"):
		assert said(run, name, "sum: (.{64})") == sha256(data), run.explain(f"{name}: sum")


@each_engine
def test_forward(host, scripts, tmp_path):
	"""ssh into a VM through a forwarded port."""
	text = """
	mkdir /etc/dropbear
	dropbear -RB
	echo "ssh: there"
	sleep 1000
	"""
	description = system(tmp_path, scripts.linux("linux", text, ON_LAN), switches=[UPLINK])
	port = free_port()
	ssh = ["ssh", "-p", str(port), "-o", "StrictHostKeyChecking=no", "-o",
	       "UserKnownHostsFile=/dev/null", "-o", "PreferredAuthentications=none",
	       "-o", "ConnectTimeout=60", "root@127.0.0.1"]
	data = noise(200000)
	with start(description, "--forward", f"{port}:linux:22", *host) as machine:
		machine.expect("ssh: there")
		done = subprocess.run([*ssh, "hostname; sha256sum"], input=data, capture_output=True,
				      timeout=LIMIT)
	assert done.returncode == 0, done.stderr
	assert done.stdout.decode().split()[:2] == ["linux", sha256(data)]


@each_engine
def test_many_devices(host, scripts, tmp_path):
	"""Three disks and two networks on one VM, in the description's order, all at work at once."""
	image = disk_make(tmp_path / "disk.img", 16 * MIB)
	near = [node("net", switch="lan", mac="52:54:00:00:00:01"),
		node("net-b", switch="other", mac="52:54:00:00:00:02", queues=2),
		node("disk-a", size="16M"), node("disk-b", size="16M"), node("disk-c", host_disk="0"),
		node("rng")]
	text = """
	ip link set eth1 up
	ip address add 10.0.8.3/24 dev eth1
	for disk in vda:disk-a vdb:disk-b; do
		[ "$(cat /sys/block/${disk%:*}/serial)" = "${disk#*:}" ]
	done
	for n in 0 1; do
		[ "$(cat /sys/class/net/eth$n/address)" = 52:54:00:00:00:0$((n + 1)) ]
	done
	[ "$(dd if=/dev/hwrng bs=64 count=1 iflag=fullblock 2>/dev/null | wc -c)" = 64 ]
	until_good reached 10.0.9.4
	until_good reached 10.0.8.4
	iperf3 -c 10.0.9.4 -t 4 >/tmp/first &
	first=$!
	iperf3 -c 10.0.8.4 -p 5202 -t 4 -R >/tmp/second &
	second=$!
	for disk in vda vdb vdc; do
		verify --output=/tmp/$disk.log --rw=randwrite --bs=16k --size=12M --filename=/dev/$disk &
		jobs="${jobs:-} $!"
	done
	for job in $jobs; do
		wait $job
	done
	wait $first
	wait $second
	stop_serving 10.0.9.4
	"""
	linux = scripts.linux("linux", text, *near, vcpus=2, bootargs="bulkhead.ip=10.0.9.3/24")
	text = """
	ip link set eth1 up
	ip address add 10.0.8.4/24 dev eth1
	iperf3 -s -D -p 5202
	serve_until_told
	"""
	peer = scripts.linux("peer", text, ON_LAN, node("net-b", switch="other"),
			     bootargs="bulkhead.ip=10.0.9.4/24")
	description = system(tmp_path, linux, peer, switches=[LAN, node("other")])
	passed(batch(description, "--disk", image, "--harts", 2, *host), "linux", "peer")


def at_work(machine):
	"""Both VMs have done something since this was asked; the shell is left and entered again."""
	machine.key("o")
	for name in ("left", "right"):
		machine.expect(rf"\[{name}\] rounds: \d*[1-9]\.")
	machine.shell()


def stopped(machine):
	"""Stops both VMs: the memory that is free then."""
	machine.ask("stop left right", "stopping")
	machine.wait_state("left", "off")
	machine.wait_state("right", "off")
	return machine.free_memory()


@each_engine
def test_restarts_under_load(host, scripts, tmp_path):
	"""Disks and networks are at work whenever a VM is restarted; in the end no memory is lost."""
	image = disk_make(tmp_path / "disk.img", 32 * MIB)
	text = """
	iperf3 -s -D
	(while :; do iperf3 -c $PEER -t 1 >/dev/null 2>&1 || sleep 0.2; done) &
	(while :; do verify --filename=/dev/vdb --rw=randrw --bs=16k --size=1M; done) &
	n=0
	while :; do
		verify --filename=/dev/vda --rw=randrw --bs=16k --size=1M
		n=$((n + 1))
		echo "rounds: $n."
	done
	"""
	devices = [ON_LAN, node("disk", size="16M")]
	left = scripts.linux("left", "PEER=10.0.9.4" + text, *devices, node("disk-b", host_disk="0"),
			     bootargs="bulkhead.ip=10.0.9.3/24")
	right = scripts.linux("right", "PEER=10.0.9.3" + text, *devices, node("disk-b", size="16M"),
			      bootargs="bulkhead.ip=10.0.9.4/24")
	description = system(tmp_path, left, right, switches=[LAN])
	with start(description, "--disk", image, "--harts", 2, *host) as machine:
		for victim in ("left", "right", "right", "left"):
			at_work(machine)
			machine.ask(f"restart {victim}", "restarting")
		before = stopped(machine)
		machine.ask("start left right", "starting")
		at_work(machine)
		after = stopped(machine)
		failed = re.search(r"script: [^\r]*", machine.seen)
	assert not failed, failed[0]
	assert before == after, f"free: {before} KiB, then {after} KiB"


# --- other devices -------------------------------------------------------------------------------

@each_engine
def test_consoles_and_shared_memory(host, scripts, tmp_path):
	"""A pipe between two VMs, a console of the operator's, memory that both have."""
	setup = """
	pipe=$(grep -l frames /sys/class/virtio-ports/*/name | head -n 1)
	exec 3<>/dev/$(basename "$(dirname "$pipe")")
	# There is nothing to read, not even later, while the other end is not open.
	hear() {
		until read -r line <&3; do
			sleep 0.1
		done
		[ "$line" = "$1" ] || die "heard $line"
	}
	# The registers first, then the memory: an address and a size of 64 bits each
	memory=$(cat /proc/device-tree/soc/shared@*/reg | tail -c 16 | head -c 8 | xxd -p)
	"""
	text = setup + """
	devmem 0x$memory 32 0x12345678
	echo 'over the pipe' >&3
	hear 'back again'
	[ "$(devmem $((0x$memory + 4)) 32)" = 0x87654321 ]
	"""
	a = scripts.linux("a", text, node("console-frames", pipe="frames"), node("shared", memory="ring"))
	text = setup + """
	hear 'over the pipe'
	[ "$(devmem 0x$memory 32)" = 0x12345678 ]
	devmem $((0x$memory + 4)) 32 0x87654321
	echo 'back again' >&3
	"""
	b = scripts.linux("b", text, node("console-frames", pipe="frames"), node("shared", memory="ring"))
	# The operator's console is this one then, not the UART.
	c = scripts.linux("c", "echo 'hello, operator' >/dev/hvc0", node("console", port="operator"))
	description = system(tmp_path, a, b, c, shared=[node("ring", size="64K")])
	run = batch(description, "--harts", 2, *host)
	passed(run, "a", "b")
	assert "hello, operator" in "".join(run.lines("c")), run.explain("c said nothing")


@each_engine
def test_passthrough(host, scripts, tmp_path):
	"""The machine's clock for one VM, which has its own as well."""
	text = """
	clock=$(grep -L ' 101000' /sys/class/rtc/*/name)
	clock=$(dirname "$clock")
	echo "date: $(cat $clock/date)"
	grep "$(sed 's/.* //' $clock/name)" /proc/interrupts
	hwclock -r -f /dev/$(basename $clock)
	"""
	run = batch(system(tmp_path, scripts.linux("linux", text, passthrough="/soc/rtc@101000")),
		    *host, qemu=["-rtc", "base=2031-05-06"])
	passed(run, "linux")
	assert said(run, "linux", "date: ([0-9-]+)") == "2031-05-06"


@pytest.mark.parametrize("path, why", [
	("/soc/pci@30000000", "DMA"), ("/soc/nothing", "no"), ("/soc/serial@10000000", "console"),
], ids=["dma", "nothing", "serial"])
def test_passthrough_refused(path, why, scripts, tmp_path):
	run = batch(system(tmp_path, scripts.linux("linux", "", passthrough=path)))
	run.failed(".*")
	run.has(f"/vms/linux/passthrough: {path}: .*{why}")


# --- the descriptions that are shipped ---------------------------------------------------------

@pytest.mark.parametrize("description, names", [("network", ["left", "right"]),
						("shared", ["writer", "reader"])])
def test_descriptions(description, names, tmp_path):
	run = batch(shipped(tmp_path, description))
	run.succeeded()
	for name in names:
		assert "userspace on" in "".join(run.lines(name)), run.explain(name)


def test_disk_description(tmp_path):
	"""Typed at: a file is there again after a reboot."""
	image = disk_make(tmp_path / "data.img", 16 * MIB)
	with start(shipped(tmp_path, "disk"), "--disk", f"{image},serial=data") as machine:
		machine.view(1, "keeper")
		machine.expect("keeper:~# ")
		machine.send("echo remember >/mnt/file; sync; reboot -f\r")
		machine.expect(r"\[keeper\] reboots")
		machine.expect("keeper:~# ")
		machine.send("cat /mnt/file\r")
		machine.expect(r"\nremember\r")
