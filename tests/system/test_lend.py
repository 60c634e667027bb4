"""What a VM is lent: a device of the host for itself; and its consoles and random numbers."""

import time

import pytest
from iolib import Scripts, node, passed, said, system
from systemlib import batch, each_engine, guest, linux, program, start, vm

RTC = "/soc/rtc@101000"

# The guest machine has an RTC of its own where the host has it, so the host's is elsewhere.
FIND_RTC = """
for rtc in /sys/class/rtc/rtc*; do
	device=$(basename "$(readlink -f $rtc/device)")
	[ "$device" = 101000.rtc ] || break
done
[ "$device" != 101000.rtc ]
[ -c /dev/${rtc##*/} ]
alarms() {
	awk -v device="$device" '$NF == device { print $2 }' /proc/interrupts
}
more_alarms() {
	[ "$(alarms)" -gt $1 ]
}
# In nanoseconds, high words first where they are written, low words where they are read; the
# driver answers the interrupt. (It has no wakealarm, as it takes no wake-ups.)
register() {
	devmem $((0x${device%.rtc} + $1)) 32 ${2:+$(($2 & 0xffffffff))}
}
alarm_in() {
	now=$(($(register 0) | $(register 4) << 32))
	alarm=$((now + $1 * 1000000000))
	register 12 $((alarm >> 32))
	register 8 $alarm
	register 16 1
}
"""


@pytest.fixture
def scripts(tmp_path):
	return Scripts(tmp_path)


# --- a device of the host ------------------------------------------------------------------------

@each_engine
def test_rtc(host, scripts, tmp_path):
	"""The host's real-time clock: its registers, and its interrupt again and again."""
	text = FIND_RTC + """
	echo "time: $(cat $rtc/since_epoch)."
	for round in 1 2 3; do
		before=$(alarms)
		set_at=$(cat $rtc/since_epoch)
		alarm_in 2
		until_good more_alarms $before
		[ "$(cat $rtc/since_epoch)" -ge $((set_at + 2)) ]
	done
	"""
	run = batch(system(tmp_path, scripts.linux("linux", text, passthrough=RTC,
						   bootargs="iomem=relaxed")), *host)
	passed(run, "linux")
	assert abs(int(said(run, "linux", r"time: (\d+)\.")) - time.time()) < 300


@each_engine
def test_rtc_after_restart(host, scripts, tmp_path):
	"""An alarm that goes off while the VM is being restarted waits for it; later ones come too."""
	text = FIND_RTC + """
	[ "$(register 16)" = 0x00000000 ] || until_good more_alarms 0
	before=$(alarms)
	alarm_in 1
	until_good more_alarms $before
	echo "alarms: $before $(alarms)."
	alarm_in 4
	reboot -f
	"""
	description = system(tmp_path, scripts.linux("linux", text, passthrough=RTC,
						     bootargs="iomem=relaxed"))
	with start(description, *host) as machine:
		machine.expect(r"alarms: 0 1\.")
		machine.expect(r"alarms: 1 2\.")
		machine.expect(r"alarms: 1 2\.")
		machine.shell()
		machine.ask("stop linux", "stopping")
		machine.wait_state("linux", "off")
		time.sleep(4)
		machine.ask("start linux", "starting")
		machine.key("o")
		machine.expect(r"alarms: 1 2\.")
		assert "script:" not in machine.seen


# --- what is refused -----------------------------------------------------------------------------

def refused(tmp_path, path, *options, qemu=(), **properties):
	description = system(tmp_path, program("hello", passthrough=path, **properties))
	run = batch(description, *options, qemu=qemu)
	run.failed("the system did not start")
	return run.output


@pytest.mark.parametrize("path, why", [
	("/soc/rtx@101000", "the host's device tree has no such node"),
	("/soc/plic@c000000", "the hypervisor needs this device itself"),
	("/soc/virtio_mmio@10001000", "the hypervisor needs this device itself"),
	("/soc/clint@2000000", "the hypervisor needs this device itself"),
	("/soc/serial@10000000", "the hypervisor's console is there; console=sbi in its boot arguments "
	 "frees it"),
	("/fw-cfg@10100000", "it may do DMA, which nothing confines on this machine: add "
	 "dma-unconfined; to let it reach all memory"),
	("/soc/pci@30000000", "it may do DMA, which nothing confines on this machine: add "
	 "dma-unconfined; to let it reach all memory"),
	("/memory@80000000", "it is memory, and no device"),
	("/cpus", "it has no registers that could be mapped"),
])
def test_refused(path, why, tmp_path):
	assert f"system.dtb: /vms/hello/passthrough: {path}: {why}" in refused(tmp_path, path)


def test_given_twice(tmp_path):
	"""By one name, which is seen before the start, and by another one."""
	def twice(path):
		return batch(system(tmp_path, program("hello", passthrough=RTC),
				    program("hello", "other", passthrough=path)))

	run = twice(RTC)
	assert run.status == 1
	run.has(f'/vms/other/passthrough: "{RTC}" is given to the VM "hello" already')
	run = twice("/soc/rtc")
	run.failed("the system did not start")
	run.has("/vms/other/passthrough: /soc/rtc: it is given away already")


