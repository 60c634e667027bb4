"""What is measured, what the others cost (measured earlier with the same kit), and the goals."""
import machine

COLUMNS = ["Bao", "Xvisor", "KVM"]

# Variants of the VM in which the operations run: key, title, options of `bulkhead run`,
# more properties, harts.
VARIANTS = [
	("default", "as it comes", [], {}, 1),
	("plain", "light path off", ["--append", "hide=light"], {}, 1),
	("hlvx", "htinst hidden", ["--append", "hide=htinst"], {}, 1),
	("no_sstc", "Sstc hidden", ["--append", "hide=sstc"], {}, 1),
	("dedicated", "dedicated hart", [], {"harts": "<1>", "dedicated": ""}, 2),
]

# Operation of bench/guest/ops.c: title, cost in Bao, Xvisor and KVM (None: not measured; a text
# stands for itself), goals as (variant, at most).
OPERATIONS = {
	"sbi_base": ("SBI base call", (254, 752, 945), [("default", 110)]),
	"sbi_probe": ("SBI call answered by the core's handler", (None, None, None), [("default", 220)]),
	"set_timer": ("SBI set_timer", (256, 773, 1086), [("default", 130)]),
	"rfence_self": ("remote fence to self", (3829, 4597, 1903), [("default", 220)]),
	"ipi_self": ("IPI to self, call to handler", (3936, 2461, 1510), [("default", 220)]),
	"uart_read": ("UART register read", (None, 1092, 3599), [("default", 240), ("hlvx", 290)]),
	"plic_read": ("PLIC register read", (284, 1078, 3570), [("default", 240)]),
	"uart_interrupt": ("UART interrupt, claimed and completed", (None, None, None),
		[("default", 700)]),
	"timer_after_wfi": ("timer after WFI, beyond the deadline", (None, 3582, 1050),
		[("default", 400)]),
	"first_touch": ("first touch of a page", (3, 15, "high"), [("default", 3)]),
}

# Further operations of the guest, without reference.
MORE_OPERATIONS = {
	"rfence_i_self": "remote FENCE.I to self",
	"uart_write": "UART register write",
	"uart_send": "UART byte sent in loopback",
	"timer_after_wfi_sbi": "timer after WFI, set by SBI call",
}

# Boots of Debian: key, title, kernel arguments, own instructions in Bao, Xvisor, KVM, goal.
BOOTS = [
	("quiet", "own instructions in a Debian boot, `quiet`", "console=ttyS0 quiet",
		("1.0 M (UART passed through)", "12.0 M", None), 800_000),
	("full", "own instructions in a Debian boot, full console", "console=ttyS0",
		(None, None, None), 6_000_000),
]
BOOT_PLOT = (1_000_000, 12_000_000, None)

# Sizes in bytes: key, title, Bao, Xvisor, KVM, goal.
SIZES = [
	("image", "hypervisor image", ("48 KiB", "767 KiB", None), 200 << 10),
	("memory", "memory besides guests' and the system image, 3 VMs", ("0.4 MiB", "17 MiB", None),
		2 << 20),
]

# --- disks and networks -----------------------------------------------------------------

# Number of bench/linux/disk.c or network.c: title, what KVM costs (and how many times bare that is;
# a text stands for itself), goal: at most so many times bare, or of a rate at least so much.
DEVICES = {
	"disk_read_4k": ("disk, read of 4 KiB", (59_000, 3.5), 1.6),
	"disk_read_64k": ("disk, read of 64 KiB", (96_000, 1.7), 1.2),
	"disk_write_4k": ("disk, write of 4 KiB", None, None),
	"disk_write_64k": ("disk, write of 64 KiB", (111_000, 2.0), 1.3),
	"tcp_ping_pong": ("TCP, a byte there and one back", (127_000, 3.3), 2.0),
	"tcp_stream": ("TCP stream to the server, MB/s at 1 GIPS", "235 to 379", 500),
	"tcp_stream_back": ("TCP stream from the server, MB/s at 1 GIPS", None, 500),
}
RATES = {"tcp_stream", "tcp_stream_back"}
# The goals are for machines with H.
ENGINES = [("hext", True), ("classic", False)]

# --- the classic engine, on a machine without H -----------------------------------------

# Firmware: key, title, file relative to the build folder (None: QEMU's own), whether it is ours,
# which has goals of its own.
FIRMWARE = [
	("opensbi", "QEMU's OpenSBI", None, False),
	("newest", "newest OpenSBI", machine.NEWEST_OPENSBI, False),
	("own", "bulkhead-fw", "bulkhead-fw.bin", True),
]

# With which of them the exits of a boot are looked at: it takes long, and newer firmware differs
# only in what it costs.
EXITS_WITH = ("opensbi", "own")

# What is measured where: in a boot, by bench/guest/ops.c, by bench/linux/work.c. Key, title, how it
# is shown (as it is, what the VM adds to bare QEMU, or how many times bare QEMU), at most with other
# firmware and with ours (None: no goal).
CLASSIC = [
	("boots", "quiet", "Debian boot to userspace, `quiet`", "times", 1.12, 1.04),
	("operations", "csr_first", "CSR access, the instruction met first", "cost", 700, 100),
	("operations", "csr_again", "CSR access, afterwards", "cost", 120, 100),
	("operations", "sbi_base", "SBI base call", "cost", 130, 130),
	("operations", "uart_read", "UART register read", "cost", 300, 300),
	("work", "null_call", "null system call (getppid), added", "added", 1500, 1000),
	("work", "pipe_round_trip", "pipe round trip between two processes", "times", 1.6, 1.4),
	("work", "page_touch", "page touch", "times", 1.5, 1.3),
	("work", "fork_exit", "fork, exit and wait", "times", 1.4, 1.25),
	("work", "fork_exec", "fork and exec of a small program", "times", 1.4, 1.25),
	("work", "compute", "computing in a process", "times", 1.03, 1.02),
	("work", "gzip", "gzip of 256 KiB", "times", 1.03, 1.02),
	("operations", "csr_read", "read of `sscratch`", "cost", None, None),
	("operations", "csr_write", "write of `sscratch`", "cost", None, None),
	("operations", "sie_set", "setting `sstatus.SIE`", "cost", None, None),
	("operations", "sie_clear", "clearing `sstatus.SIE`", "cost", None, None),
	("operations", "fence_page", "`sfence.vma` of a page", "cost", None, None),
	("operations", "fence_touch", "`sfence.vma` of a page, and a load from it", "cost", None, None),
	("operations", "satp_write", "write of `satp`, to the other of two spaces", "cost", None, None),
	("operations", "user_trip", "`sret` to U-mode and back by `ecall`", "cost", None, None),
	("operations", "sbi_probe", "SBI call answered by the core's handler", "cost", None, None),
	("operations", "set_timer", "SBI set_timer", "cost", None, None),
	("operations", "rfence_self", "remote fence to self", "cost", None, None),
	("operations", "ipi_self", "IPI to self, call to handler", "cost", None, None),
	("operations", "plic_read", "PLIC register read", "cost", None, None),
	("operations", "uart_interrupt", "UART interrupt, claimed and completed", "cost", None, None),
	("operations", "timer_after_wfi", "timer after WFI, beyond the deadline", "cost", None, None),
	("operations", "first_touch", "first touch of a page", "cost", None, None),
]