@each_engine
def test_uart_without_console(host, tmp_path):
	"""With the firmware's console the UART is free for a VM."""
	uart = "/soc/serial@10000000"
	run = batch(system(tmp_path, program("hello", passthrough=uart)), "--append", "console=sbi", *host)
	run.succeeded()
	run.printed("hello")


@each_engine
def test_dma_unconfined(host, scripts, tmp_path):
	"""A device that may do DMA is given to a VM that is trusted: QEMU's configuration interface."""
	text = """
	at=$(head -c 8 /proc/device-tree/soc/fw-cfg@*/reg | xxd -p)
	# The selector, whose byte order is the other one: entry 0 is a signature.
	devmem $((0x$at + 8)) 16 0
	echo "signature: $(for n in 1 2 3 4; do devmem 0x$at 8; done | tr '\\n' ' ')"
	"""
	run = batch(system(tmp_path, scripts.linux("linux", text, passthrough="/fw-cfg@10100000",
						   dma_unconfined=True)), *host)
	passed(run, "linux")
	assert said(run, "linux", "signature: ([0-9A-Fx ]*)").split() == ["0x51", "0x45", "0x4D", "0x55"]


# --- consoles -------------------------------------------------------------------------------------

PIPE = """
port=$(grep -l wire /sys/class/virtio-ports/*/name)
# It stays open: what has come to an end that closes is lost. Reading ends, with nothing read,
# while the other end is not open.
exec 3<>/dev/$(basename "${port%/name}")
hear() {
	until read -r line <&3; do
		sleep 0.1
	done
	echo "$line"
}
closed() {
	! read -r line <&3
}
"""


@each_engine
def test_pipe(host, scripts, tmp_path):
	"""Words there and back, and a file, which is larger than what is under way."""
	text = PIPE + """
	echo "first line" >&3
	[ "$(hear)" = answer ]
	dd if=/dev/urandom of=/tmp/data bs=1k count=700 2>/dev/null
	cat /tmp/data >&3
	echo "sum: $(sha256sum </tmp/data)"
	[ "$(hear)" = "all there" ]
	"""
	writer = scripts.linux("writer", text, node("console-wire", pipe="wire"))
	text = PIPE + """
	[ "$(hear)" = "first line" ]
	echo answer >&3
	head -c 716800 <&3 >/tmp/data
	echo "sum: $(sha256sum </tmp/data)"
	echo "all there" >&3
	# Not gone before that is.
	until_good closed
	"""
	reader = scripts.linux("reader", text, node("console-wire", pipe="wire"))
	run = batch(system(tmp_path, writer, reader), "--harts", 2, *host)
	passed(run, "writer", "reader")
	assert said(run, "writer", "sum: (.{64})") == said(run, "reader", "sum: (.{64})")


@each_engine
def test_pipe_after_restart(host, scripts, tmp_path):
	"""A writer goes on when the reader is there again; a write that waits is no harm meanwhile."""
	text = PIPE + """
	n=0
	while :; do
		n=$((n + 1))
		echo "line $n" >&3
	done
	"""
	writer = scripts.linux("writer", text, node("console-wire", pipe="wire"))
	text = PIPE + """
	echo "heard: $(hear)."
	reboot -f
	"""
	reader = scripts.linux("reader", text, node("console-wire", pipe="wire"))
	with start(system(tmp_path, writer, reader), "--harts", 2, *host) as machine:
		for _ in range(2):
			machine.expect(r"heard: line \d+\.")
		machine.shell()
		machine.ask("restart writer", "restarting")
		machine.key("o")
		machine.expect(r"\[writer\] bulkhead-guest: userspace")
		machine.expect(r"heard: line \d+\.")
		assert "script:" not in machine.seen


@each_engine
def test_operator_console(host, tmp_path):
	"""The VM's shell is on hvc0, and the UART leads nowhere."""
	description = system(tmp_path, linux("linux").replace("ttyS0", "hvc0").replace("\t\t};",
		'\t\t\tconsole { port = "operator"; };\n\t\t};'))
	with start(description, *host) as machine:
		machine.view(1, "linux")
		machine.expect("linux:~# ")
		machine.send("tty; stty size; echo $((6 * 7)) >/dev/ttyS0\r")
		machine.expect(r"\n/dev/hvc0\r")
		machine.expect("linux:~# ")
		machine.send("poweroff -f\r")
		machine.expect(r"\[linux\] powered off")
		assert "\n42" not in machine.seen


# --- random numbers -------------------------------------------------------------------------------

@each_engine
def test_rng(host, scripts, tmp_path):
	"""Two VMs read from theirs, and never the same."""
	text = """
	[ "$(cat /sys/class/misc/hw_random/rng_current)" = virtio_rng.0 ]
	dd if=/dev/hwrng of=/tmp/random bs=4096 count=16 iflag=fullblock 2>/dev/null
	[ "$(stat -c %s /tmp/random)" = 65536 ]
	# What is random does not compress.
	[ "$(gzip </tmp/random | wc -c)" -gt 65536 ]
	echo "sum: $(sha256sum </tmp/random)"
	"""
	run = batch(system(tmp_path, scripts.linux("a", text, node("rng")),
			   scripts.linux("b", text, node("rng"))), *host)
	passed(run, "a", "b")
	assert said(run, "a", "sum: (.{64})") != said(run, "b", "sum: (.{64})")
